/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a chain: class, then the extensions' word, then the list. */
#include "support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ext/order.h"

enum { MOST = 65 };

static struct extension ext[MOST];
static char ids[MOST][32];
static struct order_entry chain[MOST];
static const char *guard_id = "org.x.guard";
static const char *meter_id = "org.x.meter";
static const char *shape_id = "org.x.shape";

static void add(unsigned nr, uint16_t cls, const char *name)
{
	(void)snprintf(ids[nr], sizeof(ids[nr]), "org.x.%s", name);
	ext[nr] = (struct extension){ .cls = cls, .id = ids[nr] };
	chain[nr] = (struct order_entry){ .instance = name, .ext = &ext[nr] };
}

static void ordered(unsigned count, const char *want)
{
	struct xvs_error err = ERROR_INIT;
	char got[256] = "";

	if (chain_order(chain, count, &err))
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < count; i++) {
		strncat(got, i ? " " : "", sizeof(got) - strlen(got) - 1);
		strncat(got, chain[i].instance, sizeof(got) - strlen(got) - 1);
	}
	assert_string_equal(got, want);
}

static void refused(unsigned count, int code, const char *text)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(chain_order(chain, count, &err), code);
	assert_string_equal(err.text, text);
}

static void class_comes_before_the_list(void **state)
{
	(void)state;
	add(0, XVS_FORWARD, "static");
	add(1, XVS_FIREWALL, "secgroup");
	add(2, XVS_FILTER, "meter");
	add(3, XVS_INSPECT, "capture");
	add(4, XVS_FILTER, "guard");
	ordered(5, "capture meter guard secgroup static");
	assert_string_equal(chain[0].why, "inspect; listed 4th");
	assert_string_equal(chain[1].why, "filter; listed 3rd");
	assert_string_equal(chain[4].why, "forward; listed 1st");
}

static void after_moves_an_entry_back(void **state)
{
	(void)state;
	add(0, XVS_FILTER, "meter");
	add(1, XVS_FILTER, "shape");
	add(2, XVS_FILTER, "guard");
	ext[0].after = &guard_id;
	ext[0].after_count = 1;
	ordered(3, "shape guard meter");
	assert_string_equal(chain[2].why,
			    "filter; after guard (declared by org.x.meter); listed 1st");
	assert_string_equal(chain[0].why, "filter; listed 2nd");
}

static void before_moves_the_other_back(void **state)
{
	(void)state;
	add(0, XVS_FILTER, "meter");
	add(1, XVS_FILTER, "guard");
	ext[1].before = &meter_id;
	ext[1].before_count = 1;
	ordered(2, "guard meter");
	assert_string_equal(chain[1].why,
			    "filter; after guard (declared by org.x.guard); listed 1st");
}

/* Ids of who is not in the chain, or of another class, have no say. */
static void absent_ids_and_other_classes_do_not_matter(void **state)
{
	(void)state;
	add(0, XVS_FIREWALL, "meter");
	add(1, XVS_FILTER, "guard");
	ext[1].after = &meter_id;
	ext[1].after_count = 1;
	ext[0].before = &shape_id;
	ext[0].before_count = 1;
	ordered(2, "guard meter");
}

static void the_same_input_gives_the_same_order(void **state)
{
	(void)state;
	for (unsigned run = 0; run < 3; run++) {
		add(0, XVS_FILTER, "d");
		add(1, XVS_FILTER, "c");
		add(2, XVS_FILTER, "b");
		add(3, XVS_FILTER, "a");
		ordered(4, "d c b a");
	}
}

static void a_circle_is_named(void **state)
{
	(void)state;
	add(0, XVS_FILTER, "first");
	add(1, XVS_FILTER, "meter");
	add(2, XVS_FILTER, "shape");
	add(3, XVS_FILTER, "guard");
	ext[1].after = &guard_id; /* meter behind guard behind shape behind meter */
	ext[1].after_count = 1;
	ext[2].before = &guard_id;
	ext[2].before_count = 1;
	ext[2].after = &meter_id;
	ext[2].after_count = 1;
	refused(4, -ELOOP,
		"chain: before and after of extensions go in a circle: meter behind guard behind "
		"shape behind meter");
	assert_string_equal(chain[0].instance, "first");
	assert_string_equal(chain[3].instance, "guard");
}

static void two_that_contradict_one_another_are_a_circle(void **state)
{
	(void)state;
	add(0, XVS_FILTER, "meter");
	add(1, XVS_FILTER, "guard");
	ext[0].before = &guard_id;
	ext[0].before_count = 1;
	ext[1].before = &meter_id;
	ext[1].before_count = 1;
	refused(2, -ELOOP,
		"chain: before and after of extensions go in a circle: meter behind guard behind meter");
}

static void one_forwarder_and_one_of_each(void **state)
{
	(void)state;
	add(0, XVS_FORWARD, "static");
	add(1, XVS_FORWARD, "openflow");
	refused(2, -EEXIST,
		"chain: static (org.x.static) and openflow (org.x.openflow) both forward, "
		"a switch has one forwarder");
	add(0, XVS_FILTER, "guard");
	add(1, XVS_FILTER, "guard");
	chain[1].instance = "guard2";
	refused(2, -EEXIST,
		"chain: guard and guard2 are both org.x.guard, a switch has one of each");
}

static void a_chain_is_bounded(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < MOST; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		add(i, XVS_FILTER, name);
		chain[i].instance = ids[i];
	}
	refused(MOST, -E2BIG, "chain: 65 extensions, a switch takes 64");
	assert_int_equal(chain_order(chain, 64, NULL), 0);
	assert_string_equal(chain[10].why, "filter; listed 11th");
	assert_string_equal(chain[21].why, "filter; listed 22nd");
	assert_int_equal(chain_order(chain, 0, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(class_comes_before_the_list),
		cmocka_unit_test(after_moves_an_entry_back),
		cmocka_unit_test(before_moves_the_other_back),
		cmocka_unit_test(absent_ids_and_other_classes_do_not_matter),
		cmocka_unit_test(the_same_input_gives_the_same_order),
		cmocka_unit_test(a_circle_is_named),
		cmocka_unit_test(two_that_contradict_one_another_are_a_circle),
		cmocka_unit_test(one_forwarder_and_one_of_each),
		cmocka_unit_test(a_chain_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
