/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/move.h - sessions of some inside addresses go to another table, as their machine goes to another
 * host.  All [control].
 *
 * A watch tells each session that is new or in another state since it was told last.  What comes is taken
 * as far as the rules here bear it: an outside end that is of no pool and no forward, or somebody
 * else's already, is left out and counted.  Numbers are little-endian:
 *
 *   entry   u32 inside, u32 outside, u32 remote; u16 port of each; u8 protocol; u16 state (WORD_* of
 *           nat/table.h); u32 ms idle; u64 ms old; u64 packets out, in; u64 bytes out, in
 */
#ifndef XVS_NAT_MOVE_H
#define XVS_NAT_MOVE_H

#include "nat/nat.h"

enum { NAT_ENTRY_BYTES = 3 * 4 + 3 * 2 + 1 + 2 + 4 + 8 + 4 * 8, NAT_WATCH_PREFIXES = 256 };

struct nat_watch;

/* NULL: out of memory. */
struct nat_watch *nat_watch_create(struct nat_table *t);
void nat_watch_destroy(struct nat_watch *w); /* NULL is fine; the table may be gone */
/* Is it this one's?  The table may have been replaced since. */
bool nat_watch_is_of(const struct nat_watch *w, const struct nat_table *t);
/* A pass begins, over the sessions of these addresses alone; more than NAT_WATCH_PREFIXES are not. */
void nat_watch_begin(struct nat_watch *w, const struct nat_prefix *whose, size_t count);
/* Bytes of entries, as many as fit; *more: the pass is not over. */
size_t nat_watch_next(struct nat_watch *w, uint64_t now_ns, void *out, size_t room, bool *more);
/* The sessions of the last pass's addresses end; how many. */
uint32_t nat_watch_end(struct nat_watch *w);

/* How many of them have which outside address. */
struct nat_share {
	uint32_t outside, sessions;
};
size_t nat_watch_shares(const struct nat_watch *w, struct nat_share out[NAT_ADDRESSES_MAX]);

/* What became of entries. */
struct nat_adopted {
	uint32_t taken;
	uint32_t foreign; /* outside ends that no rule here has */
	uint32_t busy;    /* that are somebody else's, or as many sessions as there may be */
};

struct nat_adoption {
	bool (*is_own)(void *arg, uint32_t inside); /* is it an inside address of who comes? */
	void *arg;
	struct nat_adopted counts; /* added to */
};

/*
 * Takes in what is_own().  -EPROTO, and nothing done: malformed.  What it has by the same inside end and
 * remote is replaced.
 */
int nat_adopt(struct nat_table *t, uint64_t now_ns, const void *entries, size_t len,
	      struct nat_adoption *adoption);
/* Has a rule of these this outside address? */
bool nat_rules_have(const struct nat_rules *r, uint32_t outside);
/* Has this inside address a session? */
bool nat_has_inside(struct nat_table *t, uint32_t inside);

#endif /* XVS_NAT_MOVE_H */
