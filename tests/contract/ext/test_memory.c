/* SPDX-License-Identifier: Apache-2.0 */
/* Out of memory while a module is loaded: an error like any other, and nothing is left behind. */
#include "support/test.h"

#include <errno.h>

#include "ext/instance.h"

#include "support/allocation.h"

#include "ext/layout.c"
#include "ext/module.c"

static void loading_without_memory_is_an_error_and_leaves_nothing(void **state)
{
	struct module *m = NULL;
	unsigned granted = 0;
	int code;

	(void)state;
	do {
		struct xvs_error err = ERROR_INIT;

		allocation_failed = false;
		allocations_left = granted++;
		code = module_load(XVS_TEST_EXTENSIONS "/ext_unloadable.so", NULL,
				   interface_is_offered, &m, &err);
		assert_int_equal(code, allocation_failed ? -ENOMEM : 0);
		if (code)
			assert_non_null(strstr(err.text, "out of memory"));
		if (code && granted > 1)
			assert_null(modules); /* unmapped again, since it says that it may be */
	} while (code);
	assert_true(granted > 4);
	module_put(m);
	assert_null(modules);
}

static void nothing_is_copied_of_a_module_without_memory(void **state)
{
	static const char *const strings[] = { "a", "b" };
	const struct xvs_table table = XVS_TABLE(strings);
	struct arena arena = { NULL };
	const char *const *out = NULL;
	struct xvs_error err = ERROR_INIT;

	(void)state;
	allocations_left = 0;
	assert_int_equal(layout_strings("names", &table, 4, &arena, &out, &err), -ENOMEM);
	assert_string_equal(err.text, "names: out of memory");
	assert_null(out);
	assert_null(arena_calloc(&arena, SIZE_MAX, 2));
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loading_without_memory_is_an_error_and_leaves_nothing),
		cmocka_unit_test(nothing_is_copied_of_a_module_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
