/* SPDX-License-Identifier: Apache-2.0 */
/* hv/methods_replica.c - handlers of the calls about machines that are copied to other hosts. */
#include "methods.h"

#include <errno.h>

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
