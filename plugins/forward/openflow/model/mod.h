/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/mod.h - changes that a controller asks for: flows, groups, meters.
 *
 * wire/ makes them from messages and checks all that can be checked without the state of the
 * switch; table/ checks the rest and does them.
 */
#ifndef OPENFLOW_MODEL_MOD_H
#define OPENFLOW_MODEL_MOD_H

#include "model/action.h"

enum of_flow_command {
	OF_FLOW_ADD = 0,
	OF_FLOW_MODIFY = 1,
	OF_FLOW_MODIFY_STRICT = 2,
	OF_FLOW_DELETE = 3,
	OF_FLOW_DELETE_STRICT = 4,
};

enum of_flow_flag {
	OF_FLOW_SEND_REMOVED = 1u << 0,
	OF_FLOW_CHECK_OVERLAP = 1u << 1,
	OF_FLOW_RESET_COUNTS = 1u << 2,
	OF_FLOW_NO_PACKET_COUNTS = 1u << 3,
	OF_FLOW_NO_BYTE_COUNTS = 1u << 4,
	OF_FLOW_EMERGENCY = 1u << 5, /* 1.0, refused */
};

struct of_flow_mod {
	uint64_t cookie;
	uint64_t cookie_mask; /* of modify and delete */
	struct of_match match;
	struct of_instructions instructions;
	uint8_t version; /* 1.0 adds a flow where MODIFY found none; later ones do not */
	uint8_t command;
	uint8_t table; /* OF_TABLE_ALL: of delete */
	uint16_t priority;
	uint16_t idle_timeout; /* s; 0: none */
	uint16_t hard_timeout;
	uint16_t flags;
	uint16_t importance; /* 1.4 */
	uint32_t buffer_id;
	uint32_t out_port; /* of delete, 1.0 to 1.5 */
	uint32_t out_group;
};

/* What statistics and deletions ask about: 1.3.5, 7.3.5.2. */
struct of_flow_filter {
	struct of_match match;
	uint64_t cookie;
	uint64_t cookie_mask;
	uint32_t out_port; /* OF_PORT_ANY: all */
	uint32_t out_group;
	uint8_t table; /* OF_TABLE_ALL */
};

enum of_group_command {
	OF_GROUP_ADD = 0,
	OF_GROUP_MODIFY = 1,
	OF_GROUP_DELETE = 2,
	OF_GROUP_INSERT_BUCKET = 3, /* 1.5 */
	OF_GROUP_REMOVE_BUCKET = 5,
};

enum of_group_type {
	OF_GROUP_TYPE_ALL = 0,
	OF_GROUP_TYPE_SELECT = 1,
	OF_GROUP_TYPE_INDIRECT = 2,
	OF_GROUP_TYPE_FAST_FAILOVER = 3,
};

struct of_bucket {
	uint32_t id; /* 1.5; its place otherwise */
	uint16_t weight;
	uint32_t watch_port; /* OF_PORT_ANY: none */
	uint32_t watch_group;
	struct of_actions actions; /* an action set */
};

struct of_group_mod {
	uint8_t version;
	uint16_t command;
	uint8_t type;
	uint32_t group;
	uint32_t command_bucket; /* 1.5 */
	struct of_bucket *buckets;
	uint32_t bucket_count;
};

enum of_meter_command { OF_METER_ADD = 0, OF_METER_MODIFY = 1, OF_METER_DELETE = 2 };

enum of_meter_flag {
	OF_METER_KBPS = 1u << 0,
	OF_METER_PKTPS = 1u << 1,
	OF_METER_BURST = 1u << 2,
	OF_METER_STATS = 1u << 3,
};

enum of_band_type { OF_BAND_DROP = 1, OF_BAND_DSCP_REMARK = 2 };

struct of_band {
	uint16_t type;
	uint8_t prec_level; /* DSCP_REMARK: by how much the drop precedence rises */
	uint32_t rate;      /* kb/s or packets/s */
	uint32_t burst;     /* kb or packets */
};

struct of_meter_mod {
	uint16_t command;
	uint16_t flags;
	uint32_t meter;
	struct of_band *bands;
	uint32_t band_count;
};

#endif /* OPENFLOW_MODEL_MOD_H */
