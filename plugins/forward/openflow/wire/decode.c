/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/decode.c - frames, headers, and which part of the decoder a message belongs to.
 */
#include "wire/decode.h"
#include "wire/oxm.h"

enum { ELEMENT_HEAD = 4 };

int32_t of_frame(const uint8_t *bytes, uint32_t len)
{
	uint32_t frame;

	if (len < 4)
		return 0;
	frame = (uint32_t)of_number(bytes + 2, 2);
	return frame < OFP_HEADER ? -1 : (int32_t)frame;
}

static uint8_t highest(uint32_t versions)
{
	versions &= ~1u;
	return versions ? (uint8_t)(31 - __builtin_clz(versions)) : 0;
}

uint8_t of_version_choose(uint32_t mine, uint32_t theirs)
{
	uint8_t lower = highest(mine) < highest(theirs) ? highest(mine) : highest(theirs);

	if (theirs & 1)
		return mine >> lower & 1 ? lower : 0;
	return highest(mine & theirs);
}

/* ---- messages of few bytes --------------------------------------------------------------------- */

static of_fault decode_nothing(struct of_decoder *d, struct of_message *out)
{
	(void)d;
	(void)out;
	return OF_OK;
}

/*
 * The versions of the bitmap; without one, which bit 0 says, all up to that of the header.  Other
 * elements and what is no element are passed over, as 1.3, 7.5.1 asks for.
 */
static of_fault decode_hello(struct of_decoder *d, struct of_message *out)
{
	uint32_t up_to = d->version > 30 ? 30 : d->version;

	out->hello.versions = (2u << up_to) - 1;
	while (d->r.left >= ELEMENT_HEAD) {
		uint16_t type = of_get16(&d->r);
		uint16_t len = of_get16(&d->r);
		struct of_reader body;

		if (len < ELEMENT_HEAD)
			break;
		body = of_part(&d->r, len - (uint32_t)ELEMENT_HEAD);
		if (type == OFPHET_VERSIONBITMAP && body.left >= 4) {
			out->hello.versions = of_get32(&body) & ~1u;
			break;
		}
		of_skip(&d->r, (8u - len % 8u) % 8u);
	}
	return OF_OK;
}

static of_fault decode_error(struct of_decoder *d, struct of_message *out)
{
	out->error.type = of_get16(&d->r);
	out->error.code = of_get16(&d->r);
	out->error.data = (struct of_bytes){ d->r.at, d->r.left };
	return OF_OK;
}

static of_fault decode_echo(struct of_decoder *d, struct of_message *out)
{
	out->echo = (struct of_bytes){ d->r.at, d->r.left };
	return OF_OK;
}

static of_fault decode_config(struct of_decoder *d, struct of_message *out)
{
	out->config.flags = of_get16(&d->r);
	out->config.miss_send_len = of_get16(&d->r);
	return out->config.flags > 2 ? OF_SWITCH_CONFIG_FLAGS : OF_OK;
}

static of_fault check_queue_port(uint32_t port)
{
	bool is_one = port && (port <= OF_PORT_MAX || port == OF_PORT_LOCAL);

	return is_one ? OF_OK : OF_QUEUE_OP_PORT;
}

static of_fault decode_queue_config10(struct of_decoder *d, struct of_message *out)
{
	out->queue_port = of_port_from16(of_get16(&d->r));
	return check_queue_port(out->queue_port);
}

static of_fault decode_queue_config(struct of_decoder *d, struct of_message *out)
{
	out->queue_port = of_get32(&d->r);
	return out->queue_port == OF_PORT_ANY ? OF_OK : check_queue_port(out->queue_port);
}

/* ---- which message is which -------------------------------------------------------------------- */

struct message_rule {
	uint8_t type;
	uint8_t from, to; /* versions that have it */
	uint8_t kind;     /* enum of_message_kind; 0: the function says it */
	uint16_t len;     /* behind the header: at least so much */
	bool is_exact;    /* and no more */
	of_decode_fn decode;
};

enum { ANY = 0xff };

static const struct message_rule rules[] = {
	{ OFPT_HELLO, 0, ANY, OF_MSG_HELLO, 0, false, decode_hello },
	{ OFPT_ERROR, 0, ANY, OF_MSG_ERROR, 4, false, decode_error },
	{ OFPT_ECHO_REQUEST, OF_V10, ANY, OF_MSG_ECHO_REQUEST, 0, false, decode_echo },
	{ OFPT_ECHO_REPLY, OF_V10, ANY, OF_MSG_ECHO_REPLY, 0, false, decode_echo },
	{ OFPT_EXPERIMENTER, OF_V10, ANY, 0, 4, false, of_decode_experimenter },
	{ OFPT_FEATURES_REQUEST, OF_V10, ANY, OF_MSG_FEATURES, 0, true, decode_nothing },
	{ OFPT_GET_CONFIG_REQUEST, OF_V10, ANY, OF_MSG_GET_CONFIG, 0, true, decode_nothing },
	{ OFPT_SET_CONFIG, OF_V10, ANY, OF_MSG_SET_CONFIG, OFP_SWITCH_CONFIG, true, decode_config },
	{ OFPT_PACKET_OUT, OF_V10, OF_V10, OF_MSG_PACKET_OUT, OFP10_PACKET_OUT, false,
	  of_decode_packet_out10 },
	{ OFPT_PACKET_OUT, OF_V13, ANY, OF_MSG_PACKET_OUT, OFP_PACKET_OUT, false,
	  of_decode_packet_out },
	{ OFPT_FLOW_MOD, OF_V10, OF_V10, OF_MSG_FLOW_MOD, OFP10_MATCH + OFP10_FLOW_MOD, false,
	  of_decode_flow10 },
	{ OFPT_FLOW_MOD, OF_V13, ANY, OF_MSG_FLOW_MOD, OFP_FLOW_MOD, false, of_decode_flow },
	{ OFPT10_PORT_MOD, OF_V10, OF_V10, OF_MSG_PORT_MOD, OFP10_PORT_MOD, true,
	  of_decode_port10 },
	{ OFPT10_STATS_REQUEST, OF_V10, OF_V10, OF_MSG_MULTIPART, OFP10_STATS, false,
	  of_decode_multipart10 },
	{ OFPT10_BARRIER_REQUEST, OF_V10, OF_V10, OF_MSG_BARRIER, 0, true, decode_nothing },
	{ OFPT10_QUEUE_GET_CONFIG_REQUEST, OF_V10, OF_V10, OF_MSG_QUEUE_CONFIG, 4, true,
	  decode_queue_config10 },
	{ OFPT_GROUP_MOD, OF_V13, ANY, OF_MSG_GROUP_MOD, OFP_GROUP_MOD, false, of_decode_group },
	{ OFPT_PORT_MOD, OF_V13, OF_V13, OF_MSG_PORT_MOD, OFP_PORT_MOD, true, of_decode_port },
	{ OFPT_PORT_MOD, OF_V14, ANY, OF_MSG_PORT_MOD, OFP14_PORT_MOD, false, of_decode_port },
	{ OFPT_TABLE_MOD, OF_V13, OF_V13, OF_MSG_TABLE_MOD, OFP_TABLE_MOD, true, of_decode_table },
	{ OFPT_TABLE_MOD, OF_V14, ANY, OF_MSG_TABLE_MOD, OFP_TABLE_MOD, false, of_decode_table },
	{ OFPT_MULTIPART_REQUEST, OF_V13, ANY, OF_MSG_MULTIPART, OFP_MULTIPART, false,
	  of_decode_multipart },
	{ OFPT_BARRIER_REQUEST, OF_V13, ANY, OF_MSG_BARRIER, 0, true, decode_nothing },
	{ OFPT_QUEUE_GET_CONFIG_REQUEST, OF_V13, OF_V13, OF_MSG_QUEUE_CONFIG, 8, true,
	  decode_queue_config },
	{ OFPT_ROLE_REQUEST, OF_V13, ANY, OF_MSG_ROLE, OFP_ROLE, true, of_decode_role },
	{ OFPT_GET_ASYNC_REQUEST, OF_V13, ANY, OF_MSG_GET_ASYNC, 0, true, decode_nothing },
	{ OFPT_SET_ASYNC, OF_V13, OF_V13, OF_MSG_SET_ASYNC, OFP_ASYNC, true, of_decode_async13 },
	{ OFPT_SET_ASYNC, OF_V14, ANY, OF_MSG_SET_ASYNC, 0, false, of_decode_async },
	{ OFPT_METER_MOD, OF_V13, ANY, OF_MSG_METER_MOD, OFP_METER_MOD, false, of_decode_meter },
	{ OFPT_BUNDLE_CONTROL, OF_V14, ANY, OF_MSG_BUNDLE_CONTROL, OFP_BUNDLE_CONTROL, false,
	  of_decode_bundle_control },
	{ OFPT_BUNDLE_ADD_MESSAGE, OF_V14, ANY, OF_MSG_BUNDLE_ADD, OFP_BUNDLE_ADD, false,
	  of_decode_bundle_add },
};

static const struct message_rule *find_rule(uint8_t type, uint8_t version)
{
	for (uint32_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct message_rule *rule = &rules[i];

		if (rule->type == type && version >= rule->from && version <= rule->to)
			return rule;
	}
	return NULL;
}

/*
 * Before HELLO nothing else may come; after it every message is of the version agreed on, but another
 * HELLO and an error, which may be about the version.
 */
static of_fault check_version(const struct of_dialect *dialect, uint8_t version, uint8_t type)
{
	if (type == OFPT_HELLO || type == OFPT_ERROR)
		return OF_OK;
	return dialect->version && dialect->version == version ? OF_OK : OF_BAD_REQUEST_VERSION;
}

of_fault of_decode(const struct of_dialect *dialect, const uint8_t *bytes, uint32_t len,
		   struct of_arena *arena, struct of_message *out)
{
	struct of_decoder d = { .dialect = dialect, .arena = arena, .r = of_reader(bytes, len) };
	const struct message_rule *rule;
	uint8_t type;
	uint16_t said;
	of_fault fault;

	memset(out, 0, sizeof(*out));
	d.version = of_get8(&d.r);
	type = of_get8(&d.r);
	said = of_get16(&d.r);
	d.xid = of_get32(&d.r);
	out->version = d.version;
	out->xid = d.xid;
	if (d.r.is_short || said != len)
		return OF_BAD_REQUEST_LEN;
	fault = check_version(dialect, d.version, type);
	if (fault)
		return fault;
	rule = find_rule(type, d.version);
	if (!rule)
		return OF_BAD_REQUEST_TYPE;
	out->kind = rule->kind;
	if (d.r.left < rule->len || (rule->is_exact && d.r.left != rule->len))
		return OF_BAD_REQUEST_LEN;
	return rule->decode(&d, out);
}
