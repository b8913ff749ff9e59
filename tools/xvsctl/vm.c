/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/vm.c - virtual machines for people. */
#include "verbs.h"

#include <stdlib.h>
#include <string.h>

static const struct column vm_columns[] = {
	{ "NAME", "name", false },     { "STATE", "state", false }, { "CPUS", "cpus", true },
	{ "MIB", "memory_mib", true }, { "ACCEL", "accel", false }, { "PID", "pid", true },
	{ "DOING", "doing", false },   { NULL, NULL, false },
};

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* A line for each machine with which something is wrong. */
static void put_problem(struct strbuf *out, const json_t *vm)
{
	if (json_object_get(vm, "problem")) {
		strbuf_add(out, "! ");
		format_clean(out, text_of(vm, "name"));
		strbuf_add(out, ": ");
		format_clean(out, text_of(vm, "problem"));
		strbuf_add(out, "\n");
	}
	if (json_object_get(vm, "restart_in_s")) {
		strbuf_add(out, "! ");
		format_clean(out, text_of(vm, "name"));
		strbuf_add(out, ": it is started again in %" JSON_INTEGER_FORMAT " s\n",
			   number_of(vm, "restart_in_s"));
	}
}

void print_vms(struct strbuf *out, const json_t *result)
{
	format_table(out, result, vm_columns, "");
	for (size_t i = 0; i < json_array_size(result); i++)
		put_problem(out, json_array_get(result, i));
}

static void put_obstacles(struct strbuf *out, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		strbuf_add(out, "live migration: ");
		format_value(out, json_array_get(list, i));
		strbuf_add(out, "\n");
	}
}

void print_vm(struct strbuf *out, const json_t *result)
{
	json_t *rest = json_copy(json_object_get(result, "definition"));
	json_t *head = json_array();

	(void)json_array_append(head, (json_t *)(uintptr_t)result);
	format_table(out, head, vm_columns, "");
	put_problem(out, result);
	if (json_object_get(result, "emulated_because")) {
		strbuf_add(out, "emulated: ");
		format_clean(out, text_of(result, "emulated_because"));
		strbuf_add(out, "\n");
	}
	put_obstacles(out, json_object_get(result, "migration_obstacles"));
	if (json_array_size(json_object_get(result, "checkpoints"))) {
		strbuf_add(out, "checkpoints:\n");
		format_tree(out, json_object_get(result, "checkpoints"), 1);
	}
	strbuf_add(out, "definition:\n");
	format_tree(out, rest, 1);
	json_decref(rest);
	json_decref(head);
}

static void put_hugepages(struct strbuf *out, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		strbuf_add(out,
			   "huge pages   %" JSON_INTEGER_FORMAT " KiB: %" JSON_INTEGER_FORMAT
			   " free of %" JSON_INTEGER_FORMAT "\n",
			   number_of(one, "size_kib"), number_of(one, "free"),
			   number_of(one, "total"));
	}
}

void print_vm_host(struct strbuf *out, const json_t *result)
{
	const json_t *kvm = json_object_get(result, "kvm");
	const json_t *qemu = json_object_get(result, "qemu");
	const json_t *models = json_object_get(result, "cpu_models");

	strbuf_add(out, "kvm          ");
	if (json_is_true(json_object_get(kvm, "works")))
		strbuf_add(out, "works");
	else
		strbuf_add(out, "does not work, machines are emulated: %s (stage %s)",
			   text_of(kvm, "reason"), text_of(kvm, "stage"));
	strbuf_add(out,
		   "\nnested       %s\niommu        %s\ncpus         %" JSON_INTEGER_FORMAT "\n",
		   json_is_true(json_object_get(result, "nested")) ? "yes" : "no",
		   json_is_true(json_object_get(result, "iommu")) ? "yes" : "no",
		   number_of(result, "cpus"));
	put_hugepages(out, json_object_get(result, "hugepages"));
	strbuf_add(out, "firmware     %s\nqemu         %s, %s", text_of(result, "firmware"),
		   text_of(qemu, "version"), text_of(qemu, "program"));
	if (json_object_get(qemu, "problem"))
		strbuf_add(out, " ! %s", text_of(qemu, "problem"));
	strbuf_add(out, "\nmachines     ");
	format_value(out, json_object_get(qemu, "machines"));
	strbuf_add(out, "\ncpu models   ");
	format_value(out, models);
	strbuf_add(out, "\n");
}

/* The text goes to the daemon, which need not be able to read the file. */
int run_vm_define(const struct verb *v, const struct args *a)
{
	char *text = text_load(a->words[0]);
	json_t *params;

	if (!text)
		return EXIT_REFUSED;
	params = json_pack("{s:s, s:s}", "text", text, "file", a->words[0]);
	free(text);
	return params ? verb_call(v, a, params) : EXIT_REFUSED;
}
