/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/link.h - who may send how much of what an uplink can carry, and what queues of a port may send.
 *
 * An uplink with a rate of its own is a link: what it cannot send at once waits here, and not in
 * the device, where nobody asks whose it is.  Each packet is of a class, by the port at which it
 * entered the switch: that port's own, one of the system's traffic, or that of all ports of which
 * nothing is said.  A class whose reservation is not used up goes first; the others take turns by
 * weight (deficit round robin in bytes); one that has a limit of its own waits for that too.
 *
 * Where a port has queues (xvs.queue/1) the classes are those: a packet is of the class that its
 * 'queue' names, LINK_COMMON where the port has no such queue, and what becomes of it is counted.
 *
 * Each worker schedules what it sends itself, and what all of them send together is the rate.  A
 * member of a team is a link of its own: what waits at one that fails leaves by another.
 */
#ifndef XVS_PATH_LINK_H
#define XVS_PATH_LINK_H

#include "path/path.h"

enum {
	LINK_COMMON = 0, /* of ports of which nothing is said */
	LINK_SYSTEM = 1, /* the first class of the system's traffic */
	LINK_SYSTEMS = 4,
	LINK_OWN = LINK_SYSTEM + LINK_SYSTEMS, /* and the port's number */
	LINK_CLASSES = LINK_OWN + PORTS_MAX,
	LINK_QUEUES = PORTS_MAX, /* numbers of queues are below; 0 is LINK_COMMON, n the class n */
};

/* What a class may have.  Constant once published. */
struct link_claim {
	uint64_t reserved; /* bits a second; 0: nothing */
	uint64_t limit;    /* bits a second; 0: none */
	uint64_t depth_ns; /* of the limit: how much of it may pass at once; 0: 10 ms */
	uint32_t weight;   /* 0 counts as 1 */
};

struct link_plan {
	uint64_t queue_ns; /* a packet that would wait longer is dropped */
	bool has_reserved;
	bool has_queues;
	bool is_kept; /* what is reserved is less than the rate: it is sent whatever other workers do */
	uint32_t part; /* packets of one class that may wait when many do; 0: any number */
	uint16_t class_of[PORTS_MAX]; /* by entry port, or with queues by number: n, or LINK_COMMON */
	struct link_claim claims[LINK_CLASSES];
};

/* What has become of the packets of a queue, since it is there. */
struct link_counts {
	uint64_t tx_packets, tx_bytes; /* as the port counts them: behind segmentation */
	uint64_t full;                 /* dropped: would have waited for too long */
	uint64_t pool;                 /* dropped: no memory to wait in */
	uint64_t exit; /* dropped behind the queue: the exit took no more, too long, .. */
};

struct burst;
struct packet;
struct path_link;
struct path_worker;

/*
 * [control] How what leaves by this port is shared from now on; 'plan' is taken.  It matters while the
 * port's configuration has a rate of kind RATE_LINK.  -ENOMEM: it is as it was.
 */
int path_link_plan(struct path_port *port, struct link_plan *plan);
/* [control] Is what leaves by this port shared out by queues? */
bool path_link_has_queues(const struct path_port *port);
/* [control] Adds what a queue has counted at this port; since when: 0 where it has no such queue. */
uint64_t path_link_counts(const struct path_port *port, uint32_t queue, struct link_counts *sum);
/* [control] No packet waits any more. */
void path_link_free(struct path_link *link); /* NULL is fine */

/* ---- [worker] ---- */

/* Takes packets from the burst that may not leave now. */
void link_burst(struct burst *b);
/* Of a burst, these were sent. */
void link_sent(const struct burst *b, struct packet *const *pkts, uint32_t count);
/* And this one was dropped behind link_burst(). */
void link_lost(const struct burst *b, const struct packet *p);
/* What has waited for its time; returns how many packets left. */
uint32_t link_run(struct path_worker *w);
/* The port leaves this worker: what waits there is dropped, what came from it is nobody's. */
void link_drop_port(struct path_worker *w, uint32_t port);
/* Does anything wait that was let through before this number of epoch_changes()? */
bool link_has_older(const struct path_worker *w, uint64_t changes);

#endif /* XVS_PATH_LINK_H */
