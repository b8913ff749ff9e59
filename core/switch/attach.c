/* SPDX-License-Identifier: Apache-2.0 */
/* switch/attach.c - which members know a port, with which policies, and what they are told. */
#include "base/error.h"
#include "switch/portview.h"
#include "switch/world.h"

struct attachment *port_attachment(const struct port *p, const struct member *m)
{
	for (size_t i = 0; i < p->attached_count; i++)
		if (p->attached[i].member == m)
			return &p->attached[i];
	return NULL;
}

struct attachment *port_standing(const struct port *p, const struct member *m)
{
	if (m->state != MEMBER_RUNNING || !member_stands(m, &p->settings))
		return NULL;
	return port_attachment(p, m);
}

static int set_policies(const struct member *m, void *port_state, const struct settings *settings,
			struct xvs_error *err)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *s = &settings->items[i];
		void *prepared = NULL;
		int result;

		if (!member_has_feature(m, s->feature->id))
			continue;
		result = instance_policy_check(m->instance, port_state, s->feature->id,
					       s->value->bytes, &prepared, err);
		if (result < 0) {
			(void)error_context(err, "policy %s%s%s", s->feature->id,
					    err->field[0] ? ", " : "", err->field);
			return result;
		}
		instance_policy_apply(m->instance, port_state, s->feature->id, s->value->bytes,
				      prepared);
	}
	return 0;
}

int port_attach(struct port *p, struct member *m, const struct settings *settings,
		struct xvs_error *err)
{
	struct attachment *a = ARRAY_ADD(&p->attached, &p->attached_count);
	struct xvs_port facts;
	int result;

	if (!a)
		return error_set(err, -ENOMEM, "", "out of memory");
	port_facts(p, &facts);
	a->member = m;
	result = instance_port_attach(m->instance, &facts, &a->port_state, err);
	if (result < 0)
		goto err_forget;
	result = set_policies(m, a->port_state, settings, err);
	if (result < 0)
		goto err_detach;
	if (p->attached_count == 1)
		p->told = facts;
	return 0;

err_detach:
	instance_port_detach(m->instance, a->port_state);
err_forget:
	p->attached_count--;
	return result;
}

void port_detach(struct port *p, struct member *m)
{
	struct attachment *a = port_attachment(p, m);

	if (!a)
		return;
	port_tell_down(p, a);
	instance_port_detach(m->instance, a->port_state);
	array_remove(p->attached, &p->attached_count, (size_t)(a - p->attached), sizeof(*a));
}

void port_detach_all(struct port *p)
{
	while (p->attached_count > 0)
		port_detach(p, p->attached[p->attached_count - 1].member);
}

bool port_is_up(const struct port *p)
{
	return p->is_open && p->backend && p->backend->up;
}

static bool facts_equal(const struct xvs_port *a, const struct xvs_port *b)
{
	return a->mtu == b->mtu && a->segment == b->segment && a->speed_mbps == b->speed_mbps &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static void tell_up(const struct port *p, struct attachment *a, const struct xvs_port *facts)
{
	if (a->is_up || !port_is_up(p))
		return;
	a->is_up = true;
	instance_port_event(a->member->instance, a->port_state, XVS_PORT_UP, facts);
}

void port_tell_up(struct port *p, struct attachment *a)
{
	struct xvs_port facts;

	port_facts(p, &facts);
	tell_up(p, a, &facts);
}

void port_tell_news(struct port *p)
{
	struct xvs_port facts;
	bool is_changed;

	port_facts(p, &facts);
	is_changed = !facts_equal(&facts, &p->told);
	p->told = facts;
	for (size_t i = 0; i < p->attached_count; i++) {
		struct attachment *a = &p->attached[i];

		if (a->member->state != MEMBER_RUNNING)
			continue;
		if (is_changed)
			instance_port_event(a->member->instance, a->port_state, XVS_PORT_CHANGED,
					    &facts);
		tell_up(p, a, &facts);
	}
}

void port_tell_frozen(struct port *p, struct attachment *a)
{
	struct xvs_port facts;

	if (!a->is_up || a->member->state != MEMBER_RUNNING)
		return;
	/* UP comes next, or it is detached */
	a->is_up = false;
	port_facts(p, &facts);
	instance_port_event(a->member->instance, a->port_state, XVS_PORT_FROZEN, &facts);
}

void port_tell_down(struct port *p, struct attachment *a)
{
	struct xvs_port facts;

	if (!a->is_up)
		return;
	a->is_up = false;
	port_facts(p, &facts);
	instance_port_event(a->member->instance, a->port_state, XVS_PORT_DOWN, &facts);
	portview_tell(p);
}
