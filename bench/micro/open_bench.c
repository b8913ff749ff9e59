/* SPDX-License-Identifier: Apache-2.0 */
/*
 * open_bench - new connections a second through the whole switch: no device, one worker.
 *
 * Each connection is three frames (SYN, SYN ACK, ACK) between two ports, the server's or both guarded
 * by a firewall that allows everything: two flows are judged, and one connection tracked for each
 * guarded port.  Where it is closed, a fourth (RST) ends it.  Frames go in steps: so many SYN, then
 * their answers, and so on.  The figure is of the worker's processor time, the generator's copies in
 * it; cycles a frame are those that the worker was at work.
 *
 *      open_bench [ROUNDS [CASE]]     (default 16: 262,144 connections; all cases)
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "micro/talk.h"

enum { STEP = 16384, ROUNDS = 16, ROUNDS_MAX = 60, FLOWS = 1 << 22, FLOWS_FEW = 1 << 14 };

/* 'step' frames of a kind at a time, of 'flows' that the switch has room for. */
static const struct bench_case {
	const char *name;
	struct rig_chain chains[RIG_PORTS];
	uint32_t step, flows;
	enum frame_kind last;
} cases[] = {
	{ "server guarded", { [RIG_SINK] = { { [RIG_ALLOW] = 1 } } }, STEP, FLOWS, FRAME_ACK },
	{ "both guarded",
	  { { { [RIG_ALLOW] = 1 } }, { { [RIG_ALLOW] = 1 } } },
	  STEP,
	  FLOWS,
	  FRAME_ACK },
	{ "both guarded, closed",
	  { { { [RIG_ALLOW] = 1 } }, { { [RIG_ALLOW] = 1 } } },
	  STEP / 64,
	  FLOWS_FEW,
	  FRAME_RST },
};

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

struct cost {
	uint64_t ns;
	uint64_t cycles;
	uint64_t frames;
};

/* One frame of each client, from its end. */
static int say(struct rig *rig, const struct bench_case *c, const uint8_t *frames,
	       enum frame_kind kind, struct cost *cost, struct xvs_error *err)
{
	enum rig_port from = kind == FRAME_SYN_ACK ? RIG_SINK : RIG_SOURCE;
	struct rig_run run;
	int result;

	rig_load(rig, from, frames + (size_t)kind * c->step * GEN_STRIDE, c->step);
	result = rig_run(rig, from, c->step, &run, err);
	if (result < 0)
		return result;
	cost->ns += run.cpu_ns;
	cost->frames += c->step;
	for (int i = 0; i < CYCLES_KINDS; i++)
		cost->cycles += i == CYCLES_IDLE ? 0 : run.cycles[i];
	return 0;
}

static int open_step(struct rig *rig, const struct bench_case *c, uint32_t first, struct cost *cost,
		     struct xvs_error *err)
{
	uint8_t *frames = talk_create(first, c->step);
	int result = frames ? 0 : -1;

	for (enum frame_kind kind = FRAME_SYN; result == 0 && kind <= c->last; kind++)
		result = say(rig, c, frames, kind, cost, err);
	free(frames);
	return result;
}

static void tell(const struct bench_case *c, uint32_t count, const struct cost *all, uint64_t best)
{
	printf("%s: %u connections: %.0f ns each, %.0f a second; the best step: %.0f a second; "
	       "%.0f cycles a frame\n",
	       c->name, count, (double)all->ns / count, (double)count * NS_PER_S / (double)all->ns,
	       (double)c->step * NS_PER_S / (double)best,
	       (double)all->cycles / (double)all->frames);
}

/* Each case in a switch of its own: what was opened before is in nobody's way. */
static int measure(const struct bench_case *c, uint32_t rounds, struct xvs_error *err)
{
	uint32_t steps = rounds * (STEP / c->step);
	struct cost all = { 0 };
	uint64_t best = UINT64_MAX;
	struct rig *rig = NULL;
	int result = rig_create(-1, c->flows, &rig, err);

	if (result == 0)
		result = rig_set_chains(rig, c->chains, err);

	for (uint32_t i = 0; result == 0 && i < steps; i++) {
		uint64_t before = all.ns;

		result = open_step(rig, c, i * c->step, &all, err);
		best = all.ns - before < best ? all.ns - before : best;
	}
	rig_destroy(rig);
	if (result == 0)
		tell(c, steps * c->step, &all, best);
	return result;
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
	unsigned long one = argc > 2 ? strtoul(argv[2], NULL, 10) : CASES;
	struct xvs_error err = ERROR_INIT;
	int result = 0;

	if (rounds == 0 || rounds > ROUNDS_MAX || one > CASES) {
		(void)fprintf(stderr, "open_bench: rounds must be 1..%d, a case 0..%d\n",
			      ROUNDS_MAX, CASES - 1);
		return 1;
	}
	for (unsigned long i = 0; i < CASES && result == 0; i++) {
		if (one == CASES || one == i)
			result = measure(&cases[i], (uint32_t)rounds, &err);
	}
	if (result < 0)
		(void)fprintf(stderr, "open_bench: %s\n", err.text);
	return result < 0;
}
