/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/params.c - are a request's parameters what its method takes?
 *
 * Strict: an unknown name is an error that names the nearest known one, so a misspelt "overide"
 * never does something else than it says.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rpc/rpc.h"

static const char *type_name(enum rpc_type type)
{
	switch (type) {
	case RPC_TEXT:
		return "text";
	case RPC_BOOL:
		return "true or false";
	case RPC_COUNT:
		return "a whole number from 0";
	case RPC_OBJECT:
		return "an object";
	}
	return "";
}

static bool type_fits(enum rpc_type type, const json_t *value)
{
	switch (type) {
	case RPC_TEXT:
		/* A NUL inside would end the text early for us and not for the caller. */
		return json_is_string(value) &&
		       strlen(json_string_value(value)) == json_string_length(value);
	case RPC_BOOL:
		return json_is_boolean(value);
	case RPC_COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0;
	case RPC_OBJECT:
		return json_is_object(value);
	}
	return false;
}

static size_t params_known(const struct rpc_method *m, const char *names[RPC_PARAMS_MAX])
{
	size_t count = 0;

	while (count < RPC_PARAMS_MAX && m->params[count].name) {
		names[count] = m->params[count].name;
		count++;
	}
	return count;
}

static const struct rpc_param *param_find(const struct rpc_method *m, const char *name)
{
	for (size_t i = 0; i < RPC_PARAMS_MAX && m->params[i].name; i++) {
		if (strcmp(m->params[i].name, name) == 0)
			return &m->params[i];
	}
	return NULL;
}

static void say_unknown(const struct rpc_method *m, const char *name, char *why, size_t size)
{
	const char *names[RPC_PARAMS_MAX];
	const char *nearest = str_nearest(name, names, params_known(m, names));

	if (nearest)
		(void)snprintf(why, size, "%s: unknown parameter \"%.64s\", did you mean \"%s\"",
			       m->name, name, nearest);
	else
		(void)snprintf(why, size, "%s: unknown parameter \"%.64s\"", m->name, name);
}

/* Positional parameters in the order of the table.  NULL: too many, or out of memory. */
static json_t *params_named(const struct rpc_method *m, const json_t *list)
{
	const char *names[RPC_PARAMS_MAX];
	size_t known = params_known(m, names);
	size_t count = json_array_size(list);
	json_t *out = json_object();

	if (count > known) {
		json_decref(out);
		return NULL;
	}
	for (size_t i = 0; i < count && i < known; i++) {
		if (json_object_set(out, names[i], json_array_get(list, i)) != 0) {
			json_decref(out);
			return NULL;
		}
	}
	return out;
}

static bool values_check(const struct rpc_method *m, json_t *object, char *why, size_t size)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		const struct rpc_param *p = param_find(m, key);

		if (!p) {
			say_unknown(m, key, why, size);
			return false;
		}
		if (!type_fits(p->type, value)) {
			(void)snprintf(why, size, "%s: parameter \"%s\" must be %s", m->name,
				       p->name, type_name(p->type));
			return false;
		}
	}
	return true;
}

static bool required_check(const struct rpc_method *m, const json_t *object, char *why, size_t size)
{
	for (size_t i = 0; i < RPC_PARAMS_MAX && m->params[i].name; i++) {
		const struct rpc_param *p = &m->params[i];

		if (!p->is_required || json_object_get(object, p->name))
			continue;
		(void)snprintf(why, size, "%s: parameter \"%s\" is missing: %s", m->name, p->name,
			       p->help);
		return false;
	}
	return true;
}

bool rpc_params_check(const struct rpc_method *method, const json_t *params, json_t **out,
		      char *why, size_t size)
{
	json_t *object;

	if (json_is_array(params))
		object = params_named(method, params);
	else
		object = params ? json_copy((json_t *)(uintptr_t)params) : json_object();
	if (!object) {
		(void)snprintf(why, size, "%s: more parameters than it takes", method->name);
		return false;
	}
	if (!values_check(method, object, why, size) ||
	    !required_check(method, object, why, size)) {
		json_decref(object);
		return false;
	}
	*out = object;
	return true;
}
