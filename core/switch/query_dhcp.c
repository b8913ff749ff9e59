/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_dhcp.c - DHCP servers of switches, and who has which address of theirs. */
#include <time.h>

#include "base/clock.h"
#include "base/ipv4.h"
#include "dhcp/leases.h"
#include "switch/dhcp.h"
#include "switch/query.h"

static bool is_asked(const struct vswitch *sw, const char *name)
{
	return sw->dhcp && (!name || strcmp(sw->name, name) == 0);
}

/* ---- leases -------------------------------------------------------------------------------------- */

struct leases {
	const struct vswitch *sw;
	const struct switch_spec *spec;
	json_t *list; /* NULL: they are only counted */
	int64_t now_s;
	json_int_t count;
};

static const struct port *port_of(const struct vswitch *sw, const uint8_t mac[6])
{
	uint8_t has[6];

	for (size_t i = 0; i < sw->port_count; i++) {
		if (port_has_mac(sw->ports[i], has) && memcmp(has, mac, 6) == 0)
			return sw->ports[i];
	}
	return NULL;
}

static bool is_reserved(const struct leases *all, uint32_t address)
{
	struct ipv4 ip;

	for (size_t i = 0; all->spec && i < all->spec->dhcp.reserved_count; i++) {
		if (ipv4_parse(all->spec->dhcp.reserved[i].address, &ip) && ip.address == address)
			return true;
	}
	return false;
}

static void add_lease(void *arg, const struct dhcp_lease *l)
{
	struct leases *all = arg;
	const struct port *p;
	char address[IPV4_TEXT];
	char mac[MAC_TEXT];

	all->count++;
	if (!all->list)
		return;
	p = port_of(all->sw, l->mac);
	(void)json_array_append_new(
		all->list,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "switch", all->sw->name, "address",
			  ipv4_print(l->address, address), "mac", mac_print(l->mac, mac), "name",
			  l->name, "port", p ? p->spec.name : "", "reserved",
			  (int)is_reserved(all, l->address), "left_s",
			  l->until_s ? json_integer(l->until_s - all->now_s) : json_null()));
}

static void each_lease(struct leases *all, struct vswitch *sw)
{
	all->sw = sw;
	all->spec = model_switch(sw->w->model, sw->name);
	all->now_s = (int64_t)time(NULL);
	(void)dhcp_leases_each(dhcp_server_leases(sw->dhcp), all->now_s, add_lease, all, NULL);
}

json_t *world_dhcp_list(struct world *w, const char *switch_name)
{
	struct leases all = { .list = NULL };

	if (switch_name && !world_switch(w, switch_name))
		return NULL;
	all.list = json_array();
	for (size_t i = 0; i < w->switch_count; i++) {
		if (is_asked(w->switches[i], switch_name))
			each_lease(&all, w->switches[i]);
	}
	return all.list;
}

/* ---- servers ------------------------------------------------------------------------------------- */

static json_t *server_json(struct vswitch *sw, const struct switch_spec *spec)
{
	const struct port_spec *port = dhcp_port_spec(spec);
	struct leases counted = { .list = NULL };
	struct dhcp_state state;
	const char *problem;
	uint64_t age_ns;

	dhcp_server_state(sw->dhcp, &state);
	each_lease(&counted, sw);
	problem = sw->dhcp_problem[0] ? sw->dhcp_problem : state.problem;
	age_ns = state.pid ? clock_ns() - state.since_ns : 0;
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "switch",
			 sw->name, "port", port ? port->name : "", "address",
			 port ? port->address : "", "range", spec->dhcp.range, "lease_s",
			 (json_int_t)spec->dhcp.lease_s, "reserved",
			 (json_int_t)spec->dhcp.reserved_count, "leases", counted.count, "process",
			 (json_int_t)state.pid, "age_ms", (json_int_t)(age_ns / NS_PER_MS),
			 "restarts", (json_int_t)state.restarts, "problem", problem);
}

json_t *world_dhcp_show(struct world *w, const char *switch_name)
{
	json_t *list;

	if (switch_name && !world_switch(w, switch_name))
		return NULL;
	list = json_array();
	for (size_t i = 0; i < w->switch_count; i++) {
		struct vswitch *sw = w->switches[i];
		const struct switch_spec *spec = model_switch(w->model, sw->name);

		if (is_asked(sw, switch_name) && spec && dhcp_is_wanted(spec))
			(void)json_array_append_new(list, server_json(sw, spec));
	}
	return list;
}
