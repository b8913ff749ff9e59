/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/module.h - from a file to checked, normalised extensions.
 *
 *   copy -> verify signature -> sealed memfd -> read note -> check ABI and rights -> dlopen -> symbol
 *        -> checks
 *
 * Nothing of the vendor's runs before dlopen(), and only constructors before create(); besides, one
 * with former revisions of policies is asked for its converter, and that converts.  Tables of
 * the module are copied into today's layouts (strides and sizes dealt with here), so nobody above
 * ever thinks of an older or newer module.  Refused: unknown non-zero data (-E2BIG, with the
 * structure's name and byte offset), unknown flag bits and enum values (with the field's name).
 */
#ifndef XVS_EXT_MODULE_H
#define XVS_EXT_MODULE_H

#include "base/error.h"
#include "ext/trust.h"
#include "xvs/extension.h"

struct xvs_conversion;
struct instance_remote;

struct module_note {
	uint16_t abi_major, needs_minor;
	uint32_t classes, rights;
	char id[64], version[24];
};

/* [any] Reads the note of an ELF file by bounded parsing of its bytes (libelf); runs nothing. */
int note_read(int fd, struct module_note *out, struct xvs_error *err);
/* [any] The same from memory: what the fuzz target calls. */
int note_parse(const void *elf, size_t size, struct module_note *out, struct xvs_error *err);

/*
 * [any] What module_load() would do with a file before it loads it, and no more: who signed it, then its
 * note.  *proof is filled where a key that counts did, whatever comes then.
 */
int module_verify(const char *path, const struct trust *trust, struct module_note *note,
		  struct minisign_proof *proof, struct xvs_error *err);

/* One extension, as today's structures have it.  Constant; lives as long as its module. */
struct extension {
	uint16_t cls, flags;
	uint32_t rights, linear;
	const char *id, *version, *vendor, *summary;
	const struct xvs_feature *features; /* their 'fields' (and nested ones) have today's stride */
	uint32_t feature_count;
	uint32_t reason_count;
	const struct xvs_label *reasons;
	const struct xvs_label *counters;
	uint32_t counter_count;
	uint32_t before_count;
	const char *const *before, *const *after;
	uint32_t after_count;
	uint32_t reserved;
	struct xvs_ops ops; /* missing members are NULL */
	/* of one with features of kind XVS_FORMER; else NULL */
	int (*convert)(struct xvs_conversion *c, struct xvs_error *err);
	struct module *module;
	const struct instance_remote *remote; /* ext/instance.h; NULL: it runs in this process */
};

struct module;

/*
 * [control] 'path' is a file, a module or a bundle.  Loading the same bytes twice gives the same module (reference
 * counted).  'has_interface' says whether this host offers an optional interface (for 'needs').
 */
int module_load(const char *path, const struct trust *trust, bool (*has_interface)(const char *id),
		struct module **out, struct xvs_error *err);
/*
 * [control] May a module that is loaded stay where 'trust' is what is in force?  As trust_check(); its file may
 * have been signed since.
 */
int module_trusted(struct module *m, const struct trust *trust, struct minisign_proof *out,
		   struct xvs_error *err);
/*
 * [control] The same for a module that is linked into this program and has no file; 'raw' is its
 * symbol.  It is checked as one from a file is, but for the note.
 */
int module_builtin(const struct xvs_module *raw, const char *name,
		   bool (*has_interface)(const char *id), struct module **out,
		   struct xvs_error *err);
bool module_is_builtin(const struct module *m);
void module_put(struct module *m);               /* unmaps only if it says XVS_MODULE_UNLOADABLE */
const char *module_path(const struct module *m); /* "built in" where it has no file */
const struct module_note *module_note_of(const struct module *m);
const struct extension *module_extensions(const struct module *m, uint32_t *count);

/*
 * [control] The same for one whose code runs in a process of its own: 'path' is copied and verified, but
 * mapped and read by a process that ends again, so nothing of the vendor's runs in this one.
 */
int module_load_isolated(const char *path, const struct trust *trust,
			 bool (*has_interface)(const char *id), struct module **out,
			 struct xvs_error *err);
/* [control] In such a process: what the daemon gave it. */
int module_map_fd(int fd, bool (*has_interface)(const char *id), struct module **out,
		  struct xvs_error *err);
/* [control] To look at: one that runs elsewhere is not mapped here for that. */
int module_load_known(const char *path, const struct trust *trust,
		      bool (*has_interface)(const char *id), struct module **out,
		      struct xvs_error *err);
int module_fd(const struct module *m); /* of its sealed copy */

/* Where modules are looked for, whose, and what this host offers them. */
struct module_places {
	const char *const *dirs;
	size_t dir_count;
	const struct trust *trust;
	bool (*has_interface)(const char *id);
	bool is_isolated; /* module_load_isolated() */
};

/*
 * [control] Looks through the search path (directories, in order; files *.so and *.xvsx in name order) for the
 * module whose extension has this id, and loads it.  Notes are read without loading: the module id
 * or its prefix need not be the extension's, so candidates are loaded until the id is found; the
 * nearest known id is in the message when there is none.
 */
int module_find(const struct module_places *places, const char *extension_id, struct module **out,
		const struct extension **ext, struct xvs_error *err);

/* [any] Names of enum values, for messages and CLI. */
const char *class_name(uint32_t cls); /* "inspect", "filter", "firewall", "forward" */
void rights_print(uint32_t rights, char *out, size_t size); /* "originate,rewrite" or "none" */

#endif /* XVS_EXT_MODULE_H */
