/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/remote.c - the functions of an extension in a process of its own: what the host calls is kept for
 * the next process and passed on to this one (remote_life.c).
 */
#include "ext/remote_part.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "ext/describe.h"
#include "ext/flat.h"

enum { WATCH_FIRST_MS = 500 };

static uint32_t feature_index(const struct remote *r, const char *id)
{
	const struct extension *ext = r->instance->ext;
	uint32_t i = 0;

	while (i < ext->feature_count && strcmp(ext->features[i].id, id) != 0)
		i++;
	return i;
}

/* Numbers of one process mean nothing to the next. */
static void *prepared_of(const struct remote *r, uint32_t nr)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a number that the host keeps for us */
	return (void *)(uintptr_t)((uint64_t)r->starts << 32 | nr);
}

static bool is_of_this_process(const struct remote *r, const void *prepared)
{
	return (uintptr_t)prepared >> 32 == r->starts;
}

/* For a call that needs it. */
static int remote_need(struct remote *r, struct xvs_error *err)
{
	if (r->process.pid)
		return 0;
	return error_set(err, -EAGAIN, "",
			 "its process has ended and is about to be started again; try again");
}

static void values_free(struct remote_value *v)
{
	while (v) {
		struct remote_value *next = v->next;

		free(v->bytes);
		free(v);
		v = next;
	}
}

static void port_free(struct remote_port *p)
{
	values_free(p->values);
	free(p->state.bytes);
	free(p);
}

void remote_free(struct remote *r)
{
	loop_timer_destroy(r->again);
	loop_timer_destroy(r->watch);
	while (r->ports) {
		struct remote_port *next = r->ports->next;

		port_free(r->ports);
		r->ports = next;
	}
	values_free(r->values);
	free(r->state.bytes);
	free(r->status);
	free(r->counters);
	free(r->workers);
	free(r);
}

static void remote_destroy(void *self)
{
	struct remote *r = self;

	remote_take_down(r);
	r->is_ending = true;
	/* a worker's letter is on its way */
	if (!atomic_load_explicit(&r->is_forged, memory_order_acquire))
		remote_free(r);
}

static int remote_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			 struct xvs_error *err)
{
	struct instance *i = instance_of(host);
	struct remote *r = calloc(1, sizeof(*r));
	int code = -ENOMEM;

	if (!r)
		return error_set(err, -ENOMEM, "", "out of memory");
	r->instance = i;
	r->process.socket = -1;
	r->ports_max = args->ports_max;
	memcpy(r->switch_uuid, args->switch_uuid, sizeof(r->switch_uuid));
	r->again = loop_timer_create(i->env->loop, remote_on_again, r);
	r->watch = loop_timer_create(i->env->loop, remote_on_watch, r);
	r->counters = calloc(i->ext->counter_count + 1, sizeof(*r->counters));
	r->workers = aligned_alloc(64, i->env->worker_count * sizeof(*r->workers));
	if (r->workers)
		memset(r->workers, 0, i->env->worker_count * sizeof(*r->workers));
	if (r->again && r->watch && r->counters && r->workers)
		code = remote_start(r, err);
	else
		(void)error_set(err, -ENOMEM, "", "out of memory");
	if (code) {
		remote_free(r);
		return code;
	}
	loop_timer_arm(r->watch, WATCH_FIRST_MS * NS_PER_MS);
	*self = r;
	return 0;
}

static void remote_active(void *self, bool on)
{
	struct remote *r = self;

	r->is_active = on;
	(void)remote_call_simple(r, WIRE_ACTIVE, 0, on);
}

static void view_set(struct remote_port *p, const struct xvs_port *port)
{
	p->view = *port;
	p->view.name = NULL;
	(void)str_copy(p->name, sizeof(p->name), port->name);
}

static int remote_port_attach(void *self, const struct xvs_port *port, void **port_state,
			      struct xvs_error *err)
{
	struct remote *r = self;
	struct remote_port *p = calloc(1, sizeof(*p));
	struct remote_port **end = &r->ports;
	int code;

	if (!p)
		return error_set(err, -ENOMEM, "", "out of memory");
	view_set(p, port);
	code = remote_need(r, err);
	if (code == 0)
		code = remote_call_attach(r, p, err);
	if (code) {
		free(p);
		return code;
	}
	while (*end)
		end = &(*end)->next;
	*end = p;
	*port_state = p;
	return 0;
}

static void remote_port_event(void *self, void *port_state, int event, const struct xvs_port *now)
{
	struct remote *r = self;
	struct remote_port *p = port_state;
	struct remote_calling c = { .type = WIRE_PORT_EVENT,
				    .call = { .port = p->view.id, .event = (uint32_t)event } };
	struct wire_reply reply;

	if (now)
		view_set(p, now);
	if (event != XVS_PORT_CHANGED)
		p->event = (uint32_t)event;
	c.call.view = p->view;
	memcpy(c.call.port_name, p->name, sizeof(p->name));
	if (r->process.pid)
		(void)remote_call(r, &c, &reply, REMOTE_CALL_MS, NULL);
}

static void remote_port_detach(void *self, void *port_state)
{
	struct remote *r = self;
	struct remote_port *p = port_state;
	struct remote_port **place = &r->ports;

	(void)remote_call_simple(r, WIRE_PORT_DETACH, p->view.id, 0);
	while (*place != p)
		place = &(*place)->next;
	*place = p->next;
	port_free(p);
}

static uint32_t port_of(const void *port_state)
{
	return port_state ? ((const struct remote_port *)port_state)->view.id : 0;
}

/* False: out of memory. */
static bool value_pack(const struct remote *r, const char *feature, const void *value,
		       struct remote_value *out)
{
	*out = (struct remote_value){ .feature = feature_index(r, feature) };
	if (!value)
		return true;
	out->bytes = flat_pack(&r->instance->ext->features[out->feature], value, &out->len);
	return out->bytes != NULL;
}

static int remote_policy_check(void *self, void *port_state, const char *feature, const void *value,
			       void **prepared, struct xvs_error *err)
{
	struct remote *r = self;
	struct remote_value v;
	uint32_t made = 0;
	int code = remote_need(r, err);

	if (code)
		return code;
	if (!value_pack(r, feature, value, &v))
		return error_set(err, -ENOMEM, "", "out of memory");
	code = remote_call_check(r, port_of(port_state), &v, &made, err);
	free(v.bytes);
	if (code == 0)
		*prepared = prepared_of(r, made);
	return code;
}

/* In place of the one it had. */
static void value_keep(struct remote_value **list, const struct remote_value *v)
{
	struct remote_value *kept;

	while (*list && (*list)->feature != v->feature)
		list = &(*list)->next;
	kept = *list ? *list : calloc(1, sizeof(*kept));
	if (!kept) {
		free(v->bytes);
		return;
	}
	free(kept->bytes);
	kept->feature = v->feature;
	kept->bytes = v->bytes;
	kept->len = v->len;
	*list = kept;
}

static void remote_policy_apply(void *self, void *port_state, const char *feature,
				const void *value, void *prepared)
{
	struct remote *r = self;
	struct remote_port *p = port_state;
	struct remote_value v;

	if (!value_pack(r, feature, value, &v)) {
		/* it must not go on with what was in force before */
		remote_down(r, "could not be told a policy for want of memory and was ended");
		return;
	}
	if (!is_of_this_process(r, prepared))
		(void)remote_tell_values(r, port_of(p), &v, NULL);
	else
		(void)remote_call_prepared(r, WIRE_POLICY_APPLY, (uint32_t)(uintptr_t)prepared);
	value_keep(p ? &p->values : &r->values, &v);
}

static void remote_policy_abort(void *self, void *port_state, const char *feature, void *prepared)
{
	struct remote *r = self;

	(void)port_state;
	(void)feature;
	if (is_of_this_process(r, prepared))
		(void)remote_call_prepared(r, WIRE_POLICY_ABORT, (uint32_t)(uintptr_t)prepared);
}

static int remote_status_read(void *self, void *port_state, const char *feature, void *out,
			      struct xvs_error *err)
{
	struct remote *r = self;
	struct remote_calling c = { .type = WIRE_STATUS,
				    .call = { .port = port_of(port_state),
					      .feature = feature_index(r, feature) } };
	const struct xvs_feature *f = &r->instance->ext->features[c.call.feature];
	struct wire_reply reply;
	int code = remote_need(r, err);

	if (code == 0)
		code = remote_call(r, &c, &reply, REMOTE_CALL_MS, err);
	if (code)
		return code;
	free(r->status);
	r->status = malloc(c.reply_len ? c.reply_len : 1);
	if (!r->status)
		return error_set(err, -ENOMEM, "", "out of memory");
	memcpy(r->status, c.reply_more, c.reply_len);
	code = flat_unpack(f, r->status, c.reply_len, err);
	if (code == 0)
		memcpy(out, r->status, f->bytes);
	return code;
}

/* ---- state --------------------------------------------------------------------------------------- */

static struct remote_state *state_of(struct remote *r, void *port_state)
{
	return port_state ? &((struct remote_port *)port_state)->state : &r->state;
}

static int remote_save(void *self, void *port_state, const struct xvs_save *ctx,
		       struct xvs_sink *out, struct xvs_error *err)
{
	struct remote *r = self;
	struct remote_calling c = { .type = WIRE_SAVE,
				    .call = { .port = port_of(port_state),
					      .event = ctx->format,
					      .phase = ctx->phase,
					      .budget_ns = ctx->budget_ns } };
	struct wire_reply reply;
	int code = remote_need(r, err);

	state_of(r, port_state)->is_moving = true;
	if (code == 0)
		code = remote_call(r, &c, &reply, REMOTE_CALL_MS, err);
	if (code)
		return code;
	out->left = reply.left;
	return c.reply_len ? out->write(out, c.reply_more, c.reply_len) : 0;
}

static void remote_save_end(void *self, void *port_state, bool moved)
{
	struct remote *r = self;

	state_of(r, port_state)->is_moving = false;
	(void)remote_call_simple(r, WIRE_SAVE_END, port_of(port_state), moved);
}

static int remote_restore(void *self, void *port_state, uint32_t format, struct xvs_source *in,
			  struct xvs_error *err)
{
	struct remote *r = self;
	struct remote_state s = { .len = in->left, .format = format };
	int code = remote_need(r, err);

	if (code)
		return code;
	s.bytes = malloc(s.len ? s.len : 1);
	if (!s.bytes)
		return error_set(err, -ENOMEM, "", "out of memory");
	code = s.len ? in->read(in, s.bytes, s.len) : 0;
	if (code == 0)
		code = remote_call_restore(r, port_of(port_state), &s, err);
	free(s.bytes);
	return code;
}

static const void *remote_query(void *self, const char *id)
{
	struct remote *r = self;

	if (strcmp(id, XVS_FLOW) == 0)
		return &remote_flow;
	if (strcmp(id, XVS_STATE) != 0 || !r->has_state)
		return NULL;
	r->state_ops.size = sizeof(r->state_ops);
	r->state_ops.save = remote_save;
	r->state_ops.save_end = remote_save_end;
	r->state_ops.restore = remote_restore;
	return &r->state_ops;
}

static const struct xvs_ops remote_ops = {
	.size = sizeof(remote_ops),
	.create = remote_create,
	.destroy = remote_destroy,
	.active = remote_active,
	.port_attach = remote_port_attach,
	.port_event = remote_port_event,
	.port_detach = remote_port_detach,
	.policy_check = remote_policy_check,
	.policy_apply = remote_policy_apply,
	.policy_abort = remote_policy_abort,
	.status_read = remote_status_read,
	.query = remote_query,
};

/* ---- before there is an instance ------------------------------------------------------------------ */

static void hear_nothing(void *arg, uint32_t type, const void *body, size_t len)
{
	(void)arg;
	(void)type;
	(void)body;
	(void)len;
}

const struct xvs_module *remote_describe(int fd, struct arena *arena, struct xvs_error *err)
{
	const int fds[WIRE_FD_END] = { -1, -1, -1, -1, fd, -1, -1, -1 };
	const struct process_call call = { .type = WIRE_DESCRIBE,
					   .limit_ms = REMOTE_START_MS,
					   .say = hear_nothing };
	const struct xvs_module *m = NULL;
	struct process p;
	struct wire_reply reply;
	const void *text;
	size_t len;
	int code = exthost_start(&p, fds, err);

	if (code)
		return NULL;
	code = exthost_call(&p, &call, &reply, &text, &len);
	if (code == 0 && reply.code == 0)
		m = described_module(text, len, arena, &remote_ops, err);
	else if (code == 0)
		(void)error_set(err, reply.code < 0 ? reply.code : -EPROTO, "",
				"with isolation: process: %s", reply.text);
	exthost_end(&p);
	if (code) {
		char end[96];

		exthost_end_text(&p, end, sizeof(end));
		(void)error_set(err, -ENOEXEC, "", "loaded in a process of its own, it %s",
				code == -ETIMEDOUT ? "did not come back" : end);
	}
	return m;
}

int remote_check(const struct extension *ext, struct xvs_error *err)
{
	const uint32_t able = XVS_RIGHT_REWRITE;
	char rights[96];

	if (ext->rights & ~able) {
		rights_print(ext->rights & ~able, rights, sizeof(rights));
		return error_set(err, -EOPNOTSUPP, "",
				 "%s wants the rights %s, which only isolation: none can give",
				 ext->id, rights);
	}
	if (ext->linear > LANE_BYTES)
		return error_set(err, -EOPNOTSUPP, "",
				 "%s wants %u bytes of each packet, with isolation: process it can "
				 "have %u",
				 ext->id, ext->linear, (unsigned)LANE_BYTES);
	if (ext->convert)
		return error_set(err, -EOPNOTSUPP, "",
				 "%s converts former policies, which takes isolation: none",
				 ext->id);
	return 0;
}

void remote_stats(const struct instance *i, struct remote_stats *out)
{
	const struct remote *r = i->self;

	*out = (struct remote_stats){ r->process.pid, r->starts };
}
