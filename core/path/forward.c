/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forward.c - from a destination to the ports it stands for; the built-in L2 switch.
 *
 * Rules that hold whoever chose the destination: never back where it came from, unless the forwarder
 * says just that (XVS_DEST_IN_PORT), never from an uplink to another, only to ports that carry the packet's segment, and no flood to the port whose
 * address it bears.
 */
#include <string.h>

#include "base/bytes.h"
#include "path/destset.h"
#include "path/worker.h"

static bool is_multicast(const uint8_t mac[6])
{
	return mac[0] & 1;
}

/* 01-80-C2-00-00-0X is between a station and its bridge: IEEE 802.1Q, table 8-1. */
static bool is_link_local(const uint8_t mac[6])
{
	static const uint8_t prefix[5] = { 0x01, 0x80, 0xc2, 0x00, 0x00 };

	return memcmp(mac, prefix, sizeof(prefix)) == 0 && mac[5] < 0x10;
}

/* Why this port may not get the packet; REASON_NONE: it may. */
static uint16_t refuse(const struct port_conf *in, const struct port_conf *out, uint32_t segment)
{
	if (in && in->port == out->port)
		return REASON_SAME_PORT;
	if (out->is_member)
		return REASON_NO_PORT;
	if (in && in->role == ROLE_UPLINK && out->role == ROLE_UPLINK)
		return REASON_UPLINK;
	if (!out->is_open && !out->relay)
		return out->is_mirror ? REASON_MIRROR_PORT : REASON_EXIT_CLOSED;
	if (!segment_is_carried(out, segment))
		return out->is_private ? REASON_PRIVATE_VLAN : REASON_VLAN;
	return REASON_NONE;
}

static void add_port(struct targets *t, const struct port_conf *in, struct path_port *port,
		     uint32_t segment)
{
	struct port_conf *conf = rcu_read(&port->conf);

	t->reason = refuse(in, conf, segment);
	if (t->reason == REASON_NONE && t->count < TARGETS_MAX)
		t->confs[t->count++] = conf;
}

static bool gets_unknown(const struct port_conf *conf)
{
	return (conf->role == ROLE_UPLINK || conf->learns) && !conf->spares_unknown;
}

/*
 * Whose address a packet from an uplink bears, if that is a port of ours: so it came from there, and is back
 * by a loop, by another link of a team, or by reflective relay (IEEE 802.1Qbg).  Asked of what is
 * flooded alone: the rest has one receiver, who is another than its sender.
 */
static const struct path_port *sender_of(struct targets *t, const struct path_switch *sw,
					 const struct port_conf *in, uint32_t segment,
					 const uint8_t eth[12])
{
	const struct path_port *owner;

	if (!in || in->role != ROLE_UPLINK)
		return NULL;
	t->used_source = true;
	owner = l2_lookup(&sw->l2, segment, eth + 6);
	return owner && rcu_read(&owner->conf)->role != ROLE_UPLINK ? owner : NULL;
}

/* Every port of the segment, or for unknown unicast only uplinks and ports that learn. */
static void add_segment(struct targets *t, const struct path_switch *sw, const struct port_conf *in,
			uint32_t segment, bool unknown_unicast)
{
	const struct port_list *list = rcu_read(&sw->ports);

	for (uint32_t i = 0; list && i < list->count; i++) {
		struct port_conf *conf = rcu_read(&list->ports[i]->conf);

		if (conf->relay || refuse(in, conf, segment) != REASON_NONE)
			continue;
		if (unknown_unicast && !gets_unknown(conf))
			continue;
		t->confs[t->count++] = conf;
	}
	t->reason = unknown_unicast ? REASON_UNKNOWN_UNICAST : REASON_NO_DESTINATION;
}

static void take_out(struct targets *t, const struct path_port *port)
{
	for (uint32_t i = 0; port && i < t->count; i++) {
		if (t->confs[i]->port != port)
			continue;
		t->confs[i] = t->confs[--t->count];
		return;
	}
}

/*
 * Has its machine left, so that it is looked for on the network?  What comes from there has been
 * sent here by who does not know yet, and goes after it.
 */
static bool is_gone(const struct port_conf *in, const struct port_conf *out)
{
	return out->relay && !(in && in->role == ROLE_UPLINK);
}

static void add_normal(struct targets *t, const struct path_switch *sw, const struct port_conf *in,
		       uint32_t segment, const uint8_t eth[12])
{
	const uint8_t *eth_dst = eth;
	struct path_port *port;

	t->used_address = 1;
	if (is_link_local(eth_dst)) {
		t->reason = REASON_LINK_LOCAL;
		return;
	}
	port = is_multicast(eth_dst) ? NULL : l2_lookup(&sw->l2, segment, eth_dst);
	if (port && !is_gone(in, rcu_read(&port->conf))) {
		add_port(t, in, port, segment);
		return;
	}
	if (sender_of(t, sw, in, segment, eth))
		t->reason = REASON_OWN_ADDRESS;
	else
		add_segment(t, sw, in, segment, !is_multicast(eth_dst));
}

/* Each member that may have it: what a forwarder has named goes after a machine that has left, too. */
static void add_set(struct targets *t, const struct path_switch *sw, const struct port_conf *in,
		    uint32_t segment, uint32_t dest)
{
	const struct destset *set = destset_of(sw, dest);

	for (uint32_t i = 0; set && i < set->count; i++) {
		const struct path_port *port = path_port_of(sw->path, set->ports[i]);
		struct port_conf *conf = port && port->sw == sw ? rcu_read(&port->conf) : NULL;

		if (conf && refuse(in, conf, segment) == REASON_NONE)
			t->confs[t->count++] = conf;
	}
}

/* Where it came from: the forwarder has said so, so this is no loop. */
static void add_back(struct targets *t, const struct port_conf *in, uint32_t segment)
{
	bool has_port = in && in->port->id != XVS_PORT_NONE;

	t->reason = REASON_NO_PORT;
	if (has_port)
		add_port(t, NULL, in->port, segment);
}

void forward_resolve(const struct path_switch *sw, const struct port_conf *in, uint32_t segment,
		     const uint8_t eth[12], uint32_t dest, struct targets *out)
{
	struct path_port *port;

	out->count = 0;
	out->used_address = 0;
	out->used_source = 0;
	out->reason = REASON_NO_DESTINATION;
	if (dest == XVS_DEST_NORMAL) {
		add_normal(out, sw, in, segment, eth);
	} else if (dest == XVS_DEST_FLOOD) {
		add_segment(out, sw, in, segment, false);
		take_out(out, sender_of(out, sw, in, segment, eth));
	} else if (dest == XVS_DEST_IN_PORT) {
		add_back(out, in, segment);
	} else if (is_destset(dest)) {
		add_set(out, sw, in, segment, dest);
	} else if (dest != XVS_DEST_NONE && dest < XVS_DEST_SET) {
		port = path_port_of(sw->path, dest);
		out->reason = REASON_NO_PORT;
		if (port && port->sw == sw)
			add_port(out, in, port, segment);
	}
}

/* ---- learning ------------------------------------------------------------------------------------ */

static void learn_arrived(struct letter *letter)
{
	struct learn_letter *l = (struct learn_letter *)letter;
	struct path *path = l->worker->path;
	struct path_port *port = path_port_of(path, l->port_id);

	if (port && conf_tells(rcu_read(&port->conf)))
		path_learn(port, l->segment, l->mac);
	/* it has been learned and is counted as such, or it is not to be */
	if (port && l->is_counted)
		atomic_fetch_sub_explicit(&port->sources, 1, memory_order_relaxed);
	__atomic_store_n(&l->in_use, false, __ATOMIC_RELEASE);
}

bool forward_knows(const struct port_conf *conf, uint32_t segment, const uint8_t mac[6])
{
	bool is_static = false;
	const struct path_port *owner = l2_owner(&conf->sw->l2, segment, mac, &is_static);

	return is_multicast(mac) || (owner && (owner == conf->port || is_static));
}

bool forward_is_over_limit(const struct port_conf *conf, uint32_t segment, const uint8_t mac[6])
{
	uint32_t count = atomic_load_explicit(&conf->port->sources, memory_order_relaxed);

	return count >= conf->learn_limit && !forward_knows(conf, segment, mac);
}

/* Is this address on its way to the control thread already? */
static bool is_under_way(const struct path_worker *w, uint32_t port, uint32_t segment,
			 const uint8_t mac[6])
{
	for (uint32_t i = 0; i < LEARN_MAX; i++) {
		const struct learn_letter *l = &w->learn[i];

		if (__atomic_load_n(&l->in_use, __ATOMIC_ACQUIRE) && l->port_id == port &&
		    l->segment == segment && memcmp(l->mac, mac, 6) == 0)
			return true;
	}
	return false;
}

/* A place among the port's sources, which are 'limit' at most. */
static bool take_place(struct path_port *port, uint32_t limit)
{
	if (atomic_fetch_add_explicit(&port->sources, 1, memory_order_relaxed) < limit)
		return true;
	atomic_fetch_sub_explicit(&port->sources, 1, memory_order_relaxed);
	return false;
}

static void post(struct burst *b, uint32_t i, struct learn_letter *l, bool is_counted)
{
	struct path_worker *w = b->worker;
	const struct packet *p = b->pkts[i];

	w->learn_next = (w->learn_next + 1) % LEARN_MAX;
	l->worker = w;
	l->port_id = b->conf->port->id;
	l->segment = p->segment;
	l->is_counted = is_counted;
	memcpy(l->mac, p->x.data + 6, 6);
	__atomic_store_n(&l->in_use, true, __ATOMIC_RELAXED);
	loop_post(w->path->loop, &l->letter, learn_arrived);
}

/* An address that is new here passes only if there is a place for it, and it can be told of. */
static void learn_strictly(struct burst *b, uint32_t i, struct learn_letter *l, bool is_free)
{
	const struct packet *p = b->pkts[i];
	const uint8_t *mac = p->x.data + 6;

	if (is_under_way(b->worker, b->conf->port->id, p->segment, mac))
		return;
	if (is_free && take_place(b->conf->port, b->conf->learn_limit)) {
		post(b, i, l, true);
		return;
	}
	account_missed_exits(b, i);
	burst_drop_at(b, i, XVS_STAGE_FORWARD, 0, REASON_MAC_LIMIT);
}

/* Is it the address of another port of the same guest, as far as can be told without asking there? */
static bool is_borrowed(const struct port_conf *conf, const struct packet *p)
{
	bool is_static = false;
	const struct path_port *at = l2_owner(&conf->sw->l2, p->segment, p->x.data + 6, &is_static);

	return at != conf->port && is_static;
}

/* Was the control thread told of this sender a moment ago?  If not, it is going to be. */
static bool was_told(const struct burst *b, const struct packet *p)
{
	enum { TOLD_TICKS = 250 };
	uint32_t tick = flow_tick(b->worker->w.now_ns);
	const uint8_t *mac = p->x.data + 6;
	uint64_t sender = (uint64_t)b->conf->port->id << 48 | (uint64_t)get_be16(mac) << 32 |
			  get_be32(mac + 2);
	struct told_sender *t = &b->worker->told_senders[(sender ^ p->segment) % TOLD_SENDERS];

	if (t->sender == sender && t->segment == p->segment && tick - t->tick < TOLD_TICKS)
		return true;
	*t = (struct told_sender){ sender, p->segment, tick };
	return false;
}

/*
 * Each new flow of one sender would wake the control thread to be told what it knows: while the
 * address is where it was, it is told four times a second, which is more than it takes to stay.
 */
void forward_learn(struct burst *b, uint32_t i)
{
	struct path_worker *w = b->worker;
	const struct packet *p = b->pkts[i];
	struct learn_letter *l = &w->learn[w->learn_next];
	bool is_free = !__atomic_load_n(&l->in_use, __ATOMIC_ACQUIRE);
	bool is_known;

	if (is_multicast(p->x.data + 6) || (!b->conf->learns && !is_borrowed(b->conf, p)))
		return;
	is_known = forward_knows(b->conf, p->segment, p->x.data + 6);
	if (is_known && was_told(b, p))
		return;
	if (b->conf->learns_strictly && !is_known)
		learn_strictly(b, i, l, is_free);
	else if (is_free)
		post(b, i, l, false);
	/* no free letter: the next flow of this sender, or this one in a while, brings it again */
}
