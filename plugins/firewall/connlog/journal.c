/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - records gathered in chunks, and written by a helper thread: neither a worker nor the
 * control thread ever waits for a disk.  Two chunks bound what waits; what finds no room is counted
 * as lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connlog.h"
#include "xvs/ext/sdk.h"

enum { WAIT_NS = 200000000 };

static void begin_writing(struct journal *j);

static void on_timer(void *arg)
{
	begin_writing(arg);
}

int journal_init(struct journal *j, const struct xvs_host *host, struct xvs_error *err)
{
	j->host = host;
	j->tasks = host->query(host, XVS_TASK);
	j->timers = host->query(host, XVS_TIMER);
	j->timer = j->timers->create(host, on_timer, j);
	j->filling = calloc(1, sizeof(*j->filling));
	j->writing = calloc(1, sizeof(*j->writing));
	output_init(&j->output);
	if (j->timer && j->filling && j->writing)
		return 0;
	journal_finish(j);
	return xvs_refuse(err, -ENOMEM, "", "out of memory");
}

/* ---- helper thread ------------------------------------------------------------------------- */

static void tell(struct journal *j, const struct chunk *c, int code)
{
	atomic_store_explicit(&j->error, -code, memory_order_relaxed);
	if (code && code != j->told_error)
		xvs_logf(j->host, XVS_LOG_ERROR,
			 "records of connections are lost: file %.120s cannot be written: %s",
			 c->path, strerror(-code));
	j->told_error = code;
}

static void write_chunk(struct journal *j, const struct chunk *c)
{
	char line[LINE_MAX_BYTES];
	int code = output_open(&j->output, c->path, c->max_bytes);

	for (uint32_t i = 0; i < c->count && code == 0; i++)
		code = output_add(&j->output, line, line_print(&c->records[i], c->epoch_ns, line));
	if (code == 0)
		code = output_flush(&j->output);
	if (code == 0)
		atomic_fetch_add_explicit(&j->written, c->count, memory_order_relaxed);
	else
		atomic_fetch_add_explicit(&j->unwritten, c->count, memory_order_relaxed);
	tell(j, c, code);
}

static void run(void *arg, const volatile bool *cancelled)
{
	struct journal *j = arg;

	(void)cancelled; /* it is bounded by the chunk */
	write_chunk(j, j->writing);
	j->writing->count = 0;
}

/* ---- control thread -------------------------------------------------------------------------- */

/* A task that was cancelled before it ran leaves its chunk; journal_finish() writes it. */
static void done(void *arg, bool cancelled)
{
	struct journal *j = arg;

	j->is_writing = false;
	if (!cancelled && j->filling->count > 0)
		j->timers->arm(j->host, j->timer, WAIT_NS);
}

/* What the host's clock is behind that of the day. */
static uint64_t epoch_ns(const struct journal *j)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec -
	       j->host->now(j->host);
}

static void swap_chunks(struct journal *j)
{
	struct chunk *c = j->filling;

	memcpy(c->path, j->policy.file, sizeof(c->path));
	c->max_bytes = j->policy.max_bytes;
	c->epoch_ns = epoch_ns(j);
	j->filling = j->writing;
	j->writing = c;
}

static void begin_writing(struct journal *j)
{
	if (j->is_writing || j->filling->count == 0)
		return;
	swap_chunks(j);
	j->is_writing = true;
	if (j->tasks->start(j->host, run, done, j) < 0) {
		j->is_writing = false;
		j->lost += j->writing->count;
		j->writing->count = 0;
	}
}

void journal_add(struct journal *j, const struct record *r)
{
	if (j->filling->count == CHUNK_RECORDS)
		begin_writing(j);
	if (!j->has_file || j->filling->count == CHUNK_RECORDS) {
		j->lost++;
		return;
	}
	j->filling->records[j->filling->count++] = *r;
	if (j->filling->count == 1)
		j->timers->arm(j->host, j->timer, WAIT_NS);
}

/* What is there already goes where it was to go. */
void journal_choose(struct journal *j, const struct connlog_policy *policy)
{
	if (j->has_file)
		begin_writing(j);
	j->has_file = policy != NULL;
	if (policy)
		j->policy = *policy;
}

uint64_t journal_lost(const struct journal *j)
{
	return j->lost + atomic_load_explicit(&j->unwritten, memory_order_relaxed);
}

void journal_finish(struct journal *j)
{
	if (j->writing && j->writing->count > 0)
		write_chunk(j, j->writing);
	if (j->filling && j->filling->count > 0) {
		swap_chunks(j);
		write_chunk(j, j->writing);
	}
	output_finish(&j->output);
	j->timers->destroy(j->host, j->timer);
	free(j->filling);
	free(j->writing);
}
