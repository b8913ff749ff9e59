/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * frames.h - what xdp_gen and its program in the kernel both know.
 */
#ifndef XVS_BENCH_FRAMES_H
#define XVS_BENCH_FRAMES_H

#include <linux/types.h>

enum { FRAMES_FLOWS_MAX = 4096, FRAMES_HEAD_WORDS = 8 };

/* The first 64 bytes of a frame, all that differs between flows. */
struct frames_head {
	__u64 words[FRAMES_HEAD_WORDS];
};

struct frames_state {
	__u32 device; /* where frames go */
	__u32 flows;
	__u32 next; /* of them */
};

#endif /* XVS_BENCH_FRAMES_H */
