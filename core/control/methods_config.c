/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_config.c - the daemon itself and its configuration file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/print.h"
#include "config/schema.h"
#include "control/methods.h"
#include "control/origin.h"

/* ---- status ---------------------------------------------------------------------------------------- */

static json_t *problems_json(const struct problems *p)
{
	const char *const all[] = { p->config,  p->file,      p->state,
				    p->journal, p->migration, p->network };
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (all[i][0])
			(void)json_array_append_new(list, rpc_string(all[i]));
	}
	return list;
}

static json_t *daemon_json(const struct control *c)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:o?, s:o, s:o}", "version", XVS_VERSION, "pid",
			 (json_int_t)getpid(), "uptime_s",
			 (json_int_t)((clock_ns() - c->start_ns) / NS_PER_S), "workers",
			 (json_int_t)path_workers(c->path), "config",
			 c->config_file ? rpc_string(c->config_file) : NULL, "state",
			 rpc_string(c->state_dir), "counters", rpc_string(c->counters_file));
}

/* NULL: nothing waits for its confirmation. */
static json_t *pending_json(const struct control *c)
{
	if (c->pending.number == 0)
		return NULL;
	return json_pack("{s:I, s:I, s:I}", "number", (json_int_t)c->pending.number, "back_to",
			 (json_int_t)c->pending.back_to, "seconds", (json_int_t)pending_seconds(c));
}

/* Which change is in force, and who made it. */
static json_t *configuration_json(const struct control *c)
{
	uint64_t number = changelog_number(c->log);
	const json_t *last = changelog_find(c->log, number);

	return json_pack("{s:I, s:O*, s:O*, s:O*, s:o*}", "number", (json_int_t)number, "time",
			 json_object_get(last, "time"), "who", json_object_get(last, "who"), "what",
			 json_object_get(last, "what"), "pending", pending_json(c));
}

void on_status(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	json_t *status = world_status(c->world);
	json_t *problems = problems_json(&c->problems);

	if (json_array_size(problems) > 0)
		(void)json_object_set_new(status, "health", json_string("degraded"));
	(void)json_object_set_new(status, "daemon", daemon_json(c));
	(void)json_object_set_new(status, "configuration", configuration_json(c));
	(void)json_object_set_new(status, "problems", problems);
	rpc_answer(call, status);
}

void on_version(struct rpc_call *call)
{
	rpc_answer(call, json_pack("{s:s, s:[i,i]}", "version", XVS_VERSION, "abi",
				   (int)XVS_ABI_MAJOR, (int)XVS_ABI_MINOR));
}

/* ---- the file -------------------------------------------------------------------------------------- */

/* The caller's text, or the daemon's own file; the memory of t->text, for free().  NULL: see 'd'. */
static char *text_of(struct rpc_call *call, struct config_text *t, struct diags *d)
{
	const struct control *c = rpc_context(call);
	const char *text = rpc_text(call, "text");
	char *copy;

	if (!text && !c->config_file) {
		diag_add(d, NULL, "this daemon was started without --config: give a file");
		return NULL;
	}
	if (!text) {
		t->name = c->config_file;
		copy = control_load(c->config_file, &t->len, d);
	} else {
		t->name = rpc_text(call, "name") ? rpc_text(call, "name") : "text";
		t->len = strlen(text);
		copy = strdup(text);
		if (!copy)
			diag_add(d, NULL, "out of memory");
	}
	t->text = copy;
	return copy;
}

static struct config_spec *spec_of(struct rpc_call *call, struct diags *d)
{
	struct config_text t = { .len = 0 };
	char *text = text_of(call, &t, d);
	struct config_spec *spec = text ? control_read(&t, world_of(call), d) : NULL;

	free(text);
	return spec;
}

void on_config_check(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	struct diags d = { .count = 0 };
	struct config_spec *spec = spec_of(call, &d);

	if (spec && world_check(c->world, spec, &d) == 0)
		rpc_answer(call, json_object());
	else
		rpc_refuse_diags(call, RPC_REFUSED, &d);
	config_spec_destroy(spec);
}

void on_config_diff(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	struct diags d = { .count = 0 };
	struct config_spec *spec = spec_of(call, &d);
	json_t *changes = NULL;

	if (spec && world_check(c->world, spec, &d) == 0)
		changes = world_diff(c->world, spec);
	if (changes)
		rpc_answer(call, json_pack("{s:o}", "changes", changes));
	else
		rpc_refuse_diags(call, RPC_REFUSED, &d);
	config_spec_destroy(spec);
}

void on_config_apply(struct rpc_call *call)
{
	struct control *c = rpc_context(call);
	bool drop_overlays = rpc_bool(call, "drop_overlays");
	struct diags d = { .count = 0 };
	struct config_text t = { .len = 0 };
	char *text = text_of(call, &t, &d);
	struct origin *o = NULL;

	if (text)
		o = origin_of(call);
	else
		rpc_refuse_diags(call, RPC_REFUSED, &d);
	if (o)
		control_apply(c, &t, drop_overlays, o);
	free(text);
}

void on_config_reload(struct rpc_call *call)
{
	struct control *c = rpc_context(call);
	struct origin *o = origin_of(call);

	if (o)
		control_reload(c, false, o);
}

/* ---- changes ---------------------------------------------------------------------------------------- */

void on_config_log(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	uint64_t limit = rpc_count(call, "limit", CHANGES_KEPT);

	rpc_answer(call, json_pack("{s:I, s:o}", "number", (json_int_t)changelog_number(c->log),
				   "changes", changelog_list(c->log, limit)));
}

void on_config_rollback(struct rpc_call *call)
{
	struct control *c = rpc_context(call);
	uint64_t now = changelog_number(c->log);
	uint64_t number = rpc_count(call, "number", now > 0 ? now - 1 : 0);
	struct origin *o = origin_of(call);

	if (!o)
		return;
	/* "The one before" is that of the moment of asking. */
	if (!rpc_given(call, "number") && !o->has_version) {
		o->has_version = true;
		o->version = now;
	}
	control_return(c, number, false, o);
}

void on_config_confirm(struct rpc_call *call)
{
	struct control *c = rpc_context(call);
	json_t *who = who_of(call);
	struct xvs_error err = ERROR_INIT;

	if (control_confirm(c, who, &err))
		rpc_answer(call,
			   json_pack("{s:I}", "number", (json_int_t)changelog_number(c->log)));
	else
		rpc_refuse(call, RPC_REFUSED, "%s", err.text);
	json_decref(who);
}

/* ---- all that is in force --------------------------------------------------------------------------- */

/* NULL: out of memory. */
static char *merged_text(struct world *w)
{
	struct config_spec *spec = world_export(w);
	struct node *document = spec ? print_config(spec) : NULL;
	char *text = document ? print_yaml(document) : NULL;

	node_destroy(document);
	config_spec_destroy(spec);
	return text;
}

void on_config_export(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	char *merged = merged_text(c->world);
	char *text = NULL;
	char *name = NULL;

	(void)control_last_good(c, &text, &name);
	rpc_answer(call, merged ? json_pack("{s:I, s:s, s:s?, s:s, s:o}", "number",
					    (json_int_t)changelog_number(c->log), "merged", merged,
					    "name", name, "text", text ? text : "", "state",
					    world_snapshot(c->world))
				: NULL);
	free(merged);
	free(text);
	free(name);
}

void on_config_schema(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	size_t count = 0;
	const struct xvs_feature **features = world_features(c->world, &count);

	rpc_answer(call, features ? config_schema(features, count) : NULL);
	free(features);
}
