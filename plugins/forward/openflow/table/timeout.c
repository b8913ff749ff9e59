/* SPDX-License-Identifier: Apache-2.0 */
/* table/timeout.c - a wheel of rules that have a timeout. */
#include "table/timeout.h"

static const uint64_t second_ns = 1000000000;
static const uint64_t tick_ns = (uint64_t)OF_WHEEL_TICK_MS * 1000000;

static uint64_t used_ns(const struct of_rule *r)
{
	uint64_t last = of_count(&r->stats->last_ns);

	return last > r->created_ns ? last : r->created_ns;
}

uint64_t of_rule_ends_ns(const struct of_rule *r, uint8_t *reason)
{
	uint64_t hard = r->hard_timeout ? r->created_ns + r->hard_timeout * second_ns : UINT64_MAX;
	uint64_t idle = r->idle_timeout ? used_ns(r) + r->idle_timeout * second_ns : UINT64_MAX;

	*reason = hard <= idle ? OF_REMOVED_HARD : OF_REMOVED_IDLE;
	return hard <= idle ? hard : idle;
}

static void put(struct of_wheel *w, struct of_rule *r, uint64_t tick)
{
	uint32_t slot = (uint32_t)(tick % OF_WHEEL_SLOTS);

	r->due_slot = slot + 1;
	r->due_prev = NULL;
	r->due_next = w->slots[slot];
	if (r->due_next)
		r->due_next->due_prev = r;
	w->slots[slot] = r;
	w->count++;
}

/* Never behind the hand, and no more than a turn ahead of it. */
static void schedule(struct of_wheel *w, struct of_rule *r, uint64_t ends_ns)
{
	uint64_t tick = ends_ns / tick_ns + 1;

	if (tick <= w->tick)
		tick = w->tick + 1;
	if (tick >= w->tick + OF_WHEEL_SLOTS)
		tick = w->tick + OF_WHEEL_SLOTS - 1;
	put(w, r, tick);
}

void of_wheel_add(struct of_wheel *w, struct of_rule *r, uint64_t now_ns)
{
	uint8_t reason;
	uint64_t ends = of_rule_ends_ns(r, &reason);

	if (!w->count)
		w->tick = now_ns / tick_ns;
	if (ends != UINT64_MAX)
		schedule(w, r, ends);
}

void of_wheel_remove(struct of_wheel *w, struct of_rule *r)
{
	if (!r->due_slot)
		return;
	*(r->due_prev ? &r->due_prev->due_next : &w->slots[r->due_slot - 1]) = r->due_next;
	if (r->due_next)
		r->due_next->due_prev = r->due_prev;
	r->due_slot = 0;
	w->count--;
}

bool of_wheel_turn(struct of_wheel *w, uint64_t now_ns, uint32_t count,
		   void (*fn)(void *arg, struct of_rule *r, uint8_t reason), void *arg)
{
	uint64_t until = now_ns / tick_ns;

	if (until > w->tick + OF_WHEEL_SLOTS)
		w->tick = until - OF_WHEEL_SLOTS;
	while (w->tick < until) {
		uint32_t slot = (uint32_t)(++w->tick % OF_WHEEL_SLOTS);
		struct of_rule *r;

		for (; (r = w->slots[slot]) != NULL; count--) {
			uint8_t reason;
			uint64_t ends = of_rule_ends_ns(r, &reason);

			if (!count) {
				w->tick--; /* this slot again */
				return false;
			}
			of_wheel_remove(w, r);
			/* into another slot: it may be removed by then, or be suspected again */
			schedule(w, r, ends > now_ns ? ends : now_ns);
			if (ends <= now_ns)
				fn(arg, r, reason);
		}
	}
	return true;
}
