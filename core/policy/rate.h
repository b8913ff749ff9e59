/* SPDX-License-Identifier: Apache-2.0 */
/* policy/rate.h - "xvs.rate/1", per port: limits in both directions, a weight, a reservation. */
#ifndef XVS_POLICY_RATE_H
#define XVS_POLICY_RATE_H

#include "xvs/extension.h"

/* 'from' is what the port gives to the switch, 'to' what it gets.  0: no limit. */
struct policy_rate {
	uint64_t from_kbps;         /* 1000 bits a second, frames without preamble and checksum */
	uint64_t from_burst_kbytes; /* 1000 bytes that may pass at once; 0: 10 ms of the rate */
	uint64_t from_pps;
	uint64_t from_burst_packets; /* 0: 10 ms of the rate */
	uint64_t to_kbps;
	uint64_t to_burst_kbytes;
	uint64_t to_pps;
	uint64_t to_burst_packets;
	uint32_t to_queue_ms; /* 0: what is too much is dropped */
	uint32_t weight; /* 1..100: of the share of a worker that each queue of the port has; 0: usual */
	uint64_t reserve_kbps;  /* that it may give whatever the others do */
	uint64_t capacity_kbps; /* what may be reserved; of all ports of the switch together */
};

enum { RATE_WEIGHT_USUAL = 10 };

/* NULL: nothing is said. */
static inline uint32_t rate_weight(const struct policy_rate *rate)
{
	return rate && rate->weight ? rate->weight : RATE_WEIGHT_USUAL;
}

extern const struct xvs_feature builtin_rate;

#endif /* XVS_POLICY_RATE_H */
