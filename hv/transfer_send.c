/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/transfer_send.c - the source's QEMU: copies disks and memory, and stops doing so.
 *
 * A disk's node is "disk-NAME"; "mirror-NAME" is the node of the target's export, and the name of
 * the job that copies.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "transfer_script.h"

enum { SLOW_PASSES = 5, CHANNELS = 4 };

static const char nobody[] = "";

static const char *disk_node(const struct transfer *t, const char *prefix, char out[SPEC_NAME + 16])
{
	(void)snprintf(out, SPEC_NAME + 16, "%s-%s", prefix, script_disk(t));
	return out;
}

static enum outcome client_key_add(struct transfer *t)
{
	return key_add(t, "client");
}

/* ---- disks ------------------------------------------------------------------------------------- */

static enum outcome export_open(struct transfer *t)
{
	char mirror[SPEC_NAME + 16];
	char name[SPEC_NAME + 16];
	char port[8];

	(void)snprintf(port, sizeof(port), "%u", t->port);
	return script_ask(t, "blockdev-add",
			  json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:s, s:s}", "node-name",
				    disk_node(t, "mirror", mirror), "driver", "nbd", "server",
				    "type", "inet", "host", t->host, "port", port, "export",
				    disk_node(t, "disk", name), "tls-creds", transfer_key));
}

static enum outcome mirror_begin(struct transfer *t)
{
	char mirror[SPEC_NAME + 16];
	char name[SPEC_NAME + 16];

	(void)disk_node(t, "mirror", mirror);
	return script_ask(t, "blockdev-mirror",
			  json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:s, s:b, s:b}", "job-id",
				    mirror, "device", disk_node(t, "disk", name), "target", mirror,
				    "sync", "full", "speed", (json_int_t)t->options->bandwidth,
				    "on-source-error", "report", "on-target-error", "report",
				    "auto-dismiss", 0, "auto-finalize", 1));
}

static enum outcome jobs_ask(struct transfer *t)
{
	return script_ask(t, "query-block-jobs", NULL);
}

static bool is_ours(const json_t *job)
{
	const char *name = json_string_value(json_object_get(job, "device"));

	return name && strncmp(name, "mirror-", 7) == 0;
}

static enum outcome jobs_are_ready(struct transfer *t, const struct qmp_answer *answer)
{
	uint32_t ready = 0;
	uint32_t wanted = 0;
	const json_t *job;
	size_t i;

	t->progress.disk_done = t->progress.disk_total = 0;
	json_array_foreach((json_t *)(uintptr_t)answer->value, i, job)
	{
		if (!is_ours(job))
			continue;
		ready += json_is_true(json_object_get(job, "ready"));
		t->progress.disk_done += json_u64(job, "offset");
		t->progress.disk_total += json_u64(job, "len");
	}
	for (uint32_t d = 0; d < t->spec->disk_count; d++)
		wanted += !t->spec->disks[d].is_read_only;
	return ready == wanted ? ACT_DONE : ACT_AGAIN;
}

/* What a job died of, if it did. */
static enum outcome errors_ask(struct transfer *t)
{
	return script_ask(t, "query-jobs", NULL);
}

static enum outcome no_job_failed(struct transfer *t, const struct qmp_answer *answer)
{
	const json_t *job;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)answer->value, i, job)
	{
		const char *id = json_string_value(json_object_get(job, "id"));
		const char *why = json_string_value(json_object_get(job, "error"));

		if (id && why && strncmp(id, "mirror-", 7) == 0)
			return script_fail(t, "disk %s: %s", id + 7, why);
	}
	return ACT_DONE;
}

/* Both at once: a job that has failed never gets ready. */
static enum outcome ready_or_failed(struct transfer *t, const struct qmp_answer *answer)
{
	enum outcome outcome =
		answer->value ? jobs_are_ready(t, answer) : script_fail(t, "%s", answer->error);

	if (outcome == ACT_AGAIN)
		t->act--; /* look for errors, and ask again */
	return outcome;
}

static const struct act mirror_acts[] = {
	{ key_remove, judge_kindly, false },
	{ client_key_add, NULL, false },
	{ export_open, NULL, true },
	{ mirror_begin, NULL, true },
	{ errors_ask, no_job_failed, false },
	{ jobs_ask, ready_or_failed, false },
	{ NULL, NULL, false },
};

static void set_place(struct transfer *t, const char *host, uint16_t port)
{
	(void)str_copy(t->host, sizeof(t->host), host);
	t->port = port;
}

void transfer_mirror(struct transfer *t, const char *host, uint16_t port, transfer_done done,
		     void *arg)
{
	set_place(t, host, port);
	script_start(t, mirror_acts, done, arg);
}

/* Not by force: what the guest wrote last is drained first, so that both are alike. */
static enum outcome mirror_end(struct transfer *t)
{
	char mirror[SPEC_NAME + 16];

	return script_ask(t, "block-job-cancel",
			  json_pack("{s:s}", "device", disk_node(t, "mirror", mirror)));
}

static enum outcome job_dismiss(struct transfer *t)
{
	char mirror[SPEC_NAME + 16];

	return script_ask(t, "job-dismiss",
			  json_pack("{s:s}", "id", disk_node(t, "mirror", mirror)));
}

/* It has not ended yet, or is not there any more. */
static enum outcome job_has_gone(struct transfer *t, const struct qmp_answer *answer)
{
	(void)t;
	if (answer->value || strcmp(answer->class, "DeviceNotFound") == 0 || !answer->class[0])
		return ACT_DONE;
	return ACT_AGAIN;
}

static enum outcome export_close(struct transfer *t)
{
	char mirror[SPEC_NAME + 16];

	return script_ask(t, "blockdev-del",
			  json_pack("{s:s}", "node-name", disk_node(t, "mirror", mirror)));
}

static enum outcome jobs_have_ended(struct transfer *t, const struct qmp_answer *answer)
{
	const json_t *job;
	size_t i;

	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	json_array_foreach((json_t *)(uintptr_t)answer->value, i, job)
	{
		const char *status = json_string_value(json_object_get(job, "status"));

		if (is_ours(job) && (!status || strcmp(status, "concluded") != 0))
			return ACT_AGAIN;
	}
	return ACT_DONE;
}

static const struct act drain_acts[] = {
	{ mirror_end, NULL, true },           { jobs_ask, jobs_have_ended, false },
	{ errors_ask, no_job_failed, false }, { job_dismiss, job_has_gone, true },
	{ export_close, NULL, true },         { NULL, NULL, false },
};

void transfer_drain(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, drain_acts, done, arg);
}

/* ---- memory ------------------------------------------------------------------------------------ */

static uint64_t bandwidth(const struct transfer *t)
{
	return t->options->bandwidth ? t->options->bandwidth : UINT64_C(1) << 40;
}

static enum outcome parameters_set(struct transfer *t)
{
	t->downtime_ms = t->options->downtime_ms;
	t->slow_passes = 0;
	t->left_before = UINT64_MAX;
	return script_ask(t, "migrate-set-parameters",
			  json_pack("{s:s, s:s, s:I, s:I, s:i}", "tls-creds", transfer_key,
				    "tls-hostname", nobody, "max-bandwidth",
				    (json_int_t)bandwidth(t), "downtime-limit",
				    (json_int_t)t->downtime_ms, "multifd-channels", CHANNELS));
}

static const char *uri(const struct transfer *t, char out[TRANSFER_HOST + 32])
{
	bool is_v6 = strchr(t->host, ':') != NULL;

	(void)snprintf(out, TRANSFER_HOST + 32, "tcp:%s%s%s:%u", is_v6 ? "[" : "", t->host,
		       is_v6 ? "]" : "", t->port);
	return out;
}

static enum outcome migrate(struct transfer *t)
{
	char to[TRANSFER_HOST + 32];

	return script_ask(t, "migrate", json_pack("{s:s}", "uri", uri(t, to)));
}

/* A pass that leaves about as much as the one before: the guest changes memory as fast as it goes. */
static bool needs_longer_stop(struct transfer *t, uint64_t passes_before)
{
	const struct progress *p = &t->progress;

	if (p->passes == passes_before || p->passes < 2)
		return false;
	t->slow_passes = p->left >= t->left_before - t->left_before / 8 ? t->slow_passes + 1 : 0;
	t->left_before = p->left;
	return t->slow_passes >= SLOW_PASSES && t->downtime_ms < t->options->downtime_max_ms;
}

static enum outcome limit_raise(struct transfer *t)
{
	if (!t->is_limit_due)
		return ACT_DONE;
	t->is_limit_due = false;
	t->slow_passes = 0;
	t->downtime_ms *= 2;
	if (t->downtime_ms > t->options->downtime_max_ms)
		t->downtime_ms = t->options->downtime_max_ms;
	return script_ask(t, "migrate-set-parameters",
			  json_pack("{s:I}", "downtime-limit", (json_int_t)t->downtime_ms));
}

static bool has_failed(const struct transfer *t)
{
	return strcmp(t->status, "failed") == 0 || strcmp(t->status, "cancelled") == 0 ||
	       strcmp(t->status, "cancelling") == 0 || strcmp(t->status, "none") == 0;
}

static enum outcome guest_stands(struct transfer *t, const struct qmp_answer *answer)
{
	uint64_t passes = t->progress.passes;

	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	status_read(t, answer->value);
	if (strcmp(t->status, "pre-switchover") == 0)
		return ACT_DONE;
	if (has_failed(t))
		return ACT_FAILED;
	t->is_limit_due = needs_longer_stop(t, passes);
	if (t->is_limit_due)
		t->act--;
	return ACT_AGAIN;
}

static const struct act memory_acts[] = {
	{ key_remove, judge_kindly, false },
	{ client_key_add, judge_kindly, false },
	{ capabilities_set, NULL, false },
	{ parameters_set, NULL, false },
	{ migrate, NULL, false },
	{ limit_raise, NULL, false },
	{ status_ask, guest_stands, false },
	{ NULL, NULL, false },
};

void transfer_memory(struct transfer *t, const char *host, uint16_t port, transfer_done done,
		     void *arg)
{
	set_place(t, host, port);
	t->progress.passes = 0;
	script_start(t, memory_acts, done, arg);
}

static enum outcome migrate_continue(struct transfer *t)
{
	return script_ask(t, "migrate-continue", json_pack("{s:s}", "state", "pre-switchover"));
}

static enum outcome all_is_sent(struct transfer *t, const struct qmp_answer *answer)
{
	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	status_read(t, answer->value);
	if (strcmp(t->status, "completed") == 0)
		return ACT_DONE;
	return has_failed(t) ? ACT_FAILED : ACT_AGAIN;
}

static const struct act finish_acts[] = {
	{ migrate_continue, NULL, false },
	{ status_ask, all_is_sent, false },
	{ NULL, NULL, false },
};

void transfer_finish(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, finish_acts, done, arg);
}

/* ---- the way back ------------------------------------------------------------------------------ */

static enum outcome migrate_cancel(struct transfer *t)
{
	return script_ask(t, "migrate_cancel", NULL);
}

static enum outcome nothing_is_sent(struct transfer *t, const struct qmp_answer *answer)
{
	if (!answer->value)
		return script_fail(t, "%s", answer->error);
	status_read(t, answer->value);
	return has_failed(t) && strcmp(t->status, "cancelling") != 0 ? ACT_DONE
	       : strcmp(t->status, "completed") == 0                 ? ACT_DONE
								     : ACT_AGAIN;
}

static enum outcome mirror_break(struct transfer *t)
{
	char mirror[SPEC_NAME + 16];

	return script_ask(t, "block-job-cancel",
			  json_pack("{s:s, s:b}", "device", disk_node(t, "mirror", mirror), "force",
				    1));
}

static enum outcome parameters_reset(struct transfer *t)
{
	return script_ask(t, "migrate-set-parameters", json_pack("{s:s}", "tls-creds", nobody));
}

static const struct act stop_acts[] = {
	{ migrate_cancel, judge_kindly, false },
	{ status_ask, nothing_is_sent, false },
	{ mirror_break, judge_kindly, true },
	{ jobs_ask, jobs_have_ended, false },
	{ job_dismiss, judge_kindly, true },
	{ export_close, judge_kindly, true },
	{ parameters_reset, judge_kindly, false },
	{ key_remove, judge_kindly, false },
	{ NULL, NULL, false },
};

void transfer_stop(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, stop_acts, done, arg);
}

static enum outcome cont(struct transfer *t)
{
	return script_ask(t, "cont", NULL);
}

static const struct act resume_acts[] = {
	{ cont, NULL, false },
	{ NULL, NULL, false },
};

void transfer_resume(struct transfer *t, transfer_done done, void *arg)
{
	script_start(t, resume_acts, done, arg);
}
