/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/flow.h - optional interface "xvs.flow/1": judge a flow once instead of each packet.
 */
#ifndef XVS_FLOW_H
#define XVS_FLOW_H

#include "host.h"
#include "packet.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_FLOW "xvs.flow/1"
#define XVS_FLOW_HOST "xvs.flow-host/1"

enum xvs_key_bit {
	XVS_KEY_FRAG = 1u << 0,    /* any fragment */
	XVS_KEY_LATER = 1u << 1,   /* not the first: L4 fields are zero */
	XVS_KEY_VLAN = 1u << 2,    /* vlan_tci is a tag; by 'rewrite': push or pop */
	XVS_KEY_VLAN2 = 1u << 3,   /* vlan_inner is a tag; cannot be rewritten */
	XVS_KEY_SVLAN = 1u << 4,
	XVS_KEY_OPTIONS = 1u << 5, /* as XVS_PKT_OPTIONS */
};

/*
 * The fields by which flows are told apart.  Network order; zero where the packet
 * has no such header.  The same structure, all ones where a bit matters, is a mask.
 * What is not here (payload, length, ND target, ARP hardware addresses, MPLS, tunnel
 * ids, flow label, ICMP id) cannot be judged by flow: answer WATCH for such traffic.
 */
struct xvs_flow_key {
	uint32_t port; /* entry port on ingress and in forward, exit port on egress; host order;
	                * entry and exit port and segment always tell flows apart: never mark it */
	uint8_t eth_dst[6];
	uint8_t eth_src[6];
	uint16_t ethertype;
	uint16_t vlan_tci;
	uint8_t ip_src[16]; /* IPv4 as ::ffff:a.b.c.d; ARP: sender protocol address */
	uint8_t ip_dst[16]; /* ARP: target protocol address */
	uint8_t ip_proto;   /* ARP: operation */
	uint8_t ip_tos;
	uint8_t ip_ttl;
	uint8_t bits;       /* enum xvs_key_bit */
	uint16_t l4_src;    /* ICMP: type */
	uint16_t l4_dst;    /* ICMP: code */
	uint16_t tcp_flags;
	uint16_t vlan_inner;
};
XVS_STATIC_ASSERT(sizeof(struct xvs_flow_key) == 64, "one cache line");

enum xvs_flow_action {
	XVS_FLOW_PASS = 0,  /* never show me this flow's packets again */
	XVS_FLOW_DROP = 1,  /* nor these; they are dropped under 'reason' */
	XVS_FLOW_WATCH = 2, /* pass, but call my ingress, forward, egress or inspect for the packets
	                     * selected below, this one included, until it settles */
};

/*
 * What an extension says of a flow at one stage.  Made by the host, all zero: PASS, no
 * field examined.  'examined' is a promise: any packet that is equal in these bits gets
 * the same verdict.  A field read but not marked is a bug that xvsd --audit finds.
 *
 * The key is that of the packet as it is now: a bit that an earlier extension has
 * rewritten may be examined freely, the host does not widen the entry for it.  A
 * forwarder's watched packets come to forward() with dest[i] = v->dest, and it may
 * change that.  A packet that a watched call made DIRTY is judged by the rest of the
 * chain under its new key.
 */
struct xvs_flow_verdict {
	uint32_t size;
	uint16_t action;              /* enum xvs_flow_action */
	uint16_t reason;
	struct xvs_flow_key examined; /* mask */
	struct xvs_flow_key set;      /* new values where 'rewrite' has ones; filter and forward only */
	struct xvs_flow_key rewrite;  /* mask; the host keeps checksums right, GSO and fragments too */
	uint32_t dest;                /* forward only: any destination */
	uint32_t sample;              /* WATCH: one packet in so many, chosen at random; 0, 1: all */
	uint16_t watch_tcp_flags;     /* WATCH: also all with any of these; without sample: only these */
	uint16_t queue;               /* class at the exit port; 0: leave it */
	uint32_t watch_bytes;         /* WATCH: bytes to make readable first; 0: the headers */
	uint32_t idle_ms;             /* forget after so long without a packet; 0: the host decides */
	uint32_t max_ms;              /* judge anew after so long, busy or not; 0: no need */
	uint32_t account_ms;          /* account() at least so often while packets come; 0: at the end */
	uint32_t reserved;
	uint64_t tags;                /* groups of yours, for invalidate(); 0: all groups */
	uint64_t cookie;              /* yours; comes back in batches and account(); 0: none */
};

/*
 * A cookie is a value (an index with a generation, say), not a pointer that the host
 * would know.  It belongs to the worker on which judge() ran: account() comes there,
 * so what it stands for needs no lock.  One flow of the wire may have several at a time:
 * one per stage, per exit port, and per worker that met it.  When a cached flow is
 * judged anew, account() first brings it up to date, then v->cookie is what you left:
 * keep it, and the flow's history goes on; change it, and the old one has ended.
 */
struct xvs_flow_stats {
	uint32_t size;
	uint32_t ended;     /* 1: the flow left the cache; the cookie is not used again */
	uint64_t cookie;
	uint64_t packets;   /* that reached this extension since the last call; of wire size, GSO split */
	uint64_t bytes;     /* L2, without FCS */
	uint64_t first_ns;  /* time of its first packet ever */
	uint64_t last_ns;   /* and of its last */
	uint64_t now_ns;
	uint64_t *counters;
	void *port_state;
	void *worker_state;
	uint16_t tcp_flags; /* all seen since the last call, or'ed */
	uint16_t reserved[3];
};

/*
 * Judge once, then get out of the way: the host compiles the verdicts of the whole
 * chain into one flow entry, so that a long chain costs no more per packet than a
 * short one.  judge() must depend on nothing but the key, the ports, the extension's
 * own configuration and what it will invalidate() when it changes; on the packet's
 * bytes and the time only where it answers WATCH or sets max_ms.  A packet drops out
 * of the chain at the first DROP: those before see it, those behind do not.
 * account() comes only for cookies that are not 0.
 */
struct xvs_flow {
	uint32_t size;
	uint32_t reserved;
	void (*judge)(void *self, const struct xvs_batch *b, uint32_t i,
		      const struct xvs_flow_key *key, struct xvs_flow_verdict *v); /* [worker] */
	void (*account)(void *self, const struct xvs_flow_stats *stats);        /* [worker] */
};

/* The host's half, from host->query(). */
struct xvs_flow_host {
	uint32_t size;
	uint32_t reserved;
	/* This instance's verdicts in any of these groups are judged anew; ~0: all.  Others' are kept. */
	void (*invalidate)(const struct xvs_host *h, uint64_t tags);             /* [any] */
	/* Those whose flows may hold a packet equal to 'key' where 'mask' has ones: "a rule with
	 * this match came or went".  Many in one turn of the control thread count as one change. */
	void (*invalidate_match)(const struct xvs_host *h, const struct xvs_flow_key *key,
				 const struct xvs_flow_key *mask);               /* [any] */
	/* account() what is due on every worker, then done(arg) on the control thread. */
	int (*collect)(const struct xvs_host *h, void (*done)(void *arg), void *arg); /* [control] */
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_FLOW_H */
