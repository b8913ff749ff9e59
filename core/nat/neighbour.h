/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/neighbour.h - who has which address on one link: a place for each address of its prefix, so that
 * nothing is hashed, locked or evicted.
 */
#ifndef XVS_NAT_NEIGHBOUR_H
#define XVS_NAT_NEIGHBOUR_H

#include <stdatomic.h>

#include "nat/nat.h"

/* Wider prefixes would be large tables, and are not links of any use. */
enum { NEIGHBOUR_PREFIX_MIN = 16 };

struct nat_neighbour {
	_Atomic uint64_t mac;   /* 48 bits << 16 | 1; 0: not known.  Any worker writes */
	_Atomic uint32_t heard; /* stamp: when it last said so */
	_Atomic uint32_t asked; /* stamp of the last question; 0: never */
};

struct nat_link {
	struct nat_prefix prefix;
	struct nat_neighbour places[]; /* by the bits behind the prefix */
};

/* [control] A prefix of at least NEIGHBOUR_PREFIX_MIN bits.  NULL: out of memory.  free() it. */
struct nat_link *nat_link_create(struct nat_prefix prefix);

/* [worker] NULL: of another link. */
static inline struct nat_neighbour *nat_link_at(struct nat_link *l, uint32_t address)
{
	return nat_prefix_has(l->prefix, address) ? &l->places[address & ~l->prefix.mask] : NULL;
}

enum nat_neighbour_state {
	NEIGHBOUR_UNKNOWN = 0,
	NEIGHBOUR_KNOWN,
	NEIGHBOUR_OLD, /* use it, and ask whether it is still true */
};
/* [worker] */
enum nat_neighbour_state nat_neighbour_get(struct nat_neighbour *n, uint64_t now_ns,
					   uint8_t mac[6]);
/* [any] Who it was last, however long ago.  False: it was never known. */
bool nat_neighbour_last(const struct nat_neighbour *n, uint8_t mac[6]);
/* [worker] It said so itself. */
void nat_neighbour_heard(struct nat_neighbour *n, uint64_t now_ns, const uint8_t mac[6]);
/* [worker] May it be asked now?  At most once a second; then it counts as asked. */
bool nat_neighbour_ask(struct nat_neighbour *n, uint64_t now_ns);

#endif /* XVS_NAT_NEIGHBOUR_H */
