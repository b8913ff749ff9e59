/* SPDX-License-Identifier: Apache-2.0 */
/* The log of exact changes: what is read is whole, or counts as not read. */
#include "support/test.h"

#include <pthread.h>
#include <string.h>

#include "flow/epoch.h"

static struct epoch_log log_;

static void make(struct epoch_change *c, uint64_t number)
{
	memset(c, 0, sizeof(*c));
	c->instance = (uint32_t)number;
	c->tags = number;
	memset(&c->key, (int)(number & 0xff), sizeof(c->key));
	memset(&c->mask, (int)(number & 0xff), sizeof(c->mask));
}

static bool is_whole(const struct epoch_change *c)
{
	struct epoch_change want;

	make(&want, c->tags);
	return memcmp(&want, c, sizeof(want)) == 0;
}

static void records_are_read_in_order_while_they_are_among_the_newest(void **state)
{
	struct epoch_change c;

	(void)state;
	memset(&log_, 0, sizeof(log_));
	for (uint64_t n = 0; n < 200; n++) {
		make(&c, n);
		epoch_log_add(&log_, &c);
		assert_int_equal(epoch_log_count(&log_), n + 1);
	}
	for (uint64_t n = 0; n < 200; n++) {
		bool is_there = epoch_log_read(&log_, n, &c);

		assert_int_equal(is_there, n >= 200 - EPOCH_RECORDS);
		if (is_there)
			assert_int_equal(c.tags, n);
	}
	assert_false(epoch_log_read(&log_, 200, &c));
}

/* A writer that was held in the middle while 64 others went by. */
static void a_record_of_an_overtaken_writer_is_not_read_nor_spoils_another(void **state)
{
	struct epoch_change c;

	(void)state;
	memset(&log_, 0, sizeof(log_));
	atomic_fetch_add(&log_.written, 1);
	atomic_store(&log_.records[0].sequence, 1); /* it is at work */
	for (uint64_t n = 1; n <= EPOCH_RECORDS; n++) {
		make(&c, n);
		epoch_log_add(&log_, &c);
	}
	assert_false(epoch_log_read(&log_, 0, &c));
	assert_false(epoch_log_read(&log_, EPOCH_RECORDS, &c));
	assert_true(epoch_log_read(&log_, EPOCH_RECORDS - 1, &c));
	atomic_store(&log_.records[0].sequence, 2);
	assert_false(epoch_log_read(&log_, EPOCH_RECORDS, &c));
	for (uint64_t n = EPOCH_RECORDS + 1; n <= 2 * EPOCH_RECORDS; n++) {
		make(&c, n);
		epoch_log_add(&log_, &c);
	}
	assert_true(epoch_log_read(&log_, 2 * EPOCH_RECORDS, &c));
	assert_int_equal(c.tags, 2 * EPOCH_RECORDS);
}

enum { WRITERS = 3, READERS = 2, WRITES = 20000 };

static _Atomic uint32_t writing, torn, whole;
static _Atomic uint64_t next_number;

static void *write_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < WRITES; i++) {
		struct epoch_change c;

		make(&c, atomic_fetch_add(&next_number, 1));
		epoch_log_add(&log_, &c);
	}
	atomic_fetch_sub(&writing, 1);
	return NULL;
}

static void read_from(uint64_t first, uint64_t count)
{
	for (uint64_t n = first; n < count; n++) {
		struct epoch_change c;

		if (!epoch_log_read(&log_, n, &c))
			continue;
		atomic_fetch_add(is_whole(&c) ? &whole : &torn, 1);
	}
}

static void *read_many(void *arg)
{
	(void)arg;
	do {
		uint64_t count = epoch_log_count(&log_);

		read_from(count > EPOCH_RECORDS ? count - EPOCH_RECORDS : 0, count);
	} while (atomic_load(&writing));
	return NULL;
}

static void readers_never_see_half_a_record(void **state)
{
	pthread_t threads[WRITERS + READERS];

	(void)state;
	memset(&log_, 0, sizeof(log_));
	atomic_store(&writing, WRITERS);
	for (int i = 0; i < WRITERS + READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < WRITERS ? write_many : read_many, NULL),
				 0);
	for (int i = 0; i < WRITERS + READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&torn), 0);
	assert_true(atomic_load(&whole) > 0);
	assert_int_equal(epoch_log_count(&log_), WRITERS * WRITES);
}

static void the_count_of_changes_only_grows(void **state)
{
	uint64_t before = epoch_now();

	(void)state;
	assert_true(epoch_bump() > before);
	assert_int_equal(epoch_now(), before + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read_in_order_while_they_are_among_the_newest),
		cmocka_unit_test(a_record_of_an_overtaken_writer_is_not_read_nor_spoils_another),
		cmocka_unit_test(readers_never_see_half_a_record),
		cmocka_unit_test(the_count_of_changes_only_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
