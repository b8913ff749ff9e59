/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/pipeline.h - what workers need to know of the switch to send a packet through its tables.
 *
 *	judge():   fields -> walk through the tables -> program -> verdict on the flow
 *	forward(): a watched packet -> the program of its flow, or a walk of its own
 *
 * Written by the control thread; what changes while workers read is atomic.
 */
#ifndef OPENFLOW_PIPELINE_PIPELINE_H
#define OPENFLOW_PIPELINE_PIPELINE_H

#include "pipeline/admission.h"
#include "pipeline/numbers.h"
#include "pipeline/packet.h"
#include "pipeline/sets.h"
#include "table/state.h"
#include "xvs/ext/mailbox.h"

/* What workers know of a port, by its id in the host. */
enum of_port_bit {
	OF_PORT_IS_THERE = 1u << 0,
	OF_PORT_IS_UP = 1u << 1,   /* and not taken down by a controller: it is live */
	OF_PORT_NO_RECV = 1u << 2, /* drop what comes in */
	OF_PORT_NO_FWD = 1u << 3,  /* send nothing */
	OF_PORT_NO_FLOOD = 1u << 4,
	OF_PORT_NO_PACKET_IN = 1u << 5,
	OF_PORT_NO_RECV_STP =
		1u << 6, /* the same of spanning tree packets, which the other leaves */
};

/* Groups of verdicts, for invalidate(). */
enum of_tag {
	OF_TAG_RULES = 1u << 0,  /* also by invalidate_match() */
	OF_TAG_GROUPS = 1u << 1, /* went through a group */
	OF_TAG_PORTS = 1u << 2,  /* by which ports there are, and whether they are live */
	OF_TAG_SETS = 1u << 3,   /* watched until there is a set of its ports */
};

enum of_reason {
	OF_REASON_OTHER,
	OF_REASON_NO_MATCH,
	OF_REASON_NO_OUTPUT,
	OF_REASON_METER,
	OF_REASON_TTL,
	OF_REASON_PORT,
	OF_REASON_LIMIT,
	OF_REASON_FAILED,
	OF_REASON_NOT_TOLD,
	OF_REASONS,
};
extern const struct xvs_label of_reasons[OF_REASONS];

/* Why a packet goes to the controller, before its bytes: what is posted (xvs.mailbox/1). */
struct of_packet_in {
	uint64_t cookie; /* UINT64_MAX: no flow */
	uint64_t metadata;
	uint64_t tunnel_id;
	uint32_t in_port; /* of OpenFlow */
	uint32_t port;    /* that it was admitted by */
	uint16_t max_len;
	uint8_t reason; /* enum of_packet_in_reason */
	uint8_t table;
	uint8_t to_old_only; /* a miss of a table without a miss entry: 1.0 alone wants to know */
	uint8_t pad[3];
};
_Static_assert(sizeof(struct of_packet_in) <= XVS_MAIL_BYTES_MAX, "fits a letter");

/* Destinations of outputs that are sets of the host: every port, and every one that is flooded to. */
#define OF_DEST_ALL 0xffffff01u
#define OF_DEST_FLOOD 0xffffff02u

#ifndef XVS_DEST_IN_PORT
#define XVS_DEST_IN_PORT 0xfffffffcu
#endif

/* So much of a packet at most is told to a controller. */
enum { OF_PACKET_IN_MAX = 9216 };

struct of_pipeline {
	const struct xvs_host *host;
	const struct xvs_mailbox_host *mailbox;
	struct of_state state;
	uint32_t ports_max;
	_Atomic uint32_t *ports; /* enum of_port_bit, by id */
	const struct of_numbers *numbers;
	uint32_t local; /* id of the port that is OF_PORT_LOCAL, or XVS_PORT_NONE; atomic */
	/* atomic settings */
	bool is_standalone; /* no controller: the built-in switch forwards */
	bool tells_misses;  /* there are controllers of 1.0 */
	bool tells_ttl;     /* some controller wants packets whose time to live has ended */
	uint16_t miss_send_len;
	/* destinations of ALL and FLOOD, or 0: the host floods */
	uint32_t set_all, set_flood;
	uint64_t seed;
	struct of_admission admission; /* to the controllers */
	struct of_sets sets;           /* of ports, as flows need them */
};

struct of_worker; /* a worker's own: run.h */

/* [worker] */
static inline uint32_t of_port_bits(const struct of_pipeline *p, uint32_t id)
{
	return id < p->ports_max ? atomic_load_explicit(&p->ports[id], memory_order_relaxed) : 0;
}

/* [worker] The number of OpenFlow of a port of the host, and back. */
static inline uint32_t of_port_number(const struct of_pipeline *p, uint32_t id)
{
	if (id == XVS_PORT_NONE)
		return OF_PORT_CONTROLLER;
	return id == __atomic_load_n(&p->local, __ATOMIC_RELAXED) ? OF_PORT_LOCAL
								  : of_number_of(p->numbers, id);
}

static inline uint32_t of_port_id(const struct of_pipeline *p, uint32_t number)
{
	return number == OF_PORT_LOCAL ? __atomic_load_n(&p->local, __ATOMIC_RELAXED)
				       : of_id_of(p->numbers, number);
}

/* [worker] What the host is told of a destination: ALL and FLOOD are sets of it. */
static inline uint32_t of_destination(const struct of_pipeline *p, uint32_t dest)
{
	uint32_t set;

	if (dest != OF_DEST_ALL && dest != OF_DEST_FLOOD)
		return dest;
	set = __atomic_load_n(dest == OF_DEST_ALL ? &p->set_all : &p->set_flood, __ATOMIC_RELAXED);
	return set ? set : XVS_DEST_FLOOD;
}

#endif /* OPENFLOW_PIPELINE_PIPELINE_H */
