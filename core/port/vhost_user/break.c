/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/break.c - giving a front end up, from any thread and from the SIGBUS handler.
 *
 *      is_broken  0 -> 1  the first with a reason; the session takes it back with the next front end
 *      is_sent    0 -> 1  the letter is under way; the control thread takes it back when it comes
 */
#include "port/vhost_user/device.h"

#include "port/vhost_user/session.h"

/* str_copy() and snprintf() make no promise about signal handlers. */
static void copy_why(char *to, size_t size, const char *why)
{
	size_t i = 0;

	for (; i + 1 < size && why[i]; i++)
		to[i] = why[i];
	to[i] = '\0';
}

void vhost_break(struct vhost_device *d, const char *why)
{
	if (atomic_exchange_explicit(&d->is_broken, 1, memory_order_relaxed))
		return;
	copy_why(d->broken_why, sizeof(d->broken_why), why);
	/* The letter carries the reason to the control thread. */
	if (!atomic_exchange_explicit(&d->is_sent, 1, memory_order_relaxed))
		loop_post(d->loop, &d->broken, session_on_broken);
}
