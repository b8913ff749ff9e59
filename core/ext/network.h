/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/network.h - what the operator lets extensions do on the network: with whom, and with which
 * keys.
 *
 * [control] all of it.
 */
#ifndef XVS_EXT_NETWORK_H
#define XVS_EXT_NETWORK_H

#include "ext/net_target.h"

struct network;

struct network_settings {
	struct tls_files files;   /* NULL names: none */
	const char *const *allow; /* patterns; none: every target */
	size_t allow_count;
};

struct network *network_create(void);    /* every target, no keys; NULL: out of memory */
void network_destroy(struct network *n); /* NULL is fine */

/*
 * Counts for what is begun from now on.  Of keys that cannot be used there are none from now on, and
 * the others count all the same.
 */
int network_set(struct network *n, const struct network_settings *s, struct xvs_error *err);

/* NULL, of who has no operator: every target, no keys. */
bool network_allows(const struct network *n, const struct net_target *t);
/* The keys, read again if their files have changed; -ENOKEY: there are none. */
int network_keys(struct network *n, const struct tls_context **out, struct xvs_error *err);

#endif /* XVS_EXT_NETWORK_H */
