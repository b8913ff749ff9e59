/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
#include <stdlib.h>
#include <string.h>

#include "policy/builtin.h"
#include "sample.h"

static const char document[] =
	"{\"enabled\": false, \"mac\": \"52:54:00:00:00:0a\", \"key\": \"secret\", \"burst\": 16, "
	"\"proto\": \"udp\", \"bytes\": 18, \"gateway\": \"2001:db8::1\", \"rules\": "
	"[{\"proto\": \"tcp\", \"ports\": [80, \"443-445\"], \"peers\": [\"10.0.0.0/8\"]}]}";

static void assert_json(json_t *j, const char *text)
{
	char *printed = json_dumps(j, JSON_ENCODE_ANY);

	assert_string_equal(printed, text);
	free(printed);
	json_decref(j);
}

static void prints_as_an_operator_would_write(void **state)
{
	struct value *v = sample_decode(&sample_feature, document);

	(void)state;
	assert_json(value_json(&sample_feature, v->bytes, true), document);
	value_put(v);
}

static void hides_secrets(void **state)
{
	struct value *v = sample_decode(&sample_feature, document);
	json_t *j = value_json(&sample_feature, v->bytes, false);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(j, "key")), "***");
	json_decref(j);
	value_put(v);
}

static void reads_back_equal(void **state)
{
	struct value *v = sample_decode(&sample_feature, document);
	struct node *n = value_node(&sample_feature, v->bytes);
	struct value *again = value_decode(&sample_feature, n, "x", &sample_diags);

	(void)state;
	assert_non_null(again);
	assert_true(value_equal(v, again));
	node_destroy(n);
	value_put(v);
	value_put(again);
}

/* What travels to another host, as nodes and as JSON, says the same and reads back equal. */
static void reads_back_equal_from_what_travels(void **state)
{
	struct value *v = sample_decode(&sample_feature, document);
	json_t *j = value_document_json(&sample_feature, v->bytes);
	struct node *from = node_from_json(j, &sample_diags);
	struct node *n = value_document(&sample_feature, v->bytes);
	struct value *again = value_decode(&sample_feature, from, "x", &sample_diags);

	(void)state;
	assert_true(node_equal(from, n));
	assert_non_null(again);
	assert_true(value_equal(v, again));
	node_destroy(from);
	node_destroy(n);
	json_decref(j);
	value_put(v);
	value_put(again);
}

static void prints_defaults_of_every_builtin_readably(void **state)
{
	(void)state;
	for (size_t i = 0; builtin_features[i]; i++) {
		const struct xvs_feature *f = builtin_features[i];
		struct value *v = value_decode(f, NULL, "x", &sample_diags);
		struct node *n = value_node(f, v->bytes);
		struct value *again = value_decode(f, n, "x", &sample_diags);

		assert_true(value_equal(v, again));
		node_destroy(n);
		value_put(v);
		value_put(again);
	}
}

/* What an extension fills is not trusted: no end of a text, no name of a value, no UTF-8. */
static void survives_what_an_extension_filled(void **state)
{
	struct sample s = { .proto = 77, .bytes = UINT64_MAX };
	struct value *v;

	(void)state;
	memset(s.key, '\xff', sizeof(s.key));
	s.rules = (struct xvs_table){ &s, 1000000, 1 };
	assert_json(value_json(&sample_feature, &s, true),
		    "{\"enabled\": false, \"mac\": \"00:00:00:00:00:00\", \"key\": \"?????????\", "
		    "\"burst\": 0, \"proto\": 77, \"bytes\": \"18446744073709551615\", "
		    "\"gateway\": \"::/0\", \"rules\": []}");
	v = sample_decode(&sample_feature, "{\"bytes\": \"18446744073709551615\"}");
	assert_non_null(v);
	value_put(v);
}

static void reads_no_more_elements_than_the_field_allows(void **state)
{
	struct sample_rule rules[5] = { { .proto = 0 } };
	struct sample s = { .rules = XVS_TABLE(rules) };
	json_t *j = value_json(&sample_feature, &s, true);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(j, "rules")), 3);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_as_an_operator_would_write),
		cmocka_unit_test(hides_secrets),
		cmocka_unit_test(reads_back_equal),
		cmocka_unit_test(reads_back_equal_from_what_travels),
		cmocka_unit_test(prints_defaults_of_every_builtin_readably),
		cmocka_unit_test(survives_what_an_extension_filled),
		cmocka_unit_test(reads_no_more_elements_than_the_field_allows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
