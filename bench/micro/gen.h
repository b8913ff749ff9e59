/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/gen.h - a port without a device: gives the same frames out of memory, and counts what it
 * is given.  No system call while a run is on, so what is measured is the switch.
 */
#ifndef XVS_BENCH_MICRO_GEN_H
#define XVS_BENCH_MICRO_GEN_H

#include "port/backend.h"

enum { GEN_FRAME = 60, GEN_STRIDE = 64 }; /* 64 bytes on the wire, less FCS */

struct gen;

/* [control] NULL: no memory or no descriptor, errno says.  */
struct gen *gen_create(void);
void gen_destroy(struct gen *g);
struct backend *gen_backend(struct gen *g);

/* [control] Between runs: 'count' frames of GEN_FRAME bytes, each at GEN_STRIDE; borrowed. */
void gen_load(struct gen *g, const uint8_t *frames, uint32_t count);

/* [control] Gives 'packets' more. */
void gen_run(struct gen *g, uint64_t packets);

/* [control] Between runs: whom the worker calls before it is given so many packets; NULL: nobody. */
void gen_tell(struct gen *g, void (*fn)(void *arg, uint32_t packets), void *arg);

/* [any] How many packets were sent to it. */
uint64_t gen_taken(const struct gen *g);

#endif /* XVS_BENCH_MICRO_GEN_H */
