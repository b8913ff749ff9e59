/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base xvs_packet */
/* What one device has, on another one. */
#include "netlab.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "port/address.h"

static bool has_lab;
static struct netlink nl;
static struct link_facts a, b;

#define NEED_LAB() \
	do { \
		if (!has_lab) \
			skip(); \
	} while (0)

static void refuses_items_that_are_none(void **state)
{
	struct address_item item = { .type = RTM_NEWADDR, .len = sizeof(struct ifaddrmsg) };
	struct address_set set = { .items = NULL };

	(void)state;
	assert_int_equal(address_set_add(&set, &item), 0);
	item.len += 4; /* an attribute that is shorter than its own header */
	assert_int_equal(address_set_add(&set, &item), -EINVAL);
	item.bytes[sizeof(struct ifaddrmsg)] = 8; /* one that ends behind us */
	assert_int_equal(address_set_add(&set, &item), -EINVAL);
	item.bytes[sizeof(struct ifaddrmsg)] = 4;
	assert_int_equal(address_set_add(&set, &item), 0);
	item.type = RTM_NEWLINK;
	assert_int_equal(address_set_add(&set, &item), -EINVAL);
	item.type = RTM_NEWADDR;
	item.len = ADDRESS_BYTES + 4;
	assert_int_equal(address_set_add(&set, &item), -EINVAL);
	assert_int_equal(set.count, 2);
	address_set_finish(&set);
}

static void give(const char *address)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(link_add_address(&nl, a.index, a.name, address, &err), 0);
}

static void moves_all_addresses_and_keeps_their_order(void **state)
{
	/* The kernel lists the second of a network behind all firsts. */
	static const char *const addresses[] = { "192.0.2.5/24", "10.9.9.9/32", "192.0.2.6/24" };
	struct address_device from = { a.index, a.name };
	struct address_device to = { b.index, b.name };
	struct address_set before, after;
	struct xvs_error err = ERROR_INIT;
	char text[LINK_ADDRESS_TEXT];

	(void)state;
	NEED_LAB();
	for (size_t i = 0; i < 3; i++)
		give(addresses[i]);
	assert_int_equal(address_set_read(&nl, a.index, &before, &err), 0);
	assert_int_equal(address_set_put(&nl, &before, &to, &err), 0);
	assert_int_equal(address_set_remove(&nl, &before, &from, &err), 0);
	assert_int_equal(address_set_remove(&nl, &before, &from, &err), 0);
	assert_int_equal(link_find_address(&nl, a.index, text, &err), 0);
	assert_int_equal(address_set_read(&nl, b.index, &after, &err), 0);
	assert_int_equal(after.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(address_item_text(&after.items[i], text));
		assert_string_equal(text, addresses[i]);
	}
	address_set_announce(&after, &b);
	address_set_finish(&before);
	address_set_finish(&after);
}

static void knows_what_it_has(void **state)
{
	struct address_item item = { .type = RTM_NEWROUTE, .len = sizeof(struct rtmsg) };
	struct address_set set = { .items = NULL };
	char text[LINK_ADDRESS_TEXT];

	(void)state;
	assert_false(address_set_has(&set, &item));
	assert_int_equal(address_set_add(&set, &item), 0);
	assert_true(address_set_has(&set, &item));
	assert_false(address_item_text(&item, text));
	item.bytes[0] = AF_INET6;
	assert_false(address_set_has(&set, &item));
	address_set_finish(&set);
}

static int make_pair(void **state)
{
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	if (!has_lab)
		return 0;
	return netlink_open(&nl, &err) || link_create(&nl, "veth", "pair-a", "pair-b", &err) ||
	       link_by_name(&nl, "pair-a", &a, &err) || link_by_name(&nl, "pair-b", &b, &err) ||
	       link_change(&nl, a.index, a.name, &up, &err) ||
	       link_change(&nl, b.index, b.name, &up, &err);
}

static int close_lab(void **state)
{
	(void)state;
	netlink_close(&nl);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_items_that_are_none),
		cmocka_unit_test(knows_what_it_has),
		cmocka_unit_test(moves_all_addresses_and_keeps_their_order),
	};

	has_lab = netlab_enter() == 0;
	return cmocka_run_group_tests(tests, make_pair, close_lab);
}
