/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/notice.c - a letter that outlives its sender's reasons.
 */
#include "port/notice.h"

#include <stddef.h>

void notice_init(struct notice *n, struct loop *loop, void (*fn)(void *arg), void *arg)
{
	*n = (struct notice){ .loop = loop, .fn = fn, .arg = arg };
}

static void on_letter(struct letter *letter)
{
	struct notice *n =
		(struct notice *)(void *)((char *)letter - offsetof(struct notice, letter));

	n->has_come = true;
	if (n->release)
		n->release(n->arg);
	else
		n->fn(n->arg);
}

void notice_post(struct notice *n)
{
	/* Relaxed: the letter itself carries what was written before it. */
	if (!atomic_exchange_explicit(&n->is_posted, true, memory_order_relaxed))
		loop_post(n->loop, &n->letter, on_letter);
}

void notice_close(struct notice *n, void (*release)(void *arg))
{
	/* Workers are behind a grace period, so what they posted is seen. */
	if (atomic_load_explicit(&n->is_posted, memory_order_relaxed) && !n->has_come)
		n->release = release;
	else
		release(n->arg);
}
