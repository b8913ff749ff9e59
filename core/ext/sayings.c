/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/sayings.c - what an extension says to the operator: host->log().
 *
 * Limited per call site, which is the address of the text.  A worker makes no system call: it
 * writes on one of its few sheets, and the control thread reads that out.  All other threads
 * share one table of sites and say it themselves.
 */
#include "ext/services.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

enum { SITES = 16, SHEETS = 4, SAYING_BYTES = 512 };

struct site {
	const char *text; /* compared, never read */
	struct log_limit limit;
};

enum sheet_state {
	SHEET_FREE = 0, /* the worker's */
	SHEET_SENT = 1, /* the control thread's */
	SHEET_READ = 2, /* read out before its letter came */
};

struct sheet {
	struct letter letter;
	struct sayings *owner;
	_Atomic uint32_t state; /* release on every change; the other side's look is an acquire */
	int level;
	char text[SAYING_BYTES];
};

/* One worker writes. */
struct speaker {
	struct site sites[SITES];
	struct sheet sheets[SHEETS];
} __attribute__((aligned(64)));

struct sayings {
	struct instance *instance;
	pthread_mutex_t lock;
	struct site others[SITES]; /* of all threads but workers; under the lock */
	uint32_t count;
	bool is_closed;
	struct speaker speakers[];
};

/* The site's own limit; when there are more sites than places, some share one. */
static struct log_limit *limit_of(struct site *sites, const char *text)
{
	size_t first = ((uintptr_t)text >> 3) % SITES;

	for (size_t n = 0; n < SITES; n++) {
		struct site *site = &sites[(first + n) % SITES];

		if (!site->text)
			site->text = text;
		if (site->text == text)
			return &site->limit;
	}
	return &sites[first].limit;
}

/* Unknown levels are information: a newer extension may know finer ones. */
static int level_known(int level)
{
	if (level == XVS_LOG_ERROR || level == XVS_LOG_WARN || level == XVS_LOG_DEBUG)
		return level;
	return XVS_LOG_INFO;
}

static void saying_write(char out[SAYING_BYTES], const char *text, uint32_t suppressed)
{
	if (suppressed)
		(void)snprintf(out, SAYING_BYTES, "%.440s (%u more like this were not shown)", text,
			       suppressed);
	else
		(void)str_copy(out, SAYING_BYTES, text);
}

static void say(struct instance *i, int level, const char *text)
{
	if (i->env->log)
		i->env->log(i, level, text);
	else
		log_message_at(level, MSG_EXTENSION, "switch %s: %s (%s): %s", i->switch_name,
			       i->name, i->ext->id, text);
}

static bool all_free(struct sayings *s)
{
	for (uint32_t w = 0; w < s->count; w++) {
		for (uint32_t n = 0; n < SHEETS; n++) {
			if (atomic_load_explicit(&s->speakers[w].sheets[n].state,
						 memory_order_acquire) != SHEET_FREE)
				return false;
		}
	}
	return true;
}

static void free_sayings(struct sayings *s)
{
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void on_sheet(struct letter *letter)
{
	struct sheet *sheet = (struct sheet *)letter; /* its first member */
	struct sayings *s = sheet->owner;

	if (atomic_load_explicit(&sheet->state, memory_order_acquire) == SHEET_SENT)
		say(s->instance, sheet->level, sheet->text);
	atomic_store_explicit(&sheet->state, SHEET_FREE, memory_order_release);
	if (s->is_closed && all_free(s))
		free_sayings(s);
}

static struct sheet *free_sheet(struct speaker *speaker)
{
	for (uint32_t n = 0; n < SHEETS; n++) {
		if (atomic_load_explicit(&speaker->sheets[n].state, memory_order_acquire) ==
		    SHEET_FREE)
			return &speaker->sheets[n];
	}
	return NULL;
}

static void say_from_worker(struct instance *i, uint32_t nr, int level, const char *text)
{
	struct speaker *speaker = &i->services->sayings->speakers[nr];
	struct log_limit *limit = limit_of(speaker->sites, text);
	struct sheet *sheet = free_sheet(speaker);
	uint32_t suppressed;

	if (!sheet) {
		limit->suppressed++;
		return;
	}
	if (!log_allowed(limit, clock_ns(), &suppressed))
		return;
	sheet->level = level;
	saying_write(sheet->text, text, suppressed);
	atomic_store_explicit(&sheet->state, SHEET_SENT, memory_order_release);
	loop_post(i->env->loop, &sheet->letter, on_sheet);
}

static void say_from_elsewhere(struct instance *i, int level, const char *text)
{
	struct sayings *s = i->services->sayings;
	char line[SAYING_BYTES];
	uint32_t suppressed;
	bool allowed;

	(void)pthread_mutex_lock(&s->lock);
	allowed = log_allowed(limit_of(s->others, text), clock_ns(), &suppressed);
	(void)pthread_mutex_unlock(&s->lock);
	if (!allowed)
		return;
	saying_write(line, text, suppressed);
	say(i, level, line);
}

void host_log(const struct xvs_host *h, int level, const char *text)
{
	struct instance *i = instance_of(h);
	struct worker *worker;

	if (!text)
		return;
	if (worker_here(i, &worker))
		say_from_worker(i, worker->nr, level_known(level), text);
	else
		say_from_elsewhere(i, level_known(level), text);
}

struct sayings *sayings_create(struct instance *i)
{
	uint32_t count = i->env->worker_count;
	size_t size = sizeof(struct sayings) + count * sizeof(struct speaker);
	struct sayings *s = aligned_alloc(_Alignof(struct sayings), size);

	if (!s)
		return NULL;
	memset(s, 0, size);
	s->instance = i;
	s->count = count;
	(void)pthread_mutex_init(&s->lock, NULL);
	for (uint32_t w = 0; w < count; w++) {
		for (uint32_t n = 0; n < SHEETS; n++)
			s->speakers[w].sheets[n].owner = s;
	}
	return s;
}

/* The last words are often the reason for what comes next, so they are read out. */
void sayings_destroy(struct sayings *s)
{
	if (!s)
		return;
	for (uint32_t w = 0; w < s->count; w++) {
		for (uint32_t n = 0; n < SHEETS; n++) {
			struct sheet *sheet = &s->speakers[w].sheets[n];

			if (atomic_load_explicit(&sheet->state, memory_order_acquire) != SHEET_SENT)
				continue;
			say(s->instance, sheet->level, sheet->text);
			atomic_store_explicit(&sheet->state, SHEET_READ, memory_order_release);
		}
	}
	s->is_closed = true;
	if (all_free(s))
		free_sayings(s);
}
