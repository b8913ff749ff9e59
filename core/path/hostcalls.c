/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostcalls.c - the packet functions of struct xvs_host, and the host's halves of "xvs.flow/1" and
 * "xvs.conn/1".
 *
 * They find the calling worker themselves; from another thread they take nothing and do nothing.
 * A packet that is not this instance's to give is not taken either: whoever invents one gets
 * -EPERM.
 */
#include <errno.h>
#include <string.h>

#include "path/shed.h"
#include "path/worker.h"

/* The packet, if this instance owns it on this worker. */
static struct packet *owned(const struct xvs_host *h, struct xvs_packet *x)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = packet_of(x);

	if (!w || !x || x->host != p || p->pool != w->pool || p->owner != instance_of(h)->nr)
		return NULL;
	return p;
}

/* The packet, if it is in the hands of a worker at all: of the batch in hand or owned. */
static struct packet *in_hand(const struct xvs_packet *x)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = packet_of(x);

	return w && x && x->host == p && p->pool == w->pool ? p : NULL;
}

static void give_back(const struct xvs_host *h, struct path_worker *w, struct packet *p)
{
	struct instance_worker *iw = &instance_of(h)->workers[w->w.nr];

	__atomic_store_n(&iw->held, iw->held - 1, __ATOMIC_RELAXED);
	counter_add(&iw->cost.returned, 1);
	packet_uncharge(w, p);
	p->owner = 0; /* from now on it is not this instance's, wherever it waits */
}

/* ---- bytes ------------------------------------------------------------------------------------- */

static int host_pull(const struct xvs_host *h, struct xvs_packet *x, uint32_t want)
{
	struct packet *p = in_hand(x);

	if (!p)
		return -EPERM;
	/* beyond the headers only with the right PAYLOAD */
	if (want > PACKET_PARSE && want > x->linear &&
	    !(instance_of(h)->rights & XVS_RIGHT_PAYLOAD))
		return want > x->len ? -ENODATA : -EPERM;
	return packet_pull(p, want);
}

static int host_unshare(const struct xvs_host *h, struct xvs_packet *x)
{
	struct packet *p = in_hand(x);

	(void)h;
	return p ? packet_unshare(p) : -EPERM;
}

/* Where a packet entered, whatever was written into it since. */
static uint32_t entered_at(const struct path_worker *w, const struct packet *p)
{
	const struct burst *b = w->inside_burst;

	if (p->owner)
		return p->behind;
	if (b && b->stage == XVS_STAGE_INGRESS)
		return b->conf->port->id;
	for (uint32_t i = 0; b && w->has_entered && i < b->count; i++)
		if (b->pkts[i] == p)
			return w->entered[i];
	return p->x.port_in; /* who is shown it may not write, or may write what it likes */
}

/* 'entered': where, for all that is made of it. */
static struct xvs_packet *keep(const struct xvs_host *h, struct path_worker *w, struct packet *p,
			       uint32_t entered)
{
	struct instance *inst = instance_of(h);
	struct instance_worker *iw = &inst->workers[w->w.nr];

	p->owner = inst->nr;
	p->charged = 0;
	p->stage = XVS_STAGE_INGRESS;
	p->behind = entered;
	p->port_out = PORTS_MAX; /* it was not stolen anywhere, so there is nothing to resume */
	__atomic_store_n(&iw->held, iw->held + 1, __ATOMIC_RELAXED);
	return &p->x;
}

static struct xvs_packet *host_clone(const struct xvs_host *h, const struct xvs_packet *x)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = in_hand(x);
	struct packet *c;

	if (!p || w->trace || instance_held(instance_of(h)) >= INSTANCE_HELD_MAX)
		return NULL;
	c = packet_clone(p);
	if (!c)
		return NULL;
	/* what is borrowed from the entry port ends with the batch, a clone may live longer */
	if (packet_own(c) != 0) {
		packet_free(c);
		return NULL;
	}
	c->segment = p->segment;
	counter_add(&w->w.shard->ports[x->port_in < PORTS_MAX ? x->port_in : 0].copied, 1);
	return keep(h, w, c, entered_at(w, p));
}

static struct xvs_packet *host_alloc(const struct xvs_host *h, uint32_t len)
{
	struct path_worker *w = path_worker_self();
	struct packet *p;

	if (!w || w->trace || len > PACKET_MAX ||
	    instance_held(instance_of(h)) >= INSTANCE_HELD_MAX)
		return NULL;
	p = packet_new_linear(w->pool, len);
	if (!p)
		return NULL;
	memset(p->x.data, 0, len);
	p->x.port_in = XVS_PORT_NONE;
	p->x.flags |= XVS_PKT_INJECTED;
	p->x.rx_ns = w->w.now_ns;
	p->segment = 0;
	counter_add(&w->w.shard->ports[0].originated, 1);
	return keep(h, w, p, XVS_PORT_NONE);
}

/* ---- the ways on --------------------------------------------------------------------------------- */

static int host_resume(const struct xvs_host *h, struct xvs_packet *x)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = owned(h, x);
	struct way_on on = { .behind = instance_of(h)->nr };

	if (!p)
		return -EPERM;
	give_back(h, w, p);
	on.sw = rcu_read(&w->path->instance_switch[on.behind]);
	if (p->port_out == XVS_PORT_NONE ? !on.sw : !path_port_of(w->path, p->port_out)) {
		packet_drop(w, p, p->x.port_in, p->stage, 0, REASON_NO_PORT);
		return -ENOENT;
	}
	if (x->flags & XVS_PKT_DIRTY && !packet_parse_own(p)) {
		packet_drop(w, p, p->port_out, p->stage, 0, REASON_BAD_HEADER);
		return 0;
	}
	on.stage = p->stage;
	on.port = p->port_out;
	on.place = p->place;
	on.serial = p->epoch;
	return later_put(w, p, &on) ? 0 : -EAGAIN;
}

static bool may_enter(const struct instance *inst, const struct path_worker *w, uint32_t entered,
		      uint32_t port)
{
	if (inst->rights & XVS_RIGHT_IMPERSONATE || port == entered || port == XVS_PORT_NONE)
		return true;
	return w->inside == inst && w->inside_burst && w->inside_burst->conf->port->id == port;
}

static int refuse(struct path_worker *w, struct packet *p, uint32_t reason, int code)
{
	packet_drop(w, p, p->x.port_in, XVS_STAGE_INGRESS, 0, reason);
	return code;
}

static int host_inject(const struct xvs_host *h, struct xvs_packet *x, uint32_t port)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = owned(h, x);
	struct instance *inst = instance_of(h);
	struct way_on on = { .stage = XVS_STAGE_INGRESS, .port = port, .behind = inst->nr };
	const struct path_switch *sw;
	const struct path_port *at;
	const struct port_conf *conf;

	if (!p)
		return -EPERM;
	give_back(h, w, p);
	if (!(inst->rights & XVS_RIGHT_ORIGINATE) || !may_enter(inst, w, p->behind, port))
		return refuse(w, p, REASON_RIGHTS, -EPERM);
	sw = rcu_read(&w->path->instance_switch[inst->nr]);
	at = port == XVS_PORT_NONE && sw ? sw->none : path_port_of(w->path, port);
	conf = at && at->sw == sw ? rcu_read(&at->conf) : NULL;
	if (!conf)
		return refuse(w, p, REASON_NO_PORT, -ENOENT);
	p->x.port_in = port;
	p->x.flags |= XVS_PKT_INJECTED;
	if (!packet_parse_own(p))
		return refuse(w, p, REASON_BAD_HEADER, 0);
	if (!admit_tag(conf, p))
		return refuse(w, p, REASON_VLAN, 0);
	counter_add(&inst->workers[w->w.nr].cost.originated, 1);
	on.sw = sw;
	return later_put(w, p, &on) ? 0 : -EAGAIN;
}

/* Of a packet that entered nowhere: as its tag says, else that of whom it is for. */
static uint32_t own_segment(const struct packet *p, const struct path_port *to)
{
	uint32_t vid = p->x.flags & XVS_PKT_VLAN ? p->x.vlan_tci & 0xfffu : 0;

	return vid || !to ? vid : rcu_read(&to->conf)->segment;
}

/*
 * Who may impersonate may say where a packet of its making entered; it is tagged then as it would be
 * there.  REASON_NONE: it may go on.
 */
static uint32_t enter_by_word(const struct path_worker *w, const struct instance *inst,
			      const struct path_switch *sw, struct packet *p)
{
	const struct path_port *in = path_port_of(w->path, p->x.port_in);

	if (!(inst->rights & XVS_RIGHT_IMPERSONATE))
		return REASON_RIGHTS;
	if (!in || in->sw != sw)
		return REASON_NO_PORT;
	return admit_tag(rcu_read(&in->conf), p) ? REASON_NONE : REASON_VLAN;
}

/* A copy that was changed is in the VLAN that its tag says now, as the packet itself would be. */
static uint32_t enter_anew(const struct path_worker *w, struct packet *p)
{
	const struct path_port *in = path_port_of(w->path, p->x.port_in);

	if (!in)
		return REASON_NO_PORT;
	return admit_tag(rcu_read(&in->conf), p) ? REASON_NONE : REASON_VLAN;
}

static int refused_code(uint32_t reason)
{
	return reason == REASON_RIGHTS ? -EPERM : reason == REASON_NO_PORT ? -ENOENT : 0;
}

static int host_deliver(const struct xvs_host *h, struct xvs_packet *x, uint32_t dest)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = owned(h, x);
	struct instance *inst = instance_of(h);
	struct way_on on = { .stage = XVS_STAGE_FORWARD, .port = dest, .behind = inst->nr };
	const struct path_switch *sw;
	const struct path_port *to;
	uint32_t reason = REASON_NONE;
	uint32_t entered;
	bool is_changed;

	if (!p)
		return -EPERM;
	entered = p->behind;
	is_changed = x->flags & XVS_PKT_DIRTY;
	give_back(h, w, p);
	sw = rcu_read(&w->path->instance_switch[inst->nr]);
	if (!(inst->rights & XVS_RIGHT_ORIGINATE))
		return refuse(w, p, REASON_RIGHTS, -EPERM);
	if (dest >= XVS_DEST_SET && inst->cls != XVS_FORWARD)
		return refuse(w, p, REASON_RIGHTS, -EPERM);
	to = dest < XVS_DEST_SET ? path_port_of(w->path, dest) : NULL;
	if (!sw || (dest < XVS_DEST_SET && (!to || to->sw != sw)))
		return refuse(w, p, REASON_NO_PORT, -ENOENT);
	if (!packet_parse_own(p))
		return refuse(w, p, REASON_BAD_HEADER, 0);
	if (p->x.port_in == XVS_PORT_NONE &&
	    (entered == XVS_PORT_NONE || inst->rights & XVS_RIGHT_IMPERSONATE))
		p->segment = own_segment(p, to);
	else if (p->x.port_in != entered)
		reason = enter_by_word(w, inst, sw, p);
	else if (is_changed)
		reason = enter_anew(w, p);
	if (reason != REASON_NONE) {
		p->x.port_in = entered;
		return refuse(w, p, reason, refused_code(reason));
	}
	p->x.flags |= XVS_PKT_INJECTED;
	counter_add(&inst->workers[w->w.nr].cost.originated, 1);
	on.sw = sw;
	return later_put(w, p, &on) ? 0 : -EAGAIN;
}

static void host_release(const struct xvs_host *h, struct xvs_packet *x, uint16_t reason)
{
	struct path_worker *w = path_worker_self();
	struct packet *p = owned(h, x);

	if (!p)
		return;
	give_back(h, w, p);
	packet_drop(w, p, p->x.port_in, p->stage, instance_of(h)->nr, reason);
}

/* ---- invalidation: [any] -------------------------------------------------------------------------- */

static void note_change(const struct xvs_host *h, struct epoch_change *c)
{
	const struct instance *inst = instance_of(h);
	const struct path *path = path_of_env(inst->env);
	struct path_switch *sw = rcu_read(&path->instance_switch[inst->nr]);

	c->instance = inst->nr;
	if (sw)
		epoch_log_add(&sw->log, c);
}

static void host_flow_invalidate(const struct xvs_host *h, uint64_t tags)
{
	struct epoch_change c = { .tags = tags };

	note_change(h, &c);
}

static void host_flow_invalidate_match(const struct xvs_host *h, const struct xvs_flow_key *key,
				       const struct xvs_flow_key *mask)
{
	struct epoch_change c = { .by_match = 1, .key = *key, .mask = *mask };

	note_change(h, &c);
}

/* Connections first, then the flows that were denied: a flow judged in between asks again. */
static void host_conn_invalidate(const struct xvs_host *h)
{
	const struct instance *inst = instance_of(h);
	struct path *path = path_of_env(inst->env);
	struct path_switch *sw = rcu_read(&path->instance_switch[inst->nr]);
	struct epoch_change c = { .tags = UINT64_MAX };

	for (uint32_t i = 0; sw && i < PORTS_MAX / 64; i++) {
		uint64_t ports = atomic_load_explicit(&sw->guarded[i], memory_order_acquire);

		for (; ports; ports &= ports - 1)
			conn_port_reauthorise(path->conns,
					      i * 64 + (uint32_t)__builtin_ctzll(ports));
	}
	note_change(h, &c);
}

void hostcalls_fill(struct instance_env *env)
{
	env->pull = host_pull;
	env->unshare = host_unshare;
	env->clone = host_clone;
	env->alloc = host_alloc;
	env->resume = host_resume;
	env->inject = host_inject;
	env->deliver = host_deliver;
	env->release = host_release;
	env->flow_invalidate = host_flow_invalidate;
	env->flow_invalidate_match = host_flow_invalidate_match;
	env->flow_collect = path_collect;
	env->conn_invalidate = host_conn_invalidate;
	env->offer = path_offer;
	shed_fill(env);
}
