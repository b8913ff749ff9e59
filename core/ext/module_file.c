/* SPDX-License-Identifier: Apache-2.0 */
/* ext/module_file.c - a shared object with its signature, or a bundle of both. */
#include "ext/module_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ext/file.h"
#include "ext/manifest.h"

bool module_file_is_name(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' &&
	       (bundle_is_name(name) || (len > 3 && strcmp(name + len - 3, ".so") == 0));
}

static int copy_signature(const struct bundle_bytes *part, struct module_signature *out)
{
	if (!part->at)
		return 0;
	out->text = malloc(part->len);
	if (!out->text)
		return -ENOMEM;
	memcpy(out->text, part->at, part->len);
	out->len = part->len;
	return 0;
}

static int take_apart(struct module_file *f, struct xvs_error *err)
{
	int code = bundle_parse(f->bytes, f->size, &f->bundle, err);

	if (code)
		return code;
	f->module = f->bundle.parts[BUNDLE_MODULE];
	return copy_signature(&f->bundle.parts[BUNDLE_SIGNATURE], &f->signature)
		       ? error_set(err, -ENOMEM, "", "out of memory")
		       : 0;
}

int module_file_read(const char *path, struct module_file *out, struct xvs_error *err)
{
	struct module_file f = { .is_bundle = bundle_is_name(path) };
	int code = file_read_path(path, &f.bytes, &f.size, err);

	if (code)
		return code;
	f.module = (struct bundle_bytes){ f.bytes, f.size };
	if (f.is_bundle)
		code = take_apart(&f, err);
	else if (module_signature_read(path, &f.signature))
		code = error_set(err, -ENOMEM, "", "out of memory");
	if (code)
		module_file_finish(&f);
	else
		*out = f;
	return code;
}

void module_file_finish(struct module_file *f)
{
	module_signature_finish(&f->signature);
	free(f->bytes);
	*f = (struct module_file){ .bytes = NULL };
}

static int check_manifest(const struct bundle_bytes *text, const struct module_note *note,
			  struct xvs_error *err)
{
	json_t *manifest = manifest_parse(text->at, text->len, note, err);
	int code = manifest ? 0 : -EINVAL;

	json_decref(manifest);
	return code;
}

int module_file_check(const struct module_file *f, const struct trust *trust,
		      struct module_note *note, struct minisign_proof *proof, struct xvs_error *err)
{
	int code = trust_check(trust, &f->signature, f->bytes,
			       f->is_bundle ? f->bundle.signed_size : f->size, proof, err);

	if (code == 0)
		code = note_parse(f->module.at, f->module.len, note, err);
	if (code == 0 && f->is_bundle)
		code = check_manifest(&f->bundle.parts[BUNDLE_MANIFEST], note, err);
	return code;
}

struct module_signature module_file_signature(struct module_file *f)
{
	struct module_signature s = f->signature;

	f->signature = (struct module_signature){ .text = NULL };
	if (s.text && f->is_bundle) {
		s.of = f->bytes;
		s.of_size = f->bundle.signed_size;
		f->bytes = NULL;
	}
	return s;
}
