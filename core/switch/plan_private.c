/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_private.c - private VLANs of a switch (RFC 5517): is what its ports say of them one
 * story, and which segments have their addresses in common.  And has each tunnel a VLAN?
 */
#include <stdio.h>

#include "policy/builtin.h"
#include "switch/transaction.h"

/* What the ports seen so far make of each VLAN. */
enum use { USE_NONE = 0, USE_PRIMARY, USE_ISOLATED, USE_COMMUNITY, USE_SECONDARY };

struct uses {
	uint8_t use[L2_SEGMENTS];
	uint16_t primary[L2_SEGMENTS]; /* of a secondary one */
	const char *by[L2_SEGMENTS];   /* the port that said so first */
};

/* Everything that is wrong is about one field of one port's policy. */
struct claim {
	struct plan *p;
	const struct plan_switch *ps;
	struct plan_port *pp;
	const struct policy_vlan *vlan;
	struct uses *uses;
};

static void refuse(const struct claim *c, const char *field, const char *text)
{
	struct position at =
		policy_position(c->p->model, c->ps, c->pp, NULL, builtin_vlan.id, field);

	if (!c->pp->is_tolerated)
		plan_error(c->p, at, "port %s/%s: policy %s, %s: %s", c->ps->spec->name,
			   c->pp->spec->name, builtin_vlan.id, field, text);
	else if (c->pp->problem[0] == '\0')
		(void)snprintf(c->pp->problem, sizeof(c->pp->problem), "policy %s, %s: %s",
			       builtin_vlan.id, field, text);
}

static const char *use_name(enum use use)
{
	static const char *const names[] = { "", "the primary VLAN", "the isolated VLAN",
					     "a community", "a secondary VLAN" };

	return names[use];
}

/* A promiscuous port names secondary VLANs without saying of which kind. */
static bool is_same_use(enum use a, enum use b)
{
	return a == b || (a == USE_SECONDARY && b > USE_PRIMARY) ||
	       (b == USE_SECONDARY && a > USE_PRIMARY);
}

static void claim_vlan(const struct claim *c, const char *field, uint32_t vlan, enum use use)
{
	struct uses *u = c->uses;
	char text[PROBLEM_MAX];

	if (u->use[vlan] == USE_NONE) {
		u->by[vlan] = c->pp->spec->name;
		u->primary[vlan] = (uint16_t)c->vlan->primary;
	} else if (!is_same_use(u->use[vlan], use)) {
		(void)snprintf(text, sizeof(text), "%u is %s, for port %s it is %s", vlan,
			       use_name(use), u->by[vlan], use_name(u->use[vlan]));
		refuse(c, field, text);
		return;
	} else if (u->primary[vlan] != c->vlan->primary) {
		(void)snprintf(text, sizeof(text), "%u is inside VLAN %u, for port %s inside %u",
			       vlan, c->vlan->primary, u->by[vlan], u->primary[vlan]);
		refuse(c, field, text);
		return;
	}
	if (u->use[vlan] == USE_NONE || u->use[vlan] == USE_SECONDARY)
		u->use[vlan] = (uint8_t)use;
}

static void claim_secondaries(const struct claim *c)
{
	const char *range = c->vlan->secondaries.items;

	for (uint32_t i = 0; i < c->vlan->secondaries.count; i++) {
		struct vlan_range r;

		memcpy(&r, range + (size_t)i * c->vlan->secondaries.stride, sizeof(r));
		for (uint32_t vlan = r.first; vlan <= r.last; vlan++)
			claim_vlan(c, "secondaries", vlan, USE_SECONDARY);
	}
}

static void claim_port(const struct claim *c)
{
	const struct policy_vlan *vlan = c->vlan;

	if (vlan->primary == 0) {
		refuse(c, "primary", "it is missing, must be the primary VLAN, 1..4094");
		return;
	}
	claim_vlan(c, "primary", vlan->primary, USE_PRIMARY);
	if (vlan->mode == VLAN_PROMISCUOUS)
		claim_secondaries(c);
	else if (vlan->secondary == 0)
		refuse(c, "secondary", "it is missing, must be a VLAN inside the primary one");
	else
		claim_vlan(c, "secondary", vlan->secondary,
			   vlan->mode == VLAN_ISOLATED ? USE_ISOLATED : USE_COMMUNITY);
}

static uint16_t *shares_of(const struct uses *u)
{
	uint16_t *shares = calloc(L2_SEGMENTS, sizeof(*shares));

	for (uint32_t vlan = 0; shares && vlan < L2_SEGMENTS; vlan++)
		shares[vlan] = u->use[vlan] ? u->primary[vlan] : (uint16_t)vlan;
	return shares;
}

int plan_private(struct plan *p, struct plan_switch *ps)
{
	struct claim c = { .p = p, .ps = ps };
	int result = 0;

	for (size_t i = 0; i < ps->port_count; i++) {
		c.pp = &ps->ports[i];
		c.vlan = settings_bytes(&c.pp->settings, builtin_vlan.id);
		if (c.vlan && c.vlan->mode == VLAN_TUNNEL && c.vlan->vlan == 0)
			refuse(&c, "vlan", "it is missing, must be the outer VLAN, 1..4094");
		if (!c.vlan || !vlan_is_private(c.vlan))
			continue;
		if (!c.uses)
			c.uses = calloc(1, sizeof(*c.uses));
		if (!c.uses)
			return -ENOMEM;
		claim_port(&c);
	}
	if (!c.uses)
		return 0;
	ps->shares = shares_of(c.uses);
	if (!ps->shares)
		result = -ENOMEM;
	free(c.uses);
	return result;
}
