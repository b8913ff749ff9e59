/* SPDX-License-Identifier: Apache-2.0 */
/* switch/settings.h - decoded policy values of one object, by feature.  [control] */
#ifndef XVS_SWITCH_SETTINGS_H
#define XVS_SWITCH_SETTINGS_H

#include "policy/schema.h"

struct setting {
	const struct xvs_feature *feature;
	struct value *value;
};

struct settings {
	struct setting *items;
	size_t count;
};

/* NULL: not set. */
struct value *settings_get(const struct settings *s, const char *feature);
/* Takes 'value', also when it fails: -ENOMEM. */
int settings_add(struct settings *s, struct value *value);
void settings_finish(struct settings *s);

/* The decoded structure of a feature, or NULL. */
static inline const void *settings_bytes(const struct settings *s, const char *feature)
{
	const struct value *value = settings_get(s, feature);

	return value ? value->bytes : NULL;
}

#endif /* XVS_SWITCH_SETTINGS_H */
