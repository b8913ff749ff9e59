/* SPDX-License-Identifier: Apache-2.0 */
/* path/walk.h - one judgement under way; shared by judge.c (the walk) and ask.c (one question). */
#ifndef XVS_PATH_WALK_H
#define XVS_PATH_WALK_H

#include "path/worker.h"

struct walk {
	struct path_worker *worker;
	const struct burst *burst; /* in which it began, of packet 'index', at 'place' */
	uint32_t index;
	uint32_t place;
	bool is_parked; /* it ends here: somebody's answer comes later */
	uint16_t failure; /* the reason, if the place just asked does not answer and so it ends here */
	struct packet *packet;        /* with the bytes as they are at this place */
	struct packet *scratch;       /* copy that bears the rewrites so far; NULL: none yet */
	const struct port_conf *conf; /* whose chain is being walked */
	struct flow_entry *entry;     /* being made */
	struct flow_entry *old; /* stale, of the same packets: cookies, and verdicts if partial */
	bool is_partial;        /* only some of its verdicts are out of date */
	uint32_t stage;
	uint32_t first_place;
	uint32_t dest;
	bool dest_is_called; /* the forwarder chooses for each packet */
	bool is_behind_conn; /* at the first place: connections have seen the packet */
	bool is_cacheable;
	bool is_charged;    /* its sender's budget of what is new has paid for it */
	bool may_be_common; /* an entry for many connections, as far as the packet goes: common.c */
	bool has_diverged;  /* partial: what follows sees another packet than before */
	struct flow_key key;           /* as it is now */
	struct flow_key mask;          /* bits of the original that were looked at */
	struct xvs_flow_key rewritten; /* bits that are no longer the original's */
	struct asked *asked;           /* while an extension judges: what it asked of the host */
};

/* What an extension asks of the host while it judges: judging.c. */
struct asked {
	bool is_marked; /* with these */
	struct xvs_flow_key set, mask;
	bool has_l2; /* whether an address is known: the verdict depends on it */
	struct xvs_flow_key *examined;
};

/* Does a rewrite concern the tag, and so perhaps the segment? */
static inline bool rewrite_is_tag(const struct xvs_flow_key *mask)
{
	return mask->bits || mask->vlan_tci;
}

void walk_examine(struct walk *k, const struct xvs_flow_key *examined);
/* To be judged anew after so long. */
void walk_expire(struct walk *k, uint32_t ms);
void leg_drop(struct flow_leg *leg, uint32_t place, uint32_t instance, uint32_t reason);

/* ---- ask.c ---- */

/* One extension's verdict, or its former one.  False: it dropped the flow. */
bool walk_ask(struct walk *k, struct flow_leg *leg, const struct flow_leg *old_leg,
	      const struct chain_place *at, uint32_t place);
/* What walk_ask() took of the old verdicts of a walk that comes to nothing. */
void walk_return_cookies(struct flow_leg *leg, const struct flow_leg *old_leg);
/* The connection of the guarded port.  False: the flow ends here. */
bool walk_conn(struct walk *k, struct flow_leg *leg, uint32_t place);
/* park.c: a question to an instance that answers later, or its answer: *v, is_parked or failure. */
void park_ask(struct walk *k, const struct chain_place *at, const struct xvs_batch *batch,
	      struct xvs_flow_verdict *v);
/* firewall.c: what the tracker says of it.  A connection that is new is charged, if the flow was not. */
enum conn_answer walk_ask_conn(struct walk *k, struct conn_result *r);
/* Steps by which later changes find this entry. */
void walk_note_firewall(struct walk *k, struct flow_leg *leg, const struct chain_place *at,
			uint32_t place);
void walk_note_l2(struct walk *k, struct flow_leg *leg);
/* It goes where a set of ports said. */
void walk_note_set(struct walk *k, struct flow_leg *leg, uint32_t dest);

#endif /* XVS_PATH_WALK_H */
