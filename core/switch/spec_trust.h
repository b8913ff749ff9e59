/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_trust.h - whose extensions are loaded (extensions: in xvs.yaml). */
#ifndef XVS_SWITCH_SPEC_TRUST_H
#define XVS_SWITCH_SPEC_TRUST_H

#include <stdbool.h>
#include <time.h>

#include "base/minisign.h"

struct trust_spec {
	bool is_required; /* without a signature nothing is loaded */
	struct minisign_key *keys;
	size_t key_count;
	char until[11]; /* the last day on which they count, as 2027-06-30; "": they always do */
};

void trust_spec_finish(struct trust_spec *t);
int trust_spec_copy(const struct trust_spec *from, struct trust_spec *to); /* -ENOMEM */

/* The moment at which 'until' is over, in UTC; 0: never.  False: it is no day. */
bool trust_spec_until(const struct trust_spec *t, time_t *out);

#endif /* XVS_SWITCH_SPEC_TRUST_H */
