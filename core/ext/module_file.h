/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/module_file.h - a file with a module in it, in memory: the shared object itself, NAME.so with its signature
 * beside it, or a bundle, NAME.xvsx with everything in it.
 *
 * It is read once.  What is verified, what is looked at and what is mapped are the same bytes.
 */
#ifndef XVS_EXT_MODULE_FILE_H
#define XVS_EXT_MODULE_FILE_H

#include "base/bundle.h"
#include "ext/module.h"

struct module_file {
	void *bytes; /* all of the file */
	size_t size;
	struct bundle_bytes module; /* in it */
	bool is_bundle;
	struct bundle_view bundle; /* its parts, if it is one */
	struct module_signature signature;
};

/* [any] Is a module looked for in a file of this name?  Not where it is hidden. */
bool module_file_is_name(const char *name);

/* [any] Reads it, and takes a bundle apart as far as to find its signature. */
int module_file_read(const char *path, struct module_file *out, struct xvs_error *err);
void module_file_finish(struct module_file *f);

/*
 * [any] What comes before loading: the signature, then the note, then, of a bundle, its manifest.  As
 * trust_check(), and as note_parse().
 */
int module_file_check(const struct module_file *f, const struct trust *trust,
		      struct module_note *note, struct minisign_proof *proof,
		      struct xvs_error *err);

/* [any] The signature, given, with the bytes that it is of if those are more than the module's. */
struct module_signature module_file_signature(struct module_file *f);

#endif /* XVS_EXT_MODULE_FILE_H */
