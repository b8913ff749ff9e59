/* SPDX-License-Identifier: Apache-2.0 */
/* table/cursor.c - who stands at a rule that goes is moved on. */
#include "table/cursor.h"

static void skip_empty(struct of_cursor *c)
{
	while (!c->at && c->table < c->last)
		c->at = c->flows->tables[++c->table].oldest;
	c->is_done = !c->at;
}

void of_cursor_begin(struct of_cursor *c, struct of_flows *flows,
		     const struct of_flow_filter *filter)
{
	bool is_all = filter->table == OF_TABLE_ALL;

	*c = (struct of_cursor){ .next = flows->cursors,
				 .flows = flows,
				 .table = is_all ? 0 : filter->table,
				 .last = is_all ? OF_TABLES - 1 : filter->table };
	flows->cursors = c;
	c->at = flows->tables[c->table].oldest;
	skip_empty(c);
}

void of_cursor_end(struct of_cursor *c)
{
	struct of_cursor **at = c->flows ? &c->flows->cursors : NULL;

	if (!at)
		return;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->flows = NULL;
}

void of_cursors_leave(struct of_cursor *first, const struct of_rule *r)
{
	for (struct of_cursor *c = first; c; c = c->next) {
		if (c->at == r)
			c->at = r->newer;
	}
}

void of_cursors_return(struct of_cursor *first, struct of_rule *r)
{
	for (struct of_cursor *c = first; c; c = c->next) {
		if (c->at == r->newer && c->table == r->table && !c->is_done)
			c->at = r;
	}
}

static bool is_meant(const struct of_rule *r, const struct of_flow_filter *filter)
{
	const of_word *have = of_const_words(&r->value);
	const of_word *own = of_const_words(&r->subtable->whole);
	const of_word *value = of_const_words(&filter->match.value);
	const of_word *mask = of_const_words(&filter->match.mask);
	uint64_t beyond = 0;

	for (uint32_t i = 0; i < OF_WORDS; i++)
		beyond |= (mask[i] & ~own[i]) | ((have[i] ^ value[i]) & mask[i]);
	return !beyond && of_flow_is_meant(r, filter);
}

struct of_rule *of_cursor_step(struct of_cursor *c, const struct of_flow_filter *filter)
{
	struct of_rule *r;

	skip_empty(c); /* what stood there may have gone */
	r = c->at;
	if (!r)
		return NULL;
	c->at = r->newer;
	skip_empty(c);
	return is_meant(r, filter) ? r : NULL;
}
