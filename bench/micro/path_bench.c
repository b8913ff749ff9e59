/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_bench - what a packet costs in the switch itself: no device, no system call, one worker.
 *
 * Frames come out of memory and go to a counter, so the figures are parse, look-up, apply and the
 * walk over the chain, and the generator's copy, which is measured by itself and told.  Cases are
 * interleaved, the figure is the median over the rounds.  Prints a table, or JSON for tools/bench.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "micro/talk.h"

enum { ROUNDS_MAX = 101, FLOWS_MAX = 1000000, CASES = 9, FLOW_COUNTS_MAX = 8 };
enum { CHANGE_AFTER = 700 }; /* 10,000 changes a second beside 7 Mpps */

struct test_case {
	const char *name;
	struct rig_chain chain;
	bool is_tcp;           /* established connections; else UDP */
	uint32_t change_after; /* packets, a rule of others changes; 0: never */
};

/* 'secured': what guard, a firewall, sampling and a static table do to established connections. */
static const struct test_case cases[CASES] = {
	{ "none", { { 0 } }, false, 0 },
	{ "judge-1", { { [RIG_JUDGE] = 1 } }, false, 0 },
	{ "judge-4", { { [RIG_JUDGE] = 4 } }, false, 0 },
	{ "judge-16", { { [RIG_JUDGE] = 16 } }, false, 0 },
	{ "batch-16", { { [RIG_NOOP] = 16 } }, false, 0 },
	{ "sampled", { { [RIG_SAMPLE] = 1 } }, false, 0 },
	{ "secured-udp", { { [RIG_SAMPLE] = 1, [RIG_JUDGE] = 2, [RIG_ALLOW] = 1 } }, false, 0 },
	{ "secured-tcp", { { [RIG_SAMPLE] = 1, [RIG_JUDGE] = 2, [RIG_ALLOW] = 1 } }, true, 0 },
	{ "changing", { { [RIG_JUDGE] = 1 } }, false, CHANGE_AFTER },
};

struct options {
	uint64_t packets;
	uint32_t rounds;
	int core;
	bool json;
	const char *only; /* name of a case, NULL: all */
	uint32_t table;   /* entries of the flow cache; 0: as usual */
	uint32_t flows[FLOW_COUNTS_MAX];
	uint32_t flow_counts;
};

struct figure {
	double ns[ROUNDS_MAX]; /* of processor time, a packet */
	double median;
	double least;  /* the round that was disturbed least */
	double misses; /* a packet, over all rounds: how far the flows were established */
	double evictions;
	double cycles[CYCLES_KINDS][ROUNDS_MAX]; /* a packet, by stage */
};

/* ---- measuring -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(const double *values, uint32_t count)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare);
	return sorted[count / 2];
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static double least(const double *values, uint32_t count)
{
	double found = values[0];

	for (uint32_t i = 1; i < count; i++)
		if (values[i] < found)
			found = values[i];
	return found;
}

/* The generator and the pool without the switch: ns a packet. */
static double generator_once(struct gen *g, struct pool *pool, uint64_t packets)
{
	struct packet *batch[XVS_BATCH_MAX];
	uint64_t start = cpu_ns();
	uint32_t count;

	gen_run(g, packets);
	while ((count = gen_backend(g)->ops->rx(gen_backend(g), 0, pool, batch, XVS_BATCH_MAX)) >
	       0) {
		gen_backend(g)->ops->tx(gen_backend(g), 0, batch, count);
		packet_free_burst(pool, batch, count);
	}
	return (double)(cpu_ns() - start) / (double)packets;
}

static int generator_cost(const struct options *o, const uint8_t *frames, uint32_t flows,
			  double *out, struct xvs_error *err)
{
	static const struct pool_limits limits = { .packets = 4096 };
	struct pool *pool = pool_create(&limits);
	struct gen *g = gen_create();
	double values[ROUNDS_MAX];
	int result = 0;

	if (!pool || !g) {
		result = error_set(err, -ENOMEM, "", "out of memory");
		goto out;
	}
	gen_load(g, frames, flows);
	(void)generator_once(g, pool, flows);
	for (uint32_t i = 0; i < o->rounds; i++)
		values[i] = generator_once(g, pool, o->packets);
	*out = median(values, o->rounds);
out:
	gen_destroy(g);
	pool_destroy(pool);
	return result;
}

struct frames {
	const uint8_t *bytes; /* of talk_create() */
	uint32_t flows;
};

/* One frame of each flow, from its end. */
static int say(struct rig *rig, const struct frames *f, enum frame_kind kind, struct xvs_error *err)
{
	enum rig_port from = kind == FRAME_SYN_ACK ? RIG_SINK : RIG_SOURCE;
	struct rig_run run;

	rig_load(rig, from, f->bytes + (size_t)kind * f->flows * GEN_STRIDE, f->flows);
	return rig_run(rig, from, f->flows, &run, err);
}

/*
 * Every flow is met twice before it counts, so that what is measured is established.  Connections
 * of TCP outlive the other cases, and a second SYN would be refused.
 */
static int prepare(struct rig *rig, const struct test_case *c, const struct frames *f,
		   bool is_first, struct xvs_error *err)
{
	enum frame_kind kind = c->is_tcp ? FRAME_ACK : FRAME_UDP;
	bool is_new = c->is_tcp && is_first;
	int result = rig_set_chain(rig, &c->chain, err);

	for (enum frame_kind hello = FRAME_SYN; result == 0 && is_new && hello < FRAME_ACK; hello++)
		result = say(rig, f, hello, err);
	for (int warm = 0; result == 0 && warm < 2; warm++)
		result = say(rig, f, kind, err);
	return result;
}

static bool is_wanted(const struct options *o, const struct test_case *c)
{
	return !o->only || strcmp(o->only, c->name) == 0;
}

static int measure_all(struct rig *rig, const struct options *o, const struct frames *f,
		       struct figure figures[CASES], struct xvs_error *err)
{
	for (uint32_t round = 0; round < o->rounds; round++) {
		for (uint32_t c = 0; c < CASES; c++) {
			struct rig_run run;
			int result;

			if (!is_wanted(o, &cases[c]))
				continue;
			result = prepare(rig, &cases[c], f, round == 0, err);
			rig_set_changes(rig, cases[c].change_after);
			if (result == 0)
				result = rig_run(rig, RIG_SOURCE, o->packets, &run, err);
			rig_set_changes(rig, 0);
			if (result < 0)
				return error_context(err, "case %s, %u flows", cases[c].name,
						     f->flows);
			figures[c].ns[round] = (double)run.cpu_ns / (double)run.packets;
			figures[c].misses += (double)run.misses / (double)(run.packets * o->rounds);
			figures[c].evictions +=
				(double)run.evictions / (double)(run.packets * o->rounds);
			for (int k = 0; k < CYCLES_KINDS; k++)
				figures[c].cycles[k][round] =
					(double)run.cycles[k] / (double)run.packets;
		}
	}
	for (uint32_t c = 0; c < CASES; c++) {
		figures[c].median = median(figures[c].ns, o->rounds);
		figures[c].least = least(figures[c].ns, o->rounds);
	}
	return 0;
}

/* Cycles of clock_cycles() a nanosecond. */
static double cycles_per_ns(void)
{
	uint64_t ns = clock_ns();
	uint64_t cycles = clock_cycles();

	while (clock_ns() - ns < 50 * (uint64_t)NS_PER_MS)
		;
	return (double)(clock_cycles() - cycles) / (double)(clock_ns() - ns);
}

/* What stages cost where they were disturbed least: other people's work comes in lumps. */
static const char *const stages[CYCLES_IDLE] = { "rx",     "parse", "lookup", "apply",
						 "output", "tx",    "other" };

static void tell_stages_json(const struct options *o, const struct figure *f)
{
	for (int k = 0; k < CYCLES_IDLE; k++)
		printf("%s\"%s\": %.1f", k ? ", " : "", stages[k], least(f->cycles[k], o->rounds));
}

static void tell_stages(const struct options *o, const struct figure *f)
{
	printf("  %-10s", "");
	for (int k = 0; k < CYCLES_IDLE; k++)
		printf(" %s %.0f", stages[k], least(f->cycles[k], o->rounds));
	printf(" cycles");
	if (f->misses > 0)
		printf("; %.4f misses, %.4f evictions a packet", f->misses, f->evictions);
	printf("\n");
}

/* ---- telling ---------------------------------------------------------------------------------- */

static void tell_json(const struct options *o, uint32_t flows, double generator, double rate,
		      const struct figure figures[CASES])
{
	printf("{\"flows\": %u, \"packets\": %llu, \"rounds\": %u, \"cycles_per_ns\": %.4f, "
	       "\"generator_ns\": %.2f, \"cases\": {",
	       flows, (unsigned long long)o->packets, o->rounds, rate, generator);
	for (uint32_t c = 0, told = 0; c < CASES; c++)
		if (is_wanted(o, &cases[c])) {
			printf("%s\"%s\": {\"ns\": %.2f, \"least_ns\": %.2f, \"misses\": %.6f, "
			       "\"evictions\": %.6f, \"cycles\": {",
			       told++ ? ", " : "", cases[c].name, figures[c].median,
			       figures[c].least, figures[c].misses, figures[c].evictions);
			tell_stages_json(o, &figures[c]);
			printf("}}");
		}
	printf("}}\n");
}

static void tell_text(const struct options *o, uint32_t flows, double generator, double rate,
		      const struct figure figures[CASES])
{
	double none = figures[0].median;

	printf("%u flows; generator and counter alone: %.1f ns a packet\n", flows, generator);
	printf("  %-10s %8s %8s %14s %8s\n", "chain", "ns", "cycles", "rate to none", "least ns");
	for (uint32_t c = 0; c < CASES; c++)
		if (is_wanted(o, &cases[c])) {
			printf("  %-10s %8.1f %8.1f %14.3f %8.1f\n", cases[c].name,
			       figures[c].median, figures[c].median * rate,
			       none / figures[c].median, figures[c].least);
			tell_stages(o, &figures[c]);
		}
}

static int run_flows(struct rig *rig, const struct options *o, uint32_t flows, double rate,
		     struct xvs_error *err)
{
	struct figure figures[CASES] = { 0 };
	uint8_t *frames = talk_create(0, flows);
	const struct frames all = { frames, flows };
	double generator = 0;
	int result;

	if (!frames)
		return error_set(err, -ENOMEM, "", "out of memory");
	result = generator_cost(o, frames, flows, &generator, err);
	if (result == 0)
		result = measure_all(rig, o, &all, figures, err);
	if (result == 0)
		(o->json ? tell_json : tell_text)(o, flows, generator, rate, figures);
	free(frames);
	return result;
}

/* ---- command line ----------------------------------------------------------------------------- */

static const char usage[] =
	"usage: path_bench [--packets N] [--rounds N] [--flows N]... [--table N] [--case NAME] [--core N] [--json]\n";

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || value < min || value > max)
		return false;
	*out = value;
	return true;
}

static bool known_case(const char *name)
{
	for (uint32_t c = 0; c < CASES; c++)
		if (strcmp(cases[c].name, name) == 0)
			return true;
	return false;
}

static bool option(struct options *o, int letter, const char *value)
{
	uint64_t n = 0;

	switch (letter) {
	case 'p':
		return number(value, 1, UINT64_C(1) << 40, &o->packets);
	case 'r':
		if (!number(value, 1, ROUNDS_MAX, &n))
			return false;
		o->rounds = (uint32_t)n;
		return true;
	case 'f':
		if (o->flow_counts == FLOW_COUNTS_MAX || !number(value, 1, FLOWS_MAX, &n))
			return false;
		o->flows[o->flow_counts++] = (uint32_t)n;
		return true;
	case 't':
		if (!number(value, 1, 1u << 22, &n))
			return false;
		o->table = (uint32_t)n;
		return true;
	case 'k':
		if (!number(value, 0, 1023, &n))
			return false;
		o->core = (int)n;
		return true;
	case 'c':
		o->only = value;
		return known_case(value);
	case 'j':
		o->json = true;
		return true;
	default:
		return false;
	}
}

static bool parse_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "packets", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "flows", required_argument, NULL, 'f' },
		{ "table", required_argument, NULL, 't' },
		{ "case", required_argument, NULL, 'c' },
		{ "core", required_argument, NULL, 'k' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) >= 0)
		if (!option(o, letter, optarg))
			return false;
	if (o->flow_counts == 0) {
		static const uint32_t usual[] = { 1, 64, 10000 };

		memcpy(o->flows, usual, sizeof(usual));
		o->flow_counts = 3;
	}
	return optind == argc;
}

int main(int argc, char **argv)
{
	struct options o = { .packets = 2000000, .rounds = 5, .core = -1 };
	struct xvs_error err = ERROR_INIT;
	struct rig *rig = NULL;
	double rate;
	int result;

	if (!parse_options(argc, argv, &o)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	rate = cycles_per_ns();
	result = rig_create(o.core, o.table, &rig, &err);
	for (uint32_t i = 0; i < o.flow_counts && result == 0; i++)
		result = run_flows(rig, &o, o.flows[i], rate, &err);
	if (result < 0)
		fprintf(stderr, "path_bench: %s\n", err.text);
	if (rig)
		rig_destroy(rig);
	return result < 0 ? 1 : 0;
}
