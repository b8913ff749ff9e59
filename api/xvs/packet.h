/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/packet.h - a packet, a batch of them, and the verdicts an extension gives.
 */
#ifndef XVS_PACKET_H
#define XVS_PACKET_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { XVS_BATCH_MAX = 64 }; /* one bit of a uint64_t per packet */

enum xvs_packet_flag {
	XVS_PKT_IPV4 = 1u << 0,      /* l3_off is valid, header checked for length */
	XVS_PKT_IPV6 = 1u << 1,
	XVS_PKT_L4 = 1u << 2,        /* l4_off and l4_proto are valid, and the L4 header is whole */
	XVS_PKT_LATER = 1u << 3,     /* fragment, not the first: there is no L4 header */
	XVS_PKT_CSUM_OK = 1u << 4,   /* L4 checksum known good */
	XVS_PKT_CSUM_TODO = 1u << 5, /* L4 checksum to be filled at csum_start + csum_off; its place
	                              * holds the sum of the pseudo header: update it like a checksum */
	XVS_PKT_SHARED = 1u << 6,    /* other packets share these bytes: unshare() before writing */
	XVS_PKT_DIRTY = 1u << 7,     /* set this after changing bytes, data or len: host parses again */
	XVS_PKT_BAD = 1u << 8,       /* malformed; delivered to inspect only */
	XVS_PKT_FRAG = 1u << 9,      /* any fragment; the first has its L4 header, if it fits */
	XVS_PKT_OPTIONS = 1u << 10,  /* IPv4 options or IPv6 extension headers are present */
	XVS_PKT_VLAN = 1u << 11,     /* vlan_tci holds a tag; set or clear to push or pop one */
	XVS_PKT_SVLAN = 1u << 12,    /* that tag's type is 0x88a8, not 0x8100 */
	XVS_PKT_DRY = 1u << 13,      /* operator's trace: answer as always, change no state, do not steal */
	XVS_PKT_INJECTED = 1u << 14, /* came from an extension, not from the port */
};

enum { XVS_HEADROOM = 128 }; /* at least so many bytes before 'data' when a packet enters */

/*
 * One packet: a cache line of facts in front of the bytes.  The host parses each
 * packet once, before the first extension, so that no two extensions can disagree
 * about where a header starts.  All header offsets lie within 'linear'.
 *
 * VLAN: the outermost tag is out of the bytes and in vlan_tci; a second tag stays
 * in the bytes at offset 12.  The tag is what the adapter sent or will get; the
 * port's own VLAN policy (access, native) does not appear here: see xvs_port.segment.
 * IPv6: l4_proto is the upper-layer protocol, behind at most 8 extension headers;
 * where the walk stops early L4 is not set, and l4_proto is where it stopped.
 * GSO: one packet stands for many on the wire; its IP length field is that of the
 * whole, its L4 header that of the first.
 */
struct xvs_packet {
	uint8_t *data;       /* Ethernet header; pull() and unshare() may change this pointer */
	uint32_t len;        /* whole packet, without the tag in vlan_tci */
	uint32_t linear;     /* bytes readable at 'data', private to the host, so that the guest
	                      * cannot change them after they were judged; pull() for more */
	uint32_t port_in;    /* where it entered; stays true on egress; XVS_PORT_NONE: an extension */
	uint32_t flags;      /* enum xvs_packet_flag */
	uint16_t headroom;   /* writable bytes before 'data' */
	uint16_t vlan_tci;   /* PCP, DEI, VID; host order; valid with XVS_PKT_VLAN, else 0 */
	uint16_t ethertype;  /* behind all tags, host order */
	uint16_t l3_off;
	uint16_t l4_off;
	uint8_t l4_proto;
	uint8_t gso_type;    /* as virtio_net_hdr.gso_type; 0: none */
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_off;
	uint16_t queue;      /* class in the exit port's scheduler; 0: its default */
	uint32_t hash;       /* symmetric 5-tuple hash, equal both ways; all fragments: addresses only */
	uint64_t rx_ns;      /* time of arrival */
	void *host;          /* not for extensions */
};
XVS_STATIC_ASSERT(sizeof(void *) == 8 && sizeof(struct xvs_packet) == 64, "one cache line");

enum xvs_stage { XVS_STAGE_INGRESS = 0, XVS_STAGE_FORWARD = 1, XVS_STAGE_EGRESS = 2 };

#define XVS_PORT_NONE 0u /* no port has this id; as an entry port: an extension made the packet */

/* Destinations a forwarder may write beside a port id (a port id is below 2^24). */
#define XVS_DEST_NONE 0u            /* initial value; still so afterwards: dropped, counted */
#define XVS_DEST_FLOOD 0xfffffffeu  /* every port of the packet's segment but its own */
#define XVS_DEST_NORMAL 0xfffffffdu /* let the built-in L2 switch choose */
#define XVS_DEST_IN_PORT 0xfffffffcu /* back where it came from, which no other destination allows */
#define XVS_DEST_SET 0x80000000u    /* or'ed with a set number of "xvs.destset/1" (below 2^24) */

/*
 * What a worker hands to an extension.  All packets of a batch share one port: the
 * entry port on ingress and in forward, the exit port on egress (a packet bound for
 * three ports is seen three times).  So per-port state is found once per batch.
 * On entry 'live' holds the packets that are this extension's to see: of those that
 * no earlier one removed, all, or with "xvs.flow/1" the watched ones.  Nothing here
 * may be used after the call has returned, but packets that were stolen.
 *
 * Verdicts: a packet whose bit stays in 'live' goes on.  xvs_drop() removes it
 * with a reason; xvs_steal() removes it and makes it yours.  There is no
 * "accept and skip the rest": no extension can overrule a later one.
 */
struct xvs_batch {
	uint64_t live;                   /* bit i: pkts[i] goes on */
	uint64_t stolen;                 /* bit i: pkts[i] now belongs to this extension */
	uint64_t settled;                /* bit i: what happens to pkts[i] is the verdict on its flow */
	struct xvs_packet *const *pkts;  /* 'count' of them; entries not in live are stale */
	uint16_t *reason;                /* per packet, read only where dropped */
	uint32_t *dest;                  /* per packet; NULL outside forward */
	const uint64_t *cookie;          /* per packet, what judge() left; NULL without "xvs.flow/1" */
	uint64_t *counters;              /* this worker's copy of the declared counters */
	void *port_state;                /* what port_attach() gave for 'port' */
	void *worker_state;              /* what worker_attach() gave */
	uint64_t now_ns;                 /* read once per burst */
	uint32_t port;
	uint16_t stage;                  /* enum xvs_stage */
	uint16_t count;
	uint32_t steals_left;            /* xvs_steal() succeeds so many times; 0 without the right */
	uint32_t reserved;
};

/* for (XVS_EACH(i, b->live)): i = index of each live packet; drops inside are safe; does not nest. */
#define XVS_EACH(i, mask) \
	uint64_t xvs_m_ = (mask), i = 0; \
	xvs_m_ && ((i = (uint64_t)__builtin_ctzll(xvs_m_)), true); xvs_m_ &= xvs_m_ - 1

/* As a reason: used up (answered, copied, put into another), which is no drop. */
#define XVS_REASON_CONSUMED 0xffffu

static inline void xvs_drop(struct xvs_batch *b, uint64_t i, uint16_t reason)
{
	b->reason[i] = reason;
	b->live &= ~(UINT64_C(1) << i);
}

/* False: quota spent or no right; the packet is still live, so drop it or let it go. */
static inline bool xvs_steal(struct xvs_batch *b, uint64_t i)
{
	if (b->steals_left == 0)
		return false;
	b->steals_left--;
	b->stolen |= UINT64_C(1) << i;
	b->live &= ~(UINT64_C(1) << i);
	return true;
}

/*
 * Of a watched flow: I have seen enough.  From now on it passes, or if dropped here, drops
 * under that reason.  This settles everything that equals it in the bits examined: who
 * decides by payload must have marked what tells connections apart.  Not for inspect.
 */
static inline void xvs_settle(struct xvs_batch *b, uint64_t i)
{
	b->settled |= UINT64_C(1) << i;
}

#ifdef __cplusplus
}
#endif
#endif /* XVS_PACKET_H */
