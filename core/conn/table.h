/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/table.h - the connection object, the table and its ports: for the files of this folder.
 *
 * LIFE OF AN OBJECT
 *
 *      fresh or stock --take--> in work --link--> in its bucket's chain, findable
 *                                                   | conn_end(): dead, generation moves on
 *      stock <--grace period-- out of its chain <-- graves (conn_refill)
 *
 * THE HASH TABLE has a chain a bucket.  Workers link new objects at its head only, by one
 * compare-and-exchange: if anybody else linked there since the chain was walked, it fails and the
 * chain is walked again.  That makes insertion insert-if-absent.  The control thread alone takes
 * objects out, so two removals never meet; a dead object stays readable, links and key, until a
 * grace period has passed, so who walks over it gets on.  Reuse waits for that as well, which is
 * why the head's compare-and-exchange cannot be deceived by an object that left and came back.
 */
#ifndef XVS_CONN_TABLE_H
#define XVS_CONN_TABLE_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/rcu.h"
#include "conn/conn.h"
#include "conn/tuple.h"

enum conn_state {
	STATE_NONE = 0, /* free, or dead and waiting for its grace period */
	STATE_NEW,      /* not TCP: the responder was not seen yet */
	STATE_SYN_SENT,
	STATE_SYN_RECEIVED, /* both SYN seen, not both acknowledged */
	STATE_ESTABLISHED,
	STATE_CLOSING,   /* a FIN was seen */
	STATE_TIME_WAIT, /* both were acknowledged */
	STATE_COUNT
};

static inline bool proto_has_handshake(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_SCTP;
}

/* conn.word */
enum {
	WORD_STATE = 0xff,
	WORD_FLUSHED = 1 << 29, /* ends where a worker meets it next; for all others it is gone */
	WORD_LOCK = 1 << 30,    /* the connection's bit */
};

/* half.flags; the lowest four bits are the window scale that the half's SYN asked for. */
enum {
	HALF_SCALE_MASK = 0x0f,
	/* by how much windows are shifted; with HALF_AGREED */
	HALF_SHIFT_AT = 4,
	HALF_SHIFT_MASK = 0xf0,
	HALF_SEATED = 1 << 8, /* 'end' and so on are numbers of this direction */
	HALF_SYN = 1 << 9,    /* its SYN was seen: scale and 'first' are known */
	HALF_SCALE = 1 << 10, /* with a window scale option */
	HALF_EDGE = 1 << 11,  /* 'edge' and 'ack' are valid */
	/* all this is true of both halves, and will be */
	HALF_AGREED = 1 << 12,
	/*
	 * It was elsewhere: its SYN, scale and numbers are of the past.  The next packet seats it; more
	 * than was seen may be under way from now on.
	 */
	HALF_MOVED = 1 << 13,
};

/* conn.tcp_bits, under the connection's bit; shifted left by the direction. */
enum { TCP_SYN_ACKED = 1, TCP_FIN_SEEN = 4, TCP_FIN_ACKED = 16, TCP_SYN_LATER = 64 };

enum { OWNER_NONE = 0, OWNER_SHARED = 0xff }; /* else worker number + 1 */

/*
 * One direction, written by packets of that direction.  'owner' is the one worker it has come
 * in on so far: plain stores suffice.  Once a second worker is seen, every store is an exchange;
 * the one packet on its way in that moment may lose its count, never more.
 */
struct half {
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
	union {
		struct {                      /* with a handshake */
			_Atomic uint32_t end; /* highest sequence number sent + 1 */
			/* highest ack + window: as far as the other end may send */
			_Atomic uint32_t edge;
			_Atomic uint32_t window; /* largest that it offered */
			_Atomic uint32_t ack;    /* highest acknowledgement sent */
		};
		_Atomic uint64_t numbers[2];         /* the same, two at a time */
		struct {                             /* without: tally.c */
			struct tally *_Atomic tally; /* counts for it; NULL: nobody does */
			_Atomic uint32_t turn;       /* odd: that is just being changed */
		};
	};
	union {
		struct {
			/* gate.c: in which life all but its numbers is known to be plain; 0: ask */
			_Atomic uint32_t pass;
			_Atomic uint16_t owner;
			_Atomic uint16_t flags;
		};
		_Atomic uint64_t gate; /* the same at once */
	};
	_Atomic uint32_t seen;  /* stamp of the last packet */
	_Atomic uint32_t first; /* number of its SYN; changes under the connection's bit */
	uint32_t fin_end;       /* end of its FIN; likewise */
	uint32_t reported;      /* likewise; [0]: stamp of the last report, [1]: conn_group() */
	uint32_t later; /* with TCP_SYN_LATER: number of a SYN that may begin the next life */
	uint32_t later_end;
} __attribute__((aligned(64)));

struct conn {
	/* line 0: found by, and asked for every packet */
	_Atomic uint32_t generation; /* even; + 2 when a life ends */
	_Atomic uint32_t word;       /* enum conn_state and the bits above */
	_Atomic uint32_t next;       /* in the bucket's chain: index + 1 */
	_Atomic uint32_t epoch;      /* of the port when it was authorised last; 0: not yet */
	struct conn_key key;         /* constant while findable */

	/* line 1: constant after opening, or written under the bit */
	uint64_t slots[CONN_SLOTS];
	uint64_t id;
	uint64_t begin_ns;
	_Atomic uint32_t mark;
	_Atomic uint32_t idle_ms; /* asked for by a verdict; 0: the protocol's */
	uint32_t report_ms;
	uint16_t log;
	uint8_t inbound; /* the initiator is outside */
	uint8_t tcp_bits;

	struct half halves[2]; /* [0] from the initiator */
} __attribute__((aligned(64)));

/* With its word of the buckets and its link, a connection takes 268 at most. */
_Static_assert(sizeof(struct conn) == CONN_BYTES, "a connection is four lines");
_Static_assert(sizeof(struct half) == CONN_HALF_BYTES, "a half is one");
_Static_assert(offsetof(struct conn, halves) == CONN_HALVES, "behind the two that both share");

/* A queue of handles in order of age; see evict.c. */
struct ring;
struct denied;
struct fragments;

/* Somebody wants to know what changes: a bit for each object, set behind the change. */
struct conn_marks {
	_Atomic uint64_t *dirty;
};

/* Ports whose connections count together: those of one switch. */
struct conn_group {
	_Atomic uint32_t count;
	_Atomic uint32_t busiest; /* the port with the most half-open ones, as far as was seen */
	uint32_t number;          /* the control thread's, as the next */
	uint32_t ports;           /* guarded ones */
} __attribute__((aligned(64)));

struct conn_port {
	/* read for every packet, written when policy changes */
	_Atomic uint32_t epoch;
	_Atomic uint32_t opened; /* epoch when it became guarded; 0: it is not */
	_Atomic uint32_t limit;
	_Atomic uint32_t half_limit;
	_Atomic uint32_t group;       /* index of its group */
	_Atomic uint32_t group_limit; /* UINT32_MAX: none */
	_Atomic uint32_t midstream_ms;
	_Atomic uint32_t times[CONN_TIMES];
	_Atomic uint32_t stamps_least; /* whoever was idle for less is within any of them */
	struct ring *half_open;        /* published by rcu_publish, as the two below */
	struct ring *finished;         /* those in TIME_WAIT */
	struct denied *denied;
	struct fragments *fragments; /* one a worker */
	struct conn_marks *watch;    /* published likewise; NULL: nobody */
	_Atomic bool has_moved;   /* its connections came with it: none is taken up in its middle */
	_Atomic bool is_adopting; /* they are still coming; the control thread writes */

	/* written as connections come and go */
	_Atomic uint32_t count __attribute__((aligned(64)));
	_Atomic uint32_t half_count;
	_Atomic uint32_t waiting; /* fragments */
} __attribute__((aligned(64)));

/* What one worker has; nobody else writes, but 'incoming'. */
struct stock {
	uint32_t head;  /* free objects, by 'links' */
	uint32_t fresh; /* the slab that it works up */
	uint32_t fresh_end;
	_Atomic uint32_t incoming; /* a chain from the control thread; taken whole */
	uint64_t ids;              /* connections opened */
	uint64_t swept_ns;
	uint64_t fragment_ports[PORTS_MAX / 64]; /* where datagrams of this worker are */
} __attribute__((aligned(64)));

struct conn_table {
	struct conn *objects;    /* 'limits.connections' of them; mapped, touched when used */
	_Atomic uint32_t *links; /* of an object that is in no chain: in stock or among graves */
	_Atomic uint32_t *buckets;
	uint32_t bucket_mask;
	unsigned workers;
	struct conn_limits limits; /* without zeros */
	struct conn_env env;
	uint64_t created_ns; /* mid-stream is allowed for midstream_ms from here */

	_Atomic uint32_t fresh __attribute__((aligned(64))); /* objects never used begin here */
	_Atomic uint32_t graves;  /* of the dead that are still in their chains */
	_Atomic uint32_t cursor;  /* of the sweep, shared by all workers */
	_Atomic uint32_t epochs;  /* numbers for ports' epochs */
	_Atomic uint32_t busiest; /* as a group's, of all ports */

	/* the control thread's */
	uint32_t spare __attribute__((aligned(64))); /* objects ready to be given out */
	uint32_t resting;                            /* those that wait for the grace period */
	uint64_t adopted;                            /* connections that came from elsewhere */
	struct stock own;                            /* where they are put */
	bool is_resting;
	bool is_wanted;    /* a worker was given some since this was last asked */
	bool is_destroyed; /* the grace period's end frees the table */
	struct rcu_node rest;

	struct conn_port ports[PORTS_MAX];
	struct conn_group groups[PORTS_MAX]; /* as many as there can be ports */
	struct stock stocks[WORKERS_MAX];
};

/* ---- object.c: handles, the bit, counting, what others are shown --------------------------- */

static inline uint32_t conn_index(const struct conn_table *t, const struct conn *c)
{
	return (uint32_t)(c - t->objects);
}

static inline struct conn_port *conn_port(struct conn_table *t, const struct conn *c)
{
	return &t->ports[c->key.port];
}

/* The group that it counts in: that of its port when it began. */
static inline struct conn_group *conn_group(struct conn_table *t, const struct conn *c)
{
	return &t->groups[c->halves[1].reported];
}

static inline enum conn_state conn_state(struct conn *c)
{
	return (enum conn_state)(atomic_load_explicit(&c->word, memory_order_acquire) & WORD_STATE);
}

static inline bool state_is_half_open(enum conn_state state)
{
	return state == STATE_NEW || state == STATE_SYN_SENT || state == STATE_SYN_RECEIVED;
}

/* Milliseconds and a bit: the coarse time of last-seen stamps. */
enum { STAMP_SHIFT = 20 };
static inline uint32_t stamp_of(uint64_t ns)
{
	return (uint32_t)(ns >> STAMP_SHIFT);
}

/* [any] Behind a change of it: who watches the port is to see it. */
static inline void conn_touch(struct conn_table *t, const struct conn *c)
{
	struct conn_marks *watch = rcu_read(&conn_port(t, c)->watch);
	uint32_t index = conn_index(t, c);

	/* Always an exchange: a bit seen set may be taken before the change is seen. */
	if (__builtin_expect(watch != NULL, 0))
		atomic_fetch_or_explicit(&watch->dirty[index / 64], UINT64_C(1) << index % 64,
					 memory_order_release);
}

/*
 * [worker] Take the handle first, then look whether the connection is live: a handle taken too late
 * would be that of the object's next life.
 */
struct conn_ref conn_ref_of(const struct conn_table *t, struct conn *c, unsigned direction);
struct conn *conn_deref(struct conn_table *t, struct conn_ref ref); /* NULL: dead */

/* [any] The bit.  conn_lock() is false, and the bit free, if the connection has ended. */
bool conn_lock(struct conn *c);
void conn_unlock(struct conn *c);
/* [any] Holding the bit: the state changes, the port's count of half-open ones with it. */
void conn_set_state(struct conn_table *t, struct conn *c, enum conn_state state);
/* [any] The same, and the bit is let go. */
void conn_leave(struct conn_table *t, struct conn *c, enum conn_state state);

/*
 * [any] Holding the bit, which is let go: the connection ends.  cause 0, or no 'w': nobody is told.
 * 'arg' is that of the worker's callbacks.
 */
void conn_end(struct conn_table *t, struct worker *w, struct conn *c, uint16_t cause, void *arg);

/* [worker] A packet of this direction passed. */
void conn_account(const struct worker *w, struct half *h, uint32_t bytes);
/* [worker] Of one that is not this worker's so far. */
bool half_claim(const struct worker *w, struct half *h);

/* [worker] True: one worker alone has this direction, and it is this one. */
static inline bool half_is_own(const struct worker *w, struct half *h)
{
	return atomic_load_explicit(&h->owner, memory_order_relaxed) == w->nr + 1 ||
	       half_claim(w, h);
}

void conn_view(struct conn *c, struct xvs_conn *out); /* all but 'slot' */

/* [worker] What is written to it meanwhile may be missed. */
static inline uint32_t half_flags(struct half *h)
{
	return atomic_load_explicit(&h->flags, memory_order_relaxed);
}

/* ---- tally.c: what is counted elsewhere ---------------------------------------------------- */

struct half_counts {
	uint64_t packets, bytes;
	uint32_t seen; /* stamp */
};
/* [any] With what a tally has counted for it. */
void half_read(struct conn *c, unsigned direction, struct half_counts *out);
/* [any] Behind its end, or what ends it at the next packet: who counts for it is to ask. */
void conn_doubt(struct conn *c);

/* ---- gate.c: what is known to be plain ------------------------------------------------------ */

enum { GATE_OWNER_AT = 32, GATE_FLAGS_AT = 48 };

/* What half.pass is while it stands for this life: never 0. */
static inline uint32_t pass_of(uint32_t generation)
{
	return generation | 1;
}

/* [worker] Is it open to this worker, for packets with a handle of this generation? */
static inline bool gate_is_open(uint64_t gate, uint32_t generation, uint32_t owner)
{
	uint64_t want = pass_of(generation) | (uint64_t)owner << GATE_OWNER_AT;

	return (gate ^ want) << (64 - GATE_FLAGS_AT) == 0;
}
/*
 * [worker] It is established, authorised, and agreed on by both ends, and this worker alone has the
 * direction: so it was just now.
 */
void gate_open(struct conn *c, unsigned direction, uint32_t generation, uint32_t epoch);
/* [any] Behind a change of that. */
void gate_shut(struct conn *c);

/* times.c */
uint64_t conn_timeout_ms(struct conn_table *t, struct conn *c);
/* [control] Puts defaults for what is 0. */
void times_complete(struct conn_times *times);
uint32_t conn_idle_stamps(struct conn *c, uint32_t now_stamp);

/* ---- slab.c: objects ----------------------------------------------------------------------- */

/* [worker] NULL: none left for now.  Zero but for generation. */
struct conn *slab_take(struct conn_table *t, struct worker *w);
/* [any] It has ended, or lost the race for its key and was never linked. */
void slab_bury(struct conn_table *t, struct conn *c);
/* [control] The same. */
struct conn *slab_take_control(struct conn_table *t);
/* [any] Objects with this index and above have never been used. */
uint32_t slab_high(struct conn_table *t);

/* ---- table.c ------------------------------------------------------------------------------- */

/* [any] Number of the bucket in whose chain a key is. */
static inline uint32_t table_bucket(const struct conn_table *t, const struct conn_key *key)
{
	return (uint32_t)key_hash(key) & t->bucket_mask;
}

/* [worker] Asks memory for what is behind its first line: all of it is wanted, nearly always. */
static inline void conn_fetch(struct conn *c)
{
	__builtin_prefetch(&c->slots);
	__builtin_prefetch(&c->halves[0], 1);
	__builtin_prefetch(&c->halves[1], 1);
}

/* [worker] Where the chain of a bucket begins. */
static inline uint32_t table_head(struct conn_table *t, uint32_t bucket)
{
	return atomic_load_explicit(&t->buckets[bucket], memory_order_acquire);
}

/* [worker] The live connection of this key in the chain that began so; NULL: none. */
struct conn *table_walk(struct conn_table *t, uint32_t head, const struct conn_key *key);
/* [worker] The same in a bucket. */
struct conn *table_find(struct conn_table *t, uint32_t bucket, const struct conn_key *key);
/*
 * [worker] Links c unless there is a live one with its key already, which is returned; else c.
 * 'walked': the chain that began so has none; what is linked since stands in front of that.
 */
struct conn *table_link(struct conn_table *t, uint32_t nr, struct conn *c, uint32_t walked);
#define TABLE_NOT_WALKED UINT32_MAX
/* [control] A dead one leaves its chain. */
void table_unlink(struct conn_table *t, struct conn *c);
void table_free(struct conn_table *t);

#endif /* XVS_CONN_TABLE_H */
