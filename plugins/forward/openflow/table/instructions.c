/* SPDX-License-Identifier: Apache-2.0 */
/* table/instructions.c - copies of instructions; what they name. */
#include "table/instructions.h"

#include <stdlib.h>
#include <string.h>

struct of_instructions *of_instructions_copy(const struct of_instructions *from)
{
	size_t apply = from->apply.count * sizeof(struct of_action);
	size_t write = from->write.count * sizeof(struct of_action);
	struct of_instructions *to = malloc(sizeof(*to) + apply + write);
	struct of_action *list;

	if (!to)
		return NULL;
	*to = *from;
	list = (struct of_action *)(void *)(to + 1);
	if (apply)
		memcpy(list, from->apply.list, apply);
	to->apply.list = list;
	if (write)
		memcpy(list + from->apply.count, from->write.list, write);
	to->write.list = list + from->apply.count;
	return to;
}

bool of_actions_name(const struct of_actions *a, uint8_t type, uint32_t number)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->list[i].type == type && a->list[i].number == number)
			return true;
	}
	return false;
}

static bool any_of_type(const struct of_actions *a, uint8_t type)
{
	for (uint32_t i = 0; i < a->count; i++) {
		if (a->list[i].type == type)
			return true;
	}
	return false;
}

bool of_instructions_output(const struct of_instructions *i, uint32_t port)
{
	return of_actions_name(&i->apply, OF_ACT_OUTPUT, port) ||
	       of_actions_name(&i->write, OF_ACT_OUTPUT, port);
}

bool of_instructions_group(const struct of_instructions *i, uint32_t group)
{
	if (group == OF_GROUP_ALL)
		return any_of_type(&i->apply, OF_ACT_GROUP) || any_of_type(&i->write, OF_ACT_GROUP);
	return of_actions_name(&i->apply, OF_ACT_GROUP, group) ||
	       of_actions_name(&i->write, OF_ACT_GROUP, group);
}

bool of_instructions_meter(const struct of_instructions *i, uint32_t meter)
{
	if (meter == OF_METER_ALL)
		return (i->has & OF_INS_METER) || any_of_type(&i->apply, OF_ACT_METER);
	return ((i->has & OF_INS_METER) && i->meter == meter) ||
	       of_actions_name(&i->apply, OF_ACT_METER, meter);
}
