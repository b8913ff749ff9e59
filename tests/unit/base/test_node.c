/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree, with memory that runs out at each allocation in turn: nothing leaks (the address
 * sanitizer watches) and nothing half made is given out.
 */
#include "support/test.h"

#include <stdio.h>

#include "support/allocation.h"

#include "base/node.c" /* after the header that redirects its calls */

enum { PLENTY = 1000000 };

static int setup(void **state)
{
	(void)state;
	allocations_left = PLENTY;
	allocation_failed = false;
	return 0;
}

static void add(struct node *parent, const char *key, struct node *child)
{
	assert_int_equal(node_append(parent, key, child), 0);
}

/* { name: web, limits: { rate: 10, burst: 5 }, vlans: [1, 2], note: ~ } */
static struct node *sample(void)
{
	struct node *map = node_create(NODE_MAP);
	struct node *limits = node_create(NODE_MAP);
	struct node *vlans = node_create(NODE_LIST);

	add(map, "name", node_scalar("web"));
	add(limits, "rate", node_scalar("10"));
	add(limits, "burst", node_scalar("5"));
	add(map, "limits", limits);
	add(vlans, NULL, node_scalar("1"));
	add(vlans, NULL, node_scalar("2"));
	add(map, "vlans", vlans);
	add(map, "note", node_create(NODE_NULL));
	return map;
}

/* { limits: { burst: 9, queue: 3 }, vlans: [7], name: db } */
static struct node *overlay(void)
{
	struct node *map = node_create(NODE_MAP);
	struct node *limits = node_create(NODE_MAP);
	struct node *vlans = node_create(NODE_LIST);

	add(limits, "burst", node_scalar("9"));
	add(limits, "queue", node_scalar("3"));
	add(map, "limits", limits);
	add(vlans, NULL, node_scalar("7"));
	add(map, "vlans", vlans);
	add(map, "name", node_scalar("db"));
	return map;
}

static void elements_are_found_by_key(void **state)
{
	struct node *map = sample();

	(void)state;
	assert_string_equal(node_get(map, "name")->text, "web");
	assert_string_equal(node_get(node_get(map, "limits"), "burst")->text, "5");
	assert_null(node_get(map, "nam"));
	assert_null(node_get(node_get(map, "vlans"), "1"));
	assert_null(node_get(NULL, "x"));
	node_destroy(map);
}

static void removing_keeps_the_order_of_the_rest(void **state)
{
	struct node *map = sample();

	(void)state;
	assert_true(node_remove(map, "limits"));
	assert_false(node_remove(map, "limits"));
	assert_int_equal(map->count, 3);
	assert_string_equal(map->items[0]->key, "name");
	assert_string_equal(map->items[1]->key, "vlans");
	assert_string_equal(map->items[2]->key, "note");
	node_destroy(map);
}

static void lists_grow_after_removals(void **state)
{
	struct node *map = node_create(NODE_MAP);
	char key[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		add(map, key, node_scalar(key));
		if (i % 3 == 0)
			assert_true(node_remove(map, key));
	}
	assert_int_equal(map->count, 200);
	assert_string_equal(node_get(map, "k299")->text, "k299");
	assert_string_equal(map->items[0]->key, "k1");
	node_destroy(map);
}

static void appending_gives_a_moved_node_its_new_key(void **state)
{
	struct node *map = node_create(NODE_MAP);
	struct node *child = node_scalar("x");

	(void)state;
	child->key = strdup("old");
	add(map, "new", child);
	assert_string_equal(map->items[0]->key, "new");
	assert_int_equal(node_append(map, "none", NULL), -ENOMEM);
	node_destroy(map);
}

static void copies_are_deep_and_keep_positions(void **state)
{
	struct node *map = sample();
	struct node *copy;

	(void)state;
	node_get(map, "limits")->line = 12;
	node_get(map, "limits")->key_column = 3;
	copy = node_copy(map);
	assert_true(node_equal(map, copy));
	assert_ptr_not_equal(node_get(map, "limits"), node_get(copy, "limits"));
	assert_int_equal(node_get(copy, "limits")->line, 12);
	assert_int_equal(node_get(copy, "limits")->key_column, 3);
	node_destroy(map);
	assert_string_equal(node_get(node_get(copy, "limits"), "rate")->text, "10");
	node_destroy(copy);
}

static void copies_of_a_list_share_its_elements(void **state)
{
	struct node *list = node_create(NODE_LIST);
	struct node *rule = node_create(NODE_MAP);
	struct node *copies[2];

	(void)state;
	assert_int_equal(node_append(rule, "action", node_scalar("deny")), 0);
	assert_int_equal(node_append(list, NULL, rule), 0);
	copies[0] = node_copy(list);
	copies[1] = node_copy(copies[0]);
	assert_ptr_equal(copies[1]->items[0], rule);
	/* each list is one's own */
	assert_int_equal(node_append(copies[0], NULL, node_scalar("more")), 0);
	assert_int_equal(copies[1]->count, 1);
	node_destroy(list);
	node_destroy(copies[0]);
	assert_string_equal(node_get(copies[1]->items[0], "action")->text, "deny");
	node_destroy(copies[1]);
}

static void equality_ignores_order_of_keys_but_not_of_lists(void **state)
{
	struct node *a = sample();
	struct node *b = sample();
	struct node *first = b->items[0];
	struct node *vlans = node_get(b, "vlans");
	struct node *one = vlans->items[0];

	(void)state;
	b->items[0] = b->items[1];
	b->items[1] = first;
	assert_true(node_equal(a, b));
	vlans->items[0] = vlans->items[1];
	vlans->items[1] = one;
	assert_false(node_equal(a, b));
	assert_true(node_remove(b, "vlans"));
	assert_false(node_equal(a, b));
	assert_false(node_equal(a, NULL));
	assert_true(node_equal(NULL, NULL));
	node_destroy(a);
	node_destroy(b);
}

static void merging_is_deep_for_maps_only(void **state)
{
	struct node *base = sample();
	struct node *over = overlay();
	struct node *merged = node_merge(base, over);
	const struct node *limits = node_get(merged, "limits");

	(void)state;
	assert_string_equal(node_get(merged, "name")->text, "db");
	assert_int_equal(limits->count, 3);
	assert_string_equal(node_get(limits, "rate")->text, "10");
	assert_string_equal(node_get(limits, "burst")->text, "9");
	assert_string_equal(node_get(limits, "queue")->text, "3");
	assert_int_equal(node_get(merged, "vlans")->count, 1);
	assert_int_equal(node_get(merged, "note")->kind, NODE_NULL);
	assert_string_equal(node_get(base, "name")->text, "web");
	node_destroy(base);
	node_destroy(over);
	node_destroy(merged);
}

static void merging_with_nothing_copies(void **state)
{
	struct node *base = sample();
	struct node *merged = node_merge(base, NULL);

	(void)state;
	assert_true(node_equal(base, merged));
	node_destroy(merged);
	merged = node_merge(NULL, base);
	assert_true(node_equal(base, merged));
	node_destroy(merged);
	assert_null(node_merge(NULL, NULL));
	node_destroy(base);
}

static void merge_without_memory_is_whole_or_nothing(void **state)
{
	struct node *base = sample();
	struct node *over = overlay();
	struct node *merged = NULL;
	unsigned refusals = 0;

	(void)state;
	for (unsigned granted = 0; !merged; granted++) {
		allocations_left = granted;
		allocation_failed = false;
		merged = node_merge(base, over);
		assert_int_equal(allocation_failed, !merged);
		refusals += !merged;
	}
	assert_in_range(refusals, 20, 100);
	assert_int_equal(node_get(merged, "limits")->count, 3);
	node_destroy(base);
	node_destroy(over);
	node_destroy(merged);
}

static void append_without_memory_frees_the_child(void **state)
{
	struct node *map = node_create(NODE_MAP);

	(void)state;
	for (unsigned granted = 0; granted < 2; granted++) {
		struct node *child = node_scalar("x");

		allocations_left = granted;
		assert_int_equal(node_append(map, "key", child), -ENOMEM);
		assert_int_equal(map->count, 0);
		allocations_left = PLENTY;
	}
	node_destroy(map);
}

static void diagnostics_print_with_their_position(void **state)
{
	static struct diags d = { .file = "switch.yaml" };
	struct node at = { .line = 12, .column = 15 };
	char text[400];

	(void)state;
	diag_add(&d, &at, "burst is %d", 5000);
	diag_add_at(&d, 3, 1, "unknown key");
	diag_add(&d, NULL, "empty");
	assert_string_equal(diag_print(&d, 0, text, sizeof(text)),
			    "switch.yaml:12:15: burst is 5000");
	assert_string_equal(diag_print(&d, 1, text, sizeof(text)), "switch.yaml:3:1: unknown key");
	assert_string_equal(diag_print(&d, 2, text, sizeof(text)), "empty");
	d.file = NULL;
	assert_string_equal(diag_print(&d, 0, text, sizeof(text)), "burst is 5000");
}

static void diagnostics_beyond_the_limit_are_counted(void **state)
{
	static struct diags d;
	char text[400];
	size_t room;

	(void)state;
	for (uint32_t i = 0; i < DIAG_MAX + 50; i++)
		diag_add_at(&d, i, 1, "%0500u", i);
	assert_int_equal(d.count, DIAG_MAX + 50);
	assert_int_equal(strlen(diag_print(&d, DIAG_MAX - 1, text, sizeof(text))),
			 sizeof(d.items[0].text) - 1);
	room = strlen(text) / 3;
	assert_int_equal(strlen(diag_print(&d, 0, text, room)), room - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(elements_are_found_by_key, setup),
		cmocka_unit_test_setup(removing_keeps_the_order_of_the_rest, setup),
		cmocka_unit_test_setup(lists_grow_after_removals, setup),
		cmocka_unit_test_setup(appending_gives_a_moved_node_its_new_key, setup),
		cmocka_unit_test_setup(copies_are_deep_and_keep_positions, setup),
		cmocka_unit_test_setup(copies_of_a_list_share_its_elements, setup),
		cmocka_unit_test_setup(equality_ignores_order_of_keys_but_not_of_lists, setup),
		cmocka_unit_test_setup(merging_is_deep_for_maps_only, setup),
		cmocka_unit_test_setup(merging_with_nothing_copies, setup),
		cmocka_unit_test_setup(merge_without_memory_is_whole_or_nothing, setup),
		cmocka_unit_test_setup(append_without_memory_frees_the_child, setup),
		cmocka_unit_test_setup(diagnostics_print_with_their_position, setup),
		cmocka_unit_test_setup(diagnostics_beyond_the_limit_are_counted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
