/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/upgrade.c - what is asked for: which module takes whose place, and may it.
 */
#include "switch/upgrade.h"

#include <stdio.h>

#include "base/error.h"
#include "ext/module_ref.h"
#include "switch/transaction.h"

/* What world_upgrade() was given. */
struct upgrade {
	char target[TARGET_MAX];
	struct upgrade_terms terms;
	struct module *module; /* of a way back: one reference; NULL: it is to be loaded */
	const struct extension *ext;
	const struct extension *from; /* of a way back: what has to go; NULL: whatever runs */
};

static void free_upgrade(void *arg)
{
	struct upgrade *u = arg;

	module_put(u->module);
	free(u);
}

static int say(struct diags *d, int code, const struct xvs_error *err, const struct member *m)
{
	diag_add(d, NULL, "instance %s/%s stays as it is: %s", m->sw->name, m->name, err->text);
	return code;
}

int upgrade_check_moves(const struct vswitch *sw, struct xvs_error *err)
{
	for (size_t i = 0; i < sw->port_count; i++) {
		const struct port *p = sw->ports[i];

		if (p->bundle || p->arrival)
			return error_set(err, -EBUSY, "",
					 "port %s is on the way %s another host; try again",
					 p->full_name, p->bundle ? "to" : "here from");
	}
	return 0;
}

/* Only what runs has a place that another could take. */
static int check_member(const struct member *m, struct diags *d)
{
	struct xvs_error err = ERROR_INIT;
	int code;

	if (m->module && module_is_builtin(m->module)) {
		diag_add(d, NULL, "instance %s/%s is built in: it is upgraded with xvsd",
			 m->sw->name, m->name);
		return -EINVAL;
	}
	if (m->state != MEMBER_RUNNING) {
		diag_add(
			d, NULL,
			"instance %s/%s is %s; only one that runs can be upgraded: xvsctl ext enable it "
			"first",
			m->sw->name, m->name, member_state_name(m));
		return -EINVAL;
	}
	if (m->instance->remote) {
		diag_add(d, NULL,
			 "instance %s/%s runs in a process of its own (isolation: process), where "
			 "it is not upgraded under traffic",
			 m->sw->name, m->name);
		return -EOPNOTSUPP;
	}
	code = upgrade_check_moves(m->sw, &err);
	return code < 0 ? say(d, code, &err, m) : 0;
}

/* A newer version may do what the one that runs may; more is the administrator's to grant. */
static int check_extension(const struct member *m, const struct extension *next,
			   struct xvs_error *err)
{
	uint32_t more = next->rights & ~m->ext->rights;
	char rights[128];

	if (next == m->ext)
		return error_set(err, -EALREADY, "", "%s: version %s is the one that runs",
				 module_path(next->module), next->version);
	if (next->cls != m->ext->cls)
		return error_set(err, -EINVAL, "",
				 "%s: %s %s is of class %s, and what runs of class %s",
				 module_path(next->module), next->id, next->version,
				 class_name(next->cls), class_name(m->ext->cls));
	if (!more)
		return 0;
	rights_print(more, rights, sizeof(rights));
	return error_set(err, -EPERM, "",
			 "%s: %s %s wants rights that what runs has not: %s; to grant them take it "
			 "out of the chain and put it in again",
			 module_path(next->module), next->id, next->version, rights);
}

static int load(struct world *w, struct upgrade *u, const struct member *m, struct xvs_error *err)
{
	const struct trust trust = trust_of(w->model->file->spec);
	struct chain_spec entry = { .isolation = ISOLATION_NONE };

	(void)str_copy(entry.extension, sizeof(entry.extension), m->extension);
	if (u->module)
		return 0;
	if (u->terms.file[0])
		return catalogue_load(u->terms.file, &trust, &entry, &u->module, &u->ext, err);
	return catalogue_find(&w->catalogue, &trust, &entry, &u->module, &u->ext, err);
}

/* What the search path has needs no record: it is found there again. */
static int choose(struct world *w, struct model *m, const struct upgrade *u, const char *target)
{
	const struct trust trust = trust_of(w->model->file->spec);
	const char *file = u->terms.file[0] ? u->terms.file : module_path(u->module);
	const struct extension *ext;
	struct module *found;
	struct chain_spec entry = { .isolation = ISOLATION_NONE };

	(void)str_copy(entry.extension, sizeof(entry.extension), u->ext->id);
	if (catalogue_find(&w->catalogue, &trust, &entry, &found, &ext, NULL) == 0) {
		if (found == u->module)
			file = NULL;
		module_put(found);
	}
	return model_choose(m, target, file);
}

static int edit(struct world *w, struct model *m, void *args, struct diags *d)
{
	struct upgrade *u = args;
	struct member *member = world_member(w, u->target);
	struct xvs_error err = ERROR_INIT;
	char target[TARGET_MAX];
	int code;

	if (!member) {
		diag_add(d, NULL, "instance %s does not exist, or its name alone is not unique",
			 u->target);
		return -ENOENT;
	}
	code = check_member(member, d);
	if (code < 0)
		return code;
	if (u->from && member->ext != u->from) {
		diag_add(d, NULL, "instance %s has been upgraded meanwhile", u->target);
		return -ECANCELED;
	}
	code = load(w, u, member, &err);
	if (code == 0)
		code = check_extension(member, u->ext, &err);
	if (code < 0)
		return say(d, code == -ENOENT ? -ENXIO : code, &err, member);
	u->terms.former = member;
	target_print(target, member->sw->name, member->name);
	code = choose(w, m, u, target);
	/* make_plan() takes it away, which no refusal comes to */
	if (code == 0)
		w->succession = (struct succession){ member, module_get(u->module), u->ext };
	return code;
}

struct upgrade_terms *upgrade_terms_of(const struct transaction *t)
{
	return t->request.edit == edit ? &((struct upgrade *)t->request.args)->terms : NULL;
}

static void ask(struct world *w, struct upgrade *u, const struct wish *wish)
{
	struct request request = {
		.edit = edit, .free_args = free_upgrade, .args = u, .wish = *wish
	};

	if (u)
		world_request(w, &request);
	else
		world_refuse(&request);
}

void world_upgrade(struct world *w, const struct upgrade_wish *upgrade, const struct wish *wish)
{
	struct upgrade *u = calloc(1, sizeof(*u));

	if (u) {
		(void)str_copy(u->target, sizeof(u->target), upgrade->target);
		(void)str_copy(u->terms.file, sizeof(u->terms.file),
			       upgrade->file ? upgrade->file : "");
		u->terms.is_cold = upgrade->is_cold;
		u->terms.watch_s = upgrade->watch_s;
	}
	ask(w, u, wish);
}

static void went_back(void *arg, const struct outcome *o)
{
	(void)arg;
	if (o->code < 0)
		log_message(MSG_UPGRADE, "a version that broke its budget stays: %s",
			    o->d->count ? o->d->items[0].text : "out of memory");
}

void upgrade_back(struct member *m, struct module *former, const struct extension *ext,
		  const char *why)
{
	static const struct wish nobodys = { .done = went_back };
	struct upgrade *u = calloc(1, sizeof(*u));

	if (u) {
		target_print(u->target, m->sw->name, m->name);
		u->module = module_get(former);
		u->ext = ext;
		u->from = m->ext;
		u->terms.is_cold = true;
		u->terms.is_back = true;
		(void)str_copy(u->terms.why, sizeof(u->terms.why), why);
	}
	ask(m->sw->w, u, &nobodys);
}

/* ---- afterwards ---------------------------------------------------------------------------------- */

json_t *upgrade_describe(const struct member *m)
{
	const struct upgrade_report *r = m->upgraded;
	json_t *j;

	if (!r)
		return NULL;
	j = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "from", r->from, "to", r->to,
		      "format", (json_int_t)r->format, "rounds", (json_int_t)r->rounds, "records",
		      (json_int_t)r->records, "bytes", (json_int_t)r->bytes, "paused_us",
		      (json_int_t)(r->paused_ns / 1000), "outcome",
		      r->is_back ? "went back"
		      : m->watch ? "watched"
				 : "stays");
	if (r->why[0])
		(void)json_object_set_new(j, "why", json_string(r->why));
	return j;
}

void upgrade_forget(struct member *m)
{
	upgrade_watch_end(m);
	free(m->upgraded);
	m->upgraded = NULL;
}
