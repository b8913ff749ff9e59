/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/counters.h - the counter segment: shared memory that tools read without asking the daemon.
 *
 * One shard a worker, so every word has one writer; readers add the shards up.  Layout:
 *
 *   header | names (ports, instances, reasons; the control thread writes) | shard 0 | shard 1 ...
 *
 * A shard is an array of struct port_counters by port id, and a hash table of drop cells keyed by
 * (port, stage, instance, reason).  The layout is published in api/control/counters.h.
 */
#ifndef XVS_BASE_COUNTERS_H
#define XVS_BASE_COUNTERS_H

#include "base/error.h"

enum {
	PORTS_MAX = 1024,      /* port ids are 1 .. PORTS_MAX - 1, over all switches */
	INSTANCES_MAX = 1024,  /* instance numbers are 1 .. ; 0 is the host itself */
	DROP_CELLS = 4096,     /* a shard's table; a power of two */
};

/*
 * Packets as the switch holds them (a GSO packet is one).  The law, over all ports:
 * received + originated + copied + segmented = sent + drops + consumed + held.
 */
struct port_counters {
	uint64_t rx_packets, rx_bytes, rx_multicast, rx_broadcast, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_multicast, tx_broadcast, tx_errors;
	uint64_t originated; /* by extensions and by the host's own answers, entering or leaving here */
	uint64_t copied;     /* clones: one packet became two */
	uint64_t segmented;  /* n - 1 for each packet cut into n */
	uint64_t consumed;   /* XVS_REASON_CONSUMED */
	uint64_t drops;      /* all reasons together */
	uint64_t drop_bytes;
};

struct drop_cell {
	uint64_t key;     /* drop_key() + 1 in 63 bits; 0: free.  Released after the numbers are zero */
	uint64_t packets;
	uint64_t bytes;
};

struct counter_shard {
	struct port_counters ports[PORTS_MAX];
	struct drop_cell drops[DROP_CELLS];
	uint64_t drops_lost; /* table full: counted in port_counters.drops only */
};

static inline uint64_t drop_key(uint32_t port, uint32_t stage, uint32_t instance, uint32_t reason)
{
	return (uint64_t)(port & 0xffffff) << 36 | (uint64_t)(stage & 0xf) << 32 |
	       (uint64_t)(instance & 0xffff) << 16 | (reason & 0xffff);
}

struct counters; /* the mapped segment */

/* [control] path NULL: anonymous memory (tests). */
int counters_create(struct counters **out, const char *path, unsigned workers,
		    struct xvs_error *err);
void counters_destroy(struct counters *c);
struct counter_shard *counters_shard(struct counters *c, unsigned worker);
unsigned counters_workers(const struct counters *c);

/* [worker] */
void counters_drop(struct counter_shard *shard, uint64_t key, uint64_t packets, uint64_t bytes);

/* [control] Names for outside readers.  'kind' is one of COUNTERS_PORT, _INSTANCE; reasons: "ID\0name". */
enum counters_kind { COUNTERS_PORT = 1, COUNTERS_INSTANCE = 2, COUNTERS_REASON = 3 };
void counters_name(struct counters *c, enum counters_kind kind, uint32_t instance, uint32_t id,
		   const char *name);

/* [control] All workers together. */
void counters_port_sum(const struct counters *c, uint32_t port, struct port_counters *out);

/* [control] Forget a port's numbers before its id is used again (no worker counts for it now). */
void counters_port_reset(struct counters *c, uint32_t port);

/* [control] Each non-zero drop cell, summed over workers. */
void counters_drops(const struct counters *c,
		    void (*fn)(void *arg, uint32_t port, uint32_t stage, uint32_t instance,
			       uint32_t reason, uint64_t packets, uint64_t bytes),
		    void *arg);

#endif /* XVS_BASE_COUNTERS_H */
