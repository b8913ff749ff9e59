/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/args.c - the command line. */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The value of option 'name' at argv[*at], as "--name VALUE" or "--name=VALUE"; NULL: not it. */
static const char *option_value(int argc, char **argv, int *at, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(argv[*at], name, len) != 0)
		return NULL;
	if (argv[*at][len] == '=')
		return argv[*at] + len + 1;
	if (argv[*at][len] != '\0' || *at + 1 >= argc)
		return NULL;
	(*at)++;
	return argv[*at];
}

/* True: it was one of ours. */
static bool option_take(int argc, char **argv, int *at, struct args *a)
{
	const char *value;

	if (strcmp(argv[*at], "--json") == 0) {
		a->is_json = true;
		return true;
	}
	value = option_value(argc, argv, at, "--socket");
	if (value) {
		a->socket = value;
		return true;
	}
	value = option_value(argc, argv, at, "--hv-socket");
	if (value) {
		a->hv_socket = value;
		return true;
	}
	for (size_t i = 0; option_defs[i].name; i++) {
		const struct option_def *def = &option_defs[i];

		value = def->value ? option_value(argc, argv, at, def->name) : NULL;
		if (!value && (def->value || strcmp(argv[*at], def->name) != 0))
			continue;
		a->given |= def->flag;
		a->values[i] = value;
		return true;
	}
	return false;
}

/* "--help" and "--version" end it with an answer. */
static bool question_answer(const char *word, const struct args *a)
{
	struct strbuf usage = { NULL, 0, 0, false };

	if (strcmp(word, "--version") == 0) {
		(void)puts("xvsctl " XVS_VERSION);
		return true;
	}
	if (strcmp(word, "--help") != 0)
		return false;
	verb_usage(&usage, a->count ? a->words[0] : NULL);
	(void)fputs(usage.text ? usage.text : "", stdout);
	strbuf_finish(&usage);
	return true;
}

static bool word_take(const char *word, struct args *a)
{
	if (a->count == WORDS_MAX) {
		(void)fputs("xvsctl: too many words\n", stderr);
		return false;
	}
	a->words[a->count++] = word;
	return true;
}

/* False: leave with *exit_code. */
static bool words_read(int argc, char **argv, struct args *a, int *exit_code)
{
	bool is_options = true;

	*exit_code = EXIT_WRONG_USE;
	for (int i = 1; i < argc; i++) {
		bool is_option = is_options && argv[i][0] == '-' && argv[i][1] != '\0';

		if (is_option && strcmp(argv[i], "--") == 0) {
			is_options = false;
		} else if (!is_option) {
			if (!word_take(argv[i], a))
				return false;
		} else if (question_answer(argv[i], a)) {
			*exit_code = EXIT_DONE;
			return false;
		} else if (!option_take(argc, argv, &i, a)) {
			(void)fprintf(stderr, "xvsctl: unknown option, or without its value: %s\n",
				      argv[i]);
			return false;
		}
	}
	return true;
}

static bool fits(const struct verb *v, const struct args *a)
{
	struct strbuf usage = { NULL, 0, 0, false };

	for (size_t i = 0; option_defs[i].name; i++) {
		if (a->given & option_defs[i].flag & ~v->options) {
			(void)fprintf(stderr, "xvsctl: %s%s%s does not take %s\n", v->group,
				      v->name[0] ? " " : "", v->name, option_defs[i].name);
			return false;
		}
	}
	if (a->count >= v->min && a->count <= v->max)
		return true;
	strbuf_add(&usage, "usage: xvsctl %s%s%s %s\n", v->group, v->name[0] ? " " : "", v->name,
		   v->words);
	(void)fputs(usage.text ? usage.text : "", stderr);
	strbuf_finish(&usage);
	return false;
}

const struct verb *args_read(int argc, char **argv, struct args *out, int *exit_code)
{
	struct args a = { .socket = getenv("XVS_SOCKET"), .hv_socket = getenv("XVS_HV_SOCKET") };
	struct strbuf usage = { NULL, 0, 0, false };
	const struct verb *v;
	size_t used = 0;

	if (!a.socket || !a.socket[0])
		a.socket = XVS_SOCKET_DEFAULT;
	if (!a.hv_socket || !a.hv_socket[0])
		a.hv_socket = XVS_HV_SOCKET_DEFAULT;
	if (!words_read(argc, argv, &a, exit_code))
		return NULL;
	if (a.count == 0) {
		verb_usage(&usage, NULL);
		(void)fputs(usage.text ? usage.text : "", stderr);
		strbuf_finish(&usage);
		return NULL;
	}
	v = verb_find(a.words, a.count, &used);
	if (!v)
		return NULL;
	a.count -= used;
	memmove(a.words, a.words + used, a.count * sizeof(a.words[0]));
	if (!fits(v, &a))
		return NULL;
	*out = a;
	return v;
}
