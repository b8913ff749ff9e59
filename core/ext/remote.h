/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/remote.h - an extension in a process of its own, seen from the daemon: a module that is not
 * mapped here, whose functions pass on what they are called with.
 *
 * To all floors above it is an extension like any other; only its verdicts come later (struct
 * instance_remote).  When its process ends, for whatever reason, it is started again with the ports
 * and policies that it had and what it last saved; meanwhile 'fails_open' counts.
 */
#ifndef XVS_EXT_REMOTE_H
#define XVS_EXT_REMOTE_H

#include "ext/instance.h"

/*
 * [control] What the module in this sealed memory file declares, by a process that ends again; tables
 * in 'arena'.  Functions are those of this file.
 */
const struct xvs_module *remote_describe(int module_fd, struct arena *arena, struct xvs_error *err);

/* [control] May it run like that?  -EOPNOTSUPP, with what it wants that only the daemon's process has. */
int remote_check(const struct extension *ext, struct xvs_error *err);

extern const struct instance_remote instance_remote;

/* [control] What it declared as counters, of all processes that it has had. */
uint64_t remote_counter(const struct instance *i, uint32_t slot);

struct remote_stats {
	int32_t pid; /* 0: it does not run */
	uint32_t starts;
};
void remote_stats(const struct instance *i, struct remote_stats *out);

#endif /* XVS_EXT_REMOTE_H */
