/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/describe.h - what a module declares, told by the process that has it mapped to the daemon, which
 * never maps it.
 *
 * The daemon makes of it the tables that the module itself would have shown, and checks them as those
 * of any module (module_normalise()).
 */
#ifndef XVS_EXT_DESCRIBE_H
#define XVS_EXT_DESCRIBE_H

#include "ext/layout.h"
#include "ext/module.h"

/* In xvs_ops, which functions there are. */
enum described_op {
	DESCRIBED_ACTIVE = 1u << 0,
	DESCRIBED_PORT_ATTACH = 1u << 1,
	DESCRIBED_PORT_EVENT = 1u << 2,
	DESCRIBED_PORT_DETACH = 1u << 3,
	DESCRIBED_POLICY = 1u << 4,
	DESCRIBED_STATUS = 1u << 5,
	DESCRIBED_PACKETS = 1u << 6, /* inspect, ingress, forward or egress */
};

/* [any] JSON text of the module's extensions, to be free()d; NULL: out of memory. */
char *describe_module(const struct module *m);

/*
 * [control] Tables in 'arena'.  Their functions are those of 'ops', as far as the module has them.
 * NULL and -EPROTO: that is no description.
 */
const struct xvs_module *described_module(const char *text, size_t len, struct arena *arena,
					  const struct xvs_ops *ops, struct xvs_error *err);

#endif /* XVS_EXT_DESCRIBE_H */
