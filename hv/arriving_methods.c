/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving_methods.c - what another host may ask: api/vm-migration.md section 2.
 *
 * A move is its host's who offered it: for all others there is none.
 */
#include <inttypes.h>
#include <string.h>

#include "arriving_part.h"
#include "base/str.h"
#include "stone.h"

static struct arrivals *all_of(const struct rpc_call *call)
{
	return remote_session_arg(rpc_context(call));
}

static struct arriving_waiter waiter_of(struct rpc_call *call)
{
	return (struct arriving_waiter){ .call = call, .session = rpc_context(call) };
}

/* NULL: none, or another host's. */
static struct arriving *find(const struct rpc_call *call)
{
	const struct remote_session *session = rpc_context(call);
	struct arriving *a = arriving_find(all_of(call), rpc_text(call, "move"));

	return a && remote_session_is_named(session, a->peer) ? a : NULL;
}

/* Whoever comes with a move is the one to hear of it from here on. */
static void attach(struct arriving *a, struct rpc_call *call)
{
	a->session = rpc_context(call);
	(void)str_copy(a->local, sizeof(a->local), remote_session_local(a->session));
}

static struct arriving *of_call(struct rpc_call *call)
{
	struct arriving *a = find(call);

	if (a)
		attach(a, call);
	else
		rpc_refuse(call, RPC_NOT_FOUND, "no such move is known on this host");
	return a;
}

static void ask(struct rpc_call *call, enum arrival_call what)
{
	const struct arriving_waiter w = waiter_of(call);
	struct arriving *a = of_call(call);

	if (a)
		arriving_ask(a, what, rpc_count(call, "epoch", a->epoch), &w);
}

/* ---- admit ------------------------------------------------------------------------------------ */

static const char *peer_name(const struct rpc_call *call)
{
	const struct migration_settings *m = &all_of(call)->hv->settings.migration;
	const struct remote_session *session = rpc_context(call);

	for (uint32_t i = 0; i < m->peer_count; i++) {
		if (remote_session_is_named(session, m->peers[i].name))
			return m->peers[i].name;
	}
	return "";
}

/* One connection carries one move: the one before, which was only asked about, is forgotten. */
static struct arriving *make(struct rpc_call *call)
{
	const char *move = rpc_text(call, "move");
	struct arriving *a;
	uint8_t uuid[16];
	char text[UUID_TEXT];

	if (!uuid_parse(move, uuid) || strcmp(uuid_print(uuid, text), move) != 0) {
		rpc_refuse(call, RPC_BAD_PARAMS, "move: it is no UUID");
		return NULL;
	}
	if (arriving_find(all_of(call), move)) {
		rpc_refuse(call, RPC_REFUSED, "move: another host has it");
		return NULL;
	}
	for (a = all_of(call)->list; a; a = a->next) {
		if (a->session != rpc_context(call))
			continue;
		a->session = NULL;
		arriving_look(a, 0);
	}
	a = arriving_create(all_of(call), move, peer_name(call), ARRIVAL_NOTHING, 0);
	if (!a)
		rpc_refuse(call, RPC_BUSY, "there are too many moves to this host already");
	return a;
}

/* False: it was answered. */
static bool offer_take(struct arriving *a, struct rpc_call *call)
{
	json_t *machine = json_deep_copy(rpc_object(call, "machine"));
	const char *kind = rpc_text(call, "kind");
	char why[ARRIVING_WHY];
	struct offer offer;

	if (strcmp(kind, "shared") != 0 && strcmp(kind, "storage") != 0) {
		rpc_refuse(call, RPC_BAD_PARAMS, "kind: \"shared\" or \"storage\"");
		json_decref(machine);
		return false;
	}
	if (!machine || !offer_read(machine, &offer, why, sizeof(why))) {
		rpc_refuse(call, RPC_BAD_PARAMS, "machine: %s", machine ? why : "out of memory");
		json_decref(machine);
		return false;
	}
	offer_finish(&a->offer);
	json_decref(a->machine);
	a->offer = offer;
	a->machine = machine;
	a->has_disks = kind[1] == 't';
	(void)str_copy(a->name, sizeof(a->name), offer.spec.name);
	return true;
}

static void on_admit(struct rpc_call *call)
{
	const struct arriving_waiter w = waiter_of(call);
	struct arriving *a = find(call);

	if (!a)
		a = make(call);
	if (!a)
		return;
	attach(a, call);
	/* From *prepared* on it is what it was; an answer that runs is of what it was. */
	if (arrival_is_empty(a->course) && !a->vm && !offer_take(a, call)) {
		if (!a->machine) /* it was never asked about */
			a->session = NULL;
		arriving_look(a, 0);
		return;
	}
	arriving_ask(a, CALL_ADMIT, rpc_count(call, "epoch", 0), &w);
}

/* ---- prepare ---------------------------------------------------------------------------------- */

static void on_prepare(struct rpc_call *call)
{
	const char *key = rpc_text(call, "key");
	uint64_t epoch = rpc_count(call, "epoch", 0);
	const struct arriving_waiter w = waiter_of(call);
	struct arriving *a = of_call(call);

	if (!a)
		return;
	if (!move_key_is_one(key)) {
		rpc_refuse(call, RPC_BAD_PARAMS, "key: it is none");
		return;
	}
	if (epoch == 0 || epoch > UINT32_MAX) {
		rpc_refuse(call, RPC_BAD_PARAMS, "epoch: it is none");
		return;
	}
	if (!a->vm && epoch <= epoch_recall(a->all->hv->store, a->name)) {
		rpc_refuse(call, RPC_REFUSED, "vm %s: a later move of it is known here", a->name);
		return;
	}
	if (!a->vm && findings_have_refusal(a->findings)) {
		rpc_refuse(call, RPC_REFUSED, "vm %s: it was refused when it was asked for",
			   a->name);
		return;
	}
	if (!a->vm)
		a->epoch = epoch;
	else
		arriving_expect_again(a);
	if (!a->vm || !a->is_loaded) /* afterwards nobody needs it */
		(void)str_copy(a->key, sizeof(a->key), key);
	arriving_ask(a, CALL_PREPARE, epoch, &w);
}

/* ---- the rest --------------------------------------------------------------------------------- */

static void on_receive(struct rpc_call *call)
{
	ask(call, CALL_RECEIVE);
}

static void on_release(struct rpc_call *call)
{
	ask(call, CALL_RELEASE);
}

static void on_loaded(struct rpc_call *call)
{
	ask(call, CALL_LOADED);
}

static void on_commit(struct rpc_call *call)
{
	ask(call, CALL_COMMIT);
}

/* Of a move that nobody knows, nothing is left to undo. */
static void on_abort(struct rpc_call *call)
{
	const struct arriving *a = find(call);

	if (a)
		ask(call, CALL_ABORT);
	else
		rpc_answer(call, json_object());
}

static void on_status(struct rpc_call *call)
{
	const struct arriving *a = of_call(call);

	if (a)
		rpc_answer(call, json_pack("{s:s, s:I}", "phase", arrival_phase(a->course), "epoch",
					   (json_int_t)a->epoch));
}

/* clang-format off */
#define MOVE { "move", RPC_TEXT, true, "its UUID" }
#define EPOCH { "epoch", RPC_COUNT, true, "which move of the machine it is" }

const struct rpc_method arriving_methods[] = {
	{ "vm.move.admit", RPC_ADMIN, "Would this host take the machine?",
	  "{epoch, findings, disks}", on_admit,
	  { MOVE, EPOCH, { "kind", RPC_TEXT, true, "\"shared\" or \"storage\"" },
	    { "machine", RPC_OBJECT, true, "what it is" },
	    { "check", RPC_BOOL, false, "it will not come" } } },
	{ "vm.move.prepare", RPC_ADMIN, "Makes what it needs.", "{}", on_prepare,
	  { MOVE, EPOCH, { "key", RPC_TEXT, true, "of both QEMUs" } } },
	{ "vm.move.receive", RPC_ADMIN, "Starts QEMU, stopped.", "{memory, disks}", on_receive,
	  { MOVE } },
	{ "vm.move.release", RPC_ADMIN, "The disks have come.", "{}", on_release, { MOVE } },
	{ "vm.move.loaded", RPC_ADMIN, "Waits until QEMU has all.", "{}", on_loaded, { MOVE } },
	{ "vm.move.commit", RPC_ADMIN, "It is this host's, and runs.", "{resumed, resume_us}",
	  on_commit, { MOVE, EPOCH } },
	{ "vm.move.abort", RPC_ADMIN, "It does not come.", "{}", on_abort,
	  { MOVE, EPOCH, { "reason", RPC_TEXT, false, "for people" } } },
	{ "vm.move.status", RPC_ADMIN, "How far it is.", "{phase, epoch}", on_status, { MOVE } },
};
/* clang-format on */

const size_t arriving_method_count = sizeof(arriving_methods) / sizeof(arriving_methods[0]);
