/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_action.c - lists of actions: 1.0, 5.2.4; 1.3, 7.2.5.
 *
 * A list is walked twice: once for lengths, so that its memory is known, and once for what it
 * says.  One table a version tells how long an action is and who reads what is in it.
 */
#include "wire/action.h"
#include "wire/oxm.h"

enum { ACTION_HEAD = 4, ACTION_UNIT = 8, MOST_OF_ONE = 3 };

struct of_action *of_action_add(struct of_action_list *list, uint8_t type)
{
	struct of_action *a = &list->actions.list[list->actions.count++];

	a->type = type;
	return a;
}

of_fault of_out_port_check(uint32_t port, bool is_packet_out)
{
	if (port == OF_PORT_TABLE)
		return is_packet_out ? OF_OK : OF_BAD_ACTION_OUT_PORT;
	if (port >= OF_PORT_IN_PORT && port <= OF_PORT_LOCAL)
		return OF_OK;
	return port == 0 || port > OF_PORT_MAX ? OF_BAD_ACTION_OUT_PORT : OF_OK;
}

/* ---- what is in an action ---------------------------------------------------------------------- */

typedef of_fault (*read_fn)(struct of_action_source *from, struct of_reader *r,
			    struct of_action_list *list, uint8_t type);

struct action_rule {
	uint16_t number;
	uint16_t len; /* 0: any */
	uint8_t type; /* enum of_action_type */
	read_fn read;
};

static of_fault read_plain(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list, uint8_t type)
{
	(void)from;
	(void)r;
	(void)of_action_add(list, type);
	return OF_OK;
}

static of_fault read_output(struct of_action_source *from, struct of_reader *r,
			    struct of_action_list *list, uint8_t type)
{
	struct of_action *a = of_action_add(list, type);

	a->number = from->version == OF_V10 ? of_port_from16(of_get16(r)) : of_get32(r);
	a->max_len = of_get16(r);
	return of_out_port_check(a->number, from->is_packet_out);
}

static of_fault read_group(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list, uint8_t type)
{
	struct of_action *a = of_action_add(list, type);

	(void)from;
	a->number = of_get32(r);
	return a->number > OF_GROUP_MAX ? OF_BAD_ACTION_OUT_GROUP : OF_OK;
}

static of_fault read_queue(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list, uint8_t type)
{
	struct of_action *a = of_action_add(list, type);

	(void)from;
	a->number = of_get32(r);
	return a->number > OF_QUEUE_MAX ? OF_BAD_ACTION_QUEUE : OF_OK;
}

static of_fault read_ttl(struct of_action_source *from, struct of_reader *r,
			 struct of_action_list *list, uint8_t type)
{
	(void)from;
	of_action_add(list, type)->number = of_get8(r);
	return OF_OK;
}

static of_fault read_ethertype(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list, uint8_t type)
{
	uint16_t number = of_get16(r);

	(void)from;
	of_action_add(list, type)->number = number;
	if (type == OF_ACT_PUSH_VLAN)
		return number == 0x8100 || number == 0x88a8 ? OF_OK : OF_BAD_ACTION_ARGUMENT;
	if (type == OF_ACT_PUSH_MPLS)
		return number == 0x8847 || number == 0x8848 ? OF_OK : OF_BAD_ACTION_ARGUMENT;
	return OF_OK;
}

static of_fault read_set_field(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list, uint8_t type)
{
	return of_set_field_read(from, r, false, of_action_add(list, type));
}

static of_fault read_experimenter(struct of_action_source *from, struct of_reader *r,
				  struct of_action_list *list, uint8_t type)
{
	uint32_t vendor = of_get32(r);

	(void)type;
	if (r->is_short)
		return OF_BAD_ACTION_LEN;
	return vendor == OFP_NICIRA ? of_nicira_action_read(from, r, list)
				    : OF_BAD_ACTION_EXPERIMENTER;
}

/* ---- 1.0 --------------------------------------------------------------------------------------- */

static of_fault read_vid10(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list, uint8_t type)
{
	struct of_action *a = of_action_add(list, type);

	(void)from;
	a->number = of_get16(r);
	return a->number > 0xfff ? OF_BAD_ACTION_ARGUMENT : OF_OK;
}

static of_fault read_pcp10(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list, uint8_t type)
{
	struct of_action *a = of_action_add(list, type);

	(void)from;
	a->number = of_get8(r);
	return a->number > 7 ? OF_BAD_ACTION_ARGUMENT : OF_OK;
}

/* A field of which all is set; 'field' of the rule is what its place in the table says. */
static of_fault set_whole(struct of_reader *r, struct of_action_list *list, uint8_t field)
{
	struct of_action *a = of_action_add(list, OF_ACT_SET_FIELD);
	uint32_t bytes = of_field(field)->bytes;

	a->field = field;
	of_copy(r, a->value, bytes);
	memset(a->mask, 0xff, bytes);
	return OF_OK;
}

static of_fault read_dl_src10(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list, uint8_t type)
{
	(void)from;
	(void)type;
	return set_whole(r, list, OF_ETH_SRC);
}

static of_fault read_dl_dst10(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list, uint8_t type)
{
	(void)from;
	(void)type;
	return set_whole(r, list, OF_ETH_DST);
}

static of_fault read_nw_src10(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list, uint8_t type)
{
	(void)from;
	(void)type;
	return set_whole(r, list, OF_IPV4_SRC);
}

static of_fault read_nw_dst10(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list, uint8_t type)
{
	(void)from;
	(void)type;
	return set_whole(r, list, OF_IPV4_DST);
}

static of_fault read_tos10(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list, uint8_t type)
{
	struct of_action *a = of_action_add(list, type);
	uint8_t tos = of_get8(r);

	(void)from;
	a->field = OF_IP_DSCP;
	a->value[0] = tos >> 2;
	a->mask[0] = 0x3f;
	return tos & 3 ? OF_BAD_ACTION_ARGUMENT : OF_OK;
}

static of_fault read_port10(struct of_action_source *from, struct of_reader *r,
			    struct of_action_list *list, uint8_t type)
{
	(void)from;
	of_action_add(list, type)->number = of_get16(r);
	return OF_OK;
}

/* Only this packet goes to the queue: what is output behind it goes where it would. */
static of_fault read_enqueue10(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list, uint8_t type)
{
	struct of_action *queue = of_action_add(list, OF_ACT_SET_QUEUE);
	struct of_action *out = of_action_add(list, type);

	out->number = of_port_from16(of_get16(r));
	of_skip(r, 6);
	queue->number = of_get32(r);
	of_action_add(list, OF_ACT_SET_QUEUE)->number = OF_QUEUE_ALL;
	if (out->number > OF_PORT_MAX && out->number != OF_PORT_IN_PORT &&
	    out->number != OF_PORT_LOCAL)
		return OF_BAD_ACTION_OUT_PORT;
	if (queue->number > OF_QUEUE_MAX)
		return OF_BAD_ACTION_QUEUE;
	return of_out_port_check(out->number, from->is_packet_out);
}

static const struct action_rule rules10[] = {
	{ OFPAT10_OUTPUT, 8, OF_ACT_OUTPUT, read_output },
	{ OFPAT10_SET_VLAN_VID, 8, OF_ACT_SET_VLAN_VID, read_vid10 },
	{ OFPAT10_SET_VLAN_PCP, 8, OF_ACT_SET_VLAN_PCP, read_pcp10 },
	{ OFPAT10_STRIP_VLAN, 8, OF_ACT_STRIP_VLAN, read_plain },
	{ OFPAT10_SET_DL_SRC, 16, OF_ACT_SET_FIELD, read_dl_src10 },
	{ OFPAT10_SET_DL_DST, 16, OF_ACT_SET_FIELD, read_dl_dst10 },
	{ OFPAT10_SET_NW_SRC, 8, OF_ACT_SET_FIELD, read_nw_src10 },
	{ OFPAT10_SET_NW_DST, 8, OF_ACT_SET_FIELD, read_nw_dst10 },
	{ OFPAT10_SET_NW_TOS, 8, OF_ACT_SET_FIELD, read_tos10 },
	{ OFPAT10_SET_TP_SRC, 8, OF_ACT_SET_TP_SRC, read_port10 },
	{ OFPAT10_SET_TP_DST, 8, OF_ACT_SET_TP_DST, read_port10 },
	{ OFPAT10_ENQUEUE, 16, OF_ACT_OUTPUT, read_enqueue10 },
	{ OFPAT10_VENDOR, 0, 0, read_experimenter },
};

static const struct action_rule rules[] = {
	{ OFPAT_OUTPUT, 16, OF_ACT_OUTPUT, read_output },
	{ OFPAT_COPY_TTL_OUT, 8, OF_ACT_COPY_TTL_OUT, read_plain },
	{ OFPAT_COPY_TTL_IN, 8, OF_ACT_COPY_TTL_IN, read_plain },
	{ OFPAT_SET_MPLS_TTL, 8, OF_ACT_SET_MPLS_TTL, read_ttl },
	{ OFPAT_DEC_MPLS_TTL, 8, OF_ACT_DEC_MPLS_TTL, read_plain },
	{ OFPAT_PUSH_VLAN, 8, OF_ACT_PUSH_VLAN, read_ethertype },
	{ OFPAT_POP_VLAN, 8, OF_ACT_POP_VLAN, read_plain },
	{ OFPAT_PUSH_MPLS, 8, OF_ACT_PUSH_MPLS, read_ethertype },
	{ OFPAT_POP_MPLS, 8, OF_ACT_POP_MPLS, read_ethertype },
	{ OFPAT_SET_QUEUE, 8, OF_ACT_SET_QUEUE, read_queue },
	{ OFPAT_GROUP, 8, OF_ACT_GROUP, read_group },
	{ OFPAT_SET_NW_TTL, 8, OF_ACT_SET_NW_TTL, read_ttl },
	{ OFPAT_DEC_NW_TTL, 8, OF_ACT_DEC_NW_TTL, read_plain },
	{ OFPAT_SET_FIELD, 0, OF_ACT_SET_FIELD, read_set_field },
	{ OFPAT_EXPERIMENTER, 0, 0, read_experimenter },
};

enum {
	RULES10 = sizeof(rules10) / sizeof(rules10[0]),
	RULES = sizeof(rules) / sizeof(rules[0]),
};

int of_action_number(uint32_t type)
{
	for (uint32_t i = 0; i < RULES; i++) {
		if (rules[i].type == type)
			return rules[i].number;
	}
	return -1;
}

uint8_t of_action_of_number(uint16_t number)
{
	for (uint32_t i = 0; i < RULES; i++) {
		if (rules[i].number == number)
			return rules[i].type;
	}
	return 0;
}

/* ---- lists ------------------------------------------------------------------------------------- */

static const struct action_rule *find_rule(uint8_t version, uint16_t number)
{
	const struct action_rule *table = version == OF_V10 ? rules10 : rules;
	uint32_t count = version == OF_V10 ? RULES10 : RULES;

	for (uint32_t i = 0; i < count; i++) {
		if (table[i].number == number)
			return &table[i];
	}
	return NULL;
}

/* How many there are; a length that cannot be ends the walk. */
static of_fault count_actions(struct of_reader r, uint32_t *count)
{
	*count = 0;
	while (r.left) {
		uint16_t len;

		of_skip(&r, 2);
		len = of_get16(&r);
		if (r.is_short || len < ACTION_UNIT || len % ACTION_UNIT)
			return OF_BAD_ACTION_LEN;
		of_skip(&r, len - (uint32_t)ACTION_HEAD);
		if (r.is_short)
			return OF_BAD_ACTION_LEN;
		++*count;
	}
	return OF_OK;
}

static of_fault read_action(struct of_action_source *from, struct of_reader *r,
			    struct of_action_list *list)
{
	uint16_t number = of_get16(r);
	uint16_t len = of_get16(r);
	struct of_reader body = of_part(r, len - (uint32_t)ACTION_HEAD);
	const struct action_rule *rule = find_rule(from->version, number);

	if (!rule)
		return OF_BAD_ACTION_TYPE;
	if (rule->len && rule->len != len)
		return OF_BAD_ACTION_LEN;
	return rule->read(from, &body, list, rule->type);
}

of_fault of_actions_read(struct of_action_source *from, struct of_reader *r, uint32_t len,
			 struct of_actions *out)
{
	struct of_reader all = of_part(r, len);
	struct of_action_list list = { 0 };
	uint32_t count = 0;
	of_fault fault;

	if (all.is_short)
		return OF_BAD_ACTION_LEN;
	fault = count_actions(all, &count);
	if (fault)
		return fault;
	if (count > from->left)
		return OF_BAD_ACTION_TOO_MANY;
	from->left -= count;
	list.room = count * MOST_OF_ONE;
	list.actions.list = of_arena_take(from->arena, list.room, sizeof(struct of_action));
	if (!list.actions.list)
		return OF_BAD_ACTION_TOO_MANY;
	while (all.left && !fault)
		fault = read_action(from, &all, &list);
	if (!fault)
		*out = list.actions;
	return fault;
}

/* ---- sets: 1.3, 5.10 --------------------------------------------------------------------------- */

/* The place of each kind in the order of execution; 0: it may not be in a set. */
enum { PLACE_FIELD = 13, PLACE_QUEUE = PLACE_FIELD + OF_FIELDS, PLACES = PLACE_QUEUE + 3 };

static const uint8_t place_of[OF_ACT_TYPES] = {
	[OF_ACT_COPY_TTL_IN] = 1,
	[OF_ACT_POP_VLAN] = 2,
	[OF_ACT_POP_MPLS] = 3,
	[OF_ACT_PUSH_MPLS] = 4,
	[OF_ACT_PUSH_VLAN] = 5,
	[OF_ACT_COPY_TTL_OUT] = 6,
	[OF_ACT_DEC_MPLS_TTL] = 7,
	[OF_ACT_DEC_NW_TTL] = 8,
	[OF_ACT_SET_MPLS_TTL] = 9,
	[OF_ACT_SET_NW_TTL] = 10,
	[OF_ACT_SET_FIELD] = PLACE_FIELD,
	[OF_ACT_SET_QUEUE] = PLACE_QUEUE,
	[OF_ACT_GROUP] = PLACE_QUEUE + 1,
	[OF_ACT_OUTPUT] = PLACE_QUEUE + 2,
};

of_fault of_action_set_read(struct of_action_source *from, struct of_reader *r, uint32_t len,
			    struct of_actions *out)
{
	of_fault fault = of_actions_read(from, r, len, out);

	for (uint32_t i = 0; i < out->count && !fault; i++) {
		if (!place_of[out->list[i].type])
			fault = OF_BAD_ACTION_TYPE;
	}
	return fault;
}

of_fault of_action_set_order(struct of_arena *arena, const struct of_actions *list,
			     struct of_actions *out)
{
	const struct of_action *last[PLACES] = { 0 };
	struct of_actions set = { .list = of_arena_take(arena, list->count, sizeof(*set.list)) };

	if (!set.list)
		return OF_BAD_ACTION_TOO_MANY;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct of_action *a = &list->list[i];
		uint32_t place = place_of[a->type];

		last[place == PLACE_FIELD ? place + a->field : place] = a;
	}
	for (uint32_t place = 0; place < PLACES; place++) {
		if (last[place])
			set.list[set.count++] = *last[place];
	}
	*out = set;
	return OF_OK;
}
