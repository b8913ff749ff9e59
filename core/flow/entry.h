/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/entry.h - one cached verdict of a whole chain: a short program in chain order.
 *
 * An entry is judged once and run for every packet that its key stands for.  It has a leg for the
 * chain of its own stage, and one for the egress chain of each exit port, up to FLOW_OUTS; more,
 * or several exits with connections, are looked up again at the egress place of each port
 * (architecture 16.3a).  A leg says at which places of the chain something happens:
 *
 *      consult a connection   show the packet to an extension   rewrite it   drop it
 *
 * 'events' has a bit for each such place, so places where nothing happens cost nothing, and 16
 * extensions that judged and said "pass" are as fast as none.
 *
 * What is needed only when an entry ends, goes stale or is accounted is in its steps: one for each
 * extension that was asked, in order.
 */
#ifndef XVS_FLOW_ENTRY_H
#define XVS_FLOW_ENTRY_H

#include <stddef.h>

#include "base/tally.h"
#include "flow/key.h"

enum { FLOW_OUTS = 8 };

/* New values and where; in a slab of its own because few verdicts rewrite. */
struct flow_rewrite {
	struct xvs_flow_key set, mask;
	struct flow_rewrite *next; /* free list */
	uint64_t pad[7];
};

/* What one extension said at one stage. */
struct flow_step {
	struct flow_step *next; /* in chain order; or the free list */
	void *instance;         /* NULL: the host's own forwarding */
	void *port_state;
	struct flow_rewrite *rewrite; /* NULL: none */
	uint64_t tags;
	uint64_t cookie;
	uint64_t accounted_packets; /* of the entry's, at the last account() */
	uint64_t accounted_bytes;
	uint64_t missed_packets; /* dropped before this step by those that see packets */
	uint64_t missed_bytes;
	uint64_t accounted_ns;
	uint32_t instance_nr;
	uint32_t dest; /* forward */
	uint32_t sample;
	uint32_t watch_bytes;
	uint32_t account_ms;
	uint16_t place;
	uint16_t action; /* enum xvs_flow_action */
	uint16_t reason;
	uint16_t queue;
	uint16_t watch_tcp_flags;
	uint16_t tcp_flags; /* not told yet, beside those of the entry */
	uint16_t stage;
	uint8_t is_note; /* 1: by which changes find the entry; nobody was asked */
	uint8_t asks_l2; /* 1: the verdict depends on where the switch thinks an address is */
};

/* Kinds of question about a connection. */
enum flow_conn {
	FLOW_CONN_NONE = 0,
	FLOW_CONN_TRACK = 1,  /* 'conn' is the handle */
	FLOW_CONN_INSIDE = 2, /* ICMP, fragments, common entries: each packet is asked in full */
	FLOW_CONN_QUIET = 3,  /* the entry counts for it, and no packet is asked about: quiet.c */
};

enum { FLOW_NO_PLACE = 0xff };

struct flow_leg {
	/* what happens, all in 32 bytes: legs that agree in them are run alike */
	uint64_t events;   /* places where anything happens */
	uint64_t calls;    /* places whose extension sees packets */
	uint64_t rewrites; /* places that rewrite or choose a queue */
	uint32_t sample;   /* the first of 'calls' sees one packet in so many; 0: its step says */
	uint8_t conn_place;
	uint8_t conn_kind;      /* enum flow_conn */
	uint8_t drop_place;     /* FLOW_NO_PLACE: none */
	uint8_t reject : 1;     /* answer before dropping (xvs.conn/1 REJECT) */
	uint8_t is_settled : 1; /* drops by settling, so there may be steps behind the drop */
	/* tracked, and so is the exit, and nothing happens between: asked at once (quiet.c) */
	uint8_t is_paired : 1;
	uint8_t is_led : 1; /* paired, and nothing happens at the exit behind that */
	/* with what */
	uint32_t conn_index; /* struct conn_ref, without conn's header: floors are siblings */
	uint32_t conn_generation;
	struct flow_step *steps; /* in chain order */
	const void *
		conf; /* configuration of the port that it was judged on: places count in its chain */
	uint32_t port; /* whose chain it is: entry port, or exit port on egress */
	uint16_t drop_reason;
	uint16_t drop_instance; /* 0: a host reason */
};

enum flow_exit {
	FLOW_EXIT_NONE = 0, /* dropped on the way, or already on egress */
	FLOW_EXIT_LEGS = 1, /* to 'outs' */
	FLOW_EXIT_DEST = 2, /* 'dest' is resolved for each packet, copies are looked up at egress */
};

/* No mask: the entry is not in the index (not yet, or not any more), and no key equals it. */
enum { FLOW_NO_MASK = 0xff };

/*
 * Lines in the order in which they are needed.  A hit whose program does nothing on the way reads
 * and writes the first two alone.
 */
struct flow_entry {
	/* line 0, and 16 bytes of line 1: compared at every hit */
	struct flow_key key; /* masked; 'zero' is 1 while the entry is not in the index */
	/* line 1: written at each hit */
	struct tally tally;    /* verified: stale.c; TALLY_NEVER: it was not, or the entry left */
	uint32_t expires_tick; /* by flow_tick(): to be looked at again from then on */
	uint16_t tcp_flags;    /* since steps were last accounted */
	uint8_t mask_nr;
	uint8_t is_retired : 1;
	uint8_t is_bound : 1;     /* a connection counts on its tally, and may come to doubt it */
	uint8_t is_single : 1;    /* one exit */
	uint8_t is_plain : 1;     /* one or more, and nothing happens on the way there, nor there */
	uint8_t has_accounts : 1; /* some step wants account() while packets come */
	uint8_t teaches : 1;      /* at expires_tick its sender's address is told again, no more */
	uint8_t is_common : 1;    /* of many connections: each packet is asked for its own */
	uint8_t is_calm : 1;      /* nothing happens at its exits, whatever does on the way there */
	uint32_t out_port;        /* of a single one */
	uint32_t out_serial;      /* of the configuration of that port that it was judged on */
	/* line 2 */
	struct flow_leg leg;
	/* line 3: the first exit; most have one */
	struct flow_leg out;
	/* line 4: judging, accounting, ending */
	const struct flow_key *mask; /* in the cache's list of masks; NULL: not in the index */
	struct flow_leg *more;       /* FLOW_OUTS - 1 further exits, or NULL */
	struct flow_entry *next;     /* free list, or retired in this burst */
	uint64_t epoch;              /* hard epoch before judging began */
	uint64_t first_ns;
	uint64_t expires_ns; /* max_ms; UINT64_MAX: never */
	uint32_t log_seen;   /* soft records taken into account, modulo 2^32 */
	uint32_t dest;
	uint32_t idle_ms;
	uint16_t tcp_seen; /* before those in tcp_flags */
	uint8_t out_count;
	uint8_t exit; /* enum flow_exit */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct flow_leg) == 64, "one line");
_Static_assert(offsetof(struct flow_leg, conn_index) == 32, "what happens");
_Static_assert(offsetof(struct flow_entry, leg) == 128, "two lines for a hit");
_Static_assert(offsetof(struct flow_entry, tally) == 80, "written at each hit");
_Static_assert(sizeof(struct flow_entry) == 320, "five lines");

/* Coarse time for the hot line: about a millisecond, wraps after 52 days. */
static inline uint32_t flow_tick(uint64_t ns)
{
	return (uint32_t)(ns >> 20);
}

/* Others may have come to doubt it. */
static inline uint64_t entry_verified(const struct flow_entry *e)
{
	return __atomic_load_n(&e->tally.verified, __ATOMIC_RELAXED);
}

/* 'tick': flow_tick() of now. */
static inline bool entry_is_verified(const struct flow_entry *e, uint64_t world, uint32_t tick)
{
	return entry_verified(e) == world && (int32_t)(tick - e->expires_tick) < 0;
}

/* On the wire it is more than it is here: segments to be, or a tag that is not among its bytes. */
static inline bool flow_counts_for_more(const struct xvs_packet *x)
{
	return (x->gso_type | (x->flags & XVS_PKT_VLAN)) != 0;
}

static inline struct flow_leg *flow_out(struct flow_entry *e, uint32_t i)
{
	return i == 0 ? &e->out : &e->more[i - 1];
}

static inline struct flow_step *flow_leg_step(const struct flow_leg *leg, uint32_t place)
{
	struct flow_step *s = leg->steps;

	while (s && s->place != place)
		s = s->next;
	return s;
}

#endif /* XVS_FLOW_ENTRY_H */
