/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/apply.c - the file's wanted state: applied, or only checked.
 */
#include <stdio.h>

#include "base/error.h"
#include "switch/transaction.h"

struct apply_args {
	struct config_spec *spec;
	bool drops_overlays;
	char *file;
};

static void free_args(void *arg)
{
	struct apply_args *args = arg;

	config_spec_destroy(args->spec);
	free(args->file);
	free(args);
}

/* The file may take a switch away only when nobody else has ports on it. */
static int check_orphans(const struct model *m, struct diags *d)
{
	for (size_t i = 0; i < m->extra_count; i++) {
		const struct extra_port *extra = m->extras[i];

		if (model_switch(m, extra->switch_name))
			continue;
		diag_add(d, NULL,
			 "switch %s is not in the file any more, but port %s/%s is on it, whose "
			 "owner is %s; remove that port first",
			 extra->switch_name, extra->switch_name, extra->spec.name,
			 owner_name(extra->owner));
	}
	return d->count > 0 ? -EBUSY : 0;
}

static int set_file(struct model *m, struct config_spec *spec, const char *file,
		    bool drops_overlays, struct diags *d)
{
	int result = model_set_file(m, spec, file);

	if (result < 0)
		return result;
	d->file = m->file->name;
	result = check_orphans(m, d);
	if (result < 0)
		return result;
	if (drops_overlays)
		model_drop_overlays(m);
	model_prune(m);
	return 0;
}

static int edit(struct world *w, struct model *m, void *arg, struct diags *d)
{
	struct apply_args *args = arg;
	struct config_spec *spec = args->spec;

	(void)w;
	args->spec = NULL;
	return set_file(m, spec, args->file, args->drops_overlays, d);
}

/* 'spec' is taken in every case. */
static struct apply_args *args_create(struct config_spec *spec, const char *file)
{
	struct apply_args *args = calloc(1, sizeof(*args));

	if (args && file)
		args->file = strdup(file);
	if (!args || (file && !args->file)) {
		config_spec_destroy(spec);
		free(args);
		return NULL;
	}
	args->spec = spec;
	return args;
}

void world_apply(struct world *w, struct config_spec *spec, bool drop_overlays, const char *file,
		 const struct wish *wish)
{
	struct apply_args *args = args_create(spec, file);
	struct request request = {
		.edit = edit, .free_args = free_args, .args = args, .is_strict = true, .wish = *wish
	};

	if (!args) {
		world_refuse(&request);
		return;
	}
	args->drops_overlays = drop_overlays;
	world_request(w, &request);
}

/* ---- a plan that is thrown away ------------------------------------------------------------------ */

static struct config_spec *copy_spec(const struct config_spec *spec)
{
	struct config_spec *copy = calloc(1, sizeof(*copy));

	if (!copy)
		return NULL;
	copy->daemon.mac_pool = spec->daemon.mac_pool;
	copy->switches = calloc(spec->switch_count + 1, sizeof(*copy->switches));
	if (!copy->switches) {
		free(copy);
		return NULL;
	}
	for (size_t i = 0; i < spec->switch_count; i++) {
		if (switch_spec_copy(&spec->switches[i], &copy->switches[i]) < 0) {
			config_spec_destroy(copy);
			return NULL;
		}
		copy->switch_count++;
	}
	return copy;
}

int plan_for_spec(struct world *w, const struct config_spec *spec, struct diags *d,
		  struct model **model, struct plan **plan)
{
	const char *file = d->file;
	struct config_spec *copy = copy_spec(spec);
	struct model *m = copy ? model_copy(w->model) : NULL;
	int result = -ENOMEM;

	if (!m) {
		config_spec_destroy(copy);
		return -ENOMEM;
	}
	result = set_file(m, copy, file, false, d);
	d->file = file; /* the model's copy of the name goes with the model */
	w->is_checking = true;
	if (result == 0)
		result = plan_create(w, m, true, d, plan);
	w->is_checking = false;
	if (result < 0)
		model_destroy(m);
	else
		*model = m;
	return result;
}

/* ---- what running instances say, by check and abort ------------------------------------------------ */

enum { HELD_MAX = 64 }; /* features of switch scope of one extension; those above are not held */

/* What was prepared for the switch, which the ports' policies may name: aborted after theirs. */
struct held {
	uint32_t count;
	struct {
		const struct xvs_feature *feature;
		void *prepared;
	} items[HELD_MAX];
};

struct probe {
	struct plan *plan;
	struct plan_switch *ps;
	struct plan_port *pp; /* NULL: switch scope */
	struct plan_member *pm;
	void *port_state;
	struct held *held; /* for the answers of switch scope */
	bool asks_again;   /* also about what does not change */
};

static void release(const struct probe *probe)
{
	struct held *h = probe->held;

	while (h->count > 0) {
		h->count--;
		instance_policy_abort(probe->pm->member->instance, NULL,
				      h->items[h->count].feature->id, h->items[h->count].prepared);
	}
}

static void ask_policy(const struct probe *probe, const struct xvs_feature *f,
		       const struct value *value)
{
	struct instance *i = probe->pm->member->instance;
	struct xvs_error err = ERROR_INIT;
	struct position at;
	void *prepared = NULL;

	if (instance_policy_check(i, probe->port_state, f->id, value ? value->bytes : NULL,
				  &prepared, &err) == 0) {
		if (!probe->pp && probe->held->count < HELD_MAX) {
			probe->held->items[probe->held->count].feature = f;
			probe->held->items[probe->held->count++].prepared = prepared;
		} else {
			instance_policy_abort(i, probe->port_state, f->id, prepared);
		}
		return;
	}
	at = policy_position(probe->plan->model, probe->ps, probe->pp, probe->pm, f->id, err.field);
	plan_error(probe->plan, at, "%s %s%s%s: policy %s%s%s: %s", probe->pp ? "port" : "switch",
		   probe->ps->spec->name, probe->pp ? "/" : "",
		   probe->pp ? probe->pp->spec->name : "", f->id, err.field[0] ? ", " : "",
		   err.field, err.text);
}

/* Those that differ from what is in force, or may mean something else now. */
static void ask_policies(const struct probe *probe, const struct settings *now,
			 const struct settings *next)
{
	const struct extension *ext = probe->pm->ext;

	for (uint32_t n = 0; n < ext->feature_count; n++) {
		const struct value *old = settings_get(now, ext->features[n].id);
		const struct value *value = settings_get(next, ext->features[n].id);

		if ((old == value || (old && value && value_equal(old, value))) &&
		    !(value && probe->asks_again))
			continue;
		ask_policy(probe, &ext->features[n], value);
	}
}

static uint32_t free_id(const struct world *w)
{
	for (uint32_t id = 1; id < PORTS_MAX; id++)
		if (!w->by_id[id])
			return id;
	return 0;
}

/* A port that is only asked about: nothing is reserved for it. */
static void ask_about_new_port(struct world *w, struct probe *probe)
{
	static const struct settings none;
	struct instance *i = probe->pm->member->instance;
	struct xvs_error err = ERROR_INIT;
	struct xvs_port facts = { .size = sizeof(facts),
				  .id = free_id(w),
				  .name = probe->pp->spec->name,
				  .flags = XVS_PORT_PROBE,
				  .mtu = port_mtu(&probe->pp->spec->backend),
				  .segment = settings_segment(&probe->pp->settings) };

	if (facts.id == 0)
		return;
	memcpy(facts.uuid, probe->pp->uuid, sizeof(facts.uuid));
	if (probe->pp->has_mac)
		memcpy(facts.mac, probe->pp->mac, sizeof(facts.mac));
	if (probe->pp->spec->role == PORT_UPLINK)
		facts.flags |= XVS_PORT_UPLINK;
	if (probe->pp->spec->role == PORT_HOST)
		facts.flags |= XVS_PORT_INTERNAL;
	if (instance_port_attach(i, &facts, &probe->port_state, &err) < 0) {
		plan_error(probe->plan, probe->pp->spec->at, "port %s/%s: %s",
			   probe->ps->spec->name, probe->pp->spec->name, err.text);
		return;
	}
	ask_policies(probe, &none, &probe->pp->settings);
	instance_port_detach(i, probe->port_state);
}

/* Of one that is to come, by all that will stand in its chain: nobody prepares anything for it. */
static int ask(struct step *s, struct xvs_error *err)
{
	struct probe probe = { .plan = s->t->plan, .ps = s->plan_switch, .pp = s->plan_port };

	(void)err;
	for (size_t i = 0; i < probe.ps->member_count && !probe.pp->is_member; i++) {
		probe.pm = &probe.ps->members[i];
		probe.port_state = NULL;
		if (probe.pm->member->instance && !probe.pm->is_disabled &&
		    plan_member_stands(probe.pm, &probe.pp->settings))
			ask_about_new_port(s->t->w, &probe);
	}
	return s->t->d.count > 0 ? -EINVAL : 0;
}

const struct step_ops step_ask = { ask, NULL, NULL };

static void ask_about_port(struct world *w, struct probe *probe)
{
	const struct port *p = probe->pp->port;
	const struct attachment *a = p ? port_attachment(p, probe->pm->member) : NULL;

	if (a) {
		probe->port_state = a->port_state;
		ask_policies(probe, &p->settings, &probe->pp->settings);
	} else if (plan_member_stands(probe->pm, &probe->pp->settings)) {
		ask_about_new_port(w, probe);
	}
}

static void ask_running(struct plan *plan, struct plan_switch *ps, struct plan_member *pm)
{
	struct held held = { 0 };
	struct probe probe = { .plan = plan, .ps = ps, .pm = pm, .held = &held };

	ask_policies(&probe, &pm->member->settings, &pm->settings);
	probe.asks_again = plan_member_changes(pm);
	for (size_t i = 0; i < ps->port_count; i++) {
		if (ps->ports[i].is_member)
			continue;
		probe.pp = &ps->ports[i];
		probe.port_state = NULL;
		ask_about_port(plan->w, &probe);
	}
	release(&probe);
}

/* Of a switch that is not there yet: by an instance for the time of the question. */
static void ask_builtin(struct plan *plan, struct plan_switch *ps, struct plan_member *pm)
{
	const struct instance_args args = { .name = pm->spec->instance,
					    .switch_name = ps->spec->name,
					    .switch_uuid = ps->uuid,
					    .rights_allowed = ~0u,
					    .ports_max = PORTS_MAX };
	struct xvs_error err = ERROR_INIT;
	struct member member = { .ext = pm->ext };

	if (instance_create(pm->ext, &args, path_instance_env(plan->w->path), &member.instance,
			    &err) < 0) {
		plan_error(plan, ps->spec->at, "switch %s: %s", ps->spec->name, err.text);
		return;
	}
	pm->member = &member;
	ask_running(plan, ps, pm);
	pm->member = NULL;
	instance_destroy(member.instance);
}

static void ask_member(struct plan *plan, struct plan_switch *ps, struct plan_member *pm)
{
	if (pm->is_disabled)
		return;
	if (pm->member && pm->member->state == MEMBER_RUNNING)
		ask_running(plan, ps, pm);
	else if (!pm->member && pm->ext && module_is_builtin(pm->ext->module))
		ask_builtin(plan, ps, pm);
}

int world_check(struct world *w, const struct config_spec *spec, struct diags *d)
{
	struct model *model;
	struct plan *plan;

	if (plan_for_spec(w, spec, d, &model, &plan) < 0) {
		if (d->count == 0)
			diag_add(d, NULL, "out of memory");
		return -EINVAL;
	}
	for (size_t i = 0; i < plan->switch_count; i++)
		for (size_t n = 0; n < plan->switches[i].member_count; n++)
			ask_member(plan, &plan->switches[i], &plan->switches[i].members[n]);
	plan_destroy(plan);
	model_destroy(model);
	return d->count > 0 ? -EINVAL : 0;
}
