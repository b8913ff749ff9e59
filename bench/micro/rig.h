/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/rig.h - the packet path with one worker, one switch and two ports made of memory: what
 * enters at the first has the address behind the second.
 */
#ifndef XVS_BENCH_MICRO_RIG_H
#define XVS_BENCH_MICRO_RIG_H

#include "micro/gen.h"
#include "path/path.h"

enum { RIG_CHAIN_MAX = 16 };

/* What stands in the chain: 'count' extensions of one kind. */
enum rig_kind { RIG_JUDGE = 0, RIG_NOOP = 1, RIG_KINDS = 2 };

struct rig_run {
	uint64_t packets;
	uint64_t cpu_ns; /* processor time of the worker: waiting its turn does not count */
	uint64_t hits_exact, hits_masked, misses, evictions;
	uint64_t cycles[CYCLES_KINDS]; /* of the worker, by what they went to */
};

struct rig;

extern const uint8_t rig_destination[6]; /* address behind the second port */

/* [control] Below: this thread is the control thread.  core -1: not pinned; flows 0: as usual. */
int rig_create(int core, uint32_t flows, struct rig **out, struct xvs_error *err);
void rig_destroy(struct rig *rig);

/* Frames as for gen_load(). */
void rig_load(struct rig *rig, const uint8_t *frames, uint32_t count);

/* Returns when the chain is in force. */
int rig_set_chain(struct rig *rig, enum rig_kind kind, uint32_t count, struct xvs_error *err);

/* An error unless every packet came out of the second port. */
int rig_run(struct rig *rig, uint64_t packets, struct rig_run *out, struct xvs_error *err);

#endif /* XVS_BENCH_MICRO_RIG_H */
