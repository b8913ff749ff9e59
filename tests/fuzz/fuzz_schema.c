/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two halves, chosen by the first byte: a JSON value for a built-in feature, which reads back
 * equal where it is taken; and a random field table, which schema_check() must refuse unless
 * everything else can work with it.
 * links: xvs_policy xvs_base
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "policy/builtin.h"
#include "policy/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct diags diags;

static void check_value(const struct xvs_feature *f, const struct node *document)
{
	struct value *v = value_decode(f, document, "x", &diags);
	struct value *again;
	struct node *n;
	json_t *j;

	assert(!v == (diags.count > 0));
	if (!v)
		return;
	n = value_node(f, v->bytes);
	again = value_decode(f, n, "x", &diags);
	assert(again && value_equal(v, again));
	value_put(again);
	node_destroy(n);
	j = value_json(f, v->bytes, true);
	n = node_from_json(j, &diags);
	again = value_decode(f, n, "x", &diags);
	assert(again && value_equal(v, again));
	json_decref(j);
	node_destroy(n);
	value_put(again);
	value_put(v);
}

static void check_json(const struct xvs_feature *f, const uint8_t *data, size_t size)
{
	json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
			       NULL);
	struct node *n;

	if (!j)
		return;
	n = node_from_json(j, &diags);
	json_decref(j);
	if (n)
		check_value(f, n);
	node_destroy(n);
}

/* ---- random tables ---------------------------------------------------------------------------- */

struct bytes {
	const uint8_t *at;
	size_t left;
};

static uint8_t take(struct bytes *b)
{
	if (b->left == 0)
		return 0;
	b->left--;
	return *b->at++;
}

/* Small numbers mostly, sometimes the largest. */
static uint64_t take_number(struct bytes *b)
{
	uint8_t byte = take(b);

	if (byte == 0xff)
		return UINT64_MAX;
	if (byte == 0xfe)
		return (uint64_t)take(b) << (take(b) % 57);
	return byte;
}

enum { TABLE_FIELDS = 4, TABLES = 3 };

static const char *const words[] = { "first", "last", "a", "b", "Bad", "", NULL, "c" };
static const char *const enum_words[] = { "one", "two", "three" };

static void make_field(struct bytes *b, struct xvs_field *f, const struct xvs_table *inner)
{
	*f = (struct xvs_field){
		.name = words[take(b) % 8],
		.help = take(b) == 0xff ? NULL : "",
		.type = take(b) % 10,
		.flags = take(b) % 5,
		.offset = (uint32_t)take_number(b),
		.min = take_number(b),
		.max = take_number(b),
		.dflt = take_number(b),
		.names = { enum_words, take(b) % 4, sizeof(enum_words[0]) },
		.fields = *inner,
		.element_bytes = (uint32_t)take_number(b),
	};
}

static void check_sound(const struct xvs_feature *f)
{
	struct strbuf help = { 0 };
	json_t *j = schema_json(f);

	assert(j);
	json_decref(j);
	schema_help(f, &help);
	assert(!help.failed && help.len > 0);
	strbuf_finish(&help);
	for (uint32_t i = 0; i < f->fields.count; i++) {
		const struct xvs_field *fields = f->fields.items;

		assert(schema_help_field(f, fields[i].name, &help) == 0);
		strbuf_finish(&help);
	}
	check_value(f, NULL);
}

static void check_table(struct bytes *b)
{
	struct xvs_field fields[TABLES][TABLE_FIELDS];
	struct xvs_table inner = { NULL, 0, 0 };
	struct xvs_error err = { .size = sizeof(err) };
	struct xvs_feature f = {
		.size = sizeof(f),
		.bytes = (uint32_t)take_number(b),
		.id = "com.example.random/1",
		.summary = "",
		.scope = XVS_PER_PORT,
		.kind = XVS_SETTING,
	};

	for (size_t table = 0; table < TABLES; table++) {
		uint32_t count = take(b) % (TABLE_FIELDS + 1);

		for (uint32_t i = 0; i < count; i++)
			make_field(b, &fields[table][i], &inner);
		inner = (struct xvs_table){ fields[table], count, sizeof(fields[table][0]) };
	}
	f.fields = inner;
	if (schema_check(&f, &err) == 0) {
		check_sound(&f);
		diags.count = 0;
		check_json(&f, b->at, b->left);
	} else {
		assert(err.text[0] != '\0' && err.code < 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest;

	diags.count = 0;
	if (size < 1)
		return 0;
	rest = (struct bytes){ data + 1, size - 1 };
	if (data[0] < '4' && data[0] >= '0')
		check_json(builtin_features[data[0] - '0'], data + 1, size - 1);
	else
		check_table(&rest);
	return 0;
}
