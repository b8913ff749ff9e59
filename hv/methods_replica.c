/* SPDX-License-Identifier: Apache-2.0 */
/* hv/methods_replica.c - handlers of the calls about machines that are copied to other hosts. */
#include "methods.h"

#include <errno.h>
#include <stdlib.h>

#include "failover.h"
#include "replica.h"
#include "replicate.h"

static void refuse(struct rpc_call *call, const struct vm *vm, const struct xvs_error *err)
{
	enum rpc_code code = err->code == -ENOENT  ? RPC_NOT_FOUND
			     : err->code == -EBUSY ? RPC_BUSY
						   : RPC_REFUSED;

	rpc_refuse(call, code, "vm %s: %s", vm->spec.name, err->text);
}

/* NULL: there is no such machine, which was answered. */
static struct vm *vm_of(struct rpc_call *call)
{
	struct vm *vm = hv_find(rpc_context(call), rpc_text(call, "name"));

	if (!vm)
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: there is none", rpc_text(call, "name"));
	return vm;
}

static void show(struct rpc_call *call, const struct vm *vm)
{
	json_t *shown = vm->replicating ? replicate_show(vm) : NULL;

	if (!shown && vm->replica)
		shown = replica_show(vm);
	if (shown)
		rpc_answer(call, shown);
	else
		rpc_refuse(call, RPC_NOT_FOUND,
			   "vm %s: it is not replicated; --to HOST --every SECONDS begins that",
			   vm->spec.name);
}

void on_vm_replicate(struct rpc_call *call)
{
	const struct replicate_wish wish = {
		.to = rpc_text(call, "to"),
		.every_s = (uint32_t)(rpc_count(call, "every", 0) & UINT32_MAX),
		.points = (uint32_t)(rpc_count(call, "points", 0) & UINT32_MAX),
	};
	struct vm *vm = vm_of(call);
	struct xvs_error err = ERROR_INIT;

	if (!vm)
		return;
	if (rpc_bool(call, "stop") && wish.to)
		rpc_refuse(call, RPC_BAD_PARAMS, "stop or to: not both");
	else if (!rpc_bool(call, "stop") && !wish.to && (wish.every_s || wish.points))
		rpc_refuse(call, RPC_BAD_PARAMS, "to: the other host is missing");
	else if (rpc_bool(call, "stop") && replicate_stop(vm, &err))
		refuse(call, vm, &err);
	else if (rpc_bool(call, "stop"))
		rpc_answer(call, json_object());
	else if (wish.to && replicate_begin(vm, &wish, &err))
		refuse(call, vm, &err);
	else
		show(call, vm);
}

static void on_over(void *arg, int code, const char *text)
{
	struct rpc_call *call = arg;
	const struct vm *vm = hv_find(rpc_context(call), rpc_text(call, "name"));

	if (code || !vm)
		rpc_refuse(call, RPC_REFUSED, "%s", text);
	else
		show(call, vm);
}

/* False: it was refused. */
static bool point_take(struct rpc_call *call, uint64_t *out)
{
	const char *text = rpc_text(call, "point");
	char *end = NULL;

	*out = 0;
	if (!text)
		return true;
	errno = 0;
	if (text[0] >= '1' && text[0] <= '9')
		*out = strtoull(text, &end, 10);
	if (end && *end == '\0' && !errno)
		return true;
	rpc_refuse(call, RPC_BAD_PARAMS, "point \"%.64s\": it is the number of one", text);
	return false;
}

void on_vm_failover(struct rpc_call *call)
{
	struct failover_wish wish = { .is_planned = rpc_bool(call, "planned"),
				      .is_taken_over = rpc_bool(call, "take_over"),
				      .map = rpc_text(call, "switch_map") };
	bool is_cancel = rpc_bool(call, "cancel");
	bool is_complete = rpc_bool(call, "complete");
	bool is_test = rpc_bool(call, "test");
	struct vm *vm = vm_of(call);
	struct xvs_error err = ERROR_INIT;
	int code;

	if (!vm || !point_take(call, &wish.point))
		return;
	if ((is_cancel || is_complete) && (is_cancel == is_complete || wish.is_planned ||
					   wish.is_taken_over || wish.point || wish.map)) {
		rpc_refuse(call, RPC_BAD_PARAMS, "cancel and complete stand alone");
		return;
	}
	if (is_test && (wish.is_planned || wish.is_taken_over)) {
		rpc_refuse(call, RPC_BAD_PARAMS, "a test concerns this host alone");
		return;
	}
	if (is_test)
		code = failover_test(vm, &wish, on_over, call, &err);
	else if (is_complete)
		code = failover_complete(vm, &err);
	else if (is_cancel)
		code = failover_cancel(vm, on_over, call, &err);
	else
		code = failover_begin(vm, &wish, on_over, call, &err);
	if (code)
		refuse(call, vm, &err);
	else if (is_complete)
		rpc_answer(call, json_object());
}
