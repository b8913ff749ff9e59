/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/decoded.h - what long documents of a file were decoded to.  [control]
 *
 * A plan decodes every policy.  100,000 rules take half a second, which a change of something else
 * must not; and the documents of an applied file never change, so they are decoded once.
 */
#ifndef XVS_SWITCH_DECODED_H
#define XVS_SWITCH_DECODED_H

#include "policy/schema.h"
#include "switch/model.h"

/* Borrowed; NULL: not there. */
struct value *decoded_find(const struct file_layer *file, const struct node *document,
			   const struct xvs_feature *f);
/*
 * Keeps a value of a document of this file, if it is long and its feature is one of this program, which
 * stays as it is.  For want of memory it is not kept, and decoded anew.
 */
void decoded_keep(struct file_layer *file, const struct node *document, struct value *value);
void decoded_finish(struct file_layer *file);

#endif /* XVS_SWITCH_DECODED_H */
