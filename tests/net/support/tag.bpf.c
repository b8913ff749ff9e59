/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * What a VLAN device does to frames that leave by it: a tag of VLAN 10, beside the frame.  Kernels
 * without VLAN devices can be tested with it too.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { VLAN = 10, GO_ON = 0 };

SEC("tc")
int tag(struct __sk_buff *frame)
{
	(void)bpf_skb_vlan_push(frame, bpf_htons(ETH_P_8021Q), VLAN);
	return GO_ON;
}

char LICENSE[] SEC("license") = "GPL";
