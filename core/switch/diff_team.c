/* SPDX-License-Identifier: Apache-2.0 */
/* switch/diff_team.c - what is wanted of a team, as one line. */
#include "switch/plan.h"

static void add_names(struct strbuf *out, const char *key, const char (*names)[64], size_t count)
{
	if (count == 0)
		return;
	strbuf_add(out, ", %s", key);
	for (size_t i = 0; i < count; i++)
		strbuf_add(out, " %s", names[i]);
}

static void team_text(const struct team_spec *t, struct strbuf *out)
{
	static const char *const modes[] = { "port", "mac", "address", "load" };

	strbuf_add(out, "by %s", modes[t->mode]);
	add_names(out, "active", t->active, t->active_count);
	add_names(out, "standby", t->standby, t->standby_count);
	if (t->mode == TEAM_LOAD)
		strbuf_add(out, ", hold_ms %u", t->hold_ms);
	if (t->probe[0])
		strbuf_add(out, ", probe %s in %u each %u ms, %u lost", t->probe, t->probe_vlan,
			   t->probe_ms, t->probe_lost);
	if (t->min_speed_mbps)
		strbuf_add(out, ", min_speed_mbps %u", t->min_speed_mbps);
	if (t->max_errors_percent)
		strbuf_add(out, ", max_errors_percent %u", t->max_errors_percent);
	if (t->check_s)
		strbuf_add(out, ", check_s %u", t->check_s);
	strbuf_add(out, "%s", t->full_duplex ? ", full_duplex" : "");
	strbuf_add(out, ", failback_s %u, announce %u%s", t->failback_s, t->announce,
		   t->is_rolling ? ", rolling" : "");
}

char *diff_team(const struct switch_spec *now, const struct switch_spec *next)
{
	struct strbuf before = { 0 };
	struct strbuf after = { 0 };
	struct strbuf line = { 0 };

	if (!now || !switch_spec_has_team(now) || !switch_spec_has_team(next))
		return NULL;
	team_text(&now->team, &before);
	team_text(&next->team, &after);
	if (before.text && after.text && strcmp(before.text, after.text) != 0)
		strbuf_add(&line, "~ team %s/%s: %s -> %s", next->name, next->team.port.name,
			   before.text, after.text);
	strbuf_finish(&before);
	strbuf_finish(&after);
	return line.text;
}
