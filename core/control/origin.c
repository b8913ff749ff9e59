/* SPDX-License-Identifier: Apache-2.0 */
/* control/origin.c - made from a call or from what the daemon does by itself, gone when answered. */
#include "control/origin.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/methods.h"

static void no_memory(outcome_fn done, void *arg)
{
	struct diags d = { .count = 0 };
	struct outcome o = { .code = -ENOMEM, .d = &d };

	diag_add(&d, NULL, "out of memory");
	done(arg, &o);
}

void origin_destroy(struct origin *o)
{
	if (!o)
		return;
	json_decref(o->who);
	json_decref(o->what);
	free(o->text);
	free(o->name);
	free(o);
}

struct origin *origin_create(struct control *c, const char *by, const char *what, outcome_fn done,
			     void *arg)
{
	struct origin *o = calloc(1, sizeof(*o));

	if (o) {
		o->who = json_pack("{s:s}", "by", by);
		o->what = rpc_string(what);
	}
	if (!o || !o->who || !o->what) {
		origin_destroy(o);
		no_memory(done, arg);
		return NULL;
	}
	o->control = c;
	o->is_own = strcmp(by, "start") == 0 || strcmp(by, "confirm") == 0 ||
		    strcmp(by, "migration") == 0;
	o->done = done;
	o->arg = arg;
	return o;
}

json_t *who_of(const struct rpc_call *call)
{
	const struct rpc_peer *peer = rpc_peer(call);

	return json_pack("{s:s, s:I, s:I, s:s}", "by", "rpc", "uid", (json_int_t)peer->uid, "pid",
			 (json_int_t)peer->pid, "role", rpc_role_name(rpc_role(call)));
}

/* "port.add lab vm9": the method and the names in its parameters. */
static void what_print(const struct rpc_call *call, char *out, size_t size)
{
	static const char *const names[] = { "switch", "target", "name", "feature" };
	const json_t *port = rpc_object(call, "port");
	const char *port_name = json_string_value(json_object_get(port, "name"));
	size_t len = (size_t)snprintf(out, size, "%s", rpc_method_name(call));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && len < size; i++)
		if (rpc_text(call, names[i]))
			len += (size_t)snprintf(out + len, size - len, " %.128s",
						rpc_text(call, names[i]));
	if (port_name && len < size)
		(void)snprintf(out + len, size - len, " %.63s", port_name);
}

struct origin *origin_of(struct rpc_call *call)
{
	uint64_t confirm_s = rpc_count(call, "confirm", 0);
	char what[512];
	struct origin *o;

	if (rpc_given(call, "confirm") && (confirm_s == 0 || confirm_s > CONFIRM_S_MAX)) {
		rpc_refuse(call, RPC_BAD_PARAMS,
			   "%s: confirm is %" PRIu64 " seconds, must be 1..%d",
			   rpc_method_name(call), confirm_s, (int)CONFIRM_S_MAX);
		return NULL;
	}
	what_print(call, what, sizeof(what));
	o = origin_create(rpc_context(call), "rpc", what, answer_outcome, call);
	if (!o)
		return NULL;
	json_decref(o->who);
	o->who = who_of(call);
	o->is_dry_run = rpc_bool(call, "dry_run");
	o->has_version = rpc_given(call, "version");
	o->version = rpc_count(call, "version", 0);
	o->confirm_s = confirm_s;
	return o;
}

int origin_set_file(struct origin *o, const char *text, size_t len, const char *name)
{
	o->text = strndup(text, len);
	o->name = strdup(name);
	return o->text && o->name ? 0 : -ENOMEM;
}

static void answered(void *arg, const struct outcome *outcome)
{
	struct origin *o = arg;

	o->done(o->arg, outcome);
	origin_destroy(o);
}

struct wish origin_wish(struct origin *o)
{
	bool goes_back = o->confirm_s > 0 || world_confirm_host(o->control->world) > 0;

	return (struct wish){ .is_dry_run = o->is_dry_run,
			      .may_cut_off = goes_back || o->is_own || o->is_return,
			      .origin = o,
			      .done = answered,
			      .arg = o };
}

void origin_refuse(struct origin *o, int code, const struct diags *d)
{
	struct outcome outcome = { .code = code, .d = d };

	answered(o, &outcome);
}

const char *who_print(const json_t *who, char *out, size_t size)
{
	static const char *const known[][2] = {
		{ "start", "the start of the daemon" },
		{ "signal", "a signal to reload" },
		{ "confirm", "a confirmation that did not come" },
		{ "migration", "a move between hosts" },
	};
	const char *by = json_string_value(json_object_get(who, "by"));
	const char *role = json_string_value(json_object_get(who, "role"));

	(void)snprintf(out, size,
		       "uid %" JSON_INTEGER_FORMAT ", pid %" JSON_INTEGER_FORMAT " as %s",
		       json_integer_value(json_object_get(who, "uid")),
		       json_integer_value(json_object_get(who, "pid")), role ? role : "nobody");
	for (size_t i = 0; by && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(by, known[i][0]) == 0)
			(void)snprintf(out, size, "%s", known[i][1]);
	return out;
}
