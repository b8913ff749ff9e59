/* SPDX-License-Identifier: Apache-2.0 */
/*
 * each.c - run a function once on every worker, between two bursts, and hear when all have done it.
 */
#include <errno.h>
#include <stdlib.h>

#include "path/worker.h"

struct round {
	struct letter back;
	_Atomic uint32_t left;
	struct path *path;
	void (*fn)(struct path_worker *w, void *arg);
	void (*done)(void *arg);
	void *arg;
	struct round_letter {
		struct letter letter;
		struct round *round;
	} letters[];
};

static void round_ended(struct letter *letter)
{
	struct round *r = (struct round *)letter;

	if (r->done)
		r->done(r->arg);
	free(r);
}

static void round_run(struct letter *letter)
{
	struct round *r = ((struct round_letter *)letter)->round;

	r->fn(path_worker_self(), r->arg);
	if (atomic_fetch_sub_explicit(&r->left, 1, memory_order_acq_rel) == 1)
		loop_post(r->path->loop, &r->back, round_ended);
}

int path_each_worker(struct path *path, void (*fn)(struct path_worker *w, void *arg),
		     void (*done)(void *arg), void *arg)
{
	struct round *r = calloc(1, sizeof(*r) + path->worker_count * sizeof(r->letters[0]));

	if (!r)
		return -ENOMEM;
	r->path = path;
	r->fn = fn;
	r->done = done;
	r->arg = arg;
	atomic_store_explicit(&r->left, path->worker_count, memory_order_relaxed);
	for (uint32_t i = 0; i < path->worker_count; i++) {
		r->letters[i].round = r;
		worker_post(path->worker_list[i], &r->letters[i].letter, round_run);
	}
	return 0;
}
