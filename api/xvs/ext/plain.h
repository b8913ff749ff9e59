/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/plain.h - DRAFT: the [control] half of who has one policy by port and keeps nothing else.
 * Inline; asks nothing of the host.
 *
 * 'self' is the host, a port's state the policy in force.  Members of xvs_ops are these functions
 * as they stand.
 */
#ifndef XVS_EXT_PLAIN_H
#define XVS_EXT_PLAIN_H

#include <errno.h>
#include <stdlib.h>

#include "../extension.h"

static inline int xvs_plain_create(const struct xvs_host *host, const struct xvs_create *args,
				   void **self, struct xvs_error *err)
{
	(void)args;
	(void)err;
	*self = (void *)(uintptr_t)host;
	return 0;
}

static inline void xvs_plain_destroy(void *self)
{
	(void)self;
}

static inline int xvs_plain_port_attach(void *self, const struct xvs_port *port, void **port_state,
					struct xvs_error *err)
{
	(void)self;
	(void)port;
	(void)err; /* the host finds a sentence for -ENOMEM */
	*port_state = calloc(1, sizeof(void *));
	return *port_state ? 0 : -ENOMEM;
}

static inline void xvs_plain_port_detach(void *self, void *port_state)
{
	(void)self;
	free(port_state);
}

/* Nothing to prepare: a value stays as it is until workers have left it. */
static inline void xvs_plain_policy_apply(void *self, void *port_state, const char *feature,
					  const void *value, void *prepared)
{
	(void)self;
	(void)feature;
	(void)prepared;
	__atomic_store_n((const void **)port_state, value, __ATOMIC_RELEASE);
}

/* [any] The policy of this port, or NULL. */
static inline const void *xvs_plain_policy(const void *port_state)
{
	return __atomic_load_n((const void *const *)port_state, __ATOMIC_ACQUIRE);
}

#endif /* XVS_EXT_PLAIN_H */
