/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/transfer_copy.c - a beat of a replication: QEMU copies what changed since a point.
 *
 * "replica-NAME" is the node of the replica's export, and the name of the job that copies to it.
 * Whatever a beat left that failed is cleared away by the next one.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "replica_plan.h"
#include "transfer_script.h"

enum { NODE = SPEC_NAME + 16 };

static const char *node(const struct transfer *t, const char *prefix, char out[NODE])
{
	(void)snprintf(out, NODE, "%s-%.*s", prefix, SPEC_NAME, script_disk(t));
	return out;
}

static bool is_ours(const json_t *job)
{
	const char *id = json_string_value(json_object_get(job, "id"));

	return id && strncmp(id, "replica-", 8) == 0;
}

/* ---- what is left of a beat before ------------------------------------------------------------- */

static enum outcome copy_break(struct transfer *t)
{
	char name[NODE];

	return script_ask(t, "job-cancel", json_pack("{s:s}", "id", node(t, "replica", name)));
}

static enum outcome copy_dismiss(struct transfer *t)
{
	char name[NODE];

	return script_ask(t, "job-dismiss", json_pack("{s:s}", "id", node(t, "replica", name)));
}

static enum outcome export_close(struct transfer *t)
{
	char name[NODE];

	return script_ask(t, "blockdev-del",
			  json_pack("{s:s}", "node-name", node(t, "replica", name)));
}

static enum outcome jobs_ask(struct transfer *t)
{
	return script_ask(t, "query-jobs", NULL);
}

static enum outcome copies_have_ended(struct transfer *t, const struct qmp_answer *answer)
{
	const json_t *job;
	size_t i;

	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	t->progress.disk_done = t->progress.disk_total = 0;
	json_array_foreach((json_t *)(uintptr_t)answer->value, i, job)
	{
		const char *status = json_string_value(json_object_get(job, "status"));

		if (!is_ours(job))
			continue;
		t->progress.disk_done += json_u64(job, "current-progress");
		t->progress.disk_total += json_u64(job, "total-progress");
		if (!status || strcmp(status, "concluded") != 0)
			return ACT_AGAIN;
	}
	return ACT_DONE;
}

static enum outcome stale_remove(struct transfer *t)
{
	json_t *one = json_array_get(t->copy->stale, 0);

	return one ? script_ask(t, "block-dirty-bitmap-remove", json_incref(one)) : ACT_DONE;
}

/* One after the other, by the same act. */
static enum outcome stale_removed(struct transfer *t, const struct qmp_answer *answer)
{
	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	(void)json_array_remove(t->copy->stale, 0);
	t->act--;
	return ACT_DONE;
}

/* ---- copies ------------------------------------------------------------------------------------- */

static enum outcome client_key_add(struct transfer *t)
{
	return key_add(t, "client");
}

static enum outcome export_open(struct transfer *t)
{
	char replica[NODE];
	char disk[NODE];
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", t->port);
	return script_ask(t, "blockdev-add",
			  json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:s, s:s}", "node-name",
				    node(t, "replica", replica), "driver", "nbd", "server", "type",
				    "inet", "host", t->host, "port", port, "export",
				    node(t, "disk", disk), "tls-creds", transfer_key));
}

static json_t *bitmap_action(struct transfer *t, const struct disk_spec *disk)
{
	char name[BITMAP_NAME];

	return json_pack("{s:s, s:{s:s+, s:s, s:b}}", "type", "block-dirty-bitmap-add", "data",
			 "node", "disk-", disk->name, "name",
			 bitmap_name(t->copy->id, t->copy->sequence, name), "persistent",
			 disk->format == DISK_QCOW2);
}

static json_t *copy_action(struct transfer *t, const struct disk_spec *disk)
{
	char name[BITMAP_NAME];
	json_t *data =
		json_pack("{s:s+, s:s+, s:s+, s:b, s:s, s:s, s:I}", "job-id", "replica-",
			  disk->name, "device", "disk-", disk->name, "target", "replica-",
			  disk->name, "auto-dismiss", 0, "on-source-error", "report",
			  "on-target-error", "report", "speed", (json_int_t)t->options->bandwidth);

	(void)json_object_set_new(data, "sync", json_string(t->copy->base ? "bitmap" : "full"));
	if (t->copy->base) {
		(void)bitmap_name(t->copy->id, t->copy->base, name);
		(void)json_object_set_new(data, "bitmap", json_string(name));
		(void)json_object_set_new(data, "bitmap-mode", json_string("never"));
	}
	return json_pack("{s:s, s:o}", "type", "blockdev-backup", "data", data);
}

static enum outcome copies_start(struct transfer *t)
{
	json_t *actions = json_array();

	for (uint32_t i = 0; i < t->spec->disk_count; i++) {
		const struct disk_spec *disk = &t->spec->disks[i];

		if (disk->is_read_only)
			continue;
		(void)json_array_append_new(actions, bitmap_action(t, disk));
		(void)json_array_append_new(actions, copy_action(t, disk));
	}
	return script_ask(t, "transaction", json_pack("{s:o}", "actions", actions));
}

static const struct act begin_acts[] = {
	{ copy_break, judge_kindly, true },   { jobs_ask, copies_have_ended, false },
	{ copy_dismiss, judge_kindly, true }, { export_close, judge_kindly, true },
	{ key_remove, judge_kindly, false },  { stale_remove, stale_removed, false },
	{ client_key_add, NULL, false },      { export_open, NULL, true },
	{ copies_start, NULL, false },        { NULL, NULL, false },
};

void transfer_copy_begin(struct transfer *t, struct replica_copy *copy, const char *host,
			 uint16_t port, transfer_done done, void *arg)
{
	t->copy = copy;
	(void)str_copy(t->host, sizeof(t->host), host);
	t->port = port;
	script_start(t, begin_acts, done, arg);
}

static enum outcome no_copy_failed(struct transfer *t, const struct qmp_answer *answer)
{
	const json_t *job;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)answer->value, i, job)
	{
		const char *why = json_string_value(json_object_get(job, "error"));

		if (is_ours(job) && why)
			return script_fail(t, "disk %s: %s",
					   json_string_value(json_object_get(job, "id")) + 8, why);
	}
	return ACT_DONE;
}

static const struct act wait_acts[] = {
	{ jobs_ask, copies_have_ended, false }, { jobs_ask, no_copy_failed, false },
	{ copy_dismiss, NULL, true },           { export_close, NULL, true },
	{ key_remove, judge_kindly, false },    { NULL, NULL, false },
};

void transfer_copy_wait(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, wait_acts, done, arg);
}

static enum outcome base_remove(struct transfer *t)
{
	char name[BITMAP_NAME];
	char disk[NODE];

	if (!t->copy->base)
		return ACT_DONE;
	return script_ask(t, "block-dirty-bitmap-remove",
			  json_pack("{s:s, s:s}", "node", node(t, "disk", disk), "name",
				    bitmap_name(t->copy->id, t->copy->base, name)));
}

static const struct act forget_acts[] = {
	{ base_remove, judge_kindly, true },
	{ NULL, NULL, false },
};

void transfer_copy_forget(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, forget_acts, done, arg);
}

uint64_t transfer_copied(const struct transfer *t)
{
	return t->progress.disk_done;
}

/* ---- the replica's side -------------------------------------------------------------------------- */

static enum outcome point_remove(struct transfer *t, const char *name)
{
	char disk[NODE];

	return script_ask(t, "blockdev-snapshot-delete-internal-sync",
			  json_pack("{s:s, s:s}", "device", node(t, "disk", disk), "name", name));
}

/* One of this number was made by a beat that nobody heard of. */
static enum outcome same_remove(struct transfer *t)
{
	char name[BITMAP_NAME];

	return point_remove(t, bitmap_name(t->copy->id, t->copy->sequence, name));
}

static enum outcome points_make(struct transfer *t)
{
	json_t *actions = json_array();
	char name[BITMAP_NAME];

	(void)bitmap_name(t->copy->id, t->copy->sequence, name);
	for (uint32_t i = 0; i < t->spec->disk_count; i++) {
		if (!t->spec->disks[i].is_read_only)
			(void)json_array_append_new(
				actions,
				json_pack("{s:s, s:{s:s+, s:s}}", "type",
					  "blockdev-snapshot-internal-sync", "data", "device",
					  "disk-", t->spec->disks[i].name, "name", name));
	}
	return script_ask(t, "transaction", json_pack("{s:o}", "actions", actions));
}

static enum outcome oldest_remove(struct transfer *t)
{
	const char *name = json_string_value(json_array_get(t->copy->stale, 0));

	return name ? point_remove(t, name) : ACT_DONE;
}

/* Where there are more, from the act before once more. */
static enum outcome oldest_removed(struct transfer *t)
{
	(void)json_array_remove(t->copy->stale, 0);
	if (json_array_size(t->copy->stale))
		t->act -= 2;
	return ACT_DONE;
}

static const struct act keep_acts[] = {
	{ same_remove, judge_kindly, true },
	{ points_make, NULL, false },
	{ oldest_remove, judge_kindly, true },
	{ oldest_removed, NULL, false },
	{ NULL, NULL, false },
};

void transfer_point_keep(struct transfer *t, struct replica_copy *copy, transfer_done done,
			 void *arg)
{
	t->copy = copy;
	script_start(t, keep_acts, done, arg);
}
