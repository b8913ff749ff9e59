/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/*
 * port/af_xdp/kernel.h - what the XDP program and the switch both know: the maps' keys and values.
 */
#ifndef XVS_PORT_AF_XDP_KERNEL_H
#define XVS_PORT_AF_XDP_KERNEL_H

#include <linux/types.h>

/* Kernels keep 15 bytes of a program's name: by it a program that a killed daemon left is known. */
#define KERNEL_PROGRAM "xvs_redirect"
#define KERNEL_PROGRAM_TAGS "xvs_redirect_t"

/* Counters are in lanes, so that processors seldom meet at one: index LANE * KERNEL_SHED + SLOT. */
enum { KERNEL_QUEUES = 64, KERNEL_SHED = 4096, KERNEL_LANES = 8 };

/* Keys of the tables of sources to be dropped; addresses as on the wire. */
struct kernel_source4 {
	__u32 prefix_len;
	__u8 address[4];
};

struct kernel_source6 {
	__u32 prefix_len;
	__u8 address[16];
};

struct kernel_shed {
	__u64 until_ns; /* CLOCK_MONOTONIC; so it ends in time even if the daemon does not live */
	__u32 slot;     /* of the counters */
	__u32 reserved;
};

struct kernel_count {
	__u64 packets;
	__u64 bytes;
};

#endif /* XVS_PORT_AF_XDP_KERNEL_H */
