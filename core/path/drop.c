/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drop.c - the end of packets that are not sent: counted by port, stage, instance and reason.
 */
#include "path/tracing.h"

void packet_uncharge(struct path_worker *w, struct packet *p)
{
	struct path_port *port;

	if (!p->charged)
		return;
	port = path_port_of(w->path, p->charged);
	if (port)
		atomic_fetch_sub_explicit(&port->held, 1, memory_order_relaxed);
	p->charged = 0;
}

void packet_drop(struct path_worker *w, struct packet *p, uint32_t port, uint32_t stage,
		 uint32_t instance, uint32_t reason)
{
	struct port_counters *c;

	/* port_in is where extensions can write */
	if (port >= PORTS_MAX)
		port = 0;
	if (w->trace) {
		trace_dropped(w, port, stage, instance, reason);
		packet_free(p);
		return;
	}
	c = &w->w.shard->ports[port];
	if (reason == XVS_REASON_CONSUMED) {
		counter_add(&c->consumed, 1);
	} else {
		counters_drop(w->w.shard, drop_key(port, stage, instance, reason), 1, p->x.len);
	}
	if (tap_is_at(w, CAPTURE_DROPS) || tap_is_at(w, CAPTURE_AFTER))
		tap_dropped(w, p, port, stage, instance, reason);
	packet_uncharge(w, p);
	packet_free(p);
}

void burst_drop_at(struct burst *b, uint32_t i, uint32_t stage, uint32_t instance, uint32_t reason)
{
	b->live &= ~(UINT64_C(1) << i);
	packet_drop(b->worker, b->pkts[i], b->conf->port->id, stage, instance, reason);
}

void burst_drop(struct burst *b, uint32_t i, uint32_t instance, uint32_t reason)
{
	burst_drop_at(b, i, b->stage, instance, reason);
}

void burst_lose(struct burst *b, uint32_t i, uint32_t first, uint32_t instance, uint32_t reason)
{
	account_missed(b, i, first);
	burst_drop(b, i, instance, reason);
}

bool packet_parse_own(struct packet *p)
{
	uint16_t bad = REASON_NONE;

	p->x.flags &= ~(uint32_t)XVS_PKT_DIRTY;
	packet_parse(p, &bad);
	return !(p->x.flags & XVS_PKT_BAD);
}
