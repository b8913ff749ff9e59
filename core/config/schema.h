/* SPDX-License-Identifier: Apache-2.0 */
/* config/schema.h - the whole configuration as JSON Schema, for editors and validators. */
#ifndef XVS_CONFIG_SCHEMA_H
#define XVS_CONFIG_SCHEMA_H

#include <jansson.h>

#include "xvs/extension.h"

/*
 * [control] JSON Schema (2020-12) of what the daemon accepts, with the settings among 'features'
 * under each "policies".  NULL: out of memory.
 */
json_t *config_schema(const struct xvs_feature *const *features, size_t count);

#endif /* XVS_CONFIG_SCHEMA_H */
