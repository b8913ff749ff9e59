/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.c - ports of the path: coming, being reconfigured, going.  [control]
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "path/control.h"
#include "path/destset.h"
#include "path/link.h"
#include "path/rate.h"
#include "path/shed.h"

void conf_number(struct port_conf *conf)
{
	static uint64_t last;

	conf->serial = ++last;
}

/* ---- epochs: after something was published -------------------------------------------------- */

void port_move_epoch(struct path_port *port)
{
	atomic_store_explicit(&port->hard, epoch_bump(), memory_order_release);
	epoch_told();
}

void switch_move_epoch(struct path_switch *sw)
{
	uint64_t epoch = epoch_bump();
	const struct port_list *list = sw->ports;

	for (uint32_t i = 0; list && i < list->count; i++)
		atomic_store_explicit(&list->ports[i]->hard, epoch, memory_order_release);
	epoch_told();
}

void path_port_invalidate(struct path_port *port)
{
	port_move_epoch(port);
}

/* ---- the list of a switch's ports -------------------------------------------------------------- */

static struct port_list *list_create(const struct port_list *old, struct path_port *add,
				     const struct path_port *without)
{
	uint32_t count = old ? old->count : 0;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): places for pointers is what is meant */
	struct port_list *list = calloc(1, sizeof(*list) + (count + 1) * sizeof(list->ports[0]));

	if (!list)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		if (old->ports[i] != without)
			list->ports[list->count++] = old->ports[i];
	}
	if (add)
		list->ports[list->count++] = add;
	return list;
}

static void list_replace(struct path_switch *sw, struct port_list *list)
{
	struct port_list *old = sw->ports;

	rcu_publish(&sw->ports, list);
	rcu_free(old);
	switch_move_epoch(sw);
}

/* ---- receive queues ------------------------------------------------------------------------------ */

/* A queue in memory is polled; what has neither a descriptor nor arm() cannot be waited for. */
static struct rx_queue *queues_create(struct path_port *port, const struct backend *backend)
{
	uint32_t count = backend->rx_queues;
	struct rx_queue *queues =
		aligned_alloc(_Alignof(struct rx_queue), (count ? count : 1) * sizeof(*queues));

	for (uint32_t i = 0; queues && i < count; i++) {
		queues[i] = (struct rx_queue){ .port = port,
					       .nr = i,
					       .fd = backend->kick[i],
					       .is_kernel = backend->is_kernel != 0 };
		queues[i].is_polled = backend->kick[i] < 0 || backend->ops->arm;
	}
	return queues;
}

/* ---- coming -------------------------------------------------------------------------------------- */

static void guard(struct path_port *port, const struct port_conf *conf)
{
	_Atomic uint64_t *word = &port->sw->guarded[port->id / 64];
	uint64_t bit = UINT64_C(1) << (port->id % 64);

	if (conf->ingress.conn_place < CHAIN_MAX || conf->egress.conn_place < CHAIN_MAX)
		atomic_fetch_or_explicit(word, bit, memory_order_release);
	else
		atomic_fetch_and_explicit(word, ~bit, memory_order_release);
}

static void weigh_queues(struct path_port *port, const struct port_conf *conf)
{
	for (uint32_t i = 0; i < port->backend->rx_queues; i++)
		__atomic_store_n(&port->queues[i].weight, conf->weight, __ATOMIC_RELAXED);
}

static void tell_rated(struct path_port *port, const struct port_conf *conf)
{
	bool is_limited = (conf->rate_kinds & (1u << RATE_FROM | 1u << RATE_RESERVED)) != 0;

	__atomic_store_n(&port->is_rated, is_limited || port->is_paused, __ATOMIC_RELAXED);
}

/* What goes after a machine that has left is not what the port sent. */
static void exit_of(struct port_conf *conf, const struct path_port *port, struct backend *backend)
{
	conf->backend = conf->relay ? conf->relay : backend;
	conf->counted_at = conf->relay ? 0 : port->id;
}

struct path_port *path_port_add(struct path *path, uint32_t id, const char *name,
				struct port_conf *conf, struct backend *backend,
				struct xvs_error *err)
{
	struct path_port *port = calloc(1, sizeof(*port));
	struct port_list *list = list_create(conf->sw->ports, port, NULL);
	struct rx_queue *queues = queues_create(port, backend);
	struct rate_state *rate = rate_create(port, path->worker_count);

	if (!port || !list || !queues || !rate || id == 0 || id >= PORTS_MAX || path->ports[id]) {
		free(port);
		free(list);
		free(queues);
		free(rate);
		free(conf);
		(void)error_set(err, -ENOMEM, "", "port %s: out of memory or of port numbers",
				name);
		return NULL;
	}
	port->id = id;
	port->role = conf->role;
	port->path = path;
	port->sw = conf->sw;
	port->backend = backend;
	port->queues = queues;
	port->rate = rate;
	tell_rated(port, conf);
	weigh_queues(port, conf);
	(void)str_copy(port->name, sizeof(port->name), name);
	conf->port = port;
	exit_of(conf, port, backend);
	conf_number(conf);
	port->conf = conf;
	guard(port, conf);
	port_move_epoch(port);
	rcu_publish(&path->ports[id], port);
	list_replace(conf->sw, list);
	for (uint32_t i = 0; i < backend->rx_queues; i++)
		balance_add(path, &queues[i]);
	return port;
}

/* ---- being reconfigured --------------------------------------------------------------------------- */

static void conf_free(struct rcu_node *node)
{
	free((char *)node - offsetof(struct port_conf, rcu));
}

/* Facts by which floods and unknown addresses choose ports. */
static bool reach_differs(const struct port_conf *a, const struct port_conf *b)
{
	return a->is_open != b->is_open || a->is_member != b->is_member ||
	       a->is_trunk != b->is_trunk || a->is_private != b->is_private ||
	       a->learns != b->learns || a->all_tags != b->all_tags || a->segment != b->segment ||
	       a->role != b->role || a->relay != b->relay ||
	       memcmp(a->allowed, b->allowed, sizeof(a->allowed)) != 0;
}

void path_port_publish(struct path_port *port, struct port_conf *conf)
{
	struct port_conf *old = port->conf;
	bool everyone = reach_differs(old, conf);
	bool is_other_team = old->guest_team != conf->guest_team;

	conf->port = port;
	exit_of(conf, port, port->backend);
	conf_number(conf);
	guard(port, conf);
	rate_change(port->rate, old, conf);
	weigh_queues(port, conf);
	rcu_publish(&port->conf, conf);
	tell_rated(port, conf);
	if (everyone)
		switch_move_epoch(port->sw);
	else
		port_move_epoch(port);
	if (is_other_team)
		l2_send_home(&port->sw->l2, port, path_owner_changed, port->sw);
	rcu_defer(&old->rcu, conf_free);
}

void path_port_pause(struct path_port *port, bool on)
{
	__atomic_store_n(&port->is_paused, on, __ATOMIC_RELAXED);
	tell_rated(port, port->conf);
}

/* ---- going ---------------------------------------------------------------------------------------- */

struct removal {
	struct rcu_node rcu;
	struct path_port *port;
	void (*done)(void *arg);
	void *arg;
};

static bool entry_touches(struct flow_entry *e, uint32_t port)
{
	if (e->leg.port == port || e->key.other == port)
		return true;
	for (uint32_t i = 0; i < e->out_count; i++) {
		if (flow_out(e, i)->port == port)
			return true;
	}
	return false;
}

struct retiring {
	struct path_worker *worker;
	uint32_t port;
};

static void retire_touching(void *arg, struct flow_entry *e)
{
	const struct retiring *r = arg;

	if (entry_touches(e, r->port))
		flow_retire(r->worker->cache, e);
}

static void leave_worker(struct path_worker *w, void *arg)
{
	struct path_port *port = ((struct removal *)arg)->port;
	struct retiring r = { w, port->id };

	poll_remove_port(w, port);
	later_drop_port(w, port->id);
	park_drop_port(w, port->id);
	shape_drop_port(w, port->id);
	link_drop_port(w, port->id);
	nat_forget_port(w, port->id);
	flow_each(w->cache, retire_touching, &r);
	flow_reclaim(w->cache);
}

static void removed(struct rcu_node *node)
{
	struct removal *r = (struct removal *)node;

	free(r->port->conf);
	free(r->port->queues);
	free(r->port->rate);
	path_link_free(r->port->link);
	free(r->port->heard);
	free(r->port);
	r->done(r->arg);
	free(r);
}

static void left_workers(void *arg)
{
	struct removal *r = arg;

	rcu_publish(&r->port->path->ports[r->port->id], NULL);
	rcu_defer(&r->rcu, removed);
}

static void closed(struct rcu_node *node)
{
	struct removal *r = (struct removal *)node;

	if (path_each_worker(r->port->path, leave_worker, left_workers, r) != 0)
		left_workers(r);
}

static void address_gone(void *arg, uint32_t segment, const uint8_t mac[6])
{
	path_switch_address_changed(arg, segment, mac);
}

void path_port_remove(struct path_port *port, void (*done)(void *arg), void *arg)
{
	struct removal *r = calloc(1, sizeof(*r));
	struct port_conf *conf = malloc(sizeof(*conf));
	struct port_list *list = list_create(port->sw->ports, NULL, port);

	if (!r || !conf || !list)
		abort(); /* nothing sensible is left to do: a port that cannot go would never end */
	*r = (struct removal){ .port = port, .done = done, .arg = arg };
	*conf = *port->conf;
	conf->is_open = false;
	conf->relay = NULL;
	conf->team = NULL; /* which may go before it does */
	conf->is_member = false;
	conf->learns = false; /* a letter under way would bring its address back */
	conf->guest_team = 0;
	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	balance_remove(port->path, port);
	port->is_leaving = true;
	shed_forget_port(port->path->shed, port->id);
	l2_forget_port(&port->sw->l2, port, address_gone, port->sw);
	destsets_forget_port(port->sw, port->id);
	path_port_publish(port, conf);
	list_replace(port->sw, list);
	rcu_defer(&r->rcu, closed);
}
