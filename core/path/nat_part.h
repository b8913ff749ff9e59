/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/nat_part.h - for the files nat*.c of this folder: what a worker has in hand of one NAT.
 */
#ifndef XVS_PATH_NAT_PART_H
#define XVS_PATH_NAT_PART_H

#include "path/nat.h"
#include "path/worker.h"
#include "xvs/ext/meter.h"

/* Facts and links, replaced together. */
struct nat_world {
	struct rcu_node rcu;
	struct nat_facts facts;
	struct nat_link *inside;
	struct nat_link *outsides[NAT_ADDRESSES_MAX]; /* by address; the same prefix, the same link */
};

/* One worker's. */
struct nat_lane {
	struct letter farewell; /* had beforehand: who goes cannot be refused */
	struct path_nat *nat;
	struct nat_fragments *fragments;
	struct packet *first, **last; /* that wait: nat_wait.c */
	uint32_t count;
	uint32_t news;   /* of the NAT, when they were last looked at */
	uint64_t due_ns; /* when they are looked at whatever happens */
	struct xvs_meter answers, errors, questions;
} __attribute__((aligned(64)));

struct path_nat {
	struct path *path;
	struct nat_table *table;
	struct nat_world *world; /* published */
	struct rcu_node rcu;
	uint32_t lane_count;         /* the path may be gone when this is freed */
	_Atomic uint32_t lanes_left; /* that still have to say farewell */
	struct letter gone;
	_Atomic uint32_t news;   /* moves when something was learned that packets may wait for */
	struct nat_lane lanes[]; /* a worker each */
};

/* What a packet is looked at with. */
struct nat_hand {
	struct path_worker *w;
	struct port_conf *conf; /* the outside port's */
	struct path_nat *nat;
	struct nat_lane *lane;
	const struct nat_world *world;
	uint16_t reason; /* of a drop */
};

/* False: it is not configured yet. */
static inline bool nat_hand_open(struct nat_hand *h, struct path_worker *w, struct port_conf *conf)
{
	*h = (struct nat_hand){ .w = w,
				.conf = conf,
				.nat = conf->nat,
				.lane = &conf->nat->lanes[w->w.nr],
				.world = rcu_read(&conf->nat->world) };
	return h->world != NULL;
}

enum nat_fate {
	FATE_GO,    /* it goes on */
	FATE_TAKEN, /* it is somebody else's by now: waits, was answered, went another way */
	FATE_DROP,  /* for h->reason */
};

static inline enum nat_fate nat_drop(struct nat_hand *h, uint16_t reason)
{
	h->reason = reason;
	return FATE_DROP;
}

static inline struct nat_moment nat_moment_of(struct nat_hand *h)
{
	return (struct nat_moment){ h->w->w.now_ns, &h->w->random };
}

static inline bool nat_is_outside(const struct nat_facts *f, uint32_t address)
{
	for (uint32_t i = 0; i < f->outside_count; i++) {
		if (f->outsides[i].address == address)
			return true;
	}
	return false;
}

/* ---- nat_in.c, nat_out.c: one packet ---- */
/* From the wire; FATE_GO: it is what the inside is to see. */
enum nat_fate nat_in_packet(struct nat_hand *h, struct packet *p);
/* From the switch; FATE_GO: it is what goes on the wire. */
enum nat_fate nat_out_packet(struct nat_hand *h, struct packet *p);

/* ---- nat_hop.c: next hops ---- */
/* The frame gets its addresses; FATE_TAKEN: it waits for those of the next hop. */
enum nat_fate nat_hop_inside(struct nat_hand *h, struct packet *p);
enum nat_fate nat_hop_outside(struct nat_hand *h, struct packet *p);
/* An ARP packet of either side: what it says is noted, what it asks answered.  Takes it. */
enum nat_fate nat_arp(struct nat_hand *h, struct packet *p, bool is_inside);
/* Is this address inside, by prefix or route? */
bool nat_is_inside(const struct nat_facts *f, uint32_t address);

/* ---- nat_wait.c: packets that wait for a neighbour or for a first fragment ---- */
enum nat_wait {
	WAIT_IN_HOP,       /* translated, for the inside */
	WAIT_OUT_HOP,      /* translated, for the wire */
	WAIT_IN_FRAGMENT,  /* as it came from the wire */
	WAIT_OUT_FRAGMENT, /* as it came from inside */
};
/* FATE_TAKEN, or FATE_DROP where no more may wait.  'what': the hop, or the datagram's id. */
enum nat_fate nat_wait_put(struct nat_hand *h, struct packet *p, enum nat_wait kind, uint32_t what);
/* Something was learned: those that wait for it go on at their workers' next turn. */
static inline void nat_wait_news(struct path_nat *n)
{
	atomic_fetch_add_explicit(&n->news, 1, memory_order_release);
}
/* Those of one port, or with XVS_PORT_NONE all. */
void nat_wait_drop(struct path_worker *w, struct path_nat *n, uint32_t port);

/* ---- nat_answer.c: what the NAT says itself ---- */
/* To the inside: as if it came in at the outside port.  Takes a parsed packet that is the switch's own. */
void nat_say_inside(struct nat_hand *h, struct packet *p);
void nat_say_outside(struct nat_hand *h, struct packet *p); /* wire-ready; takes it */
/* 'len' bytes as a packet of the switch.  NULL: none left. */
struct packet *nat_packet_of(struct nat_hand *h, const uint8_t *bytes, uint32_t len);
/* The echo request goes back as a reply. */
enum nat_fate nat_echo(struct nat_hand *h, struct packet *p, bool is_inside);
/* An ICMP error about 'p' to its sender, within the limit. */
void nat_complain(struct nat_hand *h, const struct packet *p, bool is_inside, uint16_t type_code,
		  uint32_t info);
/* May the NAT answer one more? */
bool nat_may_answer(struct nat_hand *h);

#endif /* XVS_PATH_NAT_PART_H */
