/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The largest messages of the smallest parts, writers without room, answers of many messages.
 */
#include <string.h>

#include "support/test.h"

#include "wire/encode.h"

enum { MOST = 65535 & ~7 };

static struct of_arena arena;
static uint8_t message[65536];
static struct of_message m;

/* A message of the largest size whose end is the same 'unit' again and again. */
static of_fault decode_many(uint8_t version, uint8_t type, const uint8_t *fixed, uint32_t fixed_len,
			    const uint8_t *unit, uint32_t unit_len)
{
	const struct of_dialect dialect = { .version = version };
	uint32_t len = OFP_HEADER + fixed_len;

	memset(message, 0, sizeof(message));
	message[0] = version;
	message[1] = type;
	memcpy(message + OFP_HEADER, fixed, fixed_len);
	for (; len + unit_len <= MOST; len += unit_len)
		memcpy(message + len, unit, unit_len);
	message[2] = (uint8_t)(len >> 8);
	message[3] = (uint8_t)len;
	of_arena_reset(&arena);
	return of_decode(&dialect, message, len, &arena, &m);
}

static void the_smallest_parts_stay_within_the_memory_of_a_message(void **state)
{
	uint8_t flow[56] = { [41] = 1, [43] = 4, [49] = 4 };
	uint8_t packet_out[16] = { 255, 255, 255, 255, 0, 0, 0, 1, 0xff, 0xe0 };
	const uint8_t group[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };
	const uint8_t meter[8] = { 0, 0, 0, 1, 0, 0, 0, 1 };
	const uint8_t features[8] = { 0, 12 };
	const uint8_t pop[8] = { 0, 18, 0, 8 };
	const uint8_t bucket[16] = { 0, 16, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255 };
	const uint8_t band[16] = { 0, 1, 0, 16 };
	uint8_t table[64] = { 0, 64 };

	(void)state;
	flow[50] = (uint8_t)((MOST - 8 - 48) >> 8);
	flow[51] = (uint8_t)(MOST - 8 - 48);
	assert_int_equal(decode_many(OF_V13, OFPT_FLOW_MOD, flow, 56, pop, 8),
			 OF_BAD_ACTION_TOO_MANY);
	assert_int_equal(decode_many(OF_V13, OFPT_PACKET_OUT, packet_out, 16, pop, 8),
			 OF_BAD_ACTION_TOO_MANY);
	assert_int_equal(decode_many(OF_V13, OFPT_GROUP_MOD, group, 8, bucket, 16),
			 OF_GROUP_MOD_OUT_OF_BUCKETS);
	assert_int_equal(decode_many(OF_V13, OFPT_METER_MOD, meter, 8, band, 16), OF_OK);
	assert_true(m.meter.band_count > 4000);
	assert_int_equal(decode_many(OF_V13, OFPT_MULTIPART_REQUEST, features, 8, table, 64),
			 OF_OK);
	assert_int_equal(m.multipart.table_count, (MOST - 16) / 64);
}

static void an_arena_gives_what_it_has_and_no_more(void **state)
{
	struct of_arena none = { 0 };
	uint8_t *a;
	uint8_t *b;

	(void)state;
	of_arena_reset(&arena);
	a = of_arena_take(&arena, 3, 5);
	b = of_arena_take(&arena, 1, 1);
	assert_non_null(a);
	assert_true(b >= a + 15 && (uintptr_t)b % 16 == 0);
	assert_null(of_arena_take(&arena, UINT32_MAX, UINT32_MAX));
	assert_null(of_arena_take(&arena, 1, OF_ARENA_BYTES));
	assert_null(of_arena_take(&none, 1, 1));
	of_arena_finish(&none);
}

static void a_writer_without_room_fails_and_can_be_taken_back(void **state)
{
	struct of_writer w;

	(void)state;
	of_writer_init(&w, 20);
	of_put32(&w, 0x01020304);
	of_put_zeros(&w, 20);
	assert_true(w.is_failed);
	of_put8(&w, 1);
	assert_int_equal(w.len, 4);
	of_rollback(&w, 4);
	of_put64(&w, 1);
	assert_false(w.is_failed);
	assert_int_equal(w.len, 12);
	assert_int_equal(w.bytes[3], 4);
	of_patch16(&w, 11, 7);
	assert_int_equal(w.bytes[11], 1);
	of_writer_finish(&w);
	of_writer_finish(&w);
}

static void a_message_too_long_fails_the_writer(void **state)
{
	struct of_writer w;
	const struct of_to to = { .writer = &w, .version = OF_V13 };

	(void)state;
	of_writer_init(&w, 1u << 20);
	of_put_echo_request(&to, message, 65527);
	assert_false(w.is_failed);
	assert_int_equal(w.len, 65535);
	of_put_echo_request(&to, message, 65528);
	assert_true(w.is_failed);
	of_writer_finish(&w);
}

static void names_end_with_zero(void **state)
{
	struct of_writer w;

	(void)state;
	of_writer_init(&w, 100);
	of_put_name(&w, "abcdef", 4);
	of_put_name(&w, NULL, 4);
	assert_memory_equal(w.bytes, "abc\0\0\0\0", 8);
	of_writer_finish(&w);
}

/* Entries of 24 bytes: how many messages, how many of them say that there are more. */
static void count_messages(const struct of_writer *w, uint32_t *messages, uint32_t *more,
			   uint32_t *entries)
{
	*messages = *more = *entries = 0;
	for (uint32_t at = 0; at < w->len;) {
		uint32_t len = (uint32_t)w->bytes[at + 2] << 8 | w->bytes[at + 3];

		assert_in_range(len, 16, 65535);
		assert_int_equal(w->bytes[at + 1], OFPT_MULTIPART_REPLY);
		assert_int_equal((len - 16) % 24, 0);
		*messages += 1;
		*more += w->bytes[at + 11];
		*entries += (len - 16) / 24;
		at += len;
	}
}

static void long_answers_are_of_many_messages(void **state)
{
	const struct of_table_view table = { .table = 1 };
	struct of_writer w;
	const struct of_to to = { .writer = &w, .version = OF_V13, .xid = 5 };
	struct of_reply r;
	uint32_t messages;
	uint32_t more;
	uint32_t entries;

	(void)state;
	of_writer_init(&w, 1u << 20);
	of_reply_begin(&r, &to, OFPMP_TABLE);
	for (uint32_t i = 0; i < 10000; i++) {
		of_reply_table(&r, &table);
		if (i == 100)
			of_reply_flush(&r);
	}
	of_reply_end(&r);
	assert_false(w.is_failed);
	count_messages(&w, &messages, &more, &entries);
	assert_int_equal(entries, 10000);
	assert_int_equal(messages, 1 + (10000 - 101 + 2729) / 2729);
	assert_int_equal(more, messages - 1);
	of_writer_reset(&w);
	of_reply_begin(&r, &to, OFPMP_TABLE);
	of_reply_table(&r, &table);
	of_reply_flush(&r);
	of_reply_flush(&r);
	of_reply_end(&r);
	count_messages(&w, &messages, &more, &entries);
	assert_int_equal(messages, 2);
	assert_int_equal(more, 1);
	of_writer_finish(&w);
}

static void an_answer_without_room_fails(void **state)
{
	const struct of_table_view table = { .table = 1 };
	struct of_writer w;
	const struct of_to to = { .writer = &w, .version = OF_V13 };
	struct of_reply r;

	(void)state;
	of_writer_init(&w, 65540);
	of_reply_begin(&r, &to, OFPMP_TABLE);
	for (uint32_t i = 0; i < 3000; i++)
		of_reply_table(&r, &table);
	of_reply_end(&r);
	assert_true(w.is_failed);
	of_rollback(&w, 0);
	of_reply_end(&r);
	of_writer_finish(&w);
}

static void errors_hold_the_message_but_not_all_of_a_long_one(void **state)
{
	struct of_writer w;
	const struct of_to to = { .writer = &w, .version = OF_V13, .xid = 9 };

	(void)state;
	of_writer_init(&w, 1u << 20);
	of_put_error(&to, OF_BAD_REQUEST_LEN, message, 70);
	assert_int_equal(w.len, 8 + 4 + 70);
	of_writer_reset(&w);
	of_put_error(&to, OF_BUNDLE_CLOSED, message, 60000);
	assert_int_equal(w.len, 8 + 8 + OF_ERROR_DATA);
	assert_memory_equal(w.bytes + 8, "\xff\xff\x09\x00ONF\0", 8);
	of_writer_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_smallest_parts_stay_within_the_memory_of_a_message),
		cmocka_unit_test(an_arena_gives_what_it_has_and_no_more),
		cmocka_unit_test(a_writer_without_room_fails_and_can_be_taken_back),
		cmocka_unit_test(a_message_too_long_fails_the_writer),
		cmocka_unit_test(names_end_with_zero),
		cmocka_unit_test(long_answers_are_of_many_messages),
		cmocka_unit_test(an_answer_without_room_fails),
		cmocka_unit_test(errors_hold_the_message_but_not_all_of_a_long_one),
	};
	int result;

	if (of_arena_init(&arena))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	of_arena_finish(&arena);
	return result;
}
