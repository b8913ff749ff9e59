/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/connscope.h - DRAFT "xvs.conn-scope/1": on which ports a firewall wants connections.
 *
 * The host tracks connections of every port in whose chain an extension with "xvs.conn/1" stands.
 * One that judges flows as well, and of many ports has nothing to ask of connections (their rules
 * keep no state), says so with this optional interface, which it offers beside "xvs.conn/1".  Where
 * no firewall of a port's chain wants connections, none are opened.
 */
#ifndef XVS_EXT_CONNSCOPE_H
#define XVS_EXT_CONNSCOPE_H

#ifndef XVS_USE_DRAFT
#error "connscope.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_CONN_SCOPE "xvs.conn-scope/1"

/*
 * SLOTLESS: I keep nothing with connections and ask for no events.  xvs_conn.slot is NULL, 'log' of a
 * verdict is ignored, and I am none of the few firewalls with a slot that fit in a chain.
 */
enum { XVS_CONN_SLOTLESS = 1u << 0 };

struct xvs_conn_scope {
	uint32_t size;
	uint32_t flags;
	/*
	 * [control] Shall connections of this port be tracked, and I be asked about them?  The host
	 * asks when it makes the port's chain: after each change of the port's policies has been
	 * applied.  Must be answered from the policies alone.  NULL: yes.
	 */
	bool (*tracks)(void *self, void *port_state);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_CONNSCOPE_H */
