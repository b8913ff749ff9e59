/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy/jsonschema.c - a feature as JSON Schema, draft 2020-12, for editors and validators.
 *
 * It describes the canonical way to write each value; decoding also takes what a schema of JSON
 * cannot say, such as numbers in hexadecimal.
 */
#include <stdlib.h>

#include "policy/field.h"
#include "policy/schema.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the field table, which is bounded. */

static json_t *structure_schema(const struct xvs_table *fields);

/* Sets what may be too large for jansson's 63 bits only where it fits: a bound less is no lie. */
static int set_bound(json_t *schema, const char *key, uint64_t bound)
{
	if (bound > INT64_MAX)
		return 0;
	return json_object_set_new(schema, key, json_integer((json_int_t)bound));
}

static json_t *number_schema(const struct xvs_field *f)
{
	json_t *schema = json_pack("{s:s}", "type", "integer");

	if (!schema)
		return NULL;
	if (set_bound(schema, "minimum", f->min) || set_bound(schema, "maximum", field_max(f)) ||
	    (!(f->flags & XVS_FIELD_REQUIRED) && set_bound(schema, "default", f->dflt))) {
		json_decref(schema);
		return NULL;
	}
	return schema;
}

static json_t *enum_schema(const struct xvs_field *f)
{
	json_t *names = json_array();

	for (uint32_t i = 0; names && i < f->names.count; i++) {
		if (json_array_append_new(names, json_string(name_at(&f->names, i)))) {
			json_decref(names);
			return NULL;
		}
	}
	if (f->flags & XVS_FIELD_REQUIRED)
		return json_pack("{s:o}", "enum", names);
	return json_pack("{s:o, s:s}", "enum", names, "default",
			 name_at(&f->names, (size_t)f->dflt));
}

static json_t *bool_schema(const struct xvs_field *f)
{
	if (f->flags & XVS_FIELD_REQUIRED)
		return json_pack("{s:s}", "type", "boolean");
	return json_pack("{s:s, s:b}", "type", "boolean", "default", f->dflt != 0);
}

static json_t *scalar_schema(const struct xvs_field *f)
{
	switch (f->type) {
	case XVS_BOOL:
		return bool_schema(f);
	case XVS_U32:
	case XVS_U64:
		return number_schema(f);
	case XVS_ENUM:
		return enum_schema(f);
	case XVS_TEXT:
		return json_pack("{s:s, s:I, s:I}", "type", "string", "minLength",
				 (json_int_t)f->min, "maxLength", (json_int_t)(f->max - 1));
	case XVS_MAC:
		return json_pack("{s:s, s:s}", "type", "string", "pattern",
				 "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$");
	default:
		return json_pack("{s:s, s:s}", "type", "string", "pattern",
				 "^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$");
	}
}

static json_t *element_schema(const struct xvs_field *list)
{
	json_t *map = structure_schema(&list->fields);

	switch (list_shorthand(list)) {
	case SHORTHAND_SCALAR:
		return json_pack("{s:[o, o]}", "anyOf", scalar_schema(field_at(&list->fields, 0)),
				 map);
	case SHORTHAND_RANGE:
		return json_pack("{s:[o, {s:s, s:s}, o]}", "anyOf",
				 scalar_schema(field_at(&list->fields, 0)), "type", "string",
				 "pattern", "^[0-9]+(-[0-9]+)?$", map);
	default:
		return map;
	}
}

static json_t *list_schema(const struct xvs_field *f)
{
	return json_pack("{s:s, s:I, s:I, s:o}", "type", "array", "minItems", (json_int_t)f->min,
			 "maxItems", (json_int_t)f->max, "items", element_schema(f));
}

static json_t *field_schema(const struct xvs_field *f)
{
	json_t *schema = f->type == XVS_LIST ? list_schema(f) : scalar_schema(f);

	if (!schema)
		return NULL;
	if (json_object_set_new(schema, "description", json_string(f->help)) ||
	    ((f->flags & XVS_FIELD_SECRET) &&
	     json_object_set_new(schema, "writeOnly", json_true()))) {
		json_decref(schema);
		return NULL;
	}
	return schema;
}

static int describe_fields(const struct xvs_table *fields, json_t *properties, json_t *required)
{
	for (uint32_t i = 0; i < fields->count; i++) {
		const struct xvs_field *f = field_at(fields, i);

		if (json_object_set_new(properties, f->name, field_schema(f)))
			return -1;
		if ((f->flags & XVS_FIELD_REQUIRED) &&
		    json_array_append_new(required, json_string(f->name)))
			return -1;
	}
	return 0;
}

static json_t *structure_schema(const struct xvs_table *fields)
{
	json_t *properties = json_object();
	json_t *required = json_array();

	if (!properties || !required || describe_fields(fields, properties, required)) {
		json_decref(properties);
		json_decref(required);
		return NULL;
	}
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0,
			 "properties", properties, "required", required);
}

json_t *schema_json(const struct xvs_feature *f)
{
	json_t *schema = structure_schema(&f->fields);

	if (!schema)
		return NULL;
	if (json_object_set_new(schema, "title", json_string(f->id)) ||
	    json_object_set_new(schema, "description", json_string(f->summary))) {
		json_decref(schema);
		return NULL;
	}
	return schema;
}

/* NOLINTEND(misc-no-recursion) */
