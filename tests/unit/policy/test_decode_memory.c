/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
/*
 * Decoding with each allocation failing in turn.  decode.c is built into this file, so that its
 * calls to calloc() can be counted with every compiler and sanitizer.
 */
#include <stdlib.h>

static unsigned allocations_left;

static void *counted_calloc(size_t count, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	return (calloc)(count, size);
}

#define calloc(count, size) counted_calloc(count, size)
#include "policy/decode.c"
#undef calloc

#include "sample.h"

static void refuses_for_want_of_memory_at_every_place(void **state)
{
	struct node *n = sample_node(
		"{\"key\": \"x\", \"rules\": [{\"proto\": \"tcp\", \"ports\": [1, \"2-3\"],"
		" \"peers\": [\"::1\"]}, {\"proto\": \"udp\", \"ports\": [4]}]}");
	struct value *v = NULL;
	unsigned failures = 0;

	(void)state;
	for (; !v && failures < 100; failures++) {
		allocations_left = failures;
		sample_diags.count = 0;
		v = value_decode(&sample_feature, n, "x", &sample_diags);
		if (!v)
			assert_string_equal(sample_diags.items[0].text, "x: out of memory");
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the one that is not NULL is the last */
	assert_non_null(v);
	assert_int_equal(sample_diags.count, 0);
	assert_int_equal(failures, 7); /* value, bytes, and four lists; then it works */
	value_put(v);
	node_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_for_want_of_memory_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
