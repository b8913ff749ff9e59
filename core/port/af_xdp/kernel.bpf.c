/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * port/af_xdp/kernel.bpf.c - the program that runs in the driver, for each frame that comes in.
 *
 *      source in the shed tables, and its time not over -> counted, dropped
 *      a socket of ours at this receive queue           -> to the socket
 *      else                                             -> on to the host, as if we were not there
 *
 * Compiled for the kernel's virtual machine by clang and carried in the daemon as bytes.  There
 * are two programs, one of which is loaded.  The second is for devices that hand a VLAN tag over
 * beside the frame (veth): an XDP socket gets the frame alone, so the tag is put back first.
 * The kernel lends the function for it (since 6.8) to programs that are bound to one device.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "kernel.h"

enum { TAGS_MAX = 2, TAG_BYTES = 4, IPV4_SOURCE_AT = 12, IPV6_SOURCE_AT = 8 };

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, KERNEL_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xvs_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, KERNEL_SHED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct kernel_source4);
	__type(value, struct kernel_shed);
} xvs_shed4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, KERNEL_SHED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct kernel_source6);
	__type(value, struct kernel_shed);
} xvs_shed6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KERNEL_LANES *KERNEL_SHED);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct kernel_count);
} xvs_counts SEC(".maps");

/* How many prefixes are in the tables: without any, no frame is looked at. */
volatile __u32 xvs_shed_entries;

extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *ctx, __be16 *proto,
					__u16 *tci) __ksym __weak;

static __always_inline bool is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline struct kernel_shed *find4(const __u8 *ip, const __u8 *end)
{
	struct kernel_source4 key = { .prefix_len = 32 };

	if (ip + IPV4_SOURCE_AT + sizeof(key.address) > end)
		return NULL;
	__builtin_memcpy(key.address, ip + IPV4_SOURCE_AT, sizeof(key.address));
	return bpf_map_lookup_elem(&xvs_shed4, &key);
}

static __always_inline struct kernel_shed *find6(const __u8 *ip, const __u8 *end)
{
	struct kernel_source6 key = { .prefix_len = 128 };

	if (ip + IPV6_SOURCE_AT + sizeof(key.address) > end)
		return NULL;
	__builtin_memcpy(key.address, ip + IPV6_SOURCE_AT, sizeof(key.address));
	return bpf_map_lookup_elem(&xvs_shed6, &key);
}

static __always_inline struct kernel_shed *find(const __u8 *data, const __u8 *end)
{
	const __u8 *at = data + 2 * ETH_ALEN;

	for (int i = 0; i <= TAGS_MAX; i++) {
		__be16 type;

		if (at + sizeof(type) > end)
			return NULL;
		__builtin_memcpy(&type, at, sizeof(type));
		if (type == bpf_htons(ETH_P_IP))
			return find4(at + sizeof(type), end);
		if (type == bpf_htons(ETH_P_IPV6))
			return find6(at + sizeof(type), end);
		if (!is_tag(type))
			return NULL;
		at += TAG_BYTES;
	}
	return NULL;
}

/* True: this frame is to be dropped, and has been counted. */
static __always_inline bool is_shed(const struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;
	const __u8 *end = (const __u8 *)(long)ctx->data_end;
	const struct kernel_shed *shed = find(data, end);
	struct kernel_count *count;
	__u32 at;

	if (!shed || bpf_ktime_get_ns() >= shed->until_ns)
		return false;
	at = bpf_get_smp_processor_id() % KERNEL_LANES * KERNEL_SHED + shed->slot;
	count = bpf_map_lookup_elem(&xvs_counts, &at);
	if (count) {
		(void)__sync_fetch_and_add(&count->packets, 1);
		(void)__sync_fetch_and_add(&count->bytes, (__u64)(end - data));
	}
	return true;
}

SEC("xdp")
int xvs_redirect(struct xdp_md *ctx)
{
	if (xvs_shed_entries && is_shed(ctx))
		return XDP_DROP;
	return (int)bpf_redirect_map(&xvs_sockets, ctx->rx_queue_index, XDP_PASS);
}

/* The tag behind the addresses, where it was on the wire.  False: no room in front of the frame. */
static __always_inline bool put_tag(struct xdp_md *ctx, __be16 proto, __u16 tci)
{
	__u8 addresses[2 * ETH_ALEN];
	__be16 tag[2] = { proto, bpf_htons(tci) };
	__u8 *data = (__u8 *)(long)ctx->data;

	if (data + sizeof(addresses) > (__u8 *)(long)ctx->data_end)
		return false;
	__builtin_memcpy(addresses, data, sizeof(addresses));
	if (bpf_xdp_adjust_head(ctx, -TAG_BYTES))
		return false;
	data = (__u8 *)(long)ctx->data;
	if (data + sizeof(addresses) + sizeof(tag) > (__u8 *)(long)ctx->data_end)
		return false;
	__builtin_memcpy(data, addresses, sizeof(addresses));
	__builtin_memcpy(data + sizeof(addresses), tag, sizeof(tag));
	return true;
}

/* Only where a socket takes the frame: the host's stack would see the tag twice. */
SEC("?xdp")
int xvs_redirect_t(struct xdp_md *ctx)
{
	__u32 queue = ctx->rx_queue_index;
	__be16 proto = 0;
	__u16 tci = 0;

	if (xvs_shed_entries && is_shed(ctx))
		return XDP_DROP;
	if (bpf_map_lookup_elem(&xvs_sockets, &queue) &&
	    bpf_xdp_metadata_rx_vlan_tag(ctx, &proto, &tci) == 0 && is_tag(proto) &&
	    !put_tag(ctx, proto, tci))
		return XDP_DROP;
	return (int)bpf_redirect_map(&xvs_sockets, queue, XDP_PASS);
}

/* Loading it into a kernel asks for this; the file itself may be used under either licence. */
char LICENSE[] SEC("license") = "GPL";
