/* SPDX-License-Identifier: Apache-2.0 */
/* policy/texts.h - texts of a value that name something elsewhere, by the flag of their field. */
#ifndef XVS_POLICY_TEXTS_H
#define XVS_POLICY_TEXTS_H

#include "policy/schema.h"

enum { TEXT_PATH = 160 };

/* 'path' is "rules[3].mirror", 'text' is not empty; both borrowed.  False: no more, please. */
typedef bool (*text_fn)(void *arg, const char *path, const char *text);

/* [control] Does the feature have such a field at all? */
bool feature_has_texts(const struct xvs_feature *f, uint16_t flag);
/* [control] All that are not empty, in the order of the fields. */
void value_texts(const struct value *v, uint16_t flag, text_fn visit, void *arg);

#endif /* XVS_POLICY_TEXTS_H */
