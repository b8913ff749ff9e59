/* SPDX-License-Identifier: Apache-2.0 */
/* Values of features as bytes on their way to another process and back. */
#include "support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext/flat.h"

struct inner {
	uint32_t n;
	char word[8];
};

struct outer {
	struct xvs_table inner;
	uint64_t big;
};

struct value {
	struct xvs_table outer;
	uint32_t choice;
	bool flag;
	struct xvs_ip ip;
};

static const char *const choices[] = { "a", "b" };

static const struct xvs_field inner_fields[] = {
	{ .name = "n", .offset = offsetof(struct inner, n), .type = XVS_U32, .max = 9 },
	{ .name = "word", .offset = offsetof(struct inner, word), .type = XVS_TEXT, .max = 8 },
};
static const struct xvs_field outer_fields[] = {
	{ .name = "inner",
	  .offset = offsetof(struct outer, inner),
	  .type = XVS_LIST,
	  .max = 4,
	  .fields = XVS_TABLE(inner_fields),
	  .element_bytes = sizeof(struct inner) },
	{ .name = "big", .offset = offsetof(struct outer, big), .type = XVS_U64 },
};
static const struct xvs_field fields[] = {
	{ .name = "outer",
	  .offset = offsetof(struct value, outer),
	  .type = XVS_LIST,
	  .max = 4,
	  .fields = XVS_TABLE(outer_fields),
	  .element_bytes = sizeof(struct outer) },
	{ .name = "choice",
	  .offset = offsetof(struct value, choice),
	  .type = XVS_ENUM,
	  .names = XVS_TABLE(choices) },
	{ .name = "flag", .offset = offsetof(struct value, flag), .type = XVS_BOOL },
	{ .name = "ip", .offset = offsetof(struct value, ip), .type = XVS_IP },
};
static const struct xvs_feature feature = {
	.size = sizeof(feature),
	.bytes = sizeof(struct value),
	.id = "com.example.flat/1",
	.fields = XVS_TABLE(fields),
};

static const struct inner inners[3] = { { 1, "one" }, { 2, "two" }, { 3, "three" } };
static const struct outer outers[2] = {
	{ { inners, 2, sizeof(inners[0]) }, 7 },
	{ { &inners[2], 1, sizeof(inners[0]) }, 8 },
};
static const struct value value = {
	{ outers, 2, sizeof(outers[0]) }, 1, true, { { 1 }, 128, { 0 } }
};

static uint8_t *packed(size_t *len)
{
	uint8_t *bytes = flat_pack(&feature, &value, len);

	assert_non_null(bytes);
	return bytes;
}

static void lists_within_lists_come_through(void **state)
{
	struct xvs_error err = { .size = sizeof(err) };
	size_t len;
	uint8_t *bytes = packed(&len);
	const struct value *v = (const void *)bytes;
	const struct outer *o;
	const struct inner *i;

	(void)state;
	assert_int_equal(flat_unpack(&feature, bytes, len, &err), 0);
	assert_int_equal(v->outer.count, 2);
	assert_int_equal(v->choice, 1);
	o = v->outer.items;
	assert_int_equal(o[1].big, 8);
	assert_int_equal(o[0].inner.count, 2);
	i = o[0].inner.items;
	assert_string_equal(i[1].word, "two");
	i = o[1].inner.items;
	assert_string_equal(i[0].word, "three");
	free(bytes);
}

static void cut_anywhere_it_is_refused(void **state)
{
	struct xvs_error err = { .size = sizeof(err) };
	size_t len;
	uint8_t *whole = packed(&len);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *bytes = malloc(n + 1);

		assert_non_null(bytes);
		memcpy(bytes, whole, n);
		assert_int_equal(flat_unpack(&feature, bytes, n, &err), -EPROTO);
		free(bytes);
	}
	free(whole);
}

static void refuses_with(size_t at, const void *with, size_t bytes)
{
	struct xvs_error err = { .size = sizeof(err) };
	size_t len;
	uint8_t *all = packed(&len);

	memcpy(all + at, with, bytes);
	assert_int_equal(flat_unpack(&feature, all, len, &err), -EPROTO);
	free(all);
}

static void values_that_no_decoder_makes_are_refused(void **state)
{
	const uint32_t choice = 2;
	const uint8_t flag = 2;
	const uint8_t prefix = 129;
	const char endless[8] = { 'x', 'x', 'x', 'x', 'x', 'x', 'x', 'x' };
	size_t len;
	uint8_t *bytes = packed(&len);
	size_t first = 0;

	(void)state;
	refuses_with(offsetof(struct value, choice), &choice, sizeof(choice));
	refuses_with(offsetof(struct value, flag), &flag, 1);
	refuses_with(offsetof(struct value, ip) + offsetof(struct xvs_ip, prefix_len), &prefix, 1);
	for (first = 0; memcmp(bytes + first, "three", 5) != 0; first++)
		;
	refuses_with(first, endless, sizeof(endless));
	free(bytes);
}

static void lists_that_lie_elsewhere_are_refused(void **state)
{
	static const uint64_t places[] = { 0, 16, 1, UINT64_MAX, UINT64_MAX - 15, 1 << 20, 4096 };
	const uint32_t counts[] = { 5, UINT32_MAX, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		refuses_with(offsetof(struct value, outer), &places[i], sizeof(places[i]));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		refuses_with(offsetof(struct value, outer) + offsetof(struct xvs_table, count),
			     &counts[i], sizeof(counts[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_within_lists_come_through),
		cmocka_unit_test(cut_anywhere_it_is_refused),
		cmocka_unit_test(values_that_no_decoder_makes_are_refused),
		cmocka_unit_test(lists_that_lie_elsewhere_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
