/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/ports.c - ports of the switch come, go and change.
 *
 * Controllers know a port by its number (numbers.h); the first internal port is LOCAL.  They hear of one
 * that has come when its policies are known, which follow at once, since one of these says its number.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "xvs/ext/sdk.h"

struct of_port *of_agent_port(struct of_agent *a, uint32_t number)
{
	uint32_t id = of_port_id(&a->pipeline, number);

	return id && id < a->pipeline.ports_max && a->ports[id].is_there ? &a->ports[id] : NULL;
}

/* As a speed that OpenFlow has a name for: 1.3.5, 7.2.1. */
static uint32_t feature_of(uint32_t mbps)
{
	static const struct {
		uint32_t mbps, feature;
	} names[] = { { 10, OF_PF_10MB_FD },    { 100, OF_PF_100MB_FD },
		      { 1000, OF_PF_1GB_FD },   { 10000, OF_PF_10GB_FD },
		      { 40000, OF_PF_40GB_FD }, { 100000, OF_PF_100GB_FD },
		      { 1000000, OF_PF_1TB_FD } };

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].mbps == mbps)
			return names[i].feature;
	}
	return mbps ? OF_PF_OTHER : 0;
}

static bool is_live(const struct of_port *p)
{
	return p->is_up && !(p->config & OF_PC_DOWN);
}

void of_agent_port_view(const struct of_agent *a, const struct of_port *p, struct of_port_view *out)
{
	*out = (struct of_port_view){
		.number = of_port_number(&a->pipeline, p->id),
		.name = p->name,
		.config = p->config,
		.state = (p->is_up ? 0u : OF_PS_LINK_DOWN) | (is_live(p) ? OF_PS_LIVE : 0u),
		.current = feature_of(p->speed_mbps),
		.speed_kbps = p->speed_mbps * 1000,
		.max_speed_kbps = p->speed_mbps * 1000,
	};
	memcpy(out->hw_addr, p->mac, 6);
}

static void tell(struct of_agent *a, const struct of_port *p, uint8_t reason)
{
	struct of_port_view v;

	if (!p->is_told)
		return;
	of_agent_port_view(a, p, &v);
	for (struct of_controller *c = a->controllers; c; c = c->next) {
		struct of_to to;

		if (!c->connection || !of_controller_wants(c, OF_ASYNC_PORT_STATUS, reason) ||
		    !of_connection_has_room(c->connection))
			continue;
		to = of_connection_to(c->connection, 0);
		of_put_port_status(&to, &v, reason);
		of_connection_flush(c->connection);
	}
}

/* ---- what workers know ----------------------------------------------------------------------------- */

static uint32_t bits_of(const struct of_port *p)
{
	uint32_t bits = OF_PORT_IS_THERE;

	if (!p->is_there)
		return 0;
	bits |= is_live(p) ? OF_PORT_IS_UP : 0;
	bits |= p->config & (OF_PC_NO_RECV | OF_PC_DOWN) ? OF_PORT_NO_RECV : 0;
	bits |= p->config & (OF_PC_NO_RECV_STP | OF_PC_DOWN) ? OF_PORT_NO_RECV_STP : 0;
	bits |= p->config & (OF_PC_NO_FWD | OF_PC_DOWN) ? OF_PORT_NO_FWD : 0;
	bits |= p->config & OF_PC_NO_FLOOD ? OF_PORT_NO_FLOOD : 0;
	bits |= p->config & OF_PC_NO_PACKET_IN ? OF_PORT_NO_PACKET_IN : 0;
	return bits;
}

static int fill_set(struct of_agent *a, int set, uint32_t never)
{
	uint32_t ids[1024];
	uint32_t count = 0;

	if (set <= 0 || !a->destset_host)
		return -ENOSYS;
	for (uint32_t id = 1; id < a->pipeline.ports_max && count < 1024; id++) {
		if (a->ports[id].is_there && !a->ports[id].is_frozen &&
		    !(bits_of(&a->ports[id]) & never))
			ids[count++] = id;
	}
	return a->destset_host->replace(a->host, (uint32_t)set, ids, count);
}

/*
 * ALL and FLOOD as sets of the host; where it has none, it floods by itself.  A port whose machine is moving
 * away is in neither, since it hears of what is flooded where it is going.
 */
static void fill_sets(struct of_agent *a)
{
	/* while a port is leaving they stay as they are: the host takes it out by itself */
	uint32_t all = __atomic_load_n(&a->pipeline.set_all, __ATOMIC_RELAXED);
	uint32_t flood = __atomic_load_n(&a->pipeline.set_flood, __ATOMIC_RELAXED);

	if (a->destset_host && a->set_all <= 0)
		a->set_all = a->destset_host->create(a->host);
	if (a->destset_host && a->set_flood <= 0)
		a->set_flood = a->destset_host->create(a->host);
	if (fill_set(a, a->set_all, OF_PORT_NO_FWD) == 0)
		all = XVS_DEST_SET | (uint32_t)a->set_all;
	if (fill_set(a, a->set_flood, OF_PORT_NO_FWD | OF_PORT_NO_FLOOD) == 0)
		flood = XVS_DEST_SET | (uint32_t)a->set_flood;
	__atomic_store_n(&a->pipeline.set_all, all, __ATOMIC_RELAXED);
	__atomic_store_n(&a->pipeline.set_flood, flood, __ATOMIC_RELAXED);
}

static void choose_local(struct of_agent *a)
{
	uint32_t local = __atomic_load_n(&a->pipeline.local, __ATOMIC_RELAXED);

	/* it keeps the number as long as it is there */
	if (local && a->ports[local].is_there)
		return;
	local = XVS_PORT_NONE;
	for (uint32_t id = 1; id < a->pipeline.ports_max && !local; id++) {
		if (a->ports[id].is_there && a->ports[id].flags & XVS_PORT_INTERNAL)
			local = id;
	}
	if (local)
		tell(a, &a->ports[local], OF_PORT_DELETE);
	__atomic_store_n(&a->pipeline.local, local, __ATOMIC_RELAXED);
	if (local)
		tell(a, &a->ports[local], OF_PORT_ADD);
}

static void changed(struct of_agent *a, const struct of_port *p)
{
	atomic_store_explicit(&a->pipeline.ports[p->id], bits_of(p), memory_order_release);
	fill_sets(a);
	of_agent_share_packet_ins(a);
	a->flow->invalidate(a->host, OF_TAG_PORTS);
}

/* ---- the host tells -------------------------------------------------------------------------------- */

void of_agent_announce(void *agent)
{
	struct of_agent *a = agent;

	for (uint32_t id = 1; id < a->pipeline.ports_max; id++) {
		struct of_port *p = &a->ports[id];

		if (!p->is_there || p->is_told)
			continue;
		p->is_told = true;
		tell(a, p, OF_PORT_ADD);
	}
}

static void take(struct of_port *p, const struct xvs_port *port)
{
	p->id = port->id;
	p->flags = port->flags;
	p->speed_mbps = port->speed_mbps;
	memcpy(p->mac, port->mac, 6);
	(void)snprintf(p->name, sizeof(p->name), "%s", port->name);
}

/* The port that had this number until now, by another id: it was made anew, and nobody need know. */
static bool inherit(struct of_agent *a, struct of_port *p, uint32_t former)
{
	bool was_local = former == __atomic_load_n(&a->pipeline.local, __ATOMIC_RELAXED);

	if (former == XVS_PORT_NONE || former == p->id || !a->ports[former].is_told)
		return false;
	/* of another kind it cannot be LOCAL: controllers hear that the one goes and the other comes */
	if (was_local && !(p->flags & XVS_PORT_INTERNAL))
		return false;
	if (was_local)
		__atomic_store_n(&a->pipeline.local, p->id, __ATOMIC_RELAXED);
	p->is_told = true;
	p->config = a->ports[former].config;
	a->ports[former].is_told = false;
	return true;
}

int of_agent_port_attach(struct of_agent *a, const struct xvs_port *port)
{
	struct of_port *p = &a->ports[port->id];
	uint32_t former;

	if (port->flags & XVS_PORT_PROBE)
		return 0;
	former = of_numbers_holder(&a->numbers, port->uuid);
	if (of_numbers_attach(&a->numbers, port->id, port->uuid) == 0)
		return -ENOMEM;
	memset(p, 0, sizeof(*p));
	take(p, port);
	p->is_there = true;
	p->since_ns = a->host->now(a->host);
	if (inherit(a, p, former))
		tell(a, p, OF_PORT_MODIFY);
	else
		a->timers->arm(a->host, a->announcer, 0);
	choose_local(a);
	changed(a, p);
	return 0;
}

static bool is_alike(const struct of_port *a, const struct of_port *b)
{
	return a->is_up == b->is_up && a->is_frozen == b->is_frozen && a->flags == b->flags &&
	       a->speed_mbps == b->speed_mbps && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       strcmp(a->name, b->name) == 0;
}

void of_agent_port_event(struct of_agent *a, int event, const struct xvs_port *now)
{
	struct of_port *p = &a->ports[now->id];
	struct of_port before = *p;

	if (!p->is_there)
		return;
	if (event == XVS_PORT_UP || event == XVS_PORT_DOWN || event == XVS_PORT_FROZEN)
		p->is_up = event == XVS_PORT_UP;
	if (event == XVS_PORT_UP || event == XVS_PORT_FROZEN)
		p->is_frozen = event == XVS_PORT_FROZEN;
	take(p, now);
	if (is_alike(&before, p))
		return;
	changed(a, p);
	tell(a, p, OF_PORT_MODIFY);
}

void of_agent_port_detach(struct of_agent *a, uint32_t id)
{
	struct of_port *p = &a->ports[id];

	if (!p->is_there)
		return;
	tell(a, p, OF_PORT_DELETE); /* by the number that it had */
	p->is_there = p->is_up = p->is_told = false;
	of_sets_forget_port(&a->pipeline.sets, id);
	choose_local(a);
	of_numbers_detach(&a->numbers, id);
	changed(a, p);
}

/* Under another number it is another port.  LOCAL is LOCAL under any. */
void of_agent_port_want(struct of_agent *a, uint32_t id, uint32_t number)
{
	uint32_t local = __atomic_load_n(&a->pipeline.local, __ATOMIC_RELAXED);
	uint32_t other = of_id_of(a->numbers.published, number);
	const uint32_t both[] = { id, other == id ? XVS_PORT_NONE : other };

	if (number && other == id) {
		of_numbers_want(&a->numbers, id, number);
		return;
	}
	/* both ask for it in one transaction, so that neither knew of the other */
	if (number && of_numbers_is_wanted(&a->numbers, number)) {
		xvs_logf(a->host, XVS_LOG_WARN,
			 "port %s asks for number %u, which port %s asks for too: it keeps %u; "
			 "give one of them another number",
			 a->ports[id].name, number, a->ports[other].name,
			 of_port_number(&a->pipeline, id));
		return;
	}
	for (uint32_t i = 0; number && i < 2; i++) {
		if (both[i] != XVS_PORT_NONE && both[i] != local)
			tell(a, &a->ports[both[i]], OF_PORT_DELETE);
	}
	of_numbers_want(&a->numbers, id, number);
	for (uint32_t i = 0; number && i < 2; i++) {
		if (both[i] != XVS_PORT_NONE && both[i] != local)
			tell(a, &a->ports[both[i]], OF_PORT_ADD);
	}
	if (number)
		a->flow->invalidate(a->host, UINT64_MAX);
}

/* ---- a controller asks ------------------------------------------------------------------------------ */

of_fault of_agent_port_mod(struct of_agent *a, const struct of_port_mod *mod)
{
	/* NO_STP is always so: there is no spanning tree here */
	const uint32_t known = OF_PC_DOWN | OF_PC_NO_STP | OF_PC_NO_RECV | OF_PC_NO_RECV_STP |
			       OF_PC_NO_FLOOD | OF_PC_NO_FWD | OF_PC_NO_PACKET_IN;
	struct of_port *p = of_agent_port(a, mod->port);
	uint32_t before;

	if (!p)
		return OF_PORT_MOD_PORT;
	if (memcmp(p->mac, mod->hw_addr, 6) != 0)
		return OF_PORT_MOD_HW_ADDR;
	if (mod->config & mod->mask & ~known)
		return OF_PORT_MOD_CONFIG;
	/* none has a speed of its own to negotiate: 0 says as it is */
	if (mod->advertise && mod->advertise != feature_of(p->speed_mbps))
		return OF_PORT_MOD_ADVERTISE;
	before = p->config;
	p->config = (p->config & ~mod->mask) | (mod->config & mod->mask);
	if (p->config == before)
		return OF_OK;
	changed(a, p);
	tell(a, p, OF_PORT_MODIFY);
	return OF_OK;
}
