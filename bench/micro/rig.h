/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/rig.h - the packet path with one worker, one switch and two ports made of memory, a source
 * and a sink.
 */
#ifndef XVS_BENCH_MICRO_RIG_H
#define XVS_BENCH_MICRO_RIG_H

#include "micro/gen.h"
#include "path/path.h"

enum { RIG_CHAIN_MAX = 16 };

/* Kinds of extension, in the order in which they stand in a chain. */
enum rig_kind { RIG_SAMPLE, RIG_JUDGE, RIG_NOOP, RIG_ALLOW, RIG_KINDS };

/* How many of each stand there. */
struct rig_chain {
	uint32_t count[RIG_KINDS];
};

enum rig_port { RIG_SOURCE, RIG_SINK, RIG_PORTS };

struct rig_run {
	uint64_t packets;
	uint64_t cpu_ns; /* processor time of the worker: waiting its turn does not count */
	uint64_t hits_exact, hits_masked, misses, evictions;
	uint64_t cycles[CYCLES_KINDS]; /* of the worker, by what they went to */
};

struct rig;

extern const uint8_t rig_address[RIG_PORTS][6]; /* the one behind each port */

/* [control] Below: this thread is the control thread.  core -1: not pinned; flows 0: as usual. */
int rig_create(int core, uint32_t flows, struct rig **out, struct xvs_error *err);
void rig_destroy(struct rig *rig);

/* Frames of a port as for gen_load(). */
void rig_load(struct rig *rig, enum rig_port from, const uint8_t *frames, uint32_t count);

/* Returns when the chain is in force. */
int rig_set_chain(struct rig *rig, const struct rig_chain *chain, struct xvs_error *err);
int rig_set_chains(struct rig *rig, const struct rig_chain chains[RIG_PORTS],
		   struct xvs_error *err);

/*
 * From now on a rule that no packet matches changes each time so many packets have entered at the source; 0:
 * never.
 */
void rig_set_changes(struct rig *rig, uint32_t packets);

/* Packets that enter at 'from'; an error unless every one came out of the other port. */
int rig_run(struct rig *rig, enum rig_port from, uint64_t packets, struct rig_run *out,
	    struct xvs_error *err);

#endif /* XVS_BENCH_MICRO_RIG_H */
