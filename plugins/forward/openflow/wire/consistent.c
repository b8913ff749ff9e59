/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/consistent.c - do the actions of a flow fit the packets that it matches?
 *
 * Set-field changes headers that must be there (1.3, 7.2.5.10), and so do the TTL actions and the
 * pops; what is pushed or set on the way counts.  A flow that says nothing of the type of its
 * packets may not change what only some of them have.
 */
#include "wire/action.h"

static bool has_tag(const struct of_match *m)
{
	return (m->mask.vlan_vid & m->value.vlan_vid & OF_VID_PRESENT) != 0;
}

static void set_type(struct of_match *m, uint32_t type)
{
	m->value.eth_type = (uint16_t)type;
	m->mask.eth_type = UINT16_MAX;
}

static of_fault check_set(struct of_match *m, const struct of_action *a)
{
	if (!of_field_is_there(&m->value, &m->mask, a->field))
		return OF_BAD_ACTION_MATCH_INCONSISTENT;
	if (a->field == OF_VLAN_VID && !has_tag(m))
		return OF_BAD_ACTION_MATCH_INCONSISTENT;
	of_field_write(&m->value, a->field, a->value, a->mask);
	of_field_write(&m->mask, a->field, a->mask, a->mask);
	return OF_OK;
}

static of_fault check_move(const struct of_match *m, const struct of_action *a)
{
	bool is_there = of_field_is_there(&m->value, &m->mask, a->from_field) &&
			of_field_is_there(&m->value, &m->mask, a->field);

	return is_there ? OF_OK : OF_BAD_ACTION_MATCH_INCONSISTENT;
}

/* Is there what this field belongs to? */
static of_fault check_has(const struct of_match *m, uint32_t field)
{
	return of_field_is_there(&m->value, &m->mask, field) ? OF_OK
							     : OF_BAD_ACTION_MATCH_INCONSISTENT;
}

/* What a label covered is what the action says, of which nothing more is known. */
static of_fault check_pop_mpls(struct of_match *m, const struct of_action *a)
{
	of_fault fault = check_has(m, OF_MPLS_LABEL);

	set_type(m, a->number);
	m->value.ip_proto = 0;
	m->mask.ip_proto = 0;
	return fault;
}

static of_fault check_action(struct of_match *m, const struct of_action *a)
{
	switch (a->type) {
	case OF_ACT_SET_FIELD:
		return check_set(m, a);
	case OF_ACT_MOVE_FIELD:
		return check_move(m, a);
	case OF_ACT_PUSH_VLAN:
		m->value.vlan_vid |= OF_VID_PRESENT;
		m->mask.vlan_vid |= OF_VID_PRESENT;
		return OF_OK;
	case OF_ACT_POP_VLAN: /* there may be another below */
		return has_tag(m) ? OF_OK : OF_BAD_ACTION_MATCH_INCONSISTENT;
	case OF_ACT_PUSH_MPLS:
		set_type(m, a->number);
		return OF_OK;
	case OF_ACT_POP_MPLS:
		return check_pop_mpls(m, a);
	case OF_ACT_SET_MPLS_TTL:
	case OF_ACT_DEC_MPLS_TTL:
	case OF_ACT_COPY_TTL_OUT:
	case OF_ACT_COPY_TTL_IN:
		return check_has(m, OF_MPLS_LABEL);
	case OF_ACT_SET_NW_TTL:
	case OF_ACT_DEC_NW_TTL:
		return check_has(m, OF_IP_DSCP);
	default:
		return OF_OK;
	}
}

/* Two tags are known; one that the match does not speak of may be there or not. */
static of_fault count_tags(uint32_t *tags, uint8_t type)
{
	enum { TAGS_MAX = 2 };

	if (type == OF_ACT_PUSH_VLAN)
		return ++*tags > TAGS_MAX ? OF_BAD_ACTION_TAG : OF_OK;
	if ((type == OF_ACT_POP_VLAN || type == OF_ACT_STRIP_VLAN) && *tags > 0)
		--*tags;
	return OF_OK;
}

of_fault of_actions_check(struct of_match *m, const struct of_actions *list)
{
	uint32_t tags = has_tag(m);
	of_fault fault = OF_OK;

	for (uint32_t i = 0; i < list->count && !fault; i++) {
		fault = count_tags(&tags, list->list[i].type);
		if (!fault)
			fault = check_action(m, &list->list[i]);
	}
	return fault;
}
