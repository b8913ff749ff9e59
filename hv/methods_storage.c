/* SPDX-License-Identifier: Apache-2.0 */
/* hv/methods_storage.c - handlers of the calls about disks that move, and machines that are carried. */
#include <errno.h>

#include "methods.h"
#include "portable.h"
#include "storage.h"

static void on_over(void *arg, int code, const char *text)
{
	struct rpc_call *call = arg;

	if (code == 0)
		rpc_answer(call, json_object());
	else
		rpc_refuse(call, RPC_REFUSED, "%s", text);
}

void on_vm_move_storage(struct rpc_call *call)
{
	const struct storage_wish wish = { .disk = rpc_text(call, "disk"),
					   .path = rpc_text(call, "path"),
					   .format = rpc_text(call, "format"),
					   .bandwidth = rpc_count(call, "bandwidth", 0) };
	struct vm *vm = hv_find(rpc_context(call), rpc_text(call, "name"));
	bool is_background = rpc_bool(call, "background");
	struct xvs_error err = ERROR_INIT;

	if (!vm)
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: there is none", rpc_text(call, "name"));
	else if (storage_begin(vm, &wish, is_background ? NULL : on_over, call, &err))
		rpc_refuse(call, err.code == -EBUSY ? RPC_BUSY : RPC_REFUSED, "vm %s: %s",
			   vm->spec.name, err.text);
	else if (is_background)
		rpc_answer(call, json_object());
}

static void refuse(struct rpc_call *call, const char *name, const struct xvs_error *err)
{
	rpc_refuse(call, err->code == -EBUSY ? RPC_BUSY : RPC_REFUSED, "vm %s: %s", name,
		   err->text);
}

void on_vm_export(struct rpc_call *call)
{
	const char *name = rpc_text(call, "name");
	struct vm *vm = hv_find(rpc_context(call), name);
	struct xvs_error err = ERROR_INIT;

	if (!vm)
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: there is none", name);
	else if (export_begin(vm, rpc_text(call, "folder"), on_over, call, &err))
		refuse(call, name, &err);
}

void on_vm_import(struct rpc_call *call)
{
	const struct import_wish wish = { .folder = rpc_text(call, "folder"),
					  .name = rpc_text(call, "name"),
					  .is_new_identity = rpc_bool(call, "new_identity") };
	struct xvs_error err = ERROR_INIT;

	if (wish.folder[0] != '/')
		rpc_refuse(call, RPC_BAD_PARAMS, "folder %.100s: an absolute path is expected",
			   wish.folder);
	else if (import_begin(rpc_context(call), &wish, on_over, call, &err))
		rpc_refuse(call, RPC_REFUSED, "%.300s: it cannot be imported: %s", wish.folder,
			   err.text);
}
