/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/counters.h - the counter segment: shared memory that tools read without asking the daemon.
 *
 * One shard a worker and one for the control thread, which keeps there what ports brought along from
 * another host; so every word has one writer.  Readers add the shards up.  What outside
 * readers see is described in api/control/counters.h, the one definition of the layout:
 *
 *   header | names (ports, instances, reasons; the control thread writes) | shard 0 | shard 1 ...
 *
 * A shard is an array of struct port_counters by port id, and a hash table of drop cells keyed by
 * (port, stage, instance, reason).
 */
#ifndef XVS_BASE_COUNTERS_H
#define XVS_BASE_COUNTERS_H

#include "base/error.h"
#include "control/counters.h" /* struct port_counters, struct drop_cell, drop_key() */

enum {
	PORTS_MAX = 1024,     /* port ids are 1 .. PORTS_MAX - 1, over all switches */
	INSTANCES_MAX = 1024, /* instance numbers are 1 .. ; 0 is the host itself */
	DROP_CELLS = 4096,    /* a shard's table; a power of two */
};

struct counter_shard {
	struct port_counters ports[PORTS_MAX];
	struct drop_cell drops[DROP_CELLS];
	uint64_t drops_lost; /* table full: counted in port_counters.drops only */
};

struct counters; /* the mapped segment */

/*
 * [control] Makes a segment of zeros at 'path', mode 0644, in place of an older one, whose
 * readers keep what they have mapped.  NULL: anonymous memory (tests).
 */
int counters_create(struct counters **out, const char *path, unsigned workers,
		    struct xvs_error *err);
/* [control] Removes the file, unless another daemon has put its own there.  NULL is fine. */
void counters_destroy(struct counters *c);
struct counter_shard *counters_shard(struct counters *c, unsigned worker);
unsigned counters_workers(const struct counters *c);
/* [any] The segment as outside readers see it. */
const struct counters_header *counters_header(const struct counters *c);

/* [worker] Adds to a word of this worker's shard: it alone writes there, so nothing is locked. */
static inline void counter_add(uint64_t *word, uint64_t n)
{
	__atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* [worker] Counts a drop: in its cell, and in drops and drop_bytes of the key's port. */
void counters_drop(struct counter_shard *shard, uint64_t key, uint64_t packets, uint64_t bytes);

/*
 * [control] Names for outside readers; they replace the one before, NULL removes it.  A name
 * that is too long is cut; with thousands of names, later ones go unnamed.  'instance' is 0 but
 * for COUNTERS_REASON, where it says whose reason 'id' is (0: the host's own).
 */
void counters_name(struct counters *c, enum counters_kind kind, uint32_t instance, uint32_t id,
		   const char *name);

/* [control] All workers together. */
void counters_port_sum(const struct counters *c, uint32_t port, struct port_counters *out);

/*
 * [control] What a port that has moved here has counted elsewhere: in its sums from now on, instead of
 * what was carried before.
 */
void counters_port_carry(struct counters *c, uint32_t port, const struct port_counters *from);
void counters_port_carried(const struct counters *c, uint32_t port, struct port_counters *out);

/* [control] Forget a port's numbers before its id is used again (no worker counts for it now). */
void counters_port_reset(struct counters *c, uint32_t port);

/* [control] Each non-zero drop cell, summed over workers. */
void counters_drops(const struct counters *c,
		    void (*fn)(void *arg, uint32_t port, uint32_t stage, uint32_t instance,
			       uint32_t reason, uint64_t packets, uint64_t bytes),
		    void *arg);

#endif /* XVS_BASE_COUNTERS_H */
