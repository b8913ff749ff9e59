/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/print.h - what is wanted as a document again: "config export", the last good file, the
 * journal.  It reads back equal; what has its default is left out.
 */
#ifndef XVS_CONFIG_PRINT_H
#define XVS_CONFIG_PRINT_H

#include "switch/spec.h"

/* [control] New trees; NULL: out of memory. */
struct node *print_config(const struct config_spec *spec);
struct node *print_switch(const struct switch_spec *s);
struct node *print_port(const struct port_spec *p);

/* [control] YAML text of a document, for free(); NULL: out of memory. */
char *print_yaml(const struct node *n);

#endif /* XVS_CONFIG_PRINT_H */
