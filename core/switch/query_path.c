/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_path.c - what the packet path counted, learned and tracks. */
#include <arpa/inet.h>

#include "base/clock.h"
#include "switch/query.h"

/* ---- addresses -------------------------------------------------------------------------------------- */

struct addresses {
	const struct vswitch *sw;
	json_t *list;
};

static void add_address(void *arg, const struct l2_info *info)
{
	const struct addresses *a = arg;
	const struct world *w = a->sw->w;
	const struct port *p = w->by_id[info->port->id];
	uint64_t now = clock_ns();
	char mac[MAC_TEXT];
	json_t *j = json_pack("{s:s, s:s, s:s, s:b}", "switch", a->sw->name, "mac",
			      mac_print(info->mac, mac), "port", p ? p->spec.name : "-", "static",
			      (int)info->is_static);

	if (info->segment == L2_ANY)
		(void)json_object_set_new(j, "segment", json_string("any"));
	else
		(void)json_object_set_new(j, "segment", json_integer(info->segment));
	if (info->is_held)
		(void)json_object_set_new(j, "held", json_true());
	if (!info->is_static && now > info->seen_ns)
		(void)json_object_set_new(
			j, "age_s", json_integer((json_int_t)((now - info->seen_ns) / NS_PER_S)));
	(void)json_array_append_new(a->list, j);
}

json_t *world_mac_list(struct world *w, const char *switch_name)
{
	struct addresses a = { 0 };

	if (switch_name && !world_switch(w, switch_name))
		return NULL;
	a.list = json_array();
	for (size_t i = 0; i < w->switch_count; i++) {
		a.sw = w->switches[i];
		if (!switch_name || strcmp(a.sw->name, switch_name) == 0)
			l2_list(&a.sw->path_switch->l2, add_address, &a);
	}
	return a.list;
}

/* ---- drops ------------------------------------------------------------------------------------------ */

struct dropping {
	const struct world *w;
	uint32_t only; /* port; 0: all */
	json_t *list;
};

const char *query_stage(uint32_t stage)
{
	static const char *const names[] = { "ingress", "forward", "egress" };

	return stage < sizeof(names) / sizeof(names[0]) ? names[stage] : "-";
}

static const char *reason_help_of(const struct member *m, uint32_t reason)
{
	if (!m)
		return reason_help(reason);
	if (reason < m->ext->reason_count && m->ext->reasons[reason].help)
		return m->ext->reasons[reason].help;
	return "";
}

const char *query_reason(const struct world *w, uint32_t instance, uint32_t reason,
			 const char **help)
{
	const struct member *m = instance < INSTANCES_MAX ? w->by_nr[instance] : NULL;

	*help = "";
	if (instance != 0 && (!m || !m->instance))
		return "-"; /* it has gone, and its names with it */
	*help = reason_help_of(m, reason);
	return m ? instance_reason(m->instance, reason) : reason_name(reason);
}

/* NOLINTNEXTLINE(readability-function-size): the arguments are those of counters_drops(). */
static void add_drop(void *arg, uint32_t port, uint32_t stage, uint32_t instance, uint32_t reason,
		     uint64_t packets, uint64_t bytes)
{
	const struct dropping *d = arg;
	const struct member *m = instance < INSTANCES_MAX ? d->w->by_nr[instance] : NULL;
	const struct port *p = port < PORTS_MAX ? d->w->by_id[port] : NULL;

	/* What is counted under an instance that has gone has lost its name. */
	if ((d->only != 0 && port != d->only) || (instance != 0 && (!m || !m->instance)))
		return;
	(void)json_array_append_new(
		d->list,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "port",
			  p ? p->full_name : "-", "stage", query_stage(stage), "instance",
			  m ? m->name : "", "extension", m ? m->extension : "xvs", "reason",
			  m ? instance_reason(m->instance, reason) : reason_name(reason), "help",
			  reason_help_of(m, reason), "packets", (json_int_t)packets, "bytes",
			  (json_int_t)bytes));
}

json_t *query_drops(const struct world *w, uint32_t port)
{
	struct dropping d = { w, port, json_array() };

	counters_drops(w->counters, add_drop, &d);
	return d.list;
}

json_t *world_drops(struct world *w)
{
	return query_drops(w, 0);
}

/* ---- the law ---------------------------------------------------------------------------------------- */

json_t *world_accounts(struct world *w)
{
	struct port_counters all = { 0 };

	for (uint32_t id = 0; id < PORTS_MAX; id++) {
		struct port_counters one = { 0 };
		struct port_counters there; /* at another host, whose law it was */

		counters_port_sum(w->counters, id, &one);
		counters_port_carried(w->counters, id, &there);
		all.rx_packets += one.rx_packets - there.rx_packets;
		all.tx_packets += one.tx_packets - there.tx_packets;
		all.originated += one.originated - there.originated;
		all.copied += one.copied - there.copied;
		all.segmented += one.segmented - there.segmented;
		all.consumed += one.consumed - there.consumed;
		all.drops += one.drops - there.drops;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "received",
			 (json_int_t)all.rx_packets, "originated", (json_int_t)all.originated,
			 "copied", (json_int_t)all.copied, "segmented", (json_int_t)all.segmented,
			 "sent", (json_int_t)all.tx_packets, "drops", (json_int_t)all.drops,
			 "consumed", (json_int_t)all.consumed, "held",
			 (json_int_t)path_held(w->path));
}
