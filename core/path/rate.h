/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/rate.h - how fast a port may give packets and get them, and what it is promised.
 *
 * A limit is a bucket that fills at its rate, shared by all workers, and counted in time: a
 * packet costs as many nanoseconds as the limit needs for it.  A worker borrows at most a quantum of
 * 1 ms at once and spends it without asking anybody; what it spent beyond is a debt of the bucket.  So in
 * any time t a limit lets through at most rate * (t + 1 ms a worker) + burst + one batch or packet.
 *
 * FROM      the port's queues are not read while the bucket is empty: what its adapter cannot send
 *           waits with the adapter.  poll.c asks before each visit.
 * TO        what the bucket does not let through waits in the port's queue where it has one, else
 *           it is dropped (rate).  tx.c asks for each packet.
 * RESERVED  what the port may give whatever the others do: a visit within it is not charged to the
 *           queue's share.
 *
 * Private to core/path, [worker] but for what says otherwise.
 */
#ifndef XVS_PATH_RATE_H
#define XVS_PATH_RATE_H

#include "path/worker.h"

/* A worker's part of a port's limits. */
struct rate_purse {
	uint64_t left_ns[RATE_KINDS][RATE_UNITS]; /* borrowed, not spent */
	uint32_t longest;                         /* bytes of the longest packet that came lately */
	bool is_promised;                         /* this visit is within what is reserved */
	/* what waits to go to the port */
	bool is_listed; /* in the worker's list of those in which something waits */
	struct path_port *port;
	struct packet_queue queue;
	struct rate_purse *next;
} __attribute__((aligned(64)));

struct rate_state {
	/* by kind and unit: when the bucket is full, CLOCK_MONOTONIC; any worker writes, atomically */
	_Atomic uint64_t full_at_ns[RATE_KINDS][RATE_UNITS];
	/* in the queues of all workers */
	_Atomic uint64_t queued_bytes;
	_Atomic uint32_t queued_packets;
	struct rate_purse purses[];
};

/* What a worker spends of one limit in one batch. */
struct rate_run {
	struct rate_state *state;
	struct rate_purse *purse;
	const struct rate *rate;
	enum rate_kind kind;
	uint64_t now_ns;
	uint64_t spent[RATE_UNITS];
};

/* [control] Full buckets for so many workers; NULL: out of memory. */
struct rate_state *rate_create(struct path_port *port, uint32_t workers);
/* [control] Another limit begins with a full bucket. */
void rate_change(struct rate_state *s, const struct port_conf *old, const struct port_conf *conf);

void rate_open(struct rate_run *r, struct path_worker *w, const struct port_conf *conf,
	       enum rate_kind kind);
/* Is there anything left to spend? */
bool rate_may(struct rate_run *r);
void rate_spend(struct rate_run *r, const struct packet *p);
/* Pays; the run may go on. */
void rate_pay(struct rate_run *r);
/* Puts a bucket off by so much, whatever it has. */
void rate_owe(_Atomic uint64_t *full_at_ns, uint64_t debt_ns, uint64_t now_ns);
/* When there will be something to spend. */
uint64_t rate_due(const struct rate_run *r);

/* ---- from: rate.c ---- */
/* How many of 'packets' a visit may take; 0: none before *due_ns. */
uint32_t rate_budget(struct path_worker *w, const struct path_port *port, uint32_t packets,
		     uint64_t *due_ns);
/* These have come in. */
void rate_received(const struct burst *b);
/* May the port still give packets that it was promised? */
bool rate_is_reserved(struct path_worker *w, const struct path_port *port);

/* ---- to: shape.c ---- */
/*
 * One that may wait, in place of this one, stamped and charged to the port that it came from; NULL: no
 * room, and it is as it was.  What has waited: shape_release() it.
 */
struct packet *shape_keep(struct path_worker *w, struct packet *p);
void shape_release(struct path_worker *w, struct packet *p);
/* Takes packets from the burst that may not go out now. */
void shape_burst(struct burst *b);
/* What has waited for its time; returns how many packets left. */
uint32_t shape_run(struct path_worker *w);
/* The port leaves this worker: what waits for it is dropped, what came from it is nobody's. */
void shape_drop_port(struct path_worker *w, uint32_t port);
/* Does anything wait that was let through before this number of epoch_changes()? */
bool shape_has_older(const struct path_worker *w, uint64_t changes);

/* What is let go at once of packets that wait to leave by a port. */
struct release {
	struct path_worker *worker;
	const struct port_conf *ruler; /* of the port whose egress chain let them through */
	uint64_t hard;
	uint32_t count, again; /* ready; judged again in place of that */
	struct packet *ready[XVS_BATCH_MAX];
};

void release_open(struct release *r, struct path_worker *w, const struct port_conf *ruler);
static inline bool release_has_room(const struct release *r)
{
	return r->count + r->again < XVS_BATCH_MAX;
}
/* The port has changed since it was let through: its egress chain is to judge it again. */
bool release_is_stale(const struct release *r, const struct packet *p);
void release_again(struct release *r, struct packet *p);
/* The worker's burst, with these bound for a port, behind its chain. */
struct burst *release_burst(struct path_worker *w, struct port_conf *conf, struct packet **pkts,
			    uint32_t count);

#endif /* XVS_PATH_RATE_H */
