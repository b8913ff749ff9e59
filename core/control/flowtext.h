/* SPDX-License-Identifier: Apache-2.0 */
/* control/flowtext.h - an entry of the flow cache for people and programs. */
#ifndef XVS_CONTROL_FLOWTEXT_H
#define XVS_CONTROL_FLOWTEXT_H

#include <jansson.h>

#include "xvs/flow.h"

/* [any] The fields that matter to an entry: "ip_src": "192.0.2.0/24".  Those not examined are left out. */
json_t *flow_match(const struct xvs_flow_key *key, const struct xvs_flow_key *mask);

#endif /* XVS_CONTROL_FLOWTEXT_H */
