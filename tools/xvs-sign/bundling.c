/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-sign/bundling.c - bundles, made and read.
 *
 * It is made without a signature first: all of that but its end is what is signed.
 */
#include "bundling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bundle.h"
#include "ext/manifest.h"

int read_secret(const char *name, struct secret_key *out)
{
	struct xvs_error err = ERROR_INIT;
	struct bytes text;
	int code;

	if (read_file(name, &text))
		return EXIT_FAILURE;
	code = secret_parse(text.at, text.len, out, &err);
	explicit_bzero(text.at, text.len);
	free(text.at);
	return code ? complain(name, err.text) : 0;
}

void usual_comment(const char *name, char out[COMMENT_BYTES])
{
	const char *slash = strrchr(name, '/');

	(void)snprintf(out, COMMENT_BYTES, "timestamp:%lld\tfile:%.400s\thashed",
		       (long long)time(NULL), slash ? slash + 1 : name);
}

/* ---- reading --------------------------------------------------------------------------------------- */

int read_bundle(const char *name, struct bytes *file, struct bytes *signature)
{
	struct xvs_error err = ERROR_INIT;
	struct bundle_view bundle;

	if (read_file(name, file))
		return EXIT_FAILURE;
	if (bundle_parse(file->at, file->len, &bundle, &err))
		return complain(name, err.text);
	if (!bundle.parts[BUNDLE_SIGNATURE].at)
		return complain(name, "has no signature");
	signature->len = bundle.parts[BUNDLE_SIGNATURE].len;
	signature->at = malloc(signature->len);
	if (!signature->at)
		return complain(name, "out of memory");
	memcpy(signature->at, bundle.parts[BUNDLE_SIGNATURE].at, signature->len);
	file->len = bundle.signed_size;
	return 0;
}

/* ---- writing --------------------------------------------------------------------------------------- */

/* What goes in; all are to be free()d. */
struct content {
	struct bytes parts[BUNDLE_PARTS];
};

static void content_finish(struct content *c)
{
	for (int n = 0; n < BUNDLE_PARTS; n++)
		free(c->parts[n].at);
}

static int content_make(const struct content *c, struct bytes *out, const char *name)
{
	struct bundle_bytes parts[BUNDLE_PARTS];
	struct xvs_error err = ERROR_INIT;
	void *bytes;

	for (int n = 0; n < BUNDLE_PARTS; n++)
		parts[n] = (struct bundle_bytes){ c->parts[n].at, c->parts[n].len };
	if (bundle_make(parts, &bytes, &out->len, &err))
		return complain(name, err.text);
	out->at = bytes;
	return 0;
}

/* The manifest that is given, with what the module says of itself. */
static int fill_manifest(const struct bundling *b, const char *module, struct content *c)
{
	struct bytes *manifest = &c->parts[BUNDLE_MANIFEST];
	const struct bytes *elf = &c->parts[BUNDLE_MODULE];
	struct xvs_error err = ERROR_INIT;
	struct module_note note;
	char *text;

	if (note_parse(elf->at, elf->len, &note, &err))
		return complain(module, err.text);
	if (b->manifest && read_file(b->manifest, manifest))
		return EXIT_FAILURE;
	text = manifest_complete(manifest->at, manifest->len, &note, &err);
	free(manifest->at);
	*manifest = (struct bytes){ text, text ? strlen(text) : 0 };
	return text ? 0 : complain(b->manifest ? b->manifest : module, err.text);
}

static int check_result(const struct bundling *b, const struct content *c)
{
	const struct bytes *text = &c->parts[BUNDLE_CONFORMANCE];
	const struct bytes *elf = &c->parts[BUNDLE_MODULE];
	struct xvs_error err = ERROR_INIT;
	json_t *result = conformance_parse(text->at, text->len, elf->at, elf->len, &err);

	json_decref(result);
	return result ? 0 : complain(b->result, err.text);
}

static int fill(const struct bundling *b, const char *module, struct content *c)
{
	const struct {
		const char *name;
		enum bundle_part part;
	} files[] = {
		{ module, BUNDLE_MODULE },
		{ b->licence, BUNDLE_LICENCE },
		{ b->result, BUNDLE_CONFORMANCE },
	};

	for (size_t n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
		if (files[n].name && read_file(files[n].name, &c->parts[files[n].part]))
			return EXIT_FAILURE;
	}
	if (b->result && check_result(b, c))
		return EXIT_FAILURE;
	return fill_manifest(b, module, c);
}

static int sign(const struct bundling *b, struct content *c)
{
	struct bytes *signature = &c->parts[BUNDLE_SIGNATURE];
	struct xvs_error err = ERROR_INIT;
	struct bytes file = { NULL, 0 };
	char usual[COMMENT_BYTES];
	struct secret_key key;
	struct bundle_view bundle;
	int code = content_make(c, &file, b->out);

	if (code == 0)
		code = read_secret(b->key, &key);
	if (code)
		goto out;
	usual_comment(b->out, usual);
	signature->at = calloc(1, SECRET_TEXT_MOST + MINISIGN_COMMENT_MOST);
	if (!signature->at || bundle_parse(file.at, file.len, &bundle, &err) ||
	    secret_sign(&key, file.at, bundle.signed_size, b->comment ? b->comment : usual,
			signature->at, &err))
		code = complain(b->out, signature->at ? err.text : "out of memory");
	else
		signature->len = strlen(signature->at);
	explicit_bzero(key.seed, sizeof(key.seed));
out:
	free(file.at);
	return code;
}

int bundle_file(const struct bundling *b, const char *module)
{
	struct bytes file = { NULL, 0 };
	struct content c = { 0 };
	int code;

	if (!bundle_is_name(b->out))
		return complain(b->out, "a bundle is called NAME.xvsx");
	code = fill(b, module, &c);
	if (code == 0 && b->key)
		code = sign(b, &c);
	if (code == 0)
		code = content_make(&c, &file, b->out);
	if (code == 0)
		code = write_file(b->out, &file, 0644, false);
	free(file.at);
	content_finish(&c);
	return code;
}
