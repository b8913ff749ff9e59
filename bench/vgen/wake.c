/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/wake.c - the first packet after a pause, and the first after a connection.
 *
 * wake    nothing is sent for a while, so that a switch that may sleep does; then one packet, with
 *         the kick that the switch asked for.  The receiver polls, so only the switch is woken.
 *         With --beside, in turn with it, a thread on that core that does nothing but sleep:
 *         what the machine itself takes to wake somebody.
 * start   B connects while A sends a packet every 50 us: from the connection to the first packet.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vgen/sleeper.h"
#include "vgen/vgen.h"

enum { ARRIVAL_MS = 1000, SEND_EVERY_NS = 50000, SAMPLES_MAX = 10000, AWAKE_NS = 50000 };

static void poll_ports(struct vgen *g)
{
	for (uint32_t nr = 0; nr < g->o.port_count; nr++)
		(void)port_receive(&g->ports[nr]);
}

/* False: there is no room. */
static bool make_one(struct vgen *g)
{
	struct flow_shape shape = vgen_shape(g, false);
	struct flow_head head;

	if (port_room(&g->ports[0], 1, true) == 0)
		return false;
	flow_write(&shape, 0, 1, &head);
	memcpy(port_frame(&g->ports[0], 0), head.bytes, FLOW_HEAD);
	return true;
}

static void send_one(struct vgen *g)
{
	if (make_one(g))
		port_send_now(&g->ports[0], 1, g->o.size);
}

static void print_samples(const char *prefix, uint64_t *ns, uint32_t count)
{
	samples_sort(ns, count);
	printf("\"%sp50_us\": %.1f, \"%sp99_us\": %.1f, \"%smax_us\": %.1f, ", prefix,
	       (double)samples_at(ns, count, 0.5) / NS_PER_US, prefix,
	       (double)samples_at(ns, count, 0.99) / NS_PER_US, prefix,
	       (double)samples_at(ns, count, 1) / NS_PER_US);
}

static void print(const struct vgen *g, uint64_t *ns, uint32_t count, uint64_t first_ns)
{
	printf("{\"mode\": \"%s\", \"samples\": %u, ", g->o.mode, count);
	print_samples("", ns, count);
	if (g->o.beside >= 0 && !first_ns)
		print_samples("bare_", ns + count, count);
	printf("\"first_ns\": %llu, ", (unsigned long long)first_ns);
	vgen_print_ports(g);
	printf("}\n");
}

/* ---- wake ------------------------------------------------------------------------------------- */

/* The generator has been asleep as well, and what that costs is not the switch's. */
static void wake_ourselves(struct vgen *g)
{
	uint64_t end = clock_ns() + AWAKE_NS;

	while (clock_ns() < end)
		poll_ports(g);
}

static int wake_once(struct vgen *g, uint64_t *ns, struct xvs_error *err)
{
	uint64_t before;
	uint64_t start;
	bool is_ready;

	(void)poll(NULL, 0, (int)g->o.idle_ms);
	wake_ourselves(g);
	before = g->ports[1].received;
	is_ready = make_one(g);
	start = clock_ns();
	if (is_ready)
		port_send_now(&g->ports[0], 1, g->o.size);
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

/* Samples of the switch, then of the sleeper if there is one. */
static int wake_in_turn(struct vgen *g, struct sleeper *beside, uint64_t *ns, struct xvs_error *err)
{
	int rc = vgen_prepare(g, err);

	for (uint32_t i = 0; rc == 0 && i < g->o.samples; i++) {
		rc = wake_once(g, &ns[i], err);
		if (!beside)
			continue;
		(void)poll(NULL, 0, (int)g->o.idle_ms);
		wake_ourselves(g);
		ns[g->o.samples + i] = sleeper_wake(beside);
	}
	return rc;
}

int vgen_wake(struct vgen *g, struct xvs_error *err)
{
	uint64_t *ns = calloc((size_t)2 * g->o.samples, sizeof(*ns));
	const bool has_other = g->o.beside >= 0;
	struct sleeper other;
	int rc;

	if (!ns)
		return error_set(err, -ENOMEM, "", "out of memory");
	if (has_other && !sleeper_start(&other, (uint32_t)g->o.beside))
		rc = error_set(err, -errno, "", "a thread to be woken: %s", strerror(errno));
	else
		rc = wake_in_turn(g, has_other ? &other : NULL, ns, err);
	if (rc == 0)
		print(g, ns, g->o.samples, 0);
	if (has_other)
		sleeper_stop(&other);
	free(ns);
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
