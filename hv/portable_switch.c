/* SPDX-License-Identifier: Apache-2.0 */
/* hv/portable_switch.c - switches of a machine that is carried elsewhere: told, and compared. */
#include "portable_switch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch.h"

/* ---- telling ---------------------------------------------------------------------------------- */

struct question {
	struct vm *vm;
	json_t *told;
	uint32_t walk; /* of adapters */
	void (*asked)(struct vm *vm);
};

static const char *text_of(const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? text : "";
}

static json_t *switch_print(const json_t *shown)
{
	json_t *chain = json_array();
	const json_t *member;
	size_t i;

	json_array_foreach(json_object_get(shown, "chain"), i, member)
	{
		(void)json_array_append_new(
			chain, json_pack("{s:s, s:s, s:b}", "instance", text_of(member, "instance"),
					 "extension", text_of(member, "extension"), "required",
					 json_is_true(json_object_get(member, "required"))));
	}
	return json_pack("{s:s, s:o}", "type", text_of(shown, "type"), "chain", chain);
}

static void ask_next(struct question *q);

static void on_shown(void *arg, const struct switch_answer *answer)
{
	struct question *q = arg;
	const struct adapter_spec *a = &q->vm->spec.adapters[q->walk];

	if (answer->result)
		(void)json_object_set_new(q->told, a->switch_name, switch_print(answer->result));
	q->walk++;
	ask_next(q);
}

static void ask_next(struct question *q)
{
	const struct vm_spec *s = &q->vm->spec;

	while (q->walk < s->adapter_count &&
	       json_object_get(q->told, s->adapters[q->walk].switch_name))
		q->walk++;
	if (q->walk < s->adapter_count) {
		switch_call(q->vm->hv->sw, "switch.show",
			    json_pack("{s:s}", "name", s->adapters[q->walk].switch_name), on_shown,
			    q);
		return;
	}
	q->asked(q->vm);
	free(q);
}

void switches_ask(struct vm *vm, json_t *told, void (*asked)(struct vm *vm))
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q) {
		asked(vm);
		return;
	}
	*q = (struct question){ .vm = vm, .told = told, .asked = asked };
	ask_next(q);
}

/* ---- comparing -------------------------------------------------------------------------------- */

/* Where an extension stands in a chain; -1: nowhere. */
static int place_of(const json_t *chain, const char *extension)
{
	for (size_t i = 0; i < json_array_size(chain); i++) {
		if (strcmp(text_of(json_array_get(chain, i), "extension"), extension) == 0)
			return (int)i;
	}
	return -1;
}

static void tell(char *differs, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void tell(char *differs, size_t size, const char *format, ...)
{
	size_t len = strlen(differs);
	va_list args;

	if (len > 0 && len < size)
		len += (size_t)snprintf(differs + len, size - len, "; ");
	if (len >= size)
		return;
	va_start(args, format);
	(void)vsnprintf(differs + len, size - len, format, args);
	va_end(args);
}

/* What is between the same two on both sides may stand anywhere; what changes places may not. */
static int chain_compare(const char *name, const json_t *was, const json_t *is, char *differs,
			 size_t size, struct xvs_error *err)
{
	const json_t *member;
	int before = -1;
	size_t i;

	json_array_foreach(was, i, member)
	{
		const char *extension = text_of(member, "extension");
		int place = place_of(is, extension);

		if (place < 0 && json_is_true(json_object_get(member, "required")))
			return error_set(
				err, -EINVAL, "",
				"switch %s required %.100s where it comes from, and has it "
				"not in its chain here",
				name, extension);
		if (place < 0)
			tell(differs, size, "switch %s has no %.100s in its chain here", name,
			     extension);
		else if (place < before)
			tell(differs, size, "switch %s asks %.100s earlier here", name, extension);
		before = place > before ? place : before;
	}
	return 0;
}

int switches_compare(const json_t *were, const json_t *are, char *differs, size_t size,
		     struct xvs_error *err)
{
	const json_t *is;
	const char *name;
	int code = 0;

	differs[0] = '\0';
	json_object_foreach((json_t *)(uintptr_t)are, name, is)
	{
		const json_t *was = json_object_get(were, name);

		if (!was || code)
			continue;
		if (strcmp(text_of(was, "type"), text_of(is, "type")) != 0)
			tell(differs, size,
			     "switch %s was %.20s where it comes from, and is %s here", name,
			     text_of(was, "type"), text_of(is, "type"));
		code = chain_compare(name, json_object_get(was, "chain"),
				     json_object_get(is, "chain"), differs, size, err);
	}
	return code;
}
