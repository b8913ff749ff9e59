/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replicate.c - beats of a primary, one after the other, and its end: a failover.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "definition.h"
#include "replicate_part.h"
#include "rpc/rpc.h"
#include "stone.h"
#include "vm_archive.h"

enum { EVERY_S = 300, POINTS = 4, AGAIN_S = 1, LATER_S = 5, LOG_MAX = 1 << 20, ASK_MS = 60000 };

static const char file_name[] = "replication.json";
static const uint64_t number_max = UINT64_C(1) << 52;

/* ---- what is kept ----------------------------------------------------------------------------- */

int replicate_write(const struct replicating *r, struct xvs_error *err)
{
	json_t *record =
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "replica", r->id, "to", r->to,
			  "every", (json_int_t)r->every_s, "points", (json_int_t)r->points, "epoch",
			  (json_int_t)r->epoch, "sequence", (json_int_t)r->sequence, "time",
			  (json_int_t)r->point_time, "yielded", r->is_yielded);
	int code = store_write(r->vm->hv->store, r->vm->spec.name, file_name, record, err);

	json_decref(record);
	return code;
}

/* ---- one beat: its end ------------------------------------------------------------------------ */

void beat_again(struct replicating *r, uint64_t seconds)
{
	loop_timer_arm(r->timer, seconds * NS_PER_S);
}

static void next_arm(struct replicating *r)
{
	uint64_t past_s = (clock_ns() - r->began_ns) / NS_PER_S;
	uint64_t every_s = r->starts_later ? LATER_S : r->every_s;

	beat_again(r, past_s + AGAIN_S < every_s ? every_s - past_s : AGAIN_S);
}

static void source_close(struct replicating *r)
{
	if (r->transfer && (r->server || !r->vm->qmp))
		transfer_qmp_gone(r->transfer);
	transfer_destroy(r->transfer);
	r->transfer = NULL;
	block_server_destroy(r->server);
	r->server = NULL;
}

static void job_drop(struct replicating *r)
{
	if (!r->holds_job)
		return;
	r->holds_job = false;
	job_end(r->vm, 0, "replicated");
}

void beat_clear(struct replicating *r)
{
	r->phase = BEAT_NONE;
	job_drop(r);
	link_close(r);
	source_close(r);
	if (r->key_folder[0])
		move_key_remove(r->vm);
	r->key_folder[0] = '\0';
	explicit_bzero(r->key, sizeof(r->key));
	json_decref(r->nodes);
	json_decref(r->copy.stale);
	r->nodes = r->copy.stale = NULL;
}

void beat_fail(struct replicating *r, const char *format, ...)
{
	va_list args;

	if (r->phase == BEAT_NONE)
		return;
	va_start(args, format);
	(void)vsnprintf(r->why, sizeof(r->why), format, args);
	va_end(args);
	if (r->failures++ == 0)
		log_message(MSG_VM_PROBLEM, "vm %s: it is not replicated: %s", r->vm->spec.name,
			    r->why);
	if (r->starts_later && r->failures == 1)
		vm_problem(r->vm,
			   "it is started when host %s has said that it does not run there, or by "
			   "hand: %.300s",
			   r->to, r->why);
	beat_clear(r);
	yield_refuse(r, r->why);
	next_arm(r);
}

/* QEMU tells at each copy that it does not know the block size of the other host's disk. */
static void log_trim(const struct vm *vm)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/qemu.log", vm->folder);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > LOG_MAX &&
	    truncate(path, 0))
		log_message(MSG_VM_STATE, "vm %s: %s: %s", vm->spec.name, path, strerror(errno));
}

static void beat_done(struct replicating *r)
{
	if (r->failures)
		log_message(MSG_VM, "vm %s: it is replicated again", r->vm->spec.name);
	r->is_sent = r->server != NULL;
	r->failures = 0;
	r->why[0] = '\0';
	r->beats++;
	r->took_ns = clock_ns() - r->began_ns;
	beat_clear(r);
	log_trim(r->vm);
	next_arm(r);
	if (r->yield)
		yield_go_on(r);
}

/* ---- one beat, from its end to its beginning -------------------------------------------------- */

static void on_forgotten(void *arg, const char *why)
{
	struct replicating *r = arg;

	(void)why; /* it is removed by the next beat then */
	if (r->server)
		block_server_quit(r->server); /* bitmaps are in the disks when it has ended */
	else
		beat_done(r);
}

void beat_committed(struct replicating *r, const json_t *value)
{
	struct xvs_error err = ERROR_INIT;

	(void)value;
	r->sequence = r->copy.sequence;
	r->point_time = time(NULL) - (time_t)((clock_ns() - r->began_ns) / NS_PER_S);
	r->is_full = r->copy.base == 0;
	r->bytes = transfer_copied(r->transfer);
	/* Numbers of bitmaps decide; this is for people. */
	if (replicate_write(r, &err))
		log_message(MSG_VM_STATE, "vm %s: %s", r->vm->spec.name, err.text);
	r->phase = BEAT_FORGET;
	transfer_copy_forget(r->transfer, on_forgotten, r);
}

void beat_files_sent(struct replicating *r)
{
	r->phase = BEAT_COMMIT;
	link_ask(r, "vm.replica.commit",
		 json_pack("{s:s, s:I}", "replica", r->id, "sequence",
			   (json_int_t)r->copy.sequence),
		 beat_committed);
}

static void on_copied(void *arg, const char *why)
{
	struct replicating *r = arg;

	if (why) {
		beat_fail(r, "%s", why);
		return;
	}
	r->phase = BEAT_FILES;
	r->file = 0;
	r->offset = 0;
	link_send_files(r);
}

static void on_begun(void *arg, const char *why)
{
	struct replicating *r = arg;

	if (why) {
		beat_fail(r, "%s", why);
		return;
	}
	r->phase = BEAT_COPY;
	job_drop(r);
	transfer_copy_wait(r->transfer, on_copied, r);
}

static void on_saved(struct vm *vm, int code, const char *text)
{
	struct replicating *r = vm->replicating;
	char host[TLS_HOST_TEXT];

	if (code)
		beat_fail(r, "%s", text);
	else if (!link_host(r, host))
		beat_fail(r, "host %s: it cannot be told where it is", r->to);
	else
		transfer_copy_begin(r->transfer, &r->copy, host, r->port, on_begun, r);
}

/* Killed, or QEMU has ended. */
static void on_job_over(void *arg, int code, const char *text)
{
	struct replicating *r = arg;

	(void)code;
	if (!r->holds_job)
		return;
	r->holds_job = false;
	beat_fail(r, "%s", text);
}

static void on_received(struct replicating *r, const json_t *value)
{
	json_int_t port = json_integer_value(json_object_get(value, "disks"));
	struct xvs_error err = ERROR_INIT;

	if (port <= 0 || port > UINT16_MAX) {
		beat_fail(r, "host %s: it does not say where it waits for disks", r->to);
		return;
	}
	r->port = (uint16_t)port;
	if (move_key_write(r->vm, r->key, r->key_folder, &err)) {
		beat_fail(r, "%s", err.text);
		return;
	}
	r->phase = BEAT_SAVE;
	r->holds_job = true;
	if (job_begin(r->vm, "being replicated", on_job_over, r))
		archive_save(r->vm, REPLICATE_TAG, NULL, on_saved);
}

static const char *refusal_of(const json_t *findings)
{
	const json_t *one;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)findings, i, one)
	{
		const char *severity = json_string_value(json_object_get(one, "severity"));
		const char *why = json_string_value(json_object_get(one, "why"));

		if (severity && strcmp(severity, "refuse") == 0)
			return why ? why : "it gives no reason";
	}
	return NULL;
}

/* A person has decided that it runs there, or it yielded and that was forgotten. */
static void yield_by_force(struct replicating *r, uint64_t epoch)
{
	struct vm *vm = r->vm;
	struct xvs_error err = ERROR_INIT;

	r->is_yielded = true;
	r->epoch = epoch;
	r->starts_later = false;
	if (replicate_write(r, &err))
		log_message(MSG_VM_STATE, "vm %s: %s", vm->spec.name, err.text);
	if (vm->qmp)
		qmp_command(vm->qmp, "stop", NULL, 0, NULL, NULL);
	vm->is_wanted = false;
	vm_keep(vm);
	vm_problem(vm, "it runs on host %s, which took it over: it %s here", r->to,
		   vm->process.pid ? "stands still" : "is not started");
	beat_clear(r);
}

static void receive_ask(struct replicating *r, uint64_t sequence)
{
	bool can = plan_is_incremental(r->nodes, &r->vm->spec, r->id, sequence);

	r->copy = (struct replica_copy){
		.id = r->id,
		.base = can ? sequence : 0,
		.sequence = sequence + 1,
		.stale = plan_stale(r->nodes, &r->vm->spec, r->id, can ? sequence : 0),
	};
	r->phase = BEAT_RECEIVE;
	link_ask(r, "vm.replica.receive",
		 json_pack("{s:s, s:I, s:s}", "replica", r->id, "sequence",
			   (json_int_t)r->copy.sequence, "key", r->key),
		 on_received);
}

void beat_admitted(struct replicating *r, const json_t *value)
{
	json_int_t sequence = json_integer_value(json_object_get(value, "sequence"));
	json_int_t epoch = json_integer_value(json_object_get(value, "epoch"));
	const char *refusal = refusal_of(json_object_get(value, "findings"));
	struct vm *vm = r->vm;

	if (sequence < 0 || (uint64_t)sequence > number_max || epoch < 0 || epoch > UINT32_MAX) {
		beat_fail(r, "host %s: it answered something odd", r->to);
	} else if (json_is_true(json_object_get(value, "active")) && (uint64_t)epoch > r->epoch) {
		yield_by_force(r, (uint64_t)epoch);
	} else if (refusal) {
		beat_fail(r, "host %s: %.300s", r->to, refusal);
	} else if (r->starts_later && vm->is_wanted) {
		r->starts_later = false;
		beat_clear(r);
		beat_again(r, AGAIN_S);
		vm_start(vm, NULL, NULL);
	} else {
		r->starts_later = false; /* it was stopped meanwhile */
		receive_ask(r, (uint64_t)sequence);
	}
}

static json_t *disks_print(const struct replicating *r)
{
	const struct vm_spec *s = &r->vm->spec;
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->disk_count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s, s:I}", "name", s->disks[i].name, "size",
					(json_int_t)plan_disk_size(r->nodes, &s->disks[i])));
	return list;
}

static json_t *machine_print(const struct replicating *r)
{
	const struct vm *vm = r->vm;
	const struct facts *f = &vm->hv->facts;
	const char *cpu = vm->spec.cpu;

	if (strcmp(cpu, "auto") == 0)
		cpu = vm->is_kvm ? "host" : "max";
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:[], s:b}", "definition",
			 definition_print(&vm->spec), "accel", vm->is_kvm ? "kvm" : "tcg", "cpu",
			 cpu, "qemu", f->version, "processor", f->processor, "disks",
			 disks_print(r), "checkpoints", "wanted", vm->is_wanted);
}

static void on_nodes(void *arg, const struct qmp_answer *answer)
{
	struct replicating *r = arg;

	if (r->phase != BEAT_DISKS)
		return;
	if (!answer->value) {
		beat_fail(r, "%s", answer->error);
		return;
	}
	r->nodes = json_deep_copy(answer->value);
	r->phase = BEAT_ADMIT;
	link_ask(r, "vm.replica.admit",
		 json_pack("{s:s, s:I, s:o, s:I, s:I}", "replica", r->id, "epoch",
			   (json_int_t)r->epoch, "machine", machine_print(r), "every",
			   (json_int_t)r->every_s, "points", (json_int_t)r->points),
		 beat_admitted);
}

static void source_ask(struct replicating *r, struct qmp *qmp)
{
	struct hv *hv = r->vm->hv;

	r->options = (struct transfer_options){ .key_folder = r->key_folder,
						.has_disks = true,
						.bandwidth = hv->settings.migration.bandwidth };
	r->transfer = transfer_create(hv->loop, qmp, &r->vm->spec, &r->options);
	if (r->transfer)
		qmp_command(qmp, "query-named-block-nodes", NULL, ASK_MS, on_nodes, r);
	else
		beat_fail(r, "out of memory");
}

static void on_server_ready(void *arg)
{
	struct replicating *r = arg;

	source_ask(r, block_server_qmp(r->server));
}

static void on_server_ended(void *arg, const char *why)
{
	struct replicating *r = arg;

	if (why)
		beat_fail(r, "%s", why);
	else
		beat_done(r);
}

static void server_begin(struct replicating *r)
{
	const struct block_server_user user = { on_server_ready, on_server_ended, r };
	struct xvs_error err = ERROR_INIT;
	int code = vm_user_settle(r->vm, &err);

	if (code == 0)
		code = block_server_start(r->vm, -1, NULL, &user, &r->server, &err);
	if (code)
		beat_fail(r, "%s", err.text);
}

/* Somebody does something to the machine that should not be disturbed. */
static bool is_busy(const struct vm *vm)
{
	return vm->job.what || vm->state == VM_STARTING || vm->departing || vm->storage ||
	       vm->archiving || (vm->process.pid && !vm->qmp);
}

void beat_begin(struct replicating *r)
{
	struct vm *vm = r->vm;

	if (r->phase != BEAT_NONE || r->is_yielded || r->is_stopping)
		return;
	if (is_busy(vm)) {
		beat_again(r, AGAIN_S);
		return;
	}
	r->began_ns = clock_ns();
	if (!vm->process.pid && r->is_sent && !r->yield && !r->starts_later) {
		next_arm(r); /* nothing changes while it is off */
		return;
	}
	r->phase = BEAT_DISKS;
	move_key_make(r->key);
	if (vm->process.pid)
		source_ask(r, vm->qmp);
	else
		server_begin(r);
}

static void on_timer(void *arg)
{
	beat_begin(arg);
}

/* ---- for the life of the machine -------------------------------------------------------------- */

int replicate_forget(struct vm *vm, struct xvs_error *err)
{
	int code = store_remove_file(vm->hv->store, vm->spec.name, file_name, err);

	if (code)
		return code;
	beat_clear(vm->replicating);
	replicate_destroy(vm);
	return 0;
}

static struct replicating *make(struct vm *vm)
{
	struct replicating *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->vm = vm;
	r->timer = loop_timer_create(vm->hv->loop, on_timer, r);
	if (r->timer) {
		vm->replicating = r;
		return r;
	}
	free(r);
	return NULL;
}

void replicate_destroy(struct vm *vm)
{
	struct replicating *r = vm->replicating;

	if (!r)
		return;
	yield_refuse(r, "it is not replicated any more");
	r->holds_job = false;
	beat_clear(r);
	vm->replicating = NULL;
	loop_timer_destroy(r->timer);
	free(r);
}

void replicate_hush(struct vm *vm)
{
	struct replicating *r = vm->replicating;

	if (!r)
		return;
	r->is_sent = false;
	if (!r->transfer || r->server)
		return;
	transfer_qmp_gone(r->transfer);
	transfer_destroy(r->transfer);
	r->transfer = NULL;
	beat_fail(r, "QEMU cannot be spoken to");
}

void replicate_step_aside(struct vm *vm)
{
	struct replicating *r = vm->replicating;

	if (r && r->server && !r->holds_job)
		beat_fail(r, "the machine was needed for something else");
}

bool replicate_may_start(struct vm *vm, struct xvs_error *err)
{
	struct replicating *r = vm->replicating;

	if (!r)
		return true;
	r->starts_later = r->is_sent = false;
	if (!r->is_yielded)
		return true;
	(void)error_set(err, -EPERM, "",
			"host %s took it over; \"xvsctl vm failover %s --cancel\" there gives it "
			"back",
			r->to, vm->spec.name);
	return false;
}

bool replicate_starts_later(struct vm *vm)
{
	struct replicating *r = vm->replicating;

	if (!r)
		return false;
	replicate_step_aside(vm);
	r->failures = 0; /* whatever keeps it off is told anew */
	r->starts_later = !r->is_yielded;
	if (r->starts_later)
		loop_timer_arm(r->timer, 0);
	return true;
}

void replicate_recall(struct vm *vm)
{
	struct xvs_error err = ERROR_INIT;
	json_t *j = store_read(vm->hv->store, vm->spec.name, file_name, &err);
	const char *id = json_string_value(json_object_get(j, "replica"));
	const char *to = json_string_value(json_object_get(j, "to"));
	struct replicating *r = j || err.code ? make(vm) : NULL;

	if (r) {
		/* One that cannot be read may be of a machine that was handed over. */
		r->is_yielded = !id || !to || json_is_true(json_object_get(j, "yielded"));
		(void)str_copy(r->id, sizeof(r->id), id ? id : "");
		(void)str_copy(r->to, sizeof(r->to), to ? to : "");
		r->every_s = (uint32_t)json_integer_value(json_object_get(j, "every"));
		r->points = (uint32_t)json_integer_value(json_object_get(j, "points"));
		r->epoch = (uint64_t)json_integer_value(json_object_get(j, "epoch"));
		r->sequence = (uint64_t)json_integer_value(json_object_get(j, "sequence"));
		r->point_time = (int64_t)json_integer_value(json_object_get(j, "time"));
		beat_again(r, AGAIN_S);
	}
	if (err.code)
		log_message(MSG_VM_STATE, "vm %s: %s", vm->spec.name, err.text);
	json_decref(j);
}

/* ---- for people ------------------------------------------------------------------------------- */

static int wish_check(const struct vm *vm, const struct replicate_wish *w, struct xvs_error *err)
{
	const struct hv *hv = vm->hv;
	const struct replicating *r = vm->replicating;

	if (!settings_peer(&hv->settings, w->to))
		return error_set(err, -ENOENT, "", "host %.100s is none of migration.peers here",
				 w->to);
	if (!hv->tls)
		return error_set(err, -ENOTSUP, "", "%s", hv->move_problem);
	if (w->every_s && (w->every_s < REPLICA_EVERY_MIN_S || w->every_s > REPLICA_EVERY_MAX_S))
		return error_set(err, -ERANGE, "", "every %u s: it must be %d to %d", w->every_s,
				 REPLICA_EVERY_MIN_S, REPLICA_EVERY_MAX_S);
	if (w->points > REPLICA_POINTS_MAX)
		return error_set(err, -ERANGE, "", "points %u: it must be 1 to %d", w->points,
				 REPLICA_POINTS_MAX);
	if (vm->replica)
		return error_set(err, -EBUSY, "",
				 "it is a replica itself; complete its failover first");
	if (vm->arriving || vm->departing)
		return error_set(err, -EBUSY, "", "it moves between hosts");
	if (r && r->is_yielded)
		return error_set(err, -EBUSY, "", "host %s took it over", r->to);
	if (r && strcmp(r->to, w->to) != 0)
		return error_set(err, -EBUSY, "", "it is replicated to %s; stop that first", r->to);
	return 0;
}

int replicate_begin(struct vm *vm, const struct replicate_wish *w, struct xvs_error *err)
{
	struct replicating *r = vm->replicating;
	uint8_t uuid[16];
	int code = wish_check(vm, w, err);

	if (code)
		return code;
	if (!r) {
		r = make(vm);
		if (!r)
			return error_set(err, -ENOMEM, "", "out of memory");
		uuid_make(uuid);
		(void)uuid_print(uuid, r->id);
		(void)str_copy(r->to, sizeof(r->to), w->to);
		r->epoch = epoch_recall(vm->hv->store, vm->spec.name);
		r->every_s = EVERY_S;
		r->points = POINTS;
	}
	if (w->every_s)
		r->every_s = w->every_s;
	if (w->points)
		r->points = w->points;
	code = replicate_write(r, err);
	if (code && !r->beats)
		replicate_destroy(vm);
	else
		loop_timer_arm(r->timer, 0);
	return code;
}

static void bitmaps_remove(const struct replicating *r)
{
	const struct vm_spec *s = &r->vm->spec;
	char name[BITMAP_NAME];

	for (uint32_t i = 0; i < 2 * s->disk_count && r->vm->qmp; i++) {
		(void)bitmap_name(r->id, r->sequence + i % 2, name);
		qmp_command(r->vm->qmp, "block-dirty-bitmap-remove",
			    json_pack("{s:s+, s:s}", "node", "disk-", s->disks[i / 2].name, "name",
				      name),
			    0, NULL, NULL);
	}
}

int replicate_stop(struct vm *vm, struct xvs_error *err)
{
	struct replicating *r = vm->replicating;

	if (!r)
		return error_set(err, -ENOENT, "", "it is not replicated");
	if (r->is_yielded)
		return error_set(err, -EBUSY, "",
				 "host %s took it over; \"xvsctl vm undefine\" forgets it here",
				 r->to);
	bitmaps_remove(r);
	return replicate_forget(vm, err);
}

static const char *state_name(const struct replicating *r)
{
	static const char *const names[BEAT_PHASES] = { "waiting",   "preparing",  "preparing",
							"preparing", "preparing",  "copying",
							"sending",   "committing", "committing" };

	return r->is_yielded ? "failed over" : names[r->phase];
}

json_t *replicate_show(const struct vm *vm)
{
	const struct replicating *r = vm->replicating;
	json_t *j;

	if (!r)
		return NULL;
	j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "name", vm->spec.name,
		      "role", "primary", "to", r->to, "state", state_name(r), "every_s",
		      (json_int_t)r->every_s, "points", (json_int_t)r->points, "sequence",
		      (json_int_t)r->sequence, "beats", (json_int_t)r->beats, "failures",
		      (json_int_t)r->failures, "replica", r->id);
	if (r->sequence) {
		(void)json_object_set_new(
			j, "lag_s", json_integer(r->is_sent ? 0 : time(NULL) - r->point_time));
		(void)json_object_set_new(j, "point_time", json_integer(r->point_time));
	}
	if (r->beats) {
		(void)json_object_set_new(j, "took_ms",
					  json_integer((json_int_t)(r->took_ns / NS_PER_MS)));
		(void)json_object_set_new(j, "bytes", json_integer((json_int_t)r->bytes));
		(void)json_object_set_new(j, "full", json_boolean(r->is_full));
	}
	if (r->why[0])
		(void)json_object_set_new(j, "problem", rpc_string(r->why));
	return j;
}

struct vm *replicate_find(const struct hv *hv, const char *id)
{
	for (struct vm *vm = hv->vms; vm; vm = vm->next) {
		if (vm->replicating && strcmp(vm->replicating->id, id) == 0)
			return vm;
	}
	return NULL;
}

const char *replicate_to(const struct vm *vm)
{
	return vm->replicating ? vm->replicating->to : NULL;
}

bool replicate_is_yielded(const struct vm *vm)
{
	return vm->replicating && vm->replicating->is_yielded;
}
