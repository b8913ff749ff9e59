/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/normalise.h - what a module declares, in today's layouts and checked against its note.
 */
#ifndef XVS_EXT_NORMALISE_H
#define XVS_EXT_NORMALISE_H

#include "ext/layout.h"
#include "ext/module.h"
#ifndef XVS_USE_DRAFT
#define XVS_USE_DRAFT
#endif
#include "xvs/ext/connscope.h"
#include "xvs/ext/convert.h"

struct xvs_explain;
struct xvs_rows;

enum {
	MODULE_EXTENSIONS_MAX = 32,
	EXTENSION_LABELS_MAX = 1024, /* reasons, and counters */
	EXTENSION_IDS_MAX = 64,      /* before, after, needs */
	EXTENSION_LINEAR_MAX = 65536,
};

struct normalised {
	struct arena arena; /* all that 'extensions' points to, but for the module's own strings */
	struct extension *extensions;
	uint32_t count;
	uint32_t flags; /* XVS_MODULE_* */
};

/*
 * [control] 'raw' is the module's symbol.  Extensions have no 'module' yet.  On failure nothing is
 * kept in *out but 'flags', as far as they were read.
 */
int module_normalise(const struct xvs_module *raw, const struct module_note *note,
		     bool (*has_interface)(const char *id), struct normalised *out,
		     struct xvs_error *err);
void normalised_finish(struct normalised *n);

/*
 * [control] Tables of functions that an extension offers; missing members are NULL, newer ones
 * ignored.
 */
int flow_copy(const struct xvs_flow *from, struct xvs_flow *to, struct xvs_error *err);
int conn_copy(const struct xvs_conn_ops *from, struct xvs_conn_ops *to, struct xvs_error *err);
int explain_copy(const struct xvs_explain *from, struct xvs_explain *to, struct xvs_error *err);
/* Its names are copied into 'arena', an array of pointers. */
int rows_copy(const struct xvs_rows *from, struct arena *arena, struct xvs_rows *to,
	      struct xvs_error *err);
int state_copy(const struct xvs_state *from, struct xvs_state *to, struct xvs_error *err);
int conn_scope_copy(const struct xvs_conn_scope *from, struct xvs_conn_scope *to,
		    struct xvs_error *err);

#endif /* XVS_EXT_NORMALISE_H */
