/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/denied.h - what was refused, remembered for a while, so that who tries again and again does
 * not have every firewall asked each time.
 *
 * One small table a port, of fixed size: it holds no connection's place, and what is new in it
 * replaces what is oldest.  Any worker reads and writes; nobody waits.
 */
#ifndef XVS_CONN_DENIED_H
#define XVS_CONN_DENIED_H

#include "conn/table.h"

enum { DENIED_MS = 30000 }; /* asked again after so long */

struct denial {
	struct conn_key key;
	uint16_t action; /* DENY or REJECT */
	uint16_t reason;
	uint16_t instance;
	uint16_t inbound; /* the direction in which it was opened; the other is not denied */
	uint32_t epoch;   /* of the port; void in a later one */
	uint32_t reserved;
	uint64_t until_ns;
	uint64_t id;
};
enum { DENIAL_WORDS = 10 };
_Static_assert(sizeof(struct denial) == DENIAL_WORDS * sizeof(uint64_t), "whole words");

/* [control] NULL: no memory. */
struct denied *denied_create(uint32_t count);
void denied_destroy(struct denied *d);

/* [worker] False: not known. */
bool denied_find(struct denied *d, const struct conn_key *key, bool inbound, uint32_t epoch,
		 uint64_t now_ns, struct denial *out);
void denied_add(struct denied *d, const struct denial *denial);

/* [any] Those not overdue. */
void denied_each(struct denied *d, uint32_t epoch, uint64_t now_ns,
		 bool (*fn)(void *arg, const struct denial *denial), void *arg);
/* [any] Forgets those for which fn says so. */
void denied_forget(struct denied *d, bool (*fn)(void *arg, const struct denial *denial), void *arg);

#endif /* XVS_CONN_DENIED_H */
