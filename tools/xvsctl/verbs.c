/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/verbs.c - what follows from the table: finding, running, usage, completion. */
#include "verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERBS_MAX = 128 };

/* ---- finding ---------------------------------------------------------------------------------------- */

static bool has_group(const char *group)
{
	for (const struct verb *v = verbs; v->group; v++) {
		if (strcmp(v->group, group) == 0)
			return true;
	}
	return false;
}

static void say_unknown(const char *group, const char *word)
{
	const char *names[VERBS_MAX];
	const char *nearest;
	size_t count = 0;

	for (const struct verb *v = verbs; v->group && count < VERBS_MAX; v++) {
		if (!group)
			names[count++] = v->group;
		else if (strcmp(v->group, group) == 0)
			names[count++] = v->name;
	}
	nearest = str_nearest(word, names, count);
	(void)fprintf(stderr, "xvsctl: unknown verb \"%s%s%s\"%s%s%s\n", group ? group : "",
		      group ? " " : "", word, nearest ? ", did you mean \"" : "",
		      nearest ? nearest : "", nearest ? "\"" : "; see xvsctl --help");
}

const struct verb *verb_find(const char *const *words, size_t count, size_t *used)
{
	struct strbuf usage = { NULL, 0, 0, false };

	for (const struct verb *v = verbs; v->group; v++) {
		bool is_alone = v->name[0] == '\0';

		if (strcmp(v->group, words[0]) != 0)
			continue;
		if (is_alone || (count > 1 && strcmp(v->name, words[1]) == 0)) {
			*used = is_alone ? 1 : 2;
			return v;
		}
	}
	if (!has_group(words[0])) {
		say_unknown(NULL, words[0]);
	} else if (count > 1) {
		say_unknown(words[0], words[1]);
	} else {
		verb_usage(&usage, words[0]);
		(void)fputs(usage.text ? usage.text : "", stderr);
		strbuf_finish(&usage);
	}
	return NULL;
}

/* ---- running ---------------------------------------------------------------------------------------- */

/* False: no number. */
static bool option_add(json_t *params, const struct option_def *def, const char *value)
{
	char *end = NULL;
	long long number;

	if (!def->value)
		return json_object_set_new(params, def->param, json_true()) == 0;
	if (!def->is_number)
		return json_object_set_new(params, def->param, json_string(value)) == 0;
	if (def->flag == OPTION_PROTO && proto_number(value, &number))
		return json_object_set_new(params, def->param, json_integer(number)) == 0;
	number = strtoll(value, &end, 10);
	if (*value == '\0' || *end != '\0' || number < 0) {
		(void)fprintf(stderr, "xvsctl: %s takes a number from 0, not \"%s\"\n", def->name,
			      value);
		return false;
	}
	return json_object_set_new(params, def->param, json_integer(number)) == 0;
}

json_t *verb_params(const struct verb *v, const struct args *a)
{
	json_t *params = json_object();

	for (size_t i = 0; i < sizeof(v->params) / sizeof(v->params[0]) && v->params[i]; i++) {
		if (i < a->count)
			(void)json_object_set_new(params, v->params[i], json_string(a->words[i]));
	}
	for (size_t i = 0; option_defs[i].name; i++) {
		if (!(a->given & option_defs[i].flag) || !option_defs[i].param)
			continue;
		if (!option_add(params, &option_defs[i], a->values[i])) {
			json_decref(params);
			return NULL;
		}
	}
	return params;
}

const char *verb_option(const struct args *a, uint64_t flag)
{
	for (size_t i = 0; option_defs[i].name; i++) {
		if (option_defs[i].flag == flag)
			return a->given & flag ? a->values[i] : NULL;
	}
	return NULL;
}

static void answer_print(const struct verb *v, const struct args *a, const json_t *result)
{
	struct strbuf out = { NULL, 0, 0, false };

	if (a->is_json || (!v->print && strcmp(v->group, "config") == 0)) {
		(void)json_dumpf(result, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
		(void)putchar('\n');
		return;
	}
	if (v->print)
		v->print(&out, result);
	else
		format_tree(&out, result, 0);
	if (out.text)
		(void)fwrite(out.text, 1, out.len, stdout);
	strbuf_finish(&out);
}

struct client *verb_client(const struct verb *v, const struct args *a)
{
	bool is_vm = strcmp(v->group, "vm") == 0;
	char why[512];
	struct client *c = client_open(is_vm ? a->hv_socket : a->socket, is_vm ? "xvs-hv" : "xvsd",
				       why, sizeof(why));

	if (!c)
		(void)fprintf(stderr, "xvsctl: %s\n", why);
	return c;
}

int verb_call(const struct verb *v, const struct args *a, json_t *params)
{
	struct client *c = verb_client(v, a);
	json_t *result = NULL;
	int code;

	if (!c) {
		json_decref(params);
		return EXIT_NO_DAEMON;
	}
	code = client_call(c, v->method, params, &result);
	if (code == EXIT_DONE)
		answer_print(v, a, result);
	json_decref(result);
	client_close(c);
	return code;
}

int verb_run(const struct verb *v, const struct args *a)
{
	json_t *params;

	if (v->run)
		return v->run(v, a);
	params = verb_params(v, a);
	return params ? verb_call(v, a, params) : EXIT_WRONG_USE;
}

/* ---- usage and completion --------------------------------------------------------------------------- */

static void usage_line(struct strbuf *out, const struct verb *v)
{
	struct strbuf left = { NULL, 0, 0, false };

	strbuf_add(&left, "  %s%s%s", v->group, v->name[0] ? " " : "", v->name);
	if (v->words[0])
		strbuf_add(&left, " %s", v->words);
	for (size_t i = 0; option_defs[i].name; i++) {
		const struct option_def *o = &option_defs[i];

		if (v->options & o->flag)
			strbuf_add(&left, " [%s%s%s]", o->name, o->value ? " " : "",
				   o->value ? o->value : "");
	}
	if (left.len > 38)
		strbuf_add(out, "%s\n%-40s%s\n", left.text, "", v->help);
	else
		strbuf_add(out, "%-40s%s\n", left.text ? left.text : "", v->help);
	strbuf_finish(&left);
}

void verb_usage(struct strbuf *out, const char *group)
{
	strbuf_add(out, "usage: xvsctl [--socket PATH] [--hv-socket PATH] [--json] VERB...\n");
	for (const struct verb *v = verbs; v->group; v++) {
		if (!group || strcmp(group, v->group) == 0)
			usage_line(out, v);
	}
	if (group)
		return;
	strbuf_add(out, "\n--socket PATH or $XVS_SOCKET; " XVS_SOCKET_DEFAULT
			" otherwise. Verbs of \"vm\":\n"
			"--hv-socket PATH or $XVS_HV_SOCKET; " XVS_HV_SOCKET_DEFAULT
			" otherwise.\nExit: 0 done, 1 refused, "
			"2 wrong use, 3 no daemon, 4 not found. See xvsctl(8).\n");
}

static void completion_verbs(struct strbuf *out, const char *group)
{
	strbuf_add(out, "\t%s) words=\"", group);
	for (const struct verb *v = verbs; v->group; v++) {
		if (strcmp(v->group, group) == 0 && v->name[0])
			strbuf_add(out, "%s ", v->name);
	}
	strbuf_add(out, "\" ;;\n");
}

void completion_bash(struct strbuf *out)
{
	const char *last = "";

	strbuf_add(out, "_xvsctl() {\n\tlocal words=\"\" cur=${COMP_WORDS[COMP_CWORD]}\n"
			"\tif [[ $cur == -* ]]; then\n\t\twords=\"--socket --hv-socket --json");
	for (size_t i = 0; option_defs[i].name; i++)
		strbuf_add(out, " %s", option_defs[i].name);
	strbuf_add(out, "\"\n\telif ((COMP_CWORD == 1)); then\n\t\twords=\"");
	for (const struct verb *v = verbs; v->group; v++) {
		if (strcmp(last, v->group) != 0)
			strbuf_add(out, "%s ", v->group);
		last = v->group;
	}
	strbuf_add(out, "\"\n\telif ((COMP_CWORD == 2)); then\n\t\tcase ${COMP_WORDS[1]} in\n");
	last = "";
	for (const struct verb *v = verbs; v->group; v++) {
		if (strcmp(last, v->group) != 0)
			completion_verbs(out, v->group);
		last = v->group;
	}
	strbuf_add(out, "\t\tesac\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
			"\t((${#COMPREPLY[@]})) || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\n"
			"complete -F _xvsctl xvsctl\n");
}
