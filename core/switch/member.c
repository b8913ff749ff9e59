/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/member.c - one entry of a chain and its instance: started with the policies of switch
 * scope, before any port is attached (struct xvs_ops: order of life).
 */
#include "switch/upgrade.h"

struct member *member_create(struct vswitch *sw, const char *name, const char *extension)
{
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->sw = sw;
	(void)str_copy(m->name, sizeof(m->name), name);
	(void)str_copy(m->extension, sizeof(m->extension), extension);
	return m;
}

void member_destroy(struct member *m)
{
	if (!m)
		return;
	upgrade_forget(m);
	settings_finish(&m->settings);
	module_put(m->module);
	free(m);
}

const char *member_state_name(const struct member *m)
{
	static const char *const names[] = { "stopped", "running", "disabled", "missing",
					     "failed" };

	return names[m->state];
}

bool member_has_feature(const struct member *m, const char *feature)
{
	if (!m->ext)
		return false;
	for (uint32_t i = 0; i < m->ext->feature_count; i++)
		if (strcmp(m->ext->features[i].id, feature) == 0)
			return true;
	return false;
}

bool member_stands(const struct member *m, const struct settings *settings)
{
	if (!m->ext || !(m->ext->flags & XVS_EXT_POLICY_ONLY))
		return true;
	for (size_t i = 0; i < settings->count; i++)
		if (member_has_feature(m, settings->items[i].feature->id))
			return true;
	return false;
}

/* Numbers go round, so that counts of one that has gone are not taken for another's. */
static uint16_t take_number(struct world *w, struct member *m)
{
	for (unsigned tried = 1; tried < INSTANCES_MAX; tried++) {
		w->last_nr = w->last_nr % (INSTANCES_MAX - 1) + 1;
		if (w->by_nr[w->last_nr])
			continue;
		w->by_nr[w->last_nr] = m;
		return w->last_nr;
	}
	return 0;
}

static void give_number(struct member *m)
{
	struct counters *counters = m->sw->w->counters;

	if (m->nr == 0)
		return;
	counters_name(counters, COUNTERS_INSTANCE, 0, m->nr, NULL);
	for (uint32_t i = 0; i < m->ext->reason_count; i++)
		counters_name(counters, COUNTERS_REASON, m->nr, i, NULL);
	m->sw->w->by_nr[m->nr] = NULL;
	m->nr = 0;
}

void member_publish_names(const struct member *m)
{
	struct counters *counters = m->sw->w->counters;
	char name[TARGET_MAX];

	target_print(name, m->sw->name, m->name);
	counters_name(counters, COUNTERS_INSTANCE, 0, m->nr, name);
	for (uint32_t i = 0; i < m->ext->reason_count; i++)
		counters_name(counters, COUNTERS_REASON, m->nr, i, m->ext->reasons[i].name);
}

/* Does it keep anything with connections? */
static bool member_has_slot(const struct member *m)
{
	return m->instance->has_conn && !(m->instance->conn_scope.flags & XVS_CONN_SLOTLESS);
}

/* Those that leave in the same change still have theirs. */
static int take_slot(struct member *m, struct xvs_error *err)
{
	unsigned taken = 0;

	m->conn_slot = CONN_SLOTS; /* none */
	if (!member_has_slot(m))
		return 0;
	if (m->former && member_has_slot(m->former)) {
		m->conn_slot = m->former->conn_slot;
		return 0;
	}
	for (size_t i = 0; i < m->sw->member_count; i++) {
		const struct member *other = m->sw->members[i];

		if (other != m && other->instance && member_has_slot(other))
			taken |= 1u << other->conn_slot;
	}
	for (unsigned slot = 0; slot < CONN_SLOTS; slot++) {
		if (taken & 1u << slot)
			continue;
		m->conn_slot = (uint16_t)slot;
		return 0;
	}
	return error_set(err, -ENOSPC, "",
			 "%s (%s): the chain has %d extensions with " XVS_CONN
			 " already, which is the most; take one out",
			 m->name, m->extension, CONN_SLOTS);
}

/* Whose connections: one port's, or those of all ports of a switch. */
struct conn_scope {
	const struct vswitch *sw;
	uint32_t port; /* 0: all */
};

static bool is_in_scope(const void *arg, uint32_t port)
{
	const struct conn_scope *scope = arg;
	const struct port *p = port < PORTS_MAX ? scope->sw->w->by_id[port] : NULL;

	return p && p->sw == scope->sw && (scope->port == 0 || scope->port == port);
}

void member_leave_conns(const struct member *m, uint32_t port)
{
	const struct conn_scope scope = { m->sw, port };

	if (member_has_slot(m) && !m->is_succeeded)
		conn_clear_slot(path_conns(m->sw->w->path), m->conn_slot, is_in_scope, &scope);
}

static int set_policies(struct member *m, const struct settings *settings, struct xvs_error *err)
{
	for (size_t i = 0; i < settings->count; i++) {
		const struct setting *s = &settings->items[i];
		void *prepared = NULL;
		int result = instance_policy_check(m->instance, NULL, s->feature->id,
						   s->value->bytes, &prepared, err);

		if (result < 0) {
			(void)error_context(err, "policy %s%s%s", s->feature->id,
					    err->field[0] ? ", " : "", err->field);
			return result;
		}
		instance_policy_apply(m->instance, NULL, s->feature->id, s->value->bytes, prepared);
	}
	return 0;
}

bool member_fails_open(const struct chain_spec *spec, const struct extension *ext)
{
	return spec->on_failure == ON_FAILURE_OPEN ||
	       (spec->on_failure == ON_FAILURE_DEFAULT && ext && ext->cls == XVS_INSPECT);
}

int member_start(struct member *m, const struct settings *settings, struct xvs_error *err)
{
	struct world *w = m->sw->w;
	struct instance_args args = {
		.name = m->name,
		.switch_name = m->sw->name,
		.switch_uuid = m->sw->uuid,
		.nr = take_number(w, m),
		.rights_allowed = ~0u,
		.ports_max = PORTS_MAX,
		.is_upgrade = m->former != NULL,
		.owner = m,
	};
	int result;

	if (args.nr == 0)
		return error_set(err, -ENOSPC, "", "%s (%s): there are %d instances already",
				 m->name, m->extension, INSTANCES_MAX - 1);
	m->nr = args.nr;
	m->port_fn = NULL;
	result = instance_create(m->ext, &args, path_instance_env(w->path), &m->instance, err);
	if (result < 0)
		goto err_number;
	result = take_slot(m, err);
	if (result == 0)
		result = set_policies(m, settings, err);
	if (result < 0)
		goto err_instance;
	path_instance_bind(w->path, m->instance, m->sw->path_switch);
	m->state = MEMBER_RUNNING;
	m->problem[0] = '\0';
	member_publish_names(m);
	return 0;

err_instance:
	instance_destroy(m->instance);
	m->instance = NULL;
err_number:
	give_number(m);
	return result;
}

void member_stop(struct member *m)
{
	m->port_fn = NULL;
	upgrade_watch_end(m);
	instance_destroy(m->instance);
	m->instance = NULL;
	m->state = MEMBER_STOPPED;
	give_number(m);
}
