/* SPDX-License-Identifier: Apache-2.0 */
/* table/sweep.c - a cursor, and what becomes of each flow that it meets. */
#include "table/sweep.h"

#include "table/instructions.h"

static void begin(struct of_sweep *s, struct of_flows *f)
{
	s->before = f->next_nr;
	s->is_on = true;
	of_cursor_begin(&s->cursor, f, &s->filter);
}

void of_sweep_mod(struct of_sweep *s, struct of_flows *f, const struct of_flow_mod *mod)
{
	bool is_deletion = mod->command == OF_FLOW_DELETE;

	*s = (struct of_sweep){ .filter = of_flow_filter_of(mod),
				.mod = is_deletion ? NULL : mod,
				.reason = OF_REMOVED_DELETE };
	begin(s, f);
}

static void begin_named(struct of_sweep *s, struct of_flows *f)
{
	s->filter = (struct of_flow_filter){ .out_port = OF_PORT_ANY,
					     .out_group = OF_GROUP_ANY,
					     .table = OF_TABLE_ALL };
	begin(s, f);
}

void of_sweep_group(struct of_sweep *s, struct of_flows *f, uint32_t group)
{
	*s = (struct of_sweep){ .names = of_instructions_group,
				.number = group,
				.reason = OF_REMOVED_GROUP_DELETE };
	begin_named(s, f);
}

void of_sweep_meter(struct of_sweep *s, struct of_flows *f, uint32_t meter)
{
	*s = (struct of_sweep){ .names = of_instructions_meter,
				.number = meter,
				.reason = OF_REMOVED_METER_DELETE };
	begin_named(s, f);
}

void of_sweep_end(struct of_sweep *s)
{
	if (s->is_on)
		of_cursor_end(&s->cursor);
	s->is_on = false;
}

static of_fault change(struct of_sweep *s, struct of_rule *r)
{
	struct of_flows *f = s->cursor.flows;

	if (r->nr >= s->before || (s->names && !s->names(r->instructions, s->number)))
		return OF_OK;
	s->done++;
	if (s->mod)
		return of_flows_modify(f, r, s->mod);
	return of_flows_remove(f, r, s->reason) == 0 ? OF_OK : OF_FLOW_MOD_UNKNOWN;
}

of_fault of_sweep_some(struct of_sweep *s, uint32_t count)
{
	of_fault fault = OF_OK;

	for (uint32_t n = 0; n < count && !s->cursor.is_done && !fault; n++) {
		struct of_rule *r = of_cursor_step(&s->cursor, &s->filter);

		if (r)
			fault = change(s, r);
	}
	if (fault || s->cursor.is_done)
		of_sweep_end(s);
	return fault;
}

of_fault of_sweep_all(struct of_sweep *s)
{
	of_fault fault = OF_OK;

	while (s->is_on && !fault)
		fault = of_sweep_some(s, UINT32_MAX);
	return fault;
}
