/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_capture_objects */
/*
 * Filter programs: any that is valid ends, reads nothing outside the frame, and accepts what
 * libpcap's interpreter accepts.  Input: count of instructions, instructions, frame.
 */
#include <pcap/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cbpf.h"

enum { INSNS = 64, LINEAR = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cbpf_program *program;
	struct xvs_packet packet = { .l3_off = 14, .ethertype = 0x0800 };
	struct xvs_flow_key key = { .ethertype = 8 };
	struct xvs_flow_key seen = { 0 };
	struct keymap map = { &key, &seen };
	struct frame f;
	size_t count = size ? data[0] % INSNS : 0;
	uint8_t *bytes;

	if (size < 1 + count * sizeof(struct cbpf_insn))
		return 0;
	program = calloc(1, sizeof(*program) + (count + 1) * sizeof(program->insns[0]));
	if (!program)
		return 0;
	memcpy(program->insns, data + 1, count * sizeof(program->insns[0]));
	data += 1 + count * sizeof(struct cbpf_insn);
	size -= 1 + count * sizeof(struct cbpf_insn);
	program->count = (uint32_t)count;
	packet.linear = packet.len = (uint32_t)(size < LINEAR ? size : LINEAR);
	bytes = malloc(packet.linear + 1);
	if (bytes && cbpf_is_valid(program->insns, program->count)) {
		memcpy(bytes, data, packet.linear);
		packet.data = bytes;
		f = frame_of(&packet);
		if (cbpf_run(program, &f) !=
		    (bpf_filter((const struct bpf_insn *)(const void *)program->insns, bytes,
				packet.len, packet.linear) != 0))
			abort();
		(void)cbpf_trace(program, &f, &map);
	}
	free(bytes);
	free(program);
	return 0;
}
