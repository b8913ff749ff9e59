/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/ext/shed.h - DRAFT "xvs.shed/1": have a flood dropped before it costs the switch anything.
 *
 * A filter or firewall that has found out who floods names the source; the driver of the entry port
 * drops what comes from there, and no worker sees it.  This is advice beside a verdict, never
 * instead of one: go on judging such packets, since a port's driver may not be able to, the list is
 * bounded, and what is under way arrives still.
 *
 * What is dropped counts as received and as dropped, with your name and 'reason'.  An entry ends
 * with its time, when the instance leaves the port's ingress chain, and with the port.
 */
#ifndef XVS_EXT_SHED_H
#define XVS_EXT_SHED_H

#ifndef XVS_USE_DRAFT
#error "shed.h is not frozen yet: it may change; define XVS_USE_DRAFT to use it"
#endif

#include "../extension.h"

#ifdef __cplusplus
extern "C" {
#endif

#define XVS_SHED "xvs.shed/1"

enum {
	XVS_SHED_MAX = 1024,       /* entries of an instance, over all ports */
	XVS_SHED_MS_MAX = 3600000, /* an hour; name the source again to go on */
};

struct xvs_shed_source {
	uint32_t size;
	uint32_t port;        /* id of the entry port */
	struct xvs_ip prefix; /* of source addresses, in any VLAN */
	uint32_t ms;          /* how long, from now: 1 .. XVS_SHED_MS_MAX */
	uint16_t reason;      /* as for a drop: your own */
	uint16_t reserved;
};

struct xvs_shed_host {
	uint32_t size;
	uint32_t reserved;

	/*
	 * [control] [worker] Drop what comes from there; a prefix that is there already gets the new
	 * time and reason.  A worker's call is carried out by the control thread soon after, and 0
	 * says that it is on its way.
	 * -EOPNOTSUPP: the port's driver cannot.  -EPERM: not a filter or firewall, or another
	 * thread.  -EINVAL: no prefix, time out of range.  On the control thread also -ENOENT:
	 * you are not in the ingress chain of this port.  -ENOSPC: XVS_SHED_MAX, or the port's own
	 * limit.  On a worker also -EAGAIN: too many are on their way.
	 */
	int (*add)(const struct xvs_host *h, const struct xvs_shed_source *s);

	/* [control] Before its time.  -ENOENT: it is not there (any more). */
	int (*remove)(const struct xvs_host *h, uint32_t port, const struct xvs_ip *prefix);
};

#ifdef __cplusplus
}
#endif
#endif /* XVS_EXT_SHED_H */
