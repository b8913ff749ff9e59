/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/multipart.c - statistics and descriptions: asked, collected, told in turns.  Barriers.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/query.h"
#include "agent/tables.h"

enum { TURN_ENTRIES = 64, FULL_NS = 2 * 1000 * 1000 };

static void query_end(struct of_query *q)
{
	struct of_controller *c = q->controller;
	struct of_agent *a = c->agent;
	struct of_query **at = &a->queries;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	of_query_let_go(q);
	a->timers->destroy(a->host, q->timer);
	if (c->connection)
		of_connection_release(c->connection);
	of_controller_drop(c);
	free(q);
}

/* Before workers and connections go: nobody will call us. */
void of_agent_drop_queries(struct of_agent *a)
{
	while (a->queries)
		query_end(a->queries);
}

static void begin(struct of_query *q)
{
	struct of_to to = of_connection_to(q->controller->connection, q->xid);

	of_reply_begin(&q->reply, &to, q->what.type);
	q->is_open = true;
}

/* As much as there is time and room for.  True: that was all. */
static bool tell_some(struct of_query *q)
{
	struct of_controller *c = q->controller;
	struct of_agent *a = c->agent;
	uint64_t until = a->host->now(a->host) + OF_TURN_NS;

	while (!of_query_is_told(q) && !of_connection_is_full(c->connection)) {
		for (uint32_t n = 0; n < TURN_ENTRIES && !of_query_is_told(q); n++)
			of_query_tell(q);
		if (a->host->now(a->host) > until)
			break;
	}
	return of_query_is_told(q);
}

static void on_turn(void *arg)
{
	struct of_query *q = arg;
	struct of_controller *c = q->controller;
	struct of_agent *a = c->agent;
	bool is_full;

	if (!c->connection) {
		query_end(q);
		return;
	}
	if (a->job) { /* what is half changed is told of when it is whole */
		a->timers->arm(a->host, q->timer, FULL_NS);
		return;
	}
	if (!q->is_open)
		begin(q);
	if (tell_some(q)) {
		of_query_finish(q);
		of_reply_end(&q->reply);
		query_end(q);
		return;
	}
	of_reply_flush(&q->reply);
	is_full = of_connection_is_full(c->connection);
	of_connection_flush(c->connection);
	a->timers->arm(a->host, q->timer, is_full ? FULL_NS : 0);
}

static void on_collected(void *arg)
{
	on_turn(arg);
}

static bool is_counted(uint16_t type)
{
	return type == OFPMP_FLOW || type == OFPMP_AGGREGATE || type == OFPMP_TABLE ||
	       type == OFPMP_GROUP || type == OFPMP_METER;
}

static of_fault start(struct of_query *q)
{
	struct of_controller *c = q->controller;
	struct of_agent *a = c->agent;
	of_fault fault = of_query_gather(q);

	if (fault) {
		query_end(q);
		return fault;
	}
	if (is_counted(q->what.type) && a->flow->collect(a->host, on_collected, q) == 0)
		return OF_OK;
	on_turn(q);
	return OF_OK;
}

of_fault of_agent_multipart(struct of_controller *c, const struct of_message *m)
{
	struct of_agent *a = c->agent;
	of_fault fault;
	bool is_whole;
	struct of_query *q;

	if (m->multipart.type == OFPMP_TABLE_FEATURES) {
		fault = of_tables_request(c, m, &is_whole);
		if (fault || !is_whole)
			return fault;
	}
	if (m->multipart.type == OFPMP_FLOW_MONITOR)
		return OF_BAD_REQUEST_MULTIPART;
	q = calloc(1, sizeof(*q));
	if (!q)
		return OF_BAD_REQUEST_EPERM;
	q->controller = c;
	q->what = m->multipart;
	q->xid = m->xid;
	q->now_ns = a->host->now(a->host);
	q->timer = a->timers->create(a->host, on_turn, q);
	if (!q->timer) {
		free(q);
		return OF_BAD_REQUEST_EPERM;
	}
	q->next = a->queries;
	a->queries = q;
	of_controller_hold(c);
	of_connection_hold(c->connection);
	return start(q);
}

/* ---- barriers --------------------------------------------------------------------------------------- */

struct barrier {
	struct of_controller *controller; /* held */
	uint32_t xid;
	uint32_t turns;
};

/* Every worker has passed: what came before is in force. */
static void on_passed(void *arg)
{
	struct barrier *b = arg;
	struct of_controller *c = b->controller;
	struct of_agent *a = c->agent;
	struct of_to to;

	/* packets that were sent before it are on their way, too; not for ever, if others send more */
	if (c->connection && a->is_active && of_packet_outs_wait(a) && b->turns++ < 1000) {
		a->host->defer(a->host, on_passed, b);
		return;
	}
	if (c->connection) {
		to = of_connection_to(c->connection, b->xid);
		of_put_barrier_reply(&to);
		of_connection_release(c->connection);
	}
	of_controller_drop(c);
	free(b);
}

of_fault of_agent_barrier(struct of_controller *c, const struct of_message *m)
{
	struct barrier *b = calloc(1, sizeof(*b));

	if (!b)
		return OF_BAD_REQUEST_EPERM;
	b->controller = c;
	b->xid = m->xid;
	of_controller_hold(c);
	of_connection_hold(c->connection);
	c->agent->host->defer(c->agent->host, on_passed, b);
	return OF_OK;
}
