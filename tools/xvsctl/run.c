/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/run.c - verbs that do more than ask. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verbs.h"

enum { FILE_MAX = RPC_LINE_MAX / 2 }; /* as a JSON text it may be longer */

/* ---- values of the command line ---------------------------------------------------------------------- */

/* JSON where it looks like it, else text: the schema knows the type. */
static json_t *value_of(const char *word, const char *text)
{
	json_error_t error;
	json_t *value;

	if (text[0] != '[' && text[0] != '{')
		return json_string(text);
	value = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!value)
		(void)fprintf(stderr, "xvsctl: \"%s\": not JSON: %s at byte %d\n", word, error.text,
			      error.position);
	return value;
}

/* Takes 'value'.  False: "a.b" where "a" has a value already, or twice the same. */
static bool place(json_t *object, char *path, json_t *value)
{
	char *dot;

	while ((dot = strchr(path, '.'))) {
		json_t *deeper;

		*dot = '\0';
		deeper = json_object_get(object, path);
		if (!deeper) {
			deeper = json_object();
			(void)json_object_set_new(object, path, deeper);
		}
		object = deeper;
		path = dot + 1;
	}
	if (!json_is_object(object) || json_object_get(object, path)) {
		json_decref(value);
		return false;
	}
	return json_object_set_new(object, path, value) == 0;
}

static bool assign(json_t *object, const char *word)
{
	const char *equals = strchr(word, '=');
	char path[256];
	json_t *value;

	if (!equals || equals == word || (size_t)(equals - word) >= sizeof(path)) {
		(void)fprintf(stderr, "xvsctl: \"%s\" is not FIELD=VALUE\n", word);
		return false;
	}
	memcpy(path, word, (size_t)(equals - word));
	path[equals - word] = '\0';
	value = value_of(word, equals + 1);
	if (!value)
		return false;
	if (place(object, path, value))
		return true;
	(void)fprintf(stderr, "xvsctl: \"%s\": the field has a value already, or is no name\n",
		      word);
	return false;
}

json_t *assignments(const char *const *words, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		if (!assign(object, words[i])) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* ---- changes ------------------------------------------------------------------------------------------- */

int run_policy_set(const struct verb *v, const struct args *a)
{
	json_t *fields = assignments(a->words + 2, a->count - 2);
	json_t *params = fields ? verb_params(v, a) : NULL;

	if (!params)
		return EXIT_WRONG_USE;
	(void)json_object_set_new(params, "target", json_string(a->words[0]));
	(void)json_object_set_new(params, "feature", json_string(a->words[1]));
	(void)json_object_set_new(params, "fields", fields);
	return verb_call(v, a, params);
}

int run_port_add(const struct verb *v, const struct args *a)
{
	json_t *port = assignments(a->words + 2, a->count - 2);
	json_t *params = port ? verb_params(v, a) : NULL;

	if (!params)
		return EXIT_WRONG_USE;
	(void)json_object_set_new(port, "name", json_string(a->words[1]));
	(void)json_object_set_new(params, "switch", json_string(a->words[0]));
	(void)json_object_set_new(params, "port", port);
	return verb_call(v, a, params);
}

int run_ext_show(const struct verb *v, const struct args *a)
{
	if (is_file_name(a->words[0]))
		return describe_file(a->words[0], a->is_json);
	return verb_call(v, a, verb_params(v, a));
}

/* The daemon has another working directory. */
int run_ext_upgrade(const struct verb *v, const struct args *a)
{
	char *file = a->count > 1 ? realpath(a->words[1], NULL) : NULL;
	json_t *params = verb_params(v, a);

	if (a->count > 1 && !file) {
		(void)fprintf(stderr, "xvsctl: %s: %s\n", a->words[1], strerror(errno));
		json_decref(params);
		return EXIT_NOT_FOUND;
	}
	if (params && file)
		(void)json_object_set_new(params, "file", json_string(file));
	free(file);
	return params ? verb_call(v, a, params) : EXIT_WRONG_USE;
}

/* What rows must be: words are told apart by the extension, so they stay texts. */
static json_t *row_filters(const char *const *words, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(words[i], '=');
		char name[256];

		if (!equals || equals == words[i] || (size_t)(equals - words[i]) >= sizeof(name)) {
			(void)fprintf(stderr, "xvsctl: \"%s\" is not FIELD=VALUE\n", words[i]);
			json_decref(object);
			return NULL;
		}
		memcpy(name, words[i], (size_t)(equals - words[i]));
		name[equals - words[i]] = '\0';
		(void)json_object_set_new(object, name, json_string(equals + 1));
	}
	return object;
}

int run_ext_rows(const struct verb *v, const struct args *a)
{
	json_t *where = row_filters(a->words + 2, a->count > 2 ? a->count - 2 : 0);
	json_t *params = where ? verb_params(v, a) : NULL;

	if (!params)
		return EXIT_WRONG_USE;
	(void)json_object_set_new(params, "name", json_string(a->words[0]));
	if (a->count > 1)
		(void)json_object_set_new(params, "list", json_string(a->words[1]));
	(void)json_object_set_new(params, "where", where);
	return verb_call(v, a, params);
}

int run_completion(const struct verb *v, const struct args *a)
{
	struct strbuf out = { NULL, 0, 0, false };

	json_t *answer;

	(void)v;
	completion_bash(&out);
	if (a->is_json) {
		answer = json_pack("{s:s?}", "script", out.text);
		(void)json_dumpf(answer, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(answer);
	} else {
		(void)fputs(out.text ? out.text : "", stdout);
	}
	strbuf_finish(&out);
	return EXIT_DONE;
}

/* ---- watching ------------------------------------------------------------------------------------------ */

int run_drops(const struct verb *v, const struct args *a)
{
	bool is_terminal = isatty(STDOUT_FILENO);
	int code;

	do {
		if (a->given & OPTION_WATCH && is_terminal)
			(void)fputs("\033[H\033[J", stdout);
		code = verb_call(v, a, json_object());
		(void)fflush(stdout);
		if (code != EXIT_DONE || !(a->given & OPTION_WATCH))
			return code;
		(void)sleep(1);
	} while (!ferror(stdout));
	return EXIT_DONE;
}

/* ---- configuration files --------------------------------------------------------------------------------- */

/* All of it, with a NUL behind; pipes, too.  NULL: *why says it. */
static char *stream_read(FILE *f, const char **why)
{
	char *text = malloc(FILE_MAX + 1);
	size_t len = text ? fread(text, 1, FILE_MAX, f) : 0;

	*why = NULL;
	if (!text)
		*why = "out of memory";
	else if (ferror(f))
		*why = strerror(errno);
	else if (len == FILE_MAX)
		*why = "it is larger than 8 MiB";
	else if (memchr(text, '\0', len))
		*why = "it holds a NUL byte: it is no text";
	if (*why) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

char *text_load(const char *path)
{
	FILE *f = fopen(path, "re");
	const char *why = f ? NULL : strerror(errno);
	char *text = f ? stream_read(f, &why) : NULL;

	if (!text)
		(void)fprintf(stderr, "xvsctl: file %s: it cannot be read: %s\n", path, why);
	if (f)
		(void)fclose(f);
	return text;
}

static bool has_daemon(const struct args *a)
{
	char why[512];
	struct client *c = client_open(a->socket, "xvsd", why, sizeof(why));

	client_close(c);
	return c != NULL;
}

/* xvsd beside us, or where the shell would find it. */
static int check_alone(const char *file)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - sizeof("xvsd"));
	char *slash;

	path[len < 0 ? 0 : len] = '\0';
	slash = strrchr(path, '/');
	(void)fflush(stdout);
	if (slash) {
		(void)str_copy(slash + 1, sizeof(path) - (size_t)(slash + 1 - path), "xvsd");
		(void)execl(path, "xvsd", "--check", "--config", file, (char *)NULL);
	}
	(void)execlp("xvsd", "xvsd", "--check", "--config", file, (char *)NULL);
	(void)fprintf(stderr,
		      "xvsctl: no daemon is running, and xvsd cannot be run to check %s: %s\n",
		      file, strerror(errno));
	return EXIT_NO_DAEMON;
}

/* The text goes to the daemon, which need not be able to read the file. */
int run_config_text(const struct verb *v, const struct args *a)
{
	json_t *params = verb_params(v, a);
	json_t *value;
	char *text;

	if (!params)
		return EXIT_WRONG_USE;
	if (a->count == 0)
		return verb_call(v, a, params);
	if (strcmp(v->name, "check") == 0 && !has_daemon(a)) {
		json_decref(params);
		return check_alone(a->words[0]);
	}
	text = text_load(a->words[0]);
	value = text ? json_string(text) : NULL;
	if (text && !value)
		(void)fprintf(stderr, "xvsctl: file %s: it is not UTF-8\n", a->words[0]);
	free(text);
	if (!value) {
		json_decref(params);
		return EXIT_REFUSED;
	}
	(void)json_object_set_new(params, "text", value);
	(void)json_object_set_new(params, "name", json_string(a->words[0]));
	return verb_call(v, a, params);
}
