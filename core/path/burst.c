/* SPDX-License-Identifier: Apache-2.0 */
/*
 * burst.c - the life of a packet.  Start reading here.
 *
 *      rx -> parse -> admit -> lookup -> [judge on a miss] -> apply -> output -> tx
 *
 * One worker takes up to 64 packets of one port queue all the way through and comes back: no
 * queue between stages, no packet handed from thread to thread.  Each step lives in the file of
 * its name.  Data goes one way: core/port (in), core/packet, core/flow, core/ext only for
 * extensions that asked to see packets, and core/port (out).
 */
#include "path/burst.h"

#include "path/heard.h"
#include "path/rate.h"
#include "path/team.h"

void burst_begin(struct burst *b, struct path_worker *w, struct port_conf *conf, uint16_t stage,
		 uint32_t place)
{
	b->worker = w;
	b->conf = conf;
	b->chain = stage == XVS_STAGE_EGRESS ? &conf->egress : &conf->ingress;
	b->stage = stage;
	b->first_place = place;
	b->fresh = 0;
	b->teaching = 0;
	b->dynamic = 0;
	b->keyed = 0;
	b->count_for_one = false;
	b->segments = UINT64_MAX;
	b->plain = 0;
	b->paired = 0;
	w->call_until = 0;
	/* an entry that is verified now is asked again after any change told from now on */
	w->changes = epoch_changes();
	b->world = epoch_world(&conf->sw->log, conf->serial);
}

static void count_casts(const struct burst *b, struct port_counters *c, uint64_t casts)
{
	uint64_t broadcast = 0;

	for (XVS_EACH(i, casts)) {
		const uint8_t *dst = b->pkts[i]->x.data;

		broadcast += dst[0] == 0xff && dst[1] == 0xff;
	}
	counter_add(&c->rx_multicast, (uint64_t)__builtin_popcountll(casts) - broadcast);
	counter_add(&c->rx_broadcast, broadcast);
}

/* Counted where they came in: at a member, where the burst is that of its team. */
static struct arrivals burst_parse(struct burst *b, uint32_t port)
{
	struct path_worker *w = b->worker;
	struct port_counters *c = &w->w.shard->ports[port];
	struct arrivals a = { .port = b->conf->port->id,
			      .segment = b->conf->segment,
			      .count = b->count,
			      .now_ns = w->w.now_ns };

	packet_parse_batch(b->pkts, &a, w->keys, b->reason);
	b->keyed = ~a.bad;
	b->count_for_one = !a.gso && !(a.flags & XVS_PKT_VLAN) && !b->conf->marks &&
			   !b->conf->tunnel;
	counter_add(&c->rx_packets, b->count);
	counter_add(&c->rx_bytes, a.bytes);
	if (a.casts)
		count_casts(b, c, a.casts);
	return a;
}

/* In front of all that may happen to its packets; what waited from the start does so twice. */
static bool is_arrival(const struct burst *b)
{
	return b->stage == XVS_STAGE_INGRESS && b->first_place == 0;
}

/* From a place of the chain to the way out; what each stage cost is noted once a burst. */
static void burst_run(struct burst *b)
{
	struct path_worker *w = b->worker;

	burst_lookup(b, b->first_place);
	if (b->conf->mirrored & MIRRORED_IN && is_arrival(b))
		mirror_arrivals(b);
	cycles_spent(w, CYCLES_LOOKUP);
	burst_apply(b);
	cycles_spent(w, CYCLES_APPLY);
	if (b->stage == XVS_STAGE_EGRESS)
		burst_tx(b);
	else
		burst_output(b);
	output_flush(w);
	cycles_spent(w, CYCLES_OUTPUT);
}

struct port_conf *conf_of_entry(struct port_conf *conf)
{
	struct port_conf *team = conf->is_member ? team_conf(conf) : NULL;

	return team ? team : conf;
}

uint32_t burst_receive(struct path_worker *w, struct path_port *port, uint32_t queue, uint32_t max)
{
	struct burst *b = &w->ingress;
	const struct backend_ops *ops = port->backend->ops;
	struct port_conf *conf;
	struct arrivals a;

	b->count = (uint16_t)ops->rx(port->backend, queue, w->pool, b->pkts, max);
	if (b->count == 0)
		return 0;
	cycles_spent(w, CYCLES_RX);
	/* in this order: an entry never looks newer than the configuration it was judged on */
	w->epoch = epoch_now();
	conf = rcu_read(&port->conf);
	burst_begin(b, w, conf_of_entry(conf), XVS_STAGE_INGRESS, 0);
	b->live = UINT64_MAX >> (XVS_BATCH_MAX - b->count);
	a = burst_parse(b, port->id);
	if (b->conf->rate_kinds)
		rate_received(b);
	if (tap_is_at(w, CAPTURE_ENDS))
		tap_end(b, port->id, b->pkts, b->count);
	if (conf->hears)
		heard_keep(b, port, a.casts);
	if (conf->is_member)
		team_receive(b, conf, a.casts);
	if (b->conf->nat)
		nat_ingress(b);
	burst_admit(b, a.flags);
	if (b->conf->marks)
		burst_mark(b);
	cycles_spent(w, CYCLES_PARSE);
	burst_run(b);
	if (ops->rx_done)
		ops->rx_done(port->backend, queue);
	flow_reclaim(w->cache);
	cycles_visited(w);
	return b->count;
}

void burst_continue(struct path_worker *w, struct burst *b, struct port_conf *conf, uint16_t stage,
		    uint32_t place)
{
	burst_begin(b, w, conf, stage, place);
	b->live = UINT64_MAX >> (XVS_BATCH_MAX - b->count);
	burst_run(b);
	flow_reclaim(w->cache);
}
