/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow/digest.h - when something last changed that a cached verdict may depend on.
 *
 * An entry that has not been looked at for a while would have to be tested against each change since.
 * The digest answers for all of them at once: changes by match are kept by their mask, and for each
 * mask a few parts of it ("probes": the whole, beginnings of addresses) lead to the number of the
 * last change with this value.  An entry that knows all bits of some probe, and whose value there
 * was last changed before it was judged, is not concerned.  Masks are few, changes are many.
 *
 * Numbers share slots, so the answer may be "perhaps" where nothing happened, and never "no" where
 * something did.  One writer at a time; readers take no lock.
 */
#ifndef XVS_FLOW_DIGEST_H
#define XVS_FLOW_DIGEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "xvs/extension.h"

struct epoch_change;

enum {
	DIGEST_GROUPS = 64, /* masks of one instance each */
	DIGEST_PROBES = 12,
	DIGEST_TAGS = 1024,
	DIGEST_LINES = 2048,
	DIGEST_LINE_SLOTS = 16,
};

/* Who was tested so many changes ago is not to ask: numbers in slots wrap. */
enum { DIGEST_BEHIND_MAX = 1 << 30 };

/* A part of a mask. */
struct digest_probe {
	struct xvs_flow_key bits;
	uint64_t seed; /* no other has it */
};

/* Changes of one instance that have one mask.  Constant once it is counted, but 'end'. */
struct digest_group {
	uint32_t nr;
	uint32_t instance;
	uint32_t probe_count;
	struct xvs_flow_key mask; /* as it was told */
	struct digest_probe probes[DIGEST_PROBES];
};

/* All numbers are of the log's records, the last one and 1. */
struct epoch_digest {
	_Atomic uint64_t ends[DIGEST_GROUPS];
	_Atomic uint64_t tags_end;
	_Atomic uint64_t others_end; /* of those that no group was left for */
	_Atomic uint32_t group_count;
	struct digest_group groups[DIGEST_GROUPS];
	_Atomic uint64_t tags[DIGEST_TAGS];                      /* by instance and tag */
	_Atomic uint32_t slots[DIGEST_LINES][DIGEST_LINE_SLOTS]; /* modulo 2^32 */
};

/* [any] One at a time, in order. */
void digest_put(struct epoch_digest *d, const struct epoch_change *c, uint64_t number);

/* What a step of an entry is by: the instance, its tags, the entry's key and the bits of it that count. */
struct digest_question {
	uint32_t instance;
	uint64_t tags; /* 0: any */
	const struct xvs_flow_key *key;
	const struct xvs_flow_key *known;
};

/* [worker] False: no change from number 'seen' on concerns it. */
bool digest_may_concern(const struct epoch_digest *d, uint64_t seen,
			const struct digest_question *q);

/*
 * The same of many keys, whoever told of a change: which groups have any from the oldest number on, and by
 * which of their probes keys of one mask can be told apart.
 */
struct digest_plan {
	uint64_t groups;
	uint16_t probes[DIGEST_GROUPS];
};

/* [worker] False: there were changes by tags, or such as concern everybody. */
bool digest_plan_since(const struct epoch_digest *d, uint64_t oldest, struct digest_plan *plan);
/* [worker] Of keys that are known in these bits; 'seen' is no older than the plan. */
void digest_plan_known(const struct epoch_digest *d, const struct xvs_flow_key *known,
		       struct digest_plan *plan);
bool digest_plan_concerns(const struct epoch_digest *d, const struct digest_plan *plan,
			  uint64_t seen, const struct xvs_flow_key *key);

#endif /* XVS_FLOW_DIGEST_H */
