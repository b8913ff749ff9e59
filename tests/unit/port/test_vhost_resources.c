/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * What a front end hands over and keeps a hand on: descriptors and files that could stop us.  This
 * program has an fstat() of its own, which counts how often it is asked.
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "port/vhost_user/device.h"

static unsigned asked;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's are its own. */
int fstat(int fd, struct stat *st)
{
	asked++;
	return (int)syscall(SYS_fstat, fd, st);
}

static uint64_t count_of(int fd)
{
	uint64_t count = 0;

	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

static void interrupts_once_a_call(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	(void)state;
	vhost_call(-1);
	for (int i = 0; i < 1000; i++)
		vhost_call(fd);
	assert_int_equal(count_of(fd), 1000);
	(void)close(fd);
}

/* With write() this test would wait for ever. */
static void interrupts_without_waiting_where_the_counter_is_full(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	for (int i = 0; i < 200; i++)
		vhost_call(fd);
	assert_true(count_of(fd) >= full);
	vhost_call(fd);
	assert_int_equal(count_of(fd), 1);
	(void)close(fd);
}

static struct vhost_mapping *map(int fd, struct xvs_error *err)
{
	struct vhost_device d = { .port_name = "p1" };

	assert_true(fd >= 0);
	return vhost_map(&d, fd, 4096, 0, err);
}

static void takes_files_in_memory(void **state)
{
	int files[] = { memfd_create("guest", MFD_CLOEXEC),
			open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct vhost_mapping *m;

		if (files[i] < 0) /* no tmpfs is there */
			continue;
		assert_int_equal(ftruncate(files[i], 4096), 0);
		m = map(files[i], &err);
		assert_non_null(m);
		vhost_mapping_put(m);
	}
}

/* To ask a file system that another program serves may take for ever. */
static void refuses_other_files_without_asking_their_server(void **state)
{
	struct xvs_error err = ERROR_INIT;
	int pipes[2];

	(void)state;
	asked = 0;
	assert_null(map(open("/proc/self/status", O_RDONLY | O_CLOEXEC), &err));
	assert_string_equal(err.text, "memory of the front end cannot be mapped: it is no "
				      "shared memory; use a memfd, huge pages or a file in "
				      "/dev/shm, with share=on");
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_null(map(pipes[0], &err));
	(void)close(pipes[1]);
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupts_once_a_call),
		cmocka_unit_test(interrupts_without_waiting_where_the_counter_is_full),
		cmocka_unit_test(takes_files_in_memory),
		cmocka_unit_test(refuses_other_files_without_asking_their_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
