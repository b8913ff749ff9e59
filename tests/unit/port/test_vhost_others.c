/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/*
 * While we were away somebody else was the device, gave back some of what the guest had made available
 * and left it at that: as QEMU does with packed rings.  Nothing may wait for what is given back already.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/eventfd.h>

#include "port/ring_guest.h"
#include "port/vhost_user/batch.h"

enum { HEADER = 12, FRAME = 100, SIZE = 50, EVENT_DISABLE = 1, EVENT_DESC = 2 };

static const uint64_t packed = UINT64_C(1) << VHOST_RING_PACKED;

/* ---- the guest ----------------------------------------------------------------------------------- */

/* Its frames have lengths of FRAME and as many bytes as it sent before. */
static void post_pieces(struct guest *g, uint32_t nr, uint32_t pieces)
{
	const uint32_t len = HEADER + FRAME + nr;
	const uint64_t at = guest_alloc(g, len, 1);
	struct guest_piece some[4];

	memset(guest_at(g, at), 0, len);
	for (uint32_t i = 0; i < pieces; i++)
		some[i] = (struct guest_piece){ at + i * (uint64_t)HEADER, HEADER };
	some[pieces - 1].len = len - (pieces - 1) * HEADER;
	assert_true(guest_post(g->rings[1], some, pieces, 0) >= 0);
}

static void post(struct guest *g, uint32_t from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		post_pieces(g, from + i, 1);
}

/* The number of the frame that is received, -1: there is none. */
static int receive(struct guest *g)
{
	struct packet *p;
	int nr;

	if (guest_rx(g, 0, &p, 1) == 0)
		return -1;
	nr = (int)p->x.len - FRAME;
	guest_rx_done(g, 0, &p, 1);
	return nr;
}

static void receive_all(struct guest *g, int from, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(receive(g), from + i);
}

static uint32_t take_back(struct guest *g)
{
	uint32_t count = 0;
	uint32_t len;

	while (guest_used(g->rings[1], &len) >= 0)
		count++;
	return count;
}

/* So many places are behind us, of the lap that begins the ring. */
static struct guest *guest_at_place(uint32_t place)
{
	struct guest *g = guest_with(packed, SIZE);

	post(g, 0, place);
	receive_all(g, 0, (int)place);
	assert_int_equal(take_back(g), place);
	return g;
}

/* ---- the other device ---------------------------------------------------------------------------- */

/* virtqueue_packed_drop_all(): the chain whose first descriptor is there goes back, of no length. */
static void other_gives_back(struct guest *g, uint16_t position)
{
	uint8_t *d = g->rings[1]->desc + (position & 0x7fff) * 16;
	const uint32_t len = 0;
	const uint16_t flags = position & 0x8000 ? GUEST_AVAIL | GUEST_USED : 0;

	memcpy(d + 8, &len, sizeof(len));
	__atomic_store_n((uint16_t *)(void *)(d + 14), flags, __ATOMIC_RELEASE);
}

static void assert_all_came_back(struct guest *g, uint32_t count)
{
	assert_int_equal(take_back(g), count);
	assert_int_equal(g->rings[1]->room, SIZE);
	assert_false(vhost_is_broken(&g->d));
}

/* ---- what becomes of it --------------------------------------------------------------------------- */

static void goes_on_behind_what_somebody_else_gave_back(void **state)
{
	(void)state;
	for (uint32_t place = SIZE - 3; place <= SIZE + 2; place++) {
		for (uint32_t others = 1; others <= 5; others++) {
			struct guest *g = guest_at_place(place % SIZE);
			const int first = (int)(place % SIZE);
			uint16_t at;

			/* two chains for us, then theirs, then some for us again */
			post(g, (uint32_t)first, 2 + others + 3);
			at = guest_forward(g->rings[1], 0x8000, (uint32_t)first + 2);
			for (uint32_t i = 0; i < others; i++)
				other_gives_back(g, guest_forward(g->rings[1], at, i));
			receive_all(g, first, 2);
			assert_int_equal(receive(g), -1);
			receive_all(g, first + 2 + (int)others, 3);
			assert_int_equal(receive(g), -1);
			assert_int_equal(g->d.rings[1].passed, others);
			assert_int_equal(g->d.rings[1].bad, 0);
			assert_all_came_back(g, 2 + others + 3);
			guest_destroy(g);
		}
	}
}

/* Their used element is in the first of its slots, and the others are as the guest made them. */
static void gives_back_the_rest_of_a_chain_unread(void **state)
{
	(void)state;
	for (uint32_t pieces = 2; pieces <= 4; pieces++) {
		struct guest *g = guest_at_place(SIZE - 1);

		post(g, 0, 1);
		post_pieces(g, 1, pieces);
		post_pieces(g, 2, pieces);
		post(g, 3, 2);
		other_gives_back(g, 0);
		other_gives_back(g, (uint16_t)pieces);
		receive_all(g, 0, 1);
		assert_int_equal(receive(g), -1);
		assert_int_equal(receive(g), -1);
		receive_all(g, 3, 2);
		assert_int_equal(g->d.rings[1].passed, 2);
		assert_int_equal(g->d.rings[1].bad, 2);
		assert_all_came_back(g, 5);
		guest_destroy(g);
	}
}

/* It looks like the rest of the one before, so it is lost; but it comes back, and what is behind it. */
static void gives_back_a_chain_with_the_same_id(void **state)
{
	struct guest *g = guest_at_place(0);

	(void)state;
	post(g, 0, 1);
	other_gives_back(g, 0x8000);
	assert_int_equal(take_back(g), 1);
	post(g, 1, 3); /* the driver takes the id that came back last */
	assert_int_equal(receive(g), -1);
	receive_all(g, 2, 2);
	assert_int_equal(g->d.rings[1].bad, 1);
	assert_all_came_back(g, 3);
	guest_destroy(g);
}

/* The place where it waits to be told may be one that nobody passes any more. */
static void interrupts_the_guest_for_it(void **state)
{
	const int call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	const uint16_t wish[2] = { 0, EVENT_DESC };
	struct guest *g;
	eventfd_t count;

	(void)state;
	g = guest_create(1, 1);
	g->view->features |= packed | UINT64_C(1) << VHOST_RING_EVENT_IDX;
	(void)guest_add_ring(g, 1, SIZE);
	guest_start(g);
	g->view->rings[1].call = call;
	memcpy(g->rings[1]->driver, wish, sizeof(wish));
	post(g, 0, 2);
	other_gives_back(g, 0x8000);
	other_gives_back(g, 0x8001);
	assert_int_equal(receive(g), -1);
	assert_int_equal(eventfd_read(call, &count), 0);
	assert_all_came_back(g, 2);
	guest_destroy(g);
	(void)close(call);
}

/* A ring full of them, as only a guest that plays with us makes it: a while at a time, and no harm. */
static void does_not_look_at_them_for_ever(void **state)
{
	struct guest *g = guest_with(packed, 1024);

	(void)state;
	for (uint32_t lap = 0; lap < 3; lap++) {
		for (uint32_t i = 0; i < 1024; i++)
			other_gives_back(g, (uint16_t)(i | (lap % 2 ? 0 : 0x8000)));
		for (uint32_t i = 0; i < 4; i++) {
			assert_int_equal(g->d.rings[1].passed, lap * 1024 + i * 256);
			assert_true(vhost_arm(&g->d.backend, 0));
			assert_int_equal(receive(g), -1);
		}
		assert_false(vhost_arm(&g->d.backend, 0));
	}
	assert_false(vhost_is_broken(&g->d));
	guest_destroy(g);
}

/* ---- after a restart ------------------------------------------------------------------------------ */

static char folder[] = "/tmp/xvs-others-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	vhost_mirror_remove(folder, "p");
	return rmdir(folder);
}

/* A daemon that knows what the last one knew, told by the front end to begin at 'base'. */
static struct guest *daemon_of(const struct guest *g, uint32_t base)
{
	struct xvs_error err = ERROR_INIT;
	struct vhost_mirror *m;
	struct guest *device;

	assert_int_equal(vhost_mirror_open(folder, "p", 2, 1, &m, &err), 0);
	device = guest_create_with(dup(g->fd), 1, 1, m);
	device->view->features = g->view->features;
	device->rings[1] = g->rings[1];
	guest_show_ring(device, 1);
	vhost_ring_start(&device->d.rings[1], device->view, base);
	rcu_publish(&device->d.view, device->view);
	return device;
}

static void daemon_end(struct guest *device)
{
	struct vhost_mirror *m = device->d.mirror;

	device->rings[1] = NULL;
	guest_destroy(device);
	vhost_mirror_close(m);
}

/*
 * QEMU begins at the start of the ring, where it was told last to begin, and drops one chain or all of
 * them; it tells where it came to.  We had come to some place before, or just there.
 */
static void goes_on_after_a_restart_in_between(void **state)
{
	(void)state;
	for (uint32_t before = 0; before <= 3; before++) {
		for (uint32_t others = 1; others <= 4; others++) {
			struct guest *g = guest_create(1, 1);
			struct guest *device;
			const uint32_t sent = 2 * SIZE - before;

			g->view->features |= packed;
			(void)guest_add_ring(g, 1, SIZE);
			device = daemon_of(g, 0x8000);
			for (uint32_t i = 0; i < sent; i++) {
				post(g, i, 1);
				receive_all(device, (int)i, 1);
				assert_int_equal(take_back(g), 1);
			}
			daemon_end(device);
			post(g, sent, before + 4 + 2);
			for (uint32_t i = 0; i < others; i++)
				other_gives_back(g, (uint16_t)(0x8000 | i));
			device = daemon_of(g, 0x8000 | others);
			receive_all(device, (int)sent, (int)before);
			if (before > 0)
				assert_int_equal(receive(device), -1);
			receive_all(device, (int)(sent + before + others), (int)(4 - others) + 2);
			assert_all_came_back(g, before + 4 + 2);
			daemon_end(device);
			guest_destroy(g);
		}
	}
}

/* ---- sleep ----------------------------------------------------------------------------------------- */

static bool is_kicked(const struct guest *g)
{
	eventfd_t count;

	return eventfd_read(g->d.wake[0], &count) == 0;
}

static bool is_asked_to_kick(const struct guest *g)
{
	uint16_t flags;

	memcpy(&flags, g->rings[1]->device + 2, sizeof(flags));
	return flags != EVENT_DISABLE;
}

/*
 * A worker that somebody else woke looks at a ring whose kicks are on: what it takes without giving any
 * packet to the path must not leave it asleep with kicks asked for at a place that is behind it.
 */
static void is_awake_after_what_gave_no_packet(void **state)
{
	const struct guest_piece odd = { GUEST_HIGH, 5 };
	struct guest *g = guest_with(packed, SIZE);

	(void)state;
	g->d.wake[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_false(vhost_arm(&g->d.backend, 0));
	assert_int_equal(receive(g), -1);
	assert_false(is_kicked(g));

	post(g, 0, 1);
	other_gives_back(g, 0x8000);
	assert_int_equal(receive(g), -1);
	assert_true(is_kicked(g));

	vhost_disarm(&g->d.backend, 0);
	assert_false(vhost_arm(&g->d.backend, 0));
	assert_true(guest_post(g->rings[1], &odd, 1, 0) >= 0);
	assert_int_equal(receive(g), -1);
	assert_int_equal(g->d.rings[1].bad, 1);
	assert_true(is_kicked(g));
	assert_true(is_asked_to_kick(g));
	(void)close(g->d.wake[0]);
	guest_destroy(g);
}

/* No packet is left in the pool: the guest's waits, and so may not its worker. */
static void is_awake_after_what_it_could_not_take(void **state)
{
	struct guest *g = guest_with(packed, SIZE);
	struct packet *all[1024];

	(void)state;
	g->d.wake[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(packet_new_burst(g->pool, all, 1024), 1024);
	assert_false(vhost_arm(&g->d.backend, 0));
	post(g, 0, 1);
	assert_int_equal(receive(g), -1);
	assert_true(is_kicked(g));
	assert_true(is_asked_to_kick(g));
	packet_free_burst(g->pool, all, 1024);
	assert_int_equal(receive(g), 0);
	assert_false(is_asked_to_kick(g));
	(void)close(g->d.wake[0]);
	guest_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_behind_what_somebody_else_gave_back),
		cmocka_unit_test(gives_back_the_rest_of_a_chain_unread),
		cmocka_unit_test(gives_back_a_chain_with_the_same_id),
		cmocka_unit_test(interrupts_the_guest_for_it),
		cmocka_unit_test(does_not_look_at_them_for_ever),
		cmocka_unit_test(goes_on_after_a_restart_in_between),
		cmocka_unit_test(is_awake_after_what_gave_no_packet),
		cmocka_unit_test(is_awake_after_what_it_could_not_take),
	};

	return cmocka_run_group_tests_name("vhost_others", tests, make_folder, remove_folder);
}
