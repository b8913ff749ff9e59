/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/netlink.h - rtnetlink requests and their answers, in the words of the kernel.
 *
 * A request is refused with one sentence: the errno, and behind it the kernel's own explanation
 * (extended acknowledgement) where it gave one.  Callers put in front what they wanted and on
 * which device (error_context).  All functions are [control].
 */
#ifndef XVS_PORT_NETLINK_H
#define XVS_PORT_NETLINK_H

#include <libmnl/libmnl.h>

#include "base/error.h"

/* A socket in the network namespace in which it was opened. */
struct netlink {
	struct mnl_socket *socket;
	uint32_t sequence;
};

enum { NETLINK_REQUEST = 2048 }; /* bytes for a request; ours are below 300 */

int netlink_open(struct netlink *nl, struct xvs_error *err);
void netlink_close(struct netlink *nl); /* zeroed is fine */

/* A request of 'type' in 'buffer' (NETLINK_REQUEST bytes, aligned), ready for attributes. */
struct nlmsghdr *netlink_request(void *buffer, uint16_t type, uint16_t flags);

/*
 * Sends 'request' and gives each answer to fn (may be NULL; MNL_CB_OK or MNL_CB_STOP), until the
 * kernel has acknowledged.  Returns 0 or the kernel's negative errno.
 */
int netlink_talk(struct netlink *nl, struct nlmsghdr *request, mnl_cb_t fn, void *arg,
		 struct xvs_error *err);

#endif /* XVS_PORT_NETLINK_H */
