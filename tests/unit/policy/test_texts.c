/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a value that name something, wherever they lie.  links: xvs_base pkg::jansson */
#include <stdio.h>
#include <string.h>

#include "policy/texts.h"
#include "sample.h"

enum { NAMES = 1u << 12 };

struct inner {
	char name[8];
	char other[8];
};

struct outer {
	uint32_t nr;
	uint32_t pad;
	struct xvs_table inner;
};

struct named {
	char first[8];
	struct xvs_table outer;
};

static const struct xvs_field inner_fields[] = {
	{ .name = "name", .offset = 0, .type = XVS_TEXT, .flags = NAMES, .max = 8 },
	{ .name = "other", .offset = 8, .type = XVS_TEXT, .max = 8 },
};
static const struct xvs_field outer_fields[] = {
	{ .name = "nr", .offset = 0, .type = XVS_U32 },
	{ .name = "inner",
	  .offset = offsetof(struct outer, inner),
	  .type = XVS_LIST,
	  .fields = XVS_TABLE(inner_fields),
	  .element_bytes = sizeof(struct inner) },
};
static const struct xvs_field fields[] = {
	{ .name = "first", .offset = 0, .type = XVS_TEXT, .flags = NAMES, .max = 8 },
	{ .name = "outer",
	  .offset = offsetof(struct named, outer),
	  .type = XVS_LIST,
	  .fields = XVS_TABLE(outer_fields),
	  .element_bytes = sizeof(struct outer) },
};
static const struct xvs_feature feature = { .fields = XVS_TABLE(fields) };

static struct inner inner[] = { { "a", "x" }, { "", "x" }, { "c", "x" } };
static struct outer outer[] = {
	{ .inner = { .count = 0 } },
	{ .inner = { inner, 3, sizeof(inner[0]) } },
};
static struct named named = { "top", { outer, 2, sizeof(outer[0]) } };
static struct value value = { .feature = &feature, .bytes = &named };

static char seen[256];
static int most;

static bool note(void *arg, const char *path, const char *text)
{
	size_t len = strlen(seen);

	assert_null(arg);
	(void)snprintf(seen + len, sizeof(seen) - len, "%s=%s ", path, text);
	return --most > 0;
}

static const char *texts(int count, uint16_t flag)
{
	seen[0] = '\0';
	most = count;
	value_texts(&value, flag, note, NULL);
	return seen;
}

static void finds_all_that_are_not_empty(void **state)
{
	(void)state;
	assert_string_equal(texts(9, NAMES),
			    "first=top outer[1].inner[0].name=a outer[1].inner[2].name=c ");
	assert_string_equal(texts(9, NAMES << 1), "");
}

static void stops_when_it_is_asked_to(void **state)
{
	(void)state;
	assert_string_equal(texts(1, NAMES), "first=top ");
	assert_string_equal(texts(2, NAMES), "first=top outer[1].inner[0].name=a ");
}

static void knows_whether_there_are_any(void **state)
{
	(void)state;
	assert_true(feature_has_texts(&feature, NAMES));
	assert_false(feature_has_texts(&feature, NAMES << 1));
	assert_false(feature_has_texts(&sample_feature, NAMES));
	assert_true(feature_has_texts(&sample_feature, XVS_FIELD_SECRET));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_all_that_are_not_empty),
		cmocka_unit_test(stops_when_it_is_asked_to),
		cmocka_unit_test(knows_whether_there_are_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
