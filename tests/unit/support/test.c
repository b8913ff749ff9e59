/* SPDX-License-Identifier: Apache-2.0 */
/* support/test.c - temporary directories and repeatable numbers. */
#include "support/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *test_temp_dir(char out[TEST_PATH])
{
	(void)snprintf(out, TEST_PATH, "/tmp/xvs-test-XXXXXX");
	assert_non_null(mkdtemp(out));
	return out;
}

void test_temp_remove(const char *dir)
{
	DIR *listing = opendir(dir);
	const struct dirent *entry;

	assert_non_null(listing);
	while ((entry = readdir(listing))) {
		if (entry->d_type != DT_DIR)
			(void)unlinkat(dirfd(listing), entry->d_name, 0);
	}
	(void)closedir(listing);
	assert_int_equal(rmdir(dir), 0);
}

/* splitmix64 */
uint64_t test_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
