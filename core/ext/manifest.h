/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/manifest.h - what a bundle says of its extension: manifest.json, an object of known keys.
 *
 * What the module's own note says as well has to be the same, so that nobody reads the one and loads
 * the other.  The rest is the vendor's word: vendor, summary, licence, and what the module needs where it
 * runs in a process of its own (isolation: payload_bytes, system_calls).
 */
#ifndef XVS_EXT_MANIFEST_H
#define XVS_EXT_MANIFEST_H

#include <jansson.h>

#include "ext/module.h"

/* [any] {id, version, needs_abi, classes, rights}, new. */
json_t *manifest_of_note(const struct module_note *note);

/* [any] NULL and *err: it is no manifest of such a module. */
json_t *manifest_parse(const void *text, size_t len, const struct module_note *note,
		       struct xvs_error *err);

/* [any] What a vendor wrote, with what the note says filled in; text to be free()d.  'text' may be NULL. */
char *manifest_complete(const void *text, size_t len, const struct module_note *note,
			struct xvs_error *err);

/* [any] What xvs-conform found, new.  NULL and *err: it is no such report, or of another module. */
json_t *conformance_parse(const void *text, size_t len, const void *module, size_t size,
			  struct xvs_error *err);

#endif /* XVS_EXT_MANIFEST_H */
