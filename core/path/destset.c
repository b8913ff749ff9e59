/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destset.c - sets of ports, as their makers change them.  [control]
 *
 * A number is used again only after no verdict names it: what was given back waits until so many do
 * that it is worth judging all flows of the switch anew, and for two grace periods then, since a
 * packet may have been set aside with its destination for a worker's next burst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path/control.h"
#include "path/destset.h"
#define XVS_USE_DRAFT
#include "xvs/ext/destset.h"

enum { ROOM_FIRST = 64, REST_MAX = 4096 };

enum slot_state { SLOT_FREE = 0, SLOT_USED = 1, SLOT_RESTS = 2, SLOT_LEAVES = 3 };

struct slot {
	uint16_t owner; /* instance */
	uint16_t state; /* enum slot_state */
};

/* The control thread's view of the table. */
struct destsets {
	struct slot *slots; /* as many as the table has room for; number 0 is none */
	uint32_t used, resting;
	uint32_t next; /* where to look for a free one */
};

/* Numbers that leave their rest: after two grace periods they are free. */
struct leaving {
	struct rcu_node rcu;    /* first */
	struct path_switch *sw; /* NULL: has gone */
	bool is_late;
};

static void set_free(struct rcu_node *node)
{
	free(node); /* its first member */
}

static void table_put(struct path_switch *sw, uint32_t number, struct destset *set)
{
	struct destset **place = &sw->destset_table->sets[number];
	struct epoch_change c = { .instance = DESTSET_TELLER,
				  .tags = destset_tag(XVS_DEST_SET | number) };
	struct destset *old = *place;

	rcu_publish(place, set);
	epoch_log_add(&sw->log, &c);
	if (old)
		rcu_defer(&old->rcu, set_free);
}

/* ---- numbers ----------------------------------------------------------------------------------- */

static bool grow(struct path_switch *sw)
{
	struct destset_table *old = sw->destset_table;
	uint32_t had = old ? old->room : 0;
	uint32_t room = had ? had * 2 : ROOM_FIRST;
	struct destset_table *t;
	struct slot *slots;

	if (had >= DESTSETS_MAX)
		return false;
	t = calloc(1, sizeof(*t) + room * sizeof(struct destset *));
	slots = realloc(sw->destsets->slots, room * sizeof(*slots));
	if (slots)
		sw->destsets->slots = slots;
	if (!t || !slots) {
		free(t);
		return false;
	}
	memset(slots + had, 0, (room - had) * sizeof(*slots));
	if (!had)
		slots[0].state = SLOT_USED; /* no set has number 0 */
	t->room = room;
	if (old)
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is copied */
		memcpy((void *)t->sets, (void *)old->sets, had * sizeof(struct destset *));
	rcu_publish(&sw->destset_table, t);
	rcu_free(old);
	return true;
}

static uint32_t room_of(const struct path_switch *sw)
{
	return sw->destset_table ? sw->destset_table->room : 0;
}

static void left(struct rcu_node *node)
{
	struct leaving *l = (struct leaving *)node;
	struct path_switch *sw = l->sw;

	if (!l->is_late) {
		l->is_late = true;
		rcu_defer(&l->rcu, left);
		return;
	}
	for (uint32_t n = 0; sw && n < room_of(sw); n++) {
		if (sw->destsets->slots[n].state == SLOT_LEAVES)
			sw->destsets->slots[n].state = SLOT_FREE;
	}
	if (sw)
		sw->destset_leaving = NULL;
	free(l);
}

/* One round at a time; who comes to rest meanwhile waits for the next. */
static void leave_rest(struct path_switch *sw)
{
	struct leaving *l = sw->destset_leaving ? NULL : calloc(1, sizeof(*l));

	if (!l)
		return;
	for (uint32_t n = 0; n < room_of(sw); n++) {
		if (sw->destsets->slots[n].state == SLOT_RESTS)
			sw->destsets->slots[n].state = SLOT_LEAVES;
	}
	sw->destsets->resting = 0;
	l->sw = sw;
	sw->destset_leaving = l;
	switch_move_epoch(sw);
	port_move_epoch(sw->none);
	rcu_defer(&l->rcu, left);
}

/* 0: none is free, nor will be. */
static uint32_t number_take(struct path_switch *sw)
{
	struct destsets *d = sw->destsets;
	uint32_t from;

	for (uint32_t turn = 0; d->slots && turn < room_of(sw); turn++) {
		uint32_t n = d->next++ & (room_of(sw) - 1);

		if (d->slots[n].state == SLOT_FREE)
			return n;
	}
	from = room_of(sw) ? room_of(sw) : 1;
	if (!grow(sw)) {
		leave_rest(sw); /* two grace periods later there are some, if any rest */
		return 0;
	}
	d->next = from;
	return d->next++;
}

/* ---- the interface ----------------------------------------------------------------------------- */

static struct path_switch *switch_of(const struct instance *i)
{
	return rcu_read(&path_of_env(i->env)->instance_switch[i->nr]);
}

static int may_change(const struct instance *i, struct path_switch **sw)
{
	if (!instance_is_on_control(i) || i->cls != XVS_FORWARD)
		return -EPERM;
	*sw = switch_of(i);
	return *sw ? 0 : -EAGAIN;
}

static bool owns(const struct path_switch *sw, const struct instance *i, uint32_t number)
{
	return sw->destsets && number < room_of(sw) && number > 0 &&
	       sw->destsets->slots[number].state == SLOT_USED &&
	       sw->destsets->slots[number].owner == i->nr;
}

static int set_create(const struct xvs_host *h)
{
	const struct instance *i = instance_of(h);
	struct path_switch *sw;
	uint32_t number;
	int code = may_change(i, &sw);

	if (code)
		return code;
	if (!sw->destsets)
		sw->destsets = calloc(1, sizeof(*sw->destsets));
	number = sw->destsets ? number_take(sw) : 0;
	if (!number)
		return sw->destsets && room_of(sw) >= DESTSETS_MAX ? -ENOSPC : -ENOMEM;
	sw->destsets->slots[number] = (struct slot){ i->nr, SLOT_USED };
	sw->destsets->used++;
	return (int)number;
}

static bool is_member(const struct destset *set, uint32_t port)
{
	for (uint32_t n = 0; n < set->count; n++) {
		if (set->ports[n] == port)
			return true;
	}
	return false;
}

static struct destset *set_alloc(uint32_t count)
{
	return calloc(1, sizeof(struct destset) + count * sizeof(uint32_t));
}

static int set_replace(const struct xvs_host *h, uint32_t number, const uint32_t *ports,
		       uint32_t count)
{
	const struct instance *i = instance_of(h);
	struct path_switch *sw;
	struct destset *set;
	int code = may_change(i, &sw);

	if (code)
		return code;
	if (!owns(sw, i, number) || count > PORTS_MAX)
		return -ENOENT;
	set = set_alloc(count);
	if (!set)
		return -ENOMEM;
	for (uint32_t n = 0; n < count; n++) {
		const struct path_port *port = path_port_of(sw->path, ports[n]);

		if (!port || port->sw != sw || port->is_leaving) {
			free(set);
			return -ENOENT;
		}
		if (!is_member(set, ports[n]))
			set->ports[set->count++] = ports[n];
	}
	table_put(sw, number, set);
	return 0;
}

static void set_end(struct path_switch *sw, uint32_t number)
{
	struct destsets *d = sw->destsets;

	table_put(sw, number, NULL);
	d->slots[number].state = SLOT_RESTS;
	d->used--;
	if (++d->resting >= REST_MAX)
		leave_rest(sw);
}

static void set_destroy(const struct xvs_host *h, uint32_t number)
{
	const struct instance *i = instance_of(h);
	struct path_switch *sw;

	if (may_change(i, &sw) == 0 && owns(sw, i, number))
		set_end(sw, number);
}

const struct xvs_destset_host destset_host = {
	.size = sizeof(destset_host),
	.create = set_create,
	.replace = set_replace,
	.destroy = set_destroy,
};

/* ---- what ends elsewhere ------------------------------------------------------------------------- */

/* Without memory the set is empty: a port that has gone must not become another by its number. */
static void without(struct path_switch *sw, uint32_t number, uint32_t port)
{
	const struct destset *old = sw->destset_table->sets[number];
	struct destset *set = set_alloc(old->count);

	for (uint32_t n = 0; set && n < old->count; n++) {
		if (old->ports[n] != port)
			set->ports[set->count++] = old->ports[n];
	}
	table_put(sw, number, set);
}

void destsets_forget_port(struct path_switch *sw, uint32_t port)
{
	for (uint32_t n = 0; n < room_of(sw); n++) {
		const struct destset *set = sw->destset_table->sets[n];

		if (set && is_member(set, port))
			without(sw, n, port);
	}
}

void destsets_forget_instance(struct path_switch *sw, uint32_t instance)
{
	for (uint32_t n = 1; n < room_of(sw); n++) {
		const struct slot *s = &sw->destsets->slots[n];

		if (s->state == SLOT_USED && s->owner == instance)
			set_end(sw, n);
	}
}

void destsets_finish(struct path_switch *sw)
{
	for (uint32_t n = 0; n < room_of(sw); n++)
		free(sw->destset_table->sets[n]);
	free(sw->destset_table);
	if (sw->destset_leaving)
		sw->destset_leaving->sw = NULL; /* its grace period is still to end */
	if (sw->destsets)
		free(sw->destsets->slots);
	free(sw->destsets);
}
