/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/definition.h - the definition of a virtual machine as it is written: xvs-vm.yaml(5).
 */
#ifndef XVS_HV_DEFINITION_H
#define XVS_HV_DEFINITION_H

#include "base/node.h"
#include "spec.h"

/*
 * [any] False: all errors are in 'd', and nothing to finish.  What the document leaves to us (UUIDs,
 * MAC addresses, names of ports) is not chosen yet: definition_complete().
 */
bool definition_read(const struct node *root, struct vm_spec *out, struct diags *d);

/*
 * [any] Chooses what was left out, so that the definition says all that makes this machine the same
 * one tomorrow and elsewhere.  'machines' are the newest of generation 1 and 2 that QEMU knows.
 */
void definition_complete(struct vm_spec *s, const char *const machines[2]);

/* [any] False: that is no name for one. */
bool definition_rename(struct vm_spec *s, const char *name);

/* [any] The document again, for definition_read(); new.  NULL: out of memory. */
json_t *definition_print(const struct vm_spec *s);

#endif /* XVS_HV_DEFINITION_H */
