/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Workers that send to one ring at the same time, while the guest takes and gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>

#include "port/ring_guest.h"

enum { SENDERS = 3, HEADER = 12, ROOM = 256, EACH = 5000, BURST = 32 };

static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

struct sender {
	struct guest *g;
	uint32_t worker;
	uint64_t dropped;
	pthread_t id;
};

static struct packet *make_packet(struct pool *pool, uint32_t worker, uint32_t nr)
{
	struct packet *p = packet_new(pool);
	uint32_t len = 64 + (nr * 7 + worker) % 60;

	memset(p->x.data, (int)worker + 1, len);
	memcpy(p->x.data + 14, &nr, sizeof(nr));
	p->x.len = len;
	p->x.linear = len;
	p->x.hash = worker << 30 | nr;
	return p;
}

/* Numbers its packets, and sends each until there was room. */
static void *send_all(void *arg)
{
	const struct pool_limits limits = { .packets = BURST, .small = 1, .large = 1 };
	struct sender *s = arg;
	struct pool *pool = pool_create(&limits);
	struct packet *pkts[BURST];
	uint32_t nr = 0;

	while (nr < EACH) {
		uint32_t count = 1 + nr % BURST;
		uint32_t sent = 0;

		if (count > EACH - nr)
			count = EACH - nr;
		for (uint32_t i = 0; i < count; i++)
			pkts[i] = make_packet(pool, s->worker, nr + i);
		while (sent < count) {
			uint32_t some =
				vhost_tx(&s->g->d.backend, s->worker, pkts + sent, count - sent);

			if (!some)
				(void)sched_yield();
			sent += some;
		}
		nr += count;
		packet_free_burst(pool, pkts, count);
	}
	pool_destroy(pool);
	return NULL;
}

/* What comes in of one sender comes in order, and whole. */
static void check(struct guest *g, uint64_t at, uint32_t len, uint32_t next[SENDERS])
{
	const uint8_t *frame = guest_at(g, at) + HEADER;
	uint32_t worker = frame[0] - 1u;
	uint32_t nr;

	assert_true(worker < SENDERS);
	memcpy(&nr, frame + 14, sizeof(nr));
	assert_int_equal(nr, next[worker]);
	next[worker]++;
	assert_int_equal(len, HEADER + 64 + (nr * 7 + worker) % 60);
	for (uint32_t i = 18; i < len - HEADER; i++)
		assert_int_equal(frame[i], worker + 1);
}

static uint32_t receive_some(struct guest *g, struct guest_ring *r, const uint64_t *places,
			     uint32_t next[SENDERS])
{
	uint32_t count = 0;
	uint32_t len;
	int nr;

	for (nr = guest_used(r, &len); nr >= 0; nr = guest_used(r, &len)) {
		const struct guest_piece again = { places[nr], ROOM };

		check(g, places[nr], len, next);
		assert_int_equal(guest_post(r, &again, 1, 0), nr);
		count++;
	}
	return count;
}

static void post_all(struct guest *g, struct guest_ring *r, uint64_t *places)
{
	while (r->room > 0) {
		const struct guest_piece one = { guest_alloc(g, ROOM, 64), ROOM };
		int nr = guest_post(r, &one, 1, 0);

		places[nr] = one.at;
	}
}

static void several_send_to_one_ring(void **state)
{
	static uint64_t places[2][VHOST_SIZE_MAX];

	(void)state;
	for (uint32_t n = 0; n < 4; n++) {
		uint32_t queues = 1 + n % 2;
		struct guest *g = guest_create(queues, SENDERS);
		struct sender senders[SENDERS];
		uint32_t next[SENDERS] = { 0 };
		uint64_t count = 0;

		g->view->features |= kinds[n / 2];
		for (uint32_t q = 0; q < queues; q++) {
			(void)guest_add_ring(g, 2 * q, n / 2 ? 50 : 64);
			post_all(g, g->rings[2 * q], places[q]);
		}
		guest_start(g);
		for (uint32_t i = 0; i < SENDERS; i++) {
			senders[i] = (struct sender){ .g = g, .worker = i };
			assert_int_equal(
				pthread_create(&senders[i].id, NULL, send_all, &senders[i]), 0);
		}
		while (count < SENDERS * EACH) {
			uint32_t some = 0;

			/* by its hash, each sender is on one of them */
			for (uint32_t q = 0; q < queues; q++)
				some += receive_some(g, g->rings[2 * q], places[q], next);
			if (!some)
				(void)sched_yield();
			count += some;
		}
		for (uint32_t i = 0; i < SENDERS; i++)
			assert_int_equal(pthread_join(senders[i].id, NULL), 0);
		assert_false(vhost_is_broken(&g->d));
		assert_int_equal(g->d.rings[0].packets + (queues > 1 ? g->d.rings[2].packets : 0),
				 SENDERS * EACH);
		guest_destroy(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_send_to_one_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
