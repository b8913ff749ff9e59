/* SPDX-License-Identifier: Apache-2.0 */
/* switch/world.c - all switches: made, found by name, destroyed. */
#include "switch/world.h"
#include "switch/portview.h"

#include "base/error.h"
#include "dhcp/process.h"
#include "switch/lldp.h"
#include "switch/takeover.h"
#include "switch/transaction.h"

static void publish_host_reasons(struct world *w)
{
	for (uint32_t reason = 0; reason < REASON_COUNT; reason++)
		counters_name(w->counters, COUNTERS_REASON, 0, reason, reason_name(reason));
}

static int build_in(struct world *w, const struct xvs_module *const *builtins,
		    struct xvs_error *err)
{
	int code = 0;

	for (; code == 0 && builtins && *builtins; builtins++)
		code = catalogue_build_in(&w->catalogue, *builtins, err);
	return code;
}

int world_create(const struct world_config *c, struct world **out, struct xvs_error *err)
{
	struct world *w = calloc(1, sizeof(*w));
	int code;

	if (!w)
		return error_set(err, -ENOMEM, "", "out of memory");
	w->loop = c->loop;
	w->path = c->path;
	path_lend(c->path, portview_offer);
	w->counters = c->counters;
	w->run_dir = c->run_dir;
	w->host_id = c->host_id;
	w->dhcp_dir = c->dhcp_dir;
	w->state_dir = c->state_dir;
	w->catalogue.dirs = c->extension_dirs;
	w->catalogue.dir_count = c->extension_dir_count;
	w->catalogue.lent = c->lent;
	w->catalogue.lent_count = c->lent_count;
	w->admit = c->admit;
	w->changed = c->changed;
	w->changed_arg = c->changed_arg;
	w->waiting_tail = &w->waiting;
	code = build_in(w, c->builtins, err);
	if (code < 0)
		goto err_catalogue;
	w->model = model_create();
	if (!w->model || ageing_start(w) < 0 || lldp_start(w) < 0) {
		code = error_set(err, -ENOMEM, "", "out of memory");
		goto err_model;
	}
	publish_host_reasons(w);
	if (w->dhcp_dir)
		dhcp_clean(w->dhcp_dir);
	if (w->state_dir)
		(void)world_recover_addresses(w->state_dir);
	*out = w;
	return 0;

err_model:
	model_destroy(w->model);
err_catalogue:
	catalogue_finish(&w->catalogue);
	free(w->exit_drops);
	free(w);
	return code;
}

void world_set_tolerant(struct world *w, bool is_tolerant)
{
	w->is_tolerant = is_tolerant;
}

/* ---- the end ------------------------------------------------------------------------------------- */

static int want_nothing(struct world *w, struct model *m, void *args, struct diags *d)
{
	struct config_spec *nothing = calloc(1, sizeof(*nothing));

	(void)w;
	(void)args;
	(void)d;
	return nothing ? model_set_file(m, nothing, NULL) : -ENOMEM;
}

static void free_world(struct letter *letter)
{
	struct world *w = (struct world *)((char *)letter - offsetof(struct world, farewell));
	void (*done)(void *arg) = w->destroyed;
	void *arg = w->destroyed_arg;

	path_on_limit(w->path, NULL, NULL);
	loop_timer_destroy(w->ageing);
	lldp_stop(w);
	catalogue_finish(&w->catalogue);
	model_destroy(w->model);
	free(w->switches);
	free(w->exit_drops);
	free(w);
	if (done)
		done(arg);
}

/* The transaction that answers is not finished yet, and others may wait behind it. */
static void all_gone(void *arg, const struct outcome *o)
{
	struct world *w = arg;

	(void)o;
	w->is_leaving = true;
}

void world_idle(struct world *w)
{
	if (!w->is_leaving)
		return;
	w->is_leaving = false;
	loop_post(w->loop, &w->farewell, free_world);
}

void world_destroy(struct world *w, void (*done)(void *arg), void *arg)
{
	struct request request = { .edit = want_nothing,
				   .is_silent = true,
				   .wish = { .done = all_gone, .arg = w } };

	w->destroyed = done;
	w->destroyed_arg = arg;
	world_request(w, &request);
}

/* ---- by name ------------------------------------------------------------------------------------- */

struct vswitch *world_switch(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->switch_count; i++)
		if (strcmp(w->switches[i]->name, name) == 0)
			return w->switches[i];
	return NULL;
}

/* The switch before the slash, and *name behind it; without a slash NULL, and all of it. */
static struct vswitch *split(const struct world *w, const char *target, const char **name)
{
	const char *slash = strchr(target, '/');
	char first[64];

	*name = slash ? slash + 1 : target;
	if (!slash || (size_t)(slash - target) >= sizeof(first))
		return NULL;
	memcpy(first, target, (size_t)(slash - target));
	first[slash - target] = '\0';
	return world_switch(w, first);
}

struct port *world_port(const struct world *w, const char *target)
{
	const char *name;
	const struct vswitch *sw = split(w, target, &name);
	struct port *found = NULL;

	if (sw || name != target)
		return sw ? vswitch_port(sw, name) : NULL;
	for (size_t i = 0; i < w->switch_count; i++) {
		struct port *p = vswitch_port(w->switches[i], name);

		if (p && found)
			return NULL;
		found = p ? p : found;
	}
	return found;
}

static bool is_named(const struct member *m, const char *name)
{
	return strcmp(m->name, name) == 0 || strcmp(m->extension, name) == 0;
}

static struct member *named_in(const struct vswitch *sw, const char *name)
{
	for (size_t i = 0; i < sw->member_count; i++)
		if (is_named(sw->members[i], name))
			return sw->members[i];
	return NULL;
}

struct member *world_member(const struct world *w, const char *target)
{
	const char *name;
	const struct vswitch *sw = split(w, target, &name);
	struct member *found = NULL;

	if (sw || name != target)
		return sw ? named_in(sw, name) : NULL;
	for (size_t i = 0; i < w->switch_count; i++) {
		struct member *m = named_in(w->switches[i], name);

		if (m && found)
			return NULL;
		found = m ? m : found;
	}
	return found;
}

uint32_t world_port_id(struct world *w, const char *target)
{
	const struct port *p = world_port(w, target);

	return p ? p->id : 0;
}

const char *world_port_name(struct world *w, uint32_t id)
{
	const struct port *p = id < PORTS_MAX ? w->by_id[id] : NULL;

	return p ? p->full_name : "-";
}

uint16_t world_instance_nr(struct world *w, const char *target)
{
	const struct member *m = world_member(w, target);

	return m && m->instance ? m->nr : 0;
}
