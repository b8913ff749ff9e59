/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/remote_life.c - the life of a process that runs an extension, and calls to it.
 *
 *      down -> start -> create -> policies, ports, state, active -> up -> ended -> (a while) -> start
 *
 * Control calls are passed on and waited for, but not for long: who does not reply is ended.  All that
 * a process was told is kept, as it was told, for the next one.  The functions that are
 * called: remote.c.  Questions of workers: remote_lane.c.
 */
#include "ext/remote_part.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "ext/module_ref.h"

enum {
	WATCH_MS = 500,    /* who has had a question for two of these hangs */
	SAVE_WATCHES = 20, /* state is saved so rarely */
	AGAIN_FIRST_MS = 100,
	AGAIN_MOST_MS = 30000,
	STEADY_S = 60, /* who ran so long begins with the first again */
};

/* ---- memory that both share --------------------------------------------------------------------- */

static void shared_free(struct rcu_node *node)
{
	struct remote_shared *s = (struct remote_shared *)node;

	if (s->out)
		(void)munmap(s->out, s->out_bytes);
	if (s->in)
		(void)munmap(s->in, s->in_bytes);
	if (s->wake_fd >= 0)
		(void)close(s->wake_fd);
	free(s);
}

static void *map_sealed(const char *name, size_t bytes, unsigned seals, int *fd)
{
	void *memory;

	*fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, (off_t)bytes) != 0)
		return NULL;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (memory == MAP_FAILED)
		return NULL;
	/* it cannot be cut under our hands */
	if (fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | seals) == 0)
		return memory;
	(void)munmap(memory, bytes);
	return NULL;
}

/* 'fds' gets the descriptors for the process; those of the memory are closed by the caller. */
static struct remote_shared *shared_make(const struct remote *r, int fds[WIRE_FD_END])
{
	struct remote_shared *s = calloc(1, sizeof(*s));
	uint32_t workers = r->instance->env->worker_count;

	if (!s)
		return NULL;
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	s->out_bytes = workers * sizeof(struct lane_out);
	s->in_bytes = remote_in_bytes(workers, r->instance->ext->counter_count);
	s->out = map_sealed("xvs-questions", s->out_bytes, F_SEAL_FUTURE_WRITE,
			    &fds[WIRE_FD_QUESTIONS]);
	s->in = map_sealed("xvs-answers", s->in_bytes, 0, &fds[WIRE_FD_ANSWERS]);
	fds[WIRE_FD_WAKE] = s->wake_fd;
	if (s->wake_fd >= 0 && s->out && s->in)
		return s;
	shared_free(&s->rcu);
	return NULL;
}

/* ---- what the process says ----------------------------------------------------------------------- */

static void say_log(const struct remote *r, const void *body, size_t len)
{
	struct wire_log said;

	if (len != sizeof(said))
		return;
	memcpy(&said, body, sizeof(said));
	said.text[sizeof(said.text) - 1] = '\0';
	for (char *c = said.text; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
	memcpy(((struct remote *)(uintptr_t)r)->line, said.text, sizeof(r->line));
	/* one place for all it says: it is limited as one call site is */
	r->instance->host.log(&r->instance->host, said.level, r->line);
}

static void hear(void *arg, uint32_t type, const void *body, size_t len)
{
	struct remote *r = arg;
	const struct instance_env *env = r->instance->env;
	struct wire_match m;

	if (type == WIRE_LOG) {
		say_log(r, body, len);
		return;
	}
	if (len != sizeof(m) || !r->is_up)
		return;
	memcpy(&m, body, sizeof(m));
	if (type == WIRE_INVALIDATE && env->flow_invalidate)
		env->flow_invalidate(&r->instance->host, m.tags);
	else if (type == WIRE_INVALIDATE_MATCH && env->flow_invalidate_match)
		env->flow_invalidate_match(&r->instance->host, &m.key, &m.mask);
}

/* ---- it ends ------------------------------------------------------------------------------------- */

static void start_later(struct remote *r)
{
	if (clock_ns() - r->started_ns > STEADY_S * NS_PER_S)
		r->again_ms = 0;
	r->again_ms = r->again_ms ? 2 * r->again_ms : AGAIN_FIRST_MS;
	if (r->again_ms > AGAIN_MOST_MS)
		r->again_ms = AGAIN_MOST_MS;
	loop_timer_arm(r->again, (uint64_t)r->again_ms * NS_PER_MS);
}

/* Workers find it gone; its memory stays until the last has looked away. */
void remote_take_down(struct remote *r)
{
	struct remote_shared *s = r->shared;

	if (r->event)
		event_free(r->event);
	r->event = NULL;
	r->is_up = false;
	rcu_publish(&r->published, NULL);
	exthost_end(&r->process);
	if (!s)
		return;
	remote_keep_counters(r, s);
	r->shared = NULL;
	rcu_defer(&s->rcu, shared_free);
}

/* 'why' NULL: it ended by itself. */
void remote_down(struct remote *r, const char *why)
{
	const struct instance *i = r->instance;
	char end[96];
	char batch[160] = "";

	if (!r->process.pid)
		return;
	if (why)
		(void)str_copy(end, sizeof(end), why);
	exthost_end(&r->process);
	if (!why)
		exthost_end_text(&r->process, end, sizeof(end));
	if (r->shared)
		remote_dump(r, batch, sizeof(batch));
	remote_take_down(r);
	start_later(r);
	log_message(MSG_EXTENSION_ENDED,
		    "switch %s: the process of %s (%s) %s%s; what it judges %s until it has been "
		    "started again, in %u ms",
		    i->switch_name, i->name, i->ext->id, end, batch,
		    i->fails_open ? "passes" : "is dropped", r->again_ms);
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct remote *r = arg;

	(void)fd;
	(void)what;
	if (!exthost_listen(&r->process, hear, r))
		remote_down(r, NULL);
}

/* A worker has met a number that cannot be. */
static void on_forged(struct letter *letter)
{
	struct remote *r =
		(struct remote *)(void *)((char *)letter - offsetof(struct remote, letter));

	atomic_store_explicit(&r->is_forged, false, memory_order_release);
	if (r->is_ending) {
		remote_free(r);
		return;
	}
	remote_down(r, "forged an answer and was ended");
}

/* ---- calls --------------------------------------------------------------------------------------- */

/* 0 or what the extension returned, with its sentence; who does not reply is ended. */
int remote_call(struct remote *r, struct remote_calling *c, struct wire_reply *reply,
		uint32_t limit_ms, struct xvs_error *err)
{
	const struct process_call call = { c->type,     limit_ms, &c->call, c->more,
					   c->more_len, hear,     r };
	int code = exthost_call(&r->process, &call, reply, &c->reply_more, &c->reply_len);

	if (code == 0 && reply->code == 0)
		return 0;
	if (code == 0)
		return error_set(err, reply->code, reply->field, "%s", reply->text);
	if (code == -ETIMEDOUT)
		remote_down(r, "did not reply in time and was ended");
	else
		remote_down(r, code == -EPROTO ? "broke the protocol and was ended" : NULL);
	return error_set(err, code == -ETIMEDOUT ? -ETIMEDOUT : -EIO, "",
			 "its process has ended; see xvsctl events");
}

int remote_call_simple(struct remote *r, uint32_t type, uint32_t port, uint32_t event)
{
	struct remote_calling c = { .type = type, .call.port = port, .call.event = event };
	struct wire_reply reply;

	return r->process.pid ? remote_call(r, &c, &reply, REMOTE_CALL_MS, NULL) : -EPIPE;
}

/* ---- it starts ----------------------------------------------------------------------------------- */

static int call_create(struct remote *r, struct xvs_error *err)
{
	const struct instance *i = r->instance;
	struct remote_calling c = { .type = WIRE_CREATE,
				    .call = { .workers = i->env->worker_count,
					      .ports_max = r->ports_max,
					      .rights = i->rights,
					      .counters = i->ext->counter_count,
					      .nr = i->nr } };
	struct wire_reply reply;
	int code;

	(void)str_copy(c.call.extension, sizeof(c.call.extension), i->ext->id);
	(void)str_copy(c.call.instance, sizeof(c.call.instance), i->name);
	(void)str_copy(c.call.switch_name, sizeof(c.call.switch_name), i->switch_name);
	memcpy(c.call.switch_uuid, r->switch_uuid, sizeof(r->switch_uuid));
	code = remote_call(r, &c, &reply, REMOTE_START_MS, err);
	if (code)
		return code;
	r->has_state = (reply.value & WIRE_HAS_STATE) != 0;
	r->state_ops.format_min = reply.format_min;
	r->state_ops.format_max = reply.format_max;
	return 0;
}

int remote_call_attach(struct remote *r, const struct remote_port *p, struct xvs_error *err)
{
	struct remote_calling c = { .type = WIRE_PORT_ATTACH,
				    .call = { .port = p->view.id, .view = p->view } };
	struct wire_reply reply;

	memcpy(c.call.port_name, p->name, sizeof(p->name));
	return remote_call(r, &c, &reply, REMOTE_CALL_MS, err);
}

int remote_call_check(struct remote *r, uint32_t port, const struct remote_value *v,
		      uint32_t *prepared, struct xvs_error *err)
{
	struct remote_calling c = {
		.type = WIRE_POLICY_CHECK,
		.call = { .port = port, .feature = v->feature, .has_value = v->bytes != NULL },
		.more = v->bytes,
		.more_len = v->len
	};
	struct wire_reply reply;
	int code = remote_call(r, &c, &reply, REMOTE_CALL_MS, err);

	*prepared = code ? 0 : reply.value;
	return code;
}

/* What was checked, by its number: the process has the value. */
int remote_call_prepared(struct remote *r, uint32_t type, uint32_t prepared)
{
	struct remote_calling c = { .type = type, .call.prepared = prepared };
	struct wire_reply reply;

	return r->process.pid ? remote_call(r, &c, &reply, REMOTE_CALL_MS, NULL) : -EPIPE;
}

int remote_call_restore(struct remote *r, uint32_t port, const struct remote_state *s,
			struct xvs_error *err)
{
	struct remote_calling c = { .type = WIRE_RESTORE,
				    .call = { .port = port, .event = s->format },
				    .more = s->bytes,
				    .more_len = s->len };
	struct wire_reply reply;

	return remote_call(r, &c, &reply, REMOTE_CALL_MS, err);
}

int remote_tell_values(struct remote *r, uint32_t port, const struct remote_value *v,
		       struct xvs_error *err)
{
	int code = 0;

	for (; v && code == 0; v = v->next) {
		uint32_t prepared;

		code = remote_call_check(r, port, v, &prepared, err);
		if (code == 0)
			code = remote_call_prepared(r, WIRE_POLICY_APPLY, prepared);
	}
	return code;
}

/* All that the one before was told, in the order of life. */
static int tell_all(struct remote *r, struct xvs_error *err)
{
	int code = remote_tell_values(r, 0, r->values, err);

	for (const struct remote_port *p = r->ports; p && code == 0; p = p->next) {
		code = remote_call_attach(r, p, err);
		if (code == 0)
			code = remote_tell_values(r, p->view.id, p->values, err);
	}
	/* state is a cache of the past: without it, it is merely colder */
	if (code == 0 && r->has_state && r->state.len)
		(void)remote_call_restore(r, 0, &r->state, NULL);
	for (const struct remote_port *p = r->ports; p && code == 0 && r->process.pid;
	     p = p->next) {
		if (r->has_state && p->state.len)
			(void)remote_call_restore(r, p->view.id, &p->state, NULL);
		if (r->process.pid && p->event)
			code = remote_call_simple(r, WIRE_PORT_EVENT, p->view.id, p->event);
	}
	if (code == 0 && r->is_active)
		code = remote_call_simple(r, WIRE_ACTIVE, 0, 1);
	return r->process.pid ? code : -EIO;
}

static int start_process(struct remote *r, struct xvs_error *err)
{
	int fds[WIRE_FD_END] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	struct remote_shared *s = shared_make(r, fds);
	int code;

	if (!s)
		code = error_set(err, -ENOMEM, "", "no memory to share with its process");
	else {
		fds[WIRE_FD_MODULE] = module_fd(r->instance->ext->module);
		code = exthost_start(&r->process, fds, err);
	}
	for (int fd = WIRE_FD_QUESTIONS; fd <= WIRE_FD_ANSWERS; fd++)
		if (fds[fd] >= 0)
			(void)close(fds[fd]);
	if (code && s)
		shared_free(&s->rcu);
	if (code)
		return code;
	s->generation = ++r->starts;
	r->shared = s;
	r->started_ns = clock_ns();
	return 0;
}

int remote_start(struct remote *r, struct xvs_error *err)
{
	int code = start_process(r, err);

	if (code)
		return code;
	code = call_create(r, err);
	if (code == 0)
		code = tell_all(r, err);
	if (code) {
		remote_take_down(r);
		return code;
	}
	r->event = event_new(loop_base(r->instance->env->loop), r->process.socket,
			     EV_READ | EV_PERSIST, on_socket, r);
	if (!r->event || event_add(r->event, NULL) != 0) {
		remote_take_down(r);
		return error_set(err, -ENOMEM, "", "out of memory");
	}
	r->is_up = true;
	rcu_publish(&r->published, r->shared);
	return 0;
}

void remote_on_again(void *arg)
{
	struct remote *r = arg;
	const struct instance *i = r->instance;
	struct xvs_error err = ERROR_INIT;

	if (r->process.pid)
		return;
	if (remote_start(r, &err)) {
		start_later(r);
		log_message(MSG_EXTENSION_ENDED,
			    "switch %s: %s (%s) cannot be started again: %s; next in %u ms",
			    i->switch_name, i->name, i->ext->id, err.text, r->again_ms);
		return;
	}
	/* nobody stands for what the one before has said */
	i->env->flow_invalidate(&i->host, UINT64_MAX);
	log_message(MSG_EXTENSION_STARTED, "switch %s: %s (%s) runs again, in process %d",
		    i->switch_name, i->name, i->ext->id, r->process.pid);
}

/* ---- watching ------------------------------------------------------------------------------------ */

static void keep_state(struct remote *r, uint32_t port, struct remote_state *s)
{
	struct remote_calling c = { .type = WIRE_SAVE,
				    .call = { .port = port,
					      .event = r->state_ops.format_max,
					      .phase = XVS_SAVE_RUNNING,
					      .budget_ns = REMOTE_CALL_MS / 2 * NS_PER_MS } };
	struct wire_reply reply;
	uint8_t *bytes;

	if (s->is_moving || !r->process.pid ||
	    remote_call(r, &c, &reply, REMOTE_CALL_MS, NULL) != 0)
		return;
	bytes = malloc(c.reply_len ? c.reply_len : 1);
	if (bytes) {
		memcpy(bytes, c.reply_more, c.reply_len);
		free(s->bytes);
		*s = (struct remote_state){ bytes, c.reply_len, r->state_ops.format_max, false };
	}
	(void)remote_call_simple(r, WIRE_SAVE_END, port, 0);
}

void remote_on_watch(void *arg)
{
	struct remote *r = arg;

	loop_timer_arm(r->watch, WATCH_MS * NS_PER_MS);
	if (!r->is_up)
		return;
	if (remote_hangs(r)) {
		remote_down(r, "did not come back from a call of the packet path and was ended");
		return;
	}
	if (!r->has_state || ++r->watches % SAVE_WATCHES)
		return;
	keep_state(r, 0, &r->state);
	for (struct remote_port *p = r->ports; p; p = p->next)
		keep_state(r, p->view.id, &p->state);
}

void remote_on_forged(struct remote *r)
{
	if (!atomic_exchange_explicit(&r->is_forged, true, memory_order_acq_rel))
		loop_post(r->instance->env->loop, &r->letter, on_forged);
}
