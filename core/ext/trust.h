/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/trust.h - whose modules are loaded: signatures beside their files, in FILE.minisig.
 *
 * What is verified are the very bytes that are mapped afterwards, before anything else looks at them.
 */
#ifndef XVS_EXT_TRUST_H
#define XVS_EXT_TRUST_H

#include <stdbool.h>
#include <time.h>

#include "base/minisign.h"

struct trust {
	const struct minisign_key *keys;
	size_t key_count;
	time_t until;             /* the keys count so long; 0: for ever */
	bool is_required;         /* without a signature of one of them nothing is loaded */
	const struct trust *also; /* who has to agree; NULL: nobody else */
};

/* A signature as it lies beside a module, or in a bundle, or none: 'text' is NULL then. */
struct module_signature {
	char *text;
	size_t len;
	void *of; /* the bytes of a bundle that it is of; NULL: it is of the module itself */
	size_t of_size;
};

/* [any] That beside the module at 'path'; what cannot be read counts as none.  -ENOMEM. */
int module_signature_read(const char *path, struct module_signature *out);
void module_signature_finish(struct module_signature *s);

/*
 * [any] May these bytes be loaded, or those that the signature brings?  0: *out says who signed them, or has no key where nobody did that
 * counts.  -ENOKEY: nobody did that counts, though somebody has to; -EBADMSG: a trusted key signed
 * something else, which is refused in any case; -ENOMEM.  't' NULL: nobody's counts, and none has to.
 */
int trust_check(const struct trust *t, const struct module_signature *signature, const void *bytes,
		size_t size, struct minisign_proof *out, struct xvs_error *err);

#endif /* XVS_EXT_TRUST_H */
