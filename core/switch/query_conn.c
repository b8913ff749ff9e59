/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/query_conn.c - connections, and which of them a question is about.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "switch/query.h"

/* ---- scopes ------------------------------------------------------------------------------- */

struct conn_scope {
	uint64_t ports[PORTS_MAX / 64];
	uint64_t instances[INSTANCES_MAX / 64];
};

static void add_to(uint64_t *set, uint32_t n)
{
	set[n / 64] |= UINT64_C(1) << n % 64;
}

/* "switch/instance", an instance's name, or an extension's id. */
static bool is_named(const struct member *m, const char *name)
{
	size_t len = strlen(m->sw->name);

	return strcmp(name, m->name) == 0 || strcmp(name, m->extension) == 0 ||
	       (strncmp(name, m->sw->name, len) == 0 && name[len] == '/' &&
		strcmp(name + len + 1, m->name) == 0);
}

/* Ports in whose chain it stands, as one of those that are asked about connections. */
static bool guards(const struct member *m, const struct port *p)
{
	return m->instance && m->instance->has_conn && port_standing(p, m);
}

static void add_ports(struct conn_scope *s, const struct vswitch *sw, const struct member *m)
{
	for (size_t i = 0; i < sw->port_count; i++) {
		if (!m || guards(m, sw->ports[i]))
			add_to(s->ports, sw->ports[i]->id);
	}
}

static bool add_members(struct conn_scope *s, const struct vswitch *sw, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < sw->member_count; i++) {
		const struct member *m = sw->members[i];

		if (!is_named(m, name))
			continue;
		found = true;
		add_to(s->instances, m->nr);
		add_ports(s, sw, m);
	}
	return found;
}

struct conn_scope *world_conn_scope(struct world *w, const char *switch_name, const char *extension,
				    struct conn_filter *f)
{
	struct conn_scope *s = calloc(1, sizeof(*s));
	bool found = false;

	for (size_t i = 0; s && i < w->switch_count; i++) {
		const struct vswitch *sw = w->switches[i];

		if (switch_name && strcmp(switch_name, sw->name) != 0)
			continue;
		if (extension)
			found |= add_members(s, sw, extension);
		else
			add_ports(s, sw, NULL);
		found |= !extension;
	}
	if (!found) {
		free(s);
		return NULL;
	}
	f->ports = s->ports;
	f->deniers = extension ? s->instances : NULL;
	return s;
}

/* ---- what is shown ------------------------------------------------------------------------ */

struct connections {
	struct world *w;
	json_t *list;
	size_t max;
};

static const char *address(const uint8_t bytes[16], char out[IP_TEXT])
{
	struct xvs_ip ip = { .prefix_len = 128 };

	memcpy(ip.addr, bytes, sizeof(ip.addr));
	return ip_print(&ip, out);
}

static bool add_connection(void *arg, const struct conn_info *info)
{
	struct connections *c = arg;
	const struct xvs_conn *v = &info->view;
	const struct member *by =
		info->denied_by < INSTANCES_MAX ? c->w->by_nr[info->denied_by] : NULL;
	char src[IP_TEXT];
	char dst[IP_TEXT];
	json_t *j =
		json_pack("{s:I, s:s, s:I, s:s, s:I, s:s, s:I, s:s, s:s, s:I, s:[I,I], "
			  "s:[I,I], s:I}",
			  "id", (json_int_t)v->id, "port", world_port_name(c->w, v->port), "proto",
			  (json_int_t)v->proto, "src", address(v->src, src), "src_port",
			  (json_int_t)ntohs(v->src_port), "dst", address(v->dst, dst), "dst_port",
			  (json_int_t)ntohs(v->dst_port), "direction", v->inbound ? "in" : "out",
			  "state", info->state_name, "idle_left_ms", (json_int_t)info->idle_left_ms,
			  "packets", (json_int_t)v->packets[0], (json_int_t)v->packets[1], "bytes",
			  (json_int_t)v->bytes[0], (json_int_t)v->bytes[1], "mark",
			  (json_int_t)v->mark);

	(void)json_object_set_new(j, "denied", json_boolean(info->is_denied));
	if (info->is_denied && by && by->instance)
		(void)json_object_set_new(j, "reason",
					  json_string(instance_reason(by->instance, info->reason)));
	(void)json_array_append_new(c->list, j);
	return json_array_size(c->list) < c->max;
}

json_t *world_conn_list(struct world *w, const struct conn_filter *f, size_t max)
{
	struct connections c = { w, json_array(), max };

	if (max > 0)
		conn_list(path_conns(w->path), f, add_connection, &c);
	return c.list;
}
