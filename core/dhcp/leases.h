/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp/leases.h - the file of leases that dnsmasq keeps, a line each:
 *
 *   1795361006 52:54:00:00:00:09 192.168.10.11 vm9 01:52:54:00:00:00:09
 *   until      adapter           address       name or *, client's id or *
 *
 * Names and ids are the guests' own words.
 */
#ifndef XVS_DHCP_LEASES_H
#define XVS_DHCP_LEASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { LEASE_NAME_MAX = 256, LEASES_MAX = 65536 + 4096 };

struct dhcp_lease {
	int64_t until_s; /* Unix time; 0: for ever */
	uint8_t mac[6];
	uint32_t address;          /* host order */
	char name[LEASE_NAME_MAX]; /* printable; "": none */
};

/* [any] One line of 'len' bytes without its end.  False: none of Ethernet and IPv4. */
bool dhcp_lease_read(const char *line, size_t len, struct dhcp_lease *out);

typedef void (*dhcp_lease_fn)(void *arg, const struct dhcp_lease *lease);
/* [control] fn for each that has not run out; 0 also where there is no file yet. */
int dhcp_leases_each(const char *path, int64_t now_s, dhcp_lease_fn fn, void *arg,
		     struct xvs_error *err);

#endif /* XVS_DHCP_LEASES_H */
