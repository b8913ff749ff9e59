/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/capture_ring.h"

enum { DATA = 128 << 10, THREAD_PACKETS = 20000 };

struct ends {
	struct capture_memory *memory;
	struct capture_writer *writer;
	struct capture_header *seen; /* mapped again, as a reader does */
	uint64_t at;
};

static int setup(void **state)
{
	static struct ends e;

	memset(&e, 0, sizeof(e));
	assert_int_equal(capture_memory_create(2, DATA, 96, &e.memory, NULL), 0);
	e.writer = &e.memory->writers[1];
	e.seen = mmap(NULL, e.memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, e.memory->fd, 0);
	assert_ptr_not_equal(e.seen, MAP_FAILED);
	assert_true(capture_valid(e.seen, e.memory->size));
	*state = &e;
	return 0;
}

static int teardown(void **state)
{
	struct ends *e = *state;

	assert_int_equal(munmap(e->seen, e->memory->size), 0);
	capture_memory_destroy(e->memory);
	return 0;
}

/* Bytes that tell which packet this is: all of them 'nr'. */
static bool put(struct ends *e, uint32_t nr, uint32_t len)
{
	struct capture_record *c = capture_reserve(e->writer, len);

	if (!c)
		return false;
	c->port = nr;
	memset(c + 1, (int)(nr & 0xff), len);
	capture_commit(e->writer);
	return true;
}

static const struct capture_record *get(struct ends *e)
{
	return capture_peek(e->seen, 1, &e->at);
}

static void assert_whole(const struct capture_record *c, uint32_t nr)
{
	assert_int_equal(c->kind, CAPTURE_PACKET);
	assert_int_equal(c->port, nr);
	for (uint32_t i = 0; i < c->cap_len; i++)
		assert_int_equal(capture_bytes(c)[i], nr & 0xff);
}

static void a_record_is_seen_when_committed(void **state)
{
	struct ends *e = *state;
	struct capture_record *c = capture_reserve(e->writer, 60);

	assert_non_null(c);
	assert_null(get(e));
	capture_commit(e->writer);
	assert_non_null(get(e));
	assert_int_equal(get(e)->cap_len, 60);
}

static void rings_are_apart(void **state)
{
	struct ends *e = *state;
	uint64_t at = 0;

	assert_true(put(e, 7, 60));
	assert_null(capture_peek(e->seen, 0, &at));
	assert_whole(get(e), 7);
}

/* Sizes of all kinds, so that the end of the data is met at many places. */
static void records_wrap_in_order_and_whole(void **state)
{
	struct ends *e = *state;
	uint64_t seed = 5;
	uint32_t written = 0;

	for (uint32_t read = 0; read < 3000; read++) {
		const struct capture_record *c;

		while (written < read + 2)
			if (put(e, written, (uint32_t)(test_random(&seed) % 20000)))
				written++;
		c = get(e);
		assert_non_null(c);
		assert_whole(c, read);
		capture_next(e->seen, 1, &e->at, c);
	}
	assert_true(e->at > 10 * (uint64_t)DATA);
	assert_int_equal(capture_lost(e->seen, 1), 0);
}

static void what_finds_no_room_is_lost_and_counted(void **state)
{
	struct ends *e = *state;
	uint32_t written = 0;
	const struct capture_record *c;

	while (put(e, written, 1000))
		written++;
	assert_in_range(written, 100, DATA / 1000);
	assert_false(put(e, written, 1000));
	assert_int_equal(capture_lost(e->seen, 1), 2);
	assert_int_equal(capture_lost(e->seen, 0), 0);
	c = get(e);
	assert_whole(c, 0);
	capture_next(e->seen, 1, &e->at, c);
	c = get(e);
	assert_whole(c, 1);
	capture_next(e->seen, 1, &e->at, c);
	assert_true(put(e, written, 1000));
}

static void the_largest_packet_fits(void **state)
{
	struct ends *e = *state;

	assert_true(put(e, 1, CAPTURE_SNAPLEN_MAX));
	assert_whole(get(e), 1);
}

/* Whatever a reader writes, the daemon stays within its data. */
static void a_hostile_reader_only_harms_itself(void **state)
{
	struct ends *e = *state;
	struct capture_ring *ring = capture_ring_at(e->seen, 1);
	const uint8_t *before = (const uint8_t *)capture_ring_at(e->seen, 0);
	uint64_t seed = 9;

	for (uint32_t i = 0; i < 20000; i++) {
		ring->tail = i % 3 ? e->writer->head - test_random(&seed) % (2 * DATA)
				   : test_random(&seed);
		ring->head = test_random(&seed);
		e->seen->data_size = (uint32_t)test_random(&seed);
		e->seen->ring_stride = test_random(&seed);
		(void)put(e, 0xee, (uint32_t)(test_random(&seed) % CAPTURE_SNAPLEN_MAX));
	}
	assert_true(e->writer->lost > 0);
	for (size_t i = 0; i < sizeof(*ring) + DATA; i++)
		assert_int_equal(before[i], 0);
}

static void a_tail_ahead_of_the_head_is_no_room(void **state)
{
	struct ends *e = *state;

	capture_ring_at(e->seen, 1)->tail = CAPTURE_ALIGN;
	assert_false(put(e, 1, 10));
	assert_int_equal(e->writer->lost, 1);
}

static void a_reader_refuses_what_no_daemon_wrote(void **state)
{
	struct ends *e = *state;
	struct capture_record *c;

	assert_true(put(e, 1, 100));
	c = (struct capture_record *)(void *)e->writer->data;
	c->cap_len = 4000;
	assert_null(get(e));
	c->cap_len = 100;
	c->size = 16;
	assert_null(get(e));
	c->size = DATA * 2;
	assert_null(get(e));
	e->seen->ring_count = 3;
	assert_false(capture_valid(e->seen, e->memory->size));
	e->seen->ring_count = 2;
	e->seen->data_size--;
	assert_false(capture_valid(e->seen, e->memory->size));
}

static void the_file_cannot_be_cut_or_grown(void **state)
{
	struct ends *e = *state;

	assert_int_equal(ftruncate(e->memory->fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(e->memory->fd, (off_t)e->memory->size * 2), -1);
	assert_int_equal(fcntl(e->memory->fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void *write_many(void *arg)
{
	struct ends *e = arg;

	for (uint32_t nr = 0; nr < THREAD_PACKETS; nr++)
		while (!put(e, nr, 40 + nr % 1400))
			;
	return NULL;
}

static void two_threads_lose_no_byte(void **state)
{
	struct ends *e = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_many, e), 0);
	for (uint32_t nr = 0; nr < THREAD_PACKETS;) {
		const struct capture_record *c = get(e);

		if (!c)
			continue;
		assert_whole(c, nr++);
		capture_next(e->seen, 1, &e->at, c);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_null(get(e));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_record_is_seen_when_committed),
		CASE(rings_are_apart),
		CASE(records_wrap_in_order_and_whole),
		CASE(what_finds_no_room_is_lost_and_counted),
		CASE(the_largest_packet_fits),
		CASE(a_hostile_reader_only_harms_itself),
		CASE(a_tail_ahead_of_the_head_is_no_room),
		CASE(a_reader_refuses_what_no_daemon_wrote),
		CASE(the_file_cannot_be_cut_or_grown),
		CASE(two_threads_lose_no_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
