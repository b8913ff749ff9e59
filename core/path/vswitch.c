/* SPDX-License-Identifier: Apache-2.0 */
/* vswitch.c - switches of the path: address table, log of exact changes, bound instances.  [control] */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "path/control.h"
#include "path/destset.h"

struct path_switch *path_switch_create(struct path *path)
{
	struct path_switch *sw = calloc(1, sizeof(*sw));

	if (!sw)
		return NULL;
	sw->none = calloc(1, sizeof(*sw->none));
	if (!sw->none || l2_init(&sw->l2) != 0) {
		free(sw->none);
		free(sw);
		return NULL;
	}
	sw->path = path;
	sw->nr = ++path->switch_count;
	sw->none->path = path;
	sw->none->sw = sw;
	return sw;
}

void path_switch_destroy(struct path_switch *sw)
{
	if (!sw)
		return;
	/* twice: what a worker put aside for its next burst may name the switch */
	rcu_synchronize();
	rcu_synchronize();
	l2_finish(&sw->l2);
	free(sw->ports);
	destsets_finish(sw);
	mirror_table_destroy(sw->mirrors);
	free(sw->none->conf);
	free(sw->none);
	free(sw);
}

static void conf_free(struct rcu_node *node)
{
	free((char *)node - offsetof(struct port_conf, rcu));
}

void path_switch_nowhere(struct path_switch *sw, struct port_conf *conf)
{
	struct port_conf *old = sw->none->conf;

	conf->port = sw->none;
	conf->sw = sw;
	conf_number(conf);
	rcu_publish(&sw->none->conf, conf);
	port_move_epoch(sw->none);
	if (old)
		rcu_defer(&old->rcu, conf_free);
}

void path_switch_address_changed(struct path_switch *sw, uint32_t segment, const uint8_t mac[6])
{
	struct epoch_change c = { .by_match = 1 };

	/* the segment is not part of the public key: a match by address alone judges a few too many */
	(void)segment;
	memcpy(c.key.eth_dst, mac, 6);
	memset(c.mask.eth_dst, 0xff, 6);
	epoch_log_add(&sw->log, &c);
}

/* Flows from it are judged again where it was: should it be there still, it tells so at once. */
static void address_moved(struct path_switch *sw, const uint8_t mac[6])
{
	struct epoch_change c = { .by_match = 1 };

	memcpy(c.key.eth_src, mac, 6);
	memset(c.mask.eth_src, 0xff, 6);
	epoch_log_add(&sw->log, &c);
}

void path_owner_changed(void *sw, uint32_t segment, const uint8_t mac[6])
{
	path_switch_address_changed(sw, segment, mac);
	address_moved(sw, mac);
}

static uint64_t moves_of(const struct l2 *l2)
{
	uint64_t moved;
	uint64_t held;

	l2_moves(l2, &moved, &held);
	return moved;
}

void path_learn(struct path_port *port, uint32_t segment, const uint8_t mac[6])
{
	struct path_switch *sw = port->sw;
	uint64_t moves = moves_of(&sw->l2);
	enum l2_lesson learned =
		l2_learn(&sw->l2, segment, mac, port, port->conf->learn_limit, clock_ns());

	if (learned == L2_LEARNED)
		path_switch_address_changed(sw, segment, mac);
	if (moves_of(&sw->l2) != moves)
		address_moved(sw, mac);
	if (learned == L2_LIMITED && port->conf->closes_at_limit && port->path->limited)
		port->path->limited(port->path->limited_arg, port->id);
}

/* ---- instances ----------------------------------------------------------------------------------- */

void path_instance_bind(struct path *path, struct instance *i, struct path_switch *sw)
{
	rcu_publish(&path->instance_switch[i->nr], sw);
	rcu_publish(&path->instances[i->nr], i);
}

struct forgetting {
	struct path *path;
	struct instance *instance;
	bool is_one_port; /* steps with this port_state alone */
	void *port_state;
	void (*done)(void *arg);
	void *arg;
};

static bool leg_names(const struct flow_leg *leg, const struct forgetting *f)
{
	if (!f->is_one_port && leg->drop_instance == f->instance->nr &&
	    leg->drop_place != FLOW_NO_PLACE)
		return true;
	for (const struct flow_step *s = leg->steps; s; s = s->next) {
		if (s->instance == f->instance &&
		    (!f->is_one_port || s->port_state == f->port_state))
			return true;
	}
	return false;
}

struct naming {
	struct path_worker *worker;
	const struct forgetting *f;
};

static void retire_naming(void *arg, struct flow_entry *e)
{
	const struct naming *n = arg;
	bool named = leg_names(&e->leg, n->f);

	for (uint32_t i = 0; i < e->out_count && !named; i++)
		named = leg_names(flow_out(e, i), n->f);
	if (named)
		flow_retire(n->worker->cache, e);
}

static void forget_on(struct path_worker *w, void *arg)
{
	struct naming n = { w, arg };

	if (!n.f->is_one_port)
		park_forget(w, n.f->instance->nr);
	flow_each(w->cache, retire_naming, &n);
	flow_reclaim(w->cache);
}

static void forgotten(void *arg)
{
	struct forgetting *f = arg;

	if (!f->is_one_port) {
		struct path_switch *sw = rcu_read(&f->path->instance_switch[f->instance->nr]);

		if (sw)
			destsets_forget_instance(sw, f->instance->nr);
		rcu_publish(&f->path->instance_switch[f->instance->nr], NULL);
		rcu_publish(&f->path->instances[f->instance->nr], NULL);
	}
	f->done(f->arg);
	free(f);
}

static void forget(const struct forgetting *what)
{
	struct forgetting *f = malloc(sizeof(*f));

	if (!f)
		abort(); /* an instance that cannot be forgotten could never be freed */
	*f = *what;
	if (path_each_worker(f->path, forget_on, forgotten, f) != 0)
		abort();
}

void path_forget_instance(struct path *path, struct instance *i, void (*done)(void *arg), void *arg)
{
	forget(&(struct forgetting){ .path = path, .instance = i, .done = done, .arg = arg });
}

void path_forget_attachment(struct path *path, struct instance *i, void *port_state,
			    void (*done)(void *arg), void *arg)
{
	forget(&(struct forgetting){ .path = path,
				     .instance = i,
				     .is_one_port = true,
				     .port_state = port_state,
				     .done = done,
				     .arg = arg });
}
