/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/facts.h - what this host can do for virtual machines.
 */
#ifndef XVS_HV_FACTS_H
#define XVS_HV_FACTS_H

#include <jansson.h>

#include "accel.h"
#include "process.h"
#include "spec.h"

struct facts {
	char qemu[SPEC_PATH];    /* the program */
	char version[SPEC_TEXT]; /* "7.2.22"; "": QEMU cannot be run, see 'problem' */
	char problem[400];
	char machines[2][SPEC_TEXT]; /* the newest of generation 1 and 2 */
	json_t *machine_types;       /* names of all; owned */
	json_t *cpu_models;          /* names; owned */
	char processor[128];         /* of the host, as its kernel names it; "": it does not */
	struct accel_verdict accel;
	char firmware[SPEC_PATH], variables[SPEC_PATH]; /* of UEFI; "": not installed */
};

/*
 * [control] Runs QEMU and the probe of KVM; 'loop' is run meanwhile, for a second at most.  What
 * could not be found out is left empty.
 */
void facts_read(struct facts *f, const char *qemu, const struct user *user, struct loop *loop);
void facts_finish(struct facts *f);

/* [control] Does a definition get KVM here?  False with 'err': it insists on what there is not. */
bool facts_is_kvm(const struct facts *f, enum accel_choice wanted, bool *is_kvm,
		  struct xvs_error *err);

/* [control] Does QEMU know this machine type, or this model of a processor? */
bool facts_has_machine(const struct facts *f, const char *type);
bool facts_has_cpu(const struct facts *f, const char *model);
/* [any] Bytes that programs can still have; of huge pages of 2 MiB, those that are free. */
uint64_t facts_free_memory(bool has_hugepages);

/* [control] All of it for people and programs, with what changes (huge pages); new. */
json_t *facts_print(const struct facts *f);

#endif /* XVS_HV_FACTS_H */
