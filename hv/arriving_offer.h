/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_offer.h - a machine as another host offers it, and all that stands against taking it.
 * Nothing here waits for anybody.  [control]
 */
#ifndef XVS_HV_ARRIVING_OFFER_H
#define XVS_HV_ARRIVING_OFFER_H

#include "vm.h"

enum { OFFER_PROCESSOR = 128, OFFER_CHECKPOINTS = 256 };

/* What the source says of it: its definition, and what was chosen for it there. */
struct offer {
	struct vm_spec spec;
	bool is_kvm;
	bool is_wanted;      /* it is to run, after a crash, too */
	char cpu[SPEC_TEXT]; /* as QEMU was told */
	char qemu[SPEC_TEXT];
	char processor[OFFER_PROCESSOR];
	uint64_t sizes[SPEC_DISKS]; /* that a guest sees, in bytes */
	uint64_t allocated[SPEC_DISKS];
	struct ownership owners[SPEC_DISKS]; /* there; the same twice: not told */
	json_t *checkpoints;                 /* a list of objects; owned */
};

/* False: it is none, 'why' says why, as a half sentence; nothing to finish. */
bool offer_read(const json_t *machine, struct offer *out, char *why, size_t size);
void offer_finish(struct offer *o); /* zeroed is fine */

enum { FINDING_WHY = 400 };

/* [{what, why, severity: "refuse"|"warn"}] */
void finding_put(json_t *findings, const char *what, bool is_refusal, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
bool findings_have_refusal(const json_t *findings);

/* Who wants to bring it, and how. */
struct offer_terms {
	const struct host_peer *peer;
	bool has_disks;    /* they come along */
	uint64_t promised; /* bytes of memory for others that come */
};

/* To the findings: what this host can say by itself, all of it. */
void offer_check(const struct hv *hv, const struct offer *o, const struct offer_terms *terms,
		 json_t *findings);

#endif /* XVS_HV_ARRIVING_OFFER_H */
