/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/timeout.h - which flows have been idle, or there, for too long.
 *
 *	rules -> wheel of slots, one for each tenth of a second -> looked at when their time may have come
 *
 * Idle flows are credited by workers now and then, so a rule whose time has come by what is known is
 * suspected first: the caller collects what workers know, then asks again.
 */
#ifndef OPENFLOW_TABLE_TIMEOUT_H
#define OPENFLOW_TABLE_TIMEOUT_H

#include "table/rule.h"

enum { OF_WHEEL_SLOTS = 1024, OF_WHEEL_TICK_MS = 100 };

struct of_wheel {
	struct of_rule *slots[OF_WHEEL_SLOTS];
	uint64_t tick; /* up to which all slots were looked at */
	uint32_t count;
};

/* [control] All of these. */
void of_wheel_add(struct of_wheel *w, struct of_rule *r, uint64_t now_ns);
void of_wheel_remove(struct of_wheel *w, struct of_rule *r);

/* When it ends, as far as is known; UINT64_MAX: never.  'reason': OF_REMOVED_IDLE or _HARD. */
uint64_t of_rule_ends_ns(const struct of_rule *r, uint8_t *reason);

/*
 * fn for each rule whose end has come, one after another, but for so many at most; it may remove any.
 * Those that go on are looked at again when it is time.  True: that was all.
 */
bool of_wheel_turn(struct of_wheel *w, uint64_t now_ns, uint32_t count,
		   void (*fn)(void *arg, struct of_rule *r, uint8_t reason), void *arg);

#endif /* OPENFLOW_TABLE_TIMEOUT_H */
