/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replicate_yield.c - a failover, as the primary sees it: the machine is stopped where that is
 * wanted, the rest of it is sent, and it is written down that it is the other host's.
 */
#include <errno.h>

#include "base/log.h"
#include "replicate_part.h"
#include "rpc/rpc.h"
#include "stone.h"

enum { AGAIN_S = 1 };

void yield_refuse(struct replicating *r, const char *why)
{
	struct rpc_call *call = r->yield;

	r->yield = NULL;
	if (call)
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s", r->vm->spec.name, why);
}

static void yield_answer(const struct replicating *r, struct rpc_call *call)
{
	rpc_answer(call, json_pack("{s:I}", "sequence", (json_int_t)r->sequence));
}

/* The other host's switch has its addresses from here on; what they knew is there. */
static void on_ports_gone(struct vm *vm, int code, const char *text)
{
	struct replicating *r = vm->replicating;
	struct rpc_call *call = r->yield;

	r->yield = NULL;
	job_end(vm, code, "%s", text);
	if (call)
		yield_answer(r, call);
}

static void yield_write(struct replicating *r, struct rpc_call *call, uint64_t epoch)
{
	struct vm *vm = r->vm;
	uint64_t before = r->epoch;
	struct xvs_error err = ERROR_INIT;
	int code = epoch_keep(vm->hv->store, vm->spec.name, epoch, &err);

	r->is_yielded = true;
	r->epoch = epoch;
	vm->is_wanted = false;
	vm->restart_ns = 0;
	r->starts_later = false;
	if (code == 0)
		code = vm_record(vm, &err);
	if (code == 0)
		code = replicate_write(r, &err);
	if (code) { /* whether it is there or not, it is what the next start believes */
		r->is_yielded = false;
		r->epoch = before;
		(void)replicate_write(r, &err);
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s", vm->spec.name, err.text);
		return;
	}
	log_message(MSG_VM, "vm %s: host %s takes it over", vm->spec.name, r->to);
	r->yield = call;
	(void)job_begin(vm, "being handed over", NULL, NULL);
	ports_remove(vm, on_ports_gone);
}

/* It is off, and the rest of it is there, or is sent now. */
void yield_go_on(struct replicating *r)
{
	struct vm *vm = r->vm;
	struct rpc_call *call = r->yield;

	if (vm->state != VM_STOPPED || vm->job.what) {
		yield_refuse(r, "somebody uses it");
	} else if (r->is_sent) {
		r->yield = NULL;
		yield_write(r, call, r->yield_epoch);
	} else {
		beat_begin(r);
	}
}

static void on_stopped(void *arg, int code, const char *text)
{
	struct replicating *r = arg;

	r->is_stopping = false;
	if (code)
		yield_refuse(r, text);
	else
		yield_go_on(r);
}

void replicate_yield(struct vm *vm, struct rpc_call *call, uint64_t epoch, bool is_planned)
{
	struct replicating *r = vm->replicating;

	if (r->is_yielded && epoch >= r->epoch) {
		yield_answer(r, call);
	} else if (epoch <= r->epoch || epoch > UINT32_MAX) {
		rpc_refuse(call, RPC_REFUSED, "vm %s: a later move of it is known here",
			   vm->spec.name);
	} else if (r->yield || vm->job.what) {
		rpc_refuse(call, RPC_BUSY, "vm %s: it is %s", vm->spec.name,
			   vm->job.what ? vm->job.what : "being handed over already");
	} else if (!is_planned && vm->state != VM_STOPPED) {
		rpc_refuse(call, RPC_REFUSED,
			   "vm %s: it is %s here; a planned failover stops it and loses nothing",
			   vm->spec.name, vm_state_name(vm));
	} else if (!is_planned) {
		beat_fail(r, "host %s takes it over", r->to);
		yield_write(r, call, epoch);
	} else {
		beat_fail(r, "host %s takes it over", r->to);
		r->yield = call;
		r->yield_epoch = epoch;
		r->is_stopping = true;
		vm_stop(vm, on_stopped, r);
	}
}

void replicate_unyield(struct vm *vm, struct rpc_call *call, uint64_t epoch)
{
	struct replicating *r = vm->replicating;
	struct xvs_error err = ERROR_INIT;

	if (r->is_yielded && epoch < r->epoch) {
		rpc_refuse(call, RPC_REFUSED, "vm %s: a later move of it is known here",
			   vm->spec.name);
		return;
	}
	r->is_yielded = false;
	if (replicate_write(r, &err)) {
		r->is_yielded = true;
		rpc_refuse(call, RPC_REFUSED, "vm %s: %s", vm->spec.name, err.text);
		return;
	}
	beat_again(r, AGAIN_S);
	rpc_answer(call, json_object());
}
