/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/accel_guest.h - the guests of the probe: what is in their memory, and what they must say.
 */
#ifndef XVS_HV_ACCEL_GUEST_H
#define XVS_HV_ACCEL_GUEST_H

#include "accel.h"

/* Physical addresses; the first 4 MiB are the guest's memory, mapped one to one in 64-bit mode. */
enum {
	GUEST_MEMORY = 4 << 20,
	GUEST_PML4 = 0x1000,
	GUEST_PDPT = 0x2000,
	GUEST_PD = 0x3000,
	GUEST_GDT = 0x4000,
	GUEST_GDT_LIMIT = 0x47,
	GUEST_GDTR = 0x4100,
	GUEST_IDTR = 0x4110,
	GUEST_TRIPS = 0x4200, /* how many times into user mode */
	GUEST_IDT = 0x5000,
	GUEST_IDT_LIMIT = 0xfff,
	GUEST_TSS = 0x6000,
	GUEST_TSS_LIMIT = 0x67,
	GUEST_CODE = 0x8000,
	GUEST_STACK = 0x20000,
};

enum { GUEST_ROUND_TRIPS = 20000, GUEST_SAYS_MAX = 8 };

/* Selectors of the table at GUEST_GDT. */
enum { GUEST_CODE64 = 0x08, GUEST_DATA = 0x10, GUEST_TASK = 0x18 };

/* Does it begin in 64-bit mode?  Else in real mode. */
bool guest_begins_long(enum accel_stage stage);

/* The address of its first instruction. */
uint64_t guest_entry(enum accel_stage stage);

/* What it says, byte by byte, by "out" to any port, before it halts. */
const char *guest_says(enum accel_stage stage);

/* Fills zeroed memory of GUEST_MEMORY bytes. */
void guest_fill(uint8_t *memory, uint32_t trips);

#endif /* XVS_HV_ACCEL_GUEST_H */
