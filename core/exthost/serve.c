/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/serve.c - the control thread: each call of the daemon is made to the extension, and its
 * result goes back.
 */
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include "base/str.h"
#include "ext/describe.h"
#include "ext/flat.h"
#include "ext/state.h"
#include "exthost/exthost.h"
#include "xvs/ext/classify.h"
#include "xvs/ext/mailbox.h"
#include "xvs/ext/timer.h"

/* ---- saying -------------------------------------------------------------------------------------- */

static pthread_mutex_t saying = PTHREAD_MUTEX_INITIALIZER;

static void send_message(uint32_t type, const void *fixed, size_t len, const void *more,
			 size_t more_len)
{
	(void)pthread_mutex_lock(&saying);
	/* the daemon reads, or it ends us */
	if (wire_send(WIRE_FD_SOCKET, type, fixed, len, more, more_len, UINT64_MAX) != 0)
		_exit(0);
	(void)pthread_mutex_unlock(&saying);
}

void serve_say(uint32_t type, const void *body, size_t len)
{
	send_message(type, body, len, NULL, 0);
}

static void reply(const struct wire_reply *r, const void *more, size_t len)
{
	send_message(WIRE_REPLY, r, sizeof(*r), more, len);
}

static void reply_code(int code, const struct xvs_error *err)
{
	struct wire_reply r = { .code = code };

	(void)str_copy(r.field, sizeof(r.field), code ? err->field : "");
	(void)str_copy(r.text, sizeof(r.text), code ? err->text : "");
	reply(&r, NULL, 0);
}

/* ---- the host that the extension sees ------------------------------------------------------------- */

static bool is_offered(const char *id)
{
	static const char *const ids[] = { XVS_FLOW_HOST, XVS_TIMER, XVS_MAILBOX, XVS_CLASSIFY };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (strcmp(ids[i], id) == 0)
			return true;
	return false;
}

static bool is_withheld(const char *id)
{
	return !is_offered(id);
}

static void host_log(struct instance *i, int level, const char *text)
{
	struct wire_log l = { .level = level };

	(void)i;
	(void)str_copy(l.text, sizeof(l.text), text);
	serve_say(WIRE_LOG, &l, sizeof(l));
}

static void host_invalidate(const struct xvs_host *h, uint64_t tags)
{
	const struct wire_match m = { .tags = tags };

	(void)h;
	serve_say(WIRE_INVALIDATE, &m, sizeof(m));
}

static void host_invalidate_match(const struct xvs_host *h, const struct xvs_flow_key *key,
				  const struct xvs_flow_key *mask)
{
	const struct wire_match m = { .key = *key, .mask = *mask };

	(void)h;
	serve_say(WIRE_INVALIDATE_MATCH, &m, sizeof(m));
}

static int host_collect(const struct xvs_host *h, void (*done)(void *arg), void *arg)
{
	(void)h;
	(void)done;
	(void)arg;
	return -EOPNOTSUPP;
}

static int host_pull(const struct xvs_host *h, struct xvs_packet *p, uint32_t want)
{
	(void)h;
	if (want <= p->linear)
		return 0;
	return want > p->len ? -ENODATA : -ENOBUFS;
}

static int host_unshare(const struct xvs_host *h, struct xvs_packet *p)
{
	(void)h;
	p->flags &= ~(uint32_t)XVS_PKT_SHARED;
	return 0;
}

static struct xvs_packet *host_clone(const struct xvs_host *h, const struct xvs_packet *p)
{
	(void)h;
	(void)p;
	return NULL;
}

static struct xvs_packet *host_alloc(const struct xvs_host *h, uint32_t len)
{
	(void)h;
	(void)len;
	return NULL;
}

static int host_resume(const struct xvs_host *h, struct xvs_packet *p)
{
	(void)h;
	(void)p;
	return -EPERM;
}

static int host_to(const struct xvs_host *h, struct xvs_packet *p, uint32_t where)
{
	(void)h;
	(void)p;
	(void)where;
	return -EPERM;
}

static void host_release(const struct xvs_host *h, struct xvs_packet *p, uint16_t reason)
{
	(void)h;
	(void)p;
	(void)reason;
}

/* ---- calls --------------------------------------------------------------------------------------- */

static void on_describe(void)
{
	struct wire_reply r = { .code = 0 };
	char *text = describe_module(exthost.module);

	r.code = text ? 0 : -ENOMEM;
	reply(&r, text, text ? strlen(text) : 0);
	free(text);
}

static const struct extension *extension_find(const char *id)
{
	uint32_t count;
	const struct extension *exts = module_extensions(exthost.module, &count);

	for (uint32_t i = 0; i < count; i++)
		if (strcmp(exts[i].id, id) == 0)
			return &exts[i];
	return NULL;
}

/* What takes the daemon's own process. */
static int offers_check(const struct instance *i, struct xvs_error *err)
{
	const struct xvs_ops *o = &i->ops;

	if (i->has_conn)
		return error_set(err, -EOPNOTSUPP, "",
				 "authorises connections (" XVS_CONN
				 "), which takes isolation: none");
	if (o->inspect || o->ingress || o->forward || o->egress)
		return error_set(
			err, -EOPNOTSUPP, "",
			"has functions that see packets, which takes isolation: none; in a "
			"process of its own it judges flows (" XVS_FLOW ")");
	return 0;
}

static int create(const struct wire_call *c, struct xvs_error *err)
{
	const struct extension *ext = extension_find(c->extension);
	const struct instance_args args = {
		.name = c->instance,
		.switch_name = c->switch_name,
		.switch_uuid = c->switch_uuid,
		.nr = (uint16_t)c->nr,
		.rights_allowed = c->rights,
		.ports_max = c->ports_max,
	};
	int code;

	if (!ext || exthost.instance || c->workers == 0 || c->workers > WORKERS_MAX ||
	    c->counters != ext->counter_count)
		return error_set(err, -EINVAL, "", "the module is not what it was");
	exthost.worker_count = c->workers;
	if (!packets_share(c->counters))
		return error_set(err, -ENOMEM, "", "the memory of the daemon cannot be mapped");
	exthost.env = (struct instance_env){
		.loop = exthost.loop,
		.workers = exthost.workers,
		.worker_count = c->workers,
		.withholds = is_withheld,
		.log = host_log,
		.pull = host_pull,
		.unshare = host_unshare,
		.clone = host_clone,
		.alloc = host_alloc,
		.resume = host_resume,
		.inject = host_to,
		.deliver = host_to,
		.release = host_release,
		.flow_invalidate = host_invalidate,
		.flow_invalidate_match = host_invalidate_match,
		.flow_collect = host_collect,
	};
	code = instance_create(ext, &args, &exthost.env, &exthost.instance, err);
	return code ? code : offers_check(exthost.instance, err);
}

static void on_create(const struct wire_call *c)
{
	struct xvs_error err = ERROR_INIT;
	struct wire_reply r = { .code = create(c, &err) };
	const struct instance *i = exthost.instance;

	if (r.code) {
		reply_code(r.code, &err);
		return;
	}
	packets_run();
	if (i->has_state) {
		r.value = WIRE_HAS_STATE;
		r.format_min = i->run_state.format_min;
		r.format_max = i->run_state.format_max;
	}
	reply(&r, NULL, 0);
}

static void on_attach(const struct wire_call *c)
{
	struct xvs_error err = ERROR_INIT;
	struct instance *i = exthost.instance;
	struct xvs_port port = c->view;
	void *state = NULL;
	int code = 0;

	port.name = c->port_name;
	if (i->ops.port_attach)
		code = i->ops.port_attach(i->self, &port, &state, &err);
	if (code == 0)
		exthost.ports[c->port] = state;
	reply_code(code, &err);
}

static void on_event(const struct wire_call *c)
{
	struct instance *i = exthost.instance;
	struct xvs_port port = c->view;

	port.name = c->port_name;
	instance_port_event(i, exthost.ports[c->port], (int)c->event, &port);
	reply_code(0, NULL);
}

static void on_detach(const struct wire_call *c)
{
	void *state = exthost.ports[c->port];

	exthost.ports[c->port] = NULL;
	rcu_synchronize();
	instance_port_detach(exthost.instance, state);
	values_forget_port(c->port);
	reply_code(0, NULL);
}

static void on_check(const struct wire_call *c, const void *bytes, size_t len)
{
	struct xvs_error err = ERROR_INIT;
	struct instance *i = exthost.instance;
	const struct xvs_feature *f = &i->ext->features[c->feature];
	struct wire_reply r = { .code = 0 };
	void *value = c->has_value ? malloc(len ? len : 1) : NULL;
	void *prepared = NULL;

	if (value) {
		memcpy(value, bytes, len);
		r.code = flat_unpack(f, value, len, &err);
	}
	if (r.code == 0 && i->ops.policy_check)
		r.code = i->ops.policy_check(i->self, exthost.ports[c->port], f->id, value,
					     &prepared, &err);
	if (r.code) {
		free(value);
		reply_code(r.code, &err);
		return;
	}
	r.value = values_prepare(c->port, c->feature, value, prepared);
	reply(&r, NULL, 0);
}

static void on_apply(const struct wire_call *c, bool is_abort)
{
	struct instance *i = exthost.instance;
	struct prepared *p = values_take(c->prepared);
	const char *feature;

	if (!p) {
		reply_code(-ESTALE, &(struct xvs_error){ .text = "nothing was checked" });
		return;
	}
	feature = i->ext->features[p->feature].id;
	if (is_abort) {
		instance_policy_abort(i, exthost.ports[p->port], feature, p->prepared);
		values_drop(p);
	} else {
		instance_policy_apply(i, exthost.ports[p->port], feature, p->value, p->prepared);
		values_keep(p);
	}
	reply_code(0, NULL);
}

static void on_status(const struct wire_call *c)
{
	struct xvs_error err = ERROR_INIT;
	struct instance *i = exthost.instance;
	const struct xvs_feature *f = &i->ext->features[c->feature];
	void *value = calloc(1, f->bytes);
	struct wire_reply r = { .code = -EOPNOTSUPP };
	void *flat = NULL;
	size_t len = 0;

	if (value && i->ops.status_read)
		r.code = i->ops.status_read(i->self, exthost.ports[c->port], f->id, value, &err);
	if (r.code == 0)
		flat = flat_pack(f, value, &len);
	if (r.code == 0 && (!flat || len > WIRE_SAY_MAX - sizeof(r)))
		r.code = error_set(&err, -E2BIG, "", "is too long to be told");
	if (r.code)
		reply_code(r.code, &err);
	else
		reply(&r, flat, len);
	free(flat);
	free(value);
}

static void on_save(const struct wire_call *c)
{
	struct xvs_error err = ERROR_INIT;
	const struct state_turn turn = { c->phase, c->event, c->budget_ns };
	struct state_record record = { .bytes = NULL };
	struct wire_reply r = { .code = 0 };

	r.code = state_save(exthost.instance, exthost.ports[c->port], &turn, &record, &err);
	if (r.code == 0 && record.len > WIRE_SAY_MAX - sizeof(r))
		r.code = error_set(&err, -E2BIG, "", "has more state than can be told");
	r.left = record.left;
	if (r.code)
		reply_code(r.code, &err);
	else
		reply(&r, record.bytes, record.len);
	free(record.bytes);
}

static void on_restore(const struct wire_call *c, const void *bytes, size_t len)
{
	struct xvs_error err = ERROR_INIT;
	const struct state_bytes in = { bytes, len, c->event };

	reply_code(state_restore(exthost.instance, exthost.ports[c->port], &in, &err), &err);
}

static void on_call(uint32_t type, const struct wire_call *c, const void *bytes, size_t len)
{
	switch (type) {
	case WIRE_ACTIVE:
		instance_set_active(exthost.instance, c->event != 0);
		reply_code(0, NULL);
		break;
	case WIRE_PORT_ATTACH:
		on_attach(c);
		break;
	case WIRE_PORT_EVENT:
		on_event(c);
		break;
	case WIRE_PORT_DETACH:
		on_detach(c);
		break;
	case WIRE_POLICY_CHECK:
		on_check(c, bytes, len);
		break;
	case WIRE_POLICY_APPLY:
	case WIRE_POLICY_ABORT:
		on_apply(c, type == WIRE_POLICY_ABORT);
		break;
	case WIRE_STATUS:
		on_status(c);
		break;
	case WIRE_SAVE:
		on_save(c);
		break;
	case WIRE_SAVE_END:
		state_save_end(exthost.instance, exthost.ports[c->port], c->event != 0);
		reply_code(0, NULL);
		break;
	default:
		on_restore(c, bytes, len);
	}
}

static void on_message(uint32_t type, const uint8_t *body, size_t len)
{
	struct wire_call c;
	const struct extension *ext = exthost.instance ? exthost.instance->ext : NULL;

	if (type == WIRE_DESCRIBE) {
		on_describe();
		return;
	}
	if (len < sizeof(c))
		_exit(1);
	memcpy(&c, body, sizeof(c));
	if (type == WIRE_CREATE) {
		on_create(&c);
		return;
	}
	if (!ext || c.port >= PORTS_MAX || (ext->feature_count && c.feature >= ext->feature_count))
		_exit(1);
	on_call(type, &c, body + sizeof(c), len - sizeof(c));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	const void *body;
	uint32_t type;
	size_t len;

	(void)what;
	(void)arg;
	/* at its end the daemon has no more use for us */
	if (wire_fill(fd, &exthost.box) == -EPIPE)
		_exit(0);
	while (wire_next(&exthost.box, &type, &body, &len) == 0)
		on_message(type, body, len);
}

/* The module is mapped, or the daemon is told why it cannot be. */
void serve_start(void)
{
	struct xvs_error err = ERROR_INIT;
	struct event *e = event_new(loop_base(exthost.loop), WIRE_FD_SOCKET, EV_READ | EV_PERSIST,
				    on_readable, NULL);
	int code = module_map_fd(WIRE_FD_MODULE, is_offered, &exthost.module, &err);

	if (code == 0)
		code = filter_install(FILTER_RUNNING);
	if (code) {
		reply_code(code, &err);
		_exit(0);
	}
	exthost.box.most = WIRE_CALL_MAX;
	if (e && event_add(e, NULL) == 0)
		loop_run(exthost.loop);
	_exit(1);
}
