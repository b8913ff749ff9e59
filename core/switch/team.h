/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/team.h - the team of a switch's uplinks: which of them sends, what is told when that changes,
 * and what is known of each.  Inside this folder; all of it [control].
 *
 * A team is there as long as a port of it is on the packet path: its own, or a member.
 */
#ifndef XVS_SWITCH_TEAM_H
#define XVS_SWITCH_TEAM_H

#include "base/log.h"
#include "packet/slow.h"
#include "path/team.h"
#include "port/health.h"
#include "switch/world.h"

/* Of a link that is up: team_health.c. */
enum link_fault { LINK_FINE = 0, LINK_SLOW = 1, LINK_HALF = 2, LINK_NOISY = 3 };

/* A member. */
struct team_link {
	struct port *port; /* NULL: nobody has this number */
	bool is_known;     /* its link has been looked at */
	bool has_link;
	bool could_send;     /* link, open, not blocked, not lost: a fault may be in the way */
	bool is_good;        /* it could, and nothing is */
	bool is_lost;        /* a probe is answered by other links, and not by this one */
	uint64_t asked_ns;   /* it is probed since */
	uint64_t usable_ns;  /* good, and from when on it is used */
	uint64_t changes;    /* of its link, since it is a member */
	int64_t changed_s;   /* when the last was: seconds since 1970; 0: there was none */
	uint64_t partner_ns; /* when a LACPDU last came; 0: none, or long ago */
	struct lacp_actor partner;
	enum link_fault fault;
	struct link_health counted; /* when the window began */
	uint64_t window_ns;         /* when it is over; 0: there is none */
	uint32_t quiet_windows;     /* so many, one after the other, had too few frames to tell */
};

enum { PASSAGE_VLANS = 64 };

/* By kind, frames that are small and such of the MTU: the members to and from which they do not pass. */
struct passage_vlan {
	uint16_t vlan;
	uint8_t missed[2]; /* in the last round */
	uint8_t lost[2];   /* in two, one after the other */
};

struct team {
	struct world *w;
	struct vswitch *sw;
	struct port *port; /* its own; NULL: not on the path */
	struct path_team *path;
	struct team_spec spec; /* without what it points to */
	struct team_link links[TEAM_MEMBERS];
	uint8_t holders[TEAM_MEMBERS]; /* of slots, as team_choose() has it */
	uint64_t failovers;            /* so often who sends has changed */
	struct loop_timer *timer;
	bool is_blind; /* probes are answered by no link */
	uint64_t probe_due_ns;
	bool is_unfit; /* all that could send have a fault, so none counts */
	uint64_t health_due_ns;
	/* what passes between links: team_passage.c */
	uint64_t nonce;
	uint64_t passage_due_ns;
	uint64_t answers_ns; /* when those of a round are looked at; 0: none is under way */
	uint32_t asked;      /* members, a bit each */
	uint32_t vlan_count;
	struct passage_vlan vlans[PASSAGE_VLANS];
	/* telling of addresses that moved: announce.c */
	struct team_table before; /* who sent what before the last change */
	uint32_t rounds_left;
	uint64_t round_ns;       /* when the next is due */
	struct frames *outgoing; /* one after another; the first is on its way */
	/* by load */
	uint64_t measured_ns;        /* when the next is due */
	uint64_t load[TEAM_BUCKETS]; /* bytes a second, lately */
	uint8_t spread[TEAM_BUCKETS];
};

/* ---- team.c ---- */

/* Is this port a team's own? */
bool port_is_team(const struct port *p);
/* A port of a team comes on the packet path, and is about to leave it; others do nothing. */
int team_join(struct port *p);
void team_leave(struct port *p);
/* Behind path_port_remove(), so that no configuration names it any more: a team without ports ends. */
void team_end(struct vswitch *sw);
/* After all ports of a switch were published: the order that counts now. */
void team_settle(struct vswitch *sw, const struct team_spec *spec);
/* A link of a member has changed. */
void team_link_changed(struct port *p);
/* Whose policies are in force for what this port sends: its team's, or it itself. */
const struct port *team_ruler(const struct port *p);
const char *team_target(const struct team *t); /* "lab/team" */

/* ---- query_team.c ---- */
/* What members received and sent is what a team's port did; of another port nothing. */
void team_add_traffic(const struct port *p, struct port_counters *sum);

/*
 * Of which member what this port sends leaves, unless flows are spread; NULL: of none, or its address
 * decides.
 */
const char *team_uplink(const struct port *p);

/* ---- team_order.c ---- */
void team_order(const struct team *t, uint64_t now_ns, struct team_order *o);
enum team_place { PLACE_UNUSED = 0, PLACE_ACTIVE = 1, PLACE_STANDBY = 2 };
enum team_place team_place(const struct team *t, const struct team_link *l);

/* ---- team_load.c ---- */
/* Once a second: what was sent, and who is to send it; into spread.  True: something moved. */
bool team_measure(struct team *t);
/* A table's spread, as far as those who are to send can. */
void team_spread(const struct team *t, struct team_table *table);

/* ---- team_probe.c ---- */
bool probe_target_of(const struct team *t, struct probe_target *out);
/* Judges by what was answered, and asks again where that is due. */
void probe_tick(struct team *t, uint64_t now_ns);

/* ---- team_health.c ---- */
/* Once a second. */
void team_health_tick(struct team *t, uint64_t now_ns);
/* After could_send of links was renewed: do faults count? */
void team_health_weigh(struct team *t);
/* What is wrong with a link that is like this now. */
enum link_fault team_link_fault(const struct team_spec *s, struct team_link *l,
				const struct link_health *now, uint64_t now_ns);

/* ---- team_passage.c ---- */
void passage_tick(struct team *t, uint64_t now_ns);
/* VLANs in which frames, or large ones, do not pass to and from a member; NULL: there is none. */
json_t *passage_json(const struct team *t, uint32_t member, bool large);

/* ---- announce.c ---- */
/* What tells switches that this address is behind the link by which it comes. */
void announce_rarp(struct frame *f, const uint8_t mac[6]);
/* Addresses whose packets leave elsewhere than by 'old' are told of there. */
void announce_begin(struct team *t, const struct team_table *old);
void announce_tick(struct team *t, uint64_t now_ns);
void announce_end(struct team *t);

#endif /* XVS_SWITCH_TEAM_H */
