/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode_role.c - roles, what a controller wants to hear of, bundles; and the messages of
 * experimenters that say the same in versions that have no message for it.
 */
#include "wire/decode.h"

/* ---- roles: 1.3, 7.3.9 ------------------------------------------------------------------------- */

of_fault of_decode_role(struct of_decoder *d, struct of_message *out)
{
	out->role.role = of_get32(&d->r);
	of_skip(&d->r, 4);
	out->role.generation_id = of_get64(&d->r);
	out->role.has_generation =
		out->role.role == OF_ROLE_MASTER || out->role.role == OF_ROLE_SLAVE;
	return out->role.role > OF_ROLE_SLAVE ? OF_ROLE_BAD : OF_OK;
}

/* Nicira's roles: 0 other, 1 master, 2 slave. */
static of_fault read_nicira_role(struct of_decoder *d, struct of_message *out)
{
	uint32_t role = of_get32(&d->r);

	out->role.role = role + OF_ROLE_EQUAL;
	return role > OF_ROLE_SLAVE - OF_ROLE_EQUAL ? OF_ROLE_BAD : OF_OK;
}

/* ---- asynchronous messages: 1.3, 7.3.10; 1.4, 7.3.10 ------------------------------------------- */

of_fault of_decode_async13(struct of_decoder *d, struct of_message *out)
{
	for (uint32_t kind = 0; kind <= OF_ASYNC_FLOW_REMOVED; kind++) {
		for (uint32_t who = 0; who < 2; who++) {
			out->async.masks[kind][who] = of_get32(&d->r);
			out->async.has[who] |= 1u << kind;
		}
	}
	return OF_OK;
}

/* A property for each kind and role; even numbers are of the slave. */
static of_fault read_mask(struct of_property *p, struct of_async *out)
{
	uint32_t kind = p->type / 2u;
	uint32_t who = p->type & 1 ? 0 : 1;

	if (p->body.left != 4)
		return OF_BAD_PROPERTY_LEN;
	if (out->has[who] & 1u << kind)
		return OF_BAD_PROPERTY_DUPLICATE;
	out->has[who] |= 1u << kind;
	out->masks[kind][who] = of_get32(&p->body);
	return OF_OK;
}

of_fault of_decode_async(struct of_decoder *d, struct of_message *out)
{
	of_fault fault = OF_OK;

	while (d->r.left && !fault) {
		struct of_property p;

		fault = of_property_read(&d->r, &p);
		if (fault)
			break;
		if (p.type >= OFP_PROPERTY_EXPERIMENTER - 1)
			return OF_BAD_PROPERTY_EXPERIMENTER;
		if (p.type >= 2 * OF_ASYNC_KINDS)
			return OF_BAD_PROPERTY_TYPE;
		fault = read_mask(&p, &out->async);
	}
	return fault;
}

/* ---- bundles: 1.4, 7.3.9 ----------------------------------------------------------------------- */

enum { BUNDLE_FLAGS = OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED };

static of_fault check_properties(struct of_reader *r)
{
	struct of_property p;
	of_fault fault;

	if (!r->left)
		return OF_OK;
	fault = of_property_read(r, &p);
	if (fault)
		return fault;
	return p.type == OFP_PROPERTY_EXPERIMENTER ? OF_BAD_PROPERTY_EXPERIMENTER
						   : OF_BAD_PROPERTY_TYPE;
}

of_fault of_decode_bundle_control(struct of_decoder *d, struct of_message *out)
{
	struct of_bundle *bundle = &out->bundle;

	bundle->bundle = of_get32(&d->r);
	bundle->type = of_get16(&d->r);
	bundle->flags = of_get16(&d->r);
	if (bundle->type > OF_BUNDLE_DISCARD || bundle->type & 1)
		return OF_BUNDLE_BAD_TYPE;
	if (bundle->flags & ~BUNDLE_FLAGS)
		return OF_BUNDLE_FLAGS;
	return check_properties(&d->r);
}

/* What changes the switch may wait for the others; 1.0 has no bundles. */
static bool may_be_bundled(uint8_t type)
{
	return type == OFPT_FLOW_MOD || type == OFPT_GROUP_MOD || type == OFPT_METER_MOD ||
	       type == OFPT_PORT_MOD || type == OFPT_TABLE_MOD || type == OFPT_PACKET_OUT;
}

of_fault of_decode_bundle_add(struct of_decoder *d, struct of_message *out)
{
	struct of_bundle *bundle = &out->bundle;
	struct of_reader inner;
	uint8_t version;
	uint8_t type;
	uint16_t len;

	bundle->bundle = of_get32(&d->r);
	of_skip(&d->r, 2);
	bundle->flags = of_get16(&d->r);
	inner = d->r;
	version = of_get8(&inner);
	type = of_get8(&inner);
	len = of_get16(&inner);
	if (bundle->flags & ~BUNDLE_FLAGS)
		return OF_BUNDLE_FLAGS;
	if (d->r.left < OFP_HEADER || len < OFP_HEADER || len > d->r.left)
		return OF_BUNDLE_MESSAGE_LEN;
	if (version != d->version)
		return OF_BAD_REQUEST_VERSION;
	if (of_get32(&inner) != d->xid)
		return OF_BUNDLE_MESSAGE_XID;
	if (!may_be_bundled(type))
		return OF_BUNDLE_MESSAGE_UNSUPPORTED;
	bundle->message = (struct of_bytes){ of_take(&d->r, len), len };
	of_skip(&d->r, (8u - len % 8u) % 8u < d->r.left ? (8u - len % 8u) % 8u : d->r.left);
	return check_properties(&d->r);
}

/* ---- experimenters ----------------------------------------------------------------------------- */

static of_fault read_table_ids(struct of_decoder *d, struct of_message *out)
{
	out->format = of_get8(&d->r) != 0;
	return OF_OK;
}

/* Of the formats we have that of the version alone; whoever asks for another goes on without. */
static of_fault read_format(struct of_decoder *d, struct of_message *out)
{
	out->format = of_get32(&d->r);
	return out->format ? OF_BAD_REQUEST_EPERM : OF_OK;
}

static of_fault read_controller_id(struct of_decoder *d, struct of_message *out)
{
	of_skip(&d->r, 6);
	out->format = of_get16(&d->r);
	return OF_OK;
}

static const struct {
	uint32_t vendor;
	uint32_t subtype;
	uint8_t from, to; /* versions that have it */
	uint8_t kind;     /* enum of_message_kind */
	uint16_t len;     /* behind the subtype: at least so much */
	bool is_exact;
	of_decode_fn decode;
} extensions[] = {
	{ OFP_NICIRA, NXT_ROLE_REQUEST, OF_V10, OF_V10, OF_MSG_ROLE, 4, true, read_nicira_role },
	{ OFP_NICIRA, NXT_FLOW_MOD_TABLE_ID, OF_V10, OF_V10, OF_MSG_TABLE_IDS, 8, true,
	  read_table_ids },
	{ OFP_NICIRA, NXT_SET_FLOW_FORMAT, OF_V10, OF_V10, OF_MSG_FLOW_FORMAT, 4, true,
	  read_format },
	{ OFP_NICIRA, NXT_SET_PACKET_IN_FORMAT, OF_V10, OF_V14, OF_MSG_PACKET_IN_FORMAT, 4, true,
	  read_format },
	{ OFP_NICIRA, NXT_SET_ASYNC_CONFIG, OF_V10, OF_V10, OF_MSG_SET_ASYNC, OFP_ASYNC, true,
	  of_decode_async13 },
	{ OFP_NICIRA, NXT_SET_CONTROLLER_ID, OF_V10, OF_V14, OF_MSG_CONTROLLER_ID, 8, true,
	  read_controller_id },
	{ OFP_ONF, ONFT_BUNDLE_CONTROL, OF_V13, OF_V13, OF_MSG_BUNDLE_CONTROL, OFP_BUNDLE_CONTROL,
	  false, of_decode_bundle_control },
	{ OFP_ONF, ONFT_BUNDLE_ADD_MESSAGE, OF_V13, OF_V13, OF_MSG_BUNDLE_ADD, OFP_BUNDLE_ADD,
	  false, of_decode_bundle_add },
};

of_fault of_decode_experimenter(struct of_decoder *d, struct of_message *out)
{
	uint32_t vendor = of_get32(&d->r);
	uint32_t subtype = of_get32(&d->r);

	if (vendor != OFP_NICIRA && vendor != OFP_ONF)
		return OF_BAD_REQUEST_EXPERIMENTER;
	if (d->r.is_short)
		return OF_BAD_REQUEST_LEN;
	for (uint32_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		if (extensions[i].vendor != vendor || extensions[i].subtype != subtype ||
		    d->version < extensions[i].from || d->version > extensions[i].to)
			continue;
		if (d->r.left < extensions[i].len ||
		    (extensions[i].is_exact && d->r.left != extensions[i].len))
			return OF_BAD_REQUEST_LEN;
		out->kind = extensions[i].kind;
		return extensions[i].decode(d, out);
	}
	return OF_BAD_REQUEST_EXP_TYPE;
}
