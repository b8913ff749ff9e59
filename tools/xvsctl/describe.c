/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/describe.c - what the file of an extension says of itself, and who says that it may be loaded.
 *
 * The note is parsed here, in the caller's own process and without loading: whoever looks at a
 * file that came from somewhere runs nothing of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "ext/module.h"
#include "verbs.h"

/* A slash alone does not make a file: instances are called SWITCH/NAME. */
bool is_file_name(const char *word)
{
	size_t len = strlen(word);

	return word[0] == '/' || strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0 ||
	       (len > 3 && strcmp(word + len - 3, ".so") == 0);
}

static json_t *classes_json(uint32_t classes)
{
	json_t *list = json_array();

	for (uint32_t cls = XVS_INSPECT; cls <= XVS_FORWARD; cls++) {
		if (classes & 1u << cls)
			(void)json_array_append_new(list, json_string(class_name(cls)));
	}
	return list;
}

static json_t *note_json(const char *path, const struct module_note *note)
{
	char rights[256];
	char needs[32];

	rights_print(note->rights, rights, sizeof(rights));
	(void)snprintf(needs, sizeof(needs), "%u.%u", note->abi_major, note->needs_minor);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "file", path, "id", note->id, "version",
			 note->version, "needs_abi", needs, "classes", classes_json(note->classes),
			 "rights", rights);
}

static void note_print(json_t *note, bool is_json)
{
	struct strbuf out = { NULL, 0, 0, false };

	if (is_json) {
		(void)json_dumpf(note, stdout, JSON_INDENT(2));
		(void)putchar('\n');
	} else {
		format_tree(&out, note, 0);
		(void)fputs(out.text ? out.text : "", stdout);
		strbuf_finish(&out);
	}
	json_decref(note);
}

int describe_file(const char *path, bool is_json)
{
	struct xvs_error err = ERROR_INIT;
	struct module_note note;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int code;

	if (fd < 0) {
		(void)fprintf(stderr, "xvsctl: file %s: it cannot be opened: %s\n", path,
			      strerror(errno));
		return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_REFUSED;
	}
	code = note_read(fd, &note, &err);
	(void)close(fd);
	if (code) {
		(void)fprintf(stderr, "xvsctl: extension %s: %s\n", path, err.text);
		return EXIT_REFUSED;
	}
	note_print(note_json(path, &note), is_json);
	return EXIT_DONE;
}

/* ---- signatures ------------------------------------------------------------------------------------ */

struct keys {
	struct minisign_key *list;
	struct trust trust;
};

/* As the daemon answered; false: what it says is not understood. */
static bool keys_read(const json_t *answer, struct keys *out)
{
	const json_t *texts = json_object_get(answer, "keys");
	size_t count = json_array_size(texts);

	out->list = calloc(count + 1, sizeof(*out->list));
	for (size_t i = 0; out->list && i < count; i++) {
		const char *text = json_string_value(json_array_get(texts, i));

		if (!text || minisign_key_parse(text, strlen(text), &out->list[i], NULL))
			return false;
	}
	out->trust = (struct trust){
		.keys = out->list,
		.key_count = count,
		.until = (time_t)json_integer_value(json_object_get(answer, "until")),
		.is_required = json_is_true(json_object_get(answer, "required")),
	};
	return out->list != NULL;
}

/* What the daemon would do with the file. */
static int verdict(const char *path, const struct trust *trust, json_t *out)
{
	struct xvs_error err = ERROR_INIT;
	struct minisign_proof proof;
	struct module_note note;
	int code = module_verify(path, trust, &note, &proof, &err);

	(void)json_object_set_new(out, "file", json_string(path));
	(void)json_object_set_new(out, "loads", json_boolean(code == 0));
	if (proof.key[0]) {
		(void)json_object_set_new(out, "signed_by", json_string(proof.key));
		(void)json_object_set_new(out, "signature", json_string(proof.comment));
	}
	if (code)
		(void)json_object_set_new(out, "problem", json_string(err.text));
	else
		(void)json_object_set_new(out, "note", note_json(path, &note));
	return code;
}

int run_ext_verify(const struct verb *v, const struct args *a)
{
	struct client *client = verb_client(v, a);
	struct keys keys = { .list = NULL };
	json_t *answer = NULL;
	json_t *out;
	int code = EXIT_NO_DAEMON;

	if (client)
		code = client_call(client, v->method, json_object(), &answer);
	client_close(client);
	if (code == EXIT_DONE && !keys_read(answer, &keys)) {
		(void)fputs("xvsctl: the daemon's answer is not understood\n", stderr);
		code = EXIT_REFUSED;
	}
	if (code == EXIT_DONE) {
		out = json_object();
		code = verdict(a->words[0], &keys.trust, out) ? EXIT_REFUSED : EXIT_DONE;
		note_print(out, a->is_json);
	}
	json_decref(answer);
	free(keys.list);
	return code;
}
