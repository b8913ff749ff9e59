/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: every verdict by key keeps its promise; forged ARP and ND are seen; storms end. */
#include "net.h"

static const struct guard_ip bound_ips[] = {
	{ { .addr = { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 5 }, .prefix_len = 128 } },
	{ { .addr = { 0x20, 1, 0xd, 0xb8, [15] = 5 }, .prefix_len = 128 } },
};

static void bind_ips(struct net *n)
{
	n->policy.ips = (struct xvs_table)XVS_TABLE(bound_ips);
	policy_set(n);
}

static void passes_an_honest_guest_by_its_source_address_alone(void **state)
{
	struct net n;
	struct xvs_flow_key only_source = { .eth_src = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	ipv4(&n, OTHER, 6, 1, 2);
	assert_string_equal(judged(&n), "pass");
	v = fake_judge(&n.host, batch(&n), &n.packet.key);
	assert_memory_equal(&v.examined, &only_source, sizeof(only_source));
	net_destroy(&n);
}

static void drops_spoofed_source_mac(void **state)
{
	struct net n;
	const uint16_t l4[2] = { 1, 2 };

	(void)state;
	net_create(&n);
	fake_ipv4(&n.packet, guest, other, BOUND, PEER, 6, l4);
	assert_string_equal(judged(&n), "spoofed-mac");
	n.policy.forged_transmits = true;
	policy_set(&n);
	assert_string_equal(judged(&n), "pass");
	net_destroy(&n);
}

static void a_guest_may_use_the_address_of_its_other_adapter(void **state)
{
	struct net n;
	const uint16_t l4[2] = { 1, 2 };

	(void)state;
	net_create(&n);
	memcpy(n.host.mate, other, 6);
	fake_ipv4(&n.packet, guest, other, BOUND, PEER, 6, l4);
	assert_string_equal(judged(&n), "pass");
	n.host.mate[5]++;
	assert_string_equal(judged(&n), "spoofed-mac");
	net_destroy(&n);
}

static void follows_a_changed_adapter_address(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.host.invalidated = 0;
	memcpy(n.port.mac, other, 6);
	n.host.ext->ops->port_event(n.host.self, n.state, XVS_PORT_CHANGED, &n.port);
	assert_int_equal(n.host.invalidated, 1);
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-mac");
	memset(n.port.mac, 0, 6);
	memset(n.packet.key.eth_src, 0, 6);
	n.host.ext->ops->port_event(n.host.self, n.state, XVS_PORT_CHANGED, &n.port);
	assert_string_equal(judged(&n), "spoofed-mac");
	net_destroy(&n);
}

static void delivers_no_foreign_unicast(void **state)
{
	struct net n;
	struct xvs_batch *b;

	(void)state;
	net_create(&n);
	ipv4(&n, BOUND, 6, 1, 2); /* to 'other' */
	b = batch(&n);
	b->stage = XVS_STAGE_EGRESS;
	assert_int_equal(fake_judge(&n.host, b, &n.packet.key).reason, GUARD_FOREIGN_MAC);
	fake_promise(&n.host, b, &n.packet.key);
	memcpy(n.packet.key.eth_dst, guest, 6);
	assert_int_equal(fake_judge(&n.host, b, &n.packet.key).action, XVS_FLOW_PASS);
	memcpy(n.packet.key.eth_dst, broadcast, 6);
	assert_int_equal(fake_judge(&n.host, b, &n.packet.key).action, XVS_FLOW_PASS);
	fake_promise(&n.host, b, &n.packet.key);
	net_destroy(&n);
}

static void drops_dhcp_servers_of_both_families(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.policy.dhcp_guard = true;
	policy_set(&n);
	ipv4(&n, BOUND, 17, 67, 68);
	assert_string_equal(judged(&n), "dhcp-server");
	ipv4(&n, BOUND, 17, 68, 67);
	assert_string_equal(judged(&n), "pass");
	ipv4(&n, BOUND, 6, 67, 68);
	assert_string_equal(judged(&n), "pass");
	ipv6(&n, link_local, 17, 547);
	assert_string_equal(judged(&n), "dhcp-server");
	ipv6(&n, link_local, 17, 546);
	assert_string_equal(judged(&n), "pass");
	net_destroy(&n);
}

/* Clients do not look where an offer comes from. */
static void drops_dhcp_servers_behind_other_ports(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.policy.dhcp_guard = true;
	policy_set(&n);
	ipv4(&n, BOUND, 17, 5000, 68);
	assert_string_equal(judged(&n), "dhcp-server");
	ipv4(&n, BOUND, 17, 5000, 546);
	assert_string_equal(judged(&n), "pass");
	fake_ipv6(&n.packet, other, guest, link_local, all_nodes, 17);
	xvs_put16(n.packet.bytes + 54, 5000);
	xvs_put16(n.packet.bytes + 56, 546);
	fake_parse(&n.packet, 86, 1);
	assert_string_equal(judged(&n), "dhcp-server");
	net_destroy(&n);
}

static void drops_routers_of_both_families(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.policy.router_guard = true;
	policy_set(&n);
	ipv6(&n, link_local, 58, 134 << 8);
	assert_string_equal(judged(&n), "router-advertisement");
	ipv6(&n, link_local, 58, 137 << 8);
	assert_string_equal(judged(&n), "redirect");
	ipv6(&n, link_local, 58, 128 << 8);
	assert_string_equal(judged(&n), "pass");
	ipv4(&n, BOUND, 1, 9 << 8, 0);
	assert_string_equal(judged(&n), "router-advertisement");
	ipv4(&n, BOUND, 1, 5 << 8, 0);
	assert_string_equal(judged(&n), "redirect");
	ipv4(&n, BOUND, 1, 8 << 8, 0);
	assert_string_equal(judged(&n), "pass");
	net_destroy(&n);
}

static void drops_what_hides_behind_headers(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.policy.router_guard = true;
	policy_set(&n);
	ipv6(&n, link_local, 44, 60 << 8); /* a first fragment that ends in its headers */
	n.packet.bytes[57] = 1;            /* more fragments */
	fake_parse(&n.packet, 86, 1);
	assert_int_equal(n.packet.key.ip_proto, 60);
	assert_string_equal(judged(&n), "header-chain");
	ipv6(&n, link_local, 44, 58 << 8); /* one that ends before the ICMPv6 header */
	n.packet.bytes[57] = 1;
	fake_parse(&n.packet, 64, 1);
	assert_string_equal(judged(&n), "header-chain");
	xvs_put16(n.packet.bytes + 56, 0x10); /* a later fragment carries no claim */
	fake_parse(&n.packet, 64, 1);
	assert_string_equal(judged(&n), "pass");
	ipv6(&n, link_local, 51, 58 << 8); /* where the host's walk ended: too many headers */
	assert_string_equal(judged(&n), "header-chain");
	net_destroy(&n);
}

static void drops_unbound_source_addresses(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	bind_ips(&n);
	ipv4(&n, BOUND, 6, 1, 2);
	assert_string_equal(judged(&n), "pass");
	ipv4(&n, OTHER, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-ip");
	ipv6(&n, bound_v6, 6, 1);
	assert_string_equal(judged(&n), "pass");
	ipv6(&n, other_v6, 6, 1);
	assert_string_equal(judged(&n), "spoofed-ip");
	ipv6(&n, link_local, 6, 1);
	assert_string_equal(judged(&n), "pass");
	n.policy.link_local = false;
	policy_set(&n);
	assert_string_equal(judged(&n), "spoofed-ip");
	net_destroy(&n);
}

static void lets_a_guest_obtain_an_address(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	bind_ips(&n);
	ipv4(&n, 0, 17, 68, 67);
	assert_string_equal(judged(&n), "pass");
	ipv4(&n, 0, 17, 68, 68);
	assert_string_equal(judged(&n), "spoofed-ip");
	ipv6(&n, unspecified, 58, 143 << 8);
	assert_string_equal(judged(&n), "pass");
	ipv6(&n, unspecified, 58, 128 << 8);
	assert_string_equal(judged(&n), "spoofed-ip");
	ipv6(&n, unspecified, 58, 135 << 8);
	assert_string_equal(judged(&n), "watch");
	net_destroy(&n);
}

static void binds_networks_by_their_prefix(void **state)
{
	struct net n;
	const struct guard_ip net23 = { { .addr = { [10] = 0xff, [11] = 0xff, [12] = 10, [14] = 2 },
					  .prefix_len = 96 + 23 } };

	(void)state;
	net_create(&n);
	n.policy.ips = (struct xvs_table){ &net23, 1, sizeof(net23) };
	policy_set(&n);
	ipv4(&n, 0x0a0003ff, 6, 1, 2);
	assert_string_equal(judged(&n), "pass");
	ipv4(&n, 0x0a000400, 6, 1, 2);
	assert_string_equal(judged(&n), "spoofed-ip");
	net_destroy(&n);
}

static void checks_arp_by_both_addresses(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	arp(&n, guest, OTHER, PEER);
	assert_string_equal(judged(&n), "pass"); /* nothing is bound */
	bind_ips(&n);
	assert_string_equal(judged(&n), "spoofed-arp");
	arp(&n, guest, BOUND, PEER);
	assert_string_equal(judged(&n), "watch");
	assert_string_equal(checked(&n), "pass");
	arp(&n, other, BOUND, PEER);
	assert_string_equal(judged(&n), "watch");
	assert_string_equal(checked(&n), "spoofed-arp");
	arp(&n, guest, 0, BOUND);
	assert_string_equal(judged(&n), "watch");
	arp(&n, guest, 0, OTHER);
	assert_string_equal(judged(&n), "spoofed-arp");
	arp(&n, guest, BOUND, PEER);
	n.packet.bytes[18] = 8; /* a hardware address of eight bytes moves all fields */
	assert_string_equal(checked(&n), "spoofed-arp");
	n.policy.arp_guard = false;
	policy_set(&n);
	assert_string_equal(judged(&n), "pass");
	net_destroy(&n);
}

static void checks_neighbour_discovery(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	bind_ips(&n);
	nd(&n, 136, bound_v6, bound_v6, guest);
	assert_string_equal(judged(&n), "watch");
	assert_string_equal(checked(&n), "pass");
	nd(&n, 136, bound_v6, other_v6, guest);
	assert_string_equal(checked(&n), "spoofed-nd");
	nd(&n, 136, bound_v6, bound_v6, other);
	assert_string_equal(checked(&n), "spoofed-nd");
	nd(&n, 136, link_local, link_local, guest);
	assert_string_equal(checked(&n), "pass");
	nd(&n, 135, bound_v6, other_v6, guest);
	assert_string_equal(checked(&n), "pass");
	nd(&n, 135, bound_v6, other_v6, other);
	assert_string_equal(checked(&n), "spoofed-nd");
	nd(&n, 135, unspecified, other_v6, guest);
	assert_string_equal(checked(&n), "spoofed-nd");
	net_destroy(&n);
}

static void refuses_broken_neighbour_discovery(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	bind_ips(&n);
	nd(&n, 136, bound_v6, bound_v6, guest);
	n.packet.bytes[79] = 0; /* an option without length */
	assert_string_equal(checked(&n), "spoofed-nd");
	n.packet.bytes[79] = 2; /* one that ends behind the packet */
	assert_string_equal(checked(&n), "spoofed-nd");
	n.packet.bytes[79] = 1;
	assert_string_equal(checked(&n), "pass");
	n.packet.x.linear = 70; /* the rest cannot be read */
	assert_string_equal(checked(&n), "spoofed-nd");
	ipv6(&n, bound_v6, 44, 58 << 8);
	n.packet.bytes[57] = 1;
	n.packet.bytes[62] = 136;
	fake_parse(&n.packet, 86, 1);
	assert_string_equal(judged(&n), "spoofed-nd"); /* in fragments: RFC 6980 */
	net_destroy(&n);
}

/* No bytes of a message make the check read outside it: each is an exact-size copy. */
static void survives_random_messages(void **state)
{
	struct net n;
	uint64_t random = 99;

	(void)state;
	net_create(&n);
	bind_ips(&n);
	for (int i = 0; i < 20000; i++) {
		uint32_t len = 54 + 8 + (uint32_t)(xvs_random(&random) % 64);
		uint8_t *copy = malloc(len);

		assert_non_null(copy);
		nd(&n, (uint8_t)(133 + i % 4), bound_v6, bound_v6, guest);
		for (int k = 0; k < 3; k++)
			n.packet.bytes[18 + xvs_random(&random) % (len - 18)] =
				(uint8_t)xvs_random(&random);
		memcpy(copy, n.packet.bytes, len);
		n.packet.x.data = copy;
		n.packet.x.linear = n.packet.x.len = len;
		n.host.ext->ops->ingress(n.host.self, batch(&n));
		free(copy);
	}
	net_destroy(&n);
}

static void drops_spanning_tree_messages(void **state)
{
	static const uint8_t tree[6] = { 0x01, 0x80, 0xc2 };
	static const uint8_t cisco[6] = { 0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd };
	struct net n;

	(void)state;
	net_create(&n);
	fake_ethernet(&n.packet, tree, guest, 0x0027);
	fake_parse(&n.packet, 60, 1);
	assert_string_equal(judged(&n), "pass");
	n.policy.bpdu_guard = true;
	policy_set(&n);
	assert_string_equal(judged(&n), "bpdu");
	memcpy(n.packet.key.eth_dst, cisco, 6);
	assert_string_equal(judged(&n), "bpdu");
	memcpy(n.packet.key.eth_dst, broadcast, 6);
	assert_string_equal(judged(&n), "pass");
	net_destroy(&n);
}

static void ends_a_storm(void **state)
{
	struct net n;
	int passed = 0;

	(void)state;
	net_create(&n);
	n.policy.storm_pps = 100;
	n.policy.storm_burst = 10;
	policy_set(&n);
	ipv4(&n, BOUND, 17, 1, 2);
	assert_string_equal(judged(&n), "pass");
	memset(n.packet.key.eth_dst, 0xff, 6);
	memset(n.packet.bytes, 0xff, 6);
	assert_string_equal(judged(&n), "watch");
	for (int i = 0; i < 50; i++)
		passed += strcmp(checked(&n), "pass") == 0;
	assert_int_equal(passed, 10);
	assert_string_equal(checked(&n), "storm");
	n.host.now_ns += 10 * 1000 * 1000; /* one more token */
	assert_string_equal(checked(&n), "pass");
	assert_string_equal(checked(&n), "storm");
	net_destroy(&n);
}

static void unknown_unicast_is_a_storm_where_it_is_said(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	memset(n.host.known, 2, sizeof(n.host.known)); /* the switch knows nobody else */
	n.policy.storm_pps = 100;
	n.policy.storm_burst = 1;
	policy_set(&n);
	ipv4(&n, BOUND, 17, 1, 2);
	assert_string_equal(judged(&n), "pass");
	n.policy.storm_unknown = true;
	policy_set(&n);
	assert_string_equal(judged(&n), "watch");
	assert_string_equal(checked(&n), "pass");
	assert_string_equal(checked(&n), "storm");
	memcpy(n.host.known, other, sizeof(other)); /* it has learned that one */
	assert_string_equal(checked(&n), "pass");
	assert_string_equal(judged(&n), "pass");
	net_destroy(&n);
}

static void unknown_unicast_alone_is_no_limit(void **state)
{
	struct net n;
	struct xvs_error err;

	(void)state;
	net_create(&n);
	n.policy.storm_unknown = true;
	assert_int_equal(fake_policy(&n.host, n.state, "org.xvs.guard/1", &n.policy, false, &err),
			 -EINVAL);
	assert_string_equal(err.field, "storm_unknown");
	net_destroy(&n);
}

static void a_trace_spends_and_counts_nothing(void **state)
{
	struct net n;
	struct xvs_error err = { .size = sizeof(err) };
	uint64_t drops[GUARD_REASON_COUNT];

	(void)state;
	net_create(&n);
	n.policy.storm_pps = 1;
	bind_ips(&n);
	arp(&n, other, BOUND, PEER);
	n.packet.x.flags |= XVS_PKT_DRY;
	for (int i = 0; i < 5; i++)
		assert_string_equal(checked(&n), "spoofed-arp");
	arp(&n, guest, BOUND, PEER);
	n.packet.x.flags |= XVS_PKT_DRY;
	for (int i = 0; i < 5; i++)
		assert_string_equal(checked(&n), "pass");
	assert_int_equal(n.host.ext->ops->status_read(n.host.self, n.state, "org.xvs.guard.drops/1",
						      drops, &err),
			 0);
	assert_int_equal(drops[GUARD_SPOOFED_ARP], 0);
	net_destroy(&n);
}

static void shows_drops_by_kind(void **state)
{
	struct net n;
	struct xvs_error err = { .size = sizeof(err) };
	const struct xvs_feature *status;
	struct xvs_flow_verdict v;
	uint64_t drops[GUARD_REASON_COUNT];

	(void)state;
	net_create(&n);
	bind_ips(&n);
	arp(&n, other, BOUND, PEER);
	assert_string_equal(checked(&n), "spoofed-arp");
	ipv4(&n, OTHER, 6, 1, 2);
	v = fake_judge(&n.host, batch(&n), &n.packet.key);
	assert_int_not_equal(v.cookie, 0);
	((const struct xvs_flow *)n.host.ext->ops->query(n.host.self, XVS_FLOW))
		->account(n.host.self,
			  &(struct xvs_flow_stats){ .size = sizeof(struct xvs_flow_stats),
						    .cookie = v.cookie,
						    .packets = 7,
						    .port_state = n.state,
						    .worker_state = n.worker });
	status = fake_feature(&n.host, "org.xvs.guard.drops/1");
	assert_int_equal(status->bytes, sizeof(drops));
	assert_int_equal(
		n.host.ext->ops->status_read(n.host.self, n.state, status->id, drops, &err), 0);
	assert_int_equal(drops[GUARD_SPOOFED_ARP], 1);
	assert_int_equal(drops[GUARD_SPOOFED_IP], 7);
	net_destroy(&n);
}

static void refuses_a_port_without_an_address(void **state)
{
	struct net n;
	struct xvs_port bare = fake_port(2, "bare", unspecified);
	struct xvs_error err;
	void *bare_state;

	(void)state;
	net_create(&n);
	bare_state = fake_attach(&n.host, &bare);
	assert_int_equal(fake_policy(&n.host, bare_state, "org.xvs.guard/1", &n.policy, true, &err),
			 -EINVAL);
	assert_string_equal(err.field, "forged_transmits");
	n.policy.forged_transmits = n.policy.mac_changes = true;
	assert_int_equal(fake_policy(&n.host, bare_state, "org.xvs.guard/1", &n.policy, true, &err),
			 0);
	fake_detach(&n.host, bare_state);
	net_destroy(&n);
}

static void a_change_takes_effect_and_leaks_nothing(void **state)
{
	struct net n;
	struct xvs_error err;

	(void)state;
	net_create(&n);
	ipv4(&n, OTHER, 17, 67, 68);
	assert_int_equal(fake_policy(&n.host, n.state, "org.xvs.guard/1", &n.policy, false, &err),
			 0);
	assert_string_equal(judged(&n), "pass");
	assert_int_equal(fake_policy(&n.host, n.state, "org.xvs.guard/1", NULL, true, &err), 0);
	memcpy(n.packet.key.eth_src, other, 6);
	assert_string_equal(judged(&n), "pass"); /* no policy, no opinion */
	assert_string_equal(checked(&n), "pass");
	net_destroy(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_an_honest_guest_by_its_source_address_alone),
		cmocka_unit_test(drops_spoofed_source_mac),
		cmocka_unit_test(a_guest_may_use_the_address_of_its_other_adapter),
		cmocka_unit_test(follows_a_changed_adapter_address),
		cmocka_unit_test(delivers_no_foreign_unicast),
		cmocka_unit_test(drops_dhcp_servers_of_both_families),
		cmocka_unit_test(drops_dhcp_servers_behind_other_ports),
		cmocka_unit_test(drops_routers_of_both_families),
		cmocka_unit_test(drops_what_hides_behind_headers),
		cmocka_unit_test(drops_unbound_source_addresses),
		cmocka_unit_test(lets_a_guest_obtain_an_address),
		cmocka_unit_test(binds_networks_by_their_prefix),
		cmocka_unit_test(checks_arp_by_both_addresses),
		cmocka_unit_test(checks_neighbour_discovery),
		cmocka_unit_test(refuses_broken_neighbour_discovery),
		cmocka_unit_test(survives_random_messages),
		cmocka_unit_test(drops_spanning_tree_messages),
		cmocka_unit_test(ends_a_storm),
		cmocka_unit_test(unknown_unicast_is_a_storm_where_it_is_said),
		cmocka_unit_test(unknown_unicast_alone_is_no_limit),
		cmocka_unit_test(a_trace_spends_and_counts_nothing),
		cmocka_unit_test(shows_drops_by_kind),
		cmocka_unit_test(refuses_a_port_without_an_address),
		cmocka_unit_test(a_change_takes_effect_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
