/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiling is libpcap's; running is ours.  So what workers do needs no library, and what comes
 * out of the compiler is checked like anything else that comes from outside.
 */
#include "filter.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>

enum { LINK_BYTES_MAX = 262144 };

static int program_copy(const struct bpf_program *compiled, struct cbpf_program **out,
			struct xvs_error *err)
{
	uint32_t count = compiled->bf_len;
	struct cbpf_program *program;

	program = calloc(1, sizeof(*program) + count * sizeof(program->insns[0]));
	if (!program)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	program->count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct bpf_insn *in = &compiled->bf_insns[i];

		program->insns[i] = (struct cbpf_insn){ in->code, in->jt, in->jf, in->k };
	}
	if (!cbpf_is_valid(program->insns, count)) {
		free(program);
		return xvs_refuse(
			err, -EINVAL, "filter",
			"the expression is too long or needs more than the frame's bytes");
	}
	*out = program;
	return 0;
}

int filter_compile(const char *expression, struct cbpf_program **out, struct xvs_error *err)
{
	struct bpf_program compiled;
	pcap_t *pcap;
	int result;

	if (expression[0] == '\0')
		return 0;
	pcap = pcap_open_dead(DLT_EN10MB, LINK_BYTES_MAX);
	if (!pcap)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	if (pcap_compile(pcap, &compiled, expression, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		result = xvs_refuse(err, -EINVAL, "filter", pcap_geterr(pcap));
	} else {
		result = program_copy(&compiled, out, err);
		pcap_freecode(&compiled);
	}
	pcap_close(pcap);
	return result;
}
