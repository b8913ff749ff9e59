/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_path xvs_packet xvs_port xvs_base */
#include "support/test.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "observe/capture.h"
#include "path/tap.h"

static struct loop *loop;
static struct counters *counters;
static struct path *path;

static int setup(void **state)
{
	struct path_config config = { .workers = 2, .flows = 1024 };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(loop_create(&loop, &err), 0);
	assert_int_equal(rcu_start(loop, &err), 0);
	assert_int_equal(counters_create(&counters, NULL, 2, &err), 0);
	config.loop = loop;
	config.counters = counters;
	assert_int_equal(path_create(&config, &path, &err), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	path_destroy(path);
	rcu_stop();
	loop_drain(loop);
	counters_destroy(counters);
	loop_destroy(loop);
	return 0;
}

static void a_session_has_a_ring_for_each_worker(void **state)
{
	struct capture_spec spec = { .point = CAPTURE_DROPS, .snaplen = 100 };
	const struct capture_header *h;
	struct capture *c;
	struct stat st;

	(void)state;
	assert_int_equal(capture_start(path, &spec, &c, NULL), 0);
	assert_int_equal(fstat(capture_descriptor(c), &st), 0);
	h = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, capture_descriptor(c), 0);
	assert_ptr_not_equal(h, MAP_FAILED);
	assert_true(capture_valid(h, (uint64_t)st.st_size));
	assert_int_equal(h->ring_count, 2);
	assert_int_equal(h->snaplen, 100);
	capture_stop(c);
	rcu_synchronize();
	loop_drain(loop);
	/* the reader keeps what it has mapped */
	assert_int_equal(h->magic, CAPTURE_MAGIC);
	assert_int_equal(munmap((void *)(uintptr_t)h, (size_t)st.st_size), 0);
}

static void whole_packets_by_default(void **state)
{
	struct capture_spec spec = { .point = CAPTURE_ENDS };
	struct capture *c;
	struct stat st;
	const struct capture_header *h;

	(void)state;
	assert_int_equal(capture_start(path, &spec, &c, NULL), 0);
	assert_int_equal(fstat(capture_descriptor(c), &st), 0);
	h = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, capture_descriptor(c), 0);
	assert_ptr_not_equal(h, MAP_FAILED);
	assert_int_equal(h->snaplen, CAPTURE_SNAPLEN_MAX);
	assert_int_equal(munmap((void *)(uintptr_t)h, (size_t)st.st_size), 0);
	capture_stop(c);
}

static void one_session_too_many_is_refused_until_one_ends(void **state)
{
	struct capture_spec spec = { .point = CAPTURE_ENDS };
	struct xvs_error err = ERROR_INIT;
	struct capture *c[TAPS_MAX];
	struct capture *more = NULL;

	(void)state;
	for (size_t i = 0; i < TAPS_MAX; i++)
		assert_int_equal(capture_start(path, &spec, &c[i], &err), 0);
	assert_int_equal(capture_start(path, &spec, &more, &err), -EBUSY);
	assert_null(more);
	assert_string_equal(err.text, "capture: 4 sessions run already, end one of them first");
	capture_stop(c[0]);
	assert_int_equal(capture_start(path, &spec, &c[0], &err), 0);
	for (size_t i = 0; i < TAPS_MAX; i++)
		capture_stop(c[i]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_session_has_a_ring_for_each_worker),
		CASE(whole_packets_by_default),
		CASE(one_session_too_many_is_refused_until_one_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
