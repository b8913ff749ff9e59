/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/wake.c - the first packet after a pause, and the first after a connection.
 *
 * wake    nothing is sent for a while, so that a switch that may sleep does; then one packet, with
 *         the kick that the switch asked for.  The receiver polls, so only the switch is woken.
 * start   B connects while A sends a packet every 50 us: from the connection to the first packet.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vgen/vgen.h"

enum { ARRIVAL_MS = 1000, SEND_EVERY_NS = 50000, SAMPLES_MAX = 10000 };

static void poll_ports(struct vgen *g)
{
	for (uint32_t nr = 0; nr < g->o.port_count; nr++)
		(void)port_receive(&g->ports[nr]);
}

static void send_one(struct vgen *g)
{
	struct flow_shape shape = vgen_shape(g, false);
	struct flow_head head;

	if (port_room(&g->ports[0], 1, true) == 0)
		return;
	flow_write(&shape, 0, 1, &head);
	memcpy(port_frame(&g->ports[0], 0), head.bytes, FLOW_HEAD);
	port_send_now(&g->ports[0], 1, g->o.size);
}

static void print(const struct vgen *g, uint64_t *ns, uint32_t count, uint64_t first_ns)
{
	samples_sort(ns, count);
	printf("{\"mode\": \"%s\", \"samples\": %u, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"max_us\": %.1f, \"first_ns\": %llu, ",
	       g->o.mode, count, (double)samples_at(ns, count, 0.5) / NS_PER_US,
	       (double)samples_at(ns, count, 0.99) / NS_PER_US,
	       (double)samples_at(ns, count, 1) / NS_PER_US, (unsigned long long)first_ns);
	vgen_print_ports(g);
	printf("}\n");
}

/* ---- wake ------------------------------------------------------------------------------------- */

static int wake_once(struct vgen *g, uint64_t *ns, struct xvs_error *err)
{
	uint64_t before;
	uint64_t start;

	(void)poll(NULL, 0, (int)g->o.idle_ms);
	poll_ports(g);
	before = g->ports[1].received;
	start = clock_ns();
	send_one(g);
	while (g->ports[1].received == before) {
		poll_ports(g);
		if (clock_ns() - start > UINT64_C(1) * ARRIVAL_MS * NS_PER_MS)
			return error_set(err, -ETIMEDOUT, "",
					 "no packet in %d ms after %u ms of rest", ARRIVAL_MS,
					 g->o.idle_ms);
	}
	*ns = clock_ns() - start;
	return vgen_check(g, err);
}

int vgen_wake(struct vgen *g, struct xvs_error *err)
{
	uint64_t ns[SAMPLES_MAX];
	uint32_t count = g->o.samples < SAMPLES_MAX ? g->o.samples : SAMPLES_MAX;
	int rc = vgen_prepare(g, err);

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = wake_once(g, &ns[i], err);
	if (rc == 0)
		print(g, ns, count, 0);
	return rc;
}

/* ---- start ------------------------------------------------------------------------------------ */

static int start_once(struct vgen *g, uint64_t *ns, struct xvs_error *err)
{
	uint64_t end;
	uint64_t due = 0;
	int rc;

	vgen_disconnect(g, 1);
	rc = vgen_connect(g, 1, err);
	end = clock_ns() + (uint64_t)g->o.patience_ms * NS_PER_MS;
	while (rc == 0 && g->ports[1].received == 0) {
		uint64_t now = clock_ns();

		if (now >= due) {
			send_one(g);
			due = now + SEND_EVERY_NS;
		}
		poll_ports(g);
		rc = vgen_check(g, err);
		if (rc == 0 && now > end)
			rc = error_set(err, -ETIMEDOUT, "", "no packet in %d ms after connecting",
				       g->o.patience_ms);
	}
	*ns = clock_ns() - front_connected_ns(g->fronts[1]);
	return rc;
}

int vgen_start(struct vgen *g, struct xvs_error *err)
{
	uint64_t ns[SAMPLES_MAX];
	uint32_t count = g->o.samples < SAMPLES_MAX ? g->o.samples : SAMPLES_MAX;
	uint64_t first_ns = 0;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		rc = start_once(g, &ns[i], err);
		if (first_ns == 0)
			first_ns = clock_ns();
	}
	if (rc == 0)
		print(g, ns, count, first_ns);
	return rc;
}
