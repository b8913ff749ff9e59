/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.c - deficit round robin in cycles: what a queue may take while others have packets too.
 *
 * A packet for a tap costs a hundred times what one between guests costs, because the kernel runs
 * the receiver's stack inside our write.  So queues are not given equal packets but equal cycles:
 * in each turn every busy queue may take what a full burst of the cheapest one costs (architecture
 * 16.3e).  How many packets that is follows from what its packets cost lately.  What a visit took
 * beyond its share is a debt that later turns pay.
 *
 * Where queues have weights, the heaviest of the busy ones takes that share, the others as much less of
 * it as they are lighter: full bursts stay full.
 */
#include "path/worker.h"

enum {
	SHARE_MIN = 8192,   /* cycles: below this, visits cost more than what they are for */
	SHARE_MAX = 131072, /* some 50 us: what others wait for */
	COST_MEMORY = 256,  /* cycles a packet before anything was measured */
	COST_KERNEL = 16384,
	DEBT_MAX = 1 << 21, /* one visit that was guessed wrong is not held against it for ever */
};

void share_open(struct rx_queue *q)
{
	q->cost = q->is_kernel ? COST_KERNEL : COST_MEMORY;
	q->share = 0;
}

uint32_t share_of_turn(const struct path_worker *w)
{
	uint64_t burst = (uint64_t)w->cheapest * XVS_BATCH_MAX;

	/* nobody to be fair to */
	if (w->busy_queues < 2)
		return 0;
	return burst < SHARE_MIN ? SHARE_MIN : burst > SHARE_MAX ? SHARE_MAX : (uint32_t)burst;
}

uint32_t share_weighted(const struct path_worker *w, uint32_t weight, uint32_t share)
{
	uint32_t part = (uint32_t)((uint64_t)share * weight / w->heaviest);

	return part || !share ? part : 1;
}

uint32_t share_visit(struct rx_queue *q, uint32_t share)
{
	int64_t packets;

	if (share == 0) {
		q->share = 0;
		return XVS_BATCH_MAX;
	}
	/* what an earlier turn left over is not saved up */
	q->share = (q->share < 0 ? q->share : 0) + share;
	if (q->share <= 0)
		return 0;
	packets = q->share / q->cost;
	return packets < 1 ? 1 : packets > XVS_BATCH_MAX ? XVS_BATCH_MAX : (uint32_t)packets;
}

/* Dearer is believed soon, cheaper slowly: it is the other queues that a wrong guess holds up. */
void share_pay(struct rx_queue *q, uint64_t cycles, uint32_t packets)
{
	uint64_t measured = cycles / packets + 1;

	if (measured > UINT32_MAX / 2)
		measured = UINT32_MAX / 2;
	if (measured > q->cost)
		q->cost += ((uint32_t)measured - q->cost + 1) / 2;
	else
		q->cost -= (q->cost - (uint32_t)measured) / 8;
	q->share -= cycles < DEBT_MAX ? (int64_t)cycles : DEBT_MAX;
	if (q->share < -DEBT_MAX)
		q->share = -DEBT_MAX;
	counter_add(&q->cycles, cycles);
}
