/* SPDX-License-Identifier: Apache-2.0 */
/* switch/lldp.c - once a second: what adjacent switches have told, and what they are to be told. */
#include "switch/lldp.h"

#include <unistd.h>

#include "base/clock.h"
#include "packet/cdp.h"
#include "path/heard.h"
#include "policy/lldp.h"
#include "switch/team.h"

enum { HOLD = 4, FRAME_OVERHEAD = 18 };

static const struct policy_lldp *policy_of(const struct port *p)
{
	if (p->spec.role != PORT_UPLINK || port_is_team(p) || port_is_outside(p))
		return NULL;
	return settings_bytes(&team_ruler(p)->settings, builtin_lldp.id);
}

bool lldp_hears(const struct port *p)
{
	return lldp_listens(policy_of(p));
}

/* ---- listening ----------------------------------------------------------------------------------- */

/* Two that differ in this are not one and the same. */
static bool is_same(const struct lldp_neighbour *a, const struct lldp_neighbour *b)
{
	return strcmp(a->chassis, b->chassis) == 0 && strcmp(a->port, b->port) == 0 &&
	       strcmp(a->system, b->system) == 0;
}

static void forget(const struct port *p, struct lldp_port *l)
{
	if (l->is_known)
		log_message(MSG_LLDP,
			    "port %s: the adjacent switch (%s, port %s) is not heard any more",
			    p->full_name, l->neighbour.chassis, l->neighbour.port);
	l->is_known = false;
}

static void note(const struct port *p, struct lldp_port *l, const struct lldp_neighbour *n,
		 uint64_t now_ns)
{
	if (!l->is_known || !is_same(&l->neighbour, n))
		log_message(MSG_LLDP, "port %s: the adjacent switch is %s%s(%s), port %s",
			    p->full_name, n->system, n->system[0] ? " " : "", n->chassis, n->port);
	l->is_known = true;
	l->neighbour = *n;
	l->heard_ns = now_ns;
	l->gone_ns = now_ns + n->ttl_s * NS_PER_S;
}

/* LLDP says more, so CDP counts as long as that is not heard. */
static bool counts(const struct lldp_port *l, const struct lldp_neighbour *n,
		   const struct policy_lldp *policy)
{
	return !n->is_cdp || (policy->cdp && !(l->is_known && !l->neighbour.is_cdp));
}

static void listen_to(struct port *p, const struct policy_lldp *policy, uint64_t now_ns)
{
	struct lldp_port *l = p->lldp;
	struct lldp_neighbour n;

	if (path_heard(p->path_port, &n) && counts(l, &n, policy)) {
		if (n.ttl_s == 0) /* it says farewell */
			forget(p, l);
		else
			note(p, l, &n, now_ns);
	}
	if (l->is_known && (now_ns >= l->gone_ns || !p->backend->up))
		forget(p, l);
}

/* ---- telling ------------------------------------------------------------------------------------- */

static void on_sent(struct frames *f)
{
	free(f);
}

static void tell(const struct port *p, const struct policy_lldp *policy)
{
	struct frames *f = calloc(1, sizeof(*f));
	char host[LLDP_TEXT] = "";
	struct lldp_own own = { .port = p->spec.backend.device[0] ? p->spec.backend.device
								  : p->spec.name,
				.system = host,
				.description = p->full_name };
	uint32_t frame = port_mtu(&p->spec.backend);

	if (!f)
		return;
	if (p->backend->mtu != 0)
		frame = p->backend->mtu;
	if (gethostname(host, sizeof(host)) < 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	memcpy(own.mac, p->backend->mac, sizeof(own.mac));
	own.ttl_s = (uint16_t)(policy->interval_s * HOLD);
	own.max_frame =
		frame < UINT16_MAX - FRAME_OVERHEAD ? (uint16_t)(frame + FRAME_OVERHEAD) : 0;
	f->frames[0].port = p->id;
	f->frames[0].len = lldp_write(f->frames[0].bytes, &own);
	f->count = 1;
	if (policy->cdp_tell) {
		f->frames[1].port = p->id;
		f->frames[1].len = cdp_write(f->frames[1].bytes, &own);
		f->count = 2;
	}
	f->done = on_sent;
	path_send(p->w->path, f);
}

/* ---- once a second ------------------------------------------------------------------------------- */

/* True: it has the policy. */
static bool look_at(struct port *p, uint64_t now_ns)
{
	const struct policy_lldp *policy = policy_of(p);

	if (!policy || !p->lldp || !p->path_port || !p->backend)
		return policy != NULL;
	if (lldp_listens(policy))
		listen_to(p, policy, now_ns);
	if (lldp_advertises(policy) && now_ns >= p->lldp->tell_ns && p->backend->up) {
		p->lldp->tell_ns = now_ns + policy->interval_s * NS_PER_S;
		tell(p, policy);
	}
	return true;
}

static void on_tick(void *arg)
{
	struct world *w = arg;
	uint64_t now_ns = clock_ns();
	bool has_any = false;

	for (size_t i = 0; i < w->switch_count; i++)
		for (size_t n = 0; n < w->switches[i]->port_count; n++)
			has_any |= look_at(w->switches[i]->ports[n], now_ns);
	if (has_any)
		loop_timer_arm(w->lldp, NS_PER_S);
}

int lldp_start(struct world *w)
{
	w->lldp = loop_timer_create(w->loop, on_tick, w);
	return w->lldp ? 0 : -ENOMEM;
}

void lldp_stop(struct world *w)
{
	loop_timer_destroy(w->lldp);
}

static void settle_port(struct port *p)
{
	const struct policy_lldp *policy = policy_of(p);

	if (!policy || !p->path_port) {
		free(p->lldp);
		p->lldp = NULL;
		return;
	}
	if (!p->lldp)
		p->lldp = calloc(1, sizeof(*p->lldp));
	if (!p->lldp || (lldp_listens(policy) && path_hear(p->path_port) < 0))
		log_message(MSG_PORT_WARNING, "port %s: out of memory", p->full_name);
	if (p->lldp && (!lldp_listens(policy) || (p->lldp->neighbour.is_cdp && !policy->cdp)))
		p->lldp->is_known = false;
	loop_timer_arm(p->w->lldp, 0);
}

void lldp_settle(struct vswitch *sw)
{
	for (size_t i = 0; i < sw->port_count; i++)
		settle_port(sw->ports[i]);
}

/* ---- questions ------------------------------------------------------------------------------------ */

static void put_text(json_t *j, const char *key, const char *text)
{
	if (text[0])
		(void)json_object_set_new(j, key, json_string(text));
}

static json_t *vlans_json(const struct lldp_neighbour *n)
{
	json_t *list = json_array();

	for (uint32_t vid = 0; vid < LLDP_VLANS; vid++)
		if (n->vlans[vid / 64] >> (vid % 64) & 1)
			(void)json_array_append_new(list, json_integer((json_int_t)vid));
	return list;
}

json_t *lldp_json(const struct port *p)
{
	const struct lldp_port *l = p->lldp;
	const struct lldp_neighbour *n = l ? &l->neighbour : NULL;
	json_t *j;

	if (!l || !l->is_known)
		return NULL;
	j = json_pack("{s:s, s:s, s:s, s:I, s:b, s:o}", "protocol", n->is_cdp ? "cdp" : "lldp",
		      "chassis", n->chassis, "port", n->port, "heard_s_ago",
		      (json_int_t)((clock_ns() - l->heard_ns) / NS_PER_S), "aggregated",
		      (int)n->is_aggregated, "warnings", lldp_warnings(p));
	put_text(j, "system", n->system);
	put_text(j, "description", n->description);
	if (n->has_pvid)
		(void)json_object_set_new(j, "untagged_vlan", json_integer(n->pvid));
	if (n->has_vlans)
		(void)json_object_set_new(j, "vlans", vlans_json(n));
	if (n->max_frame)
		(void)json_object_set_new(j, "max_frame", json_integer((json_int_t)n->max_frame));
	return j;
}
