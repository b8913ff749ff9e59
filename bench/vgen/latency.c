/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/latency.c - how long a packet is under way, from put to got, one by one.
 *
 * The sender writes the cycle counter into the payload; sender and receiver are one thread, so it
 * is the same counter.  Neither waits for batches here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vgen/vgen.h"

enum { STAMP = 48, PPS = 10000, DRAIN_MS = 50 };

struct samples {
	uint64_t *cycles;
	uint32_t count;
	bool counts; /* the warm-up is over */
};

static void take_stamp(void *arg, const uint8_t *frame, uint32_t len)
{
	struct samples *s = arg;
	uint64_t then;

	if (!s->counts || s->count == VGEN_SAMPLES_MAX || flow_of(frame, len) == UINT32_MAX)
		return;
	memcpy(&then, frame + STAMP, sizeof(then));
	s->cycles[s->count++] = clock_cycles() - then;
}

static void send_stamp(struct port *p, const struct flow_head *head)
{
	uint64_t now;

	if (!head || port_room(p, 1, true) == 0)
		return;
	memcpy(port_frame(p, 0), head->bytes, FLOW_HEAD);
	now = clock_cycles();
	memcpy(port_frame(p, 0) + STAMP, &now, sizeof(now));
	port_send_now(p, 1, p->size);
}

/* Sends at the rate that was asked for, on time if it can; 'sends' false: receives only. */
static void run_for(struct vgen *g, const struct flow_head *table, double seconds, bool sends)
{
	uint64_t end = clock_ns() + (uint64_t)(seconds * (double)NS_PER_S);
	uint64_t gap = NS_PER_S / (g->o.pps ? g->o.pps : PPS);
	uint64_t due = clock_ns();
	uint32_t next = 0;

	for (uint64_t now = due; now < end; now = clock_ns()) {
		for (uint32_t nr = 0; nr < g->o.port_count; nr++)
			(void)port_receive(&g->ports[nr]);
		if (!sends || now < due)
			continue;
		send_stamp(&g->ports[0], &table[next]);
		due = due + gap < now ? now : due + gap;
		if (++next == g->o.flows)
			next = 0;
	}
}

static void print(const struct vgen *g, const struct samples *s, double ghz, uint64_t put)
{
	static const struct {
		const char *name;
		double quantile;
	} figures[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };

	printf("{\"mode\": \"latency\", \"pps\": %u, \"sent\": %llu, \"samples\": %u",
	       g->o.pps ? g->o.pps : PPS, (unsigned long long)put, s->count);
	for (uint32_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		printf(", \"%s_us\": %.3f", figures[i].name,
		       (double)samples_at(s->cycles, s->count, figures[i].quantile) / ghz / 1e3);
	printf(", \"tsc_ghz\": %.4f, ", ghz);
	vgen_print_ports(g);
	printf("}\n");
}

static void measure(struct vgen *g, const struct flow_head *table, struct samples *s)
{
	uint64_t ns;
	uint64_t cycles;
	uint64_t put;

	g->ports[1].sink = take_stamp;
	g->ports[1].sink_arg = s;
	run_for(g, table, g->o.warm_up_s, true);
	s->counts = true;
	ns = clock_ns();
	cycles = clock_cycles();
	put = g->ports[0].put;
	run_for(g, table, g->o.seconds, true);
	put = g->ports[0].put - put;
	ns = clock_ns() - ns;
	cycles = clock_cycles() - cycles;
	run_for(g, table, DRAIN_MS / 1e3, false);
	g->ports[1].sink = NULL;
	samples_sort(s->cycles, s->count);
	print(g, s, (double)cycles / (double)ns, put);
}

int vgen_latency(struct vgen *g, struct xvs_error *err)
{
	struct flow_shape shape = vgen_shape(g, false);
	struct flow_head *table = flow_table(&shape, g->o.flows);
	struct samples s = { .cycles = calloc(VGEN_SAMPLES_MAX, sizeof(*s.cycles)) };
	int rc;

	if (!table || !s.cycles)
		rc = error_set(err, -ENOMEM, "", "out of memory");
	else
		rc = vgen_prepare(g, err);
	if (rc == 0) {
		measure(g, table, &s);
		rc = vgen_check(g, err);
	}
	if (rc == 0 && s.count == 0)
		rc = error_set(err, -ETIMEDOUT, "", "no packet came through");
	free(table);
	free(s.cycles);
	return rc;
}
