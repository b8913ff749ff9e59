/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.xvs.connlog - who talked with whom: a record of each connection's begin and end, as lines of
 * JSON in a file.
 *
 * It allows everything and only asks to be told.  It stands before other firewalls, so that it
 * also hears of what they deny.  A connection that was denied and is tried again counts once for as
 * long as the host remembers the denial.
 */
#include "connlog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xvs/ext/sdk.h"

static const struct xvs_label counters[] = {
	[CONNLOG_NOTED] = { "noted", "Records made" },
	[CONNLOG_LOST] = { "lost", "Records lost because too many waited" },
};

/* ---- workers ------------------------------------------------------------------------------- */

static void connlog_authorise(void *self, const struct xvs_batch *b, uint32_t i,
			      const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	const struct connlog *s = self;
	const struct connlog_port *port = b->port_state;

	(void)i;
	(void)c;
	v->action = XVS_CONN_ALLOW;
	if (!atomic_load_explicit(&s->has_file, memory_order_relaxed) ||
	    !atomic_load_explicit(&port->enabled, memory_order_relaxed))
		return;
	v->log = 1;
	v->report_ms = atomic_load_explicit(&port->report_ms, memory_order_relaxed);
}

/* Its slot tells whether the begin was told; what never began was denied. */
static enum happening what_of(const struct xvs_conn_event *e)
{
	bool is_begun = e->conn->slot && *e->conn->slot;

	if (e->conn->state != XVS_CONN_CLOSED)
		return is_begun ? HAPPENED_REPORT : HAPPENED_BEGIN;
	return is_begun || e->cause != XVS_CONN_DENIED ? HAPPENED_END : HAPPENED_DENIED;
}

static void fill(const struct xvs_conn_event *e, enum happening what, struct record *r)
{
	const struct xvs_conn *c = e->conn;
	const struct connlog_port *port = e->port_state;

	*r = (struct record){
		.id = c->id,
		.now_ns = e->now_ns,
		.begin_ns = c->begin_ns,
		.packets = { c->packets[0], c->packets[1] },
		.bytes = { c->bytes[0], c->bytes[1] },
		.segment = c->segment,
		.mark = c->mark,
		.src_port = xvs_ntoh16(c->src_port),
		.dst_port = xvs_ntoh16(c->dst_port),
		.proto = c->proto,
		.inbound = c->inbound,
		.what = (uint8_t)what,
		.cause = (uint8_t)e->cause,
	};
	memcpy(r->src, c->src, sizeof(r->src));
	memcpy(r->dst, c->dst, sizeof(r->dst));
	memcpy(r->port, port->name, sizeof(r->port));
}

static void connlog_event(void *self, const struct xvs_conn_event *e)
{
	const struct connlog *s = self;
	const struct connlog_port *port = e->port_state;
	enum happening what = what_of(e);
	struct record r;

	if (e->conn->slot)
		*e->conn->slot = 1;
	if (what == HAPPENED_BEGIN && !atomic_load_explicit(&port->begins, memory_order_relaxed))
		return;
	fill(e, what, &r);
	if (s->mailbox->post(s->host, &r, sizeof(r), NULL, 0) == 0)
		e->counters[CONNLOG_NOTED]++;
	else
		e->counters[CONNLOG_LOST]++;
}

_Static_assert(sizeof(struct record) <= XVS_MAIL_BYTES_MAX, "a record is one mail");

/* ---- control ------------------------------------------------------------------------------- */

static void on_mail(void *self, const struct xvs_mail *m)
{
	struct connlog *s = self;
	struct record r;

	if (m->bytes_len != sizeof(r))
		return;
	memcpy(&r, m->bytes, sizeof(r));
	s->journal.lost += m->lost;
	journal_add(&s->journal, &r);
}

static int connlog_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
			  struct xvs_error *err)
{
	struct connlog *s = calloc(1, sizeof(*s));
	int result;

	(void)args;
	if (!s)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	s->host = host;
	s->conns = host->query(host, XVS_CONN_HOST);
	s->mailbox = host->query(host, XVS_MAILBOX);
	result = s->mailbox->open(host, MAIL_SLOTS, 0, on_mail);
	if (result < 0)
		(void)xvs_refuse(err, result, "", "the host gave no mailbox");
	else
		result = journal_init(&s->journal, host, err);
	if (result < 0) {
		free(s);
		return result;
	}
	*self = s;
	return 0;
}

static void connlog_destroy(void *self)
{
	struct connlog *s = self;

	journal_finish(&s->journal);
	free(s);
}

static int connlog_port_attach(void *self, const struct xvs_port *info, void **port_state,
			       struct xvs_error *err)
{
	struct connlog_port *port = calloc(1, sizeof(*port));

	(void)self;
	if (!port)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	(void)snprintf(port->name, sizeof(port->name), "%s", info->name);
	*port_state = port;
	return 0;
}

static void connlog_port_detach(void *self, void *port_state)
{
	(void)self;
	free(port_state);
}

static int connlog_policy_check(void *self, void *port_state, const char *feature,
				const void *value, void **prepared, struct xvs_error *err)
{
	(void)self;
	(void)feature;
	*prepared = NULL;
	return value && !port_state ? connlog_file_check(value, err) : 0;
}

static void apply_port(struct connlog_port *port, const struct connlog_port_policy *policy)
{
	atomic_store_explicit(&port->begins, policy && policy->begins, memory_order_relaxed);
	atomic_store_explicit(&port->report_ms, policy ? policy->report_s * 1000 : 0,
			      memory_order_relaxed);
	atomic_store_explicit(&port->enabled, policy && policy->enabled, memory_order_relaxed);
}

/* Connections that live are asked about anew, and so begin or cease to be told of. */
static void connlog_policy_apply(void *self, void *port_state, const char *feature,
				 const void *value, void *prepared)
{
	struct connlog *s = self;

	(void)feature;
	(void)prepared;
	if (port_state) {
		apply_port(port_state, value);
	} else {
		journal_choose(&s->journal, value);
		atomic_store_explicit(&s->has_file, value != NULL, memory_order_relaxed);
	}
	s->conns->invalidate(s->host);
}

static int connlog_status_read(void *self, void *port_state, const char *feature, void *out,
			       struct xvs_error *err)
{
	const struct connlog *s = self;
	struct connlog_status *status = out;
	int error = atomic_load_explicit(&s->journal.error, memory_order_relaxed);

	(void)port_state;
	(void)feature;
	(void)err;
	status->written = atomic_load_explicit(&s->journal.written, memory_order_relaxed);
	status->lost = journal_lost(&s->journal);
	if (error)
		(void)snprintf(status->error, sizeof(status->error), "%s", strerror(error));
	return 0;
}

static const struct xvs_conn_ops conn_ops = {
	.size = sizeof(conn_ops),
	.authorise = connlog_authorise,
	.event = connlog_event,
};

static const void *connlog_query(void *self, const char *id)
{
	(void)self;
	return strcmp(id, XVS_CONN) == 0 ? &conn_ops : NULL;
}

static const struct xvs_ops ops = {
	.size = sizeof(ops),
	.create = connlog_create,
	.destroy = connlog_destroy,
	.port_attach = connlog_port_attach,
	.port_detach = connlog_port_detach,
	.policy_check = connlog_policy_check,
	.policy_apply = connlog_policy_apply,
	.status_read = connlog_status_read,
	.query = connlog_query,
};

static const char *const needs[] = { XVS_CONN_HOST, XVS_MAILBOX, XVS_TASK, XVS_TIMER };
static const char *const before[] = { "org.xvs.secgroup" };

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension),
	  .cls = XVS_FIREWALL,
	  .flags = XVS_EXT_POLICY_ONLY,
	  .id = "org.xvs.connlog",
	  .version = XVS_VERSION,
	  .vendor = "xvs",
	  .summary = "Records of connections: begin, end, bytes and verdict, as lines of JSON",
	  .features = XVS_TABLE(connlog_features),
	  .counters = XVS_TABLE(counters),
	  .needs = XVS_TABLE(needs),
	  .before = XVS_TABLE(before),
	  .ops = &ops },
};

XVS_EXPORT const struct xvs_module xvs_module_1 = {
	.size = sizeof(struct xvs_module),
	.extensions = XVS_TABLE(extensions),
};

XVS_NOTE("org.xvs.connlog", XVS_VERSION, 1u << XVS_FIREWALL, 0);
