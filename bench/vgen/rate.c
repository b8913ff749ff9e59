/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/rate.c - as many packets as the switch takes, for a time.
 *
 * The generator is idle in a turn in which the switch had neither taken what was sent nor sent
 * anything: where it is never idle, it and not the switch was measured.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vgen/vgen.h"

enum { TURNS = 256, DRAIN_MS = 50, WARM_AGAIN_MS = 50 };

/* One direction. */
struct stream {
	struct port *from;
	struct flow_head *table; /* in the order in which flows are sent */
	uint32_t count, next;
	uint32_t payload; /* TCP: bytes by which a flow advances; 0: it does not */
	uint64_t serial;  /* new flows: of the next one */
	uint32_t waits;
};

struct totals {
	uint64_t ns, cycles, idle_cycles;
	uint64_t put, sent, received, received_bytes;
};

struct run {
	struct vgen *vgen;
	struct stream streams[2];
	uint32_t stream_count;
	bool makes_flows; /* each packet is of a new one */
	uint64_t idle_cycles;
};

static void write_heads(struct stream *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct flow_head *head = &s->table[s->next];

		if (s->payload) {
			memcpy(port_frame(s->from, i), head->bytes, FLOW_HEAD);
			flow_advance(head, s->payload);
		} else { /* what differs between flows of UDP: one cache line of the buffer */
			memcpy(port_frame(s->from, i), head->bytes, FLOW_DIFFERS);
		}
		if (++s->next == s->count)
			s->next = 0;
	}
}

static void write_new_heads(struct stream *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		flow_renumber(&s->table[0], s->serial++);
		memcpy(port_frame(s->from, i), s->table[0].bytes, FLOW_DIFFERS);
	}
}

static uint32_t room_of(struct stream *s)
{
	uint32_t room = port_room(s->from, PORT_BATCH, false);

	if (room == 0 || (room < PORT_BATCH && ++s->waits < PORT_PATIENCE))
		return 0;
	s->waits = 0;
	return room;
}

static void send_some(const struct run *r, struct stream *s, uint32_t count)
{
	if (r->makes_flows)
		write_new_heads(s, count);
	else
		write_heads(s, count);
	port_send(s->from, count, s->from->size);
}

/*
 * First it is found out what there is to do, and its memory is fetched; then it is done: lines that
 * the switch has written are far away.
 */
static uint32_t turn(struct run *r, bool sends)
{
	struct vgen *g = r->vgen;
	uint32_t room[2] = { 0 };
	uint32_t done = 0;

	for (uint32_t nr = 0; nr < g->o.port_count; nr++)
		done += port_peek(&g->ports[nr], !sends);
	for (uint32_t i = 0; sends && i < r->stream_count; i++)
		done += room[i] = room_of(&r->streams[i]);
	if (done == 0)
		return 0;
	for (uint32_t nr = 0; nr < g->o.port_count; nr++)
		(void)port_take(&g->ports[nr]);
	for (uint32_t i = 0; i < r->stream_count; i++)
		if (room[i] && r->streams[i].table)
			send_some(r, &r->streams[i], room[i]);
	ring_fence();
	for (uint32_t nr = 0; nr < g->o.port_count; nr++)
		port_kick(&g->ports[nr]);
	return done;
}

/* For 'seconds'; idle time is added up. */
static void run_for(struct run *r, double seconds, bool sends)
{
	uint64_t end = clock_ns() + (uint64_t)(seconds * (double)NS_PER_S);
	uint64_t then = clock_cycles();

	while (clock_ns() < end) {
		for (uint32_t i = 0; i < TURNS; i++) {
			uint32_t done = turn(r, sends);
			uint64_t now = clock_cycles();

			if (done == 0)
				r->idle_cycles += now - then;
			then = now;
		}
	}
}

/* Received is what came out where streams go: at B, and at A with both directions. */
static struct totals totals_of(const struct run *r)
{
	struct totals t = { .ns = clock_ns(),
			    .cycles = clock_cycles(),
			    .idle_cycles = r->idle_cycles };

	for (uint32_t i = 0; i < r->stream_count; i++) {
		const struct port *to = &r->vgen->ports[!i];

		t.put += r->streams[i].from->put;
		t.sent += r->streams[i].from->sent;
		t.received += to->received;
		t.received_bytes += to->received_bytes;
	}
	return t;
}

/* What is the same in all frames of a stream is in the buffers already. */
static void fill_buffers(const struct stream *s)
{
	struct port *p = s->from;

	for (uint32_t i = 0; i < p->tx->buffer_count; i++)
		memcpy(ring_buffer(p->tx, i) + FRONT_HEADER, s->table[0].bytes, FLOW_HEAD);
}

static int streams_begin(struct run *r, struct xvs_error *err)
{
	struct vgen *g = r->vgen;
	uint32_t payload_at = g->o.is_tcp ? FLOW_PAYLOAD_TCP : FLOW_PAYLOAD_UDP;

	r->stream_count = g->o.both ? 2 : 1;
	for (uint32_t i = 0; i < r->stream_count; i++) {
		struct flow_shape shape = vgen_shape(g, i);

		r->streams[i] = (struct stream){ .from = &g->ports[i], .count = g->o.flows };
		r->streams[i].payload = g->o.is_tcp ? g->o.size - payload_at : 0;
		r->streams[i].table = flow_table(&shape, g->o.flows);
		if (!r->streams[i].table)
			return error_set(err, -ENOMEM, "", "no memory for %u flows", g->o.flows);
		fill_buffers(&r->streams[i]);
	}
	return 0;
}

static void print(const struct run *r, const struct totals *t, const struct totals *all)
{
	const struct vgen *g = r->vgen;
	double s = (double)t->ns / (double)NS_PER_S;
	uint64_t lost = all->put > all->received ? all->put - all->received : 0;

	printf("{\"mode\": \"%s\", \"mpps\": %.4f, \"sent_mpps\": %.4f, \"gbps\": %.3f, ",
	       g->o.mode, (double)t->received / s / 1e6, (double)t->sent / s / 1e6,
	       (double)t->received_bytes * 8 / s / 1e9);
	printf("\"idle\": %.4f, \"seconds\": %.3f, \"lost\": %llu, \"lost_share\": %.6f, ",
	       (double)t->idle_cycles / (double)t->cycles, s, (unsigned long long)lost,
	       all->put ? (double)lost / (double)all->put : 0.0);
	printf("\"tsc_ghz\": %.4f, ", (double)t->cycles / (double)t->ns);
	vgen_print_ports(g);
	printf("}\n");
}

static struct totals between(const struct totals *from, const struct totals *to)
{
	return (struct totals){ .ns = to->ns - from->ns,
				.cycles = to->cycles - from->cycles,
				.idle_cycles = to->idle_cycles - from->idle_cycles,
				.put = to->put - from->put,
				.sent = to->sent - from->sent,
				.received = to->received - from->received,
				.received_bytes = to->received_bytes - from->received_bytes };
}

static void measure(struct run *r)
{
	struct totals first = totals_of(r);
	struct totals from;
	struct totals to;

	run_for(r, r->vgen->o.warm_up_s, true);
	if (vgen_wait(r->vgen))
		run_for(r, WARM_AGAIN_MS / 1e3, true);
	from = totals_of(r);
	run_for(r, r->vgen->o.seconds, true);
	to = totals_of(r);
	to = between(&from, &to);
	run_for(r, DRAIN_MS / 1e3, false);
	from = totals_of(r);
	first = between(&first, &from);
	print(r, &to, &first);
}

int vgen_rate(struct vgen *g, struct xvs_error *err)
{
	struct run r = { .vgen = g, .makes_flows = strcmp(g->o.mode, "new") == 0 };
	int rc = vgen_prepare(g, err);

	if (rc == 0)
		rc = streams_begin(&r, err);
	if (rc == 0) {
		for (uint32_t nr = 0; nr < g->o.port_count; nr++)
			g->ports[nr].touches = g->o.touches;
		measure(&r);
		rc = vgen_check(g, err);
	}
	for (uint32_t i = 0; i < 2; i++)
		free(r.streams[i].table);
	return rc;
}
