/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/describe.c - what the file of an extension says of itself.
 *
 * The note is parsed here, in the caller's own process and without loading: whoever looks at a
 * file that came from somewhere runs nothing of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
