/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base xvs_packet */
/* Devices of a network namespace of our own, and what we say when the kernel refuses. */
#include "netlab.h"

#include "port/link.h"
#include "port/netns.h"

static bool has_lab;
static struct netlink nl;

#define NEED_LAB() \
	do { \
		if (!has_lab) \
			skip(); \
	} while (0)

static void refuses_names_that_are_none(void **state)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "a b", "a:1", "tap%d" };
	struct xvs_error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(link_check_name(bad[i], &err), -EINVAL);
	assert_int_equal(link_check_name("fifteen-letters", &err), 0);
	assert_int_equal(link_check_name("sixteen--letters", &err), -ENAMETOOLONG);
	assert_non_null(strstr(err.text, "16 characters: at most 15"));
}

static void names_the_missing_device(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct link_facts facts;

	(void)state;
	NEED_LAB();
	assert_int_equal(link_by_name(&nl, "nobody0", &facts, &err), -ENODEV);
	assert_string_equal(err.text, "device nobody0 does not exist");
	assert_int_equal(link_by_index(&nl, 4711, LINK_HERE, &facts, &err), -ENODEV);
}

static void makes_and_changes_a_pair(void **state)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };
	const struct link_change change = {
		.name = "renamed0", .mac = mac, .mtu = 9000, .state = LINK_UP
	};
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	struct link_facts a;
	struct link_facts b;

	(void)state;
	NEED_LAB();
	assert_int_equal(link_create(&nl, "veth", "pair-a", "pair-b", &err), 0);
	assert_int_equal(link_by_name(&nl, "pair-a", &a, &err), 0);
	assert_int_equal(link_by_name(&nl, "pair-b", &b, &err), 0);
	assert_false(a.admin_up);
	assert_int_equal(link_change(&nl, a.index, "pair-a", &change, &err), 0);
	assert_int_equal(link_by_index(&nl, a.index, LINK_HERE, &a, &err), 0);
	assert_string_equal(a.name, "renamed0");
	assert_memory_equal(a.mac, mac, 6);
	assert_int_equal(a.mtu, 9000);
	assert_true(a.admin_up);
	assert_false(a.up); /* the other end of the cable is down */
	assert_int_equal(link_change(&nl, b.index, "pair-b", &up, &err), 0);
	assert_int_equal(link_by_index(&nl, a.index, LINK_HERE, &a, &err), 0);
	assert_true(a.up);
	assert_int_equal(link_speed_mbps("renamed0"), 10000);
	assert_int_equal(link_delete(&nl, a.index, &err), 0);
	assert_int_equal(link_by_name(&nl, "pair-b", &b, &err), -ENODEV);
}

static void repeats_what_the_kernel_says(void **state)
{
	const struct link_change change = { .mtu = 10 };
	struct xvs_error err = ERROR_INIT;
	struct link_facts facts;

	(void)state;
	NEED_LAB();
	assert_int_equal(link_create(&nl, "veth", "small0", "small1", &err), 0);
	assert_int_equal(link_by_name(&nl, "small0", &facts, &err), 0);
	assert_int_equal(link_change(&nl, facts.index, "small0", &change, &err), -EINVAL);
	assert_string_equal(err.text, "device small0: setting MTU 10: Invalid argument: "
				      "mtu less than device minimum");
	assert_int_equal(link_create(&nl, "veth", "small0", "small2", &err), -EEXIST);
	assert_non_null(strstr(err.text, "device small0: creating it as veth: File exists"));
	assert_int_equal(link_delete(&nl, facts.index, &err), 0);
}

static void finds_addresses_of_the_host(void **state)
{
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	char text[LINK_ADDRESS_TEXT];
	struct link_facts facts;

	(void)state;
	NEED_LAB();
	assert_int_equal(link_create(&nl, "bridge", "addr0", NULL, &err), 0);
	assert_int_equal(link_by_name(&nl, "addr0", &facts, &err), 0);
	assert_int_equal(link_change(&nl, facts.index, "addr0", &up, &err), 0);
	assert_int_equal(link_add_address(&nl, facts.index, "addr0", "10.0.0.5", &err), -EINVAL);
	assert_int_equal(link_add_address(&nl, facts.index, "addr0", "fe80::5/64", &err), 0);
	assert_int_equal(link_find_address(&nl, facts.index, text, &err), 0);
	assert_int_equal(link_add_address(&nl, facts.index, "addr0", "2001:db8::5/64", &err), 0);
	assert_int_equal(link_find_address(&nl, facts.index, text, &err), 1);
	assert_string_equal(text, "2001:db8::5/64");
	assert_int_equal(link_add_address(&nl, facts.index, "addr0", "10.0.0.5/24", &err), 0);
	assert_int_equal(link_find_address(&nl, facts.index, text, &err), 1);
	assert_string_equal(text, "10.0.0.5/24");
	assert_int_equal(link_delete(&nl, facts.index, &err), 0);
}

/* ---- watching -------------------------------------------------------------------------------- */

struct seen {
	unsigned calls;
	bool up, gone;
	uint32_t mtu;
};

static void note(void *arg, const struct link_facts *facts)
{
	struct seen *seen = arg;

	seen->calls++;
	seen->gone = !facts;
	seen->up = facts && facts->admin_up;
	seen->mtu = facts ? facts->mtu : 0;
}

static bool is_up(const void *arg)
{
	return ((const struct seen *)arg)->up;
}

static bool is_big(const void *arg)
{
	return ((const struct seen *)arg)->mtu == 4000;
}

static bool is_gone(const void *arg)
{
	return ((const struct seen *)arg)->gone;
}

static void tells_about_its_device_alone(void **state)
{
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	struct seen seen = { 0 };
	struct link_watch *watch;
	struct link_facts mine;
	struct link_facts other;
	struct loop *loop;

	(void)state;
	NEED_LAB();
	assert_int_equal(loop_create(&loop, &err), 0);
	assert_int_equal(link_create(&nl, "bridge", "mine0", NULL, &err), 0);
	assert_int_equal(link_create(&nl, "bridge", "other0", NULL, &err), 0);
	assert_int_equal(link_by_name(&nl, "mine0", &mine, &err), 0);
	assert_int_equal(link_by_name(&nl, "other0", &other, &err), 0);
	assert_int_equal(link_watch_create(loop, (struct link_place){ mine.index, LINK_HERE }, note,
					   &seen, &watch, &err),
			 0);
	assert_int_equal(link_change(&nl, other.index, "other0", &up, &err), 0);
	(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(link_change(&nl, mine.index, "mine0", &up, &err), 0);
	assert_true(netlab_wait(loop, is_up, &seen));
	assert_int_equal(link_delete(&nl, mine.index, &err), 0);
	assert_true(netlab_wait(loop, is_gone, &seen));
	link_watch_destroy(watch);
	assert_int_equal(link_delete(&nl, other.index, &err), 0);
	loop_destroy(loop);
}

static int grow(void *arg, struct xvs_error *err)
{
	const struct link_change change = { .mtu = 4000, .state = LINK_UP };
	struct link_facts facts;
	struct netlink there;
	int code = netlink_open(&there, err);

	if (code)
		return code;
	code = link_by_name(&there, arg, &facts, err);
	if (code == 0)
		code = link_change(&there, facts.index, arg, &change, err);
	netlink_close(&there);
	return code;
}

static void watches_into_another_namespace(void **state)
{
	char name[] = "far0";
	struct xvs_error err = ERROR_INIT;
	struct seen seen = { 0 };
	struct link_watch *watch;
	struct link_facts facts;
	struct loop *loop;
	int netns;
	int nsid;

	(void)state;
	NEED_LAB();
	netlab_add_netns("far");
	assert_int_equal(loop_create(&loop, &err), 0);
	assert_int_equal(netns_open("far", &netns, &err), 0);
	assert_int_equal(link_netns_id(&nl, netns, &nsid, &err), -ENOENT);
	assert_int_equal(link_create(&nl, "veth", name, "near0", &err), 0);
	assert_int_equal(link_by_name(&nl, name, &facts, &err), 0);
	assert_int_equal(link_move(&nl, facts.index, name, netns, &err), 0);
	assert_int_equal(link_by_name(&nl, name, &facts, &err), -ENODEV);
	assert_int_equal(link_netns_id(&nl, netns, &nsid, &err), 0);
	assert_int_equal(link_watch_create(loop, (struct link_place){ facts.index, nsid }, note,
					   &seen, &watch, &err),
			 0);
	assert_int_equal(netns_run(netns, grow, name, &err), 0);
	assert_true(netlab_wait(loop, is_big, &seen));
	assert_true(seen.up);
	assert_int_equal(link_by_index(&nl, facts.index, nsid, &facts, &err), 0);
	assert_string_equal(facts.name, name);
	assert_int_equal(facts.mtu, 4000);
	link_watch_destroy(watch);
	loop_destroy(loop);
	(void)close(netns);
	netlab_delete_netns("far");
}

/* ---- namespaces -------------------------------------------------------------------------------- */

static void refuses_what_is_no_namespace(void **state)
{
	struct xvs_error err = ERROR_INIT;
	int fd;

	(void)state;
	assert_int_equal(netns_open("no-such-one", &fd, &err), -ENOENT);
	assert_string_equal(err.text, "network namespace no-such-one does not exist: create it "
				      "with ip netns add no-such-one");
	assert_int_equal(netns_open("..", &fd, &err), -EINVAL);
	assert_int_equal(netns_open("", &fd, &err), -EINVAL);
	assert_int_equal(netns_open("/dev/null", &fd, &err), -EINVAL);
	assert_string_equal(err.text, "/dev/null is not a network namespace");
	assert_int_equal(netns_open("/proc/self/ns/mnt", &fd, &err), -EINVAL);
}

static int where(void *arg, struct xvs_error *err)
{
	struct stat st;

	(void)err;
	if (stat("/proc/thread-self/ns/net", &st) != 0)
		return -errno;
	*(ino_t *)arg = st.st_ino;
	return -42;
}

static void runs_inside_and_comes_back(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct stat there;
	ino_t before = 0;
	ino_t inside = 0;
	ino_t after = 0;
	int fd;

	(void)state;
	NEED_LAB();
	netlab_add_netns("visit");
	assert_int_equal(netns_open("/run/netns/visit", &fd, &err), 0);
	assert_int_equal(fstat(fd, &there), 0);
	(void)where(&before, NULL);
	assert_int_equal(netns_run(fd, where, &inside, &err), -42);
	(void)where(&after, NULL);
	assert_true(inside == there.st_ino);
	assert_true(before == after && before != inside);
	(void)close(fd);
	netlab_delete_netns("visit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_names_that_are_none),
		cmocka_unit_test(names_the_missing_device),
		cmocka_unit_test(makes_and_changes_a_pair),
		cmocka_unit_test(repeats_what_the_kernel_says),
		cmocka_unit_test(finds_addresses_of_the_host),
		cmocka_unit_test(tells_about_its_device_alone),
		cmocka_unit_test(watches_into_another_namespace),
		cmocka_unit_test(refuses_what_is_no_namespace),
		cmocka_unit_test(runs_inside_and_comes_back),
	};
	int failures;

	has_lab = netlab_enter() == 0 && netlink_open(&nl, NULL) == 0;
	failures = cmocka_run_group_tests(tests, NULL, NULL);
	netlink_close(&nl);
	return failures;
}
