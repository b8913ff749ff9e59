/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
#include <errno.h>
#include <string.h>

#define XVS_USE_DRAFT /* XVS_FIELD_SESSION */
#include "base/error.h"
#include "sample.h"
#include "xvs/ext/mirror.h"

/* A feature whose one field the caller spoils. */
static struct xvs_feature spoiled(const struct xvs_field *field)
{
	struct xvs_feature f = sample_feature;

	f.fields = (struct xvs_table){ field, 1, sizeof(*field) };
	return f;
}

static struct xvs_field good_field(void)
{
	return (struct xvs_field){ .name = "burst", .help = "", .type = XVS_U32, .max = 9 };
}

static void refused(const struct xvs_feature *f, int code, const char *sentence)
{
	struct xvs_error err = ERROR_INIT;

	assert_int_equal(schema_check(f, &err), code);
	assert_string_equal(err.text, sentence);
}

static void field_refused(const struct xvs_field *field, int code, const char *sentence)
{
	struct xvs_feature f = spoiled(field);
	char text[200];

	(void)snprintf(text, sizeof(text), "feature com.example.sample/1: %s", sentence);
	refused(&f, code, text);
}

static void accepts_a_field_of_every_type(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	assert_int_equal(schema_check(&sample_feature, &err), 0);
	assert_string_equal(err.text, "");
}

static void knows_the_form_of_ids(void **state)
{
	(void)state;
	assert_true(feature_id_valid("xvs.vlan/1"));
	assert_true(feature_id_valid("org.xvs.openflow.controller/65535"));
	assert_true(feature_id_valid("xvs.new-flows/1"));
	assert_false(feature_id_valid("vlan/1"));
	assert_false(feature_id_valid("xvs.vlan"));
	assert_false(feature_id_valid("xvs.vlan/0"));
	assert_false(feature_id_valid("xvs.vlan/01"));
	assert_false(feature_id_valid("xvs.vlan/1x"));
	assert_false(feature_id_valid("xvs.vlan/123456"));
	assert_false(feature_id_valid("xvs..vlan/1"));
	assert_false(feature_id_valid(".xvs/1"));
	assert_false(feature_id_valid("xvs./1"));
	assert_false(feature_id_valid(""));
	assert_false(feature_id_valid(
		"com.example.a-very-long-name-that-goes-on-and-on-and-on-and-on-on/1"));
	assert_true(extension_id_valid("org.xvs.guard"));
	assert_false(extension_id_valid("org.xvs.guard/1"));
	assert_false(extension_id_valid("guard"));
	assert_false(extension_id_valid("org.xvs.gu ard"));
}

static void refuses_a_bad_feature(void **state)
{
	struct xvs_feature f = sample_feature;

	(void)state;
	f.id = "guard";
	refused(&f, -EINVAL, "a feature's id must be as com.example.name/1, at most 63 long");
	f = sample_feature;
	f.scope = 3;
	refused(&f, -EINVAL, "feature com.example.sample/1: scope is 3, must be 1 or 2");
	f = sample_feature;
	f.kind = 0;
	refused(&f, -EINVAL, "feature com.example.sample/1: kind is 0, must be 1..4");
	f = sample_feature;
	f.size = 8;
	refused(&f, -EINVAL, "struct xvs_feature has 8 bytes, must be 48");
	f = sample_feature;
	f.fields.stride = 8;
	refused(&f, -EINVAL,
		"feature com.example.sample/1: fields with a stride of 8 bytes, must be 88");
	f = sample_feature;
	f.bytes = 8;
	refused(&f, -EINVAL,
		"feature com.example.sample/1: field key ends at byte 16 of a structure of 8 bytes");
}

static void refuses_what_a_newer_host_would_know(void **state)
{
	struct newer {
		struct xvs_field field;
		uint64_t later;
	} field = { .field = good_field(), .later = 1 };
	struct xvs_feature f = sample_feature;

	(void)state;
	f.fields = (struct xvs_table){ &field, 1, sizeof(field) };
	refused(&f, -E2BIG,
		"feature com.example.sample/1: byte 88 of struct xvs_field is set, which this host "
		"does not know");
}

static void refuses_a_bad_field(void **state)
{
	struct xvs_field field = good_field();

	(void)state;
	field.name = "Burst";
	field_refused(&field, -EINVAL,
		      "a field's name must be at most 40 of a-z, 0-9, _ and -, and begin with a "
		      "letter");
	field = good_field();
	field.help = NULL;
	field_refused(&field, -EINVAL, "field burst has no help");
	field = good_field();
	field.type = 9;
	field_refused(&field, -EINVAL, "field burst has type 9, which this host does not know");
	field = good_field();
	field.flags = 4;
	field_refused(&field, -EINVAL, "field burst has flags 0x4, which this host does not know");
	field = good_field();
	field.dflt = 10;
	field_refused(&field, -EINVAL, "field burst has default 10, must be 0..9");
	field.flags = XVS_FIELD_SESSION;
	field_refused(&field, -EINVAL, "field burst names a mirror session, so it must be a text");
	field.flags = XVS_FIELD_REQUIRED;
	{
		struct xvs_feature f = spoiled(&field);

		assert_int_equal(schema_check(&f, NULL), 0);
	}
	field = good_field();
	field.min = 10;
	field_refused(&field, -EINVAL, "field burst has min 10 over max 9");
	field = good_field();
	field.max = 1ull << 32;
	field_refused(&field, -EINVAL, "field burst has max 4294967296, which 32 bits do not hold");
	field = good_field();
	field.offset = 2;
	field_refused(&field, -EINVAL, "field burst is not aligned at offset 2");
	field = good_field();
	field.offset = UINT32_MAX - 3;
	field_refused(&field, -EINVAL,
		      "field burst ends at byte 4294967296 of a structure of 72 bytes");
}

static void refuses_bad_texts_and_enums(void **state)
{
	static const char *const twice[] = { "a", "a" };
	struct xvs_field field = good_field();

	(void)state;
	field.type = XVS_TEXT;
	field.max = 1;
	field_refused(&field, -EINVAL, "field burst has max 1, must be 2..65536");
	field.max = 8;
	field.min = 1;
	field_refused(&field, -EINVAL,
		      "field burst may be left out, and then is shorter than min 1");
	field = good_field();
	field.type = XVS_ENUM;
	field_refused(&field, -EINVAL, "field burst has 0 names, must have 1..256");
	field.names = (struct xvs_table)XVS_TABLE(twice);
	field_refused(&field, -EINVAL, "field burst names a twice");
	field.names = (struct xvs_table)XVS_TABLE(sample_protos);
	field.dflt = 3;
	field_refused(&field, -EINVAL, "field burst has default 3, which has no name");
}

static void refuses_two_fields_at_one_place(void **state)
{
	struct xvs_field fields[2] = { good_field(), good_field() };
	struct xvs_feature f = sample_feature;

	(void)state;
	f.fields = (struct xvs_table)XVS_TABLE(fields);
	fields[1].offset = 8;
	refused(&f, -EINVAL, "feature com.example.sample/1: field burst is there twice");
	fields[1].name = "rate";
	fields[1].offset = 0;
	refused(&f, -EINVAL, "feature com.example.sample/1: field rate overlaps burst");
}

static void ends_on_tables_that_name_one_another(void **state)
{
	struct xvs_field field = { .name = "again",
				   .help = "",
				   .type = XVS_LIST,
				   .max = 1,
				   .element_bytes = sizeof(struct xvs_table) };

	(void)state;
	field.fields = (struct xvs_table){ &field, 1, sizeof(field) };
	field_refused(&field, -EINVAL, "lists nest deeper than 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_field_of_every_type),
		cmocka_unit_test(knows_the_form_of_ids),
		cmocka_unit_test(refuses_a_bad_feature),
		cmocka_unit_test(refuses_what_a_newer_host_would_know),
		cmocka_unit_test(refuses_a_bad_field),
		cmocka_unit_test(refuses_bad_texts_and_enums),
		cmocka_unit_test(refuses_two_fields_at_one_place),
		cmocka_unit_test(ends_on_tables_that_name_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
