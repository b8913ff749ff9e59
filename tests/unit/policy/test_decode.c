/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
#include <string.h>

#include "policy/builtin.h"
#include "sample.h"

/* One document that is refused, with the only sentence about it. */
static void refused(const char *json, const char *sentence)
{
	char text[400];

	(void)snprintf(text, sizeof(text), "port web-1: policy x: %s", sentence);
	assert_null(sample_decode(&sample_feature, json));
	assert_string_equal(sample_diags.items[0].text, text);
	assert_int_equal(sample_diags.count, 1);
}

static void gives_defaults_to_an_absent_document(void **state)
{
	struct value *v = value_decode(&sample_feature, NULL, "x", &sample_diags);
	const struct sample *s;

	(void)state;
	assert_non_null(v);
	s = v->bytes;
	assert_true(s->enabled);
	assert_int_equal(s->burst, 10);
	assert_int_equal(s->proto, 1);
	assert_int_equal(s->bytes, 0);
	assert_string_equal(s->key, "");
	assert_int_equal(s->rules.count, 0);
	value_put(v);
}

static void decodes_every_type(void **state)
{
	struct value *v = sample_decode(
		&sample_feature,
		"{\"enabled\": \"off\", \"mac\": \"52:54:00:00:00:0a\", \"key\": \"12345678\","
		" \"burst\": \"0x10\", \"proto\": \"udp\", \"bytes\": \"18446744073709551615\","
		" \"gateway\": \"10.0.0.1\", \"rules\": ["
		"  {\"proto\": \"tcp\", \"ports\": [80, \"443-445\", {\"first\": 1, \"last\": 2}],"
		"   \"peers\": [\"10.0.0.0/8\", {\"prefix\": \"2001:db8::/32\"}]}]}");
	const struct sample_rule *rule;
	const struct sample_range *ports;
	const struct sample_peer *peers;
	const struct sample *s;

	(void)state;
	assert_non_null(v);
	s = v->bytes;
	assert_false(s->enabled);
	assert_memory_equal(s->mac, "\x52\x54\0\0\0\x0a", 6);
	assert_string_equal(s->key, "12345678");
	assert_int_equal(s->burst, 16);
	assert_int_equal(s->proto, 2);
	assert_true(s->bytes == UINT64_MAX);
	assert_int_equal(s->gateway.prefix_len, 128);
	assert_memory_equal(s->gateway.addr + 10, "\xff\xff\x0a\0\0\1", 6);
	assert_int_equal(s->rules.count, 1);
	assert_int_equal(s->rules.stride, sizeof(struct sample_rule));
	rule = s->rules.items;
	ports = rule->ports.items;
	peers = rule->peers.items;
	assert_int_equal(rule->proto, 1);
	assert_int_equal(rule->ports.count, 3);
	assert_int_equal(ports[0].first, 80);
	assert_int_equal(ports[0].last, 80);
	assert_int_equal(ports[1].first, 443);
	assert_int_equal(ports[1].last, 445);
	assert_int_equal(ports[2].last, 2);
	assert_int_equal(rule->peers.count, 2);
	assert_int_equal(peers[0].prefix.prefix_len, 96 + 8);
	assert_int_equal(peers[1].prefix.prefix_len, 32);
	value_put(v);
}

static void names_the_range_of_a_number(void **state)
{
	(void)state;
	refused("{\"burst\": 5000}", "burst is 5000, must be 1..1000");
	refused("{\"burst\": 0}", "burst is 0, must be 1..1000");
	refused("{\"burst\": -1}", "burst is -1, must be 1..1000");
	refused("{\"burst\": 1.5}", "burst is 1.5, must be 1..1000");
	refused("{\"burst\": \"\"}", "burst is \"\", must be 1..1000");
	refused("{\"burst\": \"0x\"}", "burst is 0x, must be 1..1000");
	refused("{\"burst\": \"12a\"}", "burst is 12a, must be 1..1000");
	refused("{\"bytes\": \"18446744073709551616\"}",
		"bytes is 18446744073709551616, must be 0..18446744073709551615");
}

static void names_what_each_type_expects(void **state)
{
	(void)state;
	refused("{\"enabled\": \"maybe\"}", "enabled is maybe, must be true or false");
	refused("{\"mac\": \"52:54\"}", "mac is 52:54, must be a MAC address as 52:54:00:00:00:01");
	refused("{\"gateway\": \"10.0.0.0/33\"}",
		"gateway is 10.0.0.0/33, must be an address as 192.0.2.1 or a prefix as "
		"2001:db8::/32");
	refused("{\"proto\": \"tpc\"}",
		"proto is tpc, must be one of any, tcp, udp; the nearest is tcp");
	refused("{\"proto\": 1}", "proto is 1, must be one of any, tcp, udp");
	refused("{\"proto\": null}", "proto is empty, must be one of any, tcp, udp");
	refused("{\"burst\": [1]}", "burst is a list, must be 1..1000");
	refused("{\"rules\": 7}", "rules is 7, must be a list");
	refused("{\"rules\": {}}", "rules is a map, must be a list");
	refused("{\"rules\": [7]}", "rules[0] is 7, must be a map");
	refused("[]", "it is a list, must be a map");
	refused("\"on\"", "it is on, must be a map");
}

static void hides_a_secret_in_errors(void **state)
{
	(void)state;
	refused("{\"key\": \"123456789\"}", "key is ***, must be at most 8 bytes long");
}

static void makes_odd_bytes_of_a_value_harmless(void **state)
{
	(void)state;
	refused("{\"burst\": \"\\u001b[2J\"}", "burst is ?[2J, must be 1..1000");
	refused("{\"burst\": \"\\u009b2J\"}", "burst is ??2J, must be 1..1000");
}

static void names_the_nearest_key(void **state)
{
	(void)state;
	refused("{\"brust\": 5}", "brust is not known, the nearest key is burst");
	refused("{\"rules\": [{\"proto\": \"any\", \"port\": []}]}",
		"rules[0].port is not known, the nearest key is ports");
	refused("{\"rules\": [{\"proto\": \"any\", \"unlike\": 1}]}",
		"rules[0].unlike is not known, the keys are: proto, ports, peers");
}

static void refuses_a_missing_required_field_with_its_path(void **state)
{
	(void)state;
	refused("{\"rules\": [{\"proto\": \"any\"}, {}]}", "rules[1].proto is missing");
}

static void refuses_a_key_given_twice(void **state)
{
	struct node *map = node_create(NODE_MAP);

	(void)state;
	assert_int_equal(node_append(map, "burst", node_scalar("1")), 0);
	assert_int_equal(node_append(map, "burst", node_scalar("2")), 0);
	map->items[1]->key_line = 7;
	sample_diags.count = 0;
	assert_null(value_decode(&sample_feature, map, "x", &sample_diags));
	assert_string_equal(sample_diags.items[0].text, "x: burst is given twice");
	assert_int_equal(sample_diags.items[0].line, 7);
	node_destroy(map);
}

static void bounds_lists(void **state)
{
	(void)state;
	refused("{\"rules\": [{}, {}, {}, {}]}", "rules has 4 entries, must have 0..3");
}

static void checks_ranges(void **state)
{
	(void)state;
	refused("{\"rules\": [{\"proto\": \"any\", \"ports\": [\"9-8\"]}]}",
		"rules[0].ports[0] ends before it begins, must be first-last");
	refused("{\"rules\": [{\"proto\": \"any\", \"ports\": [{\"first\": 9, \"last\": 8}]}]}",
		"rules[0].ports[0] ends before it begins, must be first-last");
	refused("{\"rules\": [{\"proto\": \"any\", \"ports\": [\"1-\"]}]}",
		"rules[0].ports[0] is 1-, must be within 0..65535, as 10 or 10-20");
	refused("{\"rules\": [{\"proto\": \"any\", \"ports\": [\"1-70000\"]}]}",
		"rules[0].ports[0] is 1-70000, must be within 0..65535, as 10 or 10-20");
	refused("{\"rules\": [{\"proto\": \"any\", \"ports\": [[]]}]}",
		"rules[0].ports[0] is a list, must be within 0..65535, as 10 or 10-20");
}

static void collects_all_errors(void **state)
{
	(void)state;
	assert_null(sample_decode(&sample_feature,
				  "{\"burst\": 0, \"nothing\": 1, \"mac\": \"x\", \"proto\": []}"));
	assert_int_equal(sample_diags.count, 4);
}

static void points_into_the_document(void **state)
{
	struct node *n = sample_node("{\"burst\": 0}");

	(void)state;
	n->items[0]->line = 12;
	n->items[0]->column = 15;
	sample_diags.count = 0;
	assert_null(value_decode(&sample_feature, n, "x", &sample_diags));
	assert_int_equal(sample_diags.items[0].line, 12);
	assert_int_equal(sample_diags.items[0].column, 15);
	node_destroy(n);
}

static void honours_the_stride_of_a_newer_table(void **state)
{
	struct newer {
		struct xvs_field field;
		uint64_t later;
	} fields[2] = {
		{ .field = { .name = "a", .help = "", .offset = 0, .type = XVS_U32 } },
		{ .field = { .name = "b", .help = "", .offset = 4, .type = XVS_U32 } },
	};
	struct xvs_feature f = {
		.size = sizeof(f),
		.bytes = 8,
		.id = "com.example.newer/1",
		.summary = "",
		.scope = XVS_PER_PORT,
		.kind = XVS_SETTING,
		.fields = XVS_TABLE(fields),
	};
	struct value *v;

	(void)state;
	assert_int_equal(schema_check(&f, NULL), 0);
	v = sample_decode(&f, "{\"a\": 1, \"b\": 2}");
	assert_non_null(v);
	assert_memory_equal(v->bytes, "\1\0\0\0\2\0\0\0", 8);
	value_put(v);
}

static void shares_by_reference(void **state)
{
	struct value *v = sample_decode(&sample_feature, "{}");

	(void)state;
	assert_ptr_equal(value_ref(v), v);
	value_put(v);
	assert_int_equal(((const struct sample *)v->bytes)->burst, 10);
	value_put(v);
	value_put(NULL);
}

static void compares_by_what_was_meant(void **state)
{
	struct value *a = sample_decode(&sample_feature,
					"{\"rules\": [{\"proto\": \"tcp\", \"ports\": [5]}]}");
	struct value *b =
		sample_decode(&sample_feature, "{\"burst\": 10, \"rules\": [{\"proto\": \"tcp\","
					       " \"ports\": [\"5-5\"]}]}");
	struct value *c = sample_decode(&sample_feature,
					"{\"rules\": [{\"proto\": \"tcp\", \"ports\": [6]}]}");

	(void)state;
	assert_true(value_equal(a, b));
	assert_false(value_equal(a, c));
	assert_false(value_equal(a, NULL));
	assert_true(value_equal(NULL, NULL));
	value_put(a);
	value_put(b);
	value_put(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_defaults_to_an_absent_document),
		cmocka_unit_test(decodes_every_type),
		cmocka_unit_test(names_the_range_of_a_number),
		cmocka_unit_test(names_what_each_type_expects),
		cmocka_unit_test(hides_a_secret_in_errors),
		cmocka_unit_test(makes_odd_bytes_of_a_value_harmless),
		cmocka_unit_test(names_the_nearest_key),
		cmocka_unit_test(refuses_a_missing_required_field_with_its_path),
		cmocka_unit_test(refuses_a_key_given_twice),
		cmocka_unit_test(bounds_lists),
		cmocka_unit_test(checks_ranges),
		cmocka_unit_test(collects_all_errors),
		cmocka_unit_test(points_into_the_document),
		cmocka_unit_test(honours_the_stride_of_a_newer_table),
		cmocka_unit_test(shares_by_reference),
		cmocka_unit_test(compares_by_what_was_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
