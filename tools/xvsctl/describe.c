/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/describe.c - what the file of an extension says of itself, and who says that it may be loaded.
 *
 * The note is parsed here, in the caller's own process and without loading: whoever looks at a
 * file that came from somewhere runs nothing of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "ext/manifest.h"
#include "ext/module_file.h"
#include "verbs.h"

/* A slash alone does not make a file: instances are called SWITCH/NAME. */
bool is_file_name(const char *word)
{
	size_t len = strlen(word);

	return word[0] == '/' || strncmp(word, "./", 2) == 0 || strncmp(word, "../", 3) == 0 ||
	       bundle_is_name(word) || (len > 3 && strcmp(word + len - 3, ".so") == 0);
}

/* {file, ...}: what is said of it takes this over. */
static json_t *said_of(const char *path, json_t *said)
{
	json_t *out = json_pack("{s:s}", "file", path);

	(void)json_object_update(out, said);
	json_decref(said);
	return out;
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

/* What is in a bundle beside its module.  That somebody has signed it says nothing yet: "ext verify" does. */
static json_t *bundle_json(const struct module_file *f, const struct module_note *note)
{
	const struct bundle_bytes *parts = f->bundle.parts;
	json_t *out =
		manifest_parse(parts[BUNDLE_MANIFEST].at, parts[BUNDLE_MANIFEST].len, note, NULL);
	const struct bundle_bytes *report = &parts[BUNDLE_CONFORMANCE];
	struct xvs_error err = ERROR_INIT;
	json_t *result = report->at ? conformance_parse(report->at, report->len, f->module.at,
							f->module.len, &err)
				    : NULL;

	(void)json_object_set_new(out, "signed", json_boolean(f->signature.text));
	(void)json_object_set_new(out, "licence_text", json_boolean(parts[BUNDLE_LICENCE].at));
	if (report->at && !result)
		result = json_string(err.text);
	if (result)
		(void)json_object_set_new(out, "conformance", result);
	return out;
}

/* It may quote the file, which may be made to have a terminal obey it. */
static void refusal_print(const char *path, const char *why)
{
	struct strbuf clean = { NULL, 0, 0, false };

	format_clean(&clean, why);
	(void)fprintf(stderr, "xvsctl: extension %s: %s\n", path, clean.text ? clean.text : "");
	strbuf_finish(&clean);
}

int describe_file(const char *path, bool is_json)
{
	struct module_file f = { .bytes = NULL };
	struct xvs_error err = ERROR_INIT;
	struct minisign_proof proof;
	struct module_note note;
	int code = module_file_read(path, &f, &err);

	if (code == 0)
		code = module_file_check(&f, NULL, &note, &proof, &err);
	if (code)
		refusal_print(path, err.text);
	else
		note_print(said_of(path,
				   f.is_bundle ? bundle_json(&f, &note) : manifest_of_note(&note)),
			   is_json);
	module_file_finish(&f);
	if (code)
		return code == -ENOENT ? EXIT_NOT_FOUND : EXIT_REFUSED;
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
		(void)json_object_set_new(out, "note", said_of(path, manifest_of_note(&note)));
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
