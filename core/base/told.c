/* SPDX-License-Identifier: Apache-2.0 */
/* base/told.c - a ring of messages under a lock: it is told to now and then, from any thread. */
#include "base/told.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

#include "base/str.h"

static struct {
	pthread_mutex_t lock;
	uint64_t newest;
	void (*fn)(void *arg);
	void *arg;
	struct told ring[TOLD_MAX];
} kept = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void told_add(enum message_id m, int level, const char *text)
{
	struct told *e;

	(void)pthread_mutex_lock(&kept.lock);
	e = &kept.ring[++kept.newest % TOLD_MAX];
	e->number = kept.newest;
	e->unix_ms = now_ms();
	e->message = m;
	e->level = level;
	(void)str_copy(e->text, sizeof(e->text), text);
	if (kept.fn)
		kept.fn(kept.arg);
	(void)pthread_mutex_unlock(&kept.lock);
}

uint32_t told_read(uint64_t since, struct told *out, uint32_t max)
{
	uint32_t count = 0;
	uint64_t first;

	(void)pthread_mutex_lock(&kept.lock);
	first = kept.newest > TOLD_MAX ? kept.newest - TOLD_MAX + 1 : 1;
	if (since >= first)
		first = since + 1;
	for (; count < max && first <= kept.newest; first++)
		out[count++] = kept.ring[first % TOLD_MAX];
	(void)pthread_mutex_unlock(&kept.lock);
	return count;
}

uint64_t told_newest(void)
{
	uint64_t newest;

	(void)pthread_mutex_lock(&kept.lock);
	newest = kept.newest;
	(void)pthread_mutex_unlock(&kept.lock);
	return newest;
}

void told_listen(void (*fn)(void *arg), void *arg)
{
	(void)pthread_mutex_lock(&kept.lock);
	kept.fn = fn;
	kept.arg = arg;
	(void)pthread_mutex_unlock(&kept.lock);
}
