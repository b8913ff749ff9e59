/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/failover_test.c - a test failover: a machine of its own is made of a copy of a point, with the same
 * policies at other switches.  The replica stays what it is.
 *
 * Its cards have the MAC addresses of the original, so none of its switches may lead out of the host.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "definition.h"
#include "failover.h"
#include "portable_switch.h"
#include "replica_part.h"
#include "stone.h"
#include "tool.h"

enum { COPY_S = 7 * 86400 };

struct trial {
	struct hv *hv;
	struct vm *vm;        /* that is made */
	char from[SPEC_NAME]; /* the replica */
	char point[BITMAP_NAME];
	json_t *switches;
	uint32_t walk;
	vm_done done;
	void *arg;
};

/* Beats go on. */
static void trial_free(struct trial *t)
{
	const struct vm *vm = hv_find(t->hv, t->from);
	struct replica *r = vm ? vm->replica : NULL;

	if (r)
		r->is_closed = r->kept.state != REPLICA_PASSIVE;
	json_decref(t->switches);
	free(t);
}

/* Nothing of it stays. */
static void fail(struct trial *t, const char *why)
{
	struct vm *vm = t->vm;
	vm_done done = t->done;
	void *arg = t->arg;
	struct xvs_error err = ERROR_INIT;
	char text[600];

	(void)snprintf(text, sizeof(text), "vm %s: it cannot be made: %.*s", vm->spec.name,
		       (int)strcspn(why, "\n"), why);
	(void)store_remove(t->hv->store, vm->spec.name, &err);
	trial_free(t);
	vm_destroy(vm);
	done(arg, -EIO, text);
}

/* Where that failed, it has gone already. */
static void on_defined(void *arg, int code, const char *text)
{
	struct trial *t = arg;
	struct vm *vm = t->vm;
	vm_done done = t->done;
	void *done_arg = t->arg;

	trial_free(t);
	if (code)
		done(done_arg, code, text);
	else
		vm_start(vm, done, done_arg);
}

/* ---- copies ----------------------------------------------------------------------------------- */

static void copy_next(struct trial *t);

static void on_copied(void *arg, int status, const char *output)
{
	struct trial *t = arg;

	t->vm->tool = NULL;
	if (status) {
		fail(t, output);
		return;
	}
	t->walk++;
	copy_next(t);
}

/* As the replica's user, who has the new folder until then: a guest may have written the image. */
static int copy_begin(struct trial *t, struct xvs_error *err)
{
	const struct tool_end end = { COPY_S, on_copied, t };
	const struct vm *from = hv_find(t->hv, t->from);
	const struct disk_spec *disk = &t->vm->spec.disks[t->walk];
	struct plan p;
	int code;

	if (!from || !from->replica)
		return error_set(err, -ENOENT, "", "the replica has gone");
	plan_init(&p, &from->user);
	plan_word(&p, "qemu-img");
	plan_word(&p, "convert");
	plan_option(&p, "-f", "qcow2");
	plan_option(&p, "-O", "qcow2");
	plan_option(&p, "-l", "snapshot.name=%s", t->point);
	plan_word(&p, "%s/%s.qcow2", from->disks, disk->name);
	plan_word(&p, "%s", disk->file);
	code = tool_start(t->hv->loop, &p, &end, &t->vm->tool, err);
	plan_finish(&p);
	return code;
}

static void copy_next(struct trial *t)
{
	const struct vm_spec *s = &t->vm->spec;
	struct xvs_error err = ERROR_INIT;

	while (t->walk < s->disk_count && s->disks[t->walk].is_read_only)
		t->walk++;
	if (t->walk == s->disk_count && vm_user_settle(t->vm, &err)) {
		fail(t, err.text);
	} else if (t->walk == s->disk_count) {
		job_end(t->vm, 0, "copied");
		vm_define(t->vm, on_defined, t);
	} else if (copy_begin(t, &err)) {
		fail(t, err.text);
	}
}

static void on_switches(struct vm *vm)
{
	struct trial *t = vm->job.state;
	const struct vm *from = hv_find(t->hv, t->from);
	struct xvs_error err = ERROR_INIT;
	char why[200];

	for (uint32_t i = 0; i < vm->spec.adapter_count; i++) {
		const char *name = vm->spec.adapters[i].switch_name;
		const char *type = json_string_value(
			json_object_get(json_object_get(t->switches, name), "type"));

		if (type && strcmp(type, "external") != 0 && strcmp(type, "nat") != 0)
			continue;
		(void)snprintf(why, sizeof(why),
			       type ? "switch %s leads out of this host, where the original may be"
				    : "switch %s is not there",
			       name);
		fail(t, why);
		return;
	}
	if (!from || !from->replica)
		fail(t, "the replica has gone");
	else if (store_make(t->hv->store, vm->spec.name, from->user.uid, from->user.gid, &err))
		fail(t, err.text);
	else
		copy_next(t);
}

/* ---- beginning -------------------------------------------------------------------------------- */

/* Another machine: what it is called here, and where it is. */
static int spec_turn(const struct replica *r, struct vm_spec *s, const struct failover_wish *w,
		     struct xvs_error *err)
{
	const struct hv *hv = r->vm->hv;
	const char *const machines[2] = { hv->facts.machines[0], hv->facts.machines[1] };
	char name[SPEC_NAME];
	char folder[SPEC_PATH];
	char left[STONE_TEXT];

	(void)snprintf(name, sizeof(name), "%.40s-test", s->name);
	if (hv_find(hv, name) || stone_read(hv->store, name, left))
		return error_set(err, -EEXIST, "",
				 "there is a machine %s already; undefine it first", name);
	(void)definition_rename(s, name);
	s->has_uuid = s->is_autostart = false;
	store_folder(hv->store, name, folder, sizeof(folder));
	for (uint32_t i = 0; i < s->disk_count; i++) {
		if (s->disks[i].is_read_only)
			continue;
		s->disks[i] = (struct disk_spec){ .bus = s->disks[i].bus };
		(void)str_copy(s->disks[i].name, SPEC_NAME, r->vm->spec.disks[i].name);
		(void)snprintf(s->disks[i].file, SPEC_PATH, "%.400s/disks/%s.qcow2", folder,
			       s->disks[i].name);
	}
	for (uint32_t i = 0; i < s->adapter_count; i++) {
		struct adapter_spec *a = &s->adapters[i];

		a->has_uuid = false;
		a->port[0] = '\0';
		if (!failover_adapt(r, w->point ? w->point : replica_last(r), w->map, a))
			return error_set(err, -EINVAL, "",
					 "adapter %s: to which switch? --switch-map %s=SWITCH",
					 a->name, a->switch_name);
	}
	definition_complete(s, machines);
	return 0;
}

static int spec_make(const struct replica *r, const struct failover_wish *w, struct vm_spec *out,
		     struct xvs_error *err)
{
	char why[FINDING_WHY];
	struct offer o;
	int code;

	if (!offer_read(r->kept.machine, &o, why, sizeof(why)))
		return error_set(err, -EINVAL, "", "%s", why);
	code = spec_turn(r, &o.spec, w, err);
	if (code == 0) {
		*out = o.spec;
		o.spec = (struct vm_spec){ .name = "" };
	}
	offer_finish(&o);
	return code;
}

static struct trial *trial_make(struct replica *r, struct vm_spec *s)
{
	struct trial *t = calloc(1, sizeof(*t));
	struct hv *hv = r->vm->hv;

	if (t)
		t->vm = vm_create(hv, s);
	if (!t || !t->vm) {
		spec_finish(s);
		free(t);
		return NULL;
	}
	t->hv = hv;
	t->switches = json_object();
	(void)str_copy(t->from, sizeof(t->from), r->vm->spec.name);
	t->vm->next = hv->vms;
	hv->vms = t->vm;
	return t;
}

int failover_test(struct vm *vm, const struct failover_wish *w, vm_done done, void *arg,
		  struct xvs_error *err)
{
	struct replica *r = vm->replica;
	struct vm_spec *s = calloc(1, sizeof(*s));
	struct trial *t = NULL;
	int code = s ? failover_check(vm, w, err) : -ENOMEM;

	if (code == 0)
		code = spec_make(r, w, s, err);
	if (code == 0)
		t = trial_make(r, s);
	free(s);
	if (!t)
		return code ? code : error_set(err, -ENOMEM, "", "out of memory");
	t->done = done;
	t->arg = arg;
	(void)bitmap_name(r->kept.id, w->point ? w->point : replica_last(r), t->point);
	r->is_closed = true; /* the disk is read: no beat writes to it meanwhile */
	replica_hush(r, "a copy is made for a test");
	if (vm_user_settle(t->vm, err)) {
		fail(t, err->text);
		return 0;
	}
	(void)job_begin(t->vm, "being made of a replica", NULL, NULL);
	t->vm->job.state = t;
	switches_ask(t->vm, t->switches, on_switches);
	return 0;
}
