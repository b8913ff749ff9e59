/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/prepare.c - a switch learns addresses, and a firewall connections, before it is measured.
 *
 * A step sends one frame for each flow, few at a time, and again those that did not arrive: a
 * switch may be slow to judge a new flow, and may lose a packet that comes before a port is up.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vgen/vgen.h"

enum { ARRIVAL_MS = 100, TRIES = 20, FLIGHT = 64 };

/* Writes the frame of one flow; returns its size. */
typedef uint32_t (*write_fn)(const struct flow_shape *s, uint32_t nr, struct flow_head *out);

struct step {
	struct vgen *vgen;
	struct port *from, *to;
	struct flow_shape shape;
	uint8_t *arrived; /* by flow */
	uint32_t count, missing;
};

static void see(void *arg, const uint8_t *frame, uint32_t len)
{
	struct step *s = arg;
	uint32_t nr = flow_of(frame, len);

	if (nr >= s->count || s->arrived[nr])
		return;
	s->arrived[nr] = 1;
	s->missing--;
}

/* All ports are emptied: a switch floods what it does not know. */
static void poll_ports(struct vgen *g)
{
	for (uint32_t nr = 0; nr < g->o.port_count; nr++)
		(void)port_receive(&g->ports[nr]);
}

static void send_one(struct step *s, uint32_t nr, write_fn write)
{
	struct flow_head head;
	uint32_t size = write(&s->shape, nr, &head);

	while (port_room(s->from, 1, true) == 0)
		if (poll_ports(s->vgen), !front_is_connected(s->from->front))
			return;
	memcpy(port_frame(s->from, 0), head.bytes, FLOW_HEAD);
	port_send_now(s->from, 1, size);
}

static void await(struct step *s, uint32_t missing)
{
	uint64_t end = clock_ns() + UINT64_C(1) * ARRIVAL_MS * NS_PER_MS;

	while (s->missing > missing && clock_ns() < end)
		poll_ports(s->vgen);
}

static void try_step(struct step *s, write_fn write)
{
	uint32_t flight = 0;

	for (uint32_t nr = 0; nr < s->count; nr++) {
		if (s->arrived[nr])
			continue;
		send_one(s, nr, write);
		if (++flight < FLIGHT)
			continue;
		await(s, s->missing > FLIGHT ? s->missing - FLIGHT : 0);
		flight = 0;
	}
	await(s, 0);
}

/* One frame of each of 'count' flows from one side to the other. */
static int run_step(struct vgen *g, bool is_backward, uint32_t count, write_fn write,
		    struct xvs_error *err)
{
	struct step s = { .vgen = g,
			  .from = &g->ports[is_backward],
			  .to = &g->ports[!is_backward],
			  .shape = vgen_shape(g, is_backward),
			  .arrived = calloc(count, 1),
			  .count = count,
			  .missing = count };
	int rc = 0;

	if (!s.arrived)
		return error_set(err, -ENOMEM, "", "out of memory");
	s.to->sink = see;
	s.to->sink_arg = &s;
	for (uint32_t try = 0; rc == 0 && s.missing > 0 && try < TRIES; try++) {
		try_step(&s, write);
		rc = vgen_check(g, err);
	}
	s.to->sink = NULL;
	free(s.arrived);
	if (rc == 0 && s.missing > 0)
		rc = error_set(err, -ETIMEDOUT, "", "%s: of %u flows %u did not come through",
			       s.from == &g->ports[0] ? "from A to B" : "from B to A", count,
			       s.missing);
	return rc;
}

static uint32_t write_data(const struct flow_shape *s, uint32_t nr, struct flow_head *out)
{
	flow_write(s, nr, 1, out);
	return s->size;
}

static uint32_t write_syn(const struct flow_shape *s, uint32_t nr, struct flow_head *out)
{
	flow_write_tcp(s, nr, TCP_SYN, 0, 0, out);
	return FLOW_SIZE_MIN;
}

static uint32_t write_syn_ack(const struct flow_shape *s, uint32_t nr, struct flow_head *out)
{
	flow_write_tcp(s, nr, TCP_SYN | TCP_ACK, 0, 1, out);
	return FLOW_SIZE_MIN;
}

static uint32_t write_ack(const struct flow_shape *s, uint32_t nr, struct flow_head *out)
{
	flow_write_tcp(s, nr, TCP_ACK, 1, 1, out);
	return FLOW_SIZE_MIN;
}

/* ARP of each address from one side; it has to arrive somewhere on the other. */
static int announce(struct vgen *g, bool is_backward, struct xvs_error *err)
{
	struct port *from = &g->ports[is_backward];
	const struct port *to = &g->ports[!is_backward];
	struct step s = { .vgen = g, .from = from, .shape = vgen_shape(g, is_backward) };
	uint64_t end = clock_ns() + (uint64_t)g->o.patience_ms * NS_PER_MS;
	uint64_t before = to->received;

	while (to->received - before < g->o.macs && clock_ns() < end && vgen_check(g, err) == 0) {
		uint64_t until = clock_ns() + UINT64_C(1) * ARRIVAL_MS * NS_PER_MS;
		uint64_t seen = to->received;

		for (uint32_t pair = 0; pair < g->o.macs; pair++) {
			struct flow_head head;

			flow_write_arp(&s.shape, pair, &head);
			while (port_room(from, 1, true) == 0 && clock_ns() < until)
				poll_ports(g);
			if (port_room(from, 1, true) == 0)
				break;
			memcpy(port_frame(from, 0), head.bytes, FLOW_HEAD);
			port_send_now(from, 1, FLOW_SIZE_MIN);
		}
		while (to->received - seen < g->o.macs && clock_ns() < until)
			poll_ports(g);
	}
	if (vgen_check(g, err))
		return -EPIPE;
	if (to->received == before)
		return error_set(err, -ETIMEDOUT, "", "nothing came from %s in %d ms",
				 is_backward ? "B to A" : "A to B", g->o.patience_ms);
	return 0;
}

static int establish(struct vgen *g, struct xvs_error *err)
{
	static const struct {
		write_fn write;
		bool is_backward;
	} udp[] = { { write_data, false }, { write_data, true } },
	  tcp[] = { { write_syn, false },
		    { write_syn_ack, true },
		    { write_ack, false },
		    { write_ack, true } };
	uint32_t steps = g->o.is_tcp ? 4 : 2;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < steps; i++)
		rc = g->o.is_tcp ? run_step(g, tcp[i].is_backward, g->o.flows, tcp[i].write, err)
				 : run_step(g, udp[i].is_backward, g->o.flows, udp[i].write, err);
	return rc;
}

bool vgen_wait(const struct vgen *g)
{
	if (!g->o.waits)
		return false;
	(void)fputs("warm\n", stderr);
	for (int c = 0; c != '\n' && c != EOF;)
		c = getchar();
	return true;
}

int vgen_prepare(struct vgen *g, struct xvs_error *err)
{
	int rc = announce(g, true, err);

	if (rc == 0)
		rc = announce(g, false, err);
	if (rc == 0 && g->o.establishes)
		rc = establish(g, err);
	return rc;
}
