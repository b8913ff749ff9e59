/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/message.h - what a controller says, decoded: the same for every version.
 *
 *	bytes of a connection -> of_frame() -> of_decode() -> struct of_message -> agent/
 *
 * What can be known wrong without the state of the switch is refused here with the type and the
 * code that the specification has for it.  Numbers of ports, groups, flags and so on are those of
 * OpenFlow 1.3 whatever the version said.
 */
#ifndef OPENFLOW_WIRE_MESSAGE_H
#define OPENFLOW_WIRE_MESSAGE_H

#include "model/mod.h"
#include "wire/arena.h"
#include "wire/protocol.h"

/* The most actions and buckets that a flow or group has: so many are told in one message. */
enum { OF_ACTIONS_MAX = 1500 };

/* What of_decode() must know of a connection. */
struct of_dialect {
	uint8_t version;    /* enum of_version; 0: HELLO was not yet received */
	bool has_table_ids; /* 1.0: NXT_FLOW_MOD_TABLE_ID was sent: commands hold a table */
};

enum of_message_kind {
	OF_MSG_HELLO = 1,
	OF_MSG_ERROR,
	OF_MSG_ECHO_REQUEST,
	OF_MSG_ECHO_REPLY,
	OF_MSG_FEATURES,
	OF_MSG_GET_CONFIG,
	OF_MSG_SET_CONFIG,
	OF_MSG_PACKET_OUT,
	OF_MSG_FLOW_MOD,
	OF_MSG_GROUP_MOD,
	OF_MSG_PORT_MOD,
	OF_MSG_TABLE_MOD,
	OF_MSG_METER_MOD,
	OF_MSG_MULTIPART,
	OF_MSG_BARRIER,
	OF_MSG_QUEUE_CONFIG,
	OF_MSG_ROLE,
	OF_MSG_GET_ASYNC,
	OF_MSG_SET_ASYNC,
	OF_MSG_BUNDLE_CONTROL,
	OF_MSG_BUNDLE_ADD,
	OF_MSG_TABLE_IDS,        /* NXT_FLOW_MOD_TABLE_ID */
	OF_MSG_FLOW_FORMAT,      /* NXT_SET_FLOW_FORMAT */
	OF_MSG_PACKET_IN_FORMAT, /* NXT_SET_PACKET_IN_FORMAT */
	OF_MSG_CONTROLLER_ID,    /* NXT_SET_CONTROLLER_ID */
	OF_MSG_KINDS,
};

/* Bytes of the message itself. */
struct of_bytes {
	const uint8_t *at; /* borrowed from the message */
	uint32_t len;
};

struct of_hello {
	uint32_t versions; /* bit N: version N; bit 0: no bitmap was sent, so all up to one */
};

struct of_error {
	uint16_t type; /* as it was sent */
	uint16_t code;
	struct of_bytes data;
};

struct of_config {
	uint16_t flags; /* 0: fragments as they come, 1: dropped, 2: put together */
	uint16_t miss_send_len;
};

struct of_packet_out {
	uint32_t buffer_id;
	uint32_t in_port; /* OF_PORT_CONTROLLER, OF_PORT_ANY or one that is there */
	struct of_actions actions;
	struct of_bytes packet; /* of OF_NO_BUFFER */
};

/* Bits of a port's configuration; 1.3 has no STP and FLOOD: 1.0, 5.2.1. */
enum of_port_config {
	OF_PC_DOWN = 1 << 0,
	OF_PC_NO_STP = 1 << 1,
	OF_PC_NO_RECV = 1 << 2,
	OF_PC_NO_RECV_STP = 1 << 3,
	OF_PC_NO_FLOOD = 1 << 4,
	OF_PC_NO_FWD = 1 << 5,
	OF_PC_NO_PACKET_IN = 1 << 6,
};

struct of_port_mod {
	uint32_t port;
	uint8_t hw_addr[6];
	uint32_t config; /* enum of_port_config */
	uint32_t mask;
	uint32_t advertise; /* numbers of 1.3, 7.2.1; 0: as it is */
};

enum of_table_config { OF_TABLE_EVICTION = 1 << 2, OF_TABLE_VACANCY = 1 << 3 };

struct of_table_mod {
	uint8_t table;     /* OF_TABLE_ALL: each */
	uint32_t config;   /* enum of_table_config */
	bool says_nothing; /* before 1.4 */
	bool has_eviction;
	uint32_t eviction_flags; /* 1 other, 2 importance, 4 lifetime */
	bool has_vacancy;
	uint8_t vacancy_down; /* percent */
	uint8_t vacancy_up;
};

/* Also what is told about a table: arrays of two are of hits and of misses. */
struct of_table_features {
	uint64_t metadata_match;
	uint64_t metadata_write;
	uint64_t next[2][4];       /* bit N: table N may be gone to */
	uint64_t match;            /* bits: enum of_field_id */
	uint64_t match_masks;      /* of these: masks are possible */
	uint64_t wildcards;        /* may be left out */
	uint64_t write_set[2];     /* fields that set-field may change by write-actions */
	uint64_t apply_set[2];     /* by apply-actions */
	uint32_t instructions[2];  /* enum of_instruction */
	uint32_t write_actions[2]; /* bits: enum of_action_type */
	uint32_t apply_actions[2];
	uint32_t config;
	uint32_t max_entries;
	uint16_t properties; /* bit N: enum ofp_table_feature_type N was said */
	uint8_t table;
	char name[32]; /* ends with zero */
};

enum of_role { OF_ROLE_NOCHANGE = 0, OF_ROLE_EQUAL = 1, OF_ROLE_MASTER = 2, OF_ROLE_SLAVE = 3 };

struct of_role_request {
	uint32_t role;       /* enum of_role */
	bool has_generation; /* not of MASTER and SLAVE by Nicira's extension, nor of others */
	uint64_t generation_id;
};

enum of_async_kind {
	OF_ASYNC_PACKET_IN,
	OF_ASYNC_PORT_STATUS,
	OF_ASYNC_FLOW_REMOVED,
	OF_ASYNC_ROLE_STATUS,
	OF_ASYNC_TABLE_STATUS,
	OF_ASYNC_REQUESTFORWARD,
	OF_ASYNC_KINDS,
};

/* Reasons that a controller wants to hear of: bit N is reason N. */
struct of_async {
	uint32_t masks[OF_ASYNC_KINDS][2]; /* as master or equal, as slave */
	uint32_t has[2];                   /* bits of of_async_kind: which of them are said */
};

struct of_multipart {
	uint16_t type; /* enum ofp_multipart_type */
	bool has_more; /* TABLE_FEATURES only: more messages follow */
	union {
		struct of_flow_filter flow;
		struct {
			uint32_t port; /* PORT_STATS, PORT_DESC, QUEUE, QUEUE_DESC: OF_PORT_ANY: all */
			uint32_t queue; /* OF_QUEUE_ALL */
		};
		uint32_t group; /* GROUP: OF_GROUP_ALL */
		uint32_t meter; /* METER, METER_CONFIG: OF_METER_ALL */
		struct {
			struct of_table_features *tables; /* TABLE_FEATURES; none: tell */
			uint32_t table_count;
		};
	};
};

enum of_bundle_type {
	OF_BUNDLE_OPEN = 0,
	OF_BUNDLE_CLOSE = 2,
	OF_BUNDLE_COMMIT = 4,
	OF_BUNDLE_DISCARD = 6,
};

enum of_bundle_flag { OF_BUNDLE_ATOMIC = 1, OF_BUNDLE_ORDERED = 2 };

struct of_bundle {
	uint32_t bundle;
	uint16_t type;  /* enum of_bundle_type */
	uint16_t flags; /* enum of_bundle_flag */
	struct of_bytes
		message; /* BUNDLE_ADD: a whole one of this version, of a type that may be there */
};

struct of_message {
	uint8_t version; /* that the header says */
	uint8_t kind;    /* enum of_message_kind */
	uint32_t xid;
	union {
		struct of_hello hello;
		struct of_error error;
		struct of_bytes echo;
		struct of_config config;
		struct of_packet_out packet_out;
		struct of_flow_mod flow;
		struct of_group_mod group;
		struct of_port_mod port;
		struct of_table_mod table;
		struct of_meter_mod meter;
		struct of_multipart multipart;
		uint32_t queue_port; /* QUEUE_CONFIG: OF_PORT_ANY: all */
		struct of_role_request role;
		struct of_async async;
		struct of_bundle bundle;
		uint32_t format; /* TABLE_IDS: 0 or 1, FLOW_FORMAT, PACKET_IN_FORMAT, CONTROLLER_ID */
	};
};

/*
 * [any] How long the first message is; 0: not all of its header is there; a negative number: a
 * length below that of a header, after which nothing can be read any more.
 */
int32_t of_frame(const uint8_t *bytes, uint32_t len);

/*
 * [control] Decodes one whole message.  Lists are in 'arena', which must have been reset; bytes are
 * borrowed.  'out' is written but for a fault, after which version, kind and xid are right as
 * far as the header says them.
 */
of_fault of_decode(const struct of_dialect *dialect, const uint8_t *bytes, uint32_t len,
		   struct of_arena *arena, struct of_message *out);

/*
 * [any] What is said of a fault in a version.  False: as it is; true: as the error of an
 * experimenter (of the ONF), 'code' being its type.
 */
bool of_fault_in(of_fault fault, uint8_t version, uint16_t *type, uint16_t *code);

/*
 * [any] The highest of the versions in both sets; of a controller that sent no bitmap the lower of
 * the two highest, and no other (1.3, 6.3.1).  0: there is none.
 */
uint8_t of_version_choose(uint32_t mine, uint32_t theirs);

#endif /* OPENFLOW_WIRE_MESSAGE_H */
