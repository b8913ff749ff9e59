/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/port.c - one port: its backend, its id, its place on the path, and the facts that
 * extensions get to know.
 *
 *   created -> open (backend, id) -> attached -> entered (on the path, closed) -> conf says open
 */
#include "switch/relay.h"
#include "switch/world.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "policy/builtin.h"
#include "switch/bundle_part.h"
#include "switch/team.h"
#include "switch/transaction.h"

enum { MTU_DEFAULT = 1500, DIR_MAX = 4096 };

const char *port_role_name(enum port_role role)
{
	static const char *const names[] = { "guest", "uplink", "host" };

	return names[role];
}

struct port *port_create(struct vswitch *sw, const struct port_spec *spec, enum owner owner,
			 const uint8_t uuid[16])
{
	struct port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	if (port_spec_copy(spec, &p->spec) < 0) {
		free(p);
		return NULL;
	}
	p->w = sw->w;
	p->sw = sw;
	p->owner = owner;
	memcpy(p->uuid, uuid, sizeof(p->uuid));
	target_print(p->full_name, sw->name, spec->name);
	return p;
}

void port_destroy(struct port *p)
{
	if (!p)
		return;
	settings_finish(&p->settings);
	port_spec_finish(&p->spec);
	arrival_announce_end(p);
	arrival_finish(p);
	if (!p->bundle) /* else it is that one's */
		relay_destroy(p->relay);
	free(p->attached);
	free(p->reasons);
	free(p->lldp);
	free(p);
}

static int take_id(struct port *p, struct xvs_error *err)
{
	struct world *w = p->w;

	for (unsigned tried = 1; tried < PORTS_MAX; tried++) {
		w->last_id = w->last_id % (PORTS_MAX - 1) + 1;
		if (w->by_id[w->last_id])
			continue;
		p->id = w->last_id;
		w->by_id[p->id] = p;
		counters_port_reset(w->counters, p->id);
		counters_name(w->counters, COUNTERS_PORT, 0, p->id, p->full_name);
		return 0;
	}
	return error_set(err, -ENOSPC, "", "there are %d ports already", PORTS_MAX - 1);
}

static void give_id(struct port *p)
{
	counters_name(p->w->counters, COUNTERS_PORT, 0, p->id, NULL);
	p->w->by_id[p->id] = NULL;
	p->id = 0;
}

/* Into the log once; "port show" and the status say it for as long as it is true. */
static void heed_warning(struct port *p)
{
	if (strcmp(p->warned, p->backend->warning) == 0)
		return;
	(void)str_copy(p->warned, sizeof(p->warned), p->backend->warning);
	if (p->warned[0])
		log_message(MSG_PORT_WARNING, "port %s: %s", p->full_name, p->warned);
}

static void link_changed(void *arg, struct backend *b)
{
	struct port *p = arg;

	(void)b;
	heed_warning(p);
	team_link_changed(p);
	world_links_changed(p->w);
}

static const char *or_null(const char *text)
{
	return text[0] ? text : NULL;
}

/*
 * Where a backend keeps what must outlive us: a folder for each switch, since names of ports are
 * unique in one switch only.  NULL: nowhere.  What could not be made is told by who writes there.
 */
static const char *keeping_dir(const struct port *p, char out[DIR_MAX])
{
	const char *base = p->w->run_dir;
	int len;

	if (!base || strcmp(p->spec.backend.kind, "vhost-user") != 0)
		return NULL;
	len = snprintf(out, DIR_MAX, "%s/%s", base, p->sw->name);
	return len < 0 || len >= DIR_MAX ? NULL : out;
}

static const char *make_keeping_dir(const struct port *p, char out[DIR_MAX])
{
	const char *dir = keeping_dir(p, out);

	if (dir) {
		(void)mkdir(p->w->run_dir, 0700);
		(void)mkdir(dir, 0700);
	}
	return dir;
}

static int open_backend(struct port *p, struct xvs_error *err)
{
	char dir[DIR_MAX];
	const struct backend_spec *s = &p->spec.backend;
	struct backend_config c = {
		.kind = s->kind,
		.port_name = p->spec.name,
		.device = or_null(s->device),
		.netns = or_null(s->netns),
		.peer_name = or_null(s->peer_name),
		.read_file = or_null(s->read_file),
		.write_file = or_null(s->write_file),
		.socket = or_null(s->socket),
		.state_dir = make_keeping_dir(p, dir),
		.address = or_null(p->spec.address),
		.queues = (uint16_t)s->queues,
		.mtu = s->mtu,
		.workers = path_workers(p->w->path),
		.offloads = s->offloads,
		.is_held = true,
		.is_client = s->mode == VHOST_MODE_CLIENT,
		.no_packed = !s->packed,
		.copy_mode = !s->zero_copy,
		.may_carry = p->sw->may_carry,
	};

	if (p->spec.has_mac)
		memcpy(c.mac, p->spec.mac, sizeof(c.mac));
	return backend_open(&c, p->w->loop, &p->backend, err);
}

int port_open(struct port *p, struct xvs_error *err)
{
	int result = take_id(p, err);

	if (result < 0)
		return result;
	result = open_backend(p, err);
	if (result < 0) {
		give_id(p);
		return result;
	}
	p->backend->link_arg = p;
	p->backend->link = link_changed;
	heed_warning(p);
	return 0;
}

void port_close(struct port *p)
{
	if (p->backend)
		backend_close(p->backend);
	p->backend = NULL;
	p->warned[0] = '\0';
	if (p->id != 0)
		give_id(p);
}

static void forget(const struct port *p, bool is_undone)
{
	char dir[DIR_MAX];
	const struct backend_config c = {
		.kind = p->spec.backend.kind,
		.port_name = p->spec.name,
		.state_dir = keeping_dir(p, dir),
		.is_undone = is_undone,
	};
	const struct port *heir = world_port(p->w, p->full_name);

	if (p->w->destroyed || (heir && strcmp(heir->spec.backend.kind, c.kind) == 0))
		return;
	backend_forget(&c);
	if (c.state_dir)
		(void)rmdir(c.state_dir);
}

/* Unless the daemon ends, or a port of this name keeps its own there by now. */
void port_forget(const struct port *p)
{
	forget(p, false);
}

void port_forget_undone(const struct port *p)
{
	forget(p, true);
}

static enum path_role path_role_of(enum port_role role)
{
	static const enum path_role roles[] = { ROLE_GUEST, ROLE_UPLINK, ROLE_HOST };

	return roles[role];
}

int port_enter(struct port *p, struct xvs_error *err)
{
	struct port_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return error_set(err, -ENOMEM, "", "out of memory");
	conf->sw = p->sw->path_switch;
	conf->backend = p->backend;
	conf->role = path_role_of(p->spec.role);
	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	p->path_port = path_port_add(p->w->path, p->id, p->full_name, conf, p->backend, err);
	if (!p->path_port)
		return err->code;
	if (team_join(p) < 0) {
		/* it stays without a team, and so without packets */
		log_message(MSG_PORT_WARNING, "port %s: out of memory", p->full_name);
	}
	return 0;
}

bool port_is_outside(const struct port *p)
{
	return p->spec.role == PORT_UPLINK && p->sw->type == SWITCH_NAT;
}

bool tags_are_forwarded(const struct vswitch *sw)
{
	for (size_t i = 0; i < sw->member_count; i++) {
		const struct member *m = sw->members[i];

		if (m->ext && m->ext->flags & XVS_EXT_TAGS && m->state == MEMBER_RUNNING)
			return true;
	}
	return false;
}

bool port_is_trunk(const struct port *p)
{
	const struct policy_vlan *vlan = settings_bytes(&p->settings, builtin_vlan.id);

	if (port_is_outside(p))
		return false; /* inside it is a station like any other */
	if (vlan)
		return vlan->mode == VLAN_TRUNK;
	return p->spec.role == PORT_UPLINK || tags_are_forwarded(p->sw);
}

uint32_t settings_segment(const struct settings *s)
{
	const struct policy_vlan *vlan = settings_bytes(s, builtin_vlan.id);

	if (!vlan)
		return 0;
	switch (vlan->mode) {
	case VLAN_TRUNK:
		return vlan->native;
	case VLAN_ISOLATED:
	case VLAN_COMMUNITY:
		return vlan->secondary;
	case VLAN_PROMISCUOUS:
		return vlan->primary;
	default:
		return vlan->vlan;
	}
}

uint32_t settings_filing(const struct settings *s)
{
	const struct policy_vlan *vlan = settings_bytes(s, builtin_vlan.id);

	if (!vlan)
		return 0;
	if (vlan->mode == VLAN_TRUNK)
		return L2_ANY;
	return vlan_is_private(vlan) ? vlan->primary : vlan->vlan;
}

uint32_t port_segment(const struct port *p)
{
	return settings_segment(&p->settings);
}

bool port_is_blocked(const struct port *p)
{
	const struct policy_port *policy = settings_bytes(&p->settings, builtin_port.id);

	return p->is_blocked || (policy && policy->blocked);
}

uint32_t port_mtu(const struct backend_spec *b)
{
	return b->mtu ? b->mtu : MTU_DEFAULT;
}

bool port_has_mac(const struct port *p, uint8_t mac[6])
{
	static const uint8_t none[6];

	if (port_is_outside(p)) {
		memcpy(mac, p->sw->nat_mac, 6);
		return true;
	}
	if (p->spec.role == PORT_UPLINK)
		return false;
	if (p->spec.has_mac) {
		memcpy(mac, p->spec.mac, 6);
		return true;
	}
	/* A tap's far end is the adapter itself; of another device we know the near end only. */
	if (!p->backend || strcmp(p->spec.backend.kind, "tap") != 0 ||
	    memcmp(p->backend->mac, none, 6) == 0)
		return false;
	memcpy(mac, p->backend->mac, 6);
	return true;
}

void port_facts(const struct port *p, struct xvs_port *out)
{
	static const uint32_t flags[] = { 0, XVS_PORT_UPLINK, XVS_PORT_INTERNAL };

	*out = (struct xvs_port){
		.size = sizeof(*out),
		.id = p->id,
		.name = p->spec.name,
		.flags = flags[p->spec.role],
		.mtu = port_mtu(&p->spec.backend),
		.segment = port_segment(p),
	};
	memcpy(out->uuid, p->uuid, sizeof(out->uuid));
	if (p->backend) {
		if (p->backend->mtu != 0)
			out->mtu = p->backend->mtu;
		out->speed_mbps = p->backend->speed_mbps;
		if (p->spec.role == PORT_UPLINK)
			memcpy(out->mac, p->backend->mac, sizeof(out->mac));
	}
	(void)port_has_mac(p, out->mac);
}
