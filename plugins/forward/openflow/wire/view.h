/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/view.h - what the switch tells about itself, in the words of no version: the arguments
 * of encode.h.  All pointers are borrowed for the call.
 */
#ifndef OPENFLOW_WIRE_VIEW_H
#define OPENFLOW_WIRE_VIEW_H

#include "model/mod.h"
#include "model/reason.h"

/* Since when something is there. */
struct of_age {
	uint32_t s;
	uint32_t ns;
};

struct of_counts {
	uint64_t packets;
	uint64_t bytes;
};

/* 1.3, 7.3.1 */
enum of_capability {
	OF_CAP_FLOW_STATS = 1 << 0,
	OF_CAP_TABLE_STATS = 1 << 1,
	OF_CAP_PORT_STATS = 1 << 2,
	OF_CAP_GROUP_STATS = 1 << 3, /* not told in 1.0, where it is STP */
	OF_CAP_IP_REASM = 1 << 5,
	OF_CAP_QUEUE_STATS = 1 << 6,
	OF_CAP_PORT_BLOCKED = 1 << 8,
};

/* 1.3, 7.2.1: numbers of 1.3; 1.0 is told what it has of them. */
enum of_port_state { OF_PS_LINK_DOWN = 1, OF_PS_BLOCKED = 2, OF_PS_LIVE = 4 };

enum of_port_feature {
	OF_PF_10MB_HD = 1 << 0,
	OF_PF_10MB_FD = 1 << 1,
	OF_PF_100MB_HD = 1 << 2,
	OF_PF_100MB_FD = 1 << 3,
	OF_PF_1GB_HD = 1 << 4,
	OF_PF_1GB_FD = 1 << 5,
	OF_PF_10GB_FD = 1 << 6,
	OF_PF_40GB_FD = 1 << 7,
	OF_PF_100GB_FD = 1 << 8,
	OF_PF_1TB_FD = 1 << 9,
	OF_PF_OTHER = 1 << 10,
	OF_PF_COPPER = 1 << 11,
	OF_PF_FIBER = 1 << 12,
	OF_PF_AUTONEG = 1 << 13,
	OF_PF_PAUSE = 1 << 14,
	OF_PF_PAUSE_ASYM = 1 << 15,
};

struct of_port_view {
	uint32_t number;
	uint8_t hw_addr[6];
	const char *name;
	uint32_t config;  /* enum of_port_config (message.h) */
	uint32_t state;   /* enum of_port_state */
	uint32_t current; /* enum of_port_feature, and the next three */
	uint32_t advertised;
	uint32_t supported;
	uint32_t peer;
	uint32_t speed_kbps;
	uint32_t max_speed_kbps;
};

struct of_features_view {
	uint64_t datapath_id;
	uint32_t buffers;
	uint8_t tables;
	uint8_t auxiliary_id;
	uint32_t capabilities;            /* enum of_capability */
	const struct of_port_view *ports; /* told in 1.0 only, as many as fit */
	uint32_t port_count;
};

struct of_packet_in_view {
	uint32_t buffer_id;
	uint32_t total_len; /* of the packet, of which 'len' bytes are told */
	uint8_t reason;     /* enum of_packet_in_reason */
	uint8_t table;
	uint64_t cookie;                /* UINT64_MAX: no flow sent it */
	const struct of_fields *fields; /* ports, metadata, tunnel_id and registers are told */
	const uint8_t *packet;
	uint32_t len;
};

struct of_flow_view {
	const struct of_match *match;
	const struct of_instructions *instructions; /* not of FLOW_REMOVED */
	struct of_counts counts;
	struct of_age age;
	uint64_t cookie;
	uint16_t priority;
	uint16_t idle_timeout;
	uint16_t hard_timeout;
	uint16_t flags; /* enum of_flow_flag */
	uint16_t importance;
	uint8_t table;
};

enum of_port_reason { OF_PORT_ADD = 0, OF_PORT_DELETE = 1, OF_PORT_MODIFY = 2 };

struct of_port_counts_view {
	uint32_t port;
	struct of_age age;
	uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped, rx_errors;
	uint64_t tx_errors, rx_frame_err, rx_over_err, rx_crc_err,
		collisions; /* UINT64_MAX: unknown */
};

struct of_desc_view {
	const char *manufacturer, *hardware, *software, *serial, *datapath;
};

struct of_table_view {
	const char *name; /* told in 1.0 */
	uint64_t lookups, matched;
	uint32_t active;
	uint32_t max_entries; /* 1.0 */
	uint32_t config;      /* TABLE_DESC, TABLE_STATUS: enum of_table_config, and the next two */
	uint32_t eviction_flags;
	uint8_t vacancy_down, vacancy_up, vacancy; /* percent */
	uint8_t table;
};

enum of_table_reason { OF_TABLE_VACANCY_DOWN = 3, OF_TABLE_VACANCY_UP = 4 };

struct of_queue_view {
	uint32_t port, queue;
	uint64_t tx_bytes, tx_packets, tx_errors;
	struct of_age age;
	uint16_t min_rate, max_rate; /* of QUEUE_DESC, 1/10 %; 0xffff: not limited */
};

struct of_group_view {
	uint32_t group;
	uint8_t type; /* enum of_group_type */
	uint32_t references;
	struct of_counts counts;
	struct of_age age;
	const struct of_bucket *buckets;       /* GROUP_DESC */
	const struct of_counts *bucket_counts; /* GROUP */
	uint32_t bucket_count;
};

/* Arrays by enum of_group_type. */
struct of_group_features_view {
	uint32_t types, capabilities; /* 1.3, 7.3.5.10 */
	uint32_t max_groups[4];
	uint32_t actions[4]; /* bits: enum of_action_type */
};

struct of_meter_view {
	uint32_t meter;
	uint32_t flows;
	struct of_counts counts;
	struct of_age age;
	uint16_t flags;                      /* METER_CONFIG: enum of_meter_flag */
	const struct of_band *bands;         /* METER_CONFIG */
	const struct of_counts *band_counts; /* METER */
	uint32_t band_count;
};

struct of_meter_features_view {
	uint32_t max_meter, band_types, capabilities; /* 1.3, 7.3.5.13 */
	uint8_t max_bands, max_color;
};

struct of_aggregate_view {
	struct of_counts counts;
	uint32_t flows;
};

enum of_role_reason { OF_ROLE_BY_MASTER = 0, OF_ROLE_BY_CONFIG = 1, OF_ROLE_BY_EXPERIMENTER = 2 };

#endif /* OPENFLOW_WIRE_VIEW_H */
