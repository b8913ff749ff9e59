/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/table.h - sessions, bindings, inside hosts and outside ports: for the files of this folder.
 *
 * LOOK-UP takes no lock.  A session stands in two hash chains, by its inside and by its outside end;
 * its memory never goes away while the table is there.  'generation' is odd while it lives: who reads
 * it, then the words of the session by acquire loads, then finds it unchanged, has read one life.
 * A chain may change under a reader: then it may miss what is there, never find what is not, and
 * what it missed is looked up again under the lock before anything is opened.
 *
 * CHANGES (opening, closing, other rules) are made under one lock, held for some hundred
 * instructions.  It is the NAT's counterpart of a connection's bit (architecture 16.1f): what is
 * changed together here, ports, bindings and limits of hosts, is more than one session.
 */
#ifndef XVS_NAT_TABLE_H
#define XVS_NAT_TABLE_H

#include <stdatomic.h>

#include "base/clock.h"
#include "nat/nat.h"

enum nat_dir { NAT_OUT = 0, NAT_IN = 1 };

/* session.word */
enum {
	WORD_SEEN = 1,         /* << direction: a packet of it came */
	WORD_FIN = 4,          /* << direction */
	WORD_RST = 16,         /* in either, and nothing from inside since */
	WORD_FORWARD = 32,     /* of a forward: it has no binding */
	WORD_REFRESH_IN = 64,  /* what comes in keeps it alive */
	WORD_STARTED_IN = 128, /* a remote came first */
	WORD_OPEN = 256,       /* TCP: who began has answered the answer */
	WORD_PROTO_SHIFT = 24, /* the top byte */
};

/* Two words, compared and hashed. */
struct nat_key {
	uint64_t ends;  /* own address << 32 | remote address */
	uint64_t ports; /* own port << 48 | remote port << 32 | protocol */
};

struct session {
	/* line 0: what every packet reads */
	_Atomic uint32_t generation; /* odd: lives; the lock's holder writes */
	_Atomic uint32_t next[2];    /* in the chain of each direction: index + 1 */
	_Atomic uint32_t word;
	_Atomic uint64_t keys[2][2]; /* by direction: inside end, outside end */
	_Atomic uint32_t seen;       /* stamp of the last packet that keeps it alive */
	uint32_t binding;            /* index + 1; 0: a forward's.  From here on under the lock */
	uint32_t host;               /* index + 1 */
	uint32_t prev_peer;          /* in the chain by binding and remote address: index + 1 */

	/* line 1 */
	_Atomic uint64_t packets[2], bytes[2]; /* each direction has one worker, nearly always */
	_Atomic uint64_t begin_ns;
	uint32_t prev[2];
	uint32_t next_peer; /* also the next free one */
	uint32_t reserved;
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct session) == NAT_SESSION_BYTES, "a session is two lines");

struct binding {
	uint32_t inside, outside;
	uint16_t inside_port, outside_port;
	uint8_t proto;
	uint32_t sessions; /* 0: free */
	uint32_t next;     /* in its chain by the inside end, or of free ones: index + 1 */
};

struct host {
	uint32_t address;
	uint32_t sessions; /* 0: free */
	uint32_t next;
};

enum { PROTOS = 3, PORTS = 65536 };
enum { OWNER_NOBODY = 0, OWNER_FORWARD = 0x7fffffff };

/* An outside address and who has its ports: binding index + 1. */
struct outside {
	uint32_t address;
	uint32_t *owner[PROTOS];
};

struct nat_table {
	struct session *sessions;
	_Atomic uint32_t *buckets[2]; /* index + 1 */
	uint32_t *peers;              /* the same, under the lock */
	uint32_t *binding_chains;
	uint32_t *host_chains;
	struct binding *bindings;
	struct host *hosts;
	uint32_t limit;          /* of sessions, bindings and hosts alike */
	uint32_t mask;           /* of all chains */
	struct nat_rules *rules; /* published; changes under the lock */

	_Atomic uint32_t lock __attribute__((aligned(64)));
	uint32_t free_session, fresh_binding, free_binding, fresh_host, free_host;
	uint32_t session_count, binding_count, host_count;
	uint64_t opened, ended, no_ports, no_room, host_limit, filtered;
	struct outside outsides[NAT_ADDRESSES_MAX];
	uint32_t unreviewed; /* the first so many sessions may not be borne by the rules; control's own */
	uint32_t full[3]; /* by protocol: bit n, pool n had no port left, and none has come back */

	_Atomic uint32_t fresh __attribute__((aligned(64))); /* sessions never used begin here */
	_Atomic uint32_t cursor;                             /* of the sweep */
	_Atomic uint64_t swept_ns;
};

/* Milliseconds and a bit. */
enum { STAMP_SHIFT = 20 };
static inline uint32_t stamp_of(uint64_t ns)
{
	return (uint32_t)(ns >> STAMP_SHIFT);
}

static inline struct nat_key key_of(uint32_t own, uint16_t own_port, uint32_t remote,
				    uint16_t remote_port, uint8_t proto)
{
	return (struct nat_key){ (uint64_t)own << 32 | remote,
				 (uint64_t)own_port << 48 | (uint64_t)remote_port << 32 | proto };
}

static inline uint32_t key_own(struct nat_key k)
{
	return (uint32_t)(k.ends >> 32);
}

static inline uint32_t key_remote(struct nat_key k)
{
	return (uint32_t)k.ends;
}

static inline uint16_t key_own_port(struct nat_key k)
{
	return (uint16_t)(k.ports >> 48);
}

static inline uint16_t key_remote_port(struct nat_key k)
{
	return (uint16_t)(k.ports >> 32);
}

static inline uint8_t key_proto(struct nat_key k)
{
	return (uint8_t)k.ports;
}

/* Of the arrays by protocol; PROTOS: none of ours. */
static inline uint32_t proto_index(uint8_t proto)
{
	return proto == PROTO_TCP ? 0 : proto == PROTO_UDP ? 1 : proto == PROTO_ICMP ? 2 : PROTOS;
}

/* ---- table.c ---- */
void nat_lock(struct nat_table *t); /* [any] */
void nat_unlock(struct nat_table *t);
/* [any] NULL: none.  keys: what it had, both of one life. */
struct session *nat_find(struct nat_table *t, enum nat_dir dir, struct nat_key key,
			 struct nat_key keys[2]);
/* Under the lock. */
void nat_session_link(struct nat_table *t, struct session *s, const struct nat_key keys[2]);
void nat_session_unlink(struct nat_table *t, struct session *s);
struct nat_key nat_session_key(const struct session *s, enum nat_dir dir);

/* ---- session.c ---- */
/* What a session is to be. */
struct opening {
	struct nat_key keys[2];
	uint32_t binding; /* index + 1; 0: a forward's */
	enum nat_dir dir; /* of the first packet */
};
/* Under the lock.  0, or the reason why not; then a binding without sessions is the caller's to end. */
uint16_t nat_session_open(struct nat_table *t, const struct opening *o, uint64_t now_ns,
			  struct session **out);
/* Under the lock: it ends, and with its last session its binding. */
void nat_session_close(struct nat_table *t, struct session *s);
/* [worker] A packet of it passed. */
void nat_session_touch(struct session *s, enum nat_dir dir, const struct nat_view *v,
		       const struct nat_moment *m, uint32_t bytes);
/* [any] How long it may be idle. */
uint32_t nat_session_timeout_ms(const struct nat_timeouts *to, uint32_t word);
/* Under the lock: has this binding a session with that remote address? */
bool nat_session_knows_peer(const struct nat_table *t, uint32_t binding, uint32_t remote);

/* ---- binding.c: all under the lock ---- */
/* Index + 1; 0: out->reason says why. */
uint32_t nat_binding_get(struct nat_table *t, const struct nat_view *v, uint64_t *random,
			 uint16_t *reason);
/* The same at this outside end, which is in a pool.  0: it is another's, or that end has another one. */
uint32_t nat_binding_claim(struct nat_table *t, const struct nat_view *v, uint32_t outside,
			   uint16_t port);
void nat_binding_release(struct nat_table *t, uint32_t binding); /* if it has no session */
/* Has this inside address as many sessions as it may?  Counted if so. */
bool nat_host_is_full(struct nat_table *t, uint32_t address);
bool nat_host_has_sessions(const struct nat_table *t, uint32_t address);
/* One more session of this inside address; index + 1, 0: its limit is reached. */
uint32_t nat_host_take(struct nat_table *t, uint32_t address, uint16_t *reason);
void nat_host_give(struct nat_table *t, uint32_t host);

/* ---- ports.c: all under the lock, but the first ---- */
uint32_t *nat_ports_create(void); /* NULL: out of memory */
void nat_ports_free(uint32_t *owners);
struct outside *nat_outside_find(struct nat_table *t, uint32_t address);
/* A free port of the pools for this inside endpoint; NULL: none. */
struct outside *nat_ports_take(struct nat_table *t, const struct nat_view *v, uint64_t *random,
			       uint16_t *port);
/* Is its outside end still its own?  Other rules may have taken it, and then its sessions are to end. */
bool nat_ports_has(struct nat_table *t, uint32_t binding);
void nat_ports_give(struct nat_table *t, uint32_t binding);
bool nat_ports_in_pool(const struct nat_rules *r, uint32_t address, uint16_t port);

/* ---- rules.c ---- */
/* NULL: none.  By its outside end and who comes, or by its inside end and to whom it talks. */
const struct nat_forward *nat_forward_inward(const struct nat_rules *r, const struct nat_view *v);
const struct nat_forward *nat_forward_outward(const struct nat_rules *r, const struct nat_view *v);

#endif /* XVS_NAT_TABLE_H */
