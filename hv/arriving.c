/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving.c - arrivals as objects: who waits for what, and what is done when nobody is in the way.
 *
 * Calls of the other host and of people go to the course (move_target.c), which asks for steps; a
 * step may end at any time, also below whoever began it.  What would pull the ground away from
 * callers (the end of a machine, of the arrival itself) is done from a timer.
 */
#include "arriving_part.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "replica.h"
#include "stone.h"
#include "tool.h"

enum { RESUME_AGAIN_S = 1, LISTEN_AGAIN_S = 10, METHODS_MAX = 24 };

/* ---- steps ------------------------------------------------------------------------------------ */

void arriving_step_end(struct arriving *a, const char *why)
{
	enum arrival_step step = a->step;

	if (step == ARRIVAL_STEPS)
		return;
	a->step = ARRIVAL_STEPS;
	arrival_step_ended(a->course, step, why);
	/* It is ours, so nobody else will make it run. */
	if (why && arrival_is_ours(a->course) && !a->is_done)
		arriving_look(a, RESUME_AGAIN_S * (uint64_t)NS_PER_S);
}

static void step_write(struct arriving *a, int (*write)(struct arriving *a, struct xvs_error *err))
{
	struct xvs_error err = ERROR_INIT;

	if (write(a, &err))
		arriving_step_end(a, err.text);
	else
		arriving_step_end(a, NULL);
}

static void on_begin(void *arg, enum arrival_step step)
{
	struct arriving *a = arg;

	a->step = step;
	switch (step) {
	case ARRIVAL_ADMIT:
		arriving_admit(a);
		break;
	case ARRIVAL_WRITE_PREPARED:
		step_write(a, arriving_write_prepared);
		break;
	case ARRIVAL_PREPARE:
		arriving_prepare(a);
		break;
	case ARRIVAL_RECEIVE:
		arriving_receive(a);
		break;
	case ARRIVAL_RELEASE:
		arriving_release(a);
		break;
	case ARRIVAL_LOADED:
		arriving_load(a);
		break;
	case ARRIVAL_WRITE_OPENED:
		step_write(a, arriving_write_opened);
		break;
	case ARRIVAL_RESUME:
		arriving_resume(a);
		break;
	case ARRIVAL_DISCARD:
		arriving_discard(a);
		break;
	case ARRIVAL_WRITE_NOTHING:
		step_write(a, arriving_write_nothing);
		break;
	case ARRIVAL_STEPS:
		break;
	}
}

static void on_interrupt(void *arg, enum arrival_step step)
{
	arriving_interrupt(arg, step);
}

/* ---- answers ---------------------------------------------------------------------------------- */

void arriving_disks(const struct arriving *a, char out[SPEC_PATH])
{
	char folder[SPEC_PATH - 8];

	store_folder(a->all->hv->store, a->name, folder, sizeof(folder));
	(void)snprintf(out, SPEC_PATH, "%s/disks", folder);
}

static json_t *disks_print(const struct arriving *a)
{
	const struct vm_spec *s = a->vm ? &a->vm->spec : &a->offer.spec;
	json_t *list = json_array();
	char folder[SPEC_PATH];
	char path[SPEC_PATH];

	arriving_disks(a, folder);
	for (uint32_t i = 0; i < s->disk_count; i++) {
		disk_path(&s->disks[i], folder, path);
		(void)json_array_append_new(list, json_pack("{s:s, s:s}", "name", s->disks[i].name,
							    "path", path));
	}
	return list;
}

static json_t *result_make(const struct arriving *a, enum arrival_call call)
{
	json_t *result = json_object();

	switch (call) {
	case CALL_ADMIT:
		json_decref(result);
		return json_pack("{s:I, s:O, s:o}", "epoch",
				 (json_int_t)epoch_recall(a->all->hv->store, a->name), "findings",
				 a->findings, "disks", disks_print(a));
	case CALL_RECEIVE:
		(void)json_object_set_new(result, "memory", json_integer(a->memory_port));
		if (a->has_disks)
			(void)json_object_set_new(result, "disks", json_integer(a->disks_port));
		return result;
	case CALL_COMMIT:
		(void)json_object_set_new(result, "resumed", json_true());
		(void)json_object_set_new(result, "resume_us",
					  json_integer((json_int_t)a->resume_us));
		if (a->is_from_disks)
			(void)json_object_set_new(
				result, "problem",
				json_string("QEMU had ended on the target: the machine was started "
					    "from its disks"));
		return result;
	default:
		return result;
	}
}

static void waiter_answer(const struct arriving *a, enum arrival_call call, const char *why)
{
	const struct arriving_waiter *w = &a->waiters[call];
	char text[ARRIVING_WHY];

	(void)snprintf(text, sizeof(text), "vm %s: %s", a->name, why ? why : "");
	if (w->call && why)
		rpc_refuse(w->call, RPC_REFUSED, "%s", text);
	else if (w->call)
		rpc_answer(w->call, result_make(a, call));
	if (w->done)
		w->done(w->arg, why ? -EIO : 0, text);
}

static void on_answer(void *arg, enum arrival_call call, const char *why)
{
	struct arriving *a = arg;

	waiter_answer(a, call, why);
	a->waiters[call] = (struct arriving_waiter){ .call = NULL };
	a->is_asked[call] = false;
	arriving_look(a, 0);
}

static const struct arrival_world world = { on_begin, on_interrupt, on_answer };

/* Two calls alike: the second waits for the first one's answer where nobody else does any more. */
void arriving_ask(struct arriving *a, enum arrival_call call, uint64_t epoch,
		  const struct arriving_waiter *w)
{
	struct arriving_waiter *slot = &a->waiters[call];

	if (slot->call || slot->done) {
		if (w->call)
			rpc_refuse(w->call, RPC_BUSY,
				   "vm %s: the call before has not been answered yet", a->name);
		if (w->done)
			w->done(w->arg, -EBUSY, "it is being done already");
		return;
	}
	*slot = *w;
	if (a->is_asked[call])
		return;
	a->is_asked[call] = true;
	if (call == CALL_COMMIT)
		a->heard_ns = clock_ns();
	arrival_ask(a->course, call, epoch);
}

void arriving_tell(struct arriving *a, const char *what)
{
	if (a->session)
		remote_session_tell(a->session, "vm.move.event",
				    json_pack("{s:s, s:o}", "move", a->move, "what",
					      rpc_string(what)));
}

/* ---- life ------------------------------------------------------------------------------------- */

/* Not in the list. */
static void arriving_free(struct arriving *a)
{
	transfer_qmp_gone(a->transfer);
	transfer_destroy(a->transfer);
	if (a->disks_fd >= 0)
		(void)close(a->disks_fd);
	if (a->vm)
		a->vm->arriving = NULL;
	tool_cancel(a->tool);
	loop_timer_destroy(a->tick);
	arrival_destroy(a->course);
	offer_finish(&a->offer);
	json_decref(a->machine);
	json_decref(a->findings);
	json_decref(a->doubts);
	explicit_bzero(a->key, sizeof(a->key));
	free(a);
}

static void arriving_destroy(struct arriving *a)
{
	struct arriving **at = &a->all->list;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	arriving_free(a);
}

/* Nothing is kept for it, and nobody is there who might want something of it. */
static bool is_over(const struct arriving *a)
{
	return arrival_is_empty(a->course) && !a->vm && !a->session && !a->person.done;
}

static void on_tick(void *arg)
{
	struct arriving *a = arg;
	const struct arriving_waiter nobody = { .call = NULL };

	if (a->step == ARRIVAL_DISCARD) {
		arriving_discard_go_on(a);
	} else if (a->step == ARRIVAL_RESUME) {
		arriving_resume(a);
	} else if (is_over(a)) {
		arriving_forget_ports(a);
		arriving_destroy(a);
	} else if (arrival_is_empty(a->course) && a->vm && !a->session &&
		   !a->is_asked[CALL_ABORT]) {
		/* It was never prepared, so that nobody can say that it is ours. */
		arriving_ask(a, CALL_ABORT, a->epoch, &nobody);
	} else if (arrival_is_ours(a->course) && a->vm && !a->is_done &&
		   !a->is_asked[CALL_COMMIT]) {
		arriving_ask(a, CALL_COMMIT, a->epoch, &nobody);
	}
}

void arriving_look(struct arriving *a, uint64_t delay_ns)
{
	loop_timer_arm(a->tick, delay_ns);
}

static size_t count_of(const struct arrivals *all)
{
	size_t count = 0;

	for (const struct arriving *a = all->list; a; a = a->next)
		count += !a->is_done;
	return count;
}

struct arriving *arriving_create(struct arrivals *all, const char *move, const char *peer,
				 enum arrival_record found, uint64_t epoch)
{
	struct arriving *a = count_of(all) < ARRIVING_MAX ? calloc(1, sizeof(*a)) : NULL;

	if (!a)
		return NULL;
	a->all = all;
	a->step = ARRIVAL_STEPS;
	a->disks_fd = -1;
	a->epoch = epoch;
	(void)str_copy(a->move, sizeof(a->move), move);
	(void)str_copy(a->peer, sizeof(a->peer), peer);
	a->course = arrival_create(&world, a, found, epoch);
	a->tick = loop_timer_create(all->hv->loop, on_tick, a);
	a->findings = json_array();
	a->doubts = json_array();
	a->next = all->list;
	all->list = a;
	if (a->course && a->tick && a->findings && a->doubts)
		return a;
	arriving_destroy(a);
	return NULL;
}

struct arriving *arriving_find(const struct arrivals *all, const char *move)
{
	for (struct arriving *a = all->list; a; a = a->next) {
		if (strcmp(a->move, move) == 0)
			return a;
	}
	return NULL;
}

void arriving_left(struct arrivals *all, const struct remote_session *session)
{
	for (struct arriving *a = all->list; a; a = a->next) {
		for (size_t i = 0; i < ARRIVAL_CALLS; i++) {
			if (a->waiters[i].session != session)
				continue;
			rpc_refuse(a->waiters[i].call, RPC_BUSY, "the connection has ended");
			a->waiters[i] = (struct arriving_waiter){ .call = NULL };
		}
		if (a->session != session)
			continue;
		a->session = NULL;
		arriving_look(a, 0);
	}
}

/* ---- all of them ------------------------------------------------------------------------------ */

static const struct host_peer *peer_of(const struct arrivals *all, const struct remote_session *s)
{
	const struct migration_settings *m = &all->hv->settings.migration;

	for (uint32_t i = 0; i < m->peer_count; i++) {
		if (remote_session_is_named(s, m->peers[i].name))
			return &m->peers[i];
	}
	return NULL;
}

static bool on_admits(void *arg, const struct remote_session *session)
{
	if (peer_of(arg, session))
		return true;
	log_message(MSG_MOVE_LINK, "\"%.200s\" is not one of migration.peers here",
		    remote_session_name(session));
	return false;
}

static void on_left(void *arg, struct remote_session *session)
{
	struct arrivals *all = arg;

	arriving_left(all, session);
	replicas_left(all->hv, session);
}

static int listen_make(struct arrivals *all, struct xvs_error *err)
{
	struct hv *hv = all->hv;
	struct rpc_method methods[METHODS_MAX];
	const struct remote_service service = { .methods = methods,
						.method_count = arriving_method_count +
								replica_method_count,
						.admits = on_admits,
						.left = on_left,
						.arg = all };
	char host[TLS_HOST_TEXT];
	uint16_t port;
	int fd = -1;

	assert(service.method_count <= METHODS_MAX);
	memcpy(methods, arriving_methods, arriving_method_count * sizeof(methods[0]));
	memcpy(methods + arriving_method_count, replica_methods,
	       replica_method_count * sizeof(methods[0]));
	if (!tls_address_parse(hv->settings.migration.listen, REMOTE_PORT, host, &port))
		return error_set(err, -EINVAL, "", "migration.listen is no address");
	if (tls_listen(host, port, &fd, err))
		return err->code;
	return remote_server_create(hv->loop, hv->tls, fd, &service, &all->server, err);
}

void arrivals_listen(struct arrivals *all)
{
	struct xvs_error err = ERROR_INIT;

	if (!all->hv->tls || !all->hv->settings.migration.listen[0])
		return;
	if (listen_make(all, &err) == 0)
		return;
	log_message(MSG_MOVE_LINK, "no machine can come from another host: %s; it is tried again",
		    err.text);
	loop_timer_arm(all->retry, LISTEN_AGAIN_S * (uint64_t)NS_PER_S);
}

static void on_retry(void *arg)
{
	arrivals_listen(arg);
}

struct arrivals *arrivals_create(struct hv *hv)
{
	struct arrivals *all = calloc(1, sizeof(*all));

	if (!all)
		return NULL;
	all->hv = hv;
	all->retry = loop_timer_create(hv->loop, on_retry, all);
	if (all->retry)
		return all;
	free(all);
	return NULL;
}

void arrivals_destroy(struct arrivals *all)
{
	if (!all)
		return;
	remote_server_destroy(all->server);
	while (all->list) {
		struct arriving *a = all->list;

		all->list = a->next;
		arriving_free(a);
	}
	loop_timer_destroy(all->retry);
	free(all);
}
