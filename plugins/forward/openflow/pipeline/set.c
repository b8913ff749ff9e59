/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/set.c - action sets: 1.3.5, 5.10. */
#include <string.h>

#include "pipeline/walk.h"

void of_set_write(struct of_action_set *set, const struct of_actions *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		const struct of_action *a = &list->list[i];

		if (a->type != OF_ACT_SET_FIELD) {
			set->by_type[a->type] = a;
			continue;
		}
		set->by_field[a->field] = a;
		set->fields |= UINT64_C(1) << a->field;
	}
}

static void carry_out(struct of_walk *w, const struct of_action_set *set, uint8_t type)
{
	if (set->by_type[type] && !w->is_over)
		of_walk_action(w, set->by_type[type]);
}

void of_walk_finish(struct of_walk *w, struct of_action_set *set)
{
	static const uint8_t before[] = {
		OF_ACT_COPY_TTL_IN,  OF_ACT_POP_VLAN,     OF_ACT_STRIP_VLAN,   OF_ACT_POP_MPLS,
		OF_ACT_PUSH_MPLS,    OF_ACT_PUSH_VLAN,    OF_ACT_COPY_TTL_OUT, OF_ACT_DEC_MPLS_TTL,
		OF_ACT_DEC_NW_TTL,   OF_ACT_SET_MPLS_TTL, OF_ACT_SET_NW_TTL,   OF_ACT_SET_VLAN_VID,
		OF_ACT_SET_VLAN_PCP,
	};

	for (uint32_t i = 0; i < sizeof(before); i++)
		carry_out(w, set, before[i]);
	for (uint64_t left = set->fields; left && !w->is_over; left &= left - 1)
		of_walk_action(w, set->by_field[__builtin_ctzll(left)]);
	carry_out(w, set, OF_ACT_SET_QUEUE);
	/* a group takes the place of an output */
	w->is_last = true;
	carry_out(w, set, set->by_type[OF_ACT_GROUP] ? OF_ACT_GROUP : OF_ACT_OUTPUT);
	w->is_last = false;
}
