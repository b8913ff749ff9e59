/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a session: made by check, in force by apply, left by the workers, drained, freed.
 */
#include <stdlib.h>
#include <string.h>

#include "capture.h"

struct session *session_create(struct capture *c, const struct capture_policy *policy,
			       struct cbpf_program *filter)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->owner = c;
	s->policy = policy;
	s->filter = filter;
	s->snaplen = policy->snaplen;
	s->look = filter ? cbpf_reach(filter, SNAPLEN_MAX) : 0;
	if (s->look < s->snaplen)
		s->look = s->snaplen;
	s->direction = policy->direction;
	writer_init(&s->writer, c->host);
	memcpy(s->writer.path, policy->file, sizeof(s->writer.path));
	s->writer.max_bytes = policy->max_bytes;
	s->writer.files = policy->files;
	s->writer.snaplen = policy->snaplen;
	return s;
}

void session_destroy(struct session *s)
{
	if (!s)
		return;
	free(s->filter);
	free(s);
}

uint64_t session_lost(const struct capture *c)
{
	uint64_t lost = 0;

	for (uint32_t w = 0; w < c->workers; w++)
		lost += c->rings[w] ? ring_lost(c->rings[w]) : 0;
	return lost;
}

static bool policy_names(const struct capture_policy *policy, const char *name)
{
	const uint8_t *item = policy->ports.items;

	for (uint32_t i = 0; i < policy->ports.count; i++, item += policy->ports.stride) {
		if (strcmp((const char *)item, name) == 0)
			return true;
	}
	return policy->ports.count == 0;
}

void session_choose_port(struct capture *c, struct capture_port *port)
{
	const struct session *s = atomic_load_explicit(&c->current, memory_order_relaxed);
	bool wanted = s && policy_names(s->policy, port->iface->name);

	atomic_store_explicit(&port->wanted, wanted ? s->number : 0, memory_order_release);
}

/* Deferred: no worker captures for it any more. */
static void session_left(void *arg)
{
	struct session *s = arg;

	if (!s->owner) {
		session_destroy(s);
		return;
	}
	s->left = true;
	drain_arm(s->owner);
}

void session_switch(struct capture *c, struct session *s)
{
	struct session *old;

	if (s) {
		s->number = ++c->numbers;
		s->lost_before = session_lost(c);
		s->next = c->sessions;
		c->sessions = s;
	}
	old = atomic_exchange_explicit(&c->current, s, memory_order_acq_rel);
	for (struct capture_port *port = c->ports; port; port = port->next)
		session_choose_port(c, port);
	if (old)
		c->host->defer(c->host, session_left, old);
	drain_arm(c);
}
