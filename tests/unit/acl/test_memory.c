/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base
 *
 * Memory that runs out at any of the allocations of a classifier: nothing is made, nothing leaks.
 */
#include "support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "support/rulegen.h"

#include "support/allocation.h"

#include "acl/acl.c"
#include "acl/build.c"
#include "acl/index.c"
#include "acl/leaf.c"
#include "acl/twins.c"

enum { COUNT = 3000 };

static void no_memory_makes_no_classifier(void **state)
{
	static struct acl_rule rules[COUNT];
	struct rulegen g = { RULEGEN_MIX, false, 3 };
	unsigned refusals = 0;

	(void)state;
	assert_true(rulegen_rules(&g, rules, COUNT));
	for (unsigned granted = 0;; granted++) {
		struct xvs_error err = ERROR_INIT;
		struct acl *a = NULL;
		int e;

		allocations_left = granted;
		allocation_failed = false;
		e = acl_create(rules, COUNT, &a, &err);
		if (!allocation_failed) {
			assert_int_equal(e, 0);
			acl_destroy(a);
			break;
		}
		refusals++;
		assert_int_equal(e, -ENOMEM);
		assert_null(a);
		assert_string_equal(err.text, "out of memory for a list of 3000 rules");
	}
	assert_true(refusals > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_makes_no_classifier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
