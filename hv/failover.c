/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/failover.c - the steps of a failover, and of taking it back.
 */
#include "failover.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "definition.h"
#include "portable.h"
#include "replica_part.h"
#include "stone.h"
#include "tool.h"
#include "vm_archive.h"

enum { WHY = 500, MAP = 512, TELL_AGAIN_S = 5 };

struct failover {
	struct replica *r;
	bool is_planned, is_taken_over, is_cancel;
	uint64_t point, epoch;
	char map[MAP];
	vm_done done; /* NULL: nobody waits */
	void *arg;
	struct remote_link *link;
	struct loop_timer *timer; /* what the primary's host could not be told is told again */
	struct tool *tool;
	uint32_t walk; /* of disks */
};

/* ---- its end ---------------------------------------------------------------------------------- */

static void link_drop(struct failover *f)
{
	struct remote_link *link = f->link;

	f->link = NULL;
	remote_close(link);
}

static void answer(struct failover *f, int code, const char *text)
{
	vm_done done = f->done;

	f->done = NULL;
	if (done)
		done(f->arg, code, text);
}

void failover_destroy(struct replica *r)
{
	struct failover *f = r->failover;

	if (!f)
		return;
	r->failover = NULL;
	link_drop(f);
	tool_cancel(f->tool);
	loop_timer_destroy(f->timer);
	answer(f, -ECANCELED, "the replica has gone");
	free(f);
}

static void end(struct failover *f, int code, const char *why)
{
	struct replica *r = f->r;
	vm_done done = f->done;
	void *arg = f->arg;
	char text[WHY + 100];

	(void)snprintf(text, sizeof(text), "vm %s: %s", r->vm->spec.name, why);
	if (code)
		log_message(MSG_VM_PROBLEM, "%s", text);
	f->done = NULL;
	r->is_closed = r->kept.state != REPLICA_PASSIVE;
	failover_destroy(r);
	if (done)
		done(arg, code, text);
}

/* ---- disks ------------------------------------------------------------------------------------ */

static void disks_ready(struct failover *f);
static void disk_next(struct failover *f);

static void on_reverted(void *arg, int status, const char *output)
{
	struct failover *f = arg;
	char why[WHY];

	f->tool = NULL;
	if (status) {
		(void)snprintf(why, sizeof(why), "disk %s: %.*s",
			       f->r->vm->spec.disks[f->walk].name, (int)strcspn(output, "\n"),
			       output);
		end(f, -EIO, why);
		return;
	}
	f->walk++;
	disk_next(f);
}

static void disk_next(struct failover *f)
{
	const struct tool_end over = { TOOL_DEADLINE_S, on_reverted, f };
	struct vm *vm = f->r->vm;
	struct xvs_error err = ERROR_INIT;
	char name[BITMAP_NAME];
	char path[SPEC_PATH];
	struct plan p;
	int code;

	while (f->walk < vm->spec.disk_count && vm->spec.disks[f->walk].is_read_only)
		f->walk++;
	if (f->walk == vm->spec.disk_count) {
		disks_ready(f);
		return;
	}
	disk_path(&vm->spec.disks[f->walk], vm->disks, path);
	plan_init(&p, &vm->user);
	plan_word(&p, "qemu-img");
	plan_word(&p, "snapshot");
	plan_word(&p, "-q");
	plan_option(&p, "-a", "%s", bitmap_name(f->r->kept.id, f->point, name));
	plan_word(&p, "%s", path);
	code = tool_start(vm->hv->loop, &p, &over, &f->tool, &err);
	plan_finish(&p);
	if (code)
		end(f, code, err.text);
}

/* ---- the definition --------------------------------------------------------------------------- */

/* "lab=dr,dmz=dr2" */
static bool map_find(const char *map, const char *name, char out[SPEC_TEXT])
{
	size_t len = strlen(name);

	for (const char *at = map; *at; at += strcspn(at, ","), at += *at == ',') {
		size_t size = strcspn(at, ",");

		if (size <= len + 1 || strncmp(at, name, len) != 0 || at[len] != '=' ||
		    size - len - 1 >= SPEC_TEXT)
			continue;
		(void)snprintf(out, SPEC_TEXT, "%.*s", (int)(size - len - 1), at + len + 1);
		return true;
	}
	return false;
}

/* What held there, with what the definition wants to be otherwise on this host. */
bool failover_adapt(const struct replica *r, uint64_t point, const char *map,
		    struct adapter_spec *a)
{
	char tag[REPLICA_TAG];
	char path[PATH_MAX];
	json_t *told;
	json_t *policies;

	archive_policies_path(r->vm, replica_tag(point, tag), a->name, path, sizeof(path));
	told = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	policies = portable_policies(told);
	json_decref(told);
	if (policies) {
		json_decref(a->policies);
		a->policies = policies;
		a->group[0] = '\0';
	}
	if (a->failover_policies && !a->policies)
		a->policies = json_object();
	if (a->failover_policies)
		(void)json_object_update_recursive(a->policies, a->failover_policies);
	return map && map_find(map, a->switch_name, a->switch_name);
}

static int define(struct failover *f, struct xvs_error *err)
{
	struct vm *vm = f->r->vm;
	struct store *s = vm->hv->store;
	json_t *definition;
	int code = store_remove_file(s, vm->spec.name, "replication.json", err);

	for (uint32_t i = 0; i < vm->spec.adapter_count; i++)
		(void)failover_adapt(f->r, f->point, f->map, &vm->spec.adapters[i]);
	definition = definition_print(&vm->spec);
	if (code == 0)
		code = vm_record(vm, err);
	if (code == 0)
		code = store_write(s, vm->spec.name, "definition.json", definition, err);
	json_decref(definition);
	return code;
}

/* ---- it becomes the machine ------------------------------------------------------------------- */

static void on_started(void *arg, int code, const char *text)
{
	struct failover *f = arg;
	const char *colon = strchr(text, ':'); /* behind "vm NAME" */

	end(f, code, colon ? colon + 2 : "it runs");
}

static void machine_start(struct failover *f)
{
	struct replica *r = f->r;
	struct xvs_error err = ERROR_INIT;

	if (define(f, &err)) {
		end(f, err.code, err.text);
		return;
	}
	r->is_defined = true;
	r->is_loading = true;
	log_message(MSG_VM, "vm %s: it fails over from %s to here, to point %llu", r->vm->spec.name,
		    r->kept.peer, (unsigned long long)f->point);
	vm_start(r->vm, on_started, f);
}

/* From the record on it is this host's. */
static void activate(struct failover *f)
{
	struct replica *r = f->r;
	struct replica_record before = r->kept;
	struct xvs_error err = ERROR_INIT;
	int code = epoch_keep(r->vm->hv->store, r->vm->spec.name, f->epoch, &err);

	link_drop(f);
	r->is_closed = true;
	replica_hush(r, "it fails over");
	if (!f->point)
		f->point = replica_last(r);
	r->kept.state = REPLICA_ACTIVE;
	r->kept.epoch = f->epoch;
	r->kept.point = f->point;
	if (code == 0)
		code = replica_write(r, &err);
	if (code) {
		r->kept = before;
		end(f, code, err.text);
		return;
	}
	f->walk = 0;
	disk_next(f);
}

/* ---- it is taken back ------------------------------------------------------------------------- */

static void primary_tell(struct failover *f);

/* Its disks are as those there were at the last point, so beats go on from that. */
static void cancelled(struct failover *f)
{
	struct replica *r = f->r;
	struct xvs_error err = ERROR_INIT;

	r->kept.state = REPLICA_PASSIVE;
	if (replica_write(r, &err)) {
		r->kept.state = REPLICA_CANCELLING;
		end(f, err.code, err.text);
		return;
	}
	log_message(MSG_VM, "vm %s: its failover was taken back", r->vm->spec.name);
	end(f, 0, "it is a replica again");
}

static void disks_ready(struct failover *f)
{
	if (f->is_cancel)
		primary_tell(f);
	else
		machine_start(f);
}

static void disks_take_back(struct failover *f)
{
	f->point = replica_last(f->r);
	f->walk = 0;
	disk_next(f);
}

/* It is no machine any more, whatever is in the folder. */
static void on_ports_gone(struct vm *vm, int code, const char *text)
{
	struct replica *r = vm->replica;
	struct failover *f = r->failover;
	struct xvs_error err = ERROR_INIT;

	job_end(vm, code, "%s", text);
	if (code) {
		end(f, code, text);
		return;
	}
	r->kept.state = REPLICA_CANCELLING;
	r->kept.point = 0;
	if (replica_write(r, &err)) {
		r->kept.state = REPLICA_ACTIVE;
		end(f, err.code, err.text);
		return;
	}
	r->is_defined = false;
	(void)json_array_clear(vm->checkpoints);
	if (store_remove_file(vm->hv->store, vm->spec.name, "definition.json", &err) ||
	    replica_respec(r, &err))
		end(f, err.code, err.text);
	else
		disks_take_back(f);
}

static void on_killed(void *arg, int code, const char *text)
{
	struct failover *f = arg;
	struct vm *vm = f->r->vm;

	if (code || !job_begin(vm, "being taken back", NULL, NULL))
		end(f, code ? code : -EBUSY, text);
	else
		ports_remove(vm, on_ports_gone);
}

/* ---- the primary's host ----------------------------------------------------------------------- */

/* It cannot be asked. */
static void unreachable(struct failover *f, const char *why)
{
	struct replica *r = f->r;
	char text[WHY];

	link_drop(f);
	if (f->is_cancel) {
		(void)snprintf(text, sizeof(text),
			       "vm %s: it is taken back; host %s is told so when it is there: "
			       "%.200s",
			       r->vm->spec.name, r->kept.peer, why);
		answer(f, 0, text);
		loop_timer_arm(f->timer, TELL_AGAIN_S * NS_PER_S);
	} else if (f->is_taken_over) {
		activate(f);
	} else {
		(void)snprintf(
			text, sizeof(text),
			"host %s cannot be asked: %.200s; where you have made sure that it is "
			"off, --take-over starts it here",
			r->kept.peer, why);
		end(f, -ENOTCONN, text);
	}
}

static void on_answer(void *arg, const json_t *value, const char *why)
{
	struct failover *f = arg;
	json_int_t sequence = json_integer_value(json_object_get(value, "sequence"));
	char text[WHY];

	if (!value && remote_has_ended(f->link)) {
		unreachable(f, why);
	} else if (!value && !f->is_cancel) {
		(void)snprintf(text, sizeof(text), "host %s: %.300s", f->r->kept.peer, why);
		end(f, -EPERM, text);
	} else if (f->is_cancel) {
		if (!value)
			log_message(MSG_VM_PROBLEM, "vm %s: host %s: %.300s", f->r->vm->spec.name,
				    f->r->kept.peer, why);
		cancelled(f);
	} else if (f->is_planned && (uint64_t)sequence != replica_last(f->r)) {
		end(f, -EIO, "what the other host sent last is not here; try again");
	} else {
		activate(f);
	}
}

static void on_ready(void *arg, const char *name)
{
	struct failover *f = arg;
	const struct replica_record *k = &f->r->kept;
	json_t *params = json_pack("{s:s, s:I}", "replica", k->id, "epoch", (json_int_t)f->epoch);

	(void)name;
	if (!remote_is_named(f->link, k->peer)) {
		json_decref(params);
		unreachable(f, "its certificate is another's");
		return;
	}
	if (!f->is_cancel)
		(void)json_object_set_new(params, "planned", json_boolean(f->is_planned));
	remote_ask(f->link, f->is_cancel ? "vm.replica.unyield" : "vm.replica.yield", params,
		   on_answer, f);
}

static void on_event(void *arg, const char *name, const json_t *params)
{
	(void)arg;
	(void)name;
	(void)params;
}

static void on_ended(void *arg, const char *why)
{
	unreachable(arg, why);
}

static void primary_tell(struct failover *f)
{
	static const struct remote_ops ops = { on_ready, on_event, on_ended };
	struct hv *hv = f->r->vm->hv;
	const struct host_peer *peer = settings_peer(&hv->settings, f->r->kept.peer);
	struct xvs_error err = ERROR_INIT;
	char host[TLS_HOST_TEXT];
	uint16_t port;

	if (!peer || !hv->tls) {
		unreachable(f, hv->tls ? "it is no peer any more" : hv->move_problem);
		return;
	}
	(void)tls_context_refresh(hv->tls, &err);
	peer_address(peer, host, &port);
	f->link = remote_connect(hv->loop, hv->tls, host, port, &ops, f);
	if (!f->link)
		unreachable(f, "out of memory");
}

static void on_timer(void *arg)
{
	primary_tell(arg);
}

/* ---- beginnings ------------------------------------------------------------------------------- */

static struct failover *make(struct replica *r)
{
	struct failover *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->r = r;
	f->epoch = r->kept.epoch;
	f->timer = loop_timer_create(r->vm->hv->loop, on_timer, f);
	if (f->timer) {
		r->failover = f;
		return f;
	}
	free(f);
	return NULL;
}

static bool has_point(const struct replica *r, uint64_t point)
{
	const json_t *one;
	size_t i;

	json_array_foreach(r->kept.points, i, one)
	{
		if ((uint64_t)json_integer_value(json_object_get(one, "sequence")) == point)
			return true;
	}
	return false;
}

int failover_check(const struct vm *vm, const struct failover_wish *w, struct xvs_error *err)
{
	const struct replica *r = vm->replica;

	if (!r)
		return error_set(err, -EINVAL, "",
				 "it is no replica; a failover is asked for where the replica is");
	if (r->failover || (r->is_closed && r->kept.state == REPLICA_PASSIVE))
		return error_set(err, -EBUSY, "", "its failover, or a test of that, is under way");
	if (r->kept.state != REPLICA_PASSIVE && r->is_defined)
		return error_set(err, -EALREADY, "",
				 "it has failed over; --cancel takes it back, --complete keeps it");
	if (r->kept.state == REPLICA_CANCELLING)
		return error_set(err, -EBUSY, "", "its failover is being taken back");
	if (w->is_planned && (w->point || w->is_taken_over))
		return error_set(err, -EINVAL, "",
				 "a planned failover goes to what the primary sends last");
	if (w->point && !has_point(r, w->point))
		return error_set(err, -ENOENT, "", "there is no point %llu here",
				 (unsigned long long)w->point);
	if (!replica_last(r) && !w->is_planned)
		return error_set(err, -ENOENT, "", "no point of it is whole yet");
	if (w->map && strlen(w->map) >= MAP)
		return error_set(err, -ENAMETOOLONG, "", "that are too many switches");
	return 0;
}

int failover_begin(struct vm *vm, const struct failover_wish *w, vm_done done, void *arg,
		   struct xvs_error *err)
{
	struct replica *r = vm->replica;
	struct failover *f;
	uint64_t known;
	int code = failover_check(vm, w, err);

	if (code)
		return code;
	f = make(r);
	if (!f)
		return error_set(err, -ENOMEM, "", "out of memory");
	f->is_planned = w->is_planned;
	f->is_taken_over = w->is_taken_over;
	f->point = w->point;
	f->done = done;
	f->arg = arg;
	(void)str_copy(f->map, sizeof(f->map), w->map ? w->map : "");
	if (r->kept.state == REPLICA_ACTIVE) { /* it was decided, and came no further */
		f->point = w->point ? w->point : r->kept.point;
		activate(f);
		return 0;
	}
	known = epoch_recall(vm->hv->store, vm->spec.name);
	f->epoch = (known > r->kept.epoch ? known : r->kept.epoch) + 1;
	primary_tell(f);
	return 0;
}

int failover_cancel(struct vm *vm, vm_done done, void *arg, struct xvs_error *err)
{
	struct replica *r = vm->replica;
	struct failover *f;

	if (!r || r->kept.state != REPLICA_ACTIVE || !r->is_defined)
		return error_set(err, -EINVAL, "", "it has not failed over to here");
	if (r->failover || vm->job.what)
		return error_set(err, -EBUSY, "", "it is %s",
				 vm->job.what ? vm->job.what : "failing over");
	f = make(r);
	if (!f)
		return error_set(err, -ENOMEM, "", "out of memory");
	f->is_cancel = true;
	f->done = done;
	f->arg = arg;
	vm_kill(vm, on_killed, f);
	return 0;
}

/* Snapshots that have gone already are refused, which is fine. */
static void points_remove(const struct replica *r)
{
	struct vm *vm = r->vm;
	const json_t *one;
	char tag[REPLICA_TAG];
	char name[BITMAP_NAME];
	size_t i;

	json_array_foreach(r->kept.points, i, one)
	{
		uint64_t sequence = (uint64_t)json_integer_value(json_object_get(one, "sequence"));

		archive_remove(vm, replica_tag(sequence, tag));
		(void)bitmap_name(r->kept.id, sequence, name);
		for (uint32_t n = 0; n < vm->spec.disk_count; n++) {
			if (!vm->spec.disks[n].is_read_only)
				qmp_command(vm->qmp, "blockdev-snapshot-delete-internal-sync",
					    json_pack("{s:s+, s:s}", "device", "disk-",
						      vm->spec.disks[n].name, "name", name),
					    0, NULL, NULL);
		}
	}
}

int failover_complete(struct vm *vm, struct xvs_error *err)
{
	const struct replica *r = vm->replica;

	if (!r || !replica_is_active(vm))
		return error_set(err, -EINVAL, "", "it has not failed over to here");
	if (r->failover || vm->job.what)
		return error_set(err, -EBUSY, "", "it is %s",
				 vm->job.what ? vm->job.what : "failing over");
	if (!vm->qmp)
		return error_set(err, -ENOTCONN, "", "its points are in its disks: start it first");
	if (store_remove_file(vm->hv->store, vm->spec.name, "replica.json", err))
		return err->code;
	points_remove(r);
	replica_destroy(vm);
	return 0;
}

void failover_resume(struct vm *vm)
{
	struct replica *r = vm->replica;
	struct failover *f;
	bool is_active = r->kept.state == REPLICA_ACTIVE;

	if (r->kept.state == REPLICA_PASSIVE || (is_active && r->is_defined))
		return;
	r->is_closed = true;
	f = make(r);
	if (!f)
		return;
	f->is_cancel = !is_active;
	f->point = r->kept.point;
	if (is_active)
		activate(f);
	else
		disks_take_back(f);
}
