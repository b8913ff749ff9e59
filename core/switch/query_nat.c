/* SPDX-License-Identifier: Apache-2.0 */
/* switch/query_nat.c - sessions, pools and neighbours of nat switches. */
#include "base/clock.h"
#include "base/ipv4.h"
#include "path/nat.h"
#include "switch/query.h"

/* ---- sessions ------------------------------------------------------------------------------------ */

struct sessions {
	const struct nat_filter *filter;
	const struct vswitch *sw;
	json_t *list;
	size_t max, total;
};

static json_t *end_json(uint32_t address, uint16_t port)
{
	char text[IPV4_TEXT];

	return json_pack("{s:s, s:i}", "address", ipv4_print(address, text), "port", (int)port);
}

static bool is_wanted(const struct nat_filter *f, const struct nat_info *s)
{
	return (!f->proto || f->proto == s->proto) &&
	       (!f->address || f->address == s->inside || f->address == s->outside ||
		f->address == s->remote);
}

static void add_session(void *arg, const struct nat_info *s)
{
	struct sessions *all = arg;

	if (!is_wanted(all->filter, s) || all->total++ >= all->max)
		return;
	(void)json_array_append_new(
		all->list,
		json_pack("{s:s, s:i, s:o, s:o, s:o, s:s, s:b, s:[I, I], s:[I, I], s:I, s:I, s:I}",
			  "switch", all->sw->name, "proto", (int)s->proto, "inside",
			  end_json(s->inside, s->inside_port), "outside",
			  end_json(s->outside, s->outside_port), "remote",
			  end_json(s->remote, s->remote_port), "state", s->state, "forward",
			  (int)s->is_forward, "packets", (json_int_t)s->packets[0],
			  (json_int_t)s->packets[1], "bytes", (json_int_t)s->bytes[0],
			  (json_int_t)s->bytes[1], "age_ms", (json_int_t)(s->age_ns / NS_PER_MS),
			  "idle_ms", (json_int_t)s->idle_ms, "left_ms", (json_int_t)s->left_ms));
}

/* A switch of type nat that was asked for. */
static bool is_asked(const struct vswitch *sw, const char *name)
{
	return sw->nat && (!name || strcmp(sw->name, name) == 0);
}

json_t *world_nat_list(struct world *w, const struct nat_filter *f, size_t max)
{
	struct sessions all = { .filter = f, .max = max };

	if (f->switch_name && !world_switch(w, f->switch_name))
		return NULL;
	all.list = json_array();
	for (size_t i = 0; i < w->switch_count; i++) {
		all.sw = w->switches[i];
		if (is_asked(all.sw, f->switch_name))
			nat_list(path_nat_table(all.sw->nat), clock_ns(), add_session, &all);
	}
	return json_pack("{s:o, s:I}", "sessions", all.list, "total", (json_int_t)all.total);
}

json_t *world_nat_flush(struct world *w, const struct nat_filter *f)
{
	uint32_t count = 0;

	if (f->switch_name && !world_switch(w, f->switch_name))
		return NULL;
	for (size_t i = 0; i < w->switch_count; i++) {
		if (is_asked(w->switches[i], f->switch_name))
			count += nat_flush(path_nat_table(w->switches[i]->nat), f->address);
	}
	return json_pack("{s:I}", "ended", (json_int_t)count);
}

/* ---- pools, neighbours, counts ------------------------------------------------------------------- */

static json_t *pools_json(struct nat_table *t, const struct nat_stats *stats)
{
	const struct nat_rules *r = nat_table_rules(t);
	json_t *list = json_array();
	char text[IPV4_TEXT];

	for (uint32_t i = 0; r && i < r->pool_count; i++) {
		const struct nat_pool *p = &r->pools[i];
		const uint32_t *used = stats->ports_used[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:o, s:i, s:I, s:I, s:I}", "address",
					ipv4_print(p->address, text), "ports",
					json_sprintf("%u-%u", p->first, p->last), "size",
					p->last - p->first + 1, "tcp", (json_int_t)used[0], "udp",
					(json_int_t)used[1], "icmp", (json_int_t)used[2]));
	}
	return list;
}

static void add_neighbour(void *arg, const struct nat_neighbour_info *n)
{
	char mac[MAC_TEXT];
	char text[IPV4_TEXT];

	(void)json_array_append_new(arg, json_pack("{s:s, s:s, s:s}", "side",
						   n->is_inside ? "inside" : "outside", "address",
						   ipv4_print(n->address, text), "mac",
						   mac_print(n->mac, mac)));
}

static json_t *nat_json(const struct vswitch *sw)
{
	struct nat_table *t = path_nat_table(sw->nat);
	json_t *neighbours = json_array();
	struct nat_stats s;
	char mac[MAC_TEXT];

	nat_table_stats(t, &s);
	path_nat_neighbours(sw->nat, clock_ns(), add_neighbour, neighbours);
	return json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:o, s:o}",
		"switch", sw->name, "mac", mac_print(sw->nat_mac, mac), "sessions",
		(json_int_t)s.sessions, "limit", (json_int_t)s.limit, "bindings",
		(json_int_t)s.bindings, "hosts", (json_int_t)s.hosts, "opened",
		(json_int_t)s.opened, "ended", (json_int_t)s.ended, "refused", "no_ports",
		(json_int_t)s.no_ports, "no_room", (json_int_t)s.no_room, "host_limit",
		(json_int_t)s.host_limit, "filtered", (json_int_t)s.filtered, "pools",
		pools_json(t, &s), "neighbours", neighbours);
}

json_t *world_nat_show(struct world *w, const char *switch_name)
{
	json_t *list;

	if (switch_name && !world_switch(w, switch_name))
		return NULL;
	list = json_array();
	for (size_t i = 0; i < w->switch_count; i++) {
		if (is_asked(w->switches[i], switch_name))
			(void)json_array_append_new(list, nat_json(w->switches[i]));
	}
	return list;
}
