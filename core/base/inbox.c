/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/inbox.c - a stack that senders push on and the owner takes whole.
 *
 *   newest --> C --> B --> A      inbox_run() turns it round and calls A, B, C
 *
 * Taking everything at once leaves no node to be reused under a sender's compare, so the
 * stack has no ABA problem and needs no counter.
 */
#include "base/inbox.h"

#include <stdatomic.h>

bool inbox_push(struct inbox *box, struct letter *letter, void (*fn)(struct letter *letter))
{
	struct letter *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

	letter->fn = fn;
	do {
		letter->next = newest;
		/* Release: what the sender wrote before is seen by take_all(). */
	} while (!atomic_compare_exchange_weak_explicit(
		&box->newest, &newest, letter, memory_order_release, memory_order_relaxed));
	return newest == NULL;
}

/* The letters that are there, oldest first. */
static struct letter *take_all(struct inbox *box)
{
	/* Acquire: pairs with the release of every push in the list. */
	struct letter *rest = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	struct letter *oldest = NULL;

	while (rest) {
		struct letter *next = rest->next;

		rest->next = oldest;
		oldest = rest;
		rest = next;
	}
	return oldest;
}

unsigned inbox_run(struct inbox *box)
{
	struct letter *letter;
	unsigned count = 0;

	/* Looked at first, since a worker does so every burst and an exchange takes the line. */
	if (!atomic_load_explicit(&box->newest, memory_order_relaxed))
		return 0;
	for (letter = take_all(box); letter; count++) {
		struct letter *next = letter->next; /* fn may free the letter */

		letter->fn(letter);
		letter = next;
	}
	return count;
}
