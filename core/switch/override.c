/* SPDX-License-Identifier: Apache-2.0 */
/* switch/override.c - "xvs.rate/1" lets a port set all of it, "xvs.rate/1.to_kbps" one field. */
#include "switch/override.h"

#include <string.h>

const char *override_field(const char *entry)
{
	const char *rev = strchr(entry, '/');
	const char *dot = rev ? strchr(rev, '.') : NULL;

	return dot ? dot + 1 : NULL;
}

bool group_lets(const struct group_spec *group, const char *feature)
{
	for (size_t i = 0; i < group->override_count; i++)
		if (strcmp(group->override[i], feature) == 0)
			return true;
	return false;
}

/* Of this feature? */
static bool names_field_of(const char *entry, const char *feature)
{
	size_t len = strlen(feature);

	return strncmp(entry, feature, len) == 0 && entry[len] == '.';
}

bool group_names_fields(const struct group_spec *group, const char *feature)
{
	for (size_t i = 0; i < group->override_count; i++)
		if (names_field_of(group->override[i], feature))
			return true;
	return false;
}

bool group_lets_field(const struct group_spec *group, const char *feature, const char *field)
{
	for (size_t i = 0; i < group->override_count; i++)
		if (names_field_of(group->override[i], feature) &&
		    strcmp(override_field(group->override[i]), field) == 0)
			return true;
	return group_lets(group, feature);
}

const struct node *group_forbids(const struct group_spec *group, const char *feature,
				 const struct node *fields)
{
	if (group_lets(group, feature))
		return NULL;
	if (!group_names_fields(group, feature))
		return fields;
	for (size_t i = 0; i < fields->count; i++)
		if (fields->items[i]->key &&
		    !group_lets_field(group, feature, fields->items[i]->key))
			return fields->items[i];
	return NULL;
}
