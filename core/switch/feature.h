/* SPDX-License-Identifier: Apache-2.0 */
/* switch/feature.h - features by id: of the switch itself, of a chain, of the search path. */
#ifndef XVS_SWITCH_FEATURE_H
#define XVS_SWITCH_FEATURE_H

#include "switch/world.h"

/* A built-in one, or one of the members' of this switch; NULL. */
const struct xvs_feature *switch_feature(const struct vswitch *sw, const char *id);
/* Whose feature of this chain that is; NULL: the switch's own. */
const struct extension *switch_feature_owner(const struct vswitch *sw, const struct xvs_feature *f);

#endif /* XVS_SWITCH_FEATURE_H */
