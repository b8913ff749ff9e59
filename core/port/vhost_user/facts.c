/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/facts.c - what an operator gets to know of a vhost-user port.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "port/vhost_user/session.h"

struct list {
	struct backend_fact *facts;
	uint32_t count;
	uint32_t max;
};

static char *add(struct list *l, const char *name)
{
	struct backend_fact *f;

	if (l->count == l->max)
		return NULL;
	f = &l->facts[l->count++];
	(void)str_copy(f->name, sizeof(f->name), name);
	f->value[0] = '\0';
	return f->value;
}

enum { VALUE = sizeof(((struct backend_fact *)NULL)->value) };

static void add_front_end(struct list *l, const struct session *s)
{
	char *value = add(l, "front end");

	if (value && s->fd >= 0)
		(void)snprintf(value, VALUE, "process %d", (int)s->peer);
	else if (value && s->sessions == 0)
		(void)snprintf(value, VALUE, "none yet");
	else if (value)
		(void)snprintf(value, VALUE, "the last one left because %.76s", s->why);
}

static void add_features(struct list *l, const struct session *s, const char *name,
			 enum features_group group)
{
	char *value = add(l, name);

	if (value)
		features_print(s->features, group, value, VALUE);
}

static uint64_t memory_bytes(const struct session *s)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < s->region_count; i++)
		bytes += s->regions[i].size;
	return bytes;
}

static void add_memory(struct list *l, const struct session *s)
{
	char *value = add(l, "memory");

	if (value)
		(void)snprintf(value, VALUE, "%llu MiB in %u regions%s",
			       (unsigned long long)(memory_bytes(s) >> 20), s->region_count,
			       s->log ? ", writes logged for migration" : "");
}

static const char *kind(const struct session *s)
{
	return vhost_has(s->features, VHOST_RING_PACKED) ? "packed" : "split";
}

static unsigned long long counted(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* What a guest and its front end do not do as a rule: told where it was. */
static void add_odd(char *value, unsigned long long count, const char *what)
{
	const size_t len = strlen(value);

	if (count)
		(void)snprintf(value + len, VALUE - len, ", %llu %s", count, what);
}

static void add_ring(struct list *l, const struct session *s, uint32_t nr)
{
	const struct session_ring *wanted = &s->rings[nr];
	const struct vhost_ring *r = &s->device->rings[nr];
	const bool runs = s->seen && s->seen->view.rings[nr].desc;
	char name[24];
	char *value;

	if (wanted->size == 0)
		return;
	(void)snprintf(name, sizeof(name), "ring %u", nr);
	value = add(l, name);
	if (!value)
		return;
	(void)snprintf(value, VALUE, "%s %s %u, %llu packets, %llu full, %llu interrupts",
		       runs ? "runs" : "stopped", kind(s), wanted->size, counted(&r->packets),
		       counted(&r->full), counted(&r->kicks));
	add_odd(value, counted(&r->passed), "used by others");
	add_odd(value, counted(&r->late), "kicks missed");
}

uint32_t session_facts(const struct session *s, struct backend_fact *out, uint32_t max)
{
	struct list l = { out, 0, max };
	char *value;

	add_front_end(&l, s);
	if (s->fd < 0)
		return l.count;
	add_features(&l, s, "rings", FEATURES_RING);
	add_features(&l, s, "guest takes", FEATURES_TAKES);
	add_features(&l, s, "guest sends", FEATURES_SENDS);
	add_memory(&l, s);
	if (s->guest_mtu && (value = add(&l, "guest mtu")))
		(void)snprintf(value, VALUE, "%u", s->guest_mtu);
	for (uint32_t i = 0; i < s->device->ring_count; i++)
		add_ring(&l, s, i);
	return l.count;
}
