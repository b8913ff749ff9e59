/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/check.h - what no single value can say: types of switches, references, things that
 * two objects cannot both have.
 */
#ifndef XVS_CONFIG_CHECK_H
#define XVS_CONFIG_CHECK_H

#include "switch/spec.h"

/* [control] Each adds its errors to 'd', at the places of the objects. */
void check_config(const struct config_spec *spec, struct diags *d);
void check_switch(const struct switch_spec *s, struct diags *d);

/* [control] migration_keys.c: the listener's address; peers and their switches. */
void check_migration(const struct config_spec *spec, struct diags *d);

/* [control] network_keys.c: keys for TLS are whole. */
void check_network(const struct network_spec *n, struct diags *d);

/* [control] trust_check.c: signatures that are required have keys. */
void check_trust(const struct extensions_spec *e, struct diags *d);

/* [control] Team and uplinks. */
void check_team(const struct switch_spec *s, struct diags *d);

/* [control] Do the settings of a backend fit its kind?  's': the port's switch, or NULL. */
void check_backend(const struct switch_spec *s, const struct port_spec *p, struct diags *d);

/* [control] nat_check.c: the nat block fits the type, and its addresses one another. */
void check_nat(const struct switch_spec *s, struct diags *d);

/* [control] pool_keys.c: the ends of a range of addresses. */
void check_mac_pool(const struct mac_pool_spec *s, struct diags *d);

/* [control] An error of one part of a switch: "switch NAME: PART: ...". */
void check_refuse(const struct switch_spec *s, struct position at, struct diags *d,
		  const char *part, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* [control] dhcp_check.c: who serves, and addresses that fit its network. */
void check_dhcp(const struct switch_spec *s, struct diags *d);

#endif /* XVS_CONFIG_CHECK_H */
