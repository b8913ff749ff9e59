/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_switch.c - switches, ports and instances: questions and changes. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/document.h"
#include "control/methods.h"
#include "control/origin.h"
#include "control/saver.h"

enum { UPGRADE_WATCH_S = 10, UPGRADE_WATCH_MAX_S = 3600 };

void on_switch_list(struct rpc_call *call)
{
	rpc_answer(call, world_switch_list(world_of(call)));
}

void on_switch_show(struct rpc_call *call)
{
	const char *name = rpc_text(call, "name");

	answer_found(call, world_switch_show(world_of(call), name), "switch", name);
}

void on_port_list(struct rpc_call *call)
{
	const char *name = rpc_text(call, "switch");

	answer_found(call, world_port_list(world_of(call), name), "switch", name ? name : "");
}

void on_port_show(struct rpc_call *call)
{
	const char *target = rpc_text(call, "target");

	answer_found(call, world_port_show(world_of(call), target), "port", target);
}

void on_port_stats(struct rpc_call *call)
{
	const char *target = rpc_text(call, "target");

	answer_found(call, world_port_stats(world_of(call), target), "port", target);
}

void on_team_show(struct rpc_call *call)
{
	const char *target = rpc_text(call, "target");

	answer_found(call, world_team_list(world_of(call), target), "team", target ? target : "");
}

/* What the caller calls "port" as the configuration file would have it. */
static struct port_spec *port_read(const struct rpc_call *call, struct diags *d)
{
	struct node *document = node_from_json(rpc_object(call, "port"), d);
	struct port_spec *spec = document ? calloc(1, sizeof(*spec)) : NULL;

	if (!document || !spec || !document_read_port(document, PORT_GUEST, spec, d)) {
		free(spec);
		spec = NULL;
	}
	node_destroy(document);
	return spec;
}

bool owner_read(struct rpc_call *call, enum owner *out)
{
	const char *owner = rpc_text(call, "owner");

	*out = OWNER_API;
	if (!owner || strcmp(owner, "api") == 0)
		return true;
	*out = OWNER_HV;
	if (strcmp(owner, "hv") != 0)
		rpc_refuse(call, RPC_BAD_PARAMS, "owner: \"api\" or \"hv\"");
	else if (rpc_role(call) != RPC_ADMIN)
		rpc_refuse(call, RPC_FORBIDDEN, "owner: only an admin speaks for the host core");
	else
		return true;
	return false;
}

void on_port_add(struct rpc_call *call)
{
	struct diags d = { .count = 0 };
	enum owner owner;
	struct port_spec *spec;
	struct origin *o;
	struct wish wish;

	if (!owner_read(call, &owner))
		return;
	spec = port_read(call, &d);
	if (!spec) {
		rpc_refuse_diags(call, RPC_REFUSED, &d);
		return;
	}
	o = origin_of(call);
	if (!o) {
		port_spec_finish(spec);
		free(spec);
		return;
	}
	wish = origin_wish(o);
	world_port_add(world_of(call), rpc_text(call, "switch"), spec, owner, &wish);
}

void on_port_remove(struct rpc_call *call)
{
	enum owner owner;
	struct origin *o = owner_read(call, &owner) ? origin_of(call) : NULL;
	struct wish wish;

	if (!o)
		return;
	wish = origin_wish(o);
	world_port_remove(world_of(call), rpc_text(call, "target"), owner,
			  rpc_bool(call, "override"), &wish);
}

void on_port_save(struct rpc_call *call)
{
	saver_save(call, rpc_text(call, "target"), rpc_text(call, "file"));
}

void on_port_restore(struct rpc_call *call)
{
	const char *text = rpc_text(call, "uuid");
	uint8_t uuid[16];

	if (text && !uuid_parse(text, uuid))
		rpc_refuse(call, RPC_BAD_PARAMS, "uuid: \"%.40s\" is no UUID", text);
	else
		saver_restore(call, rpc_text(call, "target"), rpc_text(call, "file"),
			      text ? uuid : NULL);
}

static void block(struct rpc_call *call, bool blocked)
{
	struct origin *o = origin_of(call);
	struct wish wish;

	if (!o)
		return;
	wish = origin_wish(o);
	world_port_block(world_of(call), rpc_text(call, "target"), blocked, &wish);
}

void on_port_block(struct rpc_call *call)
{
	block(call, true);
}

void on_port_unblock(struct rpc_call *call)
{
	block(call, false);
}

void on_ext_list(struct rpc_call *call)
{
	rpc_answer(call, world_ext_list(world_of(call)));
}

void on_ext_show(struct rpc_call *call)
{
	const char *name = rpc_text(call, "name");

	answer_found(call, world_ext_show(world_of(call), name), "extension or instance", name);
}

void on_ext_rows(struct rpc_call *call)
{
	uint64_t limit = rpc_count(call, "limit", 100);
	struct xvs_error err = ERROR_INIT;
	json_t *found = world_ext_rows(world_of(call), rpc_text(call, "name"),
				       rpc_text(call, "list"), rpc_object(call, "where"),
				       limit < 1       ? 1u
				       : limit > 10000 ? 10000u
						       : (uint32_t)limit,
				       &err);

	if (found)
		rpc_answer(call, found);
	else
		rpc_refuse(call, err.code == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "%s", err.text);
}

void on_trust_show(struct rpc_call *call)
{
	rpc_answer(call, world_ext_trust(world_of(call)));
}

void on_ext_stats(struct rpc_call *call)
{
	const char *target = rpc_text(call, "target");

	answer_found(call, world_ext_stats(world_of(call), target), "instance",
		     target ? target : "");
}

static void enable(struct rpc_call *call, bool enabled)
{
	struct origin *o = origin_of(call);
	struct wish wish;

	if (!o)
		return;
	wish = origin_wish(o);
	world_instance_enable(world_of(call), rpc_text(call, "target"), enabled, &wish);
}

void on_ext_enable(struct rpc_call *call)
{
	enable(call, true);
}

void on_ext_disable(struct rpc_call *call)
{
	enable(call, false);
}

void on_ext_upgrade(struct rpc_call *call)
{
	struct upgrade_wish upgrade = {
		.target = rpc_text(call, "target"),
		.file = rpc_text(call, "file"),
		.is_cold = rpc_bool(call, "without_state"),
		.watch_s = rpc_count(call, "watch", UPGRADE_WATCH_S),
	};
	struct origin *o;
	struct wish wish;

	if (upgrade.file && (upgrade.file[0] != '/' || strlen(upgrade.file) >= PATH_MAX)) {
		rpc_refuse(call, RPC_BAD_PARAMS, "file: not an absolute path of less than %d bytes",
			   PATH_MAX);
		return;
	}
	if (upgrade.watch_s > UPGRADE_WATCH_MAX_S) {
		rpc_refuse(call, RPC_BAD_PARAMS, "watch: at most %d seconds", UPGRADE_WATCH_MAX_S);
		return;
	}
	o = origin_of(call);
	if (!o)
		return;
	wish = origin_wish(o);
	world_upgrade(world_of(call), &upgrade, &wish);
}
