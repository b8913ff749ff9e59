/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/action.h - what is done with a packet, in the words of every OpenFlow version.
 *
 * Lists are plain arrays.  What the versions say differently is said here in one way, so only wire/
 * knows versions: OpenFlow 1.0's SET_VLAN_VID is SET_VLAN (which pushes a tag where there is
 * none), ENQUEUE is SET_QUEUE and OUTPUT.
 */
#ifndef OPENFLOW_MODEL_ACTION_H
#define OPENFLOW_MODEL_ACTION_H

#include "model/fault.h"
#include "model/match.h"

/* Ports that are none: 1.3.5, 7.2.1, in 32 bits; wire/ makes 16 of them for 1.0. */
enum of_reserved_port {
	OF_PORT_MAX = (int)0x7fffff00, /* the largest that this switch gives */
};
#define OF_PORT_UNSET 0xfffffff7u /* of an action set that has no output */
#define OF_PORT_IN_PORT 0xfffffff8u
#define OF_PORT_TABLE 0xfffffff9u
#define OF_PORT_NORMAL 0xfffffffau
#define OF_PORT_FLOOD 0xfffffffbu
#define OF_PORT_ALL 0xfffffffcu
#define OF_PORT_CONTROLLER 0xfffffffdu
#define OF_PORT_LOCAL 0xfffffffeu
#define OF_PORT_ANY 0xffffffffu

#define OF_GROUP_MAX 0xffffff00u
#define OF_GROUP_ALL 0xfffffffcu
#define OF_GROUP_ANY 0xffffffffu
#define OF_METER_MAX 0xffff0000u
#define OF_METER_SLOWPATH 0xfffffffdu
#define OF_METER_CONTROLLER 0xfffffffeu
#define OF_METER_ALL 0xffffffffu
#define OF_QUEUE_ALL 0xffffffffu
#define OF_QUEUE_MAX 0xffffu /* that a port of the host may have */
#define OF_NO_BUFFER 0xffffffffu

enum { OF_TABLES = 254, OF_TABLE_ALL = 0xff };
enum { OF_MAX_LEN_NO_BUFFER = 0xffff };

enum of_action_type {
	OF_ACT_OUTPUT = 1, /* port, max_len */
	OF_ACT_GROUP,      /* number */
	OF_ACT_SET_QUEUE,  /* number; OF_QUEUE_ALL: that of the port again (1.0, behind ENQUEUE) */
	OF_ACT_METER,      /* number; 1.5 */
	OF_ACT_SET_FIELD,  /* field, value, mask */
	OF_ACT_MOVE_FIELD, /* copy; NXAST_REG_MOVE, 1.5 COPY_FIELD */
	OF_ACT_PUSH_VLAN,  /* number: 0x8100 or 0x88a8 */
	OF_ACT_POP_VLAN,
	OF_ACT_SET_VLAN_VID, /* number; 1.0: pushes where there is none */
	OF_ACT_SET_VLAN_PCP, /* the same */
	OF_ACT_STRIP_VLAN,   /* 1.0: nothing where there is none */
	OF_ACT_PUSH_MPLS,    /* number: 0x8847 or 0x8848 */
	OF_ACT_POP_MPLS,     /* number: what is below */
	OF_ACT_SET_MPLS_TTL, /* number */
	OF_ACT_DEC_MPLS_TTL,
	OF_ACT_SET_NW_TTL, /* number */
	OF_ACT_DEC_NW_TTL,
	OF_ACT_COPY_TTL_OUT,
	OF_ACT_COPY_TTL_IN,
	OF_ACT_RESUBMIT,   /* NXAST_RESUBMIT_TABLE: port, table */
	OF_ACT_SET_TP_SRC, /* number; 1.0: of TCP, UDP or SCTP, whichever the packet is */
	OF_ACT_SET_TP_DST,
	OF_ACT_TYPES,
};

struct of_action {
	uint8_t type;  /* enum of_action_type */
	uint8_t field; /* enum of_field_id */
	uint16_t max_len;
	uint32_t number; /* port, group, queue, meter, ethertype, TTL */
	union {
		struct { /* network order, as many bytes as the field has; mask ones: all of it */
			uint8_t value[16];
			uint8_t mask[16];
		};
		struct {
			uint32_t from_field; /* 'field' is where to */
			uint16_t from_bit, to_bit, bits;
		};
		uint32_t table; /* RESUBMIT: OF_TABLE_ALL: the one we are in */
	};
};

struct of_actions {
	struct of_action *list; /* owned by whom the structure is */
	uint32_t count;
};

/* 1.0's ENQUEUE: what is output by this entry and the next two, and nothing behind it, is of a queue. */
static inline bool of_actions_is_enqueue(const struct of_actions *list, uint32_t i)
{
	return i + 2 < list->count && list->list[i].type == OF_ACT_SET_QUEUE &&
	       list->list[i].number != OF_QUEUE_ALL && list->list[i + 1].type == OF_ACT_OUTPUT &&
	       list->list[i + 2].type == OF_ACT_SET_QUEUE &&
	       list->list[i + 2].number == OF_QUEUE_ALL;
}

enum of_instruction {
	OF_INS_GOTO = 1u << 0,
	OF_INS_METADATA = 1u << 1,
	OF_INS_WRITE = 1u << 2,
	OF_INS_APPLY = 1u << 3,
	OF_INS_CLEAR = 1u << 4,
	OF_INS_METER = 1u << 5,
};

struct of_instructions {
	uint32_t has; /* enum of_instruction */
	uint32_t meter;
	uint64_t metadata;
	uint64_t metadata_mask;
	struct of_actions apply;
	struct of_actions write; /* as they were said; of each kind the last counts */
	uint8_t goto_table;
};

#endif /* OPENFLOW_MODEL_ACTION_H */
