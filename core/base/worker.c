/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/worker.c - letters to a worker.
 *
 * The eventfd is written only for the first letter in an empty box.  No wake-up is lost: the
 * worker clears the eventfd before it empties the box, so a letter that it misses finds the
 * box empty, and writes again.
 */
#include "base/worker.h"

#include <errno.h>
#include <unistd.h>

_Thread_local struct worker *worker_self;

void worker_post(struct worker *w, struct letter *letter, void (*fn)(struct letter *letter))
{
	static const uint64_t one = 1;

	if (!inbox_push(&w->inbox, letter, fn))
		return;
	/* EAGAIN: the counter is at its top, so the worker is awake or about to be. */
	while (write(w->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}
