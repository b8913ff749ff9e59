/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replica.c - a replica as an object: what is kept of it, who may make one, how old it is.
 */
#include "replica_part.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/str.h"
#include "failover.h"
#include "replicate.h"
#include "rpc/rpc.h"
#include "stone.h"
#include "vm_archive.h"

enum { HEARD_INTERVALS = 3 };

static const char file_name[] = "replica.json";
static const char *const state_names[REPLICA_STATES] = { "passive", "active", "cancelling" };

/* ---- what is kept ----------------------------------------------------------------------------- */

static bool text_take(const json_t *j, const char *key, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text && str_copy(out, size, text);
}

static bool number_take(const json_t *j, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *value = json_object_get(j, key);
	json_int_t n = json_integer_value(value);

	*out = (uint64_t)n;
	return json_is_integer(value) && n >= 0 && *out <= max;
}

/* Each younger than the one before. */
static bool points_take(const json_t *list, struct replica_record *out)
{
	const json_t *one;
	uint64_t before = 0;
	uint64_t sequence;
	uint64_t when;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > REPLICA_POINTS_MAX + 1)
		return false;
	json_array_foreach(list, i, one)
	{
		if (!number_take(one, "sequence", INT64_MAX, &sequence) || sequence <= before ||
		    !number_take(one, "time", INT64_MAX, &when))
			return false;
		before = sequence;
	}
	out->points = json_deep_copy(list);
	return out->points != NULL;
}

bool replica_record_read(const json_t *j, struct replica_record *out)
{
	const json_t *machine = json_object_get(j, "machine");
	char state[16] = "";
	uint64_t every = 0;
	uint64_t points = 0;
	size_t n = 0;

	memset(out, 0, sizeof(*out));
	if (!text_take(j, "replica", out->id, sizeof(out->id)) ||
	    !text_take(j, "from", out->peer, sizeof(out->peer)) ||
	    !text_take(j, "state", state, sizeof(state)) || !json_is_object(machine) ||
	    !number_take(j, "epoch", UINT32_MAX, &out->epoch) ||
	    !number_take(j, "every", REPLICA_EVERY_MAX_S, &every) ||
	    !number_take(j, "points_max", REPLICA_POINTS_MAX, &points) ||
	    !number_take(j, "point", INT64_MAX, &out->point))
		return false;
	while (n < REPLICA_STATES && strcmp(state, state_names[n]) != 0)
		n++;
	if (n == REPLICA_STATES || !points_take(json_object_get(j, "points"), out))
		return false;
	out->state = (enum replica_state)n;
	out->every_s = (uint32_t)every;
	out->points_max = (uint32_t)points;
	out->machine = json_deep_copy(machine);
	return true;
}

void replica_record_finish(struct replica_record *r)
{
	json_decref(r->points);
	json_decref(r->machine);
	memset(r, 0, sizeof(*r));
}

int replica_write(const struct replica *r, struct xvs_error *err)
{
	const struct replica_record *k = &r->kept;
	json_t *record =
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:O, s:O}", "replica", k->id, "from",
			  k->peer, "state", state_names[k->state], "epoch", (json_int_t)k->epoch,
			  "every", (json_int_t)k->every_s, "points_max", (json_int_t)k->points_max,
			  "point", (json_int_t)k->point, "points", k->points, "machine",
			  k->machine);
	int code = store_write(r->vm->hv->store, r->vm->spec.name, file_name, record, err);

	json_decref(record);
	return code;
}

/* ---- small things ----------------------------------------------------------------------------- */

const char *replica_tag(uint64_t sequence, char out[REPLICA_TAG])
{
	(void)snprintf(out, REPLICA_TAG, "=%" PRIu64, sequence);
	return out;
}

uint64_t replica_last(const struct replica *r)
{
	size_t count = json_array_size(r->kept.points);
	const json_t *last = count ? json_array_get(r->kept.points, count - 1) : NULL;

	return (uint64_t)json_integer_value(json_object_get(last, "sequence"));
}

struct replica *replica_find(const struct hv *hv, const char *id, const struct remote_session *s)
{
	for (struct vm *vm = hv->vms; vm; vm = vm->next) {
		struct replica *r = vm->replica;

		if (r && strcmp(r->kept.id, id) == 0 && remote_session_is_named(s, r->kept.peer))
			return r;
	}
	return NULL;
}

bool replica_is_active(const struct vm *vm)
{
	return vm->replica && vm->replica->kept.state == REPLICA_ACTIVE && vm->replica->is_defined;
}

void replica_destroy(struct vm *vm)
{
	struct replica *r = vm->replica;

	if (!r)
		return;
	failover_destroy(r);
	replica_hush(r, "it is not replicated any more");
	replica_record_finish(&r->kept);
	vm->replica = NULL;
	free(r);
}

void replicas_left(struct hv *hv, const struct remote_session *session)
{
	for (struct vm *vm = hv->vms; vm; vm = vm->next) {
		if (vm->replica && vm->replica->session == session)
			replica_hush(vm->replica, "the connection has ended");
	}
}

json_t *replica_show(const struct vm *vm)
{
	const struct replica *r = vm->replica;
	const struct replica_record *k = &r->kept;
	size_t count = json_array_size(k->points);
	const json_t *last = count ? json_array_get(k->points, count - 1) : NULL;
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:O, s:s, s:I}", "name",
			      vm->spec.name, "role", "replica", "from", k->peer, "state",
			      state_names[k->state], "every_s", (json_int_t)k->every_s, "sequence",
			      (json_int_t)replica_last(r), "recovery_points", k->points, "replica",
			      k->id, "receiving", (json_int_t)r->receiving);

	if (k->point)
		(void)json_object_set_new(j, "failed_over_to", json_integer((json_int_t)k->point));
	if (last)
		(void)json_object_set_new(
			j, "lag_s",
			json_integer(time(NULL) -
				     json_integer_value(json_object_get(last, "time"))));
	return j;
}

int replica_remove(struct vm *vm, struct xvs_error *err)
{
	const struct replica *r = vm->replica;
	int64_t silent_s = time(NULL) - r->heard;

	if (r->kept.state != REPLICA_PASSIVE || r->failover)
		return error_set(err, -EBUSY, "", "its failover is under way");
	if (silent_s < HEARD_INTERVALS * (int64_t)r->kept.every_s)
		return error_set(
			err, -EBUSY, "",
			"%s replicates it still: \"xvsctl vm replicate %s --stop\" there, and "
			"wait for %d intervals",
			r->kept.peer, vm->spec.name, HEARD_INTERVALS);
	if (store_remove(vm->hv->store, vm->spec.name, err))
		return err->code;
	vm_destroy(vm);
	return 0;
}

static void on_loaded(struct vm *vm, int code, const char *text)
{
	if (!job_goes_on(vm))
		return;
	if (code)
		vm_problem(vm, "what its ports knew is lost, and they begin anew: %s", text);
	vm_go_on(vm);
}

void replica_load(struct vm *vm)
{
	struct replica *r = vm->replica;
	char tag[REPLICA_TAG];

	if (!r->is_loading) {
		vm_go_on(vm);
		return;
	}
	r->is_loading = false;
	archive_restore(vm, replica_tag(r->kept.point, tag), on_loaded);
}

/* ---- making one ------------------------------------------------------------------------------- */

/* Its disks are ours, wherever they are there. */
static void places_adapt(const struct hv *hv, struct vm_spec *s)
{
	char folder[SPEC_PATH];

	store_folder(hv->store, s->name, folder, sizeof(folder));
	for (uint32_t i = 0; i < s->disk_count; i++) {
		struct disk_spec *disk = &s->disks[i];

		if (disk->is_read_only)
			continue;
		disk->format = DISK_QCOW2;
		disk->size = 0;
		disk->is_fixed = false;
		(void)snprintf(disk->file, sizeof(disk->file), "%.400s/disks/%s.qcow2", folder,
			       disk->name);
	}
}

/* It boots here: processor and accelerator need not be those by which it runs there. */
static void offer_judge(struct hv *hv, struct offer *o, const struct host_peer *peer,
			json_t *findings)
{
	const struct offer_terms terms = { peer, true, 0 };
	struct xvs_error err = ERROR_INIT;
	json_t *one;
	size_t i;

	for (uint32_t n = 0; n < o->spec.disk_count; n++) {
		if (!o->spec.disks[n].is_read_only) {
			o->spec.disks[n].file[0] = '\0';
			o->spec.disks[n].format = DISK_QCOW2;
		}
	}
	(void)facts_is_kvm(&hv->facts, o->spec.accel, &o->is_kvm, &err);
	(void)str_copy(o->cpu, sizeof(o->cpu),
		       strcmp(o->spec.cpu, "auto") != 0 ? o->spec.cpu
		       : o->is_kvm                      ? "host"
							: "max");
	(void)str_copy(o->qemu, sizeof(o->qemu), hv->facts.version);
	(void)str_copy(o->processor, sizeof(o->processor), hv->facts.processor);
	offer_check(hv, o, &terms, findings);
	/* It needs none before it runs. */
	json_array_foreach(findings, i, one)
	{
		const char *what = json_string_value(json_object_get(one, "what"));

		if (what && strcmp(what, "memory") == 0)
			(void)json_object_set_new(one, "severity", json_string("warn"));
	}
}

/* Without the machine itself, which is no rival of its own. */
static void offer_judge_again(struct vm *vm, struct offer *o, const struct host_peer *peer,
			      json_t *findings)
{
	struct hv *hv = vm->hv;
	struct vm **at = &hv->vms;

	while (*at != vm)
		at = &(*at)->next;
	*at = vm->next;
	offer_judge(hv, o, peer, findings);
	vm->next = hv->vms;
	hv->vms = vm;
}

static struct replica *attach(struct vm *vm, struct replica_record *kept)
{
	struct replica *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->vm = vm;
	r->kept = *kept;
	r->listener = -1;
	vm->replica = r;
	*kept = (struct replica_record){ .id = "" };
	return r;
}

/* Takes the definition and the sizes. */
static void offer_take(struct replica *r, struct offer *o)
{
	memcpy(r->sizes, o->sizes, sizeof(r->sizes));
	if (r->vm->spec.name[0])
		spec_finish(&r->vm->spec);
	r->vm->spec = o->spec;
	places_adapt(r->vm->hv, &r->vm->spec);
	o->spec = (struct vm_spec){ .name = "" };
}

int replica_respec(struct replica *r, struct xvs_error *err)
{
	char why[FINDING_WHY];
	struct offer o;

	if (!offer_read(r->kept.machine, &o, why, sizeof(why)))
		return error_set(err, -EINVAL, "", "%s", why);
	offer_take(r, &o);
	offer_finish(&o);
	return 0;
}

static struct vm *machine_make(struct hv *hv, struct offer *o)
{
	struct vm *vm;

	places_adapt(hv, &o->spec);
	vm = vm_create(hv, &o->spec);
	if (!vm)
		return NULL;
	o->spec = (struct vm_spec){ .name = "" };
	vm->next = hv->vms;
	hv->vms = vm;
	return vm;
}

static bool is_disk_changed(const struct replica *r, const struct offer *o)
{
	const struct vm_spec *s = &r->vm->spec;
	bool is_same = s->disk_count == o->spec.disk_count;

	for (uint32_t i = 0; is_same && i < s->disk_count; i++)
		is_same = strcmp(s->disks[i].name, o->spec.disks[i].name) == 0 &&
			  s->disks[i].is_read_only == o->spec.disks[i].is_read_only &&
			  r->sizes[i] == o->sizes[i];
	return !is_same;
}

static void terms_take(struct replica *r, const struct rpc_call *call)
{
	uint64_t points = rpc_count(call, "points", 1);
	uint64_t every = rpc_count(call, "every", REPLICA_EVERY_MAX_S);
	uint64_t epoch = rpc_count(call, "epoch", 0);

	if (epoch > r->kept.epoch && epoch < UINT32_MAX)
		r->kept.epoch = epoch;

	r->kept.points_max = points > REPLICA_POINTS_MAX ? REPLICA_POINTS_MAX
			     : points < 1                ? 1
							 : (uint32_t)points;
	r->kept.every_s = every > REPLICA_EVERY_MAX_S ? REPLICA_EVERY_MAX_S : (uint32_t)every;
}

/* All that makes a folder a replica; nothing in it is one before the record is there. */
static int folder_make(struct replica *r, struct xvs_error *err)
{
	struct vm *vm = r->vm;
	int code = vm_user_settle(vm, err);

	if (code == 0)
		code = store_make(vm->hv->store, vm->spec.name, vm->user.uid, vm->user.gid, err);
	if (code == 0)
		code = vm_record(vm, err);
	return code ? code : replica_write(r, err);
}

static struct replica *create(struct hv *hv, struct vm *vm, struct offer *o,
			      struct replica_record *kept, struct xvs_error *err)
{
	bool is_new = vm == NULL;
	struct replica *r;

	if (is_new)
		vm = machine_make(hv, o);
	r = vm ? attach(vm, kept) : NULL;
	if (!r) {
		if (is_new && vm)
			vm_destroy(vm);
		(void)error_set(err, -ENOMEM, "", "out of memory");
		return NULL;
	}
	memcpy(r->sizes, o->sizes, sizeof(r->sizes));
	if (!is_new)
		offer_take(r, o);
	if (folder_make(r, err) == 0)
		return r;
	if (is_new) {
		store_unmake(hv->store, vm->spec.name);
		vm_destroy(vm);
	}
	return NULL;
}

/* What was ours, and has failed over to the host that now brings it back. */
static bool is_coming_back(const struct vm *vm, const char *peer, const struct offer *o)
{
	return replicate_is_yielded(vm) && strcmp(replicate_to(vm), peer) == 0 && !vm->replica &&
	       !vm->process.pid && !vm->job.what &&
	       memcmp(vm->spec.uuid, o->spec.uuid, sizeof(o->spec.uuid)) == 0;
}

/* The record comes first: with it the folder is no machine any more. */
static struct replica *turn_round(struct vm *vm, struct offer *o, struct replica_record *kept,
				  struct xvs_error *err)
{
	struct hv *hv = vm->hv;
	struct replica *r = create(hv, vm, o, kept, err);

	if (!r)
		return NULL;
	replica_empty(r);
	(void)store_remove_file(hv->store, vm->spec.name, "definition.json", err);
	(void)replicate_forget(vm, err);
	return r;
}

static struct replica *make(struct hv *hv, struct offer *o, struct rpc_call *call,
			    struct replica_record *kept, json_t *findings)
{
	struct vm *vm = hv_find(hv, o->spec.name);
	struct xvs_error err = ERROR_INIT;
	struct replica *r = NULL;
	char left[STONE_TEXT];

	if (findings_have_refusal(findings))
		return NULL;
	if (!vm && stone_read(hv->store, o->spec.name, left))
		finding_put(findings, "name", true, "%s; \"xvsctl vm undefine %s\" forgets that",
			    left, o->spec.name);
	else if (vm)
		r = turn_round(vm, o, kept, &err);
	else
		r = create(hv, NULL, o, kept, &err);
	if (err.code)
		finding_put(findings, "folder", true, "%s", err.text);
	if (r) {
		terms_take(r, call);
		log_message(MSG_VM, "vm %s: %s replicates it to here", r->vm->spec.name,
			    r->kept.peer);
	}
	return r;
}

static struct replica *admit_new(struct hv *hv, const char *peer, struct offer *o,
				 struct rpc_call *call, json_t *findings)
{
	struct vm *vm = hv_find(hv, o->spec.name);
	struct replica_record kept = { .epoch = rpc_count(call, "epoch", 0) };
	struct offer judged;
	char why[FINDING_WHY];
	struct replica *r = NULL;

	if (!offer_read(rpc_object(call, "machine"), &judged, why, sizeof(why)))
		return NULL;
	if (vm && is_coming_back(vm, peer, o))
		offer_judge_again(vm, &judged, settings_peer(&hv->settings, peer), findings);
	else
		offer_judge(hv, &judged, settings_peer(&hv->settings, peer), findings);
	offer_finish(&judged);
	(void)str_copy(kept.id, sizeof(kept.id), rpc_text(call, "replica"));
	(void)str_copy(kept.peer, sizeof(kept.peer), peer);
	kept.every_s = (uint32_t)REPLICA_EVERY_MAX_S;
	kept.points_max = 1;
	kept.points = json_array();
	kept.machine = json_deep_copy(rpc_object(call, "machine"));
	if (kept.points && kept.machine)
		r = make(hv, o, call, &kept, findings);
	replica_record_finish(&kept);
	return r;
}

/* Its definition may have changed, or its disks; or it begins anew under another number. */
static void admit_known(struct replica *r, struct offer *o, struct rpc_call *call, json_t *findings)
{
	const json_t *machine = rpc_object(call, "machine");
	const struct host_settings *settings = &r->vm->hv->settings;
	struct xvs_error err = ERROR_INIT;
	bool is_anew = strcmp(r->kept.id, rpc_text(call, "replica")) != 0;
	struct offer judged;
	char why[FINDING_WHY];

	terms_take(r, call);
	if (!is_anew && json_equal(machine, r->kept.machine))
		return;
	if (offer_read(machine, &judged, why, sizeof(why))) {
		offer_judge_again(r->vm, &judged, settings_peer(settings, r->kept.peer), findings);
		offer_finish(&judged);
	}
	if (findings_have_refusal(findings))
		return;
	if (is_anew || is_disk_changed(r, o))
		replica_empty(r);
	(void)str_copy(r->kept.id, sizeof(r->kept.id), rpc_text(call, "replica"));
	json_decref(r->kept.machine);
	r->kept.machine = json_deep_copy(machine);
	offer_take(r, o);
	if (replica_write(r, &err))
		finding_put(findings, "folder", true, "%s", err.text);
}

struct replica *replica_admit(struct hv *hv, const char *peer, struct rpc_call *call,
			      json_t *findings)
{
	char why[FINDING_WHY];
	struct offer o;
	struct replica *r;
	struct vm *vm;

	if (!offer_read(rpc_object(call, "machine"), &o, why, sizeof(why))) {
		finding_put(findings, "machine", true, "%s", why);
		return NULL;
	}
	vm = hv_find(hv, o.spec.name);
	r = vm ? vm->replica : NULL;
	if (r && (strcmp(r->kept.peer, peer) != 0 ||
		  memcmp(vm->spec.uuid, o.spec.uuid, sizeof(o.spec.uuid)) != 0)) {
		finding_put(findings, "name", true, "a replica of another machine has this name");
		r = NULL;
	} else if (r && r->kept.state == REPLICA_PASSIVE && !r->is_closed) {
		replica_hush(r, "another beat has begun");
		admit_known(r, &o, call, findings);
	} else if (!r) {
		r = admit_new(hv, peer, &o, call, findings);
	}
	offer_finish(&o);
	if (r)
		r->heard = time(NULL);
	return r;
}

/* ---- after a start of ours -------------------------------------------------------------------- */

static bool machine_recall(struct hv *hv, const char *name, struct replica_record *kept)
{
	struct vm *vm = hv_find(hv, name);
	bool was_there = vm != NULL;
	bool is_leftover = vm && kept->state != REPLICA_ACTIVE;
	char why[FINDING_WHY] = "it is not as xvs-hv writes it";
	struct offer o;
	struct replica *r;

	if (!offer_read(kept->machine, &o, why, sizeof(why)) || strcmp(o.spec.name, name) != 0) {
		log_message(MSG_VM_STATE, "vm %s: %s: %s", name, file_name, why);
		return false;
	}
	if (!vm) {
		vm = machine_make(hv, &o);
		if (vm)
			vm_user_recall(vm);
	}
	r = vm ? attach(vm, kept) : NULL;
	if (r)
		memcpy(r->sizes, o.sizes, sizeof(r->sizes));
	if (r && is_leftover) /* of when it was the primary, or was active */
		offer_take(r, &o);
	else if (r)
		r->is_defined = was_there;
	offer_finish(&o);
	return r != NULL;
}

static void on_found(void *arg, const char *name)
{
	struct hv *hv = arg;
	struct xvs_error err = ERROR_INIT;
	json_t *j = store_read(hv->store, name, file_name, &err);
	struct replica_record kept = { .id = "" };

	if (!j || !replica_record_read(j, &kept))
		log_message(MSG_VM_STATE, "vm %s: %s: %s", name, file_name,
			    err.text[0] ? err.text : "it is not as xvs-hv writes it");
	else if (machine_recall(hv, name, &kept) &&
		 hv_find(hv, name)->replica->kept.state != REPLICA_ACTIVE) {
		/* it was its primary once, or was active, and ended in between */
		(void)store_remove_file(hv->store, name, "definition.json", &err);
		(void)store_remove_file(hv->store, name, "replication.json", &err);
	}
	replica_record_finish(&kept);
	json_decref(j);
}

void replicas_recall(struct hv *hv)
{
	struct xvs_error err = ERROR_INIT;

	if (store_each(hv->store, file_name, on_found, hv, &err))
		log_message(MSG_VM_STATE, "%s", err.text);
}
