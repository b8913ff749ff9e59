/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/team.h - several uplinks that are one port to the flow cache (architecture 16.2d).
 *
 * The team's own port has the chain and the policies; flow entries, the address table and floods
 * know it alone.  Each member is a port of its own too, with a device, queues and counters, but
 * without a chain: what comes in there enters at the team's port, and what the team's port sends
 * leaves at the member that a table names when the packet is sent.  So the loss of a member is one
 * table published anew: no flow is judged again, and nothing is walked.
 *
 * The control thread writes tables; workers write what they have seen at a member.
 */
#ifndef XVS_PATH_TEAM_H
#define XVS_PATH_TEAM_H

#include "packet/probe.h"
#include "path/path.h"

enum { TEAM_MEMBERS = 8, TEAM_BUCKETS = 256, TEAM_NOBODY = 0xff };

enum team_mode {
	TEAM_BY_PORT = 0,    /* by the port a packet entered at */
	TEAM_BY_MAC = 1,     /* by its source address */
	TEAM_BY_ADDRESS = 2, /* by addresses and ports of layers 3 and 4 */
	TEAM_BY_LOAD =
		3, /* the same, but pauses in a flow are used to move it to where there is room */
};

/* Who sends what.  Constant once published. */
struct team_table {
	enum team_mode mode;
	uint32_t hold_ms;  /* by load: a pause after which a flow may move */
	uint32_t receiver; /* takes what comes in for groups; TEAM_NOBODY: none */
	struct path_port *ports[TEAM_MEMBERS]; /* NULL: does not send */
	uint8_t macs[TEAM_MEMBERS][6];
	struct probe_target probe;    /* whose answers are not for anybody else */
	uint8_t homes[TEAM_BUCKETS];  /* by entry port or source address */
	uint8_t spread[TEAM_BUCKETS]; /* by hash of the flow */
	uint8_t pins[PORTS_MAX];      /* by entry port; TEAM_NOBODY: as all */
};

enum { TEAM_SLOW_BYTES = 64, TEAM_PASSAGES = 128 };

/* What workers have seen at one member, for the control thread. */
struct team_seen {
	_Atomic uint64_t answer_ns;  /* when a probe was last answered here */
	_Atomic uint32_t slow_state; /* enum slow_state: whose 'slow' is */
	uint32_t slow_len;
	uint8_t slow[TEAM_SLOW_BYTES]; /* the beginning of a frame of a slow protocol */
};

enum slow_state { SLOW_EMPTY = 0, SLOW_WRITTEN = 1, SLOW_FULL = 2 };

struct path_team {
	struct path_port *port;   /* the team's; published; NULL: has gone, or is not there yet */
	struct team_table *table; /* published; NULL: nobody sends */
	/* workers': (ms << 8 | member) of the last packet in a bucket, and its bytes; by load alone */
	_Atomic uint64_t flowlets[TEAM_BUCKETS];
	_Atomic uint64_t bytes[TEAM_BUCKETS];
	struct team_seen seen[TEAM_MEMBERS];
	/* whose round, and which members have heard that one at that place: see passage.c */
	_Atomic uint64_t heard[TEAM_PASSAGES][TEAM_MEMBERS];
};

/* ---- team_table.c: [control] ------------------------------------------------------------------- */

/* What an operator has ordered, and which members can be had; by member number. */
struct team_order {
	enum team_mode mode;
	uint32_t hold_ms;
	bool is_rolling;       /* who stood in stays, also when the one he stood in for is back */
	uint32_t active_count; /* each of them is a slot */
	uint32_t standby_count;
	uint8_t active[TEAM_MEMBERS];
	uint8_t standby[TEAM_MEMBERS];
	bool is_usable[TEAM_MEMBERS];
	struct path_port *ports[TEAM_MEMBERS];
	uint8_t macs[TEAM_MEMBERS][6];
	struct probe_target probe;
	uint8_t wanted_pins[PORTS_MAX]; /* by entry port; TEAM_NOBODY: none */
};

/*
 * Who holds which slot: 'holders' is what it was before and, changed as little as the order allows, what it
 * is now.  TEAM_NOBODY: its buckets are the others'.
 */
void team_choose(const struct team_order *o, uint8_t holders[TEAM_MEMBERS]);
/* All of 't' but 'spread' by load, which is the caller's to keep. */
void team_fill(const struct team_order *o, const uint8_t holders[TEAM_MEMBERS],
	       struct team_table *t);
bool team_equal(const struct team_table *a, const struct team_table *b);

/* [any] Who sends what entered at this port with this source address, if it is not spread. */
uint32_t team_home(const struct team_table *t, uint32_t port, const uint8_t mac[6]);

/* ---- passage.c --------------------------------------------------------------------------------- */

/* [control] A round begins, or with 0 ends. */
void path_team_listen(struct path_team *t, uint64_t nonce);
/* [control] The members that have heard this one at this place of the round, by bit. */
uint32_t path_team_heard(const struct path_team *t, uint32_t place, uint32_t from);
/* [control] Does the port send what is of this segment, if it is open? */
bool path_port_carries(const struct path_port *p, uint32_t segment);

/* ---- frames.c ---------------------------------------------------------------------------------- */

enum { OWN_FRAME_BYTES = 128, FRAMES_MAX = 64 };

/* What the switch itself has to say. */
struct frame {
	uint32_t port; /* leaves there, whatever its chain */
	uint32_t like; /* tagged as that port tags; 0: not at all, whatever its segment */
	uint32_t segment;
	uint32_t len;
	uint32_t padded; /* with zeroes to so many bytes; 0: not at all */
	uint8_t bytes[OWN_FRAME_BYTES];
};

struct frames {
	struct letter letter; /* private */
	struct frames *next;  /* the owner's */
	void (*done)(struct frames *f);
	void *arg;
	uint32_t count;
	struct frame frames[FRAMES_MAX];
};

/* [control] Sends them in order from a worker, then f->done(f), on the control thread. */
void path_send(struct path *path, struct frames *f);

#endif /* XVS_PATH_TEAM_H */
