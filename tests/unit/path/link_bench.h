/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_bench.h - guests that send more than an exit port carries, counted in packets against the test's
 * own clock.  Guests are ports 1, 2, ..; the exit is port UPLINK.
 */
#ifndef XVS_TEST_PATH_LINK_BENCH_H
#define XVS_TEST_PATH_LINK_BENCH_H

#include "bench.h"

#include "path/link.h"

enum {
	UPLINK = 10,
	FRAME = 1000,
	STEP_US = 100,
	KBIT = 1000,
	PER_MS = 10, /* frames that the link takes */
};

static inline void rate_of(uint32_t id, uint64_t bits)
{
	struct port_conf *conf = &bench.ports[id].conf;

	conf->rates[RATE_LINK] =
		(struct rate){ .per_second = { bits, 0 }, .depth_ns = { 4 * NS_PER_MS, 0 } };
	conf->rate_kinds = bits ? 1u << RATE_LINK : 0;
	bench_publish(id);
}

static inline void fill(uint32_t from, uint32_t count)
{
	struct memory_frame f = udp(from, UPLINK, (uint16_t)(1000 + from), FRAME - 42);

	while (count-- > 0 && memory_push(bench.ports[from].memory, &f))
		;
}

/* What guests may give is measured in cycles of this machine, which are not what is tested here. */
static inline void take_all(void)
{
	for (uint32_t id = 1; id < UPLINK; id++) {
		struct rx_queue *q = bench.ports[id].port ? bench.ports[id].port->queues : NULL;

		if (!q)
			continue;
		q->cost = 1;
		q->share = 0;
	}
}

/* Each of 'from', a mask, gives 'count' frames every 100 us; what left, by the port in 'sent'. */
static inline void run_ms(uint32_t from, uint32_t count, uint32_t ms, uint32_t sent[UPLINK])
{
	const struct memory_port *m = bench.ports[UPLINK].memory;
	uint32_t at = m->out_count;

	memset(sent, 0, UPLINK * sizeof(sent[0]));
	for (uint32_t us = 0; us < ms * 1000; us += STEP_US) {
		for (uint32_t id = 1; id < UPLINK; id++)
			fill(id, from >> id & 1 ? count : 0);
		bench.now_ns += STEP_US * NS_PER_US - 1000;
		take_all();
		bench_turn();
		for (; at < m->out_count; at++)
			sent[get_be16(m->out[at % MEMORY_OUT].bytes + 36) - 1000]++;
	}
}

#endif /* XVS_TEST_PATH_LINK_BENCH_H */
