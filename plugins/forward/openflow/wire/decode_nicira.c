/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_nicira.c - the actions of Nicira's extension that this switch has, and set-field, whose
 * bits they share.
 */
#include "wire/action.h"
#include "wire/oxm.h"

enum { VENDOR_HEAD = 8, OXM_UNIT = 8 };

/* ---- set-field --------------------------------------------------------------------------------- */

/* The faults of a match, said of an action: 1.3, 7.4.4.3. */
static of_fault as_set_fault(of_fault fault)
{
	if (fault == OF_BAD_MATCH_LEN)
		return OF_BAD_ACTION_SET_LEN;
	return fault ? OF_BAD_ACTION_SET_TYPE : OF_OK;
}

/* Sets 'a' to write the bits 'mask' (NULL: all of the field) of 'value'. */
static of_fault set_bits(struct of_action *a, uint8_t id, const uint8_t *value, const uint8_t *mask)
{
	uint32_t bytes = of_field(id)->bytes;
	struct of_fields whole = { 0 };
	uint8_t all[16];

	of_field_whole(&whole, id);
	of_field_read(&whole, id, all);
	a->field = id;
	memcpy(a->value, value, bytes);
	memcpy(a->mask, mask ? mask : all, bytes);
	for (uint32_t i = 0; i < bytes; i++) {
		if (a->value[i] & ~a->mask[i] || a->mask[i] & ~all[i])
			return OF_BAD_ACTION_SET_ARGUMENT;
	}
	if (id == OF_VLAN_VID && !mask) /* a tag that is there stays there */
		a->value[0] |= OF_VID_PRESENT >> 8;
	return OF_OK;
}

of_fault of_set_field_read(struct of_action_source *from, struct of_reader *r, bool may_mask,
			   struct of_action *out)
{
	struct of_oxm oxm;
	of_fault fault = as_set_fault(of_oxm_read(r, from->version, &oxm));

	if (fault)
		return fault;
	if (oxm.form != OF_OXM_SAME || !(of_field(oxm.id)->flags & OF_FIELD_SETTABLE))
		return OF_BAD_ACTION_SET_TYPE;
	if (r->left >= OXM_UNIT)
		return OF_BAD_ACTION_LEN;
	if (oxm.has_mask && !may_mask)
		return OF_BAD_ACTION_SET_ARGUMENT;
	return set_bits(out, oxm.id, oxm.value, oxm.has_mask ? oxm.mask : NULL);
}

static struct of_action *add_set(struct of_action_list *list)
{
	return of_action_add(list, OF_ACT_SET_FIELD);
}

/* ---- the actions ------------------------------------------------------------------------------- */

typedef of_fault (*nicira_fn)(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list);

static of_fault read_resubmit(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list)
{
	struct of_action *a = of_action_add(list, OF_ACT_RESUBMIT);

	(void)from;
	a->number = of_port_from16(of_get16(r));
	a->table = OF_TABLE_ALL;
	return OF_OK;
}

static of_fault read_resubmit_table(struct of_action_source *from, struct of_reader *r,
				    struct of_action_list *list)
{
	struct of_action *a = of_action_add(list, OF_ACT_RESUBMIT);

	(void)from;
	a->number = of_port_from16(of_get16(r));
	a->table = of_get8(r);
	return a->table == OF_TABLES ? OF_BAD_ACTION_ARGUMENT : OF_OK;
}

static of_fault set_number(struct of_action_list *list, uint8_t id, uint64_t number)
{
	uint32_t bytes = of_field(id)->bytes;
	uint8_t value[8];

	for (uint32_t i = bytes; i-- > 0; number >>= 8)
		value[i] = (uint8_t)number;
	return number ? OF_BAD_ACTION_ARGUMENT : set_bits(add_set(list), id, value, NULL);
}

static of_fault read_tunnel(struct of_action_source *from, struct of_reader *r,
			    struct of_action_list *list)
{
	(void)from;
	of_skip(r, 2);
	return set_number(list, OF_TUNNEL_ID, of_get32(r));
}

static of_fault read_tunnel64(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list)
{
	(void)from;
	of_skip(r, 6);
	return set_number(list, OF_TUNNEL_ID, of_get64(r));
}

static of_fault read_mpls_label(struct of_action_source *from, struct of_reader *r,
				struct of_action_list *list)
{
	(void)from;
	of_skip(r, 2);
	return set_number(list, OF_MPLS_LABEL, of_get32(r));
}

static of_fault read_mpls_tc(struct of_action_source *from, struct of_reader *r,
			     struct of_action_list *list)
{
	(void)from;
	return set_number(list, OF_MPLS_TC, of_get8(r));
}

static of_fault read_set_queue(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list)
{
	struct of_action *a = of_action_add(list, OF_ACT_SET_QUEUE);

	(void)from;
	of_skip(r, 2);
	a->number = of_get32(r);
	return a->number > OF_QUEUE_MAX ? OF_BAD_ACTION_QUEUE : OF_OK;
}

static of_fault read_pop_queue(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list)
{
	(void)from;
	(void)r;
	of_action_add(list, OF_ACT_SET_QUEUE)->number = OF_QUEUE_ALL;
	return OF_OK;
}

/* A header alone, of a field that has the form of the model. */
static of_fault read_field(struct of_action_source *from, struct of_reader *r, uint8_t *id)
{
	struct of_oxm oxm;
	of_fault fault = as_set_fault(of_oxm_read_header(r, from->version, &oxm));

	if (fault)
		return fault;
	*id = oxm.id;
	return oxm.form == OF_OXM_SAME ? OF_OK : OF_BAD_ACTION_SET_TYPE;
}

/* Up to 64 bits, the lowest of a field that has more. */
static bool are_bits_of(uint8_t id, uint32_t first, uint32_t bits)
{
	uint32_t most = of_field(id)->bits < 64 ? of_field(id)->bits : 64;

	return bits && first + bits <= most;
}

static of_fault read_move(struct of_action_source *from, struct of_reader *r,
			  struct of_action_list *list)
{
	struct of_action *a = of_action_add(list, OF_ACT_MOVE_FIELD);
	uint8_t source = 0;
	uint8_t target = 0;
	of_fault fault;

	a->bits = of_get16(r);
	a->from_bit = of_get16(r);
	a->to_bit = of_get16(r);
	fault = read_field(from, r, &source);
	if (!fault)
		fault = read_field(from, r, &target);
	if (fault)
		return fault;
	if (!(of_field(target)->flags & OF_FIELD_SETTABLE))
		return OF_BAD_ACTION_SET_TYPE;
	a->from_field = source;
	a->field = target;
	if (!are_bits_of(source, a->from_bit, a->bits) || !are_bits_of(target, a->to_bit, a->bits))
		return OF_BAD_ACTION_SET_ARGUMENT;
	return OF_OK;
}

/* Bit 'bit' of a number of 'bytes' bytes in network order. */
static void put_bit(uint8_t *at, uint32_t bytes, uint32_t bit)
{
	at[bytes - 1 - bit / 8] |= (uint8_t)(1u << bit % 8);
}

static of_fault read_load(struct of_action_source *from, struct of_reader *r,
			  struct of_action_list *list)
{
	struct of_action *a = add_set(list);
	uint16_t where = of_get16(r);
	uint32_t first = where >> 6;
	uint32_t bits = (where & 63u) + 1;
	uint8_t value[16] = { 0 };
	uint8_t mask[16] = { 0 };
	uint8_t id = 0;
	of_fault fault = read_field(from, r, &id);
	uint64_t number = of_get64(r);

	if (fault)
		return fault;
	if (!(of_field(id)->flags & OF_FIELD_SETTABLE))
		return OF_BAD_ACTION_SET_TYPE;
	if (first + bits > of_field(id)->bits || (bits < 64 && number >> bits))
		return OF_BAD_ACTION_SET_ARGUMENT;
	for (uint32_t i = 0; i < bits; i++) {
		put_bit(mask, of_field(id)->bytes, first + i);
		if (number >> i & 1)
			put_bit(value, of_field(id)->bytes, first + i);
	}
	return set_bits(a, id, value, mask);
}

static of_fault read_load2(struct of_action_source *from, struct of_reader *r,
			   struct of_action_list *list)
{
	of_skip(r, 6);
	return of_set_field_read(from, r, true, add_set(list));
}

static of_fault read_note(struct of_action_source *from, struct of_reader *r,
			  struct of_action_list *list)
{
	(void)from;
	(void)r;
	(void)list;
	return OF_OK;
}

static of_fault read_dec_ttl(struct of_action_source *from, struct of_reader *r,
			     struct of_action_list *list)
{
	(void)from;
	(void)r;
	(void)of_action_add(list, OF_ACT_DEC_NW_TTL);
	return OF_OK;
}

static of_fault read_dec_mpls_ttl(struct of_action_source *from, struct of_reader *r,
				  struct of_action_list *list)
{
	(void)from;
	(void)r;
	(void)of_action_add(list, OF_ACT_DEC_MPLS_TTL);
	return OF_OK;
}

static of_fault read_set_mpls_ttl(struct of_action_source *from, struct of_reader *r,
				  struct of_action_list *list)
{
	(void)from;
	of_action_add(list, OF_ACT_SET_MPLS_TTL)->number = of_get8(r);
	return OF_OK;
}

static of_fault read_push_mpls(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list)
{
	uint16_t type = of_get16(r);

	(void)from;
	of_action_add(list, OF_ACT_PUSH_MPLS)->number = type;
	return type == 0x8847 || type == 0x8848 ? OF_OK : OF_BAD_ACTION_ARGUMENT;
}

static of_fault read_pop_mpls(struct of_action_source *from, struct of_reader *r,
			      struct of_action_list *list)
{
	(void)from;
	of_action_add(list, OF_ACT_POP_MPLS)->number = of_get16(r);
	return OF_OK;
}

static const struct {
	uint16_t subtype;
	uint16_t len; /* of the whole action; 0: any */
	nicira_fn read;
} actions[] = {
	{ NXAST_RESUBMIT, 16, read_resubmit },
	{ NXAST_SET_TUNNEL, 16, read_tunnel },
	{ NXAST_SET_QUEUE, 16, read_set_queue },
	{ NXAST_POP_QUEUE, 16, read_pop_queue },
	{ NXAST_REG_MOVE, 24, read_move },
	{ NXAST_REG_LOAD, 24, read_load },
	{ NXAST_NOTE, 0, read_note },
	{ NXAST_SET_TUNNEL64, 24, read_tunnel64 },
	{ NXAST_RESUBMIT_TABLE, 16, read_resubmit_table },
	{ NXAST_DEC_TTL, 16, read_dec_ttl },
	{ NXAST_PUSH_MPLS, 16, read_push_mpls },
	{ NXAST_POP_MPLS, 16, read_pop_mpls },
	{ NXAST_SET_MPLS_TTL, 16, read_set_mpls_ttl },
	{ NXAST_DEC_MPLS_TTL, 16, read_dec_mpls_ttl },
	{ NXAST_SET_MPLS_LABEL, 16, read_mpls_label },
	{ NXAST_SET_MPLS_TC, 16, read_mpls_tc },
	{ NXAST_REG_LOAD2, 0, read_load2 },
};

of_fault of_nicira_action_read(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list)
{
	uint32_t len = VENDOR_HEAD + r->left;
	uint16_t subtype = of_get16(r);

	if (r->is_short)
		return OF_BAD_ACTION_LEN;
	for (uint32_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (actions[i].subtype != subtype)
			continue;
		if (actions[i].len && actions[i].len != len)
			return OF_BAD_ACTION_LEN;
		return actions[i].read(from, r, list);
	}
	return OF_BAD_ACTION_EXP_TYPE;
}
