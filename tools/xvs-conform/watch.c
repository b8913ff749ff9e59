/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/watch.c - each call goes through here: noted, looked at before and after, passed on.
 *
 * The extension's own 'self' is passed through as it is, so that callbacks that the host makes by other
 * ways (timers, mail, tasks) need no watching to be right.
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/str.h"
#include "dispatch.h"
#include "lend.h"
#include "memory.h"
#include "promise.h"
#include "watch_part.h"

enum { PORTS_MOST = 64, TIMED_MOST = 24, ERRNO_MOST = 4095, TIMED_LEAST = 3 };

static struct watch_record unshared;
struct watch_record *watch_record = &unshared;

static struct {
	struct extension real, shim;
	unsigned what;
	const struct xvs_host *host; /* the last instance's */
	const void *(*query)(const struct xvs_host *h, const char *id);
	void (*defer)(const struct xvs_host *h, void (*fn)(void *arg), void *arg);
	struct xvs_flow_host flow_host, flow_host_shim;
	const char *asked[ASKED_MAX];
	size_t asked_count;
	const char *refused;
	struct watch_port ports[PORTS_MOST];
	size_t port_count;
	struct timing {
		const char *call;
		uint64_t least_ns;
		unsigned count;
	} timings[TIMED_MOST];
	size_t timing_count;
	int sentinel; /* a descriptor that is not the extension's */
	bool on_worker;
	uint64_t since_ns;
} w = { .sentinel = -1 };

/* ---- findings -------------------------------------------------------------------------------------- */

bool watch_has_found(void)
{
	return watch_record->finding[0] != '\0';
}

void watch_find(const char *format, ...)
{
	va_list args;

	if (watch_has_found())
		return;
	va_start(args, format);
	(void)vsnprintf(watch_record->finding, sizeof(watch_record->finding), format, args);
	va_end(args);
}

bool watch_is(enum watch_what what)
{
	return (w.what & what) != 0;
}

/* ---- around each call ------------------------------------------------------------------------------ */

void watch_enter(const char *call)
{
	(void)str_copy(watch_record->call, sizeof(watch_record->call), call);
	watch_record->calls++;
	if (watch_is(WATCH_TIMES))
		w.since_ns = clock_ns();
	memory_enter(call);
}

static void look_at_process(void)
{
	sigset_t blocked;

	if (fcntl(w.sentinel, F_GETFD) < 0)
		watch_find("%s() closed a descriptor that is not its own", watch_record->call);
	if (pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 &&
	    sigismember(&blocked, SIGTERM) == 1)
		watch_find("%s() blocked signals of the host's thread", watch_record->call);
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		watch_find("%s() made a process", watch_record->call);
}

/* What is broken here makes the switch itself fail, so this is the end. */
static void end_if_found(void)
{
	if (watch_has_found())
		_exit(EXIT_FAILURE);
}

static void note_time(void)
{
	const uint64_t took = clock_ns() - w.since_ns;
	struct timing *t = w.timings;

	while (t < w.timings + w.timing_count && strcmp(t->call, watch_record->call) != 0)
		t++;
	if (t == w.timings + TIMED_MOST)
		return;
	if (t == w.timings + w.timing_count) {
		*t = (struct timing){ .call = strdup(watch_record->call), .least_ns = took };
		w.timing_count++;
	}
	t->count++;
	if (took < t->least_ns)
		t->least_ns = took;
}

void watch_leave(void)
{
	memory_leave();
	if (watch_is(WATCH_TIMES))
		note_time();
	if (watch_is(WATCH_PROCESS)) {
		look_at_process();
		end_if_found();
	}
	watch_record->call[0] = '\0';
}

const char *watch_slow(uint32_t ms)
{
	for (size_t i = 0; i < w.timing_count; i++)
		if (w.timings[i].count >= TIMED_LEAST &&
		    w.timings[i].least_ns > (uint64_t)ms * NS_PER_MS)
			return w.timings[i].call;
	return NULL;
}

void watch_worker_enter(const char *call)
{
	(void)str_copy(watch_record->call, sizeof(watch_record->call), call);
	memory_enter(call);
	w.on_worker = true;
	if (watch_is(WATCH_WORKERS)) {
		memory_fail(0);
		dispatch_enter();
	}
}

void watch_worker_leave(void)
{
	if (watch_is(WATCH_WORKERS)) {
		dispatch_leave();
		if (memory_asked())
			watch_find("%s() allocated memory on a worker", watch_record->call);
		if (dispatch_seen() >= 0)
			watch_find("%s() made the system call %d on a worker", watch_record->call,
				   dispatch_seen());
	}
	w.on_worker = false;
	memory_leave();
	watch_record->call[0] = '\0';
}

void watch_result(const char *call, int code, const struct xvs_error *err)
{
	if (!watch_is(WATCH_RESULTS))
		return;
	if (code > 0 || code < -ERRNO_MOST)
		watch_find("%s() returned %d, which is neither 0 nor a negative errno", call, code);
	if (code && code != -ENOMEM && err->text[0] == '\0')
		watch_find("%s() refused with %d, and no sentence that says why", call, code);
	if (code && memchr(err->text, '\0', sizeof(err->text)) == NULL)
		watch_find("%s() left a text without an end in *err", call);
}

/* ---- what is only lent ----------------------------------------------------------------------------- */

/* 'bytes' as the extension sees them: a copy that is gone afterwards, or themselves. */
const void *watch_lent(const void *bytes, size_t size)
{
	return bytes && watch_is(WATCH_BORROWED) ? lend(bytes, size) : bytes;
}

void watch_back(const void *copy, const void *bytes)
{
	if (copy != bytes)
		lend_end(copy);
}

uint64_t watch_sum(const void *bytes, size_t size)
{
	return bytes && watch_is(WATCH_CONST) ? hash_lasting(bytes, size, HASH_LASTING_EMPTY) : 0;
}

void watch_const(const char *call, const char *what, uint64_t before, const void *bytes,
		 size_t size)
{
	if (watch_sum(bytes, size) != before)
		watch_find("%s() wrote into %s", call, what);
}

/* The host's table, of this instance. */
static uint64_t host_sum(void)
{
	return watch_sum(w.host, sizeof(*w.host));
}

static void look_at_host(const char *call, uint64_t before)
{
	watch_const(call, "the host's table of functions", before, w.host, sizeof(*w.host));
}

/* ---- the host's side ------------------------------------------------------------------------------- */

static void host_invalidate(const struct xvs_host *h, uint64_t tags)
{
	promise_forget();
	w.flow_host.invalidate(h, tags);
}

static void host_invalidate_match(const struct xvs_host *h, const struct xvs_flow_key *key,
				  const struct xvs_flow_key *mask)
{
	promise_forget();
	w.flow_host.invalidate_match(h, key, mask);
}

static void host_defer(const struct xvs_host *h, void (*fn)(void *arg), void *arg)
{
	const unsigned depth = memory_pause();

	if (w.on_worker && watch_is(WATCH_WORKERS))
		watch_find("%s() called defer(), which belongs to the control thread",
			   watch_record->call);
	w.defer(h, fn, arg);
	memory_go_on(depth);
}

static const void *query(const struct xvs_host *h, const char *id)
{
	const void *found = w.query(h, id);
	size_t i = 0;

	while (i < w.asked_count && strcmp(w.asked[i], id) != 0)
		i++;
	if (i == w.asked_count && i < ASKED_MAX)
		w.asked[w.asked_count++] = strdup(id);
	if (w.refused && strcmp(w.refused, id) == 0)
		return NULL;
	if (found && strcmp(id, XVS_FLOW_HOST) == 0) {
		w.flow_host = *(const struct xvs_flow_host *)found;
		w.flow_host_shim = w.flow_host;
		w.flow_host_shim.invalidate = host_invalidate;
		w.flow_host_shim.invalidate_match = host_invalidate_match;
		return &w.flow_host_shim;
	}
	return found;
}

static const void *host_query(const struct xvs_host *h, const char *id)
{
	const unsigned depth = memory_pause();
	const void *found = query(h, id);

	memory_go_on(depth);
	return found;
}

size_t watch_asked(const char *out[ASKED_MAX])
{
	memcpy(out, w.asked, w.asked_count * sizeof(out[0]));
	return w.asked_count;
}

void watch_refuse(const char *interface)
{
	w.refused = interface;
}

/* ---- life ------------------------------------------------------------------------------------------ */

static int on_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		     struct xvs_error *err)
{
	/* The instance's own memory: from here on it asks us first. */
	struct xvs_host *mine = (struct xvs_host *)(uintptr_t)host;
	const struct xvs_create *copy = watch_lent(args, sizeof(*args));
	uint64_t before;
	int code;

	if (mine->query != host_query) {
		w.query = mine->query;
		w.defer = mine->defer;
		mine->query = host_query;
		mine->defer = host_defer;
	}
	w.host = host;
	before = host_sum();
	watch_enter("create");
	code = w.real.ops.create(host, copy, self, err);
	watch_leave();
	look_at_host("create", before);
	watch_result("create", code, err);
	watch_back(copy, args);
	return code;
}

static void on_destroy(void *self)
{
	watch_enter("destroy");
	w.real.ops.destroy(self);
	watch_leave();
}

static void on_active(void *self, bool on)
{
	watch_enter("active");
	w.real.ops.active(self, on);
	watch_leave();
}

static int on_worker_attach(void *self, uint32_t worker, int node, void **state,
			    struct xvs_error *err)
{
	int code;

	watch_enter("worker_attach");
	code = w.real.ops.worker_attach(self, worker, node, state, err);
	watch_leave();
	watch_result("worker_attach", code, err);
	return code;
}

static void on_worker_detach(void *self, void *state)
{
	watch_enter("worker_detach");
	w.real.ops.worker_detach(self, state);
	watch_leave();
}

static void remember(void *self, void *state, const char *name)
{
	if (w.port_count == PORTS_MOST)
		return;
	w.ports[w.port_count] = (struct watch_port){ .self = self, .state = state };
	(void)str_copy(w.ports[w.port_count++].name, sizeof(w.ports[0].name), name);
}

static void forget(const void *self, const void *state)
{
	for (size_t i = 0; i < w.port_count; i++) {
		if (w.ports[i].self != self || w.ports[i].state != state)
			continue;
		w.ports[i] = w.ports[--w.port_count];
		return;
	}
}

size_t watch_ports(struct watch_port *out, size_t max)
{
	const size_t count = w.port_count < max ? w.port_count : max;

	memcpy(out, w.ports, count * sizeof(*out));
	return count;
}

/* Facts of a port, and its name, which is lent with them. */
static const struct xvs_port *lend_port(const struct xvs_port *port)
{
	struct xvs_port copy = *port;

	if (!watch_is(WATCH_BORROWED))
		return port;
	copy.name = lend(port->name, strlen(port->name) + 1);
	return lend(&copy, sizeof(copy));
}

static void back_port(const struct xvs_port *copy, const struct xvs_port *port)
{
	if (copy == port)
		return;
	lend_end(copy->name);
	lend_end(copy);
}

static int on_port_attach(void *self, const struct xvs_port *port, void **state,
			  struct xvs_error *err)
{
	const struct xvs_port *copy = lend_port(port);
	const uint64_t before = watch_sum(port, sizeof(*port));
	int code = 0;

	if (w.real.ops.port_attach) {
		watch_enter("port_attach");
		code = w.real.ops.port_attach(self, copy, state, err);
		watch_leave();
		watch_const("port_attach", "the facts of a port", before, port, sizeof(*port));
		watch_result("port_attach", code, err);
	}
	if (code == 0)
		remember(self, *state, port->name);
	back_port(copy, port);
	return code;
}

static void on_port_event(void *self, void *state, int event, const struct xvs_port *now)
{
	const struct xvs_port *copy = lend_port(now);

	watch_enter("port_event");
	w.real.ops.port_event(self, state, event, copy);
	watch_leave();
	back_port(copy, now);
}

static void on_port_detach(void *self, void *state)
{
	forget(self, state);
	if (!w.real.ops.port_detach)
		return;
	watch_enter("port_detach");
	w.real.ops.port_detach(self, state);
	watch_leave();
}

/* ---- policies -------------------------------------------------------------------------------------- */

static size_t size_of(const char *feature)
{
	for (uint32_t i = 0; i < w.real.feature_count; i++)
		if (strcmp(w.real.features[i].id, feature) == 0)
			return w.real.features[i].bytes;
	return 0;
}

static int on_policy_check(void *self, void *state, const char *feature, const void *value,
			   void **prepared, struct xvs_error *err)
{
	const size_t size = size_of(feature);
	const void *copy = watch_lent(value, size);
	const uint64_t before = watch_sum(value, size);
	int code;

	watch_enter("policy_check");
	code = w.real.ops.policy_check(self, state, feature, copy, prepared, err);
	watch_leave();
	watch_const("policy_check", "the value of a policy", before, value, size);
	watch_result("policy_check", code, err);
	watch_back(copy, value);
	return code;
}

/* The value stays after this one. */
static void on_policy_apply(void *self, void *state, const char *feature, const void *value,
			    void *prepared)
{
	const size_t size = size_of(feature);
	const uint64_t before = watch_sum(value, size);

	watch_enter("policy_apply");
	w.real.ops.policy_apply(self, state, feature, value, prepared);
	watch_leave();
	watch_const("policy_apply", "the value of a policy", before, value, size);
}

static void on_policy_abort(void *self, void *state, const char *feature, void *prepared)
{
	watch_enter("policy_abort");
	w.real.ops.policy_abort(self, state, feature, prepared);
	watch_leave();
}

static int on_status_read(void *self, void *state, const char *feature, void *out,
			  struct xvs_error *err)
{
	int code;

	watch_enter("status_read");
	code = w.real.ops.status_read(self, state, feature, out, err);
	watch_leave();
	watch_result("status_read", code, err);
	return code;
}

/* ---- packets --------------------------------------------------------------------------------------- */

/* A batch as it is lent: its own array of packets, and itself. */
struct xvs_batch *watch_lend_batch(struct xvs_batch *b)
{
	struct xvs_batch copy = *b;

	if (!watch_is(WATCH_BORROWED))
		return b;
	copy.pkts = lend(b->pkts, b->count * sizeof(b->pkts[0]));
	return lend(&copy, sizeof(copy));
}

void watch_back_batch(struct xvs_batch *copy, struct xvs_batch *b)
{
	if (copy == b)
		return;
	b->live = copy->live;
	b->stolen = copy->stolen;
	b->settled = copy->settled;
	b->steals_left = copy->steals_left;
	lend_end(copy->pkts);
	lend_end(copy);
}

static void look_at_reasons(const char *call, const struct xvs_batch *b, uint64_t before)
{
	const uint64_t dropped = before & ~b->live & ~b->stolen;

	if (!watch_is(WATCH_RESULTS))
		return;
	for (XVS_EACH(i, dropped))
		if (b->reason[i] != XVS_REASON_CONSUMED && b->reason[i] != 0 &&
		    b->reason[i] >= w.real.reason_count)
			watch_find("%s() dropped for the reason %u, of which there are %u", call,
				   b->reason[i], w.real.reason_count);
	if (b->live & ~before)
		watch_find("%s() made packets live that were not", call);
}

static void show(const char *call, void (*fn)(void *self, struct xvs_batch *b), void *self,
		 struct xvs_batch *b)
{
	struct xvs_batch *copy = watch_lend_batch(b);
	const uint64_t before = b->live;

	watch_record->packets += (uint64_t)__builtin_popcountll(before);
	watch_worker_enter(call);
	fn(self, copy);
	watch_worker_leave();
	watch_back_batch(copy, b);
	look_at_reasons(call, b, before);
}

static void on_ingress(void *self, struct xvs_batch *b)
{
	show("ingress", w.real.ops.ingress, self, b);
}

static void on_forward(void *self, struct xvs_batch *b)
{
	show("forward", w.real.ops.forward, self, b);
}

static void on_egress(void *self, struct xvs_batch *b)
{
	show("egress", w.real.ops.egress, self, b);
}

/* Bytes and facts of all packets that an inspector may only read. */
static uint64_t batch_sum(const struct xvs_batch *b)
{
	uint64_t sum = HASH_LASTING_EMPTY;

	if (!watch_is(WATCH_CONST))
		return 0;
	for (XVS_EACH(i, b->live)) {
		const struct xvs_packet *p = b->pkts[i];
		const uint32_t some =
			p->linear < 128 ? p->linear : 128; /* pull() makes more linear */

		sum = hash_lasting(p->data, some, sum);
		sum = hash_lasting(&p->flags, sizeof(p->flags), sum);
		sum = hash_lasting(&p->vlan_tci, sizeof(p->vlan_tci), sum);
		sum = hash_lasting(&p->len, sizeof(p->len), sum);
	}
	return hash_lasting(&b->live, sizeof(b->live), sum);
}

static void on_inspect(void *self, const struct xvs_batch *b)
{
	struct xvs_batch *mine = (struct xvs_batch *)(uintptr_t)b;
	struct xvs_batch *copy = watch_lend_batch(mine);
	const uint64_t before = batch_sum(b);

	watch_record->packets += (uint64_t)__builtin_popcountll(b->live);
	watch_worker_enter("inspect");
	w.real.ops.inspect(self, copy);
	watch_worker_leave();
	watch_back_batch(copy, mine);
	if (batch_sum(b) != before)
		watch_find("inspect() wrote into a packet");
}

static void on_drain(void *self, void *worker_state, void *state)
{
	watch_worker_enter("drain");
	w.real.ops.drain(self, worker_state, state);
	watch_worker_leave();
}

/* ---- what it is ------------------------------------------------------------------------------------ */

static const void *on_query(void *self, const char *id)
{
	const void *found;

	watch_enter("query");
	found = w.real.ops.query(self, id);
	watch_leave();
	return found ? offer_watch(&w.real, id, found) : NULL;
}

/* What it does not have stays away: the host acts on that. */
static void fill_ops(struct xvs_ops *o)
{
#define WATCHED(name) (o->name = o->name ? on_##name : NULL)
	WATCHED(create);
	WATCHED(destroy);
	WATCHED(active);
	WATCHED(worker_attach);
	WATCHED(worker_detach);
	WATCHED(port_event);
	WATCHED(policy_check);
	WATCHED(policy_apply);
	WATCHED(policy_abort);
	WATCHED(status_read);
	WATCHED(inspect);
	WATCHED(ingress);
	WATCHED(forward);
	WATCHED(egress);
	WATCHED(drain);
	WATCHED(query);
#undef WATCHED
	o->port_attach = on_port_attach;
	o->port_detach = on_port_detach;
}

void watch_change(unsigned what)
{
	w.what = what;
}

const struct extension *watch_wrap(const struct extension *ext, unsigned what)
{
	w.real = *ext;
	w.shim = *ext;
	w.what = what;
	w.sentinel = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fill_ops(&w.shim.ops);
	return &w.shim;
}
