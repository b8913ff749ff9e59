/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/document.h - from a document to what is wanted.
 *
 * All errors are collected, each with its place.  Policies are checked for their form alone:
 * which features there are, and what they take, is known where extensions are loaded.
 */
#ifndef XVS_CONFIG_DOCUMENT_H
#define XVS_CONFIG_DOCUMENT_H

#include "switch/spec.h"

/*
 * [control] NULL on any error, all of them in 'd'.  The document may be freed afterwards.  An
 * empty document is a configuration without switches.
 */
struct config_spec *document_read(const struct node *root, struct diags *d);

/*
 * [control] What could be read, also where there are errors: to look for more of them, not to be
 * applied.  NULL: out of memory.
 */
struct config_spec *document_read_partly(const struct node *root, struct diags *d);

/* [control] Diagnoses from 'before' on, in the order of the file. */
void document_sort(struct diags *d, size_t before);

/* [control] yaml_read_file() and document_read(); sets d->file to 'path', which is borrowed. */
struct config_spec *document_load(const char *path, struct diags *d);

/*
 * [control] One object as the API or the journal has it, of the same keys as in the file.  False:
 * errors in 'd', 'out' is as it was.  What a port means to its switch (its name, group and
 * devices) is for check_switch() of config/check.h.
 */
bool document_read_switch(const struct node *n, struct switch_spec *out, struct diags *d);
bool document_read_port(const struct node *n, enum port_role role, struct port_spec *out,
			struct diags *d);

#endif /* XVS_CONFIG_DOCUMENT_H */
