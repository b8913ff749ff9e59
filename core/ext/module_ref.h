/* SPDX-License-Identifier: Apache-2.0 */
/* ext/module_ref.h - one more reference to a module; given back by module_put(). */
#ifndef XVS_EXT_MODULE_REF_H
#define XVS_EXT_MODULE_REF_H

#include "ext/module.h"

/* [control] */
struct module *module_get(struct module *m);

#endif /* XVS_EXT_MODULE_REF_H */
