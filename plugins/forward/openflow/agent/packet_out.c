/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/packet_out.c - packets that controllers send: handed to a worker, many at a time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/queues.h"
#include "pipeline/reshape.h"

enum { PACKET_LEAST = 14, PACKET_MOST = 65535 };

struct packet_out {
	struct packet_out *next;
	uint32_t port; /* by id, where it is said to have come in */
	uint32_t len;
	struct of_actions actions;
	/* actions, bytes */
};

/* Handed to a worker as they are, and given back when it has run. */
struct of_packet_outs {
	struct of_agent *agent;
	struct packet_out *waiting, **end; /* to be handed over */
	uint32_t count;
	uint32_t bytes;
	struct packet_out *handed; /* the worker's, while 'is_out' */
	bool is_out;
};

static uint8_t *bytes_of(struct packet_out *p)
{
	return (uint8_t *)(p + 1) + p->actions.count * sizeof(struct of_action);
}

static void free_list(struct packet_out *p)
{
	while (p) {
		struct packet_out *next = p->next;

		free(p);
		p = next;
	}
}

bool of_packet_outs_wait(const struct of_agent *a)
{
	return a->packet_outs->is_out || a->packet_outs->waiting;
}

int of_packet_outs_init(struct of_agent *a)
{
	a->packet_outs = calloc(1, sizeof(*a->packet_outs));
	if (!a->packet_outs)
		return -ENOMEM;
	a->packet_outs->agent = a;
	a->packet_outs->end = &a->packet_outs->waiting;
	return 0;
}

void of_packet_outs_destroy(struct of_agent *a)
{
	if (!a->packet_outs)
		return;
	free_list(a->packet_outs->waiting);
	free_list(a->packet_outs->handed);
	free(a->packet_outs);
}

/* ---- on a worker ------------------------------------------------------------------------------------ */

static void send_one(struct of_worker *w, struct packet_out *p, uint64_t now_ns)
{
	const struct xvs_host *host = w->pipeline->host;
	struct xvs_packet *x = host->alloc(host, p->len);

	if (!x)
		return;
	memcpy(x->data, bytes_of(p), p->len);
	x->port_in = p->port;
	if (of_packet_adopt(x) != 0)
		host->release(host, x, OF_REASON_FAILED);
	else
		of_send(w, x, p->port, &p->actions, now_ns);
}

static void on_worker(void *arg, void *worker_state, uint64_t now_ns)
{
	struct of_packet_outs *o = arg;

	for (struct packet_out *p = o->handed; p; p = p->next)
		send_one(worker_state, p, now_ns);
}

/* ---- on the control thread -------------------------------------------------------------------------- */

static void hand_over(struct of_packet_outs *o);

static void on_done(void *arg, bool ran)
{
	struct of_packet_outs *o = arg;

	(void)ran;
	free_list(o->handed);
	o->handed = NULL;
	o->is_out = false;
	hand_over(o);
}

/* A worker has other things to do. */
static void take_some(struct of_packet_outs *o)
{
	struct packet_out **at = &o->waiting;

	for (uint32_t n = 0; n < OF_PACKET_OUTS_TURN && *at; n++) {
		o->count--;
		o->bytes -= (*at)->len;
		at = &(*at)->next;
	}
	o->handed = o->waiting;
	o->waiting = *at;
	*at = NULL;
	if (!o->waiting)
		o->end = &o->waiting;
}

static void hand_over(struct of_packet_outs *o)
{
	struct of_agent *a = o->agent;

	while (!o->is_out && o->waiting) {
		take_some(o);
		o->is_out = a->mailbox->call(a->host, 0, on_worker, on_done, o) == 0;
		if (o->is_out)
			return;
		free_list(o->handed); /* no worker, or far too many wait */
		o->handed = NULL;
	}
}

static of_fault check(struct of_agent *a, const struct of_packet_out *p)
{
	if (p->in_port != OF_PORT_CONTROLLER && p->in_port != OF_PORT_ANY &&
	    !of_agent_port(a, p->in_port))
		return OF_BAD_REQUEST_PORT;
	if (p->packet.len < PACKET_LEAST || p->packet.len > PACKET_MOST)
		return OF_BAD_REQUEST_PACKET;
	for (uint32_t i = 0; i < p->actions.count; i++) {
		const struct of_action *at = &p->actions.list[i];

		if (at->type == OF_ACT_GROUP && !of_map_get(&a->pipeline.state.groups, at->number))
			return OF_BAD_ACTION_OUT_GROUP;
		if (at->type == OF_ACT_OUTPUT && at->number < (uint32_t)OF_PORT_MAX &&
		    !of_agent_port(a, at->number))
			return OF_BAD_ACTION_OUT_PORT;
	}
	return of_queues_check(a, &p->actions);
}

static of_fault wait(struct of_agent *a, const struct of_packet_out *p)
{
	struct of_packet_outs *o = a->packet_outs;
	size_t actions = p->actions.count * sizeof(struct of_action);
	of_fault fault = check(a, p);
	struct packet_out *x;

	if (fault)
		return fault;
	if (!p->actions.count || o->count >= OF_PACKET_OUTS_MAX ||
	    o->bytes + p->packet.len > OF_PACKET_OUT_BYTES_MAX)
		return OF_OK; /* dropped, as a busy switch drops */
	x = malloc(sizeof(*x) + actions + p->packet.len);
	if (!x)
		return OF_BAD_REQUEST_EPERM;
	*x = (struct packet_out){ .len = p->packet.len, .port = XVS_PORT_NONE };
	if (p->in_port != OF_PORT_CONTROLLER && p->in_port != OF_PORT_ANY)
		x->port = of_agent_port(a, p->in_port)->id;
	x->actions.count = p->actions.count;
	x->actions.list = (struct of_action *)(void *)(x + 1);
	memcpy(x->actions.list, p->actions.list, actions);
	memcpy(bytes_of(x), p->packet.at, p->packet.len);
	*o->end = x;
	o->end = &x->next;
	o->count++;
	o->bytes += x->len;
	hand_over(o);
	return OF_OK;
}

static of_fault send_kept(struct of_agent *a, const struct of_packet_out *p,
			  struct of_buffer *buffer)
{
	struct of_packet_out kept = *p;
	of_fault fault;

	kept.packet = (struct of_bytes){ buffer->bytes, buffer->len };
	fault = wait(a, &kept);
	if (!fault)
		of_buffer_free(buffer);
	return fault;
}

of_fault of_agent_packet_out(struct of_controller *c, const struct of_packet_out *p)
{
	of_fault fault = OF_OK;
	struct of_buffer *buffer;

	if (p->buffer_id == OF_NO_BUFFER)
		return wait(c->agent, p);
	buffer = of_buffers_find(&c->agent->buffers, c, p->buffer_id, &fault);
	return buffer ? send_kept(c->agent, p, buffer) : fault;
}

void of_agent_claimed(struct of_agent *a, bool go)
{
	struct of_action to_tables = { .type = OF_ACT_OUTPUT, .number = OF_PORT_TABLE };

	for (uint32_t i = 0; i < OF_BUFFERS && a->buffers.claimed; i++) {
		struct of_buffer *at = &a->buffers.slots[i];
		const struct of_packet_out through = {
			.buffer_id = at->id,
			.in_port = at->in_port,
			.actions = { .list = &to_tables, .count = 1 },
		};

		if (!at->is_claimed)
			continue;
		at->is_claimed = false;
		a->buffers.claimed--;
		if (go && at->bytes) /* but where its port has gone meanwhile */
			(void)send_kept(a, &through, at);
	}
}
