/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/builtin.h"
#include "sample.h"

static void explains_a_feature(void **state)
{
	struct strbuf out = { 0 };

	(void)state;
	schema_help(&builtin_vlan, &out);
	assert_string_equal(
		out.text,
		"xvs.vlan/1: VLANs of a port\n"
		"setting of a port\n"
		"\n"
		"  mode         one of access, trunk, isolated, community, promiscuous, tunnel; default access\n"
		"               Access ports send untagged, trunks carry tags, tunnels put the guest's tags behind their own; others are of a private VLAN\n"
		"  vlan         0..4094; default 0\n"
		"               VLAN of an access port; 0: the untagged segment.  Outer VLAN of a tunnel\n"
		"  native       0..4094; default 0\n"
		"               VLAN of a trunk's untagged packets; 0: the untagged segment\n"
		"  allowed      list of 0..256, each as 10, as 10-20, or a map of\n"
		"               VLANs that a trunk carries; none given: all\n"
		"    first      1..4094; required\n"
		"               First VLAN of the range\n"
		"    last       1..4094; required\n"
		"               Last VLAN of the range\n"
		"  ethertype    one of 0x88a8, 0x8100; default 0x88a8\n"
		"               Type of a tunnel's outer tag\n"
		"  primary      0..4094; default 0\n"
		"               Primary VLAN of a private one: what promiscuous ports send in\n"
		"  secondary    0..4094; default 0\n"
		"               VLAN inside the primary one that an isolated or community port sends in\n"
		"  secondaries  list of 0..256, each as 10, as 10-20, or a map of\n"
		"               Secondary VLANs whose packets a promiscuous port gets\n"
		"    first      1..4094; required\n"
		"               First VLAN of the range\n"
		"    last       1..4094; required\n"
		"               Last VLAN of the range\n");
	strbuf_finish(&out);
}

static void explains_one_field(void **state)
{
	struct strbuf out = { 0 };

	(void)state;
	assert_int_equal(schema_help_field(&sample_feature, "key", &out), 0);
	assert_string_equal(out.text, "key  at most 8 bytes long; never shown\n     Password\n");
	strbuf_finish(&out);
	assert_int_equal(schema_help_field(&sample_feature, "rules.proto", &out), 0);
	assert_string_equal(out.text, "proto  one of any, tcp, udp; required\n       Protocol\n");
	strbuf_finish(&out);
}

static void knows_no_other_field(void **state)
{
	struct strbuf out = { 0 };

	(void)state;
	assert_int_equal(schema_help_field(&sample_feature, "ke", &out), -ENOENT);
	assert_int_equal(schema_help_field(&sample_feature, "key.x", &out), -ENOENT);
	assert_int_equal(schema_help_field(&sample_feature, "rules.", &out), -ENOENT);
	assert_null(out.text);
}

static void expect_json(const json_t *j, const char *expected)
{
	char *text = json_dumps(j, JSON_SORT_KEYS | JSON_ENCODE_ANY);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void describes_a_feature_as_json_schema(void **state)
{
	json_t *j = schema_json(&builtin_vlan);
	json_t *properties = json_object_get(j, "properties");

	(void)state;
	expect_json(json_object_get(j, "title"), "\"xvs.vlan/1\"");
	expect_json(json_object_get(j, "type"), "\"object\"");
	expect_json(json_object_get(j, "description"), "\"VLANs of a port\"");
	expect_json(json_object_get(j, "additionalProperties"), "false");
	expect_json(json_object_get(j, "required"), "[]");
	expect_json(json_object_get(properties, "allowed"),
		    "{\"description\": \"VLANs that a trunk carries; none given: all\", "
		    "\"items\": {\"anyOf\": [{\"maximum\": 4094, \"minimum\": 1, \"type\": "
		    "\"integer\"}, {\"pattern\": \"^[0-9]+(-[0-9]+)?$\", \"type\": "
		    "\"string\"}, {\"additionalProperties\": false, \"properties\": {\"first\": "
		    "{\"description\": \"First VLAN of the range\", \"maximum\": 4094, "
		    "\"minimum\": 1, \"type\": \"integer\"}, \"last\": {\"description\": \"Last "
		    "VLAN of the range\", \"maximum\": 4094, \"minimum\": 1, \"type\": "
		    "\"integer\"}}, \"required\": [\"first\", \"last\"], \"type\": \"object\"}]}, "
		    "\"maxItems\": 256, \"minItems\": 0, \"type\": \"array\"}");
	expect_json(
		json_object_get(properties, "mode"),
		"{\"default\": \"access\", \"description\": \"Access ports send untagged, "
		"trunks carry tags, tunnels put the guest's tags behind their own; others are of "
		"a private VLAN\", \"enum\": [\"access\", \"trunk\", \"isolated\", "
		"\"community\", \"promiscuous\", \"tunnel\"]}");
	expect_json(
		json_object_get(properties, "vlan"),
		"{\"default\": 0, \"description\": \"VLAN of an access port; 0: the untagged "
		"segment.  Outer VLAN of a tunnel\", \"maximum\": 4094, \"minimum\": 0, \"type\": \"integer\"}");
	json_decref(j);
}

static void describes_every_type(void **state)
{
	json_t *j = schema_json(&sample_feature);
	json_t *properties = json_object_get(j, "properties");

	(void)state;
	assert_int_equal(json_object_size(properties), 8);
	assert_true(json_is_true(json_object_get(json_object_get(properties, "key"), "writeOnly")));
	assert_null(json_object_get(json_object_get(properties, "bytes"), "maximum"));
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(explains_a_feature),
		cmocka_unit_test(explains_one_field),
		cmocka_unit_test(knows_no_other_field),
		cmocka_unit_test(describes_a_feature_as_json_schema),
		cmocka_unit_test(describes_every_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
