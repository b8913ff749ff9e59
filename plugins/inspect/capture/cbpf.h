/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cbpf.h - classic BPF programs, as libpcap compiles filter expressions to, run on frames.
 *
 * A program is checked once; then running it is bounded by its length, since it only jumps
 * forward, and reads nothing outside the frame: a load behind the end rejects the frame.
 *
 * cbpf_trace() runs it on one frame and says whether the answer holds for every packet that has
 * the same flow key in the bits it marks, by following which bytes the answer depends on.
 */
#ifndef CAPTURE_CBPF_H
#define CAPTURE_CBPF_H

#include "frame.h"
#include "keymap.h"

enum { CBPF_MAX = 4096, CBPF_MEMORY = 16 };

/* Laid out and numbered as in every BPF (linux/filter.h, pcap/bpf.h). */
struct cbpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct cbpf_program {
	uint32_t count;
	struct cbpf_insn insns[];
};

enum cbpf_answer { CBPF_NO, CBPF_YES, CBPF_UNKNOWN };

/* [any] Is it a program: known instructions, jumps forward to one of them, a return at the end? */
bool cbpf_is_valid(const struct cbpf_insn *insns, uint32_t count);

/* [control] Of a valid program: so many bytes of a frame it may look at, at most 'most'. */
uint32_t cbpf_reach(const struct cbpf_program *program, uint32_t most);

/* [worker] Of a valid program: does it accept the frame? */
bool cbpf_run(const struct cbpf_program *program, const struct frame *f);

/*
 * [worker] NO or YES: the program rejects or accepts every packet whose key equals this one's in
 * the bits marked in map->seen.  UNKNOWN: the key does not tell.
 */
enum cbpf_answer cbpf_trace(const struct cbpf_program *program, const struct frame *f,
			    struct keymap *map);

#endif /* CAPTURE_CBPF_H */
