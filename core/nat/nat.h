/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/nat.h - address translation of IPv4 for one outside port: sessions, bindings, ports, rules.
 *
 * A *binding* maps an inside endpoint (address, port; of ICMP the query's id) to an outside one,
 * the same for all remotes (RFC 4787: endpoint-independent mapping).  A *session* is a binding, or a
 * forward of the rules, with one remote endpoint; it lives until it has been idle for its time, and a
 * binding as long as it has sessions.  Look-up of a session takes no lock; opening and closing one
 * takes the table's.  Everything is bounded.  Numbers are in host order here.
 */
#ifndef XVS_NAT_NAT_H
#define XVS_NAT_NAT_H

#include "base/error.h"
#include "base/rcu.h"
#include "packet/headers.h"
#include "packet/reason.h"

enum {
	NAT_ADDRESSES_MAX = 16, /* outside addresses of a switch */
	NAT_POOLS_MAX = 32,
	NAT_FORWARDS_MAX = 1024,
	NAT_SESSIONS_MIN = 64,
	NAT_SESSIONS_MAX = 4194304,
	NAT_SESSION_BYTES = 128,
};

struct nat_prefix {
	uint32_t address;
	uint32_t mask; /* 0: everything */
};

static inline bool nat_prefix_has(struct nat_prefix p, uint32_t address)
{
	return ((address ^ p.address) & p.mask) == 0;
}

/* [any] The mask of a prefix length up to 32. */
static inline uint32_t nat_mask(uint32_t len)
{
	return len ? UINT32_MAX << (32 - len) : 0;
}

/* What comes to an outside endpoint goes inside, and what that endpoint says comes from there. */
struct nat_forward {
	struct nat_prefix remote; /* who may come */
	uint32_t outside, inside;
	uint16_t outside_port, inside_port;
	uint8_t proto; /* TCP or UDP */
};

/* Outside ports from which bindings are made; for ICMP, ids. */
struct nat_pool {
	uint32_t address;
	uint16_t first, last;
};

struct nat_timeouts {
	uint32_t tcp_established_ms, tcp_transitory_ms, udp_ms, icmp_ms;
};

struct nat_rules {
	struct nat_timeouts timeouts;
	bool filters_by_address; /* a binding lets in only addresses that it has sent to */
	bool udp_inbound_refresh;
	uint32_t host_sessions; /* of one inside address; 0: no limit */
	uint32_t pool_count, forward_count;
	struct nat_pool pools[NAT_POOLS_MAX];
	struct nat_forward forwards[]; /* the longest remote prefix first */
};

/* [control] Zeroed, with room for so many forwards; NULL: out of memory.  free() it. */
struct nat_rules *nat_rules_create(uint32_t forwards);

struct nat_table;

/* [control] Nothing is translated before nat_table_configure(). */
int nat_table_create(uint32_t sessions, struct nat_table **out, struct xvs_error *err);
/* [control] No worker looks at it any more.  NULL is fine. */
void nat_table_destroy(struct nat_table *t);
/*
 * [control] In two steps, the second of which cannot fail.  'rules' are taken, in every case; NULL: out
 * of memory.  Sessions that the new rules do not bear end when nat_table_review() looks at them: so
 * many of them at a time, until it says true.
 */
struct nat_change;
struct nat_change *nat_change_create(struct nat_rules *rules);
void nat_change_destroy(struct nat_change *c); /* it was not applied; NULL is fine */
void nat_table_apply(struct nat_table *t, struct nat_change *c); /* takes it */
bool nat_table_review(struct nat_table *t, uint32_t max);
/* [control] All at once.  -ENOMEM: the old ones stay. */
int nat_table_configure(struct nat_table *t, struct nat_rules *rules);

/* ---- view.c: what translation wants to know of a packet ------------------------------------ */

enum nat_kind {
	NAT_FLOW,  /* has ports, or is an echo: the view is complete */
	NAT_LATER, /* a fragment that is not the first: addresses alone */
	NAT_ERROR, /* an ICMP error about another packet */
	NAT_OTHER, /* nothing that can be translated */
};

struct nat_view {
	uint32_t src, dst;
	uint16_t src_port, dst_port; /* of an echo the id, at the end that asked; the other is 0 */
	uint16_t tcp_flags;
	uint8_t proto;
	bool is_query; /* ICMP: an echo request */
};

/* [worker] Of a packet with IPv4 headers that were parsed. */
enum nat_kind nat_view_of(const struct packet *p, struct nat_view *v);

/* ---- judge.c: to where an endpoint is translated ------------------------------------------- */

/* The other name of an endpoint, and the session it was found by. */
struct nat_answer {
	uint32_t address;
	uint16_t port;
	uint16_t reason; /* where there is none: enum host_reason */
};

struct nat_moment {
	uint64_t now_ns;
	uint64_t *random; /* state of the worker's generator, never 0 */
};

/*
 * [worker] The source of a packet on its way out becomes 'out', or it is dropped for out->reason.
 * A session is opened where there is none and the packet may begin one.
 */
bool nat_outward(struct nat_table *t, const struct nat_view *v, const struct nat_moment *m,
		 uint32_t bytes, struct nat_answer *out);
/* [worker] The destination of one on its way in. */
bool nat_inward(struct nat_table *t, const struct nat_view *v, const struct nat_moment *m,
		uint32_t bytes, struct nat_answer *out);
/*
 * [worker] About what an ICMP error quotes: a packet that went the other way.  'v' is the quoted
 * packet's view.  Opens nothing and refreshes nothing (RFC 5508, RFC 5382).
 */
bool nat_quoted_outward(struct nat_table *t, const struct nat_view *v, struct nat_answer *out);
bool nat_quoted_inward(struct nat_table *t, const struct nat_view *v, struct nat_answer *out);

/* [worker] Ends sessions that were idle for too long: some of them, all within about a second. */
void nat_sweep(struct nat_table *t, uint64_t now_ns);

/* ---- rewrite.c, icmp.c: the bytes ----------------------------------------------------------- */

enum nat_side { NAT_SOURCE = 0, NAT_DESTINATION = 1 };

/*
 * [worker] Address and, unless it is a later fragment, port or id of one end; checksums stay right,
 * partial ones too (RFC 1624).  The header bytes are linear and private.
 */
void nat_rewrite(struct packet *p, enum nat_side side, uint32_t address, uint16_t port);
/* [worker] One hop: false, and nothing done, if that was its last. */
bool nat_take_hop(struct packet *p);

/* What an ICMP error quotes; places from the start of the packet. */
struct nat_quote {
	struct nat_view view;
	uint32_t ip;    /* of the quoted IPv4 header */
	uint32_t l4;    /* behind it */
	uint32_t bytes; /* of what is quoted from l4 on, in linear memory */
};
/* [worker] False: it quotes nothing that can be looked up.  Pulls what it reads. */
bool nat_quote_of(struct packet *p, struct nat_quote *out);
/* [worker] The quoted packet's end gets another name; the ICMP checksum stays right. */
void nat_rewrite_quote(struct packet *p, const struct nat_quote *q, enum nat_side side,
		       uint32_t address, uint16_t port);
/* [worker] The error's own source or destination: no port, and its checksum has no pseudo header. */
void nat_rewrite_address(struct packet *p, enum nat_side side, uint32_t address);

/* ---- fragment.c: later fragments go the way of their first ---------------------------------- */

struct nat_fragments; /* one worker's */

struct nat_fragments *nat_fragments_create(void); /* NULL: out of memory */
void nat_fragments_destroy(struct nat_fragments *f);
/* [worker] The first of a datagram was translated so. */
void nat_fragment_first(struct nat_fragments *f, const struct packet *p, const struct nat_view *v,
			const struct nat_answer *a, uint64_t now_ns);
/* [worker] 'v' as it was before translation.  False: the first was not seen, or too long ago. */
bool nat_fragment_later(const struct nat_fragments *f, const struct packet *p,
			const struct nat_view *v, uint64_t now_ns, struct nat_answer *out);

/* ---- list.c: what operators ask ------------------------------------------------------------- */

struct nat_info {
	uint32_t inside, outside, remote;
	uint16_t inside_port, outside_port, remote_port;
	uint8_t proto;
	bool is_forward;
	const char *state;             /* "opening", "established", "closing" */
	uint64_t packets[2], bytes[2]; /* out, in */
	uint64_t age_ns, idle_ms, left_ms;
};

struct nat_stats {
	uint32_t sessions, bindings, hosts, limit;
	uint64_t opened, ended;
	uint64_t no_ports, no_room, host_limit, filtered; /* why none was opened */
	uint32_t ports_used[NAT_POOLS_MAX][3];            /* by pool: TCP, UDP, ICMP */
};

/* [control] fn for each session that lives. */
void nat_list(struct nat_table *t, uint64_t now_ns, void (*fn)(void *arg, const struct nat_info *s),
	      void *arg);
void nat_table_stats(struct nat_table *t, struct nat_stats *out);
/* [control] The rules in force; NULL: none yet. */
const struct nat_rules *nat_table_rules(const struct nat_table *t);
/* [control] Ends all sessions, or those of one inside address; how many. */
uint32_t nat_flush(struct nat_table *t, uint32_t inside);

#endif /* XVS_NAT_NAT_H */
