/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port in a file: what was written is read, in pieces of any size, and nothing else is.
 * links: xvs_state xvs_base pkg::jansson
 */
#include "state/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "support/test.h"

enum { BIG = 3 << 20, ROOM = 5 << 20 };

struct file {
	uint8_t *bytes;
	size_t len;
	size_t room; /* then it is full */
};

static int file_write(void *arg, const void *bytes, size_t len)
{
	struct file *f = arg;

	if (len > f->room - f->len)
		return -ENOSPC;
	memcpy(f->bytes + f->len, bytes, len);
	f->len += len;
	return 0;
}

static struct file *file_make(size_t room)
{
	struct file *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->bytes = malloc(room);
	f->room = room;
	assert_non_null(f->bytes);
	return f;
}

static void file_free(struct file *f)
{
	free(f->bytes);
	free(f);
}

static json_t *description(void)
{
	return json_pack(
		"{s:s, s:{s:s}, s:{}, s:[{s:s, s:i, s:i, s:b, s:i}, {s:s, s:i, s:i, s:b, s:i}]}",
		"switch", "lab", "port", "name", "vm1", "policies", "state", "owner", "xvs.conn",
		"oldest", 1, "newest", 1, "critical", 1, "bytes", 0, "owner", "com.acme.quota",
		"oldest", 2, "newest", 2, "critical", 0, "bytes", 0);
}

static int write_all(struct file *f, const uint8_t *big)
{
	struct archive_out o = { .write = file_write, .arg = f, .id = { 1 }, .port = { 2 } };
	struct xvs_error err = ERROR_INIT;
	json_t *j = description();
	int code = archive_begin(&o, j, &err);

	json_decref(j);
	if (code == 0)
		code = archive_record(&o, &(struct content_record){ "xvs.conn", 1, true, big, BIG },
				      &err);
	if (code == 0)
		code = archive_record(
			&o, &(struct content_record){ "com.acme.quota", 2, false, "abc", 3 }, &err);
	return code ? code : archive_end(&o, &err);
}

struct seen {
	unsigned described, records;
	const uint8_t *big;
};

static int on_described(void *arg, struct arrival *a, struct xvs_error *err)
{
	struct seen *s = arg;

	(void)err;
	assert_string_equal(a->target, "lab/vm1");
	assert_int_equal(a->uuid[0], 2);
	assert_int_equal(a->owner_count, 2);
	s->described++;
	return 0;
}

static int on_record(void *arg, const struct content_record *r, struct xvs_error *err)
{
	struct seen *s = arg;

	(void)err;
	assert_int_equal(s->described, 1);
	if (s->records == 0) {
		assert_string_equal(r->owner, "xvs.conn");
		assert_true(r->is_critical);
		assert_int_equal(r->len, BIG);
		assert_memory_equal(r->data, s->big, BIG);
	} else {
		assert_string_equal(r->owner, "com.acme.quota");
		assert_int_equal(r->format, 2);
		assert_memory_equal(r->data, "abc", 3);
	}
	s->records++;
	return 0;
}

/* 0: it was whole. */
static int read_all(const struct file *f, size_t piece, struct seen *s)
{
	const struct archive_reader reader = { on_described, on_record, s };
	struct archive_in *in = archive_open(&reader);
	struct xvs_error err = ERROR_INIT;
	int code = 0;

	assert_non_null(in);
	for (size_t at = 0; at < f->len && code == 0; at += piece)
		code = archive_read(in, f->bytes + at, f->len - at < piece ? f->len - at : piece,
				    &err);
	if (code == 0)
		code = archive_finish(in, &err);
	assert_true(code == 0 || err.text[0] != '\0');
	archive_close(in);
	return code;
}

static uint8_t *big_make(void)
{
	uint8_t *big = malloc(BIG);

	assert_non_null(big);
	for (size_t i = 0; i < BIG; i++)
		big[i] = (uint8_t)(i * 7 + (i >> 9));
	return big;
}

static void reads_what_was_written_in_pieces_of_any_size(void **state)
{
	static const size_t pieces[] = { 61, 4096, 1 << 20, ROOM };
	struct file *f = file_make(ROOM);
	uint8_t *big = big_make();

	(void)state;
	assert_int_equal(write_all(f, big), 0);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct seen s = { .big = big };

		assert_int_equal(read_all(f, pieces[i], &s), 0);
		assert_int_equal(s.described, 1);
		assert_int_equal(s.records, 2);
	}
	free(big);
	file_free(f);
}

static void refuses_a_file_that_was_cut_damaged_or_made_longer(void **state)
{
	struct file *f = file_make(ROOM);
	uint8_t *big = big_make();
	struct seen s = { .big = big };
	size_t whole;

	(void)state;
	assert_int_equal(write_all(f, big), 0);
	whole = f->len;
	for (size_t cut = 1; cut < 400; cut += 13) {
		f->len = whole - cut;
		s = (struct seen){ .big = big };
		assert_int_equal(read_all(f, ROOM, &s), -EPROTO);
	}
	f->len = whole;
	for (size_t at = 0; at < whole; at += at < 600 ? 1 : 99991) {
		f->bytes[at] ^= 0x20;
		s = (struct seen){ .big = big };
		assert_int_equal(read_all(f, ROOM, &s), -EPROTO);
		f->bytes[at] ^= 0x20;
	}
	f->bytes[f->len++] = 0;
	s = (struct seen){ .big = big };
	assert_int_equal(read_all(f, ROOM, &s), -EPROTO);
	free(big);
	file_free(f);
}

static void says_that_the_disk_is_full(void **state)
{
	struct file *f = file_make(BIG);
	uint8_t *big = big_make();

	(void)state;
	assert_int_equal(write_all(f, big), -ENOSPC);
	free(big);
	file_free(f);
}

/* Frames whose sums are right, in an order or with a content that nobody writes. */
static void refuses_what_it_was_not_told_of(void **state)
{
	static const struct content_record odd[] = {
		{ "com.evil.other", 1, false, "x", 1 }, /* an owner that was not told */
		{ "xvs.conn", 2, true, "x", 1 },        /* a format */
	};
	struct seen s = { .big = NULL };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct file *f = file_make(1 << 16);
		struct archive_out o = { .write = file_write, .arg = f };
		struct xvs_error err = ERROR_INIT;
		json_t *j = description();

		o.port[0] = 2;
		assert_int_equal(archive_begin(&o, j, &err), 0);
		assert_int_equal(archive_record(&o, &odd[i], &err), 0);
		assert_int_equal(archive_end(&o, &err), 0);
		s = (struct seen){ .big = NULL };
		assert_int_equal(read_all(f, 1 << 16, &s), -EPROTO);
		json_decref(j);
		file_free(f);
	}
}

static void takes_nothing_from_before_the_description(void **state)
{
	struct file *f = file_make(1 << 16);
	struct archive_out o = { .write = file_write, .arg = f };
	struct xvs_error err = ERROR_INIT;
	struct seen s = { .big = NULL };

	(void)state;
	assert_int_equal(archive_record(&o, &(struct content_record){ "xvs.conn", 1, true, "x", 1 },
					&err),
			 0);
	assert_int_equal(read_all(f, 1 << 16, &s), -EPROTO);
	assert_int_equal(s.records, 0);
	file_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_was_written_in_pieces_of_any_size),
		cmocka_unit_test(refuses_a_file_that_was_cut_damaged_or_made_longer),
		cmocka_unit_test(says_that_the_disk_is_full),
		cmocka_unit_test(refuses_what_it_was_not_told_of),
		cmocka_unit_test(takes_nothing_from_before_the_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
