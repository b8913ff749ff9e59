/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Memory of a guest: what is mapped, where addresses lead, what becomes of a file that is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "port/ring_guest.h"

/*
 * An atomic access is a call of TSan's runtime, which holds a lock meanwhile: where it is that access
 * that faults, the atomics of the handler wait for the lock for ever.
 */
#if defined(__SANITIZE_THREAD__)
#define ATOMICS_MAY_FAULT 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ATOMICS_MAY_FAULT 0
#endif
#endif
#ifndef ATOMICS_MAY_FAULT
#define ATOMICS_MAY_FAULT 1
#endif

enum { HEADER = 12 };

static int some_file(uint64_t size)
{
	int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static struct vhost_mapping *map(int fd, uint64_t size, uint64_t offset, struct xvs_error *err)
{
	static struct vhost_device d = { .port_name = "p1" };

	return vhost_map(&d, fd, size, offset, err);
}

static void maps_a_part_of_a_file(void **state)
{
	struct xvs_error err = ERROR_INIT;
	int fd = some_file(1 << 20);
	struct vhost_mapping *m;
	uint64_t id[3];

	(void)state;
	assert_int_equal(pwrite(fd, "here", 4, 5000), 4);
	m = map(dup(fd), 1000, 5000, &err);
	assert_non_null(m);
	assert_memory_equal(vhost_mapping_bytes(m), "here", 4);
	vhost_mapping_id(m, id);
	assert_int_equal(id[2], 5000);
	assert_ptr_equal(vhost_mapping_get(m), m);
	vhost_mapping_put(m);
	assert_memory_equal(vhost_mapping_bytes(m), "here", 4); /* one reference is left */
	vhost_mapping_put(m);
	vhost_mapping_put(NULL);
	(void)close(fd);
}

static void refuses_what_cannot_be_mapped(void **state)
{
	static const struct {
		uint64_t size, offset;
	} lies[] = {
		{ 4097, 0 },
		{ 1, 4096 },
		{ 0, 0 },
		{ UINT64_MAX, 1 },
		{ 4096, UINT64_MAX - 100 },
		{ 1, 1u << 31 },
		{ UINT64_MAX, 0 },
		{ 1, INT64_MAX },
	};
	struct xvs_error err = ERROR_INIT;
	int pipes[2];

	(void)state;
	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		assert_null(map(some_file(4096), lies[i].size, lies[i].offset, &err));
		assert_non_null(strstr(err.text, "cannot be mapped"));
	}
	assert_int_equal(pipe(pipes), 0);
	assert_null(map(pipes[0], 4096, 0, &err));
	assert_non_null(strstr(err.text, "share=on"));
	(void)close(pipes[1]);
	assert_null(map(-1, 4096, 0, &err));
	assert_null(map(open("/", O_RDONLY | O_CLOEXEC), 4096, 0, &err));
}

static void finds_addresses_and_nothing_beside_them(void **state)
{
	struct guest *g = guest_create(1, 1);
	const struct vhost_view *v = g->view;
	uint8_t *low = v->regions[0].host;
	uint64_t guest;

	(void)state;
	assert_ptr_equal(vhost_at_guest(v, GUEST_LOW, GUEST_HALF), low);
	assert_ptr_equal(vhost_at_guest(v, GUEST_LOW + 5, GUEST_HALF - 5), low + 5);
	assert_null(vhost_at_guest(v, GUEST_LOW + 5, GUEST_HALF - 4));
	assert_null(vhost_at_guest(v, GUEST_LOW - 1, 1));
	assert_null(vhost_at_guest(v, UINT64_MAX, 2));
	assert_null(vhost_at_guest(v, GUEST_LOW + 1, UINT64_MAX));
	assert_null(vhost_at_guest(v, 0, UINT64_MAX));
	assert_ptr_equal(vhost_at_user(v, GUEST_USER + 7, 1), low + 7);
	/* side by side in the file, yet two regions */
	assert_null(vhost_at_user(v, GUEST_USER + GUEST_HALF - 1, 2));
	assert_true(vhost_user_to_guest(v, GUEST_USER + GUEST_HALF + 9, 1, &guest));
	assert_int_equal(guest, GUEST_HIGH + 9);
	assert_false(vhost_user_to_guest(v, 0, 1, &guest));
	guest_destroy(g);
}

/* ---- files that are cut ----------------------------------------------------------------------------- */

static struct guest *guest_with_packet(uint64_t features, uint64_t at, uint32_t len)
{
	struct guest *g = guest_with(features, 64);
	const struct guest_piece one = { at, HEADER + len };

	memset(guest_at(g, at), 0, HEADER);
	memset(guest_at(g, at) + HEADER, 0xaa, len);
	assert_true(guest_post(g->rings[1], &one, 1, 0) >= 0);
	return g;
}

static void survives_payload_that_is_gone(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 2; k++) {
		struct guest *g =
			guest_with_packet(k << VHOST_RING_PACKED, GUEST_HIGH + 4096, 9000);
		struct packet *p;
		uint8_t byte = 1;

		/* the first page stays, so the header is there, and the rest is lent */
		assert_int_equal(ftruncate(g->fd, GUEST_HALF + 8192), 0);
		assert_int_equal(guest_rx(g, 0, &p, 1), 1);
		assert_true(packet_read(p, 100, &byte, 1));
		assert_int_equal(byte, 0xaa);
		assert_false(vhost_is_broken(&g->d));
		assert_true(packet_read(p, 8999, &byte, 1));
		assert_int_equal(byte, 0);
		assert_true(vhost_is_broken(&g->d));
		assert_non_null(strstr(g->d.broken_why, "cut the file"));
		guest_rx_done(g, 0, &p, 1);
		assert_int_equal(guest_rx(g, 0, &p, 1), 0);
		guest_destroy(g);
	}
}

static void survives_rings_that_are_gone(void **state)
{
	(void)state;
	if (!ATOMICS_MAY_FAULT)
		skip();
	for (uint64_t k = 0; k < 2; k++) {
		struct guest *g = guest_with_packet(k << VHOST_RING_PACKED, GUEST_HIGH, 100);
		struct packet *p;

		assert_int_equal(guest_rx(g, 0, &p, 1), 1);
		assert_int_equal(ftruncate(g->fd, 0), 0);
		assert_int_equal(vhost_tx(&g->d.backend, 0, &p, 1), 0);
		assert_true(vhost_is_broken(&g->d));
		guest_rx_done(g, 0, &p, 1);
		guest_destroy(g);
	}
}

static void survives_a_target_that_is_gone(void **state)
{
	(void)state;
	for (uint64_t k = 0; k < 2; k++) {
		struct guest *g =
			guest_with_packet(k << VHOST_RING_PACKED, GUEST_LOW + 900000, 3000);
		const struct guest_piece room = { GUEST_HIGH + 100, 4000 };
		struct packet *p;

		(void)guest_post(g->rings[0], &room, 1, 0);
		assert_int_equal(guest_rx(g, 0, &p, 1), 1);
		assert_int_equal(ftruncate(g->fd, GUEST_HALF), 0);
		assert_int_equal(vhost_tx(&g->d.backend, 0, &p, 1), 1);
		assert_true(vhost_is_broken(&g->d));
		guest_rx_done(g, 0, &p, 1);
		guest_destroy(g);
	}
}

static void in_child(void (*fn)(void), int *status)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		fn();
		_exit(99);
	}
	assert_int_equal(waitpid(child, status, 0), child);
}

static void touch_a_hole_of_somebody_else(void)
{
	int fd = memfd_create("other", MFD_CLOEXEC);
	volatile uint8_t *hole = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	(void)*hole;
}

static void guard_something(void)
{
	struct xvs_error err = ERROR_INIT;

	if (!map(some_file(4096), 4096, 0, &err))
		_exit(98);
}

static void fault_by_default(void)
{
	(void)signal(SIGBUS, SIG_DFL);
	guard_something();
	touch_a_hole_of_somebody_else();
}

static void on_other_fault(int nr)
{
	_exit(nr == SIGBUS ? 42 : 97);
}

static void fault_with_handler(void)
{
	(void)signal(SIGBUS, on_other_fault);
	guard_something();
	touch_a_hole_of_somebody_else();
}

static void on_other_fault_in_full(int nr, siginfo_t *info, void *context)
{
	(void)context;
	_exit(nr == SIGBUS && info->si_addr ? 43 : 97);
}

static void fault_with_full_handler(void)
{
	struct sigaction action = { .sa_sigaction = on_other_fault_in_full,
				    .sa_flags = SA_SIGINFO };

	(void)sigaction(SIGBUS, &action, NULL);
	guard_something();
	touch_a_hole_of_somebody_else();
}

/* First of all tests: the handler of this process is not there yet, so children begin without. */
static void leaves_the_faults_of_others_to_them(void **state)
{
	int status;

	(void)state;
	in_child(fault_by_default, &status);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	in_child(fault_with_handler, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	in_child(fault_with_full_handler, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 43);
}

static void guards_as_many_mappings_as_there_are(void **state)
{
	enum { MANY = 200 };
	struct xvs_error err = ERROR_INIT;
	struct vhost_mapping *maps[MANY];
	struct vhost_device devices[MANY] = { 0 };
	struct loop *loop;
	int fds[MANY];

	(void)state;
	assert_int_equal(loop_create(&loop, &err), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		fds[i] = some_file(8192);
		devices[i].loop = loop;
		maps[i] = vhost_map(&devices[i], dup(fds[i]), 8192, 0, &err);
		assert_non_null(maps[i]);
	}
	for (uint32_t i = 0; i < MANY; i += 7) {
		assert_int_equal(ftruncate(fds[i], 0), 0);
		assert_int_equal(vhost_mapping_bytes(maps[i])[5000], 0);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(vhost_is_broken(&devices[i]), i % 7 == 0);
		vhost_mapping_put(maps[i]);
		(void)close(fds[i]);
	}
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_the_faults_of_others_to_them),
		cmocka_unit_test(maps_a_part_of_a_file),
		cmocka_unit_test(refuses_what_cannot_be_mapped),
		cmocka_unit_test(finds_addresses_and_nothing_beside_them),
		cmocka_unit_test(survives_payload_that_is_gone),
		cmocka_unit_test(survives_rings_that_are_gone),
		cmocka_unit_test(survives_a_target_that_is_gone),
		cmocka_unit_test(guards_as_many_mappings_as_there_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
