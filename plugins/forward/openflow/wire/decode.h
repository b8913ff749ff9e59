/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode.h - the parts of of_decode(), one a kind of message.
 *
 * Each is called with a reader behind the header, when at least the fixed part of the message is
 * there, and fills in the member of 'out' that 'kind' names.  [control]
 */
#ifndef OPENFLOW_WIRE_DECODE_H
#define OPENFLOW_WIRE_DECODE_H

#include "wire/action.h"
#include "wire/message.h"
#include "wire/reader.h"

struct of_decoder {
	const struct of_dialect *dialect;
	struct of_arena *arena;
	struct of_reader r;
	uint8_t version;
	uint32_t xid;
};

typedef of_fault (*of_decode_fn)(struct of_decoder *d, struct of_message *out);

/* decode_mod.c */
of_fault of_decode_flow10(struct of_decoder *d, struct of_message *out);
of_fault of_decode_flow(struct of_decoder *d, struct of_message *out);
of_fault of_decode_group(struct of_decoder *d, struct of_message *out);
of_fault of_decode_meter(struct of_decoder *d, struct of_message *out);

/* decode_port.c */
of_fault of_decode_port10(struct of_decoder *d, struct of_message *out);
of_fault of_decode_port(struct of_decoder *d, struct of_message *out);
of_fault of_decode_table(struct of_decoder *d, struct of_message *out);
of_fault of_decode_packet_out10(struct of_decoder *d, struct of_message *out);
of_fault of_decode_packet_out(struct of_decoder *d, struct of_message *out);

/* decode_multipart.c */
of_fault of_decode_multipart10(struct of_decoder *d, struct of_message *out);
of_fault of_decode_multipart(struct of_decoder *d, struct of_message *out);

/* decode_features.c: the body of a TABLE_FEATURES request */
of_fault of_decode_table_features(struct of_decoder *d, struct of_multipart *out);

/* decode_role.c */
of_fault of_decode_role(struct of_decoder *d, struct of_message *out);
of_fault of_decode_async13(struct of_decoder *d, struct of_message *out);
of_fault of_decode_async(struct of_decoder *d, struct of_message *out);
of_fault of_decode_bundle_control(struct of_decoder *d, struct of_message *out);
of_fault of_decode_bundle_add(struct of_decoder *d, struct of_message *out);
of_fault of_decode_experimenter(struct of_decoder *d, struct of_message *out);

static inline struct of_action_source of_decoder_actions(struct of_decoder *d)
{
	return (struct of_action_source){ .arena = d->arena,
					  .left = OF_ACTIONS_MAX,
					  .version = d->version };
}

/* One property of a list (1.4, 7.2.1): its type and what is in it. */
struct of_property {
	struct of_reader body;
	uint16_t type;
};

/* [any] Takes the next one, with the zeros behind it. */
static inline of_fault of_property_read(struct of_reader *r, struct of_property *out)
{
	uint16_t len;

	out->type = of_get16(r);
	len = of_get16(r);
	if (r->is_short || len < 4)
		return OF_BAD_PROPERTY_LEN;
	out->body = of_part(r, len - 4u);
	of_skip(r, (8u - len % 8u) % 8u);
	return out->body.is_short || r->is_short ? OF_BAD_PROPERTY_LEN : OF_OK;
}

#endif /* OPENFLOW_WIRE_DECODE_H */
