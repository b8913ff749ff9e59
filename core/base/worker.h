/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/worker.h - what every floor may know of a packet worker: its number, its time, its letter
 * box and timers.  The packet path (core/path/worker.h) embeds this as its first member.
 */
#ifndef XVS_BASE_WORKER_H
#define XVS_BASE_WORKER_H

#include "base/counters.h"
#include "base/inbox.h"
#include "base/timers.h"

enum { WORKERS_MAX = 64 };

struct worker {
	uint32_t nr;
	int32_t wake_fd; /* eventfd: written by senders when the box was empty */
	uint64_t now_ns; /* read once a burst; the owner writes */
	struct inbox inbox;
	struct timers timers;
	struct counter_shard *shard; /* this worker's part of the counter segment */
};

/* [any] The worker that the calling thread is, or NULL. */
extern _Thread_local struct worker *worker_self;

/* [any] Runs letter on the worker between two bursts; wakes it if it sleeps. */
void worker_post(struct worker *w, struct letter *letter, void (*fn)(struct letter *letter));

#endif /* XVS_BASE_WORKER_H */
