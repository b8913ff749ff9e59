/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/conn.h - the host's connection tracker: one connection a protected port (architecture 16.1c-i).
 *
 * A *guarded* port is one in whose chain a firewall extension with "xvs.conn/1" stands.  Packets
 * that it sends (outbound) and packets bound for it (inbound) belong to its connections, and to no
 * other port's.  The packet path asks conn_judge() on a flow's first packet; later ones are let in
 * by conn_run(), and those that it leaves by conn_update(); extensions are asked through the callbacks of struct conn_env.
 *
 * THREADS  The table is shared by all workers.  Look-up takes no lock; insertion is
 *          insert-if-absent.  A connection is a shared line (keys, verdict, state) and one half a
 *          direction, written by packets of that direction only.  SYN, FIN, RST, authorisation and
 *          events hold the connection's bit for one callback, so calls about one connection never
 *          overlap.  Objects come from per-worker slabs, are type-stable and never unmapped.
 * HANDLES  struct conn_ref is what a flow entry keeps: slab index, reuse count, direction.  A
 *          dead handle is seen at its next use and answered with CONN_AGAIN.  No reference counts.
 */
#ifndef XVS_CONN_CONN_H
#define XVS_CONN_CONN_H

#include "base/tally.h"
#include "base/worker.h"
#include "packet/packet.h"
#include "packet/reason.h"

enum {
	CONN_SLOTS = 4, /* firewall instances with "xvs.conn/1" in a chain */
};

/* All zero: none. */
struct conn_ref {
	uint32_t index;      /* of the object + 1 */
	uint32_t generation; /* reuse count, low bit: direction (1: from the responder) */
};

/* What the chain's firewall extensions said together: the first DENY or REJECT wins. */
struct conn_decision {
	uint16_t action;   /* enum xvs_conn_action */
	uint16_t reason;   /* of 'instance' */
	uint16_t instance; /* who denied; 0: nobody */
	uint16_t log;      /* bit n: the firewall in slot n wants begin and end */
	uint32_t idle_ms;  /* smallest that was asked for; 0: the protocol's default */
	uint32_t mark;
	uint32_t report_ms;
};

/* Filled by the packet path (core/path/firewall.c); 'arg' is the path's. */
struct conn_env {
	/*
	 * [worker] Ask all firewalls of the guarded port's chain.  'view' is complete but for 'slot':
	 * set view->slot = &slots[n] for the firewall in slot n.
	 */
	void (*authorise)(void *arg, const struct packet *p, struct xvs_conn *view,
			  uint64_t slots[CONN_SLOTS], struct conn_decision *out);
	/* [worker] To those in 'log'; cause as in struct xvs_conn_event. */
	void (*event)(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS], uint16_t log,
		      uint16_t cause);
	/* [worker] A fragment that waited goes on where the path left it (p->stage, p->place). */
	void (*resume)(void *arg, struct packet *p);
	/* [worker] One that waited in vain: count and free it. */
	void (*drop)(void *arg, struct packet *p, uint32_t port, uint16_t reason);
	/* [worker] Has who sent it still a budget for what is new?  NULL: everybody always has. */
	bool (*may_open)(void *arg, const struct packet *p);
	/* [any] What is known of connections is to be verified anew.  NULL: nobody counts for any. */
	void (*changed)(void);
};

/* How long a connection may be idle, by protocol and state. */
enum conn_time {
	CONN_TIME_TCP_SYN_SENT,
	CONN_TIME_TCP_SYN_RECEIVED,
	CONN_TIME_TCP_ESTABLISHED,
	CONN_TIME_TCP_CLOSING,
	CONN_TIME_TCP_TIME_WAIT,
	CONN_TIME_UDP, /* the responder was not heard yet */
	CONN_TIME_UDP_STREAM,
	CONN_TIME_ICMP,
	CONN_TIME_SCTP_OPENING,
	CONN_TIME_SCTP_ESTABLISHED,
	CONN_TIME_SCTP_CLOSING,
	CONN_TIME_OTHER,
	CONN_TIMES
};

struct conn_times {
	uint32_t ms[CONN_TIMES]; /* 0: default (RFC 5382, RFC 4787, RFC 5508 as floors where they apply) */
};

enum { CONN_TABLE_MAX = 1 << 24, CONN_MIDSTREAM_MS = 60000 };

struct conn_limits {
	uint32_t connections;     /* of the whole table, e.g. 262144; objects */
	uint32_t per_port;        /* default limit of a port, e.g. 65536 */
	uint32_t half_open;       /* of a port, e.g. 4096: oldest half-open goes first */
	uint32_t denied_per_port; /* remembered denials; evicted first, e.g. 1024 */
	uint32_t midstream_ms; /* mid-stream TCP is authorised as new for so long after start: 60000 */
	struct conn_times times;
};

struct conn;
struct conn_table;

/* [control] One a daemon. */
int conn_table_create(const struct conn_limits *limits, unsigned workers,
		      const struct conn_env *env, struct conn_table **out, struct xvs_error *err);
void conn_table_destroy(struct conn_table *t); /* after the workers have gone */

/* Of one port. */
struct conn_port_limits {
	uint32_t connections; /* 0: as the table says */
	uint32_t half_open;   /* likewise */
	uint32_t group; /* a number of the caller's: ports of one switch, which count together */
	uint32_t group_connections; /* the port opens none while its group has so many; 0: no bound */
	bool has_midstream;         /* else as the table says */
	uint32_t midstream_ms;
	struct conn_times times; /* 0: as the table says */
};

/* [control] The port becomes guarded; again: new limits, in force at once. */
int conn_port_guard(struct conn_table *t, uint32_t port, const struct conn_port_limits *limits,
		    struct xvs_error *err);
/* [control] With the table's limits but these two. */
int conn_port_open(struct conn_table *t, uint32_t port, uint32_t limit, uint32_t half_open,
		   struct xvs_error *err);
/* [control] All its connections end (no events after it returns and a grace period has passed). */
void conn_port_close(struct conn_table *t, uint32_t port);

/* [any] Every live connection of the port is authorised anew at its next packet, slots as they are. */
void conn_port_reauthorise(struct conn_table *t, uint32_t port);

/*
 * [control] The firewall in this slot has left the chains of the ports for which 'concerns' is
 * true: what it kept with their connections is zero for the next one.  Takes each one's bit.
 */
void conn_clear_slot(struct conn_table *t, uint32_t slot,
		     bool (*concerns)(const void *arg, uint32_t port), const void *arg);

/*
 * [control] Gives workers new objects to take, and takes back those that have ended.  True: a worker has
 * used up what it was given, so it should be done again soon; else in 100 ms.
 */
bool conn_refill(struct conn_table *t);

/* ---- packet path -------------------------------------------------------------------------------- */

enum conn_answer {
	CONN_PASS = 0, /* tracked by *ref: goes on; may be cached, exact in the 5-tuple */
	CONN_LOOSE =
		1, /* goes on untracked (not IP; ND, MLD): may be cached without a connection */
	CONN_INSIDE =
		2, /* this packet goes on (ICMP error, fragment); each such packet is asked again */
	CONN_DENIED = 3, /* dropped by decision: may be cached as drop, exact in the 5-tuple */
	CONN_DROP = 4,   /* dropped with a host reason: never cached */
	CONN_HELD = 5,   /* taken: a fragment waits for its first (copied whole by packet_own) */
	CONN_AGAIN = 6,  /* conn_update only: handle dead or authorisation stale: judge again */
};

struct conn_result {
	struct conn_ref ref;           /* CONN_PASS */
	struct conn_decision decision; /* CONN_DENIED; for CONN_PASS: mark */
	uint16_t reason;               /* CONN_DROP: enum host_reason */
	bool is_new;                   /* this packet opened the connection */
	/* one of several packets of its direction, or of a denial: more of them are to be expected */
	bool goes_on;
};

/*
 * [worker] The flow's first packet, or one whose entry says "look inside".  'inbound': bound for the
 * guarded port (egress), else sent by it (ingress).  Updates the connection with this packet.
 * 'arg' goes to the callbacks.
 */
enum conn_answer conn_judge(struct conn_table *t, struct worker *w, uint32_t port, bool inbound,
			    struct packet *p, void *arg, struct conn_result *out);

/*
 * Packets of one burst that are all to be judged in full: 'port' is the guarded one, and the first
 * three are the caller's.  Their bytes stay as they are until the last is judged.
 */
enum { CONN_TUPLE_BYTES = 52 };
struct conn_ahead {
	uint32_t port;
	bool inbound;
	struct packet *const *pkts;
	uint64_t known; /* that were looked at */
	uint64_t going; /* conn_run_known(): let in, and of those that go on */
	uint32_t buckets[XVS_BATCH_MAX];
	uint8_t kinds[XVS_BATCH_MAX];
	uint32_t tuples[XVS_BATCH_MAX][CONN_TUPLE_BYTES / 4];
};

/* [worker] Asks memory for what will be needed to judge packets of the mask. */
void conn_look_ahead(struct conn_table *t, struct conn_ahead *a, uint64_t mask);
/*
 * [worker] Lets them in, in order, as conn_judge_ahead() would, while they find a connection that exists
 * and nothing out of the common happens: the first that is more, and all behind it, are what is returned.
 * That one is for conn_judge_ahead(); then the run may go on.
 */
uint64_t conn_run_known(struct conn_table *t, struct worker *w, struct conn_ahead *a, uint64_t mask,
			void *arg);
/* [worker] As conn_judge(), packet i of those. */
enum conn_answer conn_judge_ahead(struct conn_table *t, struct worker *w,
				  const struct conn_ahead *a, uint32_t i, void *arg,
				  struct conn_result *out);

/* [worker] A later packet of a cached flow.  CONN_PASS, CONN_AGAIN, or CONN_DROP with *reason. */
enum conn_answer conn_update(struct conn_table *t, struct worker *w, struct conn_ref ref,
			     const struct packet *p, void *arg, uint16_t *reason);

/* What may be known of a connection to ask for it ahead: its size, and where its halves are. */
enum { CONN_BYTES = 256, CONN_HALVES = 128, CONN_HALF_BYTES = 64 };

struct half; /* one direction of a connection */

/*
 * Packets of one burst whose flows are cached, with their handles: 'port' is the guarded one.  None is
 * a traced one.
 */
struct conn_run {
	uint32_t port;
	struct packet *const *pkts;
	uintptr_t halves_of_none; /* with handle 0; these three set by conn_run_begin() */
	uint64_t twins;           /* packets that were added with one */
	uint64_t paired;          /* of them, those that both have let in */
	struct half *halves[XVS_BATCH_MAX];
	uint32_t generations[XVS_BATCH_MAX];
	struct half *twin_halves[XVS_BATCH_MAX];
	uint32_t twin_generations[XVS_BATCH_MAX];
};

/* [worker] Before packets are added. */
void conn_run_begin(struct conn_table *t, struct conn_run *r);

/* The half of who sends packets with this handle; that of the other end is the other one of two lines. */
static inline struct half *conn_run_half(const struct conn_run *r, struct conn_ref ref)
{
	uintptr_t half = r->halves_of_none + (uintptr_t)ref.index * CONN_BYTES +
			 (uintptr_t)(ref.generation & 1) * CONN_HALF_BYTES;

	__builtin_prefetch((void *)half, 1);
	__builtin_prefetch((void *)(half ^ CONN_HALF_BYTES));
	return (struct half *)half;
}

/*
 * [worker] Packet i has this handle, which conn_judge() gave: asks memory for its connection.  With no
 * handle it may be added, but not run.
 */
static inline void conn_run_add(struct conn_run *r, uint64_t i, struct conn_ref ref)
{
	r->halves[i] = conn_run_half(r, ref);
	r->generations[i] = ref.generation;
}

/*
 * [worker] The same packet goes on, if it is let in, to a port that tracks it by this handle: where both
 * know the same, what is true for one is true for the other, which then need not be asked.  Its bit in
 * r->twins is the caller's to set.
 */
static inline void conn_run_add_twin(struct conn_run *r, uint64_t i, struct conn_ref ref)
{
	r->twin_halves[i] = conn_run_half(r, ref);
	r->twin_generations[i] = ref.generation;
}

/*
 * [worker] Lets them in, in order, as conn_update() would, until one is more than a plain packet of
 * an established connection: that one, and all behind it, are what is returned.  It is for
 * conn_update(); then the run may go on.
 */
uint64_t conn_run(struct conn_table *t, const struct worker *w, struct conn_run *r, uint64_t mask);
/* [worker] Before a handle is run that was given before env.changed(). */
void conn_verify(struct conn_table *t, struct conn_ref ref);

/*
 * [worker] From now on what 'tally' counts passes by this handle, and conn_run() and conn_update() are
 * not told of it.  False: packets do more to this connection than be counted, or another tally counts.
 * Call tally_verify() and then conn_holds(); the tally comes to doubt when this is not so any more.
 */
bool conn_bind(struct conn_table *t, const struct worker *w, struct conn_ref ref,
	       struct tally *tally);
/* [worker] It may count for the connection; in doubt, and after env.changed(), to be asked again. */
bool conn_holds(struct conn_table *t, struct conn_ref ref);
/* [worker] What it has counted is the connection's.  Does nothing if the tally does not count. */
void conn_unbind(struct conn_table *t, struct conn_ref ref, struct tally *tally);
/* [worker] What counts for it already, if it could be bound: this worker's. */
struct tally *conn_bound(struct conn_table *t, const struct worker *w, struct conn_ref ref);
/* [worker] So much of what its tally counts did not get there. */
void conn_miss(struct conn_table *t, struct conn_ref ref, uint64_t packets, uint64_t bytes);

/* [worker] A little of the sweep, once a burst: time-outs, reports, waiting fragments. */
void conn_sweep(struct conn_table *t, struct worker *w, void *arg);

/* ---- operators ----------------------------------------------------------------------------------- */

struct conn_filter {
	uint32_t port; /* 0: any */
	uint8_t proto; /* 0: any */
	uint8_t has_address;
	uint8_t prefix_len;  /* of 'address', 1..128; 0: all of it */
	uint8_t address[16]; /* either end */
	uint16_t l4_port;    /* network order, either end; 0: any */
	const char *state;   /* as conn_info says, or "half-open"; NULL: any */
	/* Sets, a bit for each; NULL: all. */
	const uint64_t *ports;   /* PORTS_MAX */
	const uint64_t *deniers; /* INSTANCES_MAX: denials of these alone */
};

struct conn_info {
	struct xvs_conn view; /* slot is NULL */
	uint32_t idle_left_ms;
	uint8_t is_denied;
	uint8_t is_half_open;
	uint16_t denied_by; /* instance */
	uint16_t reason;
	const char *state_name; /* "syn-sent", "established", ... */
};

/* [any] Some connection can be in a state of this name. */
bool conn_state_is_known(const char *name);

/* [control] A snapshot as good as it can be without stopping workers; fn false: stop. */
void conn_list(struct conn_table *t, const struct conn_filter *f,
	       bool (*fn)(void *arg, const struct conn_info *info), void *arg);
uint32_t conn_count(struct conn_table *t, const struct conn_filter *f);
/* [control] Ends those that match; how many. */
uint32_t conn_flush(struct conn_table *t, const struct conn_filter *f);

#endif /* XVS_CONN_CONN_H */
