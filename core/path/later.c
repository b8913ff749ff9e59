/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later.c - packets that go on in the next burst: resumed, injected, delivered, fragments that waited.
 *
 * No recursion: an extension's call never runs another's.  A packet remembers which configuration
 * its place was counted in; where the port was reconfigured meanwhile, it goes on behind the
 * extension that held it, or, if that one has gone, from the start of the chain.
 */
#include "path/burst.h"
#include "path/worker.h"

void packet_append(struct packet_queue *q, struct packet *p)
{
	if (!q->tail)
		q->tail = &q->head;
	p->next = NULL;
	*q->tail = p;
	q->tail = &p->next;
	__atomic_store_n(&q->count, q->count + 1, __ATOMIC_RELAXED);
}

/* Set aside: 'place' and 'epoch' of its configuration, the giver in 'behind', the switch in 'scratch'. */
bool later_put(struct path_worker *w, struct packet *p, const struct way_on *on)
{
	struct packet_queue *q = &w->later;

	if (q->count >= LATER_MAX) {
		packet_drop(w, p, on->stage == XVS_STAGE_FORWARD ? p->x.port_in : on->port,
			    on->stage, 0, REASON_QUEUE_FULL);
		return false;
	}
	p->stage = on->stage;
	p->port_out = on->port;
	p->place = (uint16_t)on->place;
	p->epoch = on->serial;
	p->behind = on->behind;
	p->scratch = (void *)(uintptr_t)on->sw;
	packet_append(q, p);
	return true;
}

struct packet *packet_take(struct packet_queue *q)
{
	struct packet *p = q->head;

	q->head = p->next;
	if (!q->head)
		q->tail = &q->head;
	__atomic_store_n(&q->count, q->count - 1, __ATOMIC_RELAXED);
	p->next = NULL;
	return p;
}

static uint32_t place_behind(const struct chain *chain, uint32_t instance)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		if (instance && chain->places[i].instance->nr == instance)
			return i + 1;
	}
	return 0;
}

struct port_conf *later_resolve(const struct path_worker *w, const struct packet *p,
				uint32_t *place)
{
	struct path_port *port = path_port_of(w->path, p->port_out);
	struct port_conf *conf;

	if (p->port_out == XVS_PORT_NONE && p->scratch)
		port = ((const struct path_switch *)p->scratch)->none;
	if (!port)
		return NULL;
	conf = rcu_read(&port->conf);
	*place = p->place;
	if (conf && p->epoch != conf->serial)
		*place = place_behind(p->stage == XVS_STAGE_EGRESS ? &conf->egress : &conf->ingress,
				      p->behind);
	return conf;
}

static void run_forward(struct path_worker *w, struct packet *p)
{
	const struct path_switch *sw = p->scratch;
	struct path_port *in = path_port_of(w->path, p->x.port_in);
	uint32_t dest = p->port_out;

	p->scratch = NULL;
	output_packet(w, p, sw, in ? rcu_read(&in->conf) : NULL, dest, p->x.port_in);
}

/* Packets that go on from the same place of the same port run together. */
static void run_group(struct path_worker *w, struct packet *p, uint32_t *left)
{
	struct burst *b = &w->ingress;
	uint16_t stage = p->stage;
	uint32_t place = 0;
	struct port_conf *conf = later_resolve(w, p, &place);

	if (!conf || !conf->is_open) {
		packet_drop(w, p, p->port_out, stage, 0,
			    !conf                       ? REASON_STALE
			    : stage == XVS_STAGE_EGRESS ? REASON_EXIT_CLOSED
							: REASON_PORT_CLOSED);
		return;
	}
	b->count = 0;
	for (;;) {
		uint32_t next_place = 0;

		p->scratch = NULL;
		b->reason[b->count] = REASON_NONE;
		b->pkts[b->count++] = p;
		p = w->later.head;
		if (*left == 0 || b->count == XVS_BATCH_MAX || p->stage != stage ||
		    p->port_out != conf->port->id)
			break;
		if (later_resolve(w, p, &next_place) != conf || next_place != place)
			break;
		(void)packet_take(&w->later);
		(*left)--;
	}
	burst_continue(w, b, conf, stage, place);
}

uint32_t later_run(struct path_worker *w)
{
	uint32_t left = w->later.count;
	uint32_t count = left;

	while (left > 0) {
		struct packet *p = packet_take(&w->later);

		left--;
		w->changes = epoch_changes();
		w->epoch = epoch_now();
		if (p->stage == XVS_STAGE_FORWARD)
			run_forward(w, p);
		else
			run_group(w, p, &left);
	}
	/* what was forwarded leaves together: a mirror's copies are as many as its originals */
	if (count > 0) {
		output_flush(w);
		flow_reclaim(w->cache);
	}
	return count;
}

void later_drop_port(struct path_worker *w, uint32_t port)
{
	struct packet_queue all = w->later;

	w->later.head = NULL;
	w->later.tail = &w->later.head;
	__atomic_store_n(&w->later.count, 0, __ATOMIC_RELAXED);
	while (all.count-- > 0) {
		struct packet *p = all.head;

		all.head = p->next;
		if (p->port_out == port && p->stage != XVS_STAGE_FORWARD)
			packet_drop(w, p, port, p->stage, 0, REASON_SHUTDOWN);
		else
			packet_append(&w->later, p);
	}
}
