/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ofload - a controller that does one thing as fast as the switch lets it, and measures.
 *
 * One connection to a socket, OpenFlow 1.3.  Prints one line of JSON; what goes wrong is one sentence,
 * and exit code 1.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ofload/wire.h"

static const char usage[] =
	"usage: ofload MODE --socket PATH [OPTION...]\n"
	"modes:\n"
	"  load       adds --flows flows, and waits for the barrier behind them\n"
	"  clear      deletes all flows, and waits for the barrier\n"
	"  churn      adds and deletes single flows, --rate a second, for --seconds\n"
	"  dump       reads the statistics of all flows, again and again for --seconds\n"
	"  packet-in  counts packets that the switch tells of, for --seconds\n"
	"  echo       asks whether the switch is there, again and again: the longest answer\n"
	"options:\n"
	"  --flows N, --rate N, --seconds S\n"
	"  --port N       where flows send to (2)\n"
	"  --overlap      load: with CHECK_OVERLAP\n";

struct options {
	const char *socket;
	uint32_t flows, rate, port;
	double seconds;
	bool checks_overlap;
};

/* Says what is wrong and ends. */
static __attribute__((noreturn)) void leave(const char *complaint)
{
	(void)fprintf(stderr, "ofload: %s\n", complaint);
	exit(1);
}

static void turn(struct link *l, int patience_ms)
{
	const char *complaint = link_turn(l, patience_ms);
	char text[80];

	if (complaint)
		leave(complaint);
	if (!l->heard.errors)
		return;
	(void)snprintf(text, sizeof(text), "the switch answered with error %u, code %u",
		       l->heard.error_type, l->heard.error_code);
	leave(text);
}

static void wait_for_barrier(struct link *l)
{
	uint64_t before = l->heard.barriers;

	while (!link_has_room(l))
		turn(l, -1);
	link_put(l, OFL_BARRIER_REQUEST, NULL, 0);
	while (l->heard.barriers == before)
		turn(l, -1);
}

static double seconds_since(uint64_t then)
{
	return (double)(clock_ns() - then) / (double)NS_PER_S;
}

static uint64_t end_of(const struct options *o)
{
	return clock_ns() + (uint64_t)(o->seconds * (double)NS_PER_S);
}

/* ---- modes -------------------------------------------------------------------------------------- */

static void load(struct link *l, const struct options *o)
{
	uint64_t started = clock_ns();
	double took;

	for (uint32_t nr = 0; nr < o->flows; nr++) {
		const struct flow_mod m = { .nr = nr,
					    .command = OFL_ADD,
					    .priority = o->checks_overlap ? 101 : 100,
					    .flags = o->checks_overlap ? 2 : 0,
					    .port = o->port };

		while (!link_has_room(l))
			turn(l, -1);
		link_put_flow(l, &m);
	}
	wait_for_barrier(l);
	took = seconds_since(started);
	(void)printf("{\"flows\": %u, \"seconds\": %.6f, \"per_second\": %.0f}\n", o->flows, took,
		     o->flows / took);
}

static void clear(struct link *l)
{
	const struct flow_mod all = { .command = OFL_DELETE };
	uint64_t started = clock_ns();

	link_put_flow(l, &all);
	wait_for_barrier(l);
	(void)printf("{\"seconds\": %.6f}\n", seconds_since(started));
}

/* A flow comes, and goes when --flows others have come: half of the rate each. */
static void churn_once(struct link *l, const struct options *o, uint64_t nr)
{
	uint64_t pair = nr / 2;
	struct flow_mod m = { .command = OFL_ADD, .priority = 200, .port = o->port };

	m.nr = (uint32_t)(pair % (2u * o->flows));
	if (nr % 2) {
		m.command = OFL_DELETE_STRICT;
		m.nr = (uint32_t)((pair + o->flows) % (2u * o->flows));
	}
	link_put_flow(l, &m);
}

static void churn(struct link *l, const struct options *o)
{
	uint64_t started = clock_ns();
	uint64_t end = end_of(o);
	uint64_t done = 0;
	double took;

	while (clock_ns() < end) {
		uint64_t due = (uint64_t)(seconds_since(started) * o->rate);

		for (; done < due && link_has_room(l); done++)
			churn_once(l, o, done);
		turn(l, 1);
	}
	wait_for_barrier(l);
	took = seconds_since(started);
	(void)printf("{\"flow_mods\": %llu, \"seconds\": %.6f, \"per_second\": %.0f}\n",
		     (unsigned long long)done, took, (double)done / took);
}

static void dump(struct link *l, const struct options *o)
{
	uint64_t end = end_of(o);
	uint64_t flows = 0;
	double longest = 0;
	uint32_t count = 0;

	do {
		uint64_t started = clock_ns();

		l->heard.flows = 0;
		l->heard.is_answered = false;
		link_put_dump(l);
		while (!l->heard.is_answered)
			turn(l, -1);
		flows = l->heard.flows;
		count++;
		if (seconds_since(started) > longest)
			longest = seconds_since(started);
	} while (clock_ns() < end);
	(void)printf("{\"flows\": %llu, \"dumps\": %u, \"longest_s\": %.6f}\n",
		     (unsigned long long)flows, count, longest);
}

static void packet_in(struct link *l, const struct options *o)
{
	static const uint8_t config[] = { 0, 0, 0, 128 }; /* so much of a miss */
	uint64_t started;
	uint64_t end;
	uint64_t before;
	double took;

	link_put(l, OFL_SET_CONFIG, config, sizeof(config));
	wait_for_barrier(l);
	started = clock_ns();
	end = end_of(o);
	before = l->heard.packet_ins;
	while (clock_ns() < end)
		turn(l, 10);
	took = seconds_since(started);
	(void)printf("{\"packet_ins\": %llu, \"seconds\": %.6f, \"per_second\": %.0f}\n",
		     (unsigned long long)(l->heard.packet_ins - before), took,
		     (double)(l->heard.packet_ins - before) / took);
}

static void echo(struct link *l, const struct options *o)
{
	uint64_t end = end_of(o);
	double longest = 0;
	uint64_t count = 0;

	wait_for_barrier(l);
	do {
		uint64_t started = clock_ns();
		uint64_t before = l->heard.echoes;

		link_put(l, OFL_ECHO_REQUEST, NULL, 0);
		while (l->heard.echoes == before)
			turn(l, -1);
		count++;
		if (seconds_since(started) > longest)
			longest = seconds_since(started);
	} while (clock_ns() < end);
	(void)printf("{\"echoes\": %llu, \"longest_ms\": %.3f}\n", (unsigned long long)count,
		     longest * 1e3);
}

static void run(const char *mode, struct link *l, const struct options *o)
{
	if (strcmp(mode, "load") == 0)
		load(l, o);
	else if (strcmp(mode, "clear") == 0)
		clear(l);
	else if (strcmp(mode, "churn") == 0)
		churn(l, o);
	else if (strcmp(mode, "dump") == 0)
		dump(l, o);
	else if (strcmp(mode, "packet-in") == 0)
		packet_in(l, o);
	else if (strcmp(mode, "echo") == 0)
		echo(l, o);
	else
		leave("no such mode");
}

/* ---- options ------------------------------------------------------------------------------------ */

static double number(const char *text, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(v >= 0 && v <= max))
		leave("a number is not what it may be");
	return v;
}

enum option_key { O_SOCKET = 256, O_FLOWS, O_RATE, O_SECONDS, O_PORT, O_OVERLAP };

static const struct option known[] = {
	{ "socket", required_argument, NULL, O_SOCKET },
	{ "flows", required_argument, NULL, O_FLOWS },
	{ "rate", required_argument, NULL, O_RATE },
	{ "seconds", required_argument, NULL, O_SECONDS },
	{ "port", required_argument, NULL, O_PORT },
	{ "overlap", no_argument, NULL, O_OVERLAP },
	{ 0 },
};

static void take(struct options *o, int option)
{
	switch (option) {
	case O_SOCKET:
		o->socket = optarg;
		break;
	case O_FLOWS:
		o->flows = (uint32_t)number(optarg, 1e6);
		break;
	case O_RATE:
		o->rate = (uint32_t)number(optarg, 1e7);
		break;
	case O_SECONDS:
		o->seconds = number(optarg, 1e4);
		break;
	case O_PORT:
		o->port = (uint32_t)number(optarg, UINT32_MAX);
		break;
	case O_OVERLAP:
		o->checks_overlap = true;
		break;
	default:
		(void)fputs(usage, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .flows = 1000, .rate = 10000, .port = 2, .seconds = 1 };
	const char *complaint;
	struct link l;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		take(&o, option);
	if (optind != argc - 1 || !o.socket || !o.flows) {
		(void)fputs(usage, stderr);
		return 2;
	}
	complaint = link_open(&l, o.socket);
	if (complaint)
		leave(complaint);
	run(argv[optind], &l, &o);
	link_close(&l);
	return 0;
}
