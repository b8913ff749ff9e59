/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/portable_switch.h - what the switches of a carried machine were where it comes from, and what they
 * are here.  All [control].
 */
#ifndef XVS_HV_PORTABLE_SWITCH_H
#define XVS_HV_PORTABLE_SWITCH_H

#include "vm.h"

/*
 * Puts what xvsd tells of the machine's switches into 'told', {"lab": {"type", "chain": [{"instance",
 * "extension", "required"}]}}; of one that it does not know, nothing.  asked() once, later.
 */
void switches_ask(struct vm *vm, json_t *told, void (*asked)(struct vm *vm));

/*
 * 'were' is hostile.  -EINVAL with err: what a switch required there stands in its chain here no more.
 * Else 'differs' has what else is another thing here; "": nothing.
 */
int switches_compare(const json_t *were, const json_t *are, char *differs, size_t size,
		     struct xvs_error *err);

#endif /* XVS_HV_PORTABLE_SWITCH_H */
