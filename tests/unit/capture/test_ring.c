/* SPDX-License-Identifier: Apache-2.0 */
/* The ring between a worker and the drain: order, wrapping, bounds, and two threads at once. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ring.h"

enum { RECORDS = 100000 };

/* Sizes vary, so that records end at all distances from the end of the ring. */
static uint32_t size_of(uint32_t nr)
{
	return 1 + nr * 37 % 1500;
}

static bool write_record(struct ring *r, uint32_t nr)
{
	uint32_t size = size_of(nr);
	struct record *record = ring_reserve(r, size);

	if (!record)
		return false;
	record->session = 1;
	record->wire_len = nr;
	memset(record + 1, (int)(nr & 0xff), size);
	ring_commit(r, record);
	return true;
}

static void assert_record(const struct record *record, uint32_t nr)
{
	const uint8_t *bytes = (const uint8_t *)(record + 1);

	assert_int_equal(record->wire_len, nr);
	assert_int_equal(record->captured, size_of(nr));
	assert_int_equal(bytes[0], nr & 0xff);
	assert_int_equal(bytes[record->captured - 1], nr & 0xff);
}

static void *write_all(void *arg)
{
	struct ring *r = arg;

	for (uint32_t nr = 0; nr < RECORDS;) {
		if (write_record(r, nr))
			nr++;
		else
			(void)sched_yield();
	}
	return NULL;
}

static void keeps_order_between_two_threads(void **state)
{
	struct ring *r = ring_create();
	uint64_t tail = 0;
	uint32_t nr = 0;
	pthread_t writer;

	(void)state;
	assert_non_null(r);
	assert_int_equal(pthread_create(&writer, NULL, write_all, r), 0);
	while (nr < RECORDS) {
		const struct record *record = ring_next(r, &tail, ring_head(r));

		if (!record) {
			(void)sched_yield();
			continue;
		}
		assert_record(record, nr++);
		ring_release(r, tail);
	}
	assert_int_equal(pthread_join(writer, NULL), 0);
	ring_destroy(r);
}

static void reads_no_further_than_the_limit(void **state)
{
	struct ring *r = ring_create();
	uint64_t tail = 0;
	uint64_t limit;

	(void)state;
	assert_non_null(r);
	assert_true(write_record(r, 7));
	limit = ring_head(r);
	assert_true(write_record(r, 8));
	assert_record(ring_next(r, &tail, limit), 7);
	assert_null(ring_next(r, &tail, limit));
	assert_record(ring_next(r, &tail, ring_head(r)), 8);
	ring_destroy(r);
}

static void refuses_what_is_too_large_or_does_not_fit(void **state)
{
	struct ring *r = ring_create();
	uint32_t written = 0;

	(void)state;
	assert_non_null(r);
	assert_null(ring_reserve(r, RING_BYTES));
	assert_int_equal(ring_lost(r), 1);
	while (write_record(r, written))
		written++;
	assert_true(ring_head(r) <= RING_BYTES);
	assert_true(ring_head(r) > RING_BYTES - 2048);
	assert_int_equal(ring_lost(r), 2);
	ring_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_between_two_threads),
		cmocka_unit_test(reads_no_further_than_the_limit),
		cmocka_unit_test(refuses_what_is_too_large_or_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
