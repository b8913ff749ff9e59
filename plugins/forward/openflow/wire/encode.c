/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode.c - messages that are not part of a longer answer, but for those about ports.
 */
#include "wire/encode.h"

#include "wire/action.h"
#include "wire/oxm.h"

static uint32_t begin(const struct of_to *to, uint8_t type)
{
	return of_begin(to->writer, to->version, type, to->xid);
}

void of_put_hello(struct of_writer *w, uint32_t xid, uint32_t versions)
{
	uint8_t highest = of_version_choose(versions, versions);
	uint32_t at = of_begin(w, highest, OFPT_HELLO, xid);

	if (highest > OF_V10) {
		of_put16(w, OFPHET_VERSIONBITMAP);
		of_put16(w, 8);
		of_put32(w, versions);
	}
	of_end(w, at);
}

void of_put_error(const struct of_to *to, of_fault fault, const uint8_t *message, uint32_t len)
{
	uint32_t at = begin(to, OFPT_ERROR);
	uint16_t type;
	uint16_t code;
	bool is_experimenter = of_fault_in(fault, to->version, &type, &code);

	of_put16(to->writer, type);
	of_put16(to->writer, code);
	if (is_experimenter)
		of_put32(to->writer, OFP_ONF);
	of_put(to->writer, message, len < OF_ERROR_DATA ? len : OF_ERROR_DATA);
	of_end(to->writer, at);
}

void of_put_hello_failed(const struct of_to *to, const char *text)
{
	uint32_t at = begin(to, OFPT_ERROR);

	of_put16(to->writer, of_fault_type(OF_HELLO_INCOMPATIBLE));
	of_put16(to->writer, of_fault_code(OF_HELLO_INCOMPATIBLE));
	of_put(to->writer, text, (uint32_t)strnlen(text, OF_ERROR_DATA));
	of_end(to->writer, at);
}

void of_put_echo_request(const struct of_to *to, const void *data, uint32_t len)
{
	uint32_t at = begin(to, OFPT_ECHO_REQUEST);

	of_put(to->writer, data, len);
	of_end(to->writer, at);
}

void of_put_echo_reply(const struct of_to *to, struct of_bytes data)
{
	uint32_t at = begin(to, OFPT_ECHO_REPLY);

	of_put(to->writer, data.at, data.len);
	of_end(to->writer, at);
}

void of_put_config(const struct of_to *to, const struct of_config *config)
{
	uint32_t at = begin(to, OFPT_GET_CONFIG_REPLY);

	of_put16(to->writer, config->flags);
	of_put16(to->writer, config->miss_send_len);
	of_end(to->writer, at);
}

void of_put_barrier_reply(const struct of_to *to)
{
	of_end(to->writer, begin(to, to->version == OF_V10 ? (uint8_t)OFPT10_BARRIER_REPLY
							   : (uint8_t)OFPT_BARRIER_REPLY));
}

/* ---- packets and flows ------------------------------------------------------------------------- */

/* One field as a packet has it; zero: it has it not, and is told so by silence. */
static void put_context(struct of_writer *w, uint8_t version, const struct of_fields *fields,
			uint32_t id)
{
	static const uint8_t zeros[16];
	uint32_t bytes = of_field(id)->bytes;
	uint8_t value[16];

	of_field_read(fields, id, value);
	if (memcmp(value, zeros, bytes) == 0)
		return;
	of_oxm_put_header(w, version, id, false);
	of_put(w, value, bytes);
}

/* What a match cannot see in the packet itself: 1.3, 7.4.1. */
static void put_contexts(struct of_writer *w, uint8_t version, const struct of_fields *fields)
{
	uint32_t at = w->len;

	of_put16(w, OFPMT_OXM);
	of_put16(w, 0);
	put_context(w, version, fields, OF_IN_PORT);
	if (fields->in_phy_port != fields->in_port)
		put_context(w, version, fields, OF_IN_PHY_PORT);
	put_context(w, version, fields, OF_METADATA);
	put_context(w, version, fields, OF_TUNNEL_ID);
	for (uint32_t i = 0; i < OF_REGS; i++)
		put_context(w, version, fields, OF_REG0 + i);
	of_patch16(w, at + 2, (uint16_t)(w->len - at));
	of_put_pad8(w, at);
}

static uint8_t packet_in_reason(uint8_t version, uint8_t reason)
{
	if (version >= OF_V14)
		return reason;
	if (reason > OF_PACKET_IN_INVALID_TTL ||
	    (version == OF_V10 && reason == OF_PACKET_IN_INVALID_TTL))
		return OF_PACKET_IN_ACTION;
	return reason;
}

void of_put_packet_in(const struct of_to *to, const struct of_packet_in_view *v)
{
	struct of_writer *w = to->writer;
	uint32_t at = begin(to, OFPT_PACKET_IN);

	of_put32(w, v->buffer_id);
	of_put16(w, (uint16_t)(v->total_len > UINT16_MAX ? UINT16_MAX : v->total_len));
	if (to->version == OF_V10)
		of_put16(w, of_port_to16(v->fields->in_port));
	of_put8(w, packet_in_reason(to->version, v->reason));
	of_put8(w, to->version == OF_V10 ? 0 : v->table);
	if (to->version != OF_V10) {
		of_put64(w, v->cookie);
		put_contexts(w, to->version, v->fields);
		of_put_zeros(w, 2);
	}
	of_put(w, v->packet, v->len);
	of_end(w, at);
}

static uint8_t removed_reason(uint8_t version, uint8_t reason)
{
	if (version >= OF_V14 || reason <= OF_REMOVED_DELETE)
		return reason;
	return version >= OF_V13 && reason == OF_REMOVED_GROUP_DELETE ? reason : OF_REMOVED_DELETE;
}

static void put_removed10(const struct of_to *to, const struct of_flow_view *v, uint8_t reason)
{
	struct of_writer *w = to->writer;
	uint32_t at = begin(to, OFPT_FLOW_REMOVED);

	of_match10_put(w, v->match);
	of_put64(w, v->cookie);
	of_put16(w, v->priority);
	of_put8(w, removed_reason(to->version, reason));
	of_put8(w, 0);
	of_put32(w, v->age.s);
	of_put32(w, v->age.ns);
	of_put16(w, v->idle_timeout);
	of_put_zeros(w, 2);
	of_put64(w, v->counts.packets);
	of_put64(w, v->counts.bytes);
	of_end(w, at);
}

void of_put_flow_removed(const struct of_to *to, const struct of_flow_view *v, uint8_t reason)
{
	struct of_writer *w = to->writer;
	uint32_t at;

	if (to->version == OF_V10) {
		put_removed10(to, v, reason);
		return;
	}
	at = begin(to, OFPT_FLOW_REMOVED);
	of_put64(w, v->cookie);
	of_put16(w, v->priority);
	of_put8(w, removed_reason(to->version, reason));
	of_put8(w, v->table);
	of_put32(w, v->age.s);
	of_put32(w, v->age.ns);
	of_put16(w, v->idle_timeout);
	of_put16(w, v->hard_timeout);
	of_put64(w, v->counts.packets);
	of_put64(w, v->counts.bytes);
	of_match_put(w, to->version, v->match);
	of_end(w, at);
}

/* ---- roles, what is listened to, bundles ------------------------------------------------------- */

static uint32_t begin_extension(const struct of_to *to, uint32_t vendor, uint32_t type)
{
	uint32_t at = begin(to, OFPT_EXPERIMENTER);

	of_put32(to->writer, vendor);
	of_put32(to->writer, type);
	return at;
}

void of_put_role_reply(const struct of_to *to, uint32_t role, uint64_t generation_id)
{
	struct of_writer *w = to->writer;
	uint32_t at;

	if (to->version == OF_V10) {
		at = begin_extension(to, OFP_NICIRA, NXT_ROLE_REPLY);
		of_put32(w, role ? role - OF_ROLE_EQUAL : 0);
	} else {
		at = begin(to, OFPT_ROLE_REPLY);
		of_put32(w, role);
		of_put_zeros(w, 4);
		of_put64(w, generation_id);
	}
	of_end(w, at);
}

void of_put_role_status(const struct of_to *to, uint32_t role, uint8_t reason,
			uint64_t generation_id)
{
	struct of_writer *w = to->writer;
	uint32_t at;

	if (to->version < OF_V14)
		return;
	at = begin(to, OFPT_ROLE_STATUS);
	of_put32(w, role);
	of_put8(w, reason);
	of_put_zeros(w, 3);
	of_put64(w, generation_id);
	of_end(w, at);
}

static void put_async_properties(struct of_writer *w, const struct of_async *async)
{
	for (uint32_t kind = 0; kind < OF_ASYNC_KINDS; kind++) {
		for (uint32_t who = 2; who-- > 0;) {
			of_put16(w, (uint16_t)(2 * kind + (who ? 0 : 1)));
			of_put16(w, 8);
			of_put32(w, async->masks[kind][who]);
		}
	}
}

void of_put_async_reply(const struct of_to *to, const struct of_async *async)
{
	struct of_writer *w = to->writer;
	uint32_t at;

	if (to->version == OF_V10)
		return;
	at = begin(to, OFPT_GET_ASYNC_REPLY);
	if (to->version >= OF_V14) {
		put_async_properties(w, async);
	} else {
		for (uint32_t kind = 0; kind <= OF_ASYNC_FLOW_REMOVED; kind++) {
			of_put32(w, async->masks[kind][0]);
			of_put32(w, async->masks[kind][1]);
		}
	}
	of_end(w, at);
}

void of_put_bundle_reply(const struct of_to *to, const struct of_bundle *request)
{
	struct of_writer *w = to->writer;
	uint32_t at;

	if (to->version == OF_V10)
		return;
	at = to->version >= OF_V14 ? begin(to, OFPT_BUNDLE_CONTROL)
				   : begin_extension(to, OFP_ONF, ONFT_BUNDLE_CONTROL);
	of_put32(w, request->bundle);
	of_put16(w, (uint16_t)(request->type + 1));
	of_put16(w, request->flags);
	of_end(w, at);
}

void of_put_requestforward(const struct of_to *to, struct of_bytes request)
{
	uint32_t at;

	if (to->version < OF_V14)
		return;
	at = begin(to, OFPT_REQUESTFORWARD);
	of_put(to->writer, request.at, request.len);
	of_end(to->writer, at);
}
