/* SPDX-License-Identifier: Apache-2.0 */
/* switch/override.h - what a group lets its ports set themselves.  [any] */
#ifndef XVS_SWITCH_OVERRIDE_H
#define XVS_SWITCH_OVERRIDE_H

#include "switch/spec.h"

/* All of a feature is listed. */
bool group_lets(const struct group_spec *group, const char *feature);
/* All of it, or this field. */
bool group_lets_field(const struct group_spec *group, const char *feature, const char *field);
/* At least one of its fields is listed by its name. */
bool group_names_fields(const struct group_spec *group, const char *feature);

/*
 * The first of these fields (a map) that it does not let its ports set, 'fields' itself where it lets
 * them set none; NULL: it lets them set all of them.
 */
const struct node *group_forbids(const struct group_spec *group, const char *feature,
				 const struct node *fields);

/* The field that an entry of the list names; NULL: a whole feature. */
const char *override_field(const char *entry);

#endif /* XVS_SWITCH_OVERRIDE_H */
