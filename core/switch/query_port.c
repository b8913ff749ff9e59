/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_port.c - what is asked about ports. */
#include "base/error.h"
#include "switch/lldp.h"
#include "switch/query.h"
#include "switch/queue.h"
#include "switch/takeover.h"
#include "switch/team.h"

const char *query_port_state(const struct port *p)
{
	if (!p->is_open)
		return "closed";
	return port_is_blocked(p) ? "blocked" : "open";
}

static json_t *reasons(const struct port *p)
{
	json_t *list = json_array();

	for (size_t i = 0; p->reasons && i < p->reasons->count; i++)
		(void)json_array_append_new(list, json_string(p->reasons->text[i]));
	return list;
}

static const char *mac_origin(const struct port *p)
{
	if (port_is_outside(p))
		return "switch";
	if (!p->spec.has_mac)
		return "device";
	return p->spec.is_pooled ? "pool" : "configuration";
}

json_t *query_port(const struct port *p)
{
	uint8_t mac[6];
	char text[MAC_TEXT];
	json_t *j = json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:I, s:b, s:s, s:o}", "name",
			      p->spec.name, "switch", p->sw->name, "id", (json_int_t)p->id, "role",
			      port_role_name(p->spec.role), "state", query_port_state(p), "link",
			      p->backend && p->backend->up ? "up" : "down", "backend",
			      p->spec.backend.kind, "segment", (json_int_t)port_segment(p), "trunk",
			      (int)port_is_trunk(p), "owner", owner_name(p->owner), "reasons",
			      reasons(p));

	if (port_has_mac(p, mac)) {
		(void)json_object_set_new(j, "mac", json_string(mac_print(mac, text)));
		(void)json_object_set_new(j, "mac_from", json_string(mac_origin(p)));
	}
	if (team_uplink(p))
		(void)json_object_set_new(j, "uplink", json_string(team_uplink(p)));
	if (p->spec.backend.device[0])
		(void)json_object_set_new(j, "device", json_string(p->spec.backend.device));
	if (p->spec.backend.socket[0])
		(void)json_object_set_new(j, "socket", json_string(p->spec.backend.socket));
	if (p->backend && p->backend->warning[0])
		(void)json_object_set_new(j, "warning", json_string(p->backend->warning));
	if (p->spec.group[0])
		(void)json_object_set_new(j, "group", json_string(p->spec.group));
	return j;
}

json_t *world_port_list(struct world *w, const char *switch_name)
{
	json_t *list;

	if (switch_name && !world_switch(w, switch_name))
		return NULL;
	list = json_array();
	for (size_t i = 0; i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];

		if (switch_name && strcmp(sw->name, switch_name) != 0)
			continue;
		for (size_t n = 0; n < sw->port_count; n++)
			(void)json_array_append_new(list, query_port(sw->ports[n]));
	}
	return list;
}

static json_t *places(const struct chain *chain)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < chain->count; i++)
		(void)json_array_append_new(list, json_string(chain->places[i].instance->name));
	return list;
}

json_t *query_status(const struct member *m, void *port_state)
{
	unsigned scope = port_state ? XVS_PER_PORT : XVS_PER_SWITCH;
	json_t *all = NULL;

	for (uint32_t i = 0; m->instance && i < m->ext->feature_count; i++) {
		const struct xvs_feature *f = &m->ext->features[i];
		struct xvs_error err = ERROR_INIT;
		void *out;
		json_t *one;

		if (f->kind != XVS_STATUS || !(f->scope & scope) || query_is_rows(m, f))
			continue;
		out = calloc(1, f->bytes);
		if (!out)
			continue;
		if (instance_status_read(m->instance, port_state, f->id, out, &err) < 0)
			one = json_pack("{s:s}", "error", err.text);
		else
			one = value_json(f, out, false);
		free(out);
		all = all ? all : json_object();
		(void)json_object_set_new(all, f->id, one);
	}
	return all;
}

static json_t *all_status(const struct port *p)
{
	json_t *all = json_object();

	for (size_t i = 0; i < p->attached_count; i++) {
		json_t *one = query_status(p->attached[i].member, p->attached[i].port_state);

		if (one)
			(void)json_object_update(all, one);
		json_decref(one);
	}
	return all;
}

static json_t *requires(const struct port *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->spec.require_count; i++)
		(void)json_array_append_new(list, json_string(p->spec.requires[i]));
	return list;
}

static json_t *policies(const struct port *p)
{
	json_t *all = json_object();

	for (size_t i = 0; i < p->settings.count; i++) {
		const struct setting *s = &p->settings.items[i];

		(void)json_object_set_new(all, s->feature->id,
					  value_json(s->feature, s->value->bytes, false));
	}
	return all;
}

/* {"state": "connected", ...} in the order of the backend, of what it has to tell. */
static json_t *facts_json(const struct backend *b)
{
	struct backend_fact facts[BACKEND_FACTS_MAX];
	json_t *j = json_object();
	uint32_t count = 0;

	if (b && b->ops->facts)
		count = b->ops->facts(b, facts, BACKEND_FACTS_MAX);
	for (uint32_t i = 0; i < count; i++)
		(void)json_object_set_new(j, facts[i].name, json_string(facts[i].value));
	return j;
}

/* Of a port that learns addresses. */
static json_t *learning(const struct port *p)
{
	const struct port_conf *conf = p->path_port->conf;
	struct l2_learned l = l2_learned(&p->sw->path_switch->l2, p->id);

	return json_pack("{s:I, s:I, s:I}", "addresses", (json_int_t)l.count, "limit",
			 (json_int_t)conf->learn_limit, "refused", (json_int_t)l.refused);
}

json_t *world_port_show(struct world *w, const char *target)
{
	static const struct chain none;
	const struct port *p = world_port(w, target);
	const struct port_conf *conf;
	struct xvs_port facts;
	char uuid[UUID_TEXT];
	json_t *neighbour;
	json_t *queues;
	json_t *j;

	if (!p)
		return NULL;
	conf = p->path_port ? p->path_port->conf : NULL;
	port_facts(p, &facts);
	j = query_port(p);
	(void)json_object_set_new(j, "uuid", json_string(uuid_print(p->uuid, uuid)));
	(void)json_object_set_new(j, "mtu", json_integer(facts.mtu));
	(void)json_object_set_new(j, "speed_mbps", json_integer(facts.speed_mbps));
	(void)json_object_set_new(j, "facts", facts_json(p->backend));
	(void)json_object_set_new(j, "blocked", json_boolean(port_is_blocked(p)));
	neighbour = lldp_json(p);
	if (neighbour)
		(void)json_object_set_new(j, "neighbour", neighbour);
	if (conf && conf->learns)
		(void)json_object_set_new(j, "learning", learning(p));
	if (p->spec.takes_addresses && p->sw->taken)
		(void)json_object_set_new(j, "taken", takeover_json(p->sw->taken));
	queues = queues_json(p);
	if (queues)
		(void)json_object_set_new(j, "queues", queues);
	(void)json_object_set_new(j, "requires", requires(p));
	(void)json_object_set_new(j, "ingress", places(conf ? &conf->ingress : &none));
	(void)json_object_set_new(j, "egress", places(conf ? &conf->egress : &none));
	(void)json_object_set_new(j, "policies", policies(p));
	(void)json_object_set_new(j, "status", all_status(p));
	return j;
}

static json_t *numbers(const struct port_counters *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I}",
			 "rx_packets", (json_int_t)c->rx_packets, "rx_bytes",
			 (json_int_t)c->rx_bytes, "rx_multicast", (json_int_t)c->rx_multicast,
			 "rx_broadcast", (json_int_t)c->rx_broadcast, "rx_errors",
			 (json_int_t)c->rx_errors, "tx_packets", (json_int_t)c->tx_packets,
			 "tx_bytes", (json_int_t)c->tx_bytes, "tx_multicast",
			 (json_int_t)c->tx_multicast, "tx_broadcast", (json_int_t)c->tx_broadcast,
			 "tx_errors", (json_int_t)c->tx_errors, "originated",
			 (json_int_t)c->originated, "copied", (json_int_t)c->copied, "segmented",
			 (json_int_t)c->segmented, "consumed", (json_int_t)c->consumed, "drops",
			 (json_int_t)c->drops, "drop_bytes", (json_int_t)c->drop_bytes);
}

static json_t *device_numbers(const struct backend *b)
{
	struct backend_stats stats = { 0 };

	if (b->ops->stats)
		b->ops->stats(b, &stats);
	return json_pack("{s:I, s:I, s:I, s:I}", "rx_errors", (json_int_t)stats.rx_errors,
			 "tx_errors", (json_int_t)stats.tx_errors, "rx_truncated",
			 (json_int_t)stats.rx_truncated, "kernel_drops",
			 (json_int_t)stats.kernel_drops);
}

json_t *world_port_stats(struct world *w, const char *target)
{
	const struct port *p = world_port(w, target);
	struct port_counters sum = { 0 };
	json_t *j;

	if (!p)
		return NULL;
	if (p->id != 0)
		counters_port_sum(w->counters, p->id, &sum);
	team_add_traffic(p, &sum);
	j = numbers(&sum);
	(void)json_object_set_new(j, "name", json_string(p->full_name));
	(void)json_object_set_new(j, "reasons", query_drops(w, p->id));
	if (p->backend)
		(void)json_object_set_new(j, "device", device_numbers(p->backend));
	return j;
}
