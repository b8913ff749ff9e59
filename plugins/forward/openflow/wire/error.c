/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/error.c - a fault in the numbers of each version.
 *
 * Faults are numbered as in 1.3.  What another version says differently is in the tables below; what
 * it does not have at all is said by the nearest that it has:
 *
 *	1.0  1.0, 5.4.4: no types for matches, instructions, groups, meters, roles and tables
 *	1.3  no duplicate instruction, bad priority, properties; bundles are an extension
 *	1.4  1.4, 7.5.4: table features have properties' faults
 */
#include "wire/message.h"

enum {
	V10_BAD_REQUEST = 1,
	V10_BAD_ACTION = 2,
	V10_FLOW_MOD_FAILED = 3,
	V10_PORT_MOD_FAILED = 4,
	V10_QUEUE_OP_FAILED = 5,
	EVERY_CODE = 0xffff,
};

enum fault_type {
	BAD_REQUEST = 1,
	BAD_ACTION = 2,
	BAD_INSTRUCTION = 3,
	BAD_MATCH = 4,
	FLOW_MOD = 5,
	PORT_MOD = 7,
	QUEUE_OP = 9,
	SWITCH_CONFIG = 10,
	ROLE = 11,
	TABLE_FEATURES = 13,
	BAD_PROPERTY = 14,
	ASYNC = 15,
	BUNDLE = 17,
};

/* One line of a translation: codes from..to of a type become codes from 'code' on, in order. */
struct span {
	uint16_t type;
	uint16_t from, to;
	uint16_t new_type;
	uint16_t code;
	bool is_one; /* all of them become that one code */
};

/* 1.0, 5.4.4; the first line that fits. */
static const struct span to_v10[] = {
	{ BAD_REQUEST, 0, 8, V10_BAD_REQUEST, 0, false },
	{ BAD_REQUEST, 10, 10, V10_BAD_REQUEST, 5, true }, /* IS_SLAVE: EPERM */
	{ BAD_REQUEST, 13, 13, V10_BAD_REQUEST, 2, true }, /* MULTIPART_OVERFLOW: BAD_STAT */
	{ BAD_REQUEST, 9, 9, V10_BAD_REQUEST, 5, true },   /* TABLE_ID: EPERM */
	{ BAD_REQUEST, 11, 11, V10_BAD_REQUEST, 5, true }, /* PORT: EPERM */
	{ BAD_REQUEST, 9, EVERY_CODE, V10_BAD_REQUEST, 6, true },
	{ BAD_ACTION, 0, 8, V10_BAD_ACTION, 0, false },
	{ BAD_ACTION, 9, 9, V10_BAD_ACTION, 4, true },   /* OUT_GROUP: BAD_OUT_PORT */
	{ BAD_ACTION, 11, 11, V10_BAD_ACTION, 7, true }, /* UNSUPPORTED_ORDER: TOO_MANY */
	{ BAD_ACTION, 14, 14, V10_BAD_ACTION, 1, true }, /* SET_LEN: BAD_LEN */
	{ BAD_ACTION, 10, EVERY_CODE, V10_BAD_ACTION, 5, true },
	{ BAD_INSTRUCTION, 0, EVERY_CODE, V10_BAD_ACTION, 0, true },
	{ BAD_MATCH, 1, 1, V10_BAD_REQUEST, 6, true }, /* LEN: BAD_LEN */
	{ BAD_MATCH, 0, EVERY_CODE, V10_FLOW_MOD_FAILED, 5, true },
	{ FLOW_MOD, 1, 1, V10_FLOW_MOD_FAILED, 0, true },          /* TABLE_FULL: ALL_TABLES_FULL */
	{ FLOW_MOD, 3, 3, V10_FLOW_MOD_FAILED, 1, true },          /* OVERLAP */
	{ FLOW_MOD, 4, 4, V10_FLOW_MOD_FAILED, 2, true },          /* EPERM */
	{ FLOW_MOD, 5, 5, V10_FLOW_MOD_FAILED, 3, true },          /* TIMEOUT: BAD_EMERG_TIMEOUT */
	{ FLOW_MOD, 6, 6, V10_FLOW_MOD_FAILED, 4, true },          /* COMMAND */
	{ FLOW_MOD, 0, EVERY_CODE, V10_FLOW_MOD_FAILED, 5, true }, /* UNSUPPORTED */
	{ PORT_MOD, 1, 1, V10_PORT_MOD_FAILED, 1, true },          /* HW_ADDR */
	{ PORT_MOD, 0, EVERY_CODE, V10_PORT_MOD_FAILED, 0, true }, /* BAD_PORT */
	{ QUEUE_OP, 0, 2, V10_QUEUE_OP_FAILED, 0, false },
	{ SWITCH_CONFIG, 1, 1, V10_BAD_REQUEST, 6, true }, /* LEN: BAD_LEN */
	{ 0, 0, EVERY_CODE, 0, 0, false },                 /* HELLO_FAILED */
	{ SWITCH_CONFIG, 0, EVERY_CODE, V10_BAD_REQUEST, 5, true },
	{ ROLE, 0, EVERY_CODE, V10_BAD_REQUEST, 5, true },
};

static const struct span to_v13[] = {
	{ BAD_INSTRUCTION, 9, 9, BAD_INSTRUCTION, 1, true }, /* DUPLICATE: UNSUP_INST */
	{ FLOW_MOD, 9, EVERY_CODE, FLOW_MOD, 0, true },      /* PRIORITY: UNKNOWN */
	{ BAD_PROPERTY, 1, 1, BAD_REQUEST, 6, true },        /* LEN: BAD_LEN */
	{ BAD_PROPERTY, 0, EVERY_CODE, BAD_REQUEST, 5, true },
	{ ASYNC, 0, EVERY_CODE, BAD_REQUEST, 5, true },
	{ BUNDLE, 0, EVERY_CODE, OFPET_EXPERIMENTER, ONFERR_BUNDLE, false },
};

static const struct span to_v14[] = {
	{ TABLE_FEATURES, 2, 2, BAD_PROPERTY, 0, true }, /* TYPE */
	{ TABLE_FEATURES, 3, 3, BAD_PROPERTY, 1, true }, /* LEN */
	{ TABLE_FEATURES, 4, 4, BAD_PROPERTY, 2, true }, /* ARGUMENT */
};

static const struct span *find(const struct span *spans, uint32_t count, uint16_t type,
			       uint16_t code)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct span *s = &spans[i];

		if (s->type == type && code >= s->from && code <= s->to)
			return s;
	}
	return NULL;
}

bool of_fault_in(of_fault fault, uint8_t version, uint16_t *type, uint16_t *code)
{
	const struct span *s = NULL;

	*type = of_fault_type(fault);
	*code = of_fault_code(fault);
	if (version == OF_V10)
		s = find(to_v10, sizeof(to_v10) / sizeof(to_v10[0]), *type, *code);
	else if (version == OF_V13)
		s = find(to_v13, sizeof(to_v13) / sizeof(to_v13[0]), *type, *code);
	else
		s = find(to_v14, sizeof(to_v14) / sizeof(to_v14[0]), *type, *code);
	if (s) {
		*code = s->is_one ? s->code : (uint16_t)(s->code + *code - s->from);
		*type = s->new_type;
	} else if (version == OF_V10) {
		*type = V10_BAD_REQUEST; /* what 1.0 knows nothing of is of a type that it has not */
		*code = 1;
	}
	return *type == OFPET_EXPERIMENTER;
}
