/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that a guest claims or is given: learned up to a limit, for a time, and shown. */
#include "net.h"

static void let_claim(struct net *n, uint32_t count)
{
	n->policy.dynamic_ips = count;
	n->policy.dynamic_age_s = 600;
	policy_set(n);
}

static void learns_what_a_guest_claims_up_to_a_limit(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	let_claim(&n, 2);
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-ip");
	arp(&n, guest, BOUND, PEER);
	assert_string_equal(judged(&n), "watch");
	n.host.invalidated = 0;
	assert_string_equal(checked(&n), "pass");
	assert_int_equal(n.host.invalidated, 1);
	assert_string_equal(checked(&n), "pass"); /* again: nothing new */
	assert_int_equal(n.host.invalidated, 1);
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "pass");
	ipv4(&n, OTHER, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-ip");
	arp(&n, guest, OTHER, PEER);
	assert_string_equal(checked(&n), "pass");
	arp(&n, guest, PEER, BOUND);
	assert_string_equal(checked(&n), "ip-limit");
	arp(&n, other, BOUND, PEER); /* one of its own, but not at its adapter */
	assert_string_equal(checked(&n), "spoofed-arp");
	arp(&n, guest, 0, PEER); /* a probe claims nothing */
	assert_string_equal(checked(&n), "pass");
	net_destroy(&n);
}

static void learns_ipv6_by_neighbour_discovery(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	let_claim(&n, 1);
	ipv6(&n, bound_v6, 6, 1);
	assert_string_equal(judged(&n), "spoofed-ip");
	nd(&n, 135, unspecified, bound_v6, guest);
	memset(n.packet.bytes + 78, 0, 8); /* before it has an address, it says no other */
	n.packet.bytes[79] = 1;
	n.packet.bytes[78] = 14;
	assert_string_equal(judged(&n), "watch");
	assert_string_equal(checked(&n), "pass");
	ipv6(&n, bound_v6, 6, 1);
	assert_string_equal(judged(&n), "pass");
	nd(&n, 135, unspecified, other_v6, guest);
	assert_string_equal(checked(&n), "ip-limit");
	nd(&n, 136, other_v6, other_v6, guest); /* by its source, where the claim came too early */
	assert_string_equal(judged(&n), "watch");
	assert_string_equal(checked(&n), "ip-limit");
	nd(&n, 136, link_local, link_local, guest);
	assert_string_equal(checked(&n), "pass");
	net_destroy(&n);
}

static void an_old_address_makes_room_for_a_new_one(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	let_claim(&n, 1);
	arp(&n, guest, BOUND, PEER);
	assert_string_equal(checked(&n), "pass");
	n.host.now_ns += UINT64_C(600) * 1000000000;
	ipv4(&n, BOUND, 6, 1, 2); /* it is used */
	assert_string_equal(judged(&n), "pass");
	arp(&n, guest, OTHER, PEER);
	n.host.now_ns += UINT64_C(600) * 1000000000;
	assert_string_equal(checked(&n), "ip-limit");
	n.host.now_ns += UINT64_C(1) * 1000000000;
	assert_string_equal(checked(&n), "pass");
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-ip");
	net_destroy(&n);
}

/* An answer of a DHCP server as it leaves to the guest. */
static void dhcp(struct net *n, const uint8_t mac[6], uint8_t type)
{
	const uint16_t l4[2] = { 67, 68 };
	uint8_t *bootp;

	fake_ipv4(&n->packet, guest, other, PEER, 0xffffffff, 17, l4);
	bootp = n->packet.bytes + 42;
	memset(bootp, 0, 260);
	bootp[0] = 2;
	xvs_put32(bootp + 16, BOUND);
	memcpy(bootp + 28, mac, 6);
	xvs_put32(bootp + 236, 0x63825363);
	memcpy(bootp + 240, (const uint8_t[]){ 0, 54, 4, 10, 0, 0, 7, 53, 1, type, 255 }, 11);
	n->packet.x.len = n->packet.x.linear = 42 + 260;
}

static void deliver(struct net *n)
{
	struct xvs_batch *b = batch(n);

	b->stage = XVS_STAGE_EGRESS;
	assert_int_equal(fake_judge(&n->host, b, &n->packet.key).action, XVS_FLOW_WATCH);
	n->host.ext->ops->egress(n->host.self, b);
	assert_int_equal(b->live, 1);
}

static void learns_what_dhcp_gives(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.policy.dhcp_only = true;
	let_claim(&n, 2);
	arp(&n, guest, BOUND, PEER);
	assert_string_equal(checked(&n), "spoofed-arp");
	dhcp(&n, guest, 2); /* an offer is none yet */
	deliver(&n);
	dhcp(&n, other, 5); /* for somebody else */
	deliver(&n);
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-ip");
	dhcp(&n, guest, 5);
	deliver(&n);
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "pass");
	arp(&n, guest, BOUND, PEER);
	assert_string_equal(checked(&n), "pass");
	net_destroy(&n);
}

static void survives_random_answers(void **state)
{
	struct net n;
	uint64_t random = 7;

	(void)state;
	net_create(&n);
	let_claim(&n, GUARD_DYNAMIC_MAX);
	for (int i = 0; i < 20000; i++) {
		uint32_t len = 42 + 230 + (uint32_t)(xvs_random(&random) % 31);
		uint8_t *copy = malloc(len);
		struct xvs_batch *b;

		assert_non_null(copy);
		dhcp(&n, guest, 5);
		for (int k = 0; k < 4; k++)
			n.packet.bytes[282 + xvs_random(&random) % 20] =
				(uint8_t)xvs_random(&random);
		memcpy(copy, n.packet.bytes, len);
		n.packet.x.data = copy;
		n.packet.x.linear = n.packet.x.len = len;
		b = batch(&n);
		b->stage = XVS_STAGE_EGRESS;
		n.host.ext->ops->egress(n.host.self, b);
		free(copy);
	}
	net_destroy(&n);
}

static void shows_learned_addresses(void **state)
{
	struct xvs_error err = { .size = sizeof(err) };
	struct guard_addresses *addresses = calloc(1, sizeof(*addresses));
	struct net n;

	(void)state;
	assert_non_null(addresses);
	net_create(&n);
	let_claim(&n, GUARD_DYNAMIC_MAX);
	arp(&n, guest, BOUND, PEER);
	assert_string_equal(checked(&n), "pass");
	nd(&n, 136, bound_v6, bound_v6, guest);
	assert_string_equal(checked(&n), "pass");
	n.host.now_ns += UINT64_C(3) * 1000000000;
	assert_int_equal(n.host.ext->ops->status_read(n.host.self, n.state,
						      "org.xvs.guard.addresses/1", addresses, &err),
			 0);
	assert_int_equal(addresses->learned, 2);
	assert_string_equal(addresses->list, "10.0.0.5 (3s), 2001:db8::5 (3s)");
	for (uint32_t i = 2; i < GUARD_DYNAMIC_MAX; i++) { /* the longest that there are */
		uint8_t address[16];

		memset(address, 0xfd, sizeof(address));
		address[15] = (uint8_t)i;
		assert_int_not_equal(guard_learn(n.state, &n.policy, address, n.host.now_ns), 0);
	}
	n.host.now_ns += UINT64_C(4000000) * 1000000000;
	guard_list_learned(n.state, n.host.now_ns, addresses);
	assert_int_equal(addresses->learned, GUARD_DYNAMIC_MAX);
	assert_true(strlen(addresses->list) < sizeof(addresses->list) - 1);
	net_destroy(&n);
	free(addresses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(learns_what_a_guest_claims_up_to_a_limit),
		cmocka_unit_test(learns_ipv6_by_neighbour_discovery),
		cmocka_unit_test(an_old_address_makes_room_for_a_new_one),
		cmocka_unit_test(learns_what_dhcp_gives),
		cmocka_unit_test(survives_random_answers),
		cmocka_unit_test(shows_learned_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
