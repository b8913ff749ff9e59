/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replica_methods.c - what another host may ask of a replication: api/vm-migration.md section 6.
 *
 * A replica is its primary's host's, a primary its replica's host's: for all others there is none.
 */
#include <string.h>

#include "arriving_part.h"
#include "replica_part.h"
#include "replicate.h"

static struct hv *hv_of(const struct rpc_call *call)
{
	return ((struct arrivals *)remote_session_arg(rpc_context(call)))->hv;
}

static const char *peer_name(const struct rpc_call *call)
{
	const struct migration_settings *m = &hv_of(call)->settings.migration;

	for (uint32_t i = 0; i < m->peer_count; i++) {
		if (remote_session_is_named(rpc_context(call), m->peers[i].name))
			return m->peers[i].name;
	}
	return "";
}

/* NULL: it was answered. */
static struct replica *replica_of(struct rpc_call *call)
{
	struct replica *r = replica_find(hv_of(call), rpc_text(call, "replica"), rpc_context(call));

	if (!r)
		rpc_refuse(call, RPC_NOT_FOUND, "no such replica is known on this host");
	return r;
}

static void on_admit(struct rpc_call *call)
{
	json_t *findings = json_array();
	const char *id = rpc_text(call, "replica");
	const struct replica *r = NULL;
	bool is_active;
	uint8_t uuid[16];

	if (uuid_parse(id, uuid))
		r = replica_admit(hv_of(call), peer_name(call), call, findings);
	else
		finding_put(findings, "replica", true, "it is no UUID");
	is_active = r && r->kept.state != REPLICA_PASSIVE;
	if (!r && !findings_have_refusal(findings))
		finding_put(findings, "replica", true, "out of memory");
	if (r && r->is_closed && !is_active)
		finding_put(findings, "failover", true, "it fails over just now");
	rpc_answer(call, json_pack("{s:I, s:I, s:b, s:o}", "sequence",
				   (json_int_t)(r ? replica_last(r) : 0), "epoch",
				   (json_int_t)(r ? r->kept.epoch : 0), "active", is_active,
				   "findings", findings));
}

static void on_receive(struct rpc_call *call)
{
	struct replica *r = replica_of(call);
	const char *key = rpc_text(call, "key");
	uint64_t sequence = rpc_count(call, "sequence", 0);

	if (!r)
		return;
	if (r->kept.state != REPLICA_PASSIVE || r->is_closed) {
		rpc_refuse(call, RPC_BUSY, "vm %s: it fails over", r->vm->spec.name);
	} else if (!move_key_is_one(key) || sequence != replica_last(r) + 1) {
		rpc_refuse(call, RPC_BAD_PARAMS, "key or sequence: it is none that is expected");
	} else {
		replica_hush(r, "another beat has begun");
		(void)str_copy(r->key, sizeof(r->key), key);
		r->receiving = sequence;
		replica_receive(r, call);
	}
}

/* NULL: it was answered. */
static struct replica *receiving(struct rpc_call *call)
{
	struct replica *r = replica_of(call);

	if (!r)
		return NULL;
	if (r->session == rpc_context(call) && r->server && !r->call &&
	    r->receiving == rpc_count(call, "sequence", 0))
		return r;
	rpc_refuse(call, RPC_REFUSED, "vm %s: this point is not being made", r->vm->spec.name);
	return NULL;
}

static void on_file(struct rpc_call *call)
{
	struct replica *r = receiving(call);

	if (r)
		replica_file(r, call);
}

static void on_commit(struct rpc_call *call)
{
	struct replica *r = receiving(call);

	if (r)
		replica_commit(r, call);
}

/* ---- of a primary ----------------------------------------------------------------------------- */

static struct vm *primary_of(struct rpc_call *call)
{
	struct vm *vm = replicate_find(hv_of(call), rpc_text(call, "replica"));

	if (vm && remote_session_is_named(rpc_context(call), replicate_to(vm)))
		return vm;
	rpc_refuse(call, RPC_NOT_FOUND, "no such machine is replicated from this host");
	return NULL;
}

static void on_yield(struct rpc_call *call)
{
	struct vm *vm = primary_of(call);

	if (vm)
		replicate_yield(vm, call, rpc_count(call, "epoch", 0), rpc_bool(call, "planned"));
}

static void on_unyield(struct rpc_call *call)
{
	struct vm *vm = primary_of(call);

	if (vm)
		replicate_unyield(vm, call, rpc_count(call, "epoch", 0));
}

/* clang-format off */
#define REPLICA { "replica", RPC_TEXT, true, "its UUID" }
#define EPOCH { "epoch", RPC_COUNT, true, "which move of the machine it is" }
#define SEQUENCE { "sequence", RPC_COUNT, true, "of the point that is made" }

const struct rpc_method replica_methods[] = {
	{ "vm.replica.admit", RPC_ADMIN, "Would this host take a copy of the machine?",
	  "{sequence, epoch, active, findings}", on_admit,
	  { REPLICA, EPOCH, { "machine", RPC_OBJECT, true, "what it is" },
	    { "every", RPC_COUNT, true, "seconds between points" },
	    { "points", RPC_COUNT, true, "that are kept" } } },
	{ "vm.replica.receive", RPC_ADMIN, "Exports its disks.", "{disks}", on_receive,
	  { REPLICA, SEQUENCE, { "key", RPC_TEXT, true, "of both sides" } } },
	{ "vm.replica.file", RPC_ADMIN, "A piece of what a port had saved.", "{}", on_file,
	  { REPLICA, SEQUENCE, { "adapter", RPC_TEXT, true, "whose port" },
	    { "kind", RPC_TEXT, true, "\"state\" or \"policies\"" },
	    { "offset", RPC_COUNT, true, "in bytes" },
	    { "bytes", RPC_TEXT, true, "in digits of base 16" } } },
	{ "vm.replica.commit", RPC_ADMIN, "What came becomes a point.", "{}", on_commit,
	  { REPLICA, SEQUENCE } },
	{ "vm.replica.yield", RPC_ADMIN, "It is to run on the replica's host.", "{sequence}", on_yield,
	  { REPLICA, EPOCH, { "planned", RPC_BOOL, false, "it is stopped, and the rest is sent" } } },
	{ "vm.replica.unyield", RPC_ADMIN, "It is the primary's again.", "{}", on_unyield,
	  { REPLICA, EPOCH } },
};
/* clang-format on */

const size_t replica_method_count = sizeof(replica_methods) / sizeof(replica_methods[0]);
