/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/memory.c - the C library's memory, with a list of what is an extension's. */
#include "memory.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif

enum { SLOTS = 1 << 20, NESTED_MAX = 16 };

static _Thread_local struct {
	unsigned depth;
	const char *calls[NESTED_MAX];
} inside;

void memory_enter(const char *call)
{
	if (inside.depth < NESTED_MAX)
		inside.calls[inside.depth] = call;
	inside.depth++;
}

void memory_leave(void)
{
	inside.depth--;
}

unsigned memory_pause(void)
{
	const unsigned depth = inside.depth;

	inside.depth = 0;
	return depth;
}

void memory_go_on(unsigned depth)
{
	inside.depth = depth;
}

#ifdef IS_SANITIZED

bool memory_is_watched(void)
{
	return false;
}

size_t memory_held(const char **call)
{
	(void)call;
	return 0;
}

uint64_t memory_asked(void)
{
	return 0;
}

void memory_fail(uint64_t nth)
{
	(void)nth;
}

#else

/* Of the C library, behind the names that are taken here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

/* Open addressing; a slot that was freed is a tombstone, and taken again. */
static struct {
	pthread_mutex_t lock;
	struct slot {
		const void *p;
		const char *call;
		uint64_t nr;
	} slots[SLOTS];
	size_t held;
	uint64_t asked, fail_at;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static const char tombstone;

static size_t slot_of(const void *p)
{
	return (size_t)(((uintptr_t)p >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 44) % SLOTS;
}

static void note(const void *p)
{
	size_t at = slot_of(p);
	const unsigned top = inside.depth < NESTED_MAX ? inside.depth : NESTED_MAX;

	(void)pthread_mutex_lock(&table.lock);
	for (size_t i = 0; i < SLOTS && table.slots[at].p && table.slots[at].p != &tombstone; i++)
		at = (at + 1) % SLOTS;
	if (!table.slots[at].p || table.slots[at].p == &tombstone) {
		table.slots[at] = (struct slot){ p, inside.calls[top - 1], table.asked };
		table.held++;
	}
	(void)pthread_mutex_unlock(&table.lock);
}

static void forget(const void *p)
{
	size_t at = slot_of(p);

	(void)pthread_mutex_lock(&table.lock);
	for (size_t i = 0; i < SLOTS && table.slots[at].p; i++, at = (at + 1) % SLOTS) {
		if (table.slots[at].p != p)
			continue;
		table.slots[at].p = &tombstone;
		table.held--;
		break;
	}
	(void)pthread_mutex_unlock(&table.lock);
}

/* Of an extension's request: is it this one's turn to get nothing? */
static bool is_refused(void)
{
	if (inside.depth == 0)
		return false;
	if (__atomic_add_fetch(&table.asked, 1, __ATOMIC_RELAXED) != table.fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

static void *noted(void *p)
{
	if (p && inside.depth > 0)
		note(p);
	return p;
}

#define TAKEN __attribute__((visibility("default")))

TAKEN void *malloc(size_t size)
{
	return is_refused() ? NULL : noted(__libc_malloc(size));
}

TAKEN void *calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : noted(__libc_calloc(count, size));
}

TAKEN void *realloc(void *p, size_t size)
{
	const bool is_noted = table.held > 0 && p;
	void *grown;

	if (is_refused())
		return NULL;
	grown = __libc_realloc(p, size);
	if (is_noted && (grown || size == 0))
		forget(p);
	return noted(grown);
}

TAKEN void *memalign(size_t alignment, size_t size)
{
	return is_refused() ? NULL : noted(__libc_memalign(alignment, size));
}

TAKEN void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

TAKEN int posix_memalign(void **out, size_t alignment, size_t size)
{
	void *p = memalign(alignment, size);

	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

TAKEN void free(void *p)
{
	if (p && table.held > 0)
		forget(p);
	__libc_free(p);
}

bool memory_is_watched(void)
{
	return true;
}

size_t memory_held(const char **call)
{
	uint64_t newest = 0;

	*call = "";
	(void)pthread_mutex_lock(&table.lock);
	for (size_t i = 0; i < SLOTS; i++) {
		const struct slot *s = &table.slots[i];

		if (!s->p || s->p == &tombstone || s->nr < newest)
			continue;
		newest = s->nr;
		*call = s->call;
	}
	(void)pthread_mutex_unlock(&table.lock);
	return table.held;
}

uint64_t memory_asked(void)
{
	return table.asked;
}

void memory_fail(uint64_t nth)
{
	table.asked = 0;
	table.fail_at = nth;
}

#endif
