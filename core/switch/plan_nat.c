/* SPDX-License-Identifier: Apache-2.0 */
/* switch/plan_nat.c - what the outside port of a nat switch cannot be. */
#include "policy/builtin.h"
#include "switch/nat.h"

/*
 * Inside it is one station, the gateway, and outside it is what the wire is: nobody could say which of several
 * VLANs a packet from there is in.
 */
void plan_nat(struct plan *p, const struct plan_switch *ps)
{
	for (size_t i = 0; ps->spec->type == SWITCH_NAT && i < ps->port_count; i++) {
		const struct plan_port *pp = &ps->ports[i];
		const struct policy_vlan *vlan = settings_bytes(&pp->settings, builtin_vlan.id);
		struct position at;

		if (pp->spec->role != PORT_UPLINK || !vlan ||
		    (vlan->mode != VLAN_TRUNK && vlan->mode != VLAN_TUNNEL))
			continue;
		at = policy_position(p->model, ps, pp, NULL, builtin_vlan.id, "mode");
		plan_error(
			p, at.line ? at : pp->spec->at,
			"port %s/%s: policy %s, mode: the outside port of a nat switch is no %s: "
			"inside it is one station, the gateway; use access",
			ps->spec->name, pp->spec->name, builtin_vlan.id,
			vlan->mode == VLAN_TRUNK ? "trunk" : "tunnel");
	}
}
