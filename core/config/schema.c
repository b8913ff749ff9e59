/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/schema.c - the whole configuration as JSON Schema, by the tables that read it.
 *
 * Features stand once under "$defs" and are referred to by each map of policies.  What a feature
 * requires is not required here: a port may get it from its group.
 */
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "policy/schema.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables of keys.c. */

static json_t *section_schema(const struct section *s);

static json_t *words_schema(const char *const *words)
{
	json_t *names = json_array();

	for (size_t i = 0; names && words[i]; i++) {
		if (json_array_append_new(names, json_string(words[i]))) {
			json_decref(names);
			return NULL;
		}
	}
	return json_pack("{s:o}", "enum", names);
}

/* "false" of a document that a validator read is a boolean. */
static json_t *word_schema(const struct key *k)
{
	if (strcmp(k->words[0], "false") == 0)
		return json_pack("{s:b}", "const", 0);
	return words_schema(k->words);
}

static json_t *pattern_schema(const char *pattern)
{
	return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *list_schema(json_t *items)
{
	return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static json_t *range_schema(uint32_t min, uint32_t max)
{
	return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", (json_int_t)min,
			 "maximum", (json_int_t)max);
}

static json_t *workers_schema(const struct key *k)
{
	return json_pack("{s:[{s:s}, o, {s:s, s:i, s:o}]}", "anyOf", "const", "auto",
			 range_schema(k->min, k->max), "type", "array", "minItems", 1, "items",
			 range_schema(0, 1023));
}

static json_t *backend_schema(const struct key *k)
{
	return json_pack("{s:[o, o]}", "anyOf", words_schema(k->section->keys[0].words),
			 section_schema(k->section));
}

static json_t *text_schema(const struct key *k)
{
	static const char id[] = "[A-Za-z0-9][A-Za-z0-9_-]*([.][A-Za-z0-9][A-Za-z0-9_-]*)+";

	switch (k->kind) {
	case KEY_NAME:
		return pattern_schema("^[A-Za-z0-9._-]{1,63}$");
	case KEY_DEVICE:
		return pattern_schema("^[^/:%\\s]{1,15}$");
	case KEY_SOCKET:
		return json_pack("{s:s, s:s, s:i}", "type", "string", "pattern", "^/", "maxLength",
				 SOCKET_PATH - 1);
	case KEY_IP:
		return pattern_schema("^[0-9A-Fa-f:.]+$");
	case KEY_ADDRESS:
		return pattern_schema("^[0-9A-Fa-f:.]+/[0-9]{1,3}$");
	case KEY_IPV4:
		return pattern_schema("^[0-9]{1,3}([.][0-9]{1,3}){3}$");
	case KEY_IPV4_NET:
		return pattern_schema("^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$");
	case KEY_IPV4_NETS:
		return list_schema(pattern_schema("^[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}$"));
	case KEY_IPV4S:
		return list_schema(pattern_schema("^[0-9]{1,3}([.][0-9]{1,3}){3}$"));
	case KEY_IPV4_RANGE:
		return pattern_schema(
			"^[0-9]{1,3}([.][0-9]{1,3}){3}-[0-9]{1,3}([.][0-9]{1,3}){3}$");
	case KEY_PORTS:
		return pattern_schema("^[0-9]{1,5}-[0-9]{1,5}$");
	case KEY_UUID:
		return pattern_schema("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$");
	case KEY_MAC:
		return pattern_schema("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$");
	case KEY_EXTENSION:
		return json_pack("{s:s, s:o}", "type", "string", "pattern",
				 json_sprintf("^%s$", id));
	case KEY_EXTENSIONS:
		return list_schema(json_pack("{s:s, s:o}", "type", "string", "pattern",
					     json_sprintf("^%s$", id)));
	case KEY_FEATURES:
		return list_schema(
			json_pack("{s:s, s:o}", "type", "string", "pattern",
				  json_sprintf("^%s/[1-9][0-9]*([.][a-z][a-z0-9_-]*)?$", id)));
	case KEY_NAMES:
		return list_schema(pattern_schema("^[A-Za-z0-9._-]{1,63}$"));
	case KEY_PATHS:
		return list_schema(pattern_schema("^/"));
	case KEY_SIGNERS:
		return list_schema(pattern_schema("^RW[A-Za-z0-9+/]{54}$"));
	case KEY_TARGETS:
		return list_schema(pattern_schema("^(p?(tcp|tls|ssl|unix)|udp):[^ ]*$"));
	default:
		return json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
	}
}

static json_t *value_schema(const struct key *k)
{
	switch (k->kind) {
	case KEY_U32:
	case KEY_VLAN:
		return range_schema(k->min, k->max);
	case KEY_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case KEY_WORD:
	case KEY_WORD_TEXT:
		return word_schema(k);
	case KEY_WORKERS:
		return workers_schema(k);
	case KEY_POLICIES:
		return json_pack("{s:s}", "$ref", "#/$defs/policies");
	case KEY_MAP:
		return section_schema(k->section);
	case KEY_BACKEND:
		return backend_schema(k);
	case KEY_LIST:
		return list_schema(section_schema(k->section));
	case KEY_LATER:
		return json_pack("{s:s, s:i}", "type", "array", "maxItems", 0);
	default:
		return text_schema(k);
	}
}

static int describe_key(const struct key *k, json_t *properties, json_t *required)
{
	json_t *schema;

	if (k->kind == KEY_LATER && !(k->flags & KEY_EMPTY_FINE))
		return 0;
	schema = value_schema(k);
	if (!schema)
		return -1;
	if (json_object_set_new(schema, "description", json_string(k->help)) ||
	    json_object_set(properties, k->name, schema)) {
		json_decref(schema);
		return -1;
	}
	json_decref(schema);
	if (!(k->flags & KEY_REQUIRED))
		return 0;
	return json_array_append_new(required, json_string(k->name));
}

static json_t *section_schema(const struct section *s)
{
	json_t *properties = json_object();
	json_t *required = json_array();
	int err = properties && required ? 0 : -1;

	for (size_t i = 0; err == 0 && i < s->count; i++)
		err = describe_key(&s->keys[i], properties, required);
	if (err) {
		json_decref(properties);
		json_decref(required);
		return NULL;
	}
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
			 "properties", properties, "required", required);
}

/* "#/$defs/xvs.vlan~11": a slash in a JSON pointer is ~1 (RFC 6901); ids have no tilde. */
static json_t *reference(const char *id)
{
	const char *slash = strchr(id, '/');

	return json_pack("{s:o}", "$ref",
			 json_sprintf("#/$defs/%.*s~1%s", (int)(slash - id), id, slash + 1));
}

static int define_feature(const struct xvs_feature *f, json_t *defs, json_t *policies)
{
	json_t *schema = schema_json(f);

	if (!schema)
		return -1;
	(void)json_object_del(schema, "required");
	if (json_object_set_new(defs, f->id, schema))
		return -1;
	return json_object_set_new(policies, f->id, reference(f->id));
}

static json_t *definitions(const struct xvs_feature *const *features, size_t count)
{
	json_t *policies = json_object();
	json_t *defs = json_object();
	int err = policies && defs ? 0 : -1;

	for (size_t i = 0; err == 0 && i < count; i++) {
		if (features[i]->kind == XVS_SETTING)
			err = define_feature(features[i], defs, policies);
	}
	if (err == 0)
		err = json_object_set_new(defs, "policies",
					  json_pack("{s:s, s:b, s:O}", "type", "object",
						    "additionalProperties", 0, "properties",
						    policies));
	json_decref(policies);
	if (err == 0)
		return defs;
	json_decref(defs);
	return NULL;
}

json_t *config_schema(const struct xvs_feature *const *features, size_t count)
{
	json_t *schema = section_schema(&section_config);

	if (!schema)
		return NULL;
	if (json_object_set_new(schema, "$defs", definitions(features, count)) ||
	    json_object_set_new(schema, "$schema",
				json_string("https://json-schema.org/draft/2020-12/schema")) ||
	    json_object_set_new(schema, "title", json_string("xvs.yaml"))) {
		json_decref(schema);
		return NULL;
	}
	return schema;
}

/* NOLINTEND(misc-no-recursion) */
