/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_bench - new connections a second through the whole switch: no device, one worker.
 *
 * Each connection is three frames (SYN, SYN ACK, ACK) between two ports, the server's or both guarded
 * by a firewall that allows everything: two flows are judged, and one connection tracked for each
 * guarded port.  Frames go in steps: 16,384 SYN, then their answers, then the last.  The figure is of
 * the worker's processor time, the generator's copies in it.
 *
 *      open_bench [ROUNDS]     (default 16: 262,144 connections)
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "micro/talk.h"

enum { STEP = 16384, ROUNDS = 16, ROUNDS_MAX = 60, FLOWS = 1 << 22 };

static const struct rig_chain cases[][RIG_PORTS] = {
	{ [RIG_SINK] = { { [RIG_ALLOW] = 1 } } },
	{ { { [RIG_ALLOW] = 1 } }, { { [RIG_ALLOW] = 1 } } },
};
static const char *const names[] = { "server guarded", "both guarded" };

/* One frame of each client, from its end. */
static int say(struct rig *rig, const uint8_t *frames, enum frame_kind kind, uint64_t *ns,
	       struct xvs_error *err)
{
	enum rig_port from = kind == FRAME_SYN_ACK ? RIG_SINK : RIG_SOURCE;
	struct rig_run run;
	int result;

	rig_load(rig, from, frames + (size_t)kind * STEP * GEN_STRIDE, STEP);
	result = rig_run(rig, from, STEP, &run, err);
	*ns += run.cpu_ns;
	return result;
}

static int open_step(struct rig *rig, uint32_t first, uint64_t *ns, struct xvs_error *err)
{
	uint8_t *frames = talk_create(first, STEP);
	int result = frames ? 0 : -1;

	for (int kind = FRAME_SYN; result == 0 && kind <= FRAME_ACK; kind++)
		result = say(rig, frames, kind, ns, err);
	free(frames);
	return result;
}

/* Each case in a switch of its own: what was opened before is in nobody's way. */
static int measure(uint32_t which, uint32_t rounds, struct xvs_error *err)
{
	uint64_t all = 0;
	uint64_t best = UINT64_MAX;
	struct rig *rig = NULL;
	int result = rig_create(-1, FLOWS, &rig, err);

	if (result == 0)
		result = rig_set_chains(rig, cases[which], err);

	for (uint32_t i = 0; result == 0 && i < rounds; i++) {
		uint64_t ns = 0;

		result = open_step(rig, i * STEP, &ns, err);
		all += ns;
		best = ns < best ? ns : best;
	}
	rig_destroy(rig);
	if (result == 0)
		printf("%s: %u connections: %.0f ns each, %.0f a second; the best step: %.0f a second\n",
		       names[which], rounds * STEP, (double)all / (rounds * STEP),
		       (double)rounds * STEP * NS_PER_S / (double)all,
		       (double)STEP * NS_PER_S / (double)best);
	return result;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	struct xvs_error err = ERROR_INIT;
	int result;

	if (rounds == 0 || rounds > ROUNDS_MAX) {
		(void)fprintf(stderr, "open_bench: rounds must be 1..%d\n", ROUNDS_MAX);
		return 1;
	}
	result = measure(0, (uint32_t)rounds, &err);
	if (result == 0)
		result = measure(1, (uint32_t)rounds, &err);
	if (result < 0)
		(void)fprintf(stderr, "open_bench: %s\n", err.text);
	return result < 0;
}
