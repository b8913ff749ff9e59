/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_capture_objects */
/*
 * Filter programs: any that is valid ends, reads nothing outside the frame, and accepts what
 * libpcap's interpreter accepts.  Input: count of instructions, instructions, frame.
 *
 * Ours begins with empty memory, libpcap's with what is on the stack; so each program is preceded
 * by instructions that empty it.
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cbpf.h"

enum { INSNS = 64, LINEAR = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cbpf_program *program_make(const uint8_t *insns, size_t count)
{
	const struct cbpf_insn store = { .code = 0x02 };
	struct cbpf_program *program;

	program = calloc(1, sizeof(*program) + (CBPF_MEMORY + count) * sizeof(program->insns[0]));
	if (!program)
		return NULL;
	for (uint32_t i = 0; i < CBPF_MEMORY; i++) {
		program->insns[i] = store;
		program->insns[i].k = i;
	}
	memcpy(program->insns + CBPF_MEMORY, insns, count * sizeof(program->insns[0]));
	program->count = (uint32_t)(CBPF_MEMORY + count);
	return program;
}

static void compare(const struct cbpf_program *program, uint8_t *bytes, uint32_t len)
{
	const struct bpf_insn *insns = (const struct bpf_insn *)(const void *)program->insns;
	struct xvs_packet packet = { .data = bytes, .linear = len, .len = len, .l3_off = 14 };
	struct xvs_flow_key key = { .ethertype = 8 };
	struct xvs_flow_key seen = { 0 };
	struct keymap map = { &key, &seen };
	struct frame f = frame_of(&packet);
	bool accepted = cbpf_run(program, &f);

	if (accepted != (bpf_filter(insns, bytes, len, len) != 0))
		abort();
	if (cbpf_trace(program, &f, &map) == (accepted ? CBPF_NO : CBPF_YES))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t count = size ? data[0] % INSNS : 0;
	size_t skip = 1 + count * sizeof(struct cbpf_insn);
	struct cbpf_program *program;
	uint8_t *bytes;
	uint32_t len;

	if (size < skip)
		return 0;
	len = (uint32_t)(size - skip < LINEAR ? size - skip : LINEAR);
	program = program_make(data + 1, count);
	bytes = malloc(len + 1u);
	if (program && bytes && cbpf_is_valid(program->insns, program->count)) {
		memcpy(bytes, data + skip, len);
		compare(program, bytes, len);
	}
	free(bytes);
	free(program);
	return 0;
}
