/* SPDX-License-Identifier: Apache-2.0 */
/* extlab/lab.c - the lab's switch comes, runs in turns, and goes. */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/random.h"
#include "extlab/part.h"

enum {
	FLOWS = 8192,
	CONNECTIONS = 16384,
	TURN_NS = 1000,
	PATIENCE_S = 30,
	TURNS_AWAKE = 256,
	SETTLE_STEP_MS = 1
};

/* ---- time ------------------------------------------------------------------------------------------ */

/* Extensions must not be able to tell it from the real one: it begins with it. */
static struct {
	uint64_t start_ns, now_ns;
} lab_clock;

static void clock_begin(void)
{
	if (lab_clock.start_ns)
		return;
	lab_clock.start_ns = clock_ns();
	lab_clock.now_ns = lab_clock.start_ns;
}

static uint64_t clock_now(void)
{
	return lab_clock.now_ns;
}

void lab_time(uint64_t ns)
{
	clock_begin();
	if (lab_clock.start_ns + ns > lab_clock.now_ns)
		lab_clock.now_ns = lab_clock.start_ns + ns;
}

/* ---- turns ----------------------------------------------------------------------------------------- */

static void pause_ns(long ns)
{
	const struct timespec pause = { .tv_nsec = ns };

	(void)nanosleep(&pause, NULL);
}

static void control_turn(struct lab *lab)
{
	memory_own(&lab->owner);
	(void)event_base_loop(loop_base(lab->loop), EVLOOP_NONBLOCK);
	loop_drain(lab->loop);
}

void lab_turn(struct lab *lab)
{
	uint64_t next;

	if (!lab->worker) {
		control_turn(lab);
		pause_ns(NS_PER_MS / 5);
		return;
	}
	lab_clock.now_ns += TURN_NS;
	worker_self = &lab->worker->w;
	(void)worker_turn(lab->worker, lab_clock.now_ns, &next);
	worker_self = NULL;
	control_turn(lab);
	if (lab->has_tap)
		fate_tell(lab);
}

int lab_wait(struct lab *lab, const bool *is_done)
{
	const uint64_t end = clock_ns() + PATIENCE_S * NS_PER_S;

	for (unsigned turns = 0; !*is_done; turns++) {
		lab_turn(lab);
		if (turns < TURNS_AWAKE)
			continue;
		pause_ns(NS_PER_MS); /* it waits for a timer of the control thread */
		if (clock_ns() > end)
			return -ETIMEDOUT;
	}
	return 0;
}

static bool is_idle(const struct lab *lab)
{
	for (size_t i = 0; i < lab->port_count; i++)
		if (lab->memory[i] && !memory_is_idle(lab->memory[i]))
			return false;
	return true;
}

void lab_run(struct lab *lab)
{
	for (size_t i = 0; i < lab->port_count; i++)
		if (lab->memory[i])
			atomic_store_explicit(&lab->memory[i]->may_begin, true,
					      memory_order_release);
	do {
		lab_turn(lab);
	} while (!is_idle(lab));
}

uint64_t lab_held(const struct lab *lab)
{
	return path_held(lab->path);
}

void lab_settle(struct lab *lab, uint32_t ms)
{
	for (uint32_t i = 0; i < ms && lab_held(lab) > 0; i += SETTLE_STEP_MS) {
		lab_clock.now_ns += (uint64_t)SETTLE_STEP_MS * NS_PER_MS;
		lab_turn(lab);
		if (!lab->worker)
			pause_ns((long)SETTLE_STEP_MS * NS_PER_MS);
	}
	lab_turn(lab);
}

/* ---- packets --------------------------------------------------------------------------------------- */

/* Packets of one direction of a flow come in at one queue, as adapters deal them. */
static uint32_t queue_of(const struct memory_port *m, const uint8_t *frame, uint32_t len)
{
	enum { FIRST = 26, LAST = 38 }; /* IPv4 addresses and ports; of others, what stands there */

	if (m->base.rx_queues == 1 || len < LAST)
		return 0;
	return (uint32_t)(hash_lasting(frame + FIRST, LAST - FIRST, HASH_LASTING_EMPTY) >> 32) %
	       m->base.rx_queues;
}

int lab_send(struct lab *lab, uint32_t port, const void *frame, uint32_t len)
{
	struct memory_port *m = lab->memory[port];

	if (!m)
		return -ENODEV; /* it was removed */
	return memory_push(m, queue_of(m, frame, len), frame, len);
}

static void on_sent(void *arg, uint32_t port, const uint8_t *frame, uint32_t len)
{
	const struct lab *lab = arg;
	const struct lab_event e = {
		.end = LAB_SENT, .port = port, .stage = XVS_STAGE_EGRESS, .bytes = frame, .len = len
	};

	lab->ended(lab->arg, &e);
}

static uint32_t on_open(void *arg, const char *name, struct memory_port *port)
{
	struct lab *lab = arg;
	uint32_t nr = 0;

	while (strcmp(lab->ports[nr].name, name) != 0)
		nr++;
	lab->memory[nr] = port;
	if (lab->worker)
		atomic_store_explicit(&port->may_begin, true, memory_order_relaxed);
	return nr;
}

/* ---- the end --------------------------------------------------------------------------------------- */

static void note_done(void *arg)
{
	*(bool *)arg = true;
}

static void world_end(struct lab *lab)
{
	bool is_gone = false;

	world_destroy(lab->world, note_done, &is_gone);
	if (lab_wait(lab, &is_gone))
		abort(); /* an extension keeps a worker for ever */
}

void lab_destroy(struct lab *lab)
{
	if (!lab)
		return;
	if (lab->world)
		world_end(lab);
	if (lab->path) {
		fate_close(lab);
		path_destroy(lab->path);
	}
	if (lab->loop) {
		if (!lab->worker)
			rcu_stop();
		loop_drain(lab->loop);
	}
	counters_destroy(lab->counters);
	loop_destroy(lab->loop);
	free(lab);
}

/* ---- the beginning --------------------------------------------------------------------------------- */

void lab_seed(uint64_t seed)
{
	static bool has_begun;

	random_repeat(seed);
	if (!has_begun)
		hash_start();
	has_begun = true;
}

int lab_load(const char *path, struct module **out, struct xvs_error *err)
{
	return module_load(path, NULL, interface_is_offered, out, err);
}

static int parts_start(struct lab *lab, const struct lab_config *c, struct xvs_error *err)
{
	struct path_config config = { .workers = c->threads ? c->threads : 1,
				      .flows = FLOWS,
				      .conn = { .connections = CONNECTIONS,
						.per_port = CONNECTIONS,
						.half_open = CONNECTIONS / 4,
						.denied_per_port = 1024,
						.midstream_ms = CONN_MIDSTREAM_MS },
				      .is_driven = c->threads == 0,
				      .now = c->threads ? NULL : clock_now };
	int code = loop_create(&lab->loop, err);

	if (code == 0)
		code = counters_create(&lab->counters, NULL, config.workers, err);
	if (code == 0 && c->threads)
		code = rcu_start(lab->loop, err);
	config.loop = lab->loop;
	config.counters = lab->counters;
	if (code == 0)
		code = path_create(&config, &lab->path, err);
	if (code)
		return code;
	lab->worker = c->threads ? NULL : lab->path->workers[0];
	return c->threads ? 0 : fate_open(lab, err);
}

static int world_start(struct lab *lab, struct xvs_error *err)
{
	const struct world_config config = { .loop = lab->loop,
					     .path = lab->path,
					     .counters = lab->counters,
					     .lent = lab->chain,
					     .lent_count = lab->chain_count };

	return world_create(&config, &lab->world, err);
}

/* What became of a change, on the heap of who waits for it. */
struct answer {
	struct diags *d;
	int code;
	bool is_there;
};

static void on_answer(void *arg, const struct outcome *o)
{
	struct answer *a = arg;

	for (size_t i = 0; o->code && o->d && i < o->d->count && i < DIAG_MAX; i++)
		diag_add_at(a->d, o->d->items[i].line, o->d->items[i].column, "%s",
			    o->d->items[i].text);
	a->code = o->code;
	a->is_there = true;
}

static int answered(struct lab *lab, struct answer *a)
{
	if (lab_wait(lab, &a->is_there)) {
		diag_add_at(a->d, 0, 0, "the switch does not answer: an extension holds it");
		return -ETIMEDOUT;
	}
	if (a->code && a->d->count == 0)
		diag_add_at(a->d, 0, 0, "%s", strerror(-a->code));
	return a->code;
}

static int apply(struct lab *lab, const struct lab_config *c, struct diags *d)
{
	struct config_spec *spec = lab_spec(lab, c->policies, !c->is_held);
	struct answer a = { .d = d };
	const struct wish wish = { .done = on_answer, .arg = &a };

	if (!spec) {
		diag_add_at(d, 0, 0, "out of memory");
		return -ENOMEM;
	}
	memory_own(&lab->owner);
	world_apply(lab->world, spec, false, c->policy_file, &wish);
	return answered(lab, &a);
}

static int add_held(struct lab *lab, size_t nr, const struct lab_config *c, struct diags *d)
{
	struct port_spec *spec = lab_port_spec(lab, nr, c->policies);
	struct answer a = { .d = d };
	const struct wish wish = { .done = on_answer, .arg = &a };

	if (!spec) {
		diag_add_at(d, 0, 0, "out of memory");
		return -ENOMEM;
	}
	spec->is_held = true;
	memory_own(&lab->owner);
	world_port_add(lab->world, LAB_SWITCH, spec, OWNER_API, &wish);
	return answered(lab, &a);
}

static int configure(struct lab *lab, const struct lab_config *c, struct diags *d)
{
	int code = apply(lab, c, d);

	for (size_t i = 0; code == 0 && c->is_held && i < lab->port_count; i++)
		if (!lab->ports[i].is_uplink)
			code = add_held(lab, i, c, d);
	for (size_t i = 0; code == 0 && i < lab->port_count; i++)
		lab->ids[i] = lab->memory[i] ? world_port_id(lab->world, lab->ports[i].name) : 0;
	for (size_t i = 0; code == 0 && i < lab->chain_count; i++)
		lab->numbers[i] = world_instance_nr(lab->world, lab->chain[i]->id);
	return code;
}

int lab_create(const struct lab_config *c, struct lab **out, struct diags *d)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct xvs_error err = ERROR_INIT;
	int code;

	if (!lab) {
		diag_add_at(d, 0, 0, "out of memory");
		return -ENOMEM;
	}
	clock_begin();
	backend_lend(&memory_backend);
	lab->chain = c->chain;
	lab->chain_count = c->chain_count;
	lab->port_count = c->port_count;
	memcpy(lab->ports, c->ports, c->port_count * sizeof(lab->ports[0]));
	lab->ended = c->ended;
	lab->arg = c->arg;
	lab->owner = (struct memory_owner){ .queues = c->threads ? c->threads : 1,
					    .lookup = on_open,
					    .sent = on_sent,
					    .arg = lab };
	code = parts_start(lab, c, &err);
	if (code == 0)
		code = world_start(lab, &err);
	if (code)
		diag_add_at(d, 0, 0, "%s", err.text);
	else
		code = configure(lab, c, d);
	if (code)
		lab_destroy(lab);
	else
		*out = lab;
	return code;
}

/* ---- changes --------------------------------------------------------------------------------------- */

static int change_answered(struct lab *lab, struct answer *a)
{
	const int code = answered(lab, a);

	free(a->d);
	return code;
}

int lab_set(struct lab *lab, const char *port, const char *feature, struct node *fields,
	    bool is_tried)
{
	struct answer a = { .d = calloc(1, sizeof(*a.d)) };
	const struct wish wish = { .is_dry_run = is_tried, .done = on_answer, .arg = &a };
	const struct policy_change change = { .target = port,
					      .feature = feature,
					      .fields = fields,
					      .owner = OWNER_API,
					      .is_override = true };

	if (!a.d)
		return -ENOMEM;
	world_policy_set(lab->world, &change, &wish);
	return change_answered(lab, &a);
}

int lab_enable(struct lab *lab, const char *extension, bool on)
{
	struct answer a = { .d = calloc(1, sizeof(*a.d)) };
	const struct wish wish = { .done = on_answer, .arg = &a };

	if (!a.d)
		return -ENOMEM;
	world_instance_enable(lab->world, extension, on, &wish);
	return change_answered(lab, &a);
}

int lab_remove(struct lab *lab, const char *port)
{
	struct answer a = { .d = calloc(1, sizeof(*a.d)) };
	const struct wish wish = { .done = on_answer, .arg = &a };
	size_t nr = 0;
	int code;

	if (!a.d)
		return -ENOMEM;
	while (nr < lab->port_count && strcmp(lab->ports[nr].name, port) != 0)
		nr++;
	world_port_remove(lab->world, port, OWNER_API, true, &wish);
	code = change_answered(lab, &a);
	if (code == 0 && nr < lab->port_count)
		lab->memory[nr] = NULL;
	return code;
}

/* ---- numbers --------------------------------------------------------------------------------------- */

/* What flows have counted is told to extensions, which may count by that. */
static void credit(struct lab *lab, uint32_t id)
{
	struct port_credit *c = id ? path_credit_open(lab->path->ports[id]) : NULL;
	bool is_done = false;

	if (!c)
		return;
	path_credit(c, note_done, &is_done);
	(void)lab_wait(lab, &is_done);
	path_credit_close(c);
}

json_t *lab_stats(struct lab *lab)
{
	for (size_t i = 0; i < lab->port_count; i++)
		credit(lab, lab->memory[i] ? lab->ids[i] : 0);
	return json_pack("{s:o, s:o, s:o}", "extensions", world_ext_stats(lab->world, NULL),
			 "drops", world_drops(lab->world), "accounts", world_accounts(lab->world));
}
