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

/* 0: go on; else the exit code + 1. */
static int words_read(int argc, char **argv, struct args *a)
{
	struct strbuf usage = { NULL, 0, 0, false };
	bool is_options = true;

	for (int i = 1; i < argc; i++) {
		if (is_options && strcmp(argv[i], "--") == 0) {
			is_options = false;
		} else if (is_options && strcmp(argv[i], "--help") == 0) {
			verb_usage(&usage, a->count ? a->words[0] : NULL);
			(void)fputs(usage.text ? usage.text : "", stdout);
			strbuf_finish(&usage);
			return EXIT_DONE + 1;
		} else if (is_options && strcmp(argv[i], "--version") == 0) {
			(void)puts("xvsctl " XVS_VERSION);
			return EXIT_DONE + 1;
		} else if (is_options && argv[i][0] == '-' && argv[i][1] != '\0') {
			if (!option_take(argc, argv, &i, a)) {
				(void)fprintf(stderr,
					      "xvsctl: unknown option, or without its value: %s\n",
					      argv[i]);
				return EXIT_WRONG_USE + 1;
			}
		} else if (a->count == WORDS_MAX) {
			(void)fputs("xvsctl: too many words\n", stderr);
			return EXIT_WRONG_USE + 1;
		} else {
			a->words[a->count++] = argv[i];
		}
	}
	return 0;
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
	struct args a = { .socket = getenv("XVS_SOCKET") };
	struct strbuf usage = { NULL, 0, 0, false };
	const struct verb *v;
	size_t used = 0;
	int leave;

	if (!a.socket || !a.socket[0])
		a.socket = XVS_SOCKET_DEFAULT;
	leave = words_read(argc, argv, &a);
	if (leave) {
		*exit_code = leave - 1;
		return NULL;
	}
	*exit_code = EXIT_WRONG_USE;
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
