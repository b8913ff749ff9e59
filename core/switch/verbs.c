/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/verbs.c - single changes through the API, each with the rules of ownership
 * (architecture 16.7): what another owns is refused with its place, or overlaid on demand.
 */
#define XVS_USE_DRAFT /* XVS_FORMER */
#include <stdio.h>

#include "base/error.h"
#include "switch/feature.h"
#include "switch/former.h"
#include "switch/override.h"
#include "switch/team.h"
#include "switch/transaction.h"
#include "xvs/ext/convert.h"

struct verb {
	char target[TARGET_MAX];
	char feature[FEATURE_MAX];
	enum owner owner;
	bool is_override;
	bool is_on;
	struct port_spec *port;
	struct node *fields;
};

static void free_verb(void *arg)
{
	struct verb *v = arg;

	if (v->port)
		port_spec_finish(v->port);
	free(v->port);
	node_destroy(v->fields);
	free(v);
}

static struct verb *verb_create(const char *target, enum owner owner, bool is_override)
{
	struct verb *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	(void)str_copy(v->target, sizeof(v->target), target);
	v->owner = owner;
	v->is_override = is_override;
	return v;
}

static void no_memory(outcome_fn done, void *arg)
{
	static struct diags d;
	struct outcome o = { .code = -ENOMEM, .d = &d };

	d.count = 0;
	diag_add(&d, NULL, "out of memory");
	done(arg, &o);
}

static void ask(struct world *w, struct verb *v,
		int (*edit)(struct world *w, struct model *m, void *args, struct diags *d),
		const struct wish *wish)
{
	struct request request = { .edit = edit, .free_args = free_verb, .args = v, .wish = *wish };

	if (v)
		world_request(w, &request);
	else
		no_memory(wish->done, wish->arg);
}

/* ":12:3" of the file, for a message that names the owner. */
static const char *place(const struct model *m, const struct node *at, char *out, size_t size)
{
	out[0] = '\0';
	if (at && at->key_line != 0 && m->file->name)
		(void)snprintf(out, size, " (%s:%u:%u)", m->file->name, at->key_line,
			       at->key_column);
	return out;
}

/* ---- ports --------------------------------------------------------------------------------------- */

static int add_port(struct world *w, struct model *m, void *args, struct diags *d)
{
	struct verb *v = args;
	enum owner owner;
	int result;

	(void)w;
	if (!model_switch(m, v->target)) {
		diag_add(d, NULL, "switch %s does not exist", v->target);
		return -ENOENT;
	}
	if (model_port(m, v->target, v->port->name, &owner)) {
		diag_add(d, NULL, "port %s/%s exists already (owner: %s); remove it first",
			 v->target, v->port->name, owner_name(owner));
		return -EEXIST;
	}
	if (v->port->is_held) {
		char target[TARGET_MAX];

		target_print(target, v->target, v->port->name);
		result = model_mark(m, MARK_HELD, target, true);
		if (result < 0)
			return result;
		v->port->is_held = false;
	}
	result = model_add_port(m, v->target, v->port, v->owner);
	if (result == 0) {
		free(v->port); /* what it held is the model's now */
		v->port = NULL;
	}
	return result;
}

void world_port_add(struct world *w, const char *switch_name, struct port_spec *spec,
		    enum owner owner, const struct wish *wish)
{
	struct verb *v = verb_create(switch_name, owner, false);

	if (v) {
		v->port = spec;
	} else {
		port_spec_finish(spec);
		free(spec);
	}
	ask(w, v, add_port, wish);
}

static struct port *find_port(struct world *w, const char *target, struct diags *d)
{
	struct port *p = world_port(w, target);

	if (!p)
		diag_add(d, NULL, "port %s does not exist, or its name alone is not unique",
			 target);
	return p;
}

static int remove_port(struct world *w, struct model *m, void *args, struct diags *d)
{
	const struct verb *v = args;
	const struct port *p = find_port(w, v->target, d);

	if (!p)
		return -ENOENT;
	if (port_is_team(p)) {
		diag_add(d, NULL,
			 "port %s is that of the switch's team; it goes when \"team:\" and all "
			 "uplinks but one have gone",
			 p->full_name);
		return -EPERM;
	}
	if (p->owner != v->owner && !v->is_override) {
		diag_add_at(d, p->spec.at.line, p->spec.at.column,
			    "port %s belongs to %s; remove it there, or override", p->full_name,
			    owner_name(p->owner));
		return -EPERM;
	}
	if (p->owner == OWNER_FILE)
		return model_mark(m, MARK_REMOVED, p->full_name, true);
	(void)model_remove_port(m, p->sw->name, p->spec.name);
	model_prune(m);
	return 0;
}

void world_port_remove(struct world *w, const char *target, enum owner owner, bool override,
		       const struct wish *wish)
{
	ask(w, verb_create(target, owner, override), remove_port, wish);
}

static bool file_names(const struct model *m, const char *target)
{
	const char *slash = strchr(target, '/');
	const struct switch_spec *sw;
	char name[64];

	(void)snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash - target) : 0, target);
	sw = model_switch(m, name);
	for (size_t i = 0; sw && i < sw->port_count; i++)
		if (strcmp(sw->ports[i].name, slash + 1) == 0)
			return true;
	return false;
}

/* What was set over its policies goes with it.  Removed by somebody before, it does not come back either. */
static int leave_port(struct world *w, struct model *m, void *args, struct diags *d)
{
	const struct verb *v = args;
	const struct port *p = world_port(w, v->target);
	int result = 0;

	(void)d;
	if (!p)
		return file_names(m, v->target) ? model_mark(m, MARK_GONE, v->target, true) : 0;
	for (size_t i = m->value_count; i-- > 0;)
		if (strcmp(m->values[i].target, p->full_name) == 0)
			(void)model_drop_value(m, m->values[i].target, m->values[i].feature);
	(void)model_mark(m, MARK_HELD, p->full_name, false);
	if (p->owner == OWNER_FILE)
		result = model_mark(m, MARK_GONE, p->full_name, true);
	else
		(void)model_remove_port(m, p->sw->name, p->spec.name);
	model_prune(m);
	return result;
}

void world_port_leave(struct world *w, const char *target, const struct wish *wish)
{
	ask(w, verb_create(target, OWNER_API, true), leave_port, wish);
}

static int block_port(struct world *w, struct model *m, void *args, struct diags *d)
{
	const struct verb *v = args;
	struct port *p = find_port(w, v->target, d);

	if (!p)
		return -ENOENT;
	if (!v->is_on && !w->current->request.wish.is_dry_run)
		p->is_over_limit = false;
	return model_mark(m, MARK_BLOCKED, p->full_name, v->is_on);
}

void world_port_block(struct world *w, const char *target, bool blocked, const struct wish *wish)
{
	struct verb *v = verb_create(target, OWNER_API, false);

	if (v)
		v->is_on = blocked;
	ask(w, v, block_port, wish);
}

/* ---- instances ------------------------------------------------------------------------------------- */

static int enable_instance(struct world *w, struct model *m, void *args, struct diags *d)
{
	const struct verb *v = args;
	const struct member *member = world_member(w, v->target);
	char target[TARGET_MAX];

	if (!member) {
		diag_add(d, NULL, "instance %s does not exist, or its name alone is not unique",
			 v->target);
		return -ENOENT;
	}
	if (!v->is_on && member->module && module_is_builtin(member->module)) {
		diag_add(d, NULL,
			 "instance %s/%s is built in and cannot be disabled; unset its policies "
			 "where they are not wanted",
			 member->sw->name, member->name);
		return -EINVAL;
	}
	/* To enable what failed or was missing is to ask for another try. */
	w->retried = v->is_on ? member : NULL;
	target_print(target, member->sw->name, member->name);
	return model_mark(m, MARK_DISABLED, target, !v->is_on);
}

void world_instance_enable(struct world *w, const char *target, bool enabled,
			   const struct wish *wish)
{
	struct verb *v = verb_create(target, OWNER_API, false);

	if (v)
		v->is_on = enabled;
	ask(w, v, enable_instance, wish);
}

/* ---- policies -------------------------------------------------------------------------------------- */

/* A policy at one target, and who says what about it. */
struct policy_place {
	const struct vswitch *sw;
	const struct port *port; /* NULL: the switch */
	char target[TARGET_MAX];
	const struct node *base; /* the document there; NULL: none */
	enum owner base_owner;
	struct override_value *value;
	/* What is about to be set is owned as well where it stands by a former revision. */
	const struct node *any_base;
	const struct override_value *any_value;
};

static const struct node *policy_of(const struct node *policies, const char *feature)
{
	return policies ? node_get(policies, feature) : NULL;
}

static const struct node *switch_document(const struct switch_spec *sw, const char *feature)
{
	for (size_t i = 0; i < sw->chain_count; i++)
		if (policy_of(sw->chain[i].policies, feature))
			return policy_of(sw->chain[i].policies, feature);
	return policy_of(sw->policies, feature);
}

static const struct node *document_at(const struct model *m, const struct policy_place *at,
				      const char *feature)
{
	const struct switch_spec *spec = model_switch(m, at->sw->name);

	if (at->port)
		return policy_of(at->port->spec.policies, feature);
	return spec ? switch_document(spec, feature) : NULL;
}

static void find_formers(const struct model *m, const struct verb *v, struct policy_place *at)
{
	const struct xvs_feature *f = v->fields ? switch_feature(at->sw, v->feature) : NULL;
	const struct extension *ext = f ? switch_feature_owner(at->sw, f) : NULL;
	const struct xvs_feature *former;

	at->any_base = at->base;
	at->any_value = at->value;
	for (size_t n = 0; (former = f ? former_of(ext, f, n) : NULL); n++) {
		if (!at->any_base)
			at->any_base = document_at(m, at, former->id);
		if (!at->any_value)
			at->any_value = model_value(m, at->target, former->id);
	}
}

static int find_place(struct world *w, const struct model *m, const struct verb *v,
		      struct policy_place *at, struct diags *d)
{
	*at = (struct policy_place){ .sw = world_switch(w, v->target) };
	if (at->sw) {
		(void)str_copy(at->target, sizeof(at->target), at->sw->name);
	} else {
		at->port = world_port(w, v->target);
		if (!at->port) {
			diag_add(d, NULL, "%s is neither a switch nor a port", v->target);
			return -ENOENT;
		}
		at->sw = at->port->sw;
		(void)str_copy(at->target, sizeof(at->target), at->port->full_name);
		at->base_owner = at->port->owner;
	}
	at->base = document_at(m, at, v->feature);
	at->value = model_value(m, at->target, v->feature);
	find_formers(m, v, at);
	return 0;
}

/* Does the feature exist here, and at this level? */
static int check_feature(struct world *w, const struct policy_place *at, const struct verb *v,
			 struct diags *d)
{
	const struct xvs_feature *f = switch_feature(at->sw, v->feature);
	const char *nearest = NULL;

	if (!f && world_feature(w, v->feature, &nearest)) {
		diag_add(d, NULL, "policy %s: its extension is not in the chain of switch %s",
			 v->feature, at->sw->name);
		return -EINVAL;
	}
	if (!f) {
		diag_add(d, NULL, "policy %s is not known%s%s", v->feature,
			 nearest ? "; the nearest known is " : "", nearest ? nearest : "");
		return -EINVAL;
	}
	if (f->kind == XVS_FORMER && v->fields) {
		diag_add(d, NULL, "policy %s is a former revision of %s; set that", f->id,
			 former_current(switch_feature_owner(at->sw, f), f)->id);
		return -EINVAL;
	}
	if (f->kind != XVS_SETTING && f->kind != XVS_FORMER) {
		diag_add(d, NULL, "policy %s is reported by its extension and cannot be set",
			 f->id);
		return -EINVAL;
	}
	if (at->port && !(f->scope & XVS_PER_PORT)) {
		diag_add(d, NULL, "policy %s counts for a whole switch; set it on %s", f->id,
			 at->sw->name);
		return -EINVAL;
	}
	return 0;
}

/* What is set, or else taken away: which of it does the port's group forbid? */
static const struct node *forbidden(const struct model *m, const struct policy_place *at,
				    const struct verb *v, const struct group_spec **group)
{
	const struct switch_spec *sw = model_switch(m, at->sw->name);
	const struct xvs_feature *f = switch_feature(at->sw, v->feature);
	const struct node *fields = v->fields ? v->fields : at->base;

	*group = at->port && sw && at->port->spec.group[0] ? model_group(sw, at->port->spec.group)
							   : NULL;
	if (!*group || !fields ||
	    (f && former_lets(switch_feature_owner(at->sw, f), *group, v->feature)))
		return NULL;
	return group_forbids(*group, v->feature, fields);
}

static int check_owner(const struct model *m, const struct policy_place *at, const struct verb *v,
		       struct diags *d)
{
	const struct group_spec *group;
	const struct node *field = forbidden(m, at, v, &group);
	bool is_field = field && field->key && field != at->base;
	char where[128];

	if (v->is_override)
		return 0;
	if (at->any_value && at->any_value->owner != v->owner) {
		diag_add(d, NULL, "policy %s of %s was set by %s; change it there, or override",
			 v->feature, at->target, owner_name(at->any_value->owner));
		return -EPERM;
	}
	if (!at->any_value && at->any_base && at->base_owner != v->owner) {
		diag_add(d, NULL, "policy %s of %s belongs to %s%s; change it there, or override",
			 v->feature, at->target, owner_name(at->base_owner),
			 place(m, at->any_base, where, sizeof(where)));
		return -EPERM;
	}
	if (field && !(at->any_value && (at->any_value->is_overlay || !v->fields))) {
		struct node line = { .key_line = group->at.line, .key_column = group->at.column };

		diag_add(d, NULL,
			 "policy %s of %s: group %s%s does not list %s%s under override; change "
			 "the group in the file, or override",
			 v->feature, at->target, group->name, place(m, &line, where, sizeof(where)),
			 is_field ? "its field " : "it", is_field ? field->key : "");
		return -EPERM;
	}
	return 0;
}

static int unset_policy(struct model *m, const struct policy_place *at,
			struct override_value *value, struct diags *d)
{
	if (at->value && !at->value->removes) {
		(void)model_drop_value(m, at->target, value->feature);
		return 0;
	}
	/* The document below stays taken away. */
	if (at->value && at->value->fields) {
		node_destroy(at->value->fields);
		at->value->fields = NULL;
		return 0;
	}
	if (!at->base || at->value) {
		diag_add(d, NULL, "policy %s is not set on %s", value->feature, at->target);
		return -ENOENT;
	}
	value->removes = true;
	return model_set_value(m, value);
}

static int set_policy(struct world *w, struct model *m, void *args, struct diags *d)
{
	const struct verb *v = args;
	struct override_value value = { .owner = v->owner, .fields = v->fields };
	const struct group_spec *group;
	struct policy_place at;
	int result = find_place(w, m, v, &at, d);

	if (result == 0)
		result = check_feature(w, &at, v, d);
	if (result == 0)
		result = check_owner(m, &at, v, d);
	if (result < 0)
		return result;
	(void)str_copy(value.target, sizeof(value.target), at.target);
	(void)str_copy(value.feature, sizeof(value.feature), v->feature);
	value.is_overlay = (at.any_value && at.any_value->is_overlay) ||
			   (at.any_base && at.base_owner != v->owner) ||
			   forbidden(m, &at, v, &group) != NULL;
	if (!v->fields)
		return unset_policy(m, &at, &value, d);
	return model_set_value(m, &value);
}

void world_policy_set(struct world *w, const struct policy_change *change, const struct wish *wish)
{
	struct verb *v = verb_create(change->target, change->owner, change->is_override);

	if (v) {
		(void)str_copy(v->feature, sizeof(v->feature), change->feature);
		v->fields = change->fields;
	} else {
		node_destroy(change->fields);
	}
	ask(w, v, set_policy, wish);
}

/* ---- connections ----------------------------------------------------------------------------------- */

struct flush {
	outcome_fn done;
	void *arg;
	uint32_t count;
};

static void flushed(void *arg, int slow, struct instance *who)
{
	struct flush *f = arg;
	static struct diags none;
	char note[64];
	struct outcome o = { .d = &none, .note = note };

	(void)slow;
	(void)who;
	(void)snprintf(note, sizeof(note), "%u %s ended", f->count,
		       f->count == 1 ? "connection" : "connections");
	f->done(f->arg, &o);
	free(f);
}

void world_conn_flush(struct world *w, const struct conn_filter *filter, outcome_fn done, void *arg)
{
	struct flush *f = calloc(1, sizeof(*f));

	if (!f) {
		no_memory(done, arg);
		return;
	}
	f->done = done;
	f->arg = arg;
	f->count = conn_flush(path_conns(w->path), filter);
	/* who was denied is denied by his flow as well */
	for (size_t i = 0; i < w->switch_count; i++)
		vswitch_invalidate(w->switches[i]);
	path_settle(w->path, flushed, f);
}
