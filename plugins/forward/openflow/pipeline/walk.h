/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/walk.h - a packet's way through the tables, whoever wants to know it.
 *
 * The walk reads fields, looks rules up, keeps the action set and the fields as actions leave them,
 * and notes which bits of the packet all of that depended on.  What it finds to do it tells a sink:
 * judge() makes a program of it (program.h), a watched packet does it at once (run.h).
 *
 * It belongs to one worker, or to the control thread for packets that a controller sends.
 *
 * Source: OpenFlow 1.3.5, 5.1, 5.6 to 5.10; 1.0.0, 3.4.
 */
#ifndef OPENFLOW_PIPELINE_WALK_H
#define OPENFLOW_PIPELINE_WALK_H

#include "pipeline/pipeline.h"

/* Bounds of one packet: what a controller makes longer than this is cut short. */
enum { OF_STEPS_MAX = 4096, OF_DEPTH_MAX = 32 };

struct of_walk;
struct of_text;

/* Where it goes from here, as it is now. */
struct of_output {
	uint32_t dest; /* of the host: packet.h; XVS_DEST_NONE: to controllers */
	uint32_t queue;
	uint64_t cookie; /* of the rule, for controllers; UINT64_MAX: none */
	uint16_t max_len;
	uint8_t reason; /* enum of_packet_in_reason */
	uint8_t table;
	bool to_old_only;
	uint64_t metadata;
	uint64_t tunnel_id;
};

struct of_sink {
	void (*credit)(void *arg, struct of_stats *s);
	/* False: it ends here. */
	bool (*meter)(void *arg, struct of_walk *w, const struct of_meter *m);
	void (*output)(void *arg, struct of_walk *w, const struct of_output *o);
	/* Tags, labels, types: what fields alone cannot say.  False: not here; the walk is given up. */
	bool (*reshape)(void *arg, struct of_walk *w, const struct of_action *a);
	/* A bucket of several goes its way with a packet of its own; false: there is none. */
	bool (*fork)(void *arg, struct of_walk *w);
	void (*join)(void *arg, struct of_walk *w);
};

/* At most one action of each kind, carried out at the end: 1.3.5, 5.10. */
struct of_action_set {
	const struct of_action *by_type[OF_ACT_TYPES];
	const struct of_action *by_field[OF_FIELDS]; /* SET_FIELD */
	uint64_t fields;
};

struct of_walk {
	const struct of_pipeline *pipeline;
	const struct of_sink *sink;
	void *arg;
	struct of_text *story; /* of a trace: story.h */
	uint64_t version;
	struct of_fields now;      /* as actions have left them */
	struct of_fields set;      /* ones: to be written into the packet */
	struct of_fields fixed;    /* ones: no longer the packet's own */
	struct of_fields examined; /* ones: what was found depends on this of the packet */
	struct of_action_set actions;
	const struct of_rule *rule; /* that is being followed, or NULL */
	uint32_t port;              /* of entry, by the host; XVS_PORT_NONE: none */
	uint32_t queue;
	uint32_t steps;
	uint32_t depth;
	uint32_t tags;   /* enum of_tag: by what else the result changes */
	uint32_t idle_s; /* the shortest idle timeout of its rules; 0: none */
	uint16_t reason; /* enum of_reason: why nothing came of it */
	uint8_t table;
	uint8_t group_reason; /* of packets to controllers: enum of_packet_in_reason */
	bool is_over;         /* dropped on the way, or given up */
	bool is_given_up;     /* by a sink that cannot go on */
	bool has_output;
	bool is_last; /* nothing comes behind the group in hand */
	bool is_resubmitted;
	bool changed; /* 'set' or 'now' since somebody last looked: for sinks */
};

/* A packet enters; 'fields' hold all but its ports. */
void of_walk_begin(struct of_walk *w, const struct of_pipeline *p, const struct of_sink *sink,
		   void *arg, uint32_t port);

/* From the first table to the end. */
void of_walk_tables(struct of_walk *w);

/* A list of actions, then the end: what a controller sends with a packet. */
void of_walk_list(struct of_walk *w, const struct of_actions *list);

/* ---- between the files of the walk ---- */

void of_walk_apply(struct of_walk *w, const struct of_actions *list); /* action.c */
void of_walk_finish(struct of_walk *w, struct of_action_set *set);    /* set.c */
void of_set_write(struct of_action_set *set, const struct of_actions *list);
void of_walk_group(struct of_walk *w, uint32_t id); /* group.c */
void of_walk_output(struct of_walk *w, uint32_t number, uint16_t max_len, uint8_t reason);
void of_walk_table(struct of_walk *w, uint8_t table); /* walk.c */
void of_walk_drop(struct of_walk *w, uint16_t reason);
bool of_walk_meter(struct of_walk *w, uint32_t id);
void of_walk_action(struct of_walk *w, const struct of_action *a);

/* The walk has looked at these bits of the fields as they are now. */
static inline void of_walk_examine(struct of_walk *w, const struct of_fields *bits)
{
	of_word *examined = of_words(&w->examined);
	const of_word *fixed = of_const_words(&w->fixed);
	const of_word *seen = of_const_words(bits);

	for (uint32_t i = 0; i < OF_WORDS; i++)
		examined[i] |= seen[i] & ~fixed[i];
}

#endif /* OPENFLOW_PIPELINE_WALK_H */
