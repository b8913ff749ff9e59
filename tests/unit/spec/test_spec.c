/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_policy xvs_base pkg::jansson */
/*
 * Copies of what is wanted, with and without memory.  spec.c is built into this file, so that its
 * calls to calloc() can be counted with every compiler and sanitizer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static unsigned allocations_left;

static void *counted_calloc(size_t count, size_t size)
{
	if (allocations_left == 0)
		return NULL;
	allocations_left--;
	return (calloc)(count, size);
}

#define calloc(count, size) counted_calloc(count, size)
#include "switch/spec.c"
#undef calloc

static struct node *policies(const char *feature)
{
	struct node *map = node_create(NODE_MAP);

	assert_int_equal(node_append(map, feature, node_create(NODE_MAP)), 0);
	return map;
}

/* One of everything that owns memory. */
static struct switch_spec full_switch(void)
{
	struct switch_spec s = { .name = "lab", .policies = policies("xvs.vlan/1") };

	s.chain = (calloc)(1, sizeof(*s.chain));
	s.chain[0].policies = policies("org.xvs.guard/1");
	s.chain_count = 1;
	s.groups = (calloc)(2, sizeof(*s.groups));
	s.groups[1].override = (calloc)(1, sizeof(*s.groups[1].override));
	strcpy(s.groups[1].override[0], "xvs.rate/1");
	s.groups[1].override_count = 1;
	s.group_count = 2;
	s.ports = (calloc)(2, sizeof(*s.ports));
	s.ports[0].requires = (calloc)(1, sizeof(*s.ports[0].requires));
	strcpy(s.ports[0].requires[0], "org.xvs.guard");
	s.ports[0].require_count = 1;
	s.ports[1].policies = policies("xvs.learning/1");
	s.port_count = 2;
	return s;
}

static void copies_all_that_a_switch_owns(void **state)
{
	struct switch_spec s = full_switch();
	struct switch_spec copy;

	(void)state;
	allocations_left = 100;
	assert_int_equal(switch_spec_copy(&s, &copy), 0);
	switch_spec_finish(&s);
	assert_null(s.ports);
	assert_string_equal(copy.name, "lab");
	assert_non_null(node_get(copy.policies, "xvs.vlan/1"));
	assert_non_null(node_get(copy.chain[0].policies, "org.xvs.guard/1"));
	assert_string_equal(copy.groups[1].override[0], "xvs.rate/1");
	assert_string_equal(copy.ports[0].requires[0], "org.xvs.guard");
	assert_non_null(node_get(copy.ports[1].policies, "xvs.learning/1"));
	switch_spec_finish(&copy);
}

static void leaves_nothing_behind_for_want_of_memory(void **state)
{
	struct switch_spec copy = { .name = "untouched" };
	struct switch_spec s = full_switch();
	unsigned failures = 0;

	(void)state;
	for (allocations_left = 0; switch_spec_copy(&s, &copy) == -ENOMEM && failures < 100;) {
		assert_string_equal(copy.name, "untouched");
		allocations_left = ++failures;
	}
	assert_int_equal(failures, 5); /* chain, groups, override, ports, requires */
	assert_string_equal(copy.name, "lab");
	switch_spec_finish(&copy);
	switch_spec_finish(&s);
}

static void finishes_nothing_at_all(void **state)
{
	(void)state;
	config_spec_destroy(NULL);
	switch_spec_finish(NULL);
	port_spec_finish(NULL);
}

static void names_owners(void **state)
{
	(void)state;
	assert_string_equal(owner_name(OWNER_FILE), "file");
	assert_string_equal(owner_name(OWNER_API), "api");
	assert_string_equal(owner_name(OWNER_HV), "hv");
	assert_string_equal(owner_name(OWNER_FABRIC), "fabric");
	assert_string_equal(owner_name(OWNER_EXTENSION), "extension");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_all_that_a_switch_owns),
		cmocka_unit_test(leaves_nothing_behind_for_want_of_memory),
		cmocka_unit_test(finishes_nothing_at_all),
		cmocka_unit_test(names_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
