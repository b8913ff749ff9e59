/* SPDX-License-Identifier: Apache-2.0 */
/* The forwarder by known addresses: destinations, masks, what is judged anew, status. */
#include "plugins/fake_host.h"

static const uint8_t mac_a[6] = { 0x52, 0x54, 0, 0, 0, 1 };
static const uint8_t mac_b[6] = { 0x52, 0x54, 0, 0, 0, 2 };
static const uint8_t mac_c[6] = { 0x52, 0x54, 0, 0, 0, 3 };
static const uint8_t mac_none[6];
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

struct status_row {
	uint8_t mac[6];
	uint8_t pad[2];
	uint32_t segment;
	char port[64];
};

struct status {
	uint32_t count;
	char uplink[64];
	struct xvs_table entries;
};

struct net {
	struct fake_host host;
	struct xvs_port ports[4]; /* a, b, up0, up1 */
	void *state[4];
	struct fake_packet packet;
	struct fake_batch batch;
};

static void net_create(struct net *n)
{
	memset(n, 0, sizeof(*n));
	fake_create(&n->host, 1);
	n->ports[0] = fake_port(1, "a", mac_a);
	n->ports[1] = fake_port(2, "b", mac_b);
	n->ports[2] = fake_port(3, "up0", mac_c);
	n->ports[3] = fake_port(4, "up1", mac_none);
	n->ports[2].flags = n->ports[3].flags = XVS_PORT_UPLINK;
	for (int i = 0; i < 4; i++)
		n->state[i] = fake_attach(&n->host, &n->ports[i]);
}

static void net_destroy(struct net *n)
{
	for (int i = 3; i >= 0; i--) {
		if (n->state[i])
			fake_detach(&n->host, n->state[i]);
	}
	fake_destroy(&n->host);
}

/* From port number 'from' to an address; tag 0: none. */
static struct xvs_flow_verdict judge(struct net *n, int from, const uint8_t dst[6], unsigned vid)
{
	struct xvs_batch *b;

	fake_ethernet(&n->packet, dst, mac_a, 0x88b5);
	fake_parse(&n->packet, 60, n->ports[from].id);
	if (vid) {
		n->packet.key.bits |= XVS_KEY_VLAN;
		n->packet.key.vlan_tci = fake_hton(vid);
	}
	b = fake_batch(&n->batch, &n->host, &n->packet, n->state[from], NULL);
	b->port = n->ports[from].id;
	fake_promise(&n->host, b, &n->packet.key);
	return fake_judge(&n->host, b, &n->packet.key);
}

static void assert_drop(const struct net *n, const struct xvs_flow_verdict *v, const char *reason)
{
	assert_int_equal(v->action, XVS_FLOW_DROP);
	assert_string_equal(fake_reason(&n->host, v->reason), reason);
}

static void forwards_to_the_port_of_an_address(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	v = judge(&n, 0, mac_b, 0);
	assert_int_equal(v.action, XVS_FLOW_PASS);
	assert_int_equal(v.dest, 2);
	v = judge(&n, 2, mac_b, 0);
	assert_int_equal(v.dest, 2);
	v = judge(&n, 0, mac_a, 0);
	assert_drop(&n, &v, "same-port");
	net_destroy(&n);
}

static void floods_group_addresses_by_one_bit(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;
	struct xvs_flow_key only_group_bit = { .eth_dst = { 1 } };

	(void)state;
	net_create(&n);
	v = judge(&n, 0, broadcast, 0);
	assert_int_equal(v.dest, XVS_DEST_FLOOD);
	assert_memory_equal(&v.examined, &only_group_bit, sizeof(only_group_bit));
	net_destroy(&n);
}

static void sends_unknown_addresses_to_the_first_uplink_that_is_up(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;
	const uint8_t unknown[6] = { 2, 0, 0, 0, 0, 9 };

	(void)state;
	net_create(&n);
	v = judge(&n, 0, unknown, 0);
	assert_int_equal(v.dest, 3);
	n.host.invalidated_tags = 0;
	n.host.ext->ops->port_event(n.host.self, n.state[2], XVS_PORT_DOWN, &n.ports[2]);
	assert_true(n.host.invalidated_tags & v.tags);
	v = judge(&n, 0, unknown, 0);
	assert_int_equal(v.dest, 4);
	n.host.ext->ops->port_event(n.host.self, n.state[3], XVS_PORT_DOWN, &n.ports[3]);
	v = judge(&n, 0, unknown, 0);
	assert_drop(&n, &v, "unknown-unicast");
	net_destroy(&n);
}

static void drops_unknown_addresses_from_an_uplink(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;
	const uint8_t unknown[6] = { 2, 0, 0, 0, 0, 9 };

	(void)state;
	net_create(&n);
	v = judge(&n, 2, unknown, 0);
	assert_drop(&n, &v, "unknown-unicast");
	v = judge(&n, 2, mac_c, 0); /* the uplink's own is not a destination */
	assert_drop(&n, &v, "unknown-unicast");
	net_destroy(&n);
}

static void leaves_addresses_of_other_segments_to_the_host(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	v = judge(&n, 0, mac_b, 30);
	assert_int_equal(v.dest, XVS_DEST_NORMAL);
	n.ports[1].segment = 30;
	n.host.ext->ops->port_event(n.host.self, n.state[1], XVS_PORT_CHANGED, &n.ports[1]);
	v = judge(&n, 0, mac_b, 30);
	assert_int_equal(v.dest, 2);
	v = judge(&n, 0, mac_b, 0);
	assert_int_equal(v.dest, XVS_DEST_NORMAL);
	net_destroy(&n);
}

static void follows_a_changed_address(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	n.host.matches = 0;
	memcpy(n.ports[1].mac, mac_c, 6);
	n.host.ext->ops->port_event(n.host.self, n.state[1], XVS_PORT_CHANGED, &n.ports[1]);
	assert_int_equal(n.host.matches, 2);
	assert_memory_equal(n.host.match.eth_dst, mac_c, 6);
	v = judge(&n, 0, mac_c, 0);
	assert_int_equal(v.dest, 2);
	v = judge(&n, 0, mac_b, 0);
	assert_int_equal(v.dest, 3);
	net_destroy(&n);
}

static void forgets_a_detached_port(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	fake_detach(&n.host, n.state[1]);
	n.state[1] = NULL;
	assert_memory_equal(n.host.match.eth_dst, mac_b, 6);
	v = judge(&n, 0, mac_b, 0);
	assert_int_equal(v.dest, 3);
	net_destroy(&n);
}

/* What a worker would say, and the host remember, when flows toward the address are judged anew. */
struct second {
	struct net *net;
	uint32_t dest;
};

static void judge_now(void *arg)
{
	struct second *second = arg;

	second->dest = judge(second->net, 0, mac_b, 0).dest;
}

static void an_address_passes_to_the_second_who_has_it(void **state)
{
	for (int way = 0; way < 2; way++) {
		struct net n;
		struct second second = { &n, 0 };
		struct xvs_port rival = fake_port(5, "rival", mac_b);
		void *rival_state;

		(void)state;
		net_create(&n);
		rival_state = fake_attach(&n.host, &rival);
		n.host.on_match = judge_now;
		n.host.on_match_arg = &second;
		if (way == 0) {
			fake_detach(&n.host, n.state[1]);
			n.state[1] = NULL;
		} else {
			memcpy(n.ports[1].mac, mac_none, 6);
			n.host.ext->ops->port_event(n.host.self, n.state[1], XVS_PORT_CHANGED,
						    &n.ports[1]);
		}
		n.host.on_match = NULL;
		assert_int_equal(second.dest, 5);
		fake_detach(&n.host, rival_state);
		net_destroy(&n);
	}
}

static void names_the_port_whose_address_is_taken(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;
	struct xvs_port twin = fake_port(9, "twin", mac_b);
	void *twin_state;

	(void)state;
	net_create(&n);
	twin_state = fake_attach(&n.host, &twin);
	assert_non_null(strstr(n.host.log, "port twin"));
	v = judge(&n, 0, mac_b, 0);
	assert_int_equal(v.dest, 2);
	fake_detach(&n.host, n.state[1]);
	n.state[1] = NULL;
	v = judge(&n, 0, mac_b, 0);
	assert_int_equal(v.dest, 9);
	fake_detach(&n.host, twin_state);
	net_destroy(&n);
}

static void shows_its_table(void **state)
{
	struct net n;
	struct status status = { 0 };
	struct xvs_error err = { .size = sizeof(err) };
	const struct status_row *rows;
	unsigned seen = 0;

	(void)state;
	net_create(&n);
	assert_int_equal(fake_feature(&n.host, "org.xvs.static.table/1")->bytes, sizeof(status));
	assert_int_equal(n.host.ext->ops->status_read(n.host.self, NULL, "org.xvs.static.table/1",
						      &status, &err),
			 0);
	assert_int_equal(status.count, 2);
	assert_int_equal(status.entries.count, 2);
	assert_string_equal(status.uplink, "up0");
	rows = status.entries.items;
	for (int i = 0; i < 2; i++) {
		seen |= strcmp(rows[i].port, "a") == 0 && memcmp(rows[i].mac, mac_a, 6) == 0 ? 1
											     : 0;
		seen |= strcmp(rows[i].port, "b") == 0 && memcmp(rows[i].mac, mac_b, 6) == 0 ? 2
											     : 0;
	}
	assert_int_equal(seen, 3);
	net_destroy(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forwards_to_the_port_of_an_address),
		cmocka_unit_test(floods_group_addresses_by_one_bit),
		cmocka_unit_test(sends_unknown_addresses_to_the_first_uplink_that_is_up),
		cmocka_unit_test(drops_unknown_addresses_from_an_uplink),
		cmocka_unit_test(leaves_addresses_of_other_segments_to_the_host),
		cmocka_unit_test(follows_a_changed_address),
		cmocka_unit_test(forgets_a_detached_port),
		cmocka_unit_test(an_address_passes_to_the_second_who_has_it),
		cmocka_unit_test(names_the_port_whose_address_is_taken),
		cmocka_unit_test(shows_its_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
