/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/facts.c - QEMU's own lists, the probe of KVM, and a few files of the kernel.
 */
#include "facts.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "tool.h"

enum { ANSWER_S = 20 };

/* ---- what QEMU says --------------------------------------------------------------------------- */

struct question {
	struct loop *loop;
	bool is_answered;
	int status;
	char *output;
};

static void on_answer(void *arg, int status, const char *output)
{
	struct question *q = arg;

	q->is_answered = true;
	q->status = status;
	q->output = strdup(output);
}

/* What the program writes; for free().  NULL: it cannot be run, f->problem says why. */
static char *ask(struct facts *f, const struct user *user, struct loop *loop, const char *option,
		 const char *value)
{
	struct question q = { .loop = loop };
	struct xvs_error err = ERROR_INIT;
	struct tool *tool;
	struct plan p;

	plan_init(&p, user);
	plan_word(&p, "%s", f->qemu);
	plan_word(&p, "%s", option);
	if (value)
		plan_word(&p, "%s", value);
	if (tool_start(loop, &p, &(struct tool_end){ ANSWER_S, on_answer, &q }, &tool, &err))
		(void)str_copy(f->problem, sizeof(f->problem), err.text);
	else
		while (!q.is_answered)
			(void)event_base_loop(loop_base(loop), EVLOOP_ONCE);
	plan_finish(&p);
	if (q.status == 0)
		return q.output;
	(void)snprintf(f->problem, sizeof(f->problem), "%.300s %s: it ended with %d", f->qemu,
		       option, q.status);
	free(q.output);
	return NULL;
}

/* "QEMU emulator version 7.2.22 (Debian ...)" */
static void take_version(struct facts *f, const char *text)
{
	const char *at = strstr(text, "version ");
	size_t len = at ? strspn(at + 8, "0123456789.") : 0;

	if (len > 0 && len < sizeof(f->version))
		(void)snprintf(f->version, sizeof(f->version), "%.*s", (int)len, at + 8);
}

/* "pc   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)" */
static void take_machine(const char *text, const char *alias, char out[SPEC_TEXT])
{
	static const char mark[] = "(alias of ";
	size_t len = strlen(alias);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *end;
		const char *at;

		line += line[0] == '\n';
		end = line + strcspn(line, "\n");
		if (strncmp(line, alias, len) != 0 || line[len] != ' ')
			continue;
		at = strstr(line, mark);
		if (!at || at > end)
			return;
		at += sizeof(mark) - 1;
		(void)snprintf(out, SPEC_TEXT, "%.*s", (int)strcspn(at, ")\n"), at);
		return;
	}
}

/* Lines of a name and what it is, behind a heading. */
static void take_types(struct facts *f, const char *text)
{
	const char *line = strchr(text, '\n');

	f->machine_types = json_array();
	for (; line && line[1]; line = strchr(line + 1, '\n')) {
		char name[SPEC_TEXT];

		if (sscanf(line + 1, "%63s", name) == 1)
			(void)json_array_append_new(f->machine_types, json_string(name));
	}
}

/* "x86 Skylake-Server-v5" lines, then "Recognized CPUID flags:" */
static void take_models(struct facts *f, const char *text)
{
	const char *end = strstr(text, "Recognized CPUID");
	const char *line = text;

	f->cpu_models = json_array();
	while (line && (!end || line < end)) {
		char name[SPEC_TEXT];

		if (sscanf(line, "x86 %63s", name) == 1)
			(void)json_array_append_new(f->cpu_models, json_string(name));
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static void qemu_read(struct facts *f, const struct user *user, struct loop *loop)
{
	char *version = ask(f, user, loop, "--version", NULL);
	char *machines = version ? ask(f, user, loop, "-machine", "help") : NULL;
	char *models = machines ? ask(f, user, loop, "-cpu", "help") : NULL;

	if (models) {
		take_version(f, version);
		take_machine(machines, "pc", f->machines[0]);
		take_machine(machines, "q35", f->machines[1]);
		take_types(f, machines);
		take_models(f, models);
	}
	free(version);
	free(machines);
	free(models);
}

/* ---- the host --------------------------------------------------------------------------------- */

static void firmware_find(struct facts *f)
{
	static const char *const pairs[][2] = {
		{ "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },
		{ "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },
		{ "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (access(pairs[i][0], R_OK) || access(pairs[i][1], R_OK))
			continue;
		(void)str_copy(f->firmware, sizeof(f->firmware), pairs[i][0]);
		(void)str_copy(f->variables, sizeof(f->variables), pairs[i][1]);
		return;
	}
}

/* "model name : AMD EPYC 7B13"; one without a name has none. */
static void processor_read(struct facts *f)
{
	FILE *info = fopen("/proc/cpuinfo", "re");
	char line[256];

	while (info && !f->processor[0] && fgets(line, sizeof(line), info)) {
		if (sscanf(line, "model name : %127[^\n]", f->processor) != 1)
			f->processor[0] = '\0';
	}
	if (info)
		(void)fclose(info);
}

void facts_read(struct facts *f, const char *qemu, const struct user *user, struct loop *loop)
{
	*f = (struct facts){ .version = "" };
	(void)str_copy(f->qemu, sizeof(f->qemu), qemu);
	accel_probe(ACCEL_DEVICE, ACCEL_DEADLINE_MS, &f->accel);
	qemu_read(f, user, loop);
	firmware_find(f);
	processor_read(f);
}

void facts_finish(struct facts *f)
{
	json_decref(f->machine_types);
	f->machine_types = NULL;
	json_decref(f->cpu_models);
	f->cpu_models = NULL;
}

static bool has_name(const json_t *names, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(names, i, item)
	{
		if (strcmp(json_string_value(item), name) == 0)
			return true;
	}
	return false;
}

bool facts_has_machine(const struct facts *f, const char *type)
{
	return has_name(f->machine_types, type);
}

bool facts_has_cpu(const struct facts *f, const char *model)
{
	return strcmp(model, "max") == 0 || strcmp(model, "host") == 0 ||
	       has_name(f->cpu_models, model);
}

uint64_t facts_free_memory(bool has_hugepages)
{
	const char *key = has_hugepages ? "HugePages_Free:" : "MemAvailable:";
	FILE *info = fopen("/proc/meminfo", "re");
	uint64_t found = 0;
	char line[128];

	while (info && found == 0 && fgets(line, sizeof(line), info)) {
		if (strncmp(line, key, strlen(key)) == 0)
			found = strtoull(line + strlen(key), NULL, 10);
	}
	if (info)
		(void)fclose(info);
	return found * (has_hugepages ? UINT64_C(2) << 20 : UINT64_C(1) << 10);
}

bool facts_is_kvm(const struct facts *f, enum accel_choice wanted, bool *is_kvm,
		  struct xvs_error *err)
{
	if (wanted == ACCEL_KVM && !f->accel.is_usable) {
		(void)error_set(err, -ENOTSUP, "",
				"accel: kvm does not work on this host: %s (stage %s of the "
				"probe); say auto or tcg",
				f->accel.reason, accel_stage_name(f->accel.stage));
		return false;
	}
	*is_kvm = wanted != ACCEL_TCG && f->accel.is_usable;
	return true;
}

/* ---- for people ------------------------------------------------------------------------------- */

/* The first line of a file; false: there is none. */
static bool line_read(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool is_read = f && fgets(out, (int)size, f);

	if (is_read)
		out[strcspn(out, "\n")] = '\0';
	if (f)
		(void)fclose(f);
	return is_read;
}

/* May a guest of this host run guests itself? */
static json_t *nested_print(void)
{
	char text[16];

	if (line_read("/sys/module/kvm_intel/parameters/nested", text, sizeof(text)) ||
	    line_read("/sys/module/kvm_amd/parameters/nested", text, sizeof(text)))
		return json_boolean(text[0] == 'Y' || text[0] == '1');
	return json_false();
}

static size_t entries_count(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *e;
	size_t count = 0;

	while (dir && (e = readdir(dir)))
		count += e->d_name[0] != '.';
	if (dir)
		(void)closedir(dir);
	return count;
}

static json_int_t number_of(const char *folder, const char *name)
{
	char path[512];
	char text[32];

	(void)snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/%s", folder, name);
	return line_read(path, text, sizeof(text)) ? strtoll(text, NULL, 10) : 0;
}

/* [{size_kib, total, free}], of folders "hugepages-2048kB" */
static json_t *hugepages_print(void)
{
	static const char mark[] = "hugepages-";
	DIR *dir = opendir("/sys/kernel/mm/hugepages");
	json_t *list = json_array();
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		unsigned long size_kib;

		if (strncmp(e->d_name, mark, sizeof(mark) - 1) != 0)
			continue;
		size_kib = strtoul(e->d_name + sizeof(mark) - 1, NULL, 10);
		(void)json_array_append_new(
			list, json_pack("{s:I, s:I, s:I}", "size_kib", (json_int_t)size_kib,
					"total", number_of(e->d_name, "nr_hugepages"), "free",
					number_of(e->d_name, "free_hugepages")));
	}
	if (dir)
		(void)closedir(dir);
	return list;
}

static json_t *kvm_print(const struct accel_verdict *v)
{
	json_t *kvm = json_pack("{s:b, s:s, s:I}", "works", v->is_usable, "stage",
				accel_stage_name(v->stage), "probe_ms", (json_int_t)v->ms);

	if (v->reason[0])
		(void)json_object_set_new(kvm, "reason", json_string(v->reason));
	if (v->trip_ns)
		(void)json_object_set_new(kvm, "user_mode_trip_ns", json_integer(v->trip_ns));
	return kvm;
}

json_t *facts_print(const struct facts *f)
{
	json_t *qemu = json_pack("{s:s, s:s, s:[s, s]}", "program", f->qemu, "version", f->version,
				 "machines", f->machines[0], f->machines[1]);

	if (f->problem[0])
		(void)json_object_set_new(qemu, "problem", json_string(f->problem));
	return json_pack("{s:o, s:o, s:b, s:o, s:I, s:s, s:o, s:O}", "kvm", kvm_print(&f->accel),
			 "nested", nested_print(), "iommu", entries_count("/sys/class/iommu") > 0,
			 "hugepages", hugepages_print(), "cpus",
			 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "firmware",
			 f->firmware[0] ? f->firmware : "none: install ovmf for UEFI", "qemu", qemu,
			 "cpu_models", f->cpu_models ? f->cpu_models : json_null());
}
