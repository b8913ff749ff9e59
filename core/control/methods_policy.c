/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_policy.c - policies: what there is, what counts, what changes. */
#include <stdlib.h>

#include "control/methods.h"
#include "control/origin.h"

void on_policy_list(struct rpc_call *call)
{
	const char *target = rpc_text(call, "target");

	answer_found(call, world_policy_list(world_of(call), target), "switch or port", target);
}

static void refuse_unknown(struct rpc_call *call, const char *feature, const char *nearest)
{
	if (nearest)
		rpc_refuse(call, RPC_NOT_FOUND, "feature %.128s: unknown, did you mean \"%s\"",
			   feature, nearest);
	else
		rpc_refuse(call, RPC_NOT_FOUND,
			   "feature %.128s: unknown; \"xvsctl policy help\" lists them", feature);
}

static void refuse_feature(struct rpc_call *call, const char *feature)
{
	const char *nearest = NULL;

	if (world_feature(world_of(call), feature, &nearest))
		rpc_refuse(
			call, RPC_NOT_FOUND,
			"switch or port %.128s: there is none of that name, or %.128s does not apply to it",
			rpc_text(call, "target"), feature);
	else
		refuse_unknown(call, feature, nearest);
}

void on_policy_show(struct rpc_call *call)
{
	const char *target = rpc_text(call, "target");
	const char *feature = rpc_text(call, "feature");
	json_t *found =
		world_policy_show(world_of(call), target, feature, rpc_bool(call, "effective"));

	if (!found && feature)
		refuse_feature(call, feature);
	else
		answer_found(call, found, "switch or port", target);
}

/* 'fields' is taken; NULL: unset. */
static void change_policy(struct rpc_call *call, struct node *fields)
{
	struct origin *o = origin_of(call);
	struct policy_change change = { .target = rpc_text(call, "target"),
					.feature = rpc_text(call, "feature"),
					.fields = fields,
					.owner = OWNER_API,
					.is_override = rpc_bool(call, "override") };
	struct wish wish;

	if (!o) {
		node_destroy(fields);
		return;
	}
	wish = origin_wish(o);
	world_policy_set(world_of(call), &change, &wish);
}

void on_policy_set(struct rpc_call *call)
{
	struct diags d = { .count = 0 };
	struct node *fields = node_from_json(rpc_object(call, "fields"), &d);

	if (fields)
		change_policy(call, fields);
	else
		rpc_refuse_diags(call, RPC_REFUSED, &d);
}

void on_policy_unset(struct rpc_call *call)
{
	change_policy(call, NULL);
}

/* ---- help ------------------------------------------------------------------------------------------ */

static void help_list(struct rpc_call *call)
{
	size_t count = 0;
	const struct xvs_feature **features = world_features(world_of(call), &count);
	json_t *list = json_array();

	for (size_t i = 0; features && i < count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:s}", "feature", features[i]->id, "summary",
					features[i]->summary ? features[i]->summary : ""));
	free(features);
	rpc_answer(call, json_pack("{s:o}", "features", list));
}

static void help_one(struct rpc_call *call, const struct xvs_feature *f, const char *field)
{
	struct strbuf text = { NULL, 0, 0, false };
	int code = 0;

	if (field)
		code = schema_help_field(f, field, &text);
	else
		schema_help(f, &text);
	if (code)
		rpc_refuse(call, RPC_NOT_FOUND, "feature %s: it has no field %.128s", f->id, field);
	else
		rpc_answer(call, json_pack("{s:s, s:o*}", "text", text.text ? text.text : "",
					   "schema", field ? NULL : schema_json(f)));
	strbuf_finish(&text);
}

void on_policy_help(struct rpc_call *call)
{
	const char *feature = rpc_text(call, "feature");
	const char *nearest = NULL;
	const struct xvs_feature *f;

	if (!feature) {
		help_list(call);
		return;
	}
	f = world_feature(world_of(call), feature, &nearest);
	if (f)
		help_one(call, f, rpc_text(call, "field"));
	else
		refuse_unknown(call, feature, nearest);
}
