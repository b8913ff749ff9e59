/* SPDX-License-Identifier: Apache-2.0 */
/* table/rule.c - the life of a rule. */
#include <string.h>

#include "table/instructions.h"
#include "table/subtable.h"

void of_rule_free(void *rule)
{
	struct of_rule *r = rule;

	struct of_subtable *s = r->subtable;

	of_stats_drop(r->stats);
	free((void *)(uintptr_t)r->instructions);
	free(r);
	if (s && --s->users == 0 && s->is_ended)
		of_subtable_free(s);
}

void of_rule_hold(struct of_rule *r)
{
	r->holders++;
}

void of_rule_drop(struct of_rule *r)
{
	if (--r->holders == 0 && r->is_freed)
		of_rule_free(r);
}

struct of_rule *of_rule_new(const struct of_instructions *instructions, struct of_stats *stats)
{
	struct of_rule *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->instructions = of_instructions_copy(instructions);
	r->stats = stats ? of_stats_hold(stats) : of_stats_new();
	atomic_store_explicit(&r->removed, OF_VERSION_NEVER, memory_order_relaxed);
	if (r->instructions && r->stats)
		return r;
	of_rule_free(r);
	return NULL;
}
