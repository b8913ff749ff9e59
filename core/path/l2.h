/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/l2.h - the address table of one switch: who has which MAC in which segment.
 *
 * Static entries (authoritative: the adapter's MAC) come first and never age; learned ones only
 * from ports that learn, up to a limit a port.  Written by the control thread, read by workers
 * without a lock.  Look-ups happen when a flow is judged, not per packet; a change invalidates the
 * flows with that destination through the switch's log.
 */
#ifndef XVS_PATH_L2_H
#define XVS_PATH_L2_H

#include "base/rcu.h"

struct path_port;
struct l2_table;

struct l2 {
	struct l2_table *table;       /* published, replaced when it grows */
	uint16_t *shares;             /* published; see l2_share() */
	struct l2_learning *learning; /* control thread: ages, counts, holds */
};

enum { L2_LEARNED_MAX = 65536, L2_SEGMENTS = 4096 };

int l2_init(struct l2 *l2);    /* 0 or -ENOMEM */
void l2_finish(struct l2 *l2); /* no reader is left */

/*
 * [control] The segments of a private VLAN have their addresses in common (shared VLAN learning,
 * IEEE 802.1Q 8.8.8): shares[segment] is the one under which an address is filed; NULL: each under
 * its own.  'shares' has L2_SEGMENTS elements and is taken.  What was learned goes if it differs from before.
 * True: it does.
 */
bool l2_share(struct l2 *l2, uint16_t *shares);

/* [worker] The port, or NULL: not known. */
struct path_port *l2_lookup(const struct l2 *l2, uint32_t segment, const uint8_t mac[6]);

/* [worker] The same, and whether the address is the port's own. */
struct path_port *l2_owner(const struct l2 *l2, uint32_t segment, const uint8_t mac[6],
			   bool *is_static);

/*
 * [control] Static entry, under the segment of filing.  -EEXIST: another port has it in this segment
 * (named by the caller).  segment L2_ANY: in every segment (a trunk port's adapter).
 */
enum { L2_ANY = 0xffff };
int l2_add_static(struct l2 *l2, uint32_t segment, const uint8_t mac[6], struct path_port *port);
void l2_remove_static(struct l2 *l2, uint32_t segment, const uint8_t mac[6]);

/*
 * [any] Is it the static address of this port, or of one of the same guest (guest_team of its
 * configuration)?  Wherever packets for it go now.
 */
bool l2_is_own(const struct l2 *l2, uint32_t segment, const uint8_t mac[6],
	       const struct path_port *port);

/*
 * [control] Static addresses of this port, and those of others that are at it, are where they belong
 * again; 'fn' is called for each, also for those that were.
 */
void l2_send_home(struct l2 *l2, struct path_port *port,
		  void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg);

/*
 * [control] A source address seen at a learning port (a letter of a worker).  A static address is never
 * learned, but goes to another port of its guest; an address that moved 10 times within a second is held
 * for a second.
 */
enum l2_lesson {
	L2_KNOWN,   /* nothing changed */
	L2_LEARNED, /* invalidate this destination */
	L2_LIMITED, /* 'limit' is reached: nothing was learned */
};
enum l2_lesson l2_learn(struct l2 *l2, uint32_t segment, const uint8_t mac[6],
			struct path_port *port, uint32_t limit, uint64_t now_ns);

/* [control] Forget learned ones older than their port's age; calls fn for each (to invalidate). */
void l2_age(struct l2 *l2, uint64_t now_ns, uint64_t (*max_age_ns)(struct path_port *port),
	    void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg);

/* [control] All entries of a port go; those of other ports go home. */
void l2_forget_port(struct l2 *l2, struct path_port *port,
		    void (*fn)(void *arg, uint32_t segment, const uint8_t mac[6]), void *arg);

/* What was learned at a port, and how often an address was not, for the limit. */
struct l2_learned {
	uint32_t count;
	uint64_t refused;
};
struct l2_learned l2_learned(const struct l2 *l2, uint32_t port); /* [control] */

/* [control] How often learned addresses have moved between ports, and how often one was held. */
void l2_moves(const struct l2 *l2, uint64_t *moved, uint64_t *held);

struct l2_info {
	uint8_t mac[6];
	bool is_static;
	bool is_held; /* it has moved too often lately */
	uint32_t segment;
	struct path_port *port;
	uint64_t seen_ns; /* learned: last time; static: 0 */
};
/* [control] */
void l2_list(const struct l2 *l2, void (*fn)(void *arg, const struct l2_info *info), void *arg);

#endif /* XVS_PATH_L2_H */
