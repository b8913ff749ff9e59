/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/spec_dhcp.h - what is wanted of the DHCP server of a switch: as it was written, checked by
 * config/dhcp_check.c.
 */
#ifndef XVS_SWITCH_SPEC_DHCP_H
#define XVS_SWITCH_SPEC_DHCP_H

#include "switch/spec_nat.h"

enum { IPV4_RANGE_TEXT_MAX = 40, DHCP_LEASE_S = 3600, DHCP_LEASE_MIN_S = 120 };

/* An address that one adapter always gets. */
struct dhcp_reserved_spec {
	struct position at;
	char port[64]; /* of the switch, which knows its adapter; "": by 'mac' */
	bool has_mac;
	uint8_t mac[6];
	char address[IPV4_TEXT_MAX];
	char name[64]; /* "": the port's */
};

/* Names, answered at the address of the host port. */
struct dhcp_resolver_spec {
	char domain[64];      /* of the guests; "": their names stand alone */
	bool is_wanted;       /* "resolver:" was given */
	char (*forward)[64];  /* who is asked about all other names */
	size_t forward_count; /* none: nobody, or those of the host */
	bool uses_host;       /* those of the host's /etc/resolv.conf too */
};

struct dhcp_spec {
	struct position at;              /* of "dhcp:" */
	char port[64];                   /* the host port that serves; "": the only one */
	char range[IPV4_RANGE_TEXT_MAX]; /* "192.0.2.10-192.0.2.99"; "": no server */
	uint32_t lease_s;
	char gateway[IPV4_TEXT_MAX]; /* "": of a nat switch its own, else none */
	char (*dns)[64];             /* told to guests */
	size_t dns_count;            /* none: the resolver, if there is one */
	struct dhcp_resolver_spec resolver;
	struct dhcp_reserved_spec *reserved;
	size_t reserved_count;
};

/*
 * [any] Letters, digits and hyphens, a letter first, as RFC 1035 has it; and no word that dnsmasq
 * takes for something else.  A domain: such names, joined by dots.
 */
bool dhcp_name_valid(const char *text);
bool dhcp_domain_valid(const char *text);

void dhcp_spec_finish(struct dhcp_spec *s);
int dhcp_spec_copy(const struct dhcp_spec *from, struct dhcp_spec *to); /* deep; -ENOMEM */

#endif /* XVS_SWITCH_SPEC_DHCP_H */
