/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * frames.bpf.c - makes the frames of xdp_gen: the kernel runs this for each frame of a run, and sends
 * what comes of it to the device.
 *
 * Nobody allocates a socket buffer for such a frame or copies it from user space, so a core makes
 * several times as many as a switch on another core can take.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "frames.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FRAMES_FLOWS_MAX);
	__type(key, __u32);
	__type(value, struct frames_head);
} heads SEC(".maps");

struct frames_state state;

SEC("xdp")
int frames_make(struct xdp_md *ctx)
{
	struct frames_head *to = (struct frames_head *)(long)ctx->data;
	const struct frames_head *from = bpf_map_lookup_elem(&heads, &state.next);

	if (!from || (void *)(to + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	if (++state.next >= state.flows)
		state.next = 0;
	*to = *from;
	return (int)bpf_redirect(state.device, 0);
}

/* For the redirect: loading it into a kernel asks for this, the file may be used under either. */
char LICENSE[] SEC("license") = "GPL";
