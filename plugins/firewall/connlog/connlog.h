/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connlog.h - what the files of org.xvs.connlog share.
 *
 *	worker:  event() -> a record by mail
 *	control: mail -> the chunk that is being filled; full, or a fifth of a second old -> task
 *	helper:  chunk -> lines -> file
 */
#ifndef CONNLOG_CONNLOG_H
#define CONNLOG_CONNLOG_H

#include <stdatomic.h>

#include "line.h"
#include "output.h"
#include "xvs/ext/mailbox.h"
#include "xvs/ext/task.h"
#include "xvs/ext/timer.h"

enum connlog_counter { CONNLOG_NOTED, CONNLOG_LOST, CONNLOG_COUNTERS };

enum { CHUNK_RECORDS = 8192, MAIL_SLOTS = 4096 };

/* "org.xvs.connlog/1", of a switch */
struct connlog_policy {
	char file[OUTPUT_PATH];
	uint64_t max_bytes;
};

/* "org.xvs.connlog.port/1" */
struct connlog_port_policy {
	bool enabled;
	bool begins;
	uint8_t pad[2];
	uint32_t report_s;
};

/* "org.xvs.connlog.status/1" */
struct connlog_status {
	uint64_t written, lost;
	char error[128];
};

struct chunk {
	uint32_t count;
	uint64_t epoch_ns;
	uint64_t max_bytes;
	char path[OUTPUT_PATH];
	struct record records[CHUNK_RECORDS];
};

/* Control thread and helper; a chunk is one's or the other's. */
struct journal {
	const struct xvs_host *host;
	const struct xvs_task_host *tasks;
	const struct xvs_timer_host *timers;
	struct xvs_timer *timer;
	struct chunk *filling, *writing; /* swapped by the control thread while the helper rests */
	bool is_writing;
	bool has_file;
	struct connlog_policy policy;
	struct output output; /* the helper's */
	int told_error;       /* the helper's: said in the log already */
	uint64_t lost;        /* the control thread's */
	_Atomic uint64_t written, unwritten;
	_Atomic int error; /* errno value of the last write; 0: it went well */
};

struct connlog {
	const struct xvs_host *host;
	const struct xvs_conn_host *conns;
	const struct xvs_mailbox_host *mailbox;
	_Atomic bool has_file; /* workers read */
	struct journal journal;
};

struct connlog_port {
	char name[PORT_NAME_MAX];
	_Atomic uint32_t report_ms;
	_Atomic bool enabled, begins;
};

enum { FEATURE_LOG, FEATURE_PORT, FEATURE_STATUS, FEATURE_COUNT };
extern const struct xvs_feature connlog_features[FEATURE_COUNT];

/* [control] policy.c: can this be where records go? */
int connlog_file_check(const struct connlog_policy *policy, struct xvs_error *err);

/* ---- journal.c, [control] ---- */

int journal_init(struct journal *j, const struct xvs_host *host, struct xvs_error *err);
void journal_finish(struct journal *j); /* no task runs; writes what is left */
/* NULL: records are not kept any more. */
void journal_choose(struct journal *j, const struct connlog_policy *policy);
void journal_add(struct journal *j, const struct record *r);
uint64_t journal_lost(const struct journal *j);

#endif /* CONNLOG_CONNLOG_H */
