/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rules of a port counted, as the host asks for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "xvs/ext/sdk.h"

static bool was_met(const struct rule_count *c)
{
	return (c->packets | c->connections) != 0;
}

static uint32_t count_met(const struct tally *t)
{
	uint32_t met = 0;

	for (uint32_t nr = 0; nr < t->set->count; nr++) {
		struct rule_count sum = tally_sum(t, nr);

		met += was_met(&sum);
	}
	return met;
}

/* Workers go on counting: a rule that is met for the first time meanwhile is there the next time. */
static uint32_t fill(const struct tally *t, struct rule_count *out, uint32_t room)
{
	uint32_t count = 0;

	for (uint32_t nr = 0; nr < t->set->count && count < room; nr++) {
		struct rule_count sum = tally_sum(t, nr);

		if (!was_met(&sum))
			continue;
		memcpy(sum.name, t->set->names[nr], sizeof(sum.name));
		out[count++] = sum;
	}
	return count;
}

void acl_rule_print(const struct tally *t, uint32_t nr, char *text, uint32_t bytes)
{
	static const char *const actions[] = { "allows", "denies", "meters" };
	const struct rule_fact *fact = &t->set->facts[nr];
	const char *name = t->set->names[nr];

	(void)snprintf(text, bytes, "rules[%u]%s%s of %s %s%s", nr, *name ? " " : "", name,
		       acl_features[t->set->feature].id,
		       fact->flags & FACT_STATEFUL ? "statefully " : "", actions[fact->action]);
}

int acl_status_fill(struct acl *a, const struct acl_port *port, enum feature feature,
		    struct count_status *out, struct xvs_error *err)
{
	const struct tally *t = port_tally(port, feature);
	uint32_t room = t ? count_met(t) : 0;

	free(a->shown);
	a->shown = calloc((size_t)room + 1, sizeof(*a->shown));
	if (!a->shown)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	out->rules = t ? t->set->count : 0;
	out->counts =
		(struct xvs_table){ a->shown, t ? fill(t, a->shown, room) : 0, sizeof(*a->shown) };
	return 0;
}
