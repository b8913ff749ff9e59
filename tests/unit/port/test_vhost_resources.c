/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * What a front end hands over and keeps a hand on: descriptors and files that could stop us.  This
 * program has an fstatfs() of its own, which says what the test wants to hear.
 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "port/vhost_user/device.h"

static long said_kind; /* 0: what the kernel says */

int fstatfs(int fd, struct statfs *fs)
{
	int code = (int)syscall(SYS_fstatfs, fd, fs);

	if (said_kind)
		fs->f_type = said_kind;
	return code;
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

static struct vhost_mapping *map_memfd(struct vhost_device *d, struct xvs_error *err)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, 4096), 0);
	return vhost_map(d, fd, 4096, 0, err);
}

static void takes_memory_of_this_machine(void **state)
{
	static const long local[] = { TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC };
	struct vhost_device d = { .port_name = "p1" };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		struct vhost_mapping *m;

		said_kind = local[i];
		m = map_memfd(&d, &err);
		assert_non_null(m);
		vhost_mapping_put(m);
	}
	said_kind = 0;
}

static void refuses_memory_that_somebody_else_serves(void **state)
{
	static const long remote[] = { FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, CIFS_SUPER_MAGIC };
	struct vhost_device d = { .port_name = "p1" };

	(void)state;
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
		struct xvs_error err = ERROR_INIT;

		said_kind = remote[i];
		assert_null(map_memfd(&d, &err));
		assert_string_equal(
			err.text, "port p1: memory of the front end cannot be mapped: its file is "
				  "not on this machine (NFS, FUSE or the like); use memory or a "
				  "local disk");
	}
	said_kind = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interrupts_once_a_call),
		cmocka_unit_test(interrupts_without_waiting_where_the_counter_is_full),
		cmocka_unit_test(takes_memory_of_this_machine),
		cmocka_unit_test(refuses_memory_that_somebody_else_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
