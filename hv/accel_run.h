/* SPDX-License-Identifier: Apache-2.0 */
/* hv/accel_run.h - one guest of the probe by the API of KVM, in a process that may hang. */
#ifndef XVS_HV_ACCEL_RUN_H
#define XVS_HV_ACCEL_RUN_H

#include "accel_guest.h"

enum accel_end {
	ACCEL_UNFINISHED, /* the process did not come to an end */
	ACCEL_SETUP,      /* 'step' of the preparations went wrong by 'code' */
	ACCEL_INTERRUPTED,
	ACCEL_SAID,     /* it halted; what it said is in 'says' */
	ACCEL_SHUTDOWN, /* a triple fault */
	ACCEL_NO_ENTRY, /* the processor refused the state, 'code' */
	ACCEL_GAVE_UP,  /* an error inside KVM, 'code' */
	ACCEL_ODD_EXIT, /* any other exit, 'code' */
};

/* In memory that parent and child share. */
struct accel_run {
	enum accel_end end;
	const char *step; /* text of the program itself, so the same in the child */
	int code;
	uint32_t us; /* in the guest */
	char says[GUEST_SAYS_MAX];
};

/* Does not return before the guest ends. */
void accel_run(const char *device, enum accel_stage stage, struct accel_run *out);

#endif /* XVS_HV_ACCEL_RUN_H */
