/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: what is written is read, in pieces of any size, and nothing else is.
 * links: xvs_state xvs_base
 */
#include "state/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "support/test.h"

enum { FRAMES = 4 };

struct heard {
	struct wire_head heads[FRAMES];
	uint8_t bodies[FRAMES][300];
	size_t count;
	size_t stop_at; /* 0: never */
};

static bool hear(void *arg, const struct wire_head *h, const uint8_t *body)
{
	struct heard *heard = arg;

	assert_true(heard->count < FRAMES);
	heard->heads[heard->count] = *h;
	memcpy(heard->bodies[heard->count++], body, h->len < 300 ? h->len : 300);
	return heard->count != heard->stop_at;
}

static size_t put(uint8_t *out, uint16_t type, uint64_t sequence, const void *body, uint32_t len)
{
	struct wire_head h = { .type = type,
			       .flags = WIRE_CRITICAL | WIRE_FIRST | WIRE_LAST,
			       .len = len,
			       .sequence = sequence,
			       .epoch = 0x0102030405060708,
			       .move = { 1, 2 },
			       .port = { 3, 4 } };

	wire_head_write(&h, body, out);
	if (len)
		memcpy(out + WIRE_HEAD, body, len);
	return WIRE_HEAD + len;
}

/* Three frames of 1, 0 and 200 bytes. */
static size_t put_three(uint8_t *out)
{
	uint8_t body[200];
	size_t len = put(out, WIRE_ABORT, 1, "x", 1);

	memset(body, 'b', sizeof(body));
	len += put(out + len, WIRE_PREPARE, 2, NULL, 0);
	return len + put(out + len, WIRE_STATE, 3, body, sizeof(body));
}

static int read_all(const uint8_t *bytes, size_t len, size_t step, struct heard *heard,
		    struct xvs_error *err)
{
	struct wire_reader r = { .bytes = NULL };
	int code = 0;

	memset(heard, 0, sizeof(*heard));
	for (size_t at = 0; at < len && code == 0; at += step)
		code = wire_read(&r, bytes + at, len - at < step ? len - at : step, hear, heard,
				 err);
	wire_reader_finish(&r);
	return code;
}

static void reads_what_was_written_in_pieces_of_any_size(void **state)
{
	uint8_t bytes[600];
	size_t len = put_three(bytes);

	(void)state;
	for (size_t step = 1; step <= len; step++) {
		struct xvs_error err = ERROR_INIT;
		struct heard heard;

		assert_int_equal(read_all(bytes, len, step, &heard, &err), 0);
		assert_int_equal(heard.count, 3);
		assert_int_equal(heard.heads[0].type, WIRE_ABORT);
		assert_int_equal(heard.heads[2].len, 200);
		assert_int_equal(heard.heads[2].sequence, 3);
		assert_true(heard.heads[2].epoch == 0x0102030405060708);
		assert_int_equal(heard.heads[2].move[1], 2);
		assert_int_equal(heard.heads[2].port[1], 4);
		assert_int_equal(heard.bodies[0][0], 'x');
		assert_int_equal(heard.bodies[2][199], 'b');
	}
}

static void refuses_a_frame_with_any_bit_changed(void **state)
{
	uint8_t bytes[600];
	size_t len = put_three(bytes);

	(void)state;
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct xvs_error err = ERROR_INIT;
		struct heard heard;
		int code;

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		code = read_all(bytes, len, len, &heard, &err);
		/* a length that has grown within its bounds waits for bytes that do not come */
		assert_true(code == -EPROTO || heard.count < 3);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void refuses_repeated_reordered_and_missing_frames(void **state)
{
	static const uint64_t orders[][2] = { { 1, 1 }, { 2, 1 }, { 1, 3 }, { 0, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		struct xvs_error err = ERROR_INIT;
		struct heard heard;
		uint8_t bytes[200];
		size_t len = put(bytes, WIRE_PREPARE, orders[i][0], NULL, 0);

		len += put(bytes + len, WIRE_PREPARE, orders[i][1], NULL, 0);
		assert_int_equal(read_all(bytes, len, 7, &heard, &err), -EPROTO);
		assert_non_null(strstr(err.text, "came after frame"));
	}
}

static void refuses_bodies_longer_than_their_type_may_have(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct heard heard;
	uint8_t bytes[200];

	(void)state;
	(void)put(bytes, WIRE_PREPARE, 1, "x", 1);
	assert_int_equal(read_all(bytes, WIRE_HEAD, WIRE_HEAD, &heard, &err), -EPROTO);
	assert_non_null(strstr(err.text, "\"prepare\" has 0 at most"));
}

static void skips_unknown_types_unless_they_are_critical(void **state)
{
	struct wire_head h = { .type = 99, .flags = WIRE_FIRST | WIRE_LAST, .sequence = 1 };
	struct xvs_error err = ERROR_INIT;
	struct heard heard;
	uint8_t bytes[WIRE_HEAD];

	(void)state;
	wire_head_write(&h, NULL, bytes);
	assert_int_equal(read_all(bytes, sizeof(bytes), 9, &heard, &err), 0);
	assert_int_equal(heard.count, 1); /* whose reader skips it */
	h.flags |= WIRE_CRITICAL;
	wire_head_write(&h, NULL, bytes);
	assert_int_equal(read_all(bytes, sizeof(bytes), 9, &heard, &err), -EPROTO);
	assert_non_null(strstr(err.text, "unknown type 99"));
	h = (struct wire_head){ .type = WIRE_PREPARE, .flags = 8, .sequence = 1 };
	wire_head_write(&h, NULL, bytes);
	assert_int_equal(read_all(bytes, sizeof(bytes), 9, &heard, &err), -EPROTO);
}

static void stops_when_its_reader_has_enough(void **state)
{
	struct wire_reader r = { .bytes = NULL };
	struct heard heard = { .stop_at = 2 };
	struct xvs_error err = ERROR_INIT;
	uint8_t bytes[600];
	size_t len = put_three(bytes);

	(void)state;
	assert_int_equal(wire_read(&r, bytes, len, hear, &heard, &err), 0);
	assert_int_equal(heard.count, 2);
	wire_reader_finish(&r);
}

static void keeps_no_more_than_has_arrived(void **state)
{
	struct wire_reader r = { .bytes = NULL };
	struct wire_head h = {
		.type = WIRE_ADMIT, .flags = WIRE_CRITICAL, .len = 16 << 20, .sequence = 1
	};
	struct xvs_error err = ERROR_INIT;
	struct heard heard = { .count = 0 };
	uint8_t *body = calloc(1, h.len);
	uint8_t bytes[WIRE_HEAD];

	(void)state;
	wire_head_write(&h, body, bytes);
	assert_int_equal(wire_read(&r, bytes, sizeof(bytes), hear, &heard, &err), 0);
	assert_true(r.room < 1 << 20);
	wire_reader_finish(&r);
	free(body);
}

static void greets_within_a_range_of_versions(void **state)
{
	struct wire_hello hello = { .lowest = 1, .highest = 3, .daemon = "xvsd-0.1.0" };
	struct wire_hello back;
	uint8_t body[WIRE_HELLO_MAX];
	size_t len = wire_hello_write(&hello, body);

	(void)state;
	assert_true(wire_hello_read(body, len, &back));
	assert_string_equal(back.daemon, "xvsd-0.1.0");
	assert_int_equal(wire_version(&back), 1);
	back.lowest = 2;
	assert_int_equal(wire_version(&back), 0);
	for (size_t cut = 0; cut < 8; cut++)
		assert_false(wire_hello_read(body, cut, &back));
	body[9] = '\n';
	assert_false(wire_hello_read(body, len, &back));
	put_be16(body, 4); /* from 4 to 3 */
	assert_false(wire_hello_read(body, len, &back));
	assert_false(wire_hello_read(body, sizeof(body), &back));
}

static void names_the_owner_of_a_record(void **state)
{
	struct wire_record record = { .owner = "com.vendor.meter", .format = 7 };
	struct wire_record back;
	uint8_t body[WIRE_RECORD_HEAD_MAX];
	size_t len = wire_record_write(&record, body);
	size_t at;

	(void)state;
	assert_true(wire_record_read(body, len, &back, &at));
	assert_string_equal(back.owner, record.owner);
	assert_int_equal(back.format, 7);
	assert_int_equal(at, len);
	for (size_t cut = 0; cut < len; cut++)
		assert_false(wire_record_read(body, cut, &back, &at));
	put_be16(body, 0);
	assert_false(wire_record_read(body, len, &back, &at));
	put_be16(body, WIRE_OWNER);
	assert_false(wire_record_read(body, sizeof(body), &back, &at));
}

static void ends_a_round(void **state)
{
	struct wire_round round = { .number = 2, .is_last = true, .records = 3, .bytes = 1u << 31 };
	struct wire_round back;
	uint8_t body[WIRE_ROUND_BYTES];

	(void)state;
	wire_round_write(&round, body);
	assert_true(wire_round_read(body, sizeof(body), &back));
	assert_true(back.is_last && back.number == 2 && back.records == 3);
	assert_true(back.bytes == round.bytes);
	assert_false(wire_round_read(body, sizeof(body) - 1, &back));
	body[7] = 2;
	assert_false(wire_round_read(body, sizeof(body), &back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written_in_pieces_of_any_size),
		cmocka_unit_test(refuses_a_frame_with_any_bit_changed),
		cmocka_unit_test(refuses_repeated_reordered_and_missing_frames),
		cmocka_unit_test(refuses_bodies_longer_than_their_type_may_have),
		cmocka_unit_test(skips_unknown_types_unless_they_are_critical),
		cmocka_unit_test(stops_when_its_reader_has_enough),
		cmocka_unit_test(keeps_no_more_than_has_arrived),
		cmocka_unit_test(greets_within_a_range_of_versions),
		cmocka_unit_test(names_the_owner_of_a_record),
		cmocka_unit_test(ends_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
