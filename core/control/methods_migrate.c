/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_migrate.c - moves between hosts: asked for, driven, looked at. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "control/methods.h"
#include "control/mover.h"

enum { BUDGET_MS = 200, BUDGET_MAX_MS = 3600000 };

static struct mover *mover_of(const struct rpc_call *call)
{
	const struct control *c = rpc_context(call);

	return c->mover;
}

/* False: the call has been refused. */
static bool move_of(struct rpc_call *call, uint8_t move[WIRE_ID])
{
	const char *text = rpc_text(call, "move");

	if (mover_find(mover_of(call), text, move))
		return true;
	rpc_refuse(call, RPC_NOT_FOUND, "move %.64s is not known here, or several begin so", text);
	return false;
}

static bool missing_of(struct rpc_call *call, enum on_missing *out)
{
	static const char *const words[] = { "fail", "warn", "hold" };
	const char *word = rpc_text(call, "on_missing");

	for (int i = 0; i < 3; i++) {
		if (!word || strcmp(word, words[i]) == 0) {
			*out = (enum on_missing)i;
			return true;
		}
	}
	rpc_refuse(call, RPC_BAD_PARAMS, "on_missing is \"%.32s\", must be fail, warn or hold",
		   word);
	return false;
}

static bool budget_of(struct rpc_call *call, uint64_t otherwise, uint64_t *ns)
{
	uint64_t ms = rpc_count(call, "budget_ms", otherwise);

	if (ms > BUDGET_MAX_MS) {
		rpc_refuse(call, RPC_BAD_PARAMS, "budget_ms is %llu, must be 0..%d",
			   (unsigned long long)ms, BUDGET_MAX_MS);
		return false;
	}
	*ns = ms * NS_PER_MS;
	return true;
}

static void refuse(struct rpc_call *call, const struct xvs_error *err)
{
	rpc_refuse(call, err->code == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED, "%s", err->text);
}

static void begin(struct rpc_call *call, struct move_wish *wish, enum wait until)
{
	struct mover *m = mover_of(call);
	struct xvs_error err = ERROR_INIT;
	uint8_t move[WIRE_ID];

	if (mover_problem(m)[0]) {
		rpc_refuse(call, RPC_REFUSED, "%s", mover_problem(m));
		return;
	}
	if (!missing_of(call, &wish->on_missing) || !budget_of(call, BUDGET_MS, &wish->budget_ns))
		return;
	wish->port = rpc_text(call, "port");
	wish->to = rpc_text(call, "to");
	wish->switch_name = rpc_text(call, "switch");
	wish->backend = rpc_object(call, "backend");
	if (moves_begin(mover_moves(m), wish, move, &err))
		refuse(call, &err);
	else
		mover_wait(m, call, move, until);
}

void on_migrate_port(struct rpc_call *call)
{
	struct move_wish wish = { .is_check = rpc_bool(call, "check") };

	begin(call, &wish, wish.is_check ? WAIT_ADMITTED : WAIT_OVER);
}

void on_migrate_prepare(struct rpc_call *call)
{
	struct move_wish wish = { .has_coordinator = true, .tag = rpc_text(call, "tag") };

	begin(call, &wish, WAIT_PREPARED);
}

void on_migrate_freeze(struct rpc_call *call)
{
	struct mover *m = mover_of(call);
	struct xvs_error err = ERROR_INIT;
	uint8_t move[WIRE_ID];
	uint64_t budget;

	if (!move_of(call, move) || !budget_of(call, 0, &budget))
		return;
	if (moves_freeze(mover_moves(m), move, budget, &err))
		refuse(call, &err);
	else
		mover_wait(m, call, move, WAIT_FROZEN);
}

void on_migrate_commit(struct rpc_call *call)
{
	struct mover *m = mover_of(call);
	struct xvs_error err = ERROR_INIT;
	uint8_t move[WIRE_ID];

	if (!move_of(call, move))
		return;
	if (moves_commit(mover_moves(m), move, &err))
		refuse(call, &err);
	else
		mover_wait(m, call, move, WAIT_OPENED);
}

void on_migrate_cancel(struct rpc_call *call)
{
	struct mover *m = mover_of(call);
	struct xvs_error err = ERROR_INIT;
	uint8_t move[WIRE_ID];

	if (!move_of(call, move))
		return;
	if (moves_cancel(mover_moves(m), move, "it was cancelled", &err))
		refuse(call, &err);
	else
		mover_wait(m, call, move, WAIT_OPEN_HERE);
}

void on_migrate_resolve(struct rpc_call *call)
{
	struct mover *m = mover_of(call);
	struct xvs_error err = ERROR_INIT;
	uint8_t move[WIRE_ID];

	if (!move_of(call, move))
		return;
	if (moves_resolve(mover_moves(m), move, rpc_bool(call, "take_over"), &err))
		refuse(call, &err);
	else
		rpc_answer(call, moves_show(mover_moves(m), move));
}

void on_migrate_list(struct rpc_call *call)
{
	rpc_answer(call, moves_list(mover_moves(mover_of(call))));
}

void on_migrate_show(struct rpc_call *call)
{
	uint8_t move[WIRE_ID];

	if (move_of(call, move))
		answer_found(call, moves_show(mover_moves(mover_of(call)), move), "move",
			     rpc_text(call, "move"));
}

void on_migrate_expect(struct rpc_call *call)
{
	struct expectation e = { .backend = NULL };
	const char *switch_name = rpc_text(call, "switch");
	const char *name = rpc_text(call, "name");
	const char *peer = rpc_text(call, "from");
	struct xvs_error err = ERROR_INIT;

	if (!owner_read(call, &e.owner))
		return;
	if (!uuid_parse(rpc_text(call, "uuid"), e.uuid) ||
	    !str_copy(e.switch_name, sizeof(e.switch_name), switch_name ? switch_name : "") ||
	    !str_copy(e.name, sizeof(e.name), name ? name : "") ||
	    !str_copy(e.peer, sizeof(e.peer), peer ? peer : "")) {
		rpc_refuse(call, RPC_BAD_PARAMS, "uuid \"%.64s\" is none, or a name is too long",
			   rpc_text(call, "uuid"));
		return;
	}
	if (e.owner != OWNER_HV && mover_expects_for(mover_of(call), e.uuid, OWNER_HV)) {
		rpc_refuse(call, RPC_REFUSED, "the host core expects this port for a machine");
		return;
	}
	if (rpc_bool(call, "forget")) {
		mover_unexpect(mover_of(call), e.uuid);
		rpc_answer(call, json_object());
		return;
	}
	if (rpc_object(call, "backend"))
		e.backend = json_deep_copy(rpc_object(call, "backend"));
	if (mover_expect(mover_of(call), &e, &err))
		refuse(call, &err);
	else
		rpc_answer(call, json_object());
}
