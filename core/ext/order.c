/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/order.c - the order of a chain, and why.
 *
 * Among those whose predecessors are all placed, the first of the administrator's list comes
 * next: so the list decides wherever no extension has a say, and the result depends on nothing
 * but the input.
 */
#include "ext/order.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_MAX = 64 }; /* one bit of a word per entry (architecture, section 2) */

/* Input by its place in the list; edges are within a class. */
struct chain {
	const struct order_entry *list;
	size_t count;
	uint64_t behind[CHAIN_MAX];  /* bit j of [i]: i stands behind j */
	uint64_t said_by[CHAIN_MAX]; /* bit j of [i]: and it was j that declared so ("before") */
};

static bool names(const char *const *ids, uint32_t count, const char *id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(ids[i], id) == 0)
			return true;
	}
	return false;
}

/* Does 'a' stand before 'b', and was it 'a' that said so? */
static bool stands_before(const struct extension *a, const struct extension *b, bool *by_a)
{
	if (a->cls != b->cls)
		return false;
	*by_a = names(a->before, a->before_count, b->id);
	return *by_a || names(b->after, b->after_count, a->id);
}

static int pair_check(const struct order_entry *a, const struct order_entry *b,
		      struct xvs_error *err)
{
	if (strcmp(a->ext->id, b->ext->id) == 0)
		return error_set(err, -EEXIST, "",
				 "chain: %s and %s are both %s, a switch has one of each",
				 a->instance, b->instance, a->ext->id);
	if (a->ext->cls == XVS_FORWARD && b->ext->cls == XVS_FORWARD)
		return error_set(
			err, -EEXIST, "",
			"chain: %s (%s) and %s (%s) both forward, a switch has one forwarder",
			a->instance, a->ext->id, b->instance, b->ext->id);
	return 0;
}

static int chain_read(struct chain *c, struct xvs_error *err)
{
	for (size_t i = 0; i < c->count; i++) {
		for (size_t j = 0; j < c->count; j++) {
			bool by_j = false;
			int code;

			if (i == j)
				continue;
			code = j < i ? pair_check(&c->list[j], &c->list[i], err) : 0;
			if (code)
				return code;
			if (stands_before(c->list[j].ext, c->list[i].ext, &by_j))
				c->behind[i] |= UINT64_C(1) << j;
			if (by_j)
				c->said_by[i] |= UINT64_C(1) << j;
		}
	}
	return 0;
}

/* The place in the list of who comes next, or -1: each left stands behind another. */
static int next_entry(const struct chain *c, uint32_t cls, uint64_t placed)
{
	for (size_t i = 0; i < c->count; i++) {
		if (placed & UINT64_C(1) << i || c->list[i].ext->cls != cls)
			continue;
		if (!(c->behind[i] & ~placed))
			return (int)i;
	}
	return -1;
}

/* Going on to any that an entry stands behind must come to one twice: that is the circle. */
static int circle(const struct chain *c, uint64_t placed, size_t at, struct xvs_error *err)
{
	uint64_t seen = 0;
	char text[128] = "";
	size_t len = 0;
	size_t first;

	while (!(seen & UINT64_C(1) << at)) {
		seen |= UINT64_C(1) << at;
		at = (size_t)__builtin_ctzll(c->behind[at] & ~placed);
	}
	first = at;
	do {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s behind ",
					c->list[at].instance);
		at = (size_t)__builtin_ctzll(c->behind[at] & ~placed);
	} while (at != first && len < sizeof(text));
	return error_set(err, -ELOOP, "",
			 "chain: before and after of extensions go in a circle: %s%s", text,
			 len < sizeof(text) ? c->list[first].instance : "...");
}

static const char *ordinal_ending(size_t nr)
{
	if (nr % 100 >= 11 && nr % 100 <= 13)
		return "th";
	switch (nr % 10) {
	case 1:
		return "st";
	case 2:
		return "nd";
	case 3:
		return "rd";
	default:
		return "th";
	}
}

static void why_write(const struct chain *c, size_t nr, char *why, size_t size)
{
	size_t len = (size_t)snprintf(why, size, "%s; ", class_name(c->list[nr].ext->cls));

	for (size_t j = 0; j < c->count && len < size; j++) {
		size_t by = c->said_by[nr] & UINT64_C(1) << j ? j : nr;

		if (c->behind[nr] & UINT64_C(1) << j)
			len += (size_t)snprintf(why + len, size - len,
						"after %s (declared by %s); ", c->list[j].instance,
						c->list[by].ext->id);
	}
	if (len < size)
		(void)snprintf(why + len, size - len, "listed %zu%s", nr + 1,
			       ordinal_ending(nr + 1));
}

/* The entries of one class, appended to 'out'; returns how many there are now, or -ELOOP. */
static int class_order(const struct chain *c, uint32_t cls, struct order_entry *out, size_t done,
		       struct xvs_error *err)
{
	uint64_t placed = 0;
	int nr;

	while ((nr = next_entry(c, cls, placed)) >= 0) {
		placed |= UINT64_C(1) << nr;
		out[done] = c->list[nr];
		why_write(c, (size_t)nr, out[done].why, sizeof(out[done].why));
		done++;
	}
	for (size_t i = 0; i < c->count; i++) {
		if (c->list[i].ext->cls == cls && !(placed & UINT64_C(1) << i))
			return circle(c, placed, i, err);
	}
	return (int)done;
}

int chain_order(struct order_entry *entries, size_t count, struct xvs_error *err)
{
	struct chain c = { .list = entries, .count = count };
	struct order_entry *sorted;
	int done = 0;
	int code;

	if (count > CHAIN_MAX)
		return error_set(err, -E2BIG, "", "chain: %zu extensions, a switch takes %u", count,
				 (unsigned)CHAIN_MAX);
	code = chain_read(&c, err);
	if (code || count == 0)
		return code;
	sorted = calloc(count, sizeof(*sorted));
	if (!sorted)
		return error_set(err, -ENOMEM, "", "chain: out of memory");
	for (uint32_t cls = XVS_INSPECT; cls <= XVS_FORWARD && done >= 0; cls++)
		done = class_order(&c, cls, sorted, (size_t)done, err);
	if (done >= 0)
		memcpy(entries, sorted, count * sizeof(*sorted));
	free(sorted);
	return done < 0 ? done : 0;
}
