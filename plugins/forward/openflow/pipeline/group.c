/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/group.c - outputs and groups: where a packet goes.
 */
#include <string.h>

#include "pipeline/story.h"
#include "table/hash.h"

/* ---- outputs -------------------------------------------------------------------------------------- */

static void emit(struct of_walk *w, struct of_output *o)
{
	o->queue = w->queue;
	o->cookie = w->rule ? w->rule->cookie : UINT64_MAX;
	o->table = w->table;
	o->metadata = w->now.metadata;
	o->tunnel_id = w->now.tunnel_id;
	w->has_output = true;
	w->sink->output(w->arg, w, o);
}

static void output_port(struct of_walk *w, uint32_t number)
{
	struct of_output o = { .dest = of_port_id(w->pipeline, number) };
	uint32_t bits = of_port_bits(w->pipeline, o.dest);

	w->tags |= OF_TAG_PORTS;
	/* back where it came from only by IN_PORT: 1.3.5, 4.5 */
	if (o.dest == w->port || !(bits & OF_PORT_IS_THERE) || bits & OF_PORT_NO_FWD) {
		if (w->story)
			of_story_not_sent(w, number,
					  o.dest == w->port            ? "it came from there"
					  : !(bits & OF_PORT_IS_THERE) ? "there is none"
								       : "it is closed");
		return;
	}
	emit(w, &o);
}

/* What is done to the packet on one way is no other way's business. */
struct aside {
	struct of_fields now, set, fixed;
	uint32_t queue;
	uint8_t group_reason;
	bool has_copy;
};

static bool aside_begin(struct of_walk *w, struct aside *a, bool with_packet)
{
	a->now = w->now;
	a->set = w->set;
	a->fixed = w->fixed;
	a->queue = w->queue;
	a->group_reason = w->group_reason;
	a->has_copy = with_packet;
	if (!with_packet || w->sink->fork(w->arg, w))
		return true;
	of_walk_drop(w, OF_REASON_FAILED);
	return false;
}

/* One way's end is not the others'. */
static void aside_end(struct of_walk *w, const struct aside *a)
{
	if (a->has_copy)
		w->sink->join(w->arg, w);
	w->now = a->now;
	w->set = a->set;
	w->fixed = a->fixed;
	w->queue = a->queue;
	w->group_reason = a->group_reason;
	w->changed = true;
	if (!w->is_given_up && w->steps <= OF_STEPS_MAX)
		w->is_over = false;
}

/* A copy goes through the tables as if it had come in, and the list goes on with what it had. */
static void output_table(struct of_walk *w)
{
	const struct of_rule *rule = w->rule;
	uint8_t table = w->table;
	struct aside aside;

	if (!aside_begin(w, &aside, true))
		return;
	w->group_reason = 0;
	of_walk_tables(w);
	aside_end(w, &aside);
	memset(&w->actions, 0, sizeof(w->actions));
	w->rule = rule;
	w->table = table;
}

void of_walk_output(struct of_walk *w, uint32_t number, uint16_t max_len, uint8_t reason)
{
	struct of_output o = { 0 };

	switch (number) {
	case OF_PORT_IN_PORT:
		if (of_port_bits(w->pipeline, w->port) & OF_PORT_NO_FWD)
			return;
		o.dest = XVS_DEST_IN_PORT;
		break;
	case OF_PORT_NORMAL:
		o.dest = XVS_DEST_NORMAL;
		break;
	case OF_PORT_FLOOD:
	case OF_PORT_ALL:
		w->tags |= OF_TAG_PORTS;
		o.dest = number == OF_PORT_ALL ? OF_DEST_ALL : OF_DEST_FLOOD;
		break;
	case OF_PORT_CONTROLLER:
		o.max_len = max_len;
		o.reason = reason;
		/* the entry for misses: no match fields, priority 0 (1.3.5, 5.4) */
		if (reason != OF_PACKET_IN_INVALID_TTL && w->rule && w->rule->priority == 0 &&
		    w->rule->subtable->mask.count == 0)
			o.reason = OF_PACKET_IN_NO_MATCH;
		break;
	case OF_PORT_TABLE: /* of packets that a controller sends */
		output_table(w);
		return;
	default:
		output_port(w, number);
		return;
	}
	emit(w, &o);
}

/* ---- groups --------------------------------------------------------------------------------------- */

static bool is_live(struct of_walk *w, const struct of_bucket *b, uint32_t depth);

static bool group_is_live(struct of_walk *w, uint32_t id, uint32_t depth)
{
	const struct of_group *g = of_group_find(&w->pipeline->state.groups, id, w->version);

	for (uint32_t i = 0; g && depth < OF_DEPTH_MAX && i < g->bucket_count; i++) {
		if (++w->steps > OF_STEPS_MAX) {
			of_walk_drop(w, OF_REASON_LIMIT);
			return false;
		}
		if (is_live(w, &g->buckets[i].what, depth + 1))
			return true;
	}
	return false;
}

/* What watches nothing is live: 1.3.5, 6.5. */
static bool is_live(struct of_walk *w, const struct of_bucket *b, uint32_t depth)
{
	if (b->watch_port != OF_PORT_ANY) {
		uint32_t id = of_port_id(w->pipeline, b->watch_port);

		w->tags |= OF_TAG_PORTS;
		if (of_port_bits(w->pipeline, id) & OF_PORT_IS_UP)
			return true;
	}
	if (b->watch_group != OF_GROUP_ANY && group_is_live(w, b->watch_group, depth))
		return true;
	return b->watch_port == OF_PORT_ANY && b->watch_group == OF_GROUP_ANY;
}

/* One flow keeps to one bucket: the hash is of what tells flows of the wire apart. */
static uint64_t flow_hash(struct of_walk *w, uint32_t group)
{
	struct of_fields bits = { .eth_type = UINT16_MAX,
				  .ip_proto = UINT8_MAX,
				  .ipv4_src = UINT32_MAX,
				  .ipv4_dst = UINT32_MAX,
				  .l4_src = UINT16_MAX,
				  .l4_dst = UINT16_MAX };
	/* groups behind one another must not choose alike */
	uint64_t hash = of_hash_word(w->pipeline->seed, group);
	const of_word *seen = of_const_words(&bits);
	const of_word *now = of_const_words(&w->now);

	memset(bits.eth_src, 0xff, 6);
	memset(bits.eth_dst, 0xff, 6);
	memset(bits.ipv6_src, 0xff, 16);
	memset(bits.ipv6_dst, 0xff, 16);
	of_walk_examine(w, &bits);
	for (uint32_t i = 0; i < OF_WORDS; i++)
		hash = of_hash_word(hash, now[i] & seen[i]);
	return of_hash_end(hash);
}

static const struct of_group_bucket *select_bucket(struct of_walk *w, const struct of_group *g)
{
	uint64_t live_weights = 0;
	uint64_t at;

	for (uint32_t i = 0; i < g->bucket_count; i++)
		live_weights += is_live(w, &g->buckets[i].what, 0) ? g->buckets[i].what.weight : 0;
	if (!live_weights)
		return NULL;
	at = flow_hash(w, g->entry.id) % live_weights;
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		const struct of_group_bucket *b = &g->buckets[i];

		if (!is_live(w, &b->what, 0))
			continue;
		if (at < b->what.weight)
			return b;
		at -= b->what.weight;
	}
	return NULL;
}

static const struct of_group_bucket *first_live(struct of_walk *w, const struct of_group *g)
{
	for (uint32_t i = 0; i < g->bucket_count; i++) {
		if (is_live(w, &g->buckets[i].what, 0))
			return &g->buckets[i];
	}
	return NULL;
}

/* Its actions are a set. */
static void go_by(struct of_walk *w, const struct of_group *g, const struct of_group_bucket *b,
		  bool with_packet)
{
	struct of_action_set set = { 0 };
	struct aside aside;

	if (++w->steps > OF_STEPS_MAX) {
		of_walk_drop(w, OF_REASON_LIMIT);
		return;
	}
	if (w->story)
		of_story_bucket(w, g, b);
	if (!aside_begin(w, &aside, with_packet))
		return;
	w->sink->credit(w->arg, b->stats);
	of_set_write(&set, &b->what.actions);
	w->group_reason = OF_PACKET_IN_GROUP;
	of_walk_finish(w, &set);
	aside_end(w, &aside);
}

static void go_by_all(struct of_walk *w, const struct of_group *g, bool is_last)
{
	for (uint32_t i = 0; i < g->bucket_count && !w->is_over; i++)
		go_by(w, g, &g->buckets[i], g->bucket_count > 1 || !is_last);
}

void of_walk_group(struct of_walk *w, uint32_t id)
{
	const struct of_group *g = of_group_find(&w->pipeline->state.groups, id, w->version);
	const struct of_group_bucket *b = NULL;
	bool is_last = w->is_last;

	w->tags |= OF_TAG_GROUPS;
	w->is_last = false;
	if (!g)
		return;
	if (++w->steps > OF_STEPS_MAX || w->depth >= OF_DEPTH_MAX) {
		of_walk_drop(w, OF_REASON_LIMIT);
		return;
	}
	if (w->story)
		of_story_group(w, g);
	w->depth++;
	w->sink->credit(w->arg, g->stats);
	switch (g->type) {
	case OF_GROUP_TYPE_ALL:
		go_by_all(w, g, is_last);
		break;
	case OF_GROUP_TYPE_SELECT:
		b = select_bucket(w, g);
		break;
	case OF_GROUP_TYPE_INDIRECT:
		b = g->bucket_count ? &g->buckets[0] : NULL;
		break;
	default:
		b = first_live(w, g);
		break;
	}
	if (b)
		go_by(w, g, b, !is_last);
	else if (w->story && g->type != OF_GROUP_TYPE_ALL && g->bucket_count)
		of_story_bucket(w, g, NULL);
	w->depth--;
}
