/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/dhcp.h - the DHCP server of a switch: from what is wanted to what dnsmasq is told.  Inside
 * this folder; all of it [control].
 */
#ifndef XVS_SWITCH_DHCP_H
#define XVS_SWITCH_DHCP_H

#include "dhcp/server.h"
#include "switch/transaction.h"

/* Is there to be a server at all? */
static inline bool dhcp_is_wanted(const struct switch_spec *s)
{
	return s->dhcp.range[0] != '\0';
}

/* The host port that serves, of those that are wanted or are there; NULL: there is none (yet). */
const struct port_spec *dhcp_port_spec(const struct switch_spec *s);
struct port *dhcp_port(const struct vswitch *sw, const struct switch_spec *s);

/*
 * dhcp_text.c: lines of dnsmasq.conf for a port that is up; given, NULL: out of memory.  Addresses of
 * adapters that are not known yet are left out.
 */
char *dhcp_text(const struct vswitch *sw, const struct switch_spec *s, const struct port *server);

/* plan_dhcp.c: the program, and the ports that have reserved addresses. */
void plan_dhcp(struct plan *p, struct plan_switch *ps);

/* What differs, as "range, reserved"; given, NULL: nothing (or no memory). */
char *dhcp_differences(const struct dhcp_spec *a, const struct dhcp_spec *b);

/* clear: sw, plan_switch or NULL where the switch goes; prepared: a server for one that has none */
extern const struct step_ops step_dhcp;
int dhcp_step_prepare(struct step *s); /* -ENOMEM */

#endif /* XVS_SWITCH_DHCP_H */
