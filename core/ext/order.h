/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/order.h - the order of a chain: class, then before/after declared by extensions, then the
 * administrator's list.  The same input gives the same order, with the reason for each place.
 */
#ifndef XVS_EXT_ORDER_H
#define XVS_EXT_ORDER_H

#include "ext/module.h"

struct order_entry {
	const char *instance; /* operator's name */
	const struct extension *ext;
	char why[160]; /* out: "filter; after guard (declared by com.x.y); listed 3rd" */
};

/*
 * [any] Sorts entries in place: ingress order is inspect, filter, firewall, forward.  -ELOOP:
 * before/after contradict one another, with the circle named.  -EEXIST: two forwarders, or one
 * extension twice.
 */
int chain_order(struct order_entry *entries, size_t count, struct xvs_error *err);

#endif /* XVS_EXT_ORDER_H */
