/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects */
/* Sets of ports: found by what they have, made once, held by who uses them. */
#include "support/test.h"

#include <errno.h>
#include <stdlib.h>

#define XVS_USE_DRAFT
#include "pipeline/sets.h"

static struct of_sets sets;
static int made, ended, next_number;

static int fake_create(const struct xvs_host *h)
{
	(void)h;
	made++;
	return next_number++;
}

static int fake_replace(const struct xvs_host *h, uint32_t set, const uint32_t *ports,
			uint32_t count)
{
	(void)h;
	(void)set;
	for (uint32_t i = 0; i < count; i++) {
		if (ports[i] == 99) /* it is not there */
			return -ENOENT;
	}
	return 0;
}

static void fake_destroy(const struct xvs_host *h, uint32_t set)
{
	(void)h;
	(void)set;
	ended++;
}

static void at_once(void *arg, void (*fn)(void *what), void *what)
{
	(void)arg;
	fn(what);
}

static const struct xvs_destset_host host = {
	.size = sizeof(host),
	.create = fake_create,
	.replace = fake_replace,
	.destroy = fake_destroy,
};

static int setup(void **state)
{
	(void)state;
	sets = (struct of_sets){ .destsets = &host, .reclaim = { .later = at_once } };
	made = ended = 0;
	next_number = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	of_sets_destroy(&sets);
	return 0;
}

#define SECOND UINT64_C(1000000000)

static int make_at(const struct of_set_ports *ports, uint64_t now_ns)
{
	return of_sets_make(&sets, ports, now_ns);
}

static struct of_set_ports ports_of(uint32_t a, uint32_t b, uint32_t c)
{
	struct of_set_ports p = { 0 };

	assert_true(of_set_ports_add(&p, a));
	assert_true(of_set_ports_add(&p, b));
	if (c)
		assert_true(of_set_ports_add(&p, c));
	return p;
}

static void ports_are_kept_in_order_and_once(void **state)
{
	struct of_set_ports p = ports_of(7, 3, 5);

	(void)state;
	assert_int_equal(p.count, 3);
	assert_int_equal(p.ports[0], 3);
	assert_int_equal(p.ports[1], 5);
	assert_int_equal(p.ports[2], 7);
	for (uint32_t i = 0; i < 3; i++)
		assert_false(of_set_ports_add(&p, p.ports[i]));
	for (uint32_t port = 100; p.count < OF_SET_PORTS_MAX; port++)
		assert_true(of_set_ports_add(&p, port));
	assert_false(of_set_ports_add(&p, 1));
}

static void a_set_is_made_once_and_found_in_any_order(void **state)
{
	const struct of_set_ports one = ports_of(1, 2, 3);
	const struct of_set_ports same = ports_of(3, 1, 2);
	const struct of_set_ports other = ports_of(1, 2, 0);

	(void)state;
	assert_null(of_sets_find(&sets, &one));
	assert_int_equal(make_at(&one, 0), 1);
	assert_int_equal(make_at(&same, 0), 0);
	assert_int_equal(made, 1);
	assert_ptr_equal(of_sets_find(&sets, &one), of_sets_find(&sets, &same));
	assert_null(of_sets_find(&sets, &other));
}

static void a_worker_asks_once_in_a_while(void **state)
{
	const struct of_set_ports one = ports_of(1, 2, 0);
	const struct of_set_ports other = ports_of(1, 3, 0);
	const uint64_t second = UINT64_C(1000000000);
	struct of_set_asked asked = { 0 };

	(void)state;
	assert_true(of_set_may_ask(&asked, &one, second));
	assert_false(of_set_may_ask(&asked, &one, second));
	assert_false(of_set_may_ask(&asked, &one, second + second / 20));
	assert_true(of_set_may_ask(&asked, &one, second + second / 5));
	assert_true(of_set_may_ask(&asked, &other, second + second / 5));
}

static void what_the_host_refuses_leaves_nothing(void **state)
{
	const struct of_set_ports p = ports_of(1, 99, 0);

	(void)state;
	assert_int_equal(make_at(&p, 0), -ENOENT);
	assert_int_equal(made, ended);
	assert_null(of_sets_find(&sets, &p));
}

static void sets_go_with_a_port_but_not_from_under_who_holds_them(void **state)
{
	const struct of_set_ports p = ports_of(1, 2, 0);
	const struct of_set_ports other = ports_of(3, 4, 0);
	struct of_set *held;

	(void)state;
	assert_int_equal(make_at(&p, 0), 1);
	assert_int_equal(make_at(&other, 0), 1);
	held = of_sets_find(&sets, &p);
	of_set_hold(held);
	of_sets_forget_port(&sets, 2);
	assert_int_equal(ended, 1);
	assert_null(of_sets_find(&sets, &p));
	assert_non_null(of_sets_find(&sets, &other));
	assert_int_equal(held->ports.count, 2); /* its memory is still there */
	of_set_drop(held);
}

static void what_nobody_holds_makes_room(void **state)
{
	const struct of_set_ports more = ports_of(1, 2, 0);
	struct of_set *held = NULL;

	(void)state;
	for (uint32_t i = 0; i < OF_SETS_MAX; i++) {
		const struct of_set_ports p = ports_of(1000 + i, 5000 + i, 0);

		assert_int_equal(make_at(&p, 0), 1);
		if (i == 7)
			held = of_sets_find(&sets, &p);
	}
	of_set_hold(held);
	/* who has just been made may be about to be held */
	assert_int_equal(make_at(&more, 10 * SECOND), -ENOSPC);
	assert_int_equal(make_at(&more, 10 * SECOND + SECOND / 2), -ENOSPC);
	assert_int_equal(ended, 0);
	assert_int_equal(make_at(&more, 11 * SECOND), 1);
	assert_int_equal(sets.count, 2);
	assert_ptr_equal(of_sets_find(&sets, &held->ports), held);
	of_set_drop(held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ports_are_kept_in_order_and_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_set_is_made_once_and_found_in_any_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_worker_asks_once_in_a_while, setup, teardown),
		cmocka_unit_test_setup_teardown(what_the_host_refuses_leaves_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			sets_go_with_a_port_but_not_from_under_who_holds_them, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_holds_makes_room, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
