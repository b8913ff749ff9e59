/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/catalogue.h - the extensions of the search path, loaded when somebody asks for all.
 * [control]
 */
#ifndef XVS_SWITCH_CATALOGUE_H
#define XVS_SWITCH_CATALOGUE_H

#include "ext/instance.h"
#include "switch/spec.h"

/* An extension of this program: one of its instances, of the same name, is in every chain. */
struct builtin_extension {
	struct module *module; /* one reference */
	const struct extension *ext;
	struct chain_spec spec; /* the entry that nobody has to write */
};

/* Whose modules are loaded, as this configuration has it: borrowed from it. */
struct trust trust_of(const struct config_spec *spec);

struct catalogue {
	const char *const *dirs; /* kept */
	size_t dir_count;
	const struct extension *const *lent; /* kept; of modules that somebody else has loaded */
	size_t lent_count;
	struct builtin_extension *builtins; /* in the order in which they stand */
	size_t builtin_count;
	struct module **modules; /* one reference each */
	size_t module_count;
};

/*
 * The extensions of a module of this program, behind those that are there.  -EINVAL: it is not sound;
 * -ENOMEM.
 */
int catalogue_build_in(struct catalogue *c, const struct xvs_module *raw, struct xvs_error *err);
/* NULL: it is not built in. */
const struct builtin_extension *catalogue_builtin(const struct catalogue *c, const char *id);

/*
 * Loads what is new in the directories; files that are refused are left out: loading one by name
 * says why.  -ENOMEM.
 */
int catalogue_refresh(struct catalogue *c, const struct trust *trust);
/*
 * The extension of this entry, where it is to run, as module_find(); one whose features could not be decoded or
 * printed is refused by the name of the feature.
 */
int catalogue_find(const struct catalogue *c, const struct trust *trust,
		   const struct chain_spec *entry, struct module **module,
		   const struct extension **ext, struct xvs_error *err);
/* The same of this file, whatever the search path has. */
int catalogue_load(const char *path, const struct trust *trust, const struct chain_spec *entry,
		   struct module **module, const struct extension **ext, struct xvs_error *err);
void catalogue_finish(struct catalogue *c);

/*
 * fn for each extension of all modules whose features are sound; true from fn ends the walk and
 * is the result.
 */
bool catalogue_each(const struct catalogue *c,
		    bool (*fn)(void *arg, const struct module *module, const struct extension *ext),
		    void *arg);

#endif /* XVS_SWITCH_CATALOGUE_H */
