/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/accel.h - does KVM of this host really run guests?
 *
 * Some hosts offer /dev/kvm, answer every question about it properly, and then interpret guest
 * code, spin or refuse: those that are guests themselves, or paravirtual.  So tiny guests are run,
 * each a step nearer to what a kernel does while it boots, and what comes out is compared.
 */
#ifndef XVS_HV_ACCEL_H
#define XVS_HV_ACCEL_H

#include <stdbool.h>
#include <stdint.h>

enum accel_stage {
	ACCEL_OPEN,   /* the device is there and speaks the API that everybody speaks */
	ACCEL_REAL,   /* 16-bit code */
	ACCEL_LONG,   /* 64-bit code, in a state that KVM was given */
	ACCEL_SSE,    /* the same with SSE2: hosts that interpret guest code give up here */
	ACCEL_SWITCH, /* from 16 to 64 bits by the guest itself, as a boot loader does */
	ACCEL_IDT,   /* control registers, MSRs, a breakpoint and a page fault through its tables */
	ACCEL_RING3, /* into user mode and back, many times */
	ACCEL_STAGES,
	ACCEL_SPIN = ACCEL_STAGES, /* never ends: the probe's own test */
};

enum { ACCEL_DEADLINE_MS = 1000, ACCEL_REASON = 200 };
#define ACCEL_DEVICE "/dev/kvm"

struct accel_verdict {
	bool is_usable;
	enum accel_stage stage;    /* at which it ended; ACCEL_RING3 where all went well */
	char reason[ACCEL_REASON]; /* why not, as a half sentence; "" where usable */
	uint32_t ms;               /* how long it took to find out */
	uint32_t trip_ns; /* of one way into user mode and back; 0: it did not come to that */
};

const char *accel_stage_name(enum accel_stage stage);

/*
 * [control] Blocks for at most the deadline and a little more.  A guest runs in a process of its
 * own, which is killed at the deadline; where the kernel does not let go of it, it is left behind.
 */
void accel_probe(const char *device, uint32_t deadline_ms, struct accel_verdict *out);

/* [control] One stage; true: its guest said what it had to.  'out' as above. */
bool accel_stage_probe(const char *device, enum accel_stage stage, uint32_t deadline_ms,
		       struct accel_verdict *out);

#endif /* XVS_HV_ACCEL_H */
