/* SPDX-License-Identifier: Apache-2.0 */
/* switch/compile_rate.c - from "xvs.rate/1" to the buckets that workers spend from. */
#include "base/clock.h"
#include "policy/rate.h"
#include "switch/world.h"

enum {
	BURST_NS = 10 * NS_PER_MS,
	/* Workers sleep by the millisecond: below, what is due while they do would be lost. */
	BURST_MIN_NS = 4 * NS_PER_MS,
	BITS_OF_KBIT = 1000,
	BITS_OF_KBYTE = 8000,
};

/* How long a bucket of so many tokens lasts at this rate; not given: the usual. */
static uint64_t depth_ns(uint64_t per_second, uint64_t tokens)
{
	uint64_t ns =
		tokens ? (uint64_t)((double)tokens / (double)per_second * NS_PER_S) : BURST_NS;

	return ns < BURST_MIN_NS ? BURST_MIN_NS : ns;
}

static void limit(struct rate *rate, enum rate_unit unit, uint64_t per_second, uint64_t burst)
{
	if (!per_second)
		return;
	rate->per_second[unit] = per_second;
	rate->depth_ns[unit] = depth_ns(per_second, burst);
}

void compile_rate(const struct port *p, struct port_conf *conf)
{
	const struct policy_rate *rate = settings_bytes(&p->settings, builtin_rate.id);
	struct rate *from = &conf->rates[RATE_FROM];
	struct rate *to = &conf->rates[RATE_TO];

	conf->weight = rate_weight(rate);
	if (!rate)
		return;
	limit(from, RATE_BITS, rate->from_kbps * BITS_OF_KBIT,
	      rate->from_burst_kbytes * BITS_OF_KBYTE);
	limit(from, RATE_PACKETS, rate->from_pps, rate->from_burst_packets);
	limit(to, RATE_BITS, rate->to_kbps * BITS_OF_KBIT, rate->to_burst_kbytes * BITS_OF_KBYTE);
	limit(to, RATE_PACKETS, rate->to_pps, rate->to_burst_packets);
	limit(&conf->rates[RATE_RESERVED], RATE_BITS, rate->reserve_kbps * BITS_OF_KBIT, 0);
	conf->queue_ns = (uint64_t)rate->to_queue_ms * NS_PER_MS;
	for (uint32_t kind = 0; kind < RATE_KINDS; kind++) {
		if (conf->rates[kind].per_second[RATE_BITS] ||
		    conf->rates[kind].per_second[RATE_PACKETS])
			conf->rate_kinds |= 1u << kind;
	}
}
