/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/mirror.h - mirror sessions of a switch: which ports' packets are copied to which ports.
 *
 * A table is constant once published, but for the counters, and replaced as a whole.  It alone says
 * what is copied; the configuration of a port has two bits (MIRRORED_IN, MIRRORED_OUT) that keep
 * workers from looking at it where no session is.
 */
#ifndef XVS_PATH_MIRROR_H
#define XVS_PATH_MIRROR_H

#include "base/counters.h"
#include "base/rcu.h"

struct path_switch;

enum { MIRROR_TARGETS = 8 };

/* Bits of port_conf.mirrored. */
enum { MIRRORED_IN = 1, MIRRORED_OUT = 2 };

/* Of one session on one worker, which alone writes. */
struct mirror_count {
	uint64_t packets, bytes; /* copies that went to a destination's adapter, as long as there */
	uint64_t lost;           /* copies for which there was no room */
} __attribute__((aligned(64)));

struct mirror_session {
	char name[64];
	uint64_t in[PORTS_MAX / 64];  /* ports: what the switch gets from them is copied */
	uint64_t out[PORTS_MAX / 64]; /* ports: what it sends to them */
	uint64_t vlans[64];           /* if has_vlans: only packets of these segments */
	bool has_vlans;
	bool mark_cut;
	uint32_t snap;   /* 0: all bytes */
	uint32_t sample; /* 0, 1: each */
	uint32_t to_count;
	uint32_t to[MIRROR_TARGETS]; /* port ids */
	/* the control thread's */
	struct mirror_count *counts; /* by worker; workers write */
	bool is_carried;             /* the next table has its counts */
};

struct mirror_table {
	struct rcu_node rcu;
	uint64_t lone[PORTS_MAX / 64]; /* ports that get copies, and nothing else */
	uint32_t count;
	struct mirror_session sessions[];
};

static inline bool mirror_has(const uint64_t *ports, uint32_t id)
{
	return id < PORTS_MAX && (ports[id / 64] >> (id % 64) & 1) != 0;
}

static inline void mirror_add(uint64_t *bits, uint32_t nr)
{
	bits[nr / 64] |= UINT64_C(1) << (nr % 64);
}

/* [control] Room for 'count' sessions, with counts for each worker; NULL: out of memory. */
struct mirror_table *mirror_table_create(uint32_t count, uint32_t workers);
void mirror_table_destroy(struct mirror_table *t); /* not published; NULL is fine */

/*
 * [control] From now on copies are made by this table, which is taken; NULL: none are.  A session with
 * the name of a former one goes on with its counts.
 */
void path_switch_mirrors(struct path_switch *sw, struct mirror_table *t);

/* [control] Bits for a port's configuration. */
uint8_t mirror_bits(const struct mirror_table *t, uint32_t port);

/* [control] The sum over all workers. */
void mirror_sum(const struct mirror_session *s, uint32_t workers, struct mirror_count *out);

#endif /* XVS_PATH_MIRROR_H */
