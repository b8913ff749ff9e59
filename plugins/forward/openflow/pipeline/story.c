/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/story.c - lines of a trace. */
#include "pipeline/story.h"

#include <inttypes.h>

#include "model/text.h"

static void begin_line(struct of_walk *w)
{
	if (w->story->len)
		of_text_add(w->story, "\n");
	for (uint32_t i = 0; i < w->depth; i++)
		of_text_add(w->story, "  ");
}

void of_story_rule(struct of_walk *w, const struct of_rule *r)
{
	const struct of_match match = { r->value, r->subtable->whole };

	begin_line(w);
	of_text_add(w->story, "table %u: priority=%u ", r->table, r->priority);
	if (r->cookie)
		of_text_add(w->story, "cookie=0x%" PRIx64 " ", r->cookie);
	of_text_match(w->story, &match);
	of_text_add(w->story, " actions=");
	of_text_instructions(w->story, r->instructions);
}

void of_story_miss(struct of_walk *w)
{
	begin_line(w);
	of_text_add(w->story, "table %u: no flow matches", w->table);
}

void of_story_meter(struct of_walk *w, uint32_t id)
{
	begin_line(w);
	of_text_add(w->story, "meter %" PRIu32 " would be asked", id);
}

void of_story_group(struct of_walk *w, const struct of_group *g)
{
	static const char *const types[] = { "all", "select", "indirect", "fast failover" };

	begin_line(w);
	of_text_add(w->story, "group %" PRIu32 " (%s)", g->entry.id, types[g->type & 3]);
	if (!g->bucket_count)
		of_text_add(w->story, " has no bucket");
}

void of_story_bucket(struct of_walk *w, const struct of_group *g, const struct of_group_bucket *b)
{
	begin_line(w);
	if (!b) {
		of_text_add(w->story, "no bucket is live");
		return;
	}
	of_text_add(w->story, "bucket %u: actions=", (unsigned int)(b - g->buckets));
	of_text_actions(w->story, &b->what.actions);
	if (!b->what.actions.count)
		of_text_add(w->story, "drop");
}

void of_story_not_sent(struct of_walk *w, uint32_t number, const char *why)
{
	begin_line(w);
	of_text_add(w->story, "not to port ");
	of_text_port(w->story, number);
	of_text_add(w->story, ": %s", why);
}
