/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/protocol.h - the numbers of the OpenFlow protocol, and how long its fixed structures are.
 *
 * Nothing here is a structure to cast to: decode*.c and encode*.c read and write members in their
 * order, unaligned, with padding as it is named beside the length here.  Sections are those
 * of the OpenFlow Switch Specification 1.0.1 ("1.0"), 1.3.5 ("1.3") and 1.4.1 ("1.4").
 */
#ifndef OPENFLOW_WIRE_PROTOCOL_H
#define OPENFLOW_WIRE_PROTOCOL_H

enum of_version { OF_V10 = 1, OF_V13 = 4, OF_V14 = 5 };

/* Bits of the versions that this switch speaks, as HELLO's bitmap has them: 1.3, 7.5.1. */
enum { OF_VERSIONS = 1 << OF_V10 | 1 << OF_V13 | 1 << OF_V14 };

/* version 1, type 1, length 2, xid 4: 1.3, 7.1 */
enum { OFP_HEADER = 8, OFP_MESSAGE_MAX = 65535 };

/* 1.3, 7.1; 1.4, 7.1.  Those of 1.0 that have other numbers are below. */
enum ofp_type {
	OFPT_HELLO = 0,
	OFPT_ERROR = 1,
	OFPT_ECHO_REQUEST = 2,
	OFPT_ECHO_REPLY = 3,
	OFPT_EXPERIMENTER = 4,
	OFPT_FEATURES_REQUEST = 5,
	OFPT_FEATURES_REPLY = 6,
	OFPT_GET_CONFIG_REQUEST = 7,
	OFPT_GET_CONFIG_REPLY = 8,
	OFPT_SET_CONFIG = 9,
	OFPT_PACKET_IN = 10,
	OFPT_FLOW_REMOVED = 11,
	OFPT_PORT_STATUS = 12,
	OFPT_PACKET_OUT = 13,
	OFPT_FLOW_MOD = 14,
	OFPT_GROUP_MOD = 15,
	OFPT_PORT_MOD = 16,
	OFPT_TABLE_MOD = 17,
	OFPT_MULTIPART_REQUEST = 18,
	OFPT_MULTIPART_REPLY = 19,
	OFPT_BARRIER_REQUEST = 20,
	OFPT_BARRIER_REPLY = 21,
	OFPT_QUEUE_GET_CONFIG_REQUEST = 22, /* not in 1.4 */
	OFPT_QUEUE_GET_CONFIG_REPLY = 23,
	OFPT_ROLE_REQUEST = 24,
	OFPT_ROLE_REPLY = 25,
	OFPT_GET_ASYNC_REQUEST = 26,
	OFPT_GET_ASYNC_REPLY = 27,
	OFPT_SET_ASYNC = 28,
	OFPT_METER_MOD = 29,
	OFPT_ROLE_STATUS = 30, /* 1.4 from here */
	OFPT_TABLE_STATUS = 31,
	OFPT_REQUESTFORWARD = 32,
	OFPT_BUNDLE_CONTROL = 33,
	OFPT_BUNDLE_ADD_MESSAGE = 34,
};

/* 1.0, 5.1 */
enum ofp10_type {
	OFPT10_PORT_MOD = 15,
	OFPT10_STATS_REQUEST = 16,
	OFPT10_STATS_REPLY = 17,
	OFPT10_BARRIER_REQUEST = 18,
	OFPT10_BARRIER_REPLY = 19,
	OFPT10_QUEUE_GET_CONFIG_REQUEST = 20,
	OFPT10_QUEUE_GET_CONFIG_REPLY = 21,
};

/* 1.3, 7.5.1 */
enum { OFPHET_VERSIONBITMAP = 1 };

/* ---- matches: 1.0, 5.2.3; 1.3, 7.2.3 ------------------------------------------------------------ */

enum ofp_match_type { OFPMT_STANDARD = 0, OFPMT_OXM = 1 };

enum {
	OFP10_MATCH = 40, /* wildcards 4, in_port 2, src 6, dst 6, vlan 2, pcp 1, -1, type 2, tos 1,
			     proto 1, -2, nw_src 4, nw_dst 4, tp_src 2, tp_dst 2 */
	OFP_MATCH_HEAD = 4, /* type 2, length 2 (without the padding to 8) */
	OFP_OXM_HEAD = 4,   /* class 2, field 7 bits, mask 1 bit, length 1 */
};

enum ofp10_wildcards {
	OFPFW10_IN_PORT = 1 << 0,
	OFPFW10_DL_VLAN = 1 << 1,
	OFPFW10_DL_SRC = 1 << 2,
	OFPFW10_DL_DST = 1 << 3,
	OFPFW10_DL_TYPE = 1 << 4,
	OFPFW10_NW_PROTO = 1 << 5,
	OFPFW10_TP_SRC = 1 << 6,
	OFPFW10_TP_DST = 1 << 7,
	OFPFW10_NW_SRC_SHIFT = 8, /* 6 bits: how many low bits do not matter; 32 and more: all */
	OFPFW10_NW_DST_SHIFT = 14,
	OFPFW10_DL_VLAN_PCP = 1 << 20,
	OFPFW10_NW_TOS = 1 << 21,
	OFPFW10_ALL = (1 << 22) - 1,
};

enum { OFP10_VLAN_NONE = 0xffff, OFP10_DL_TYPE_NOT_ETH = 0x05ff };

/* 1.3, 7.2.3.3; the first two are of the Nicira extended match */
enum ofp_oxm_class {
	OFPXMC_NXM_0 = 0x0000,
	OFPXMC_NXM_1 = 0x0001,
	OFPXMC_BASIC = 0x8000,
	OFPXMC_EXPERIMENTER = 0xffff,
};

/* ---- instructions and actions: 1.0, 5.2.4; 1.3, 7.2.4 and 7.2.5 --------------------------------- */

enum ofp_instruction_type {
	OFPIT_GOTO_TABLE = 1,     /* 8: table 1, -3 */
	OFPIT_WRITE_METADATA = 2, /* 24: -4, metadata 8, mask 8 */
	OFPIT_WRITE_ACTIONS = 3,  /* 8: -4, actions */
	OFPIT_APPLY_ACTIONS = 4,
	OFPIT_CLEAR_ACTIONS = 5,
	OFPIT_METER = 6, /* 8: meter 4 */
	OFPIT_EXPERIMENTER = 0xffff,
};

enum ofp_action_type {
	OFPAT_OUTPUT = 0, /* 16: port 4, max_len 2, -6 */
	OFPAT_COPY_TTL_OUT = 11,
	OFPAT_COPY_TTL_IN = 12,
	OFPAT_SET_MPLS_TTL = 15, /* 8: ttl 1, -3 */
	OFPAT_DEC_MPLS_TTL = 16,
	OFPAT_PUSH_VLAN = 17, /* 8: ethertype 2, -2 */
	OFPAT_POP_VLAN = 18,
	OFPAT_PUSH_MPLS = 19,
	OFPAT_POP_MPLS = 20,
	OFPAT_SET_QUEUE = 21, /* 8: queue 4 */
	OFPAT_GROUP = 22,     /* 8: group 4 */
	OFPAT_SET_NW_TTL = 23,
	OFPAT_DEC_NW_TTL = 24,
	OFPAT_SET_FIELD = 25, /* an OXM without mask, padded to 8 */
	OFPAT_PUSH_PBB = 26,
	OFPAT_POP_PBB = 27,
	OFPAT_EXPERIMENTER = 0xffff, /* experimenter 4, what is its own */
};

enum ofp10_action_type {
	OFPAT10_OUTPUT = 0, /* 8: port 2, max_len 2 */
	OFPAT10_SET_VLAN_VID = 1,
	OFPAT10_SET_VLAN_PCP = 2,
	OFPAT10_STRIP_VLAN = 3,
	OFPAT10_SET_DL_SRC = 4, /* 16: address 6, -6 */
	OFPAT10_SET_DL_DST = 5,
	OFPAT10_SET_NW_SRC = 6, /* 8: address 4 */
	OFPAT10_SET_NW_DST = 7,
	OFPAT10_SET_NW_TOS = 8, /* 8: tos 1, -3 */
	OFPAT10_SET_TP_SRC = 9, /* 8: port 2, -2 */
	OFPAT10_SET_TP_DST = 10,
	OFPAT10_ENQUEUE = 11, /* 16: port 2, -6, queue 4 */
	OFPAT10_VENDOR = 0xffff,
};

/* ---- fixed parts behind the header ------------------------------------------------------------- */

enum {
	OFP_SWITCH_CONFIG = 4,  /* flags 2, miss_send_len 2: 1.3, 7.3.2 */
	OFP10_FLOW_MOD = 24,    /* behind the match, without actions: 1.0, 5.3.3 */
	OFP_FLOW_MOD = 40,      /* before the match: 1.3, 7.3.4.1 */
	OFP10_PACKET_OUT = 8,   /* buffer 4, in_port 2, actions_len 2: 1.0, 5.3.6 */
	OFP_PACKET_OUT = 16,    /* buffer 4, in_port 4, actions_len 2, -6: 1.3, 7.3.7 */
	OFP_GROUP_MOD = 8,      /* command 2, type 1, -1, group 4: 1.3, 7.3.4.2 */
	OFP_BUCKET = 16,        /* len 2, weight 2, watch_port 4, watch_group 4, -4 */
	OFP10_PORT_MOD = 24,    /* port 2, addr 6, config 4, mask 4, advertise 4, -4: 1.0, 5.3.3 */
	OFP_PORT_MOD = 32,      /* port 4, -4, addr 6, -2, config 4, mask 4, advertise 4, -4 */
	OFP14_PORT_MOD = 24,    /* the same without the last two, properties: 1.4, 7.3.4.3 */
	OFP_TABLE_MOD = 8,      /* table 1, -3, config 4; 1.4: properties: 1.3, 7.3.3 */
	OFP_METER_MOD = 8,      /* command 2, flags 2, meter 4: 1.3, 7.3.4.4 */
	OFP_METER_BAND = 16,    /* type 2, len 2, rate 4, burst 4, level 1, -3 */
	OFP_ROLE = 16,          /* role 4, -4, generation 8: 1.3, 7.3.9 */
	OFP_ASYNC = 24,         /* packet_in 2*4, port_status 2*4, flow_removed 2*4: 1.3, 7.3.10 */
	OFP_MULTIPART = 8,      /* type 2, flags 2, -4: 1.3, 7.3.5 */
	OFP10_STATS = 4,        /* type 2, flags 2: 1.0, 5.3.5 */
	OFP_EXPERIMENTER = 8,   /* experimenter 4, type 4: 1.3, 7.5.4 */
	OFP_BUNDLE_CONTROL = 8, /* bundle 4, type 2, flags 2: 1.4, 7.3.9.2 */
	OFP_BUNDLE_ADD = 8,     /* bundle 4, -2, flags 2, message: 1.4, 7.3.9.3 */
	OFP_TABLE_FEATURES =
		64, /* length 2, table 1, -5, name 32, metadata 8 + 8, config 4, max 4 */
};

/* 1.3, 7.3.5; 1.0, 5.3.5 has the first six */
enum ofp_multipart_type {
	OFPMP_DESC = 0,
	OFPMP_FLOW = 1,
	OFPMP_AGGREGATE = 2,
	OFPMP_TABLE = 3,
	OFPMP_PORT_STATS = 4,
	OFPMP_QUEUE = 5,
	OFPMP_GROUP = 6,
	OFPMP_GROUP_DESC = 7,
	OFPMP_GROUP_FEATURES = 8,
	OFPMP_METER = 9,
	OFPMP_METER_CONFIG = 10,
	OFPMP_METER_FEATURES = 11,
	OFPMP_TABLE_FEATURES = 12,
	OFPMP_PORT_DESC = 13,
	OFPMP_TABLE_DESC = 14, /* 1.4 */
	OFPMP_QUEUE_DESC = 15,
	OFPMP_FLOW_MONITOR = 16,
	OFPMP_EXPERIMENTER = 0xffff,
};

enum { OFPMPF_MORE = 1 };

/* 1.3, 7.3.5.5.2 */
enum ofp_table_feature_type {
	OFPTFPT_INSTRUCTIONS = 0, /* odd ones: the same for table-miss */
	OFPTFPT_NEXT_TABLES = 2,
	OFPTFPT_WRITE_ACTIONS = 4,
	OFPTFPT_APPLY_ACTIONS = 6,
	OFPTFPT_MATCH = 8,
	OFPTFPT_WILDCARDS = 10,
	OFPTFPT_WRITE_SETFIELD = 12,
	OFPTFPT_APPLY_SETFIELD = 14,
	OFPTFPT_EXPERIMENTER = 0xfffe, /* and 0xffff */
};

/* Properties of 1.4: table-mod 7.3.4.4, ports 7.2.1, queues 7.3.5.8. */
enum {
	OFPTMPT_EVICTION = 2, /* 8: flags 4 */
	OFPTMPT_VACANCY = 3,  /* 8: down 1, up 1, vacancy 1, -1 */
	OFPPMPT_ETHERNET = 0, /* 8: advertise 4 */
	OFPPDPT_ETHERNET = 0, /* 32 */
	OFPPSPT_ETHERNET = 0, /* 40 */
	OFPQT_MIN_RATE = 1,   /* 16 in 1.3, 8 as OFPQDPT_MIN_RATE in 1.4 */
	OFPQT_MAX_RATE = 2,
	OFP_PROPERTY_EXPERIMENTER = 0xffff,
};

/* ---- experimenters ----------------------------------------------------------------------------- */

#define OFP_NICIRA 0x00002320u
#define OFP_ONF 0x4f4e4600u

/* Messages of Nicira's extension: the subtype behind the vendor. */
enum nx_type {
	NXT_ROLE_REQUEST = 10,         /* role 4 */
	NXT_ROLE_REPLY = 11,           /* role 4 */
	NXT_SET_FLOW_FORMAT = 12,      /* format 4 */
	NXT_FLOW_MOD_TABLE_ID = 15,    /* on 1, -7 */
	NXT_SET_PACKET_IN_FORMAT = 16, /* format 4 */
	NXT_SET_ASYNC_CONFIG = 19,     /* as OFP_ASYNC */
	NXT_SET_CONTROLLER_ID = 20,    /* -6, id 2 */
};

enum nx_flow_format { NXFF_OPENFLOW10 = 0, NXFF_NXM = 2 };
enum nx_packet_in_format { NXPIF_STANDARD = 0, NXPIF_NXT_PACKET_IN = 1, NXPIF_NXT_PACKET_IN2 = 2 };

/* Actions of Nicira's extension, behind type, length and vendor: subtype 2 and what is named. */
enum nx_action_type {
	NXAST_RESUBMIT = 1,        /* 16: port 2, -4 */
	NXAST_SET_TUNNEL = 2,      /* 16: -2, tunnel 4 */
	NXAST_SET_QUEUE = 4,       /* 16: -2, queue 4 */
	NXAST_POP_QUEUE = 5,       /* 16: -6 */
	NXAST_REG_MOVE = 6,        /* 24: bits 2, from_bit 2, to_bit 2, from 4, to 4 */
	NXAST_REG_LOAD = 7,        /* 24: ofs 10 bits, bits-1 6 bits, to 4, value 8 */
	NXAST_NOTE = 8,            /* any length */
	NXAST_SET_TUNNEL64 = 9,    /* 24: -6, tunnel 8 */
	NXAST_RESUBMIT_TABLE = 14, /* 16: port 2, table 1, -3 */
	NXAST_DEC_TTL = 18,        /* 16: -6 */
	NXAST_PUSH_MPLS = 23,      /* 16: ethertype 2, -4 */
	NXAST_POP_MPLS = 24,       /* 16: ethertype 2, -4 */
	NXAST_SET_MPLS_TTL = 25,   /* 16: ttl 1, -5 */
	NXAST_DEC_MPLS_TTL = 26,   /* 16: -6 */
	NXAST_SET_MPLS_LABEL = 30, /* 16: -2, label 4 */
	NXAST_SET_MPLS_TC = 31,    /* 16: tc 1, -5 */
	NXAST_REG_LOAD2 = 33,      /* -6, an OXM with or without mask, padded to 8 */
};

/* Messages of the ONF's extension 230, bundles in 1.3, and the first of its errors. */
enum onf_type { ONFT_BUNDLE_CONTROL = 2300, ONFT_BUNDLE_ADD_MESSAGE = 2301 };
enum { ONFERR_BUNDLE = 2300, OFPET_EXPERIMENTER = 0xffff };

#endif /* OPENFLOW_WIRE_PROTOCOL_H */
