/* SPDX-License-Identifier: Apache-2.0 */
/* hv/methods_move.c - handlers of the calls about machines that move to other hosts. */
#include "methods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arriving.h"
#include "base/str.h"
#include "departing.h"
#include "storage.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { MS_MAX = 3600000, SECONDS_MAX = 7 * 86400 };

/* ---- options ----------------------------------------------------------------------------------- */

/* "500", "100M", "1G" */
static bool size_parse(const char *text, uint64_t *out)
{
	static const char units[] = "KMG";
	char *end = NULL;
	unsigned long long n;
	const char *unit;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || (*end && (!unit || end[1])))
		return false;
	*out = n;
	return !unit || !__builtin_mul_overflow(n, UINT64_C(1) << (10 * (unit - units + 1)), out);
}

/* A number, or what was typed as one. */
static bool number_of(const json_t *value, uint64_t max, uint64_t *out)
{
	const char *text = json_string_value(value);
	json_int_t n = json_integer_value(value);

	if (json_is_integer(value) && n >= 0)
		*out = (uint64_t)n;
	else if (!text || !size_parse(text, out))
		return false;
	return *out <= max;
}

static bool flag_of(const json_t *value, bool *out)
{
	const char *text = json_string_value(value);

	*out = json_is_true(value) || (text && strcmp(text, "true") == 0);
	return *out || json_is_false(value) || (text && strcmp(text, "false") == 0);
}

static void put(struct departing_wish *w, const char *key, uint64_t n)
{
	if (strcmp(key, "bandwidth") == 0)
		w->bandwidth = n;
	else if (strcmp(key, "downtime_limit_ms") == 0)
		w->downtime_ms = (uint32_t)n;
	else if (strcmp(key, "downtime_max_ms") == 0)
		w->downtime_max_ms = (uint32_t)n;
	else if (strcmp(key, "downtime_budget_ms") == 0)
		w->budget_ms = n;
	else
		w->timeout_s = (uint32_t)n;
}

/* False: the call was refused. */
static bool option_take(struct rpc_call *call, const char *key, const json_t *value,
			struct departing_wish *w)
{
	static const struct {
		const char *key;
		uint64_t max;
	} numbers[] = { { "bandwidth", INT64_MAX / 2 },
			{ "downtime_limit_ms", MS_MAX },
			{ "downtime_max_ms", MS_MAX },
			{ "downtime_budget_ms", MS_MAX },
			{ "timeout_s", SECONDS_MAX } };
	uint64_t n;

	if (strcmp(key, "auto_converge") == 0) {
		if (flag_of(value, &w->has_auto_converge))
			return true;
		rpc_refuse(call, RPC_BAD_PARAMS, "auto_converge must be true or false");
		return false;
	}
	for (size_t i = 0; i < COUNT(numbers); i++) {
		if (strcmp(key, numbers[i].key) != 0)
			continue;
		if (number_of(value, numbers[i].max, &n)) {
			put(w, key, n);
			return true;
		}
		rpc_refuse(call, RPC_BAD_PARAMS, "%s must be a number from 0 to %llu", key,
			   (unsigned long long)numbers[i].max);
		return false;
	}
	rpc_refuse(call, RPC_BAD_PARAMS,
		   "there is no option \"%.64s\"; there are bandwidth, downtime_limit_ms, "
		   "downtime_max_ms, downtime_budget_ms, timeout_s and auto_converge",
		   key);
	return false;
}

static bool options_take(struct rpc_call *call, struct departing_wish *w)
{
	const json_t *options = rpc_object(call, "options");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)options, key, value)
	{
		if (!option_take(call, key, value, w))
			return false;
	}
	if (rpc_given(call, "options") && json_object_get(options, "downtime_limit_ms") &&
	    !json_object_get(options, "downtime_max_ms") && w->downtime_max_ms < w->downtime_ms)
		w->downtime_max_ms = w->downtime_ms;
	return true;
}

/* ---- calls ------------------------------------------------------------------------------------- */

static void refuse(struct rpc_call *call, const struct xvs_error *err)
{
	enum rpc_code code = err->code == -ENOENT  ? RPC_NOT_FOUND
			     : err->code == -EBUSY ? RPC_BUSY
						   : RPC_REFUSED;

	rpc_refuse(call, code, "%s", err->text);
}

/* NULL: there is no such machine, which was answered. */
static struct vm *vm_of(struct rpc_call *call)
{
	const struct hv *hv = rpc_context(call);
	struct vm *vm = hv_find(hv, rpc_text(call, "name"));

	if (!vm)
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: there is none", rpc_text(call, "name"));
	return vm;
}

static void on_over(void *arg, int code, const char *text)
{
	struct rpc_call *call = arg;

	if (code == 0)
		rpc_answer(call, departing_show(rpc_context(call), rpc_text(call, "name")));
	else
		rpc_refuse(call, RPC_REFUSED, "%s", text);
}

void on_vm_migrate(struct rpc_call *call)
{
	const struct hv *hv = rpc_context(call);
	bool is_background = rpc_bool(call, "background");
	struct xvs_error err = ERROR_INIT;
	struct departing_wish wish;
	struct vm *vm = vm_of(call);

	if (!vm)
		return;
	departing_wish_init(hv, rpc_text(call, "to"), &wish);
	wish.has_disks = rpc_bool(call, "with_storage");
	wish.is_check = rpc_bool(call, "check");
	if (wish.has_disks && rpc_bool(call, "shared_storage")) {
		rpc_refuse(call, RPC_BAD_PARAMS,
			   "disks either go along or are seen by both hosts: not with_storage and "
			   "shared_storage at once");
		return;
	}
	if (!options_take(call, &wish))
		return;
	storage_forget(vm);
	if (departing_begin(vm, &wish, is_background ? NULL : on_over, call, &err))
		refuse(call, &err);
	else if (is_background)
		rpc_answer(call, departing_show(hv, rpc_text(call, "name")));
}

void on_vm_move_show(struct rpc_call *call)
{
	const struct vm *vm = hv_find(rpc_context(call), rpc_text(call, "name"));
	json_t *report = NULL;

	if (vm && vm->arriving)
		report = arriving_show(vm);
	else if (vm && !vm->departing)
		report = storage_show(vm);
	if (!report)
		report = departing_show(rpc_context(call), rpc_text(call, "name"));

	if (report)
		rpc_answer(call, report);
	else
		rpc_refuse(call, RPC_NOT_FOUND, "vm %s: no move of it is known here",
			   rpc_text(call, "name"));
}

static void answer_done(struct rpc_call *call, int code, const struct xvs_error *err)
{
	if (code)
		refuse(call, err);
	else
		rpc_answer(call, json_object());
}

void on_vm_move_cancel(struct rpc_call *call)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vm = vm_of(call);

	if (vm && vm->arriving)
		rpc_refuse(call, RPC_REFUSED,
			   "vm %s: it comes from another host, which alone can cancel that",
			   vm->spec.name);
	else if (vm && vm->storage)
		answer_done(call, storage_cancel(vm, &err), &err);
	else if (vm)
		answer_done(call, departing_cancel(vm, &err), &err);
}

static void on_resolved(void *arg, int code, const char *text)
{
	struct rpc_call *call = arg;

	if (code)
		rpc_refuse(call, RPC_REFUSED, "%s", text);
	else
		rpc_answer(call, json_object());
}

void on_vm_resolve(struct rpc_call *call)
{
	struct xvs_error err = ERROR_INIT;
	struct vm *vm = vm_of(call);

	if (vm && vm->arriving)
		arriving_resolve(vm, rpc_bool(call, "take_over"), on_resolved, call);
	else if (vm)
		answer_done(call, departing_resolve(vm, rpc_bool(call, "take_over"), &err), &err);
}
