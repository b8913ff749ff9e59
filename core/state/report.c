/* SPDX-License-Identifier: Apache-2.0 */
/* state/report.c - what people and programs see of a move, under way and at its end. */
#include "base/str.h"
#include "state/move.h"

static const char *const names[PHASES] = {
	[PHASE_CONNECTING] = "connecting",
	[PHASE_ADMITTING] = "admitting",
	[PHASE_HELD] = "held",
	[PHASE_PREPARING] = "preparing",
	[PHASE_ROUNDS] = "rounds",
	[PHASE_FREEZING] = "freezing",
	[PHASE_LAST_ROUND] = "last round",
	[PHASE_FROZEN] = "frozen",
	[PHASE_COMMITTED] = "committed",
	[PHASE_OPENED] = "opened",
	[PHASE_REMOVING] = "removing",
	[PHASE_GIVING_UP] = "giving up",
	[PHASE_ARRIVED] = "arrived",
	[PHASE_ADMITTED] = "admitted",
	[PHASE_MAKING] = "making",
	[PHASE_TAKING] = "taking",
	[PHASE_READY] = "ready",
	[PHASE_DISCARDING] = "discarding",
	[PHASE_ENDED] = "ended",
};

const char *phase_name(const struct move *v)
{
	return names[v->phase];
}

json_t *owners_json(const struct move *v)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < v->owner_count; i++) {
		const struct content_owner *o = &v->owners[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I}", "owner", o->id,
							    "format", (json_int_t)o->format,
							    "records", (json_int_t)o->records,
							    "bytes", (json_int_t)o->bytes));
	}
	return list;
}

/* Microseconds from the beginning to the first time in each phase. */
static json_t *times_json(const struct move *v)
{
	json_t *times = json_object();
	uint64_t begin = v->since_ns[v->is_source ? PHASE_CONNECTING : PHASE_ARRIVED];

	for (int i = 0; times && i < PHASES; i++)
		if (v->since_ns[i] && begin)
			(void)json_object_set_new(
				times, names[i],
				json_integer((json_int_t)((v->since_ns[i] - begin) / NS_PER_US)));
	return times;
}

bool move_is_in_doubt(const struct move *v)
{
	if (v->is_source)
		return v->phase == PHASE_COMMITTED && v->s.attempts > 0;
	return v->phase == PHASE_READY && !v->conn;
}

json_t *move_report(const struct move *v)
{
	char id[UUID_TEXT];
	char port[UUID_TEXT];
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:b, s:b}", "move",
			      uuid_print(v->id, id), "role", v->is_source ? "source" : "target",
			      "port", v->target, "uuid", uuid_print(v->port, port), "peer", v->peer,
			      "epoch", (json_int_t)v->epoch, "phase", phase_name(v), "in_doubt",
			      (int)move_is_in_doubt(v), "connected", (int)(v->conn != NULL));

	if (!j)
		return NULL;
	if (v->is_source)
		(void)json_object_set_new(j, "to", json_string(v->s.to));
	if (v->tag[0])
		(void)json_object_set_new(j, "tag", json_string(v->tag));
	if (v->outcome)
		(void)json_object_set_new(j, "outcome", json_string(v->outcome));
	if (v->problem[0]) {
		json_t *problem = json_string(v->problem);

		(void)json_object_set_new(j, "problem",
					  problem ? problem : json_string("(not printable)"));
	}
	if (v->blackout_ns)
		(void)json_object_set_new(j, "blackout_us",
					  json_integer((json_int_t)(v->blackout_ns / NS_PER_US)));
	(void)json_object_set_new(
		j, "rounds", json_integer((json_int_t)(v->is_source ? v->s.round : v->t.round)));
	(void)json_object_set_new(j, "records", json_integer((json_int_t)v->records));
	(void)json_object_set_new(j, "bytes", json_integer((json_int_t)v->bytes));
	(void)json_object_set_new(j, "state", owners_json(v));
	(void)json_object_set_new(j, "times_us", times_json(v));
	if (v->straggled.frames || v->straggled.lost)
		(void)json_object_set_new(j, "stragglers", stragglers_json(v));
	if (v->left)
		(void)json_object_set(j, "left", v->left);
	if (v->converted)
		(void)json_object_set(j, "converted", v->converted);
	if (v->findings)
		(void)json_object_set(j, "findings", v->findings);
	if (v->untaken)
		(void)json_object_set(j, "untaken", v->untaken);
	if (v->theirs)
		(void)json_object_set(j, "target", v->theirs);
	return j;
}
