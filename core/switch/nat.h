/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/nat.h - the NAT of a switch: from what is wanted to what the packet path keeps.  Inside this
 * folder; all of it [control].
 */
#ifndef XVS_SWITCH_NAT_H
#define XVS_SWITCH_NAT_H

#include "path/nat.h"
#include "switch/transaction.h"

/* The adapter's address on both sides: as wanted, or made of the switch's identity. */
void nat_mac(const struct nat_spec *s, const uint8_t uuid[16], uint8_t mac[6]);
/* Who the gateway is; the spec was checked when it was read. */
void nat_facts_of(const struct nat_spec *s, const uint8_t uuid[16], struct nat_facts *out);
struct nat_rules *nat_rules_of(const struct nat_spec *s); /* NULL: out of memory */
/*
 * One of these addresses is the host's own: refused, with what to do instead (the host masquerades).
 */
int nat_refuse_host_address(const struct plan_switch *ps, struct diags *d, struct xvs_error *err);

/* The outside port was published: its wire is told of the outside addresses, once for each time of being up. */
void nat_announce(struct port *p);

/* False: what is there would be configured as it is already. */
bool nat_changes(const struct nat_spec *now, const struct nat_spec *next);

/* plan_nat.c: what the outside port cannot be. */
void plan_nat(struct plan *p, const struct plan_switch *ps);

/* What differs, as "forwards, timeouts"; given, NULL: nothing (or no memory). */
char *nat_differences(const struct nat_spec *now, const struct nat_spec *next);

extern const struct step_ops step_nat_prepare; /* do: plan_switch */
extern const struct step_ops step_nat_apply;   /* commit: of */
extern const struct step_ops step_nat_review;  /* clear: sw */
int nat_review_prepare(struct step *s);        /* -ENOMEM */
extern const struct step_ops step_nat_remove;  /* clear: sw */

#endif /* XVS_SWITCH_NAT_H */
