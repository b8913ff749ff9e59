/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* A daemon that dies leaves its positions: the next one takes the rings up where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "port/ring_guest.h"
#include "port/vhost_user/vring.h"

enum { HEADER = 12, SPLIT_SIZE = 64, PACKED_SIZE = 50, FRAME = 100, ROOM = 2048 };

static char folder[] = "/tmp/xvs-mirror-XXXXXX";
static const uint64_t kinds[] = { 0, UINT64_C(1) << VHOST_RING_PACKED };

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command); /* NOLINT(cert-env33-c): a folder that we made */
}

static struct vhost_mirror *open_mirror(const char *port, uint32_t workers)
{
	struct xvs_error err = ERROR_INIT;
	struct vhost_mirror *m;

	if (vhost_mirror_open(folder, port, 4, workers, &m, &err))
		fail_msg("%s", err.text);
	return m;
}

/* The driver's side of it alone, with two rings to send from and one to receive. */
static struct guest *guest_alone(uint32_t k)
{
	struct guest *g = guest_create(2, 2);

	g->view->features |= kinds[k];
	(void)guest_add_ring(g, 0, k ? PACKED_SIZE : SPLIT_SIZE);
	(void)guest_add_ring(g, 1, k ? PACKED_SIZE : SPLIT_SIZE);
	(void)guest_add_ring(g, 3, k ? PACKED_SIZE : SPLIT_SIZE);
	return g;
}

/* Not started yet. */
static struct guest *device_of(const struct guest *g, const char *port)
{
	struct guest *device = guest_create_with(dup(g->fd), 2, 2, open_mirror(port, 2));

	device->view->features = g->view->features;
	for (uint32_t i = 0; i < GUEST_RINGS; i++)
		device->rings[i] = g->rings[i];
	return device;
}

/* Another daemon: the same guest, a device that knows what the mirror knows. */
static struct guest *daemon_of(const struct guest *g, const char *port)
{
	struct guest *device = device_of(g, port);

	guest_start(device);
	return device;
}

static void daemon_end(struct guest *device)
{
	struct vhost_mirror *m = device->d.mirror;

	for (uint32_t i = 0; i < GUEST_RINGS; i++)
		device->rings[i] = NULL;
	guest_destroy(device);
	vhost_mirror_close(m);
}

static void post_rooms(struct guest *g, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct guest_piece one = { guest_alloc(g, 64, 1), ROOM };

		assert_true(guest_post(g->rings[0], &one, 1, 0) >= 0);
	}
}

static void send(struct guest *device, uint32_t worker, uint32_t count)
{
	struct packet *pkts[64];

	for (uint32_t i = 0; i < count; i++) {
		pkts[i] = packet_new(device->pool);
		memset(pkts[i]->x.data, 5, FRAME);
		pkts[i]->x.len = FRAME;
		pkts[i]->x.linear = FRAME;
	}
	assert_int_equal(vhost_tx(&device->d.backend, worker, pkts, count), count);
	packet_free_burst(device->pool, pkts, count);
}

static void assert_used(struct guest *g, uint32_t count, uint32_t len)
{
	uint32_t got;

	for (uint32_t i = 0; i < count; i++) {
		assert_true(guest_used(g->rings[0], &got) >= 0);
		assert_int_equal(got, len);
	}
}

static void assert_no_more(struct guest *g)
{
	uint32_t got;

	assert_int_equal(guest_used(g->rings[0], &got), -1);
}

/* ---- each place where a daemon can die ------------------------------------------------------------------ */

static struct vring_chain chains[STAGE_CHAINS];
static struct vring_segment segments[SEGMENTS_ROOM];

/* Takes 'count' heads as tx does: its first step up to the publishing. */
static void reserve(struct guest *device, struct vring *vr, uint32_t worker, uint32_t count)
{
	struct vhost_taken *taken = &device->d.rings[0].mark->taken[worker];
	struct vring_stage st = { .chains = chains, .segments = segments, .used = taken->used };

	assert_true(vring_open(vr, &device->d, device->view, 0));
	st.position = vr->ring->at.next_avail;
	assert_int_equal(vring_stage(vr, &st, count, true), count);
	for (uint32_t i = 0; i < count; i++)
		taken->used[i].len = HEADER + FRAME;
	vring_commit(vr, taken, count, st.position);
}

static void gives_back_empty_what_was_taken(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_alone(k);
		struct guest *device = daemon_of(g, k ? "p" : "s");
		struct vring vr;

		post_rooms(g, 30);
		send(device, 0, 5);
		reserve(device, &vr, 1, 7);
		send(device, 0, 3); /* behind what the other worker has */
		daemon_end(device);
		device = daemon_of(g, k ? "p" : "s");
		assert_used(g, 8, HEADER + FRAME);
		assert_used(g, 7, 0);
		assert_no_more(g);
		send(device, 1, 15);
		assert_used(g, 15, HEADER + FRAME);
		assert_no_more(g);
		assert_int_equal(g->rings[0]->room, g->rings[0]->size);
		daemon_end(device);
		guest_destroy(g);
	}
}

/* Daemons of old gave each head of a split ring one slot. */
static void gives_back_what_an_older_daemon_took(void **state)
{
	struct guest *g = guest_alone(0);
	struct guest *device = daemon_of(g, "s");
	struct vring vr;

	(void)state;
	post_rooms(g, 30);
	reserve(device, &vr, 1, 7);
	for (uint32_t i = 0; i < 7; i++)
		device->d.rings[0].mark->taken[1].used[i].slots = 1;
	daemon_end(device);
	device = daemon_of(g, "s");
	assert_used(g, 7, 0);
	assert_no_more(g);
	daemon_end(device);
	guest_destroy(g);
}

/* It died before the position knew: nothing was taken, so nothing is given back. */
static void forgets_what_was_not_taken_yet(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_alone(k);
		struct guest *device = daemon_of(g, k ? "p" : "s");
		struct vhost_mark *mark = device->d.rings[0].mark;
		uint64_t position;
		struct vring vr;

		post_rooms(g, 30);
		send(device, 0, 5);
		position = atomic_load(&mark->position);
		reserve(device, &vr, 1, 7);
		atomic_store(&mark->position, position);
		daemon_end(device);
		device = daemon_of(g, k ? "p" : "s");
		assert_used(g, 5, HEADER + FRAME);
		assert_no_more(g);
		send(device, 1, 25);
		assert_used(g, 25, HEADER + FRAME);
		daemon_end(device);
		guest_destroy(g);
	}
}

enum death { BEFORE_RING, AFTER_RING, AFTER_POSITION };

static void die_publishing(struct guest *device, struct vring *vr, uint32_t count, enum death death)
{
	struct vhost_taken *taken = &device->d.rings[0].mark->taken[1];
	struct vhost_ring *r = &device->d.rings[0];
	uint16_t from = r->at.next_used;
	uint16_t to = vring_behind(vr, from, taken->used, count);

	atomic_store(&taken->state, taken_state(PHASE_PUBLISHING, count, from));
	if (death >= AFTER_RING)
		(void)vring_write_used(vr, taken, count);
	if (death >= AFTER_POSITION)
		ring_move(r, (struct vhost_position){ r->at.next_avail, to }, 0);
}

static void ends_what_was_being_given_back(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 6; n++) {
		struct guest *g = guest_alone(n / 3);
		struct guest *device = daemon_of(g, n / 3 ? "p" : "s");
		struct vring vr;

		/* laps, so that the wrap is not that of a fresh ring */
		for (uint32_t i = 0; i < 7; i++) {
			post_rooms(g, 30);
			send(device, 0, 30);
			assert_used(g, 30, HEADER + FRAME);
		}
		post_rooms(g, 30);
		reserve(device, &vr, 1, 7);
		die_publishing(device, &vr, 7, (enum death)(n % 3));
		daemon_end(device);
		device = daemon_of(g, n / 3 ? "p" : "s");
		assert_used(g, 7, HEADER + FRAME);
		assert_no_more(g);
		send(device, 0, 23);
		assert_used(g, 23, HEADER + FRAME);
		assert_no_more(g);
		daemon_end(device);
		guest_destroy(g);
	}
}

/* The driver sleeps, and wants to hear of the first buffer that comes back. */
static void want_one_interrupt(struct guest_ring *r)
{
	const uint16_t packed[2] = { 1u << 15, 2 /* RING_EVENT_FLAGS_DESC */ };
	uint16_t split = 0;

	if (r->is_packed)
		memcpy(r->driver, packed, sizeof(packed));
	else
		memcpy(r->driver + 4 + 2 * (size_t)r->size, &split, sizeof(split));
}

/* Its interrupts would be over for good: what comes later does not pass that place any more. */
static void interrupts_for_what_was_given_back_in_silence(void **state)
{
	const char *const successors[] = { "silent", "unknown" };

	(void)state;
	for (uint32_t n = 0; n < 4; n++) {
		uint32_t k = n % 2;
		struct guest *g = guest_alone(k);
		struct guest *device;
		struct vring vr;
		eventfd_t count;
		int call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

		g->view->features |= UINT64_C(1) << VHOST_RING_EVENT_IDX;
		want_one_interrupt(g->rings[0]);
		device = daemon_of(g, "silent");
		post_rooms(g, 30);
		reserve(device, &vr, 1, 7);
		(void)vring_publish(&vr, &device->d.rings[0].mark->taken[1], 7);
		daemon_end(device);
		device = device_of(g, successors[n / 2]);
		device->view->rings[0].call = call;
		guest_start(device);
		assert_int_equal(eventfd_read(call, &count), 0);
		assert_int_equal(count, 1);
		assert_used(g, 7, HEADER + FRAME);
		daemon_end(device);
		guest_destroy(g);
		(void)close(call);
	}
}

static void reads_a_batch_again_that_was_not_given_back(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_alone(k);
		struct guest *device = daemon_of(g, k ? "p" : "s");
		struct packet *pkts[64];
		uint32_t len;

		for (uint32_t i = 0; i < 20; i++) {
			const struct guest_piece one = { guest_alloc(g, ROOM, 1),
							 HEADER + FRAME + i };

			(void)guest_post(g->rings[1], &one, 1, 0);
		}
		assert_int_equal(guest_rx(device, 0, pkts, 8), 8);
		guest_rx_done(device, 0, pkts, 8);
		assert_int_equal(guest_rx(device, 0, pkts, 8), 8);
		daemon_end(device);
		device = daemon_of(g, k ? "p" : "s");
		assert_int_equal(guest_rx(device, 0, pkts, 64), 12);
		assert_int_equal(pkts[0]->x.len, FRAME + 8);
		guest_rx_done(device, 0, pkts, 12);
		for (uint32_t i = 0; i < 20; i++)
			assert_true(guest_used(g->rings[1], &len) >= 0);
		daemon_end(device);
		guest_destroy(g);
	}
}

/* ---- when the mirror is not believed ---------------------------------------------------------------------- */

/* The guest begins its rings anew, in the same place. */
static void reset_driver(struct guest *g)
{
	for (uint32_t i = 0; i < 4; i++) {
		struct guest_ring *r = g->rings[i];

		if (!r)
			continue;
		memset(r->desc, 0, (size_t)r->size * 16);
		memset(r->driver, 0, 4);
		memset(r->device, 0, 4);
		guest_driver_reset(r);
	}
}

static void believes_the_ring_before_the_mirror(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_alone(k);
		struct guest *device = daemon_of(g, k ? "p" : "s");

		post_rooms(g, 30);
		send(device, 0, 30);
		daemon_end(device);
		reset_driver(g);
		device = daemon_of(g, k ? "p" : "s");
		post_rooms(g, 30);
		send(device, 0, 30);
		assert_used(g, 30, HEADER + FRAME);
		daemon_end(device);
		guest_destroy(g);
	}
}

/* Of two pieces each, in a ring of an odd size: the next slot was the second of a chain a lap ago. */
static void goes_on_in_the_middle_of_a_chain_of_the_lap_before(void **state)
{
	struct guest *g = guest_create(2, 2);
	const struct guest_piece pieces[2] = { { guest_alloc(g, FRAME, 1), 50 },
					       { guest_alloc(g, FRAME, 1), HEADER + FRAME - 50 } };
	uint32_t len;

	(void)state;
	g->view->features |= kinds[1];
	(void)guest_add_ring(g, 1, 5);
	for (uint32_t i = 0; i < 12; i++) {
		struct guest *device = daemon_of(g, "odd-lap");
		struct packet *p;

		assert_true(guest_post(g->rings[1], pieces, 2, 0) >= 0);
		assert_int_equal(vhost_rx(&device->d.backend, 0, device->pool, &p, 1), 1);
		vhost_rx_done(&device->d.backend, 0);
		packet_free(p);
		assert_true(guest_used(g->rings[1], &len) >= 0);
		daemon_end(device);
	}
	guest_destroy(g);
}

static void forgets_when_the_front_end_knows(void **state)
{
	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_alone(k);
		struct guest *device = daemon_of(g, k ? "p" : "s");
		uint32_t base;

		post_rooms(g, 30);
		send(device, 0, 20);
		assert_used(g, 20, HEADER + FRAME);
		base = vhost_ring_stop(&device->d.rings[0], device->view);
		assert_int_equal(base, k ? 20 | 1u << 15 | 20u << 16 | 1u << 31 : 20);
		vhost_ring_forget(&device->d.rings[0]);
		vhost_ring_start(&device->d.rings[0], device->view, base);
		send(device, 0, 10);
		assert_used(g, 10, HEADER + FRAME);
		daemon_end(device);
		guest_destroy(g);
	}
}

static void knows_nothing_of_other_memory(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		struct guest *g = guest_alone(0);
		struct guest *device = daemon_of(g, "other");

		post_rooms(g, 30);
		send(device, 0, 10 + i);
		assert_used(g, 10 + i, HEADER + FRAME);
		daemon_end(device);
		guest_destroy(g);
	}
}

static void begins_a_file_anew_that_is_none_of_ours(void **state)
{
	char path[128];
	struct vhost_mirror *m = open_mirror("odd", 2);
	struct stat st;
	int fd;

	(void)state;
	vhost_mirror_mark(m, 0)->workers = 7;
	vhost_mirror_close(m);
	m = open_mirror("odd", 5);
	assert_int_equal(vhost_mirror_mark(m, 0)->workers, 7);
	vhost_mirror_close(m);
	(void)snprintf(path, sizeof(path), "%s/vhost/odd.rings", folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "something", 9, 0), 9);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	(void)close(fd);
	m = open_mirror("odd", 2);
	assert_int_equal(vhost_mirror_mark(m, 0)->workers, 0);
	vhost_mirror_close(m);
}

static void removes_its_own_file_alone(void **state)
{
	const char *paths[] = { "stays", "goes" };
	char path[64], vhost[64];

	(void)state;
	for (int i = 0; i < 2; i++)
		vhost_mirror_close(open_mirror(paths[i], 1));
	vhost_mirror_remove(folder, "goes");
	vhost_mirror_remove(folder, "never/was");
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/vhost/%s.rings", folder, paths[i]);
		assert_int_equal(access(path, F_OK), -i);
	}
	(void)snprintf(vhost, sizeof(vhost), "%s/vhost", folder);
	assert_int_equal(access(vhost, F_OK), 0);
}

/* What is blank may be thrown away with a port that never was; no file, or none of ours, is not. */
static void tells_a_file_that_says_nothing(void **state)
{
	struct vhost_mirror *m = open_mirror("blank", 1);
	char path[64];
	int fd;

	(void)state;
	assert_true(vhost_mirror_is_blank(folder, "blank"));
	assert_false(vhost_mirror_is_blank(folder, "absent"));
	assert_false(vhost_mirror_is_blank(folder, "../blank"));
	for (uint32_t nr = 0; nr < 4; nr++) {
		atomic_store(&vhost_mirror_mark(m, nr)->is_valid, 1);
		assert_false(vhost_mirror_is_blank(folder, "blank"));
		atomic_store(&vhost_mirror_mark(m, nr)->is_valid, 0);
	}
	assert_true(vhost_mirror_is_blank(folder, "blank"));
	vhost_mirror_close(m);
	(void)snprintf(path, sizeof(path), "%s/vhost/blank.rings", folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "something", 9, 0), 9);
	assert_false(vhost_mirror_is_blank(folder, "blank"));
	assert_int_equal(ftruncate(fd, 8), 0);
	assert_false(vhost_mirror_is_blank(folder, "blank"));
	(void)close(fd);
}

static void says_why_it_keeps_no_positions(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct vhost_mirror *m;

	(void)state;
	assert_true(vhost_mirror_open("/proc/nowhere", "p1", 2, 1, &m, &err) < 0);
	assert_non_null(
		strstr(err.text, "port p1: ring positions cannot be kept in /proc/nowhere"));
	assert_true(vhost_mirror_open(folder, "../p1", 2, 1, &m, &err) < 0);
	assert_true(vhost_mirror_open(folder, "p1", 2, WORKERS_MAX + 1, &m, &err) < 0);
}

/* ---- kill -9, at any moment ---------------------------------------------------------------------------------- */

struct thread {
	struct guest *device;
	uint32_t worker;
	pthread_t id;
};

/* A worker: takes from its queue, sends to the ring that both send to. */
static void *forward(void *arg)
{
	const struct thread *t = arg;
	struct vhost_device *d = &t->device->d;
	const struct pool_limits limits = { .packets = 128, .small = 4, .large = 4 };
	struct pool *pool = pool_create(&limits);
	struct packet *pkts[64];

	for (;;) {
		uint32_t count = vhost_rx(&d->backend, t->worker, pool, pkts, 16);

		if (!count)
			continue;
		(void)vhost_tx(&d->backend, t->worker, pkts, count);
		vhost_rx_done(&d->backend, t->worker);
		packet_free_burst(pool, pkts, count);
	}
	return NULL;
}

static pid_t start_daemon(const struct guest *g, const char *port)
{
	pid_t child = fork();
	struct thread threads[2];
	struct guest *device;

	if (child)
		return child;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* not to outlive a test that fails */
	device = daemon_of(g, port);
	for (uint32_t i = 0; i < 2; i++) {
		threads[i] = (struct thread){ .device = device, .worker = i };
		(void)pthread_create(&threads[i].id, NULL, forward, &threads[i]);
	}
	for (;;) {
		if (vhost_is_broken(&device->d))
			_exit(1);
		(void)usleep(1000);
	}
}

struct traffic {
	uint64_t frames; /* where packets to send are */
	uint64_t rooms;
	uint32_t received, empty;
};

static void drive_sender(struct guest *g, struct guest_ring *r, const struct traffic *t)
{
	uint32_t len;

	while (guest_used(r, &len) >= 0)
		;
	while (r->room >= 3) {
		uint32_t cut = HEADER + 14 + (r->room * 7) % 60;
		const struct guest_piece pieces[2] = { { t->frames, cut },
						       { t->frames + cut, HEADER + FRAME - cut } };

		(void)guest_post(r, pieces, 1 + r->room % 2, 0);
	}
	(void)g;
}

static void drive_receiver(struct guest *g, struct traffic *t)
{
	struct guest_ring *r = g->rings[0];
	uint32_t len;

	while (guest_used(r, &len) >= 0) {
		t->received++;
		t->empty += len == 0;
	}
	while (r->room >= 1) {
		const struct guest_piece one = { t->rooms, ROOM };

		(void)guest_post(r, &one, 1, 0);
	}
}

enum { PATIENCE = 1000000 };

/*
 * For about so long, by turns, since time on a busy machine says nothing; and until so many packets
 * were received in all, or the daemon was too slow to be killed at work.
 */
static void drive(struct guest *g, struct traffic *t, uint32_t turns, uint32_t received)
{
	for (uint32_t i = 0; i < turns || (t->received < received && i < PATIENCE); i++) {
		drive_sender(g, g->rings[1], t);
		drive_sender(g, g->rings[3], t);
		drive_receiver(g, t);
		if (i % 16 == 0)
			(void)usleep(20);
	}
}

/* Nothing more to send: everything sent comes back, and what is left to receive into is used up. */
static void drain(struct guest *g, struct traffic *t)
{
	struct guest_ring *r = g->rings[0];
	uint32_t len;

	for (uint32_t i = 0; i < 100000; i++) {
		drive_sender(g, g->rings[1], t);
		while (guest_used(r, &len) >= 0)
			;
		if (r->room == r->size)
			return;
		(void)usleep(100);
	}
	fail_msg("%u buffers never came back", r->size - r->room);
}

static void drain_sender(struct guest_ring *r)
{
	uint32_t len;

	for (uint32_t i = 0; i < 100000 && r->room < r->size; i++) {
		while (guest_used(r, &len) >= 0)
			;
		(void)usleep(100);
	}
	assert_int_equal(r->room, r->size);
}

static void kill_daemon(pid_t child)
{
	int status;

	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status)); /* and not ended by itself: nothing broke */
}

/* guest_used() sees to it that nothing comes back twice. */
static void loses_no_buffer_when_killed(void **state)
{
	uint32_t turn = 1;

	(void)state;
	for (uint32_t k = 0; k < 2; k++) {
		struct guest *g = guest_alone(k);
		struct traffic t = { .received = 0 };
		pid_t child;

		t.frames = guest_alloc(g, HEADER + FRAME, 1);
		t.rooms = guest_alloc(g, ROOM, 1);
		for (uint32_t i = 0; i < 40; i++) {
			turn = turn * 1103515245 + 12345;
			child = start_daemon(g, k ? "kp" : "ks");
			/* every other one at work; those between at any moment, also before */
			drive(g, &t, 20 + (turn >> 16) % 200, i % 2 ? t.received + 16 : 0);
			kill_daemon(child);
		}
		child = start_daemon(g, k ? "kp" : "ks");
		drain(g, &t);
		drain_sender(g->rings[1]);
		drain_sender(g->rings[3]);
		kill_daemon(child);
		assert_true(t.received > 200);
		guest_destroy(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_empty_what_was_taken),
		cmocka_unit_test(gives_back_what_an_older_daemon_took),
		cmocka_unit_test(forgets_what_was_not_taken_yet),
		cmocka_unit_test(ends_what_was_being_given_back),
		cmocka_unit_test(interrupts_for_what_was_given_back_in_silence),
		cmocka_unit_test(reads_a_batch_again_that_was_not_given_back),
		cmocka_unit_test(believes_the_ring_before_the_mirror),
		cmocka_unit_test(goes_on_in_the_middle_of_a_chain_of_the_lap_before),
		cmocka_unit_test(forgets_when_the_front_end_knows),
		cmocka_unit_test(knows_nothing_of_other_memory),
		cmocka_unit_test(begins_a_file_anew_that_is_none_of_ours),
		cmocka_unit_test(removes_its_own_file_alone),
		cmocka_unit_test(tells_a_file_that_says_nothing),
		cmocka_unit_test(says_why_it_keeps_no_positions),
		cmocka_unit_test(loses_no_buffer_when_killed),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
