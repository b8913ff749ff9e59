/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_ports.c - the ports of a machine at xvsd, one after the other.
 *
 *      ask -> not there: add | ours and as it was: nothing | ours and different: remove, add
 *
 * They are xvsd's objects of owner "hv": they keep their UUIDs, counters and overlays while the
 * machine is off, and nothing passes since nobody is at the other end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "control/protocol.h"
#include "tap.h"
#include "vm.h"

void tap_name(const struct adapter_spec *a, char out[16])
{
	(void)snprintf(out, 16, "xvs%02x%02x%02x%02x%02x%02x", a->uuid[0], a->uuid[1], a->uuid[2],
		       a->uuid[3], a->uuid[4], a->uuid[5]);
}

static const struct adapter_spec *current(const struct vm *vm)
{
	return &vm->spec.adapters[vm->walk];
}

static void target_of(const struct adapter_spec *a, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s", a->switch_name, a->port);
}

/* ---- what a port is --------------------------------------------------------------------------- */

json_t *port_backend(const char *run, const struct adapter_spec *a)
{
	char path[VM_SOCKET];
	char device[16];

	if (a->link == LINK_TAP) {
		tap_name(a, device);
		return json_pack("{s:s, s:s}", "kind", "af_packet", "device", device);
	}
	(void)snprintf(path, sizeof(path), "%s/qemu/net-%s", run, a->name);
	return json_pack("{s:s, s:s, s:s, s:i}", "kind", "vhost-user", "socket", path, "mode",
			 "client", "queues", (int)a->queues);
}

static json_t *port_make(const struct vm *vm, const struct adapter_spec *a)
{
	char uuid[UUID_TEXT];
	char mac[MAC_TEXT];
	json_t *port = json_pack("{s:s, s:s, s:s, s:o}", "name", a->port, "uuid",
				 uuid_print(a->uuid, uuid), "mac", mac_print(a->mac, mac),
				 "backend", port_backend(vm->run, a));
	json_t *requires = json_array();

	for (uint32_t i = 0; i < a->require_count; i++)
		(void)json_array_append_new(requires, json_string(a->requires[i]));
	if (a->group[0])
		(void)json_object_set_new(port, "group", json_string(a->group));
	if (a->require_count)
		(void)json_object_set(port, "requires", requires);
	if (a->policies)
		(void)json_object_set(port, "policies", a->policies);
	json_decref(requires);
	return port;
}

/* ---- walking ---------------------------------------------------------------------------------- */

static void walk_end(struct vm *vm, int code, const char *text)
{
	vm->walked(vm, code, text);
}

static void ensure_next(struct vm *vm);

/* Somebody had closed it by hand; so it stays. */
static void on_blocked(void *arg, const struct switch_answer *answer)
{
	struct vm *vm = arg;

	vm->is_port_blocked = false;
	if (!answer->result) {
		walk_end(vm, -EIO, answer->error);
		return;
	}
	vm->walk++;
	ensure_next(vm);
}

static void port_block(struct vm *vm)
{
	char target[2 * SPEC_TEXT];

	target_of(current(vm), target, sizeof(target));
	switch_call(vm->hv->sw, "port.block", json_pack("{s:s}", "target", target), on_blocked, vm);
}

/* Kept under its name, to be compared with the definition at the next start. */
static void told_put(struct vm *vm, const struct adapter_spec *a)
{
	json_t *port = port_make(vm, a);
	char *text = json_dumps(port, JSON_COMPACT | JSON_SORT_KEYS);
	char target[2 * SPEC_TEXT];

	target_of(a, target, sizeof(target));
	(void)json_object_set_new(vm->ports, target, json_string(text ? text : ""));
	free(text);
	json_decref(port);
}

void ports_assume(struct vm *vm)
{
	for (uint32_t i = 0; i < vm->spec.adapter_count; i++)
		told_put(vm, &vm->spec.adapters[i]);
}

static void on_added(void *arg, const struct switch_answer *answer)
{
	struct vm *vm = arg;
	const struct adapter_spec *a = current(vm);
	char why[512];

	if (!answer->result) {
		(void)snprintf(why, sizeof(why), "adapter %s: %s", a->name, answer->error);
		walk_end(vm, -EIO, why);
		return;
	}
	told_put(vm, a);
	if (vm->is_port_blocked) {
		port_block(vm);
		return;
	}
	vm->walk++;
	ensure_next(vm);
}

static void port_add(struct vm *vm)
{
	const struct adapter_spec *a = current(vm);
	json_t *port = port_make(vm, a);

	switch_call(vm->hv->sw, "port.add",
		    json_pack("{s:s, s:s, s:o}", "switch", a->switch_name, "owner", "hv", "port",
			      port),
		    on_added, vm);
}

static void on_removed(void *arg, const struct switch_answer *answer)
{
	struct vm *vm = arg;

	if (answer->result)
		port_add(vm);
	else
		walk_end(vm, -EIO, answer->error);
}

/* What xvsd was told of it; NULL: it has not heard of it from us. */
static const char *told(const struct vm *vm, const struct adapter_spec *a)
{
	char target[2 * SPEC_TEXT];

	target_of(a, target, sizeof(target));
	return json_string_value(json_object_get(vm->ports, target));
}

static bool is_as_it_was(const struct vm *vm, const struct adapter_spec *a)
{
	json_t *port = port_make(vm, a);
	char *text = json_dumps(port, JSON_COMPACT | JSON_SORT_KEYS);
	const char *was = told(vm, a);
	bool is_same = text && was && strcmp(text, was) == 0;

	free(text);
	json_decref(port);
	return is_same;
}

/* The name of a port that is there already: ours, or somebody else's. */
static void take_port(struct vm *vm, const json_t *port)
{
	const struct adapter_spec *a = current(vm);
	const char *owner = json_string_value(json_object_get(port, "owner"));
	const char *uuid = json_string_value(json_object_get(port, "uuid"));
	const char *state = json_string_value(json_object_get(port, "state"));
	char ours[UUID_TEXT];
	char target[2 * SPEC_TEXT];
	char why[512];

	target_of(a, target, sizeof(target));
	if (!owner || strcmp(owner, "hv") != 0 || !uuid ||
	    strcmp(uuid, uuid_print(a->uuid, ours)) != 0) {
		(void)snprintf(why, sizeof(why),
			       "adapter %s: port %s is there already and belongs to %s; give the "
			       "adapter another port, or remove that one",
			       a->name, target,
			       owner && strcmp(owner, "hv") == 0 ? "another machine"
			       : owner                           ? owner
								 : "somebody");
		walk_end(vm, -EEXIST, why);
	} else if (is_as_it_was(vm, a) && state && strcmp(state, "closed") != 0) {
		vm->walk++;
		ensure_next(vm);
	} else {
		/* Different, or closed since its device was not there when xvsd began. */
		vm->is_port_blocked = json_is_true(json_object_get(port, "blocked"));
		switch_call(vm->hv->sw, "port.remove",
			    json_pack("{s:s, s:s}", "target", target, "owner", "hv"), on_removed,
			    vm);
	}
}

static void on_shown(void *arg, const struct switch_answer *answer)
{
	struct vm *vm = arg;

	if (answer->result)
		take_port(vm, answer->result);
	else if (answer->code == RPC_NOT_FOUND)
		port_add(vm);
	else
		walk_end(vm, -EIO, answer->error);
}

static void ensure_next(struct vm *vm)
{
	char target[2 * SPEC_TEXT];

	if (vm->walk == vm->spec.adapter_count) {
		walk_end(vm, 0, "");
		return;
	}
	target_of(current(vm), target, sizeof(target));
	switch_call(vm->hv->sw, "port.show", json_pack("{s:s}", "target", target), on_shown, vm);
}

void ports_ensure(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text))
{
	vm->walk = 0;
	vm->walked = walked;
	ensure_next(vm);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static void ask_next(struct vm *vm);

static void on_asked(void *arg, const struct switch_answer *answer)
{
	struct vm *vm = arg;
	char why[512];

	if (!answer->result) {
		(void)snprintf(why, sizeof(why), "adapter %s: %s", current(vm)->name,
			       answer->error);
		walk_end(vm, -EIO, why);
		return;
	}
	vm->walk++;
	ask_next(vm);
}

static void ask_next(struct vm *vm)
{
	const struct adapter_spec *a = current(vm);

	if (vm->walk == vm->spec.adapter_count)
		walk_end(vm, 0, "");
	else
		switch_call(vm->hv->sw, "port.add",
			    json_pack("{s:s, s:s, s:b, s:o}", "switch", a->switch_name, "owner",
				      "hv", "dry_run", 1, "port", port_make(vm, a)),
			    on_asked, vm);
}

void ports_ask(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text))
{
	vm->walk = 0;
	vm->walked = walked;
	ask_next(vm);
}

/* ---- removing --------------------------------------------------------------------------------- */

static void remove_next(struct vm *vm);

/* One that is gone, or somebody else's by now, is none of ours. */
static void on_gone(void *arg, const struct switch_answer *answer)
{
	struct vm *vm = arg;
	char target[2 * SPEC_TEXT];
	char device[16];

	if (!answer->result && answer->code == 0) {
		walk_end(vm, -EIO, answer->error);
		return;
	}
	target_of(current(vm), target, sizeof(target));
	(void)json_object_del(vm->ports, target);
	if (current(vm)->link == LINK_TAP) {
		tap_name(current(vm), device);
		tap_remove(device);
	}
	vm->walk++;
	remove_next(vm);
}

static void remove_next(struct vm *vm)
{
	char target[2 * SPEC_TEXT];

	while (vm->walk < vm->spec.adapter_count && !told(vm, current(vm)))
		vm->walk++;
	if (vm->walk == vm->spec.adapter_count) {
		walk_end(vm, 0, "");
		return;
	}
	target_of(current(vm), target, sizeof(target));
	switch_call(vm->hv->sw, "port.remove",
		    json_pack("{s:s, s:s}", "target", target, "owner", "hv"), on_gone, vm);
}

void ports_remove(struct vm *vm, void (*walked)(struct vm *vm, int code, const char *text))
{
	vm->walk = 0;
	vm->walked = walked;
	remove_next(vm);
}
