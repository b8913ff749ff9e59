/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_spec xvs_policy xvs_base pkg::jansson */
#include "config/schema.h"
#include "policy/builtin.h"
#include "sample.h"

/* The schema at "a/b/c", asserted to be there. */
static const json_t *at(const json_t *schema, const char *const *path)
{
	for (; *path; path++) {
		schema = json_object_get(schema, *path);
		assert_non_null(schema);
	}
	return schema;
}

#define AT(schema, ...) at(schema, (const char *const[]){ __VA_ARGS__, NULL })

static void describes_the_whole_document(void **state)
{
	json_t *schema = config_schema(builtin_features, 4);
	const json_t *port =
		AT(schema, "properties", "switches", "items", "properties", "ports", "items");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(schema, "$schema")),
			    "https://json-schema.org/draft/2020-12/schema");
	assert_true(json_is_false(AT(port, "additionalProperties")));
	assert_int_equal(json_array_size(AT(port, "required")), 2);
	assert_string_equal(json_string_value(AT(port, "properties", "policies", "$ref")),
			    "#/$defs/policies");
	json_decref(schema);
}

static void refers_to_each_feature_once(void **state)
{
	json_t *schema = config_schema(builtin_features, 4);
	const json_t *defs = AT(schema, "$defs");

	(void)state;
	assert_int_equal(json_object_size(defs), 5);
	assert_string_equal(
		json_string_value(AT(defs, "policies", "properties", "xvs.vlan/1", "$ref")),
		"#/$defs/xvs.vlan~11");
	assert_string_equal(json_string_value(AT(defs, "xvs.vlan/1", "title")), "xvs.vlan/1");
	assert_null(json_object_get(AT(defs, "xvs.vlan/1"), "required"));
	json_decref(schema);
}

static void leaves_out_what_is_no_setting(void **state)
{
	struct xvs_feature status = builtin_vlan;
	const struct xvs_feature *features[] = { &status };
	json_t *schema;

	(void)state;
	status.kind = XVS_STATUS;
	schema = config_schema(features, 1);
	assert_int_equal(json_object_size(AT(schema, "$defs")), 1);
	assert_int_equal(json_object_size(AT(schema, "$defs", "policies", "properties")), 0);
	json_decref(schema);
}

static void leaves_out_what_is_not_offered(void **state)
{
	json_t *schema = config_schema(NULL, 0);
	const json_t *sw = AT(schema, "properties", "switches", "items", "properties");

	(void)state;
	assert_non_null(json_object_get(AT(schema, "properties"), "migration"));
	assert_non_null(json_object_get(sw, "team"));
	assert_int_equal(json_array_size(AT(sw, "type", "enum")), 4);
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_the_whole_document),
		cmocka_unit_test(refers_to_each_feature_once),
		cmocka_unit_test(leaves_out_what_is_no_setting),
		cmocka_unit_test(leaves_out_what_is_not_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
