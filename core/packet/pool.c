/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/pool.c - packets and buffers of one worker.
 *
 * Three slabs in one mapping.  Objects that were never used are not in a free list but behind a
 * mark, so that a pool costs memory only as far as it was ever used; objects given back are
 * taken again last in, first out, while they are still in the cache.  One thread; no atomics.
 *
 * Packets come and go in batches, so the free ones are a stack of pointers: taking 64 of them
 * reads eight cache lines of that stack, and not one packet after the other to find the next.
 */
#include "packet/packet.h"

#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64 };

struct slab {
	uint8_t *base;
	size_t stride;
	uint32_t count;
	uint32_t fresh; /* objects behind this one were never used */
	uint32_t left;
};

struct pool {
	struct packet **free_packets; /* a stack: the last one was freed last */
	uint32_t free_count;
	struct buffer *free_small;
	struct buffer *free_large;
	struct slab packets;
	struct slab small;
	struct slab large;
	uint8_t *memory;
	size_t size;
};

_Static_assert(sizeof(struct packet) % CACHE_LINE == 0, "packets stay aligned");
_Static_assert(offsetof(struct packet, next) == (size_t)2 * CACHE_LINE,
	       "the fast path needs two lines");

static size_t buffer_stride(uint32_t size)
{
	size_t bytes = sizeof(struct buffer) + size;

	return (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static size_t slab_init(struct slab *slab, size_t stride, uint32_t count)
{
	*slab = (struct slab){ .stride = stride, .count = count, .left = count };
	return stride * count;
}

/* An object that was never used, or NULL. */
static void *slab_fresh(struct slab *slab)
{
	if (slab->fresh == slab->count)
		return NULL;
	return slab->base + slab->stride * slab->fresh++;
}

struct pool *pool_create(const struct pool_limits *limits)
{
	struct pool *pool = calloc(1, sizeof(*pool));
	size_t packets;
	size_t small;
	size_t large;
	size_t stack = limits->packets * sizeof(struct packet *);

	if (!pool)
		return NULL;
	packets = slab_init(&pool->packets, sizeof(struct packet), limits->packets);
	small = slab_init(&pool->small, buffer_stride(BUFFER_SMALL), limits->small);
	large = slab_init(&pool->large, buffer_stride(BUFFER_LARGE), limits->large);

	/* never nothing: mmap refuses 0 */
	pool->size = packets + small + large + stack + CACHE_LINE;
	pool->memory = mmap(NULL, pool->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->memory == MAP_FAILED) {
		free(pool);
		return NULL;
	}
	pool->packets.base = pool->memory;
	pool->small.base = pool->packets.base + packets;
	pool->large.base = pool->small.base + small;
	pool->free_packets = (struct packet **)(void *)(pool->large.base + large);
	return pool;
}

void pool_destroy(struct pool *pool)
{
	if (!pool)
		return;
	ASAN_UNPOISON_MEMORY_REGION(pool->memory, pool->size);
	munmap(pool->memory, pool->size);
	free(pool);
}

/*
 * The facts only, in two lines that are written anyway: 'head' is the caller's to fill.  Line by
 * line, because compilers clear more than that by REP STOS, which takes as long as all the rest.
 */
static void packet_reset(struct packet *p, struct pool *pool)
{
	memset(p, 0, CACHE_LINE);
	memset((uint8_t *)p + CACHE_LINE, 0, CACHE_LINE);
	p->x.host = p;
	p->x.data = p->head + XVS_HEADROOM;
	p->x.headroom = XVS_HEADROOM;
	p->pool = pool;
}

struct packet *packet_new(struct pool *pool)
{
	struct packet *p = NULL;

	(void)packet_new_burst(pool, &p, 1);
	return p;
}

uint32_t packet_new_burst(struct pool *pool, struct packet **out, uint32_t count)
{
	uint32_t used;

	if (count > pool->packets.left)
		count = pool->packets.left;
	used = count < pool->free_count ? count : pool->free_count;
	pool->free_count -= used;
	pool->packets.left -= count;
	memcpy(out, pool->free_packets + pool->free_count, used * sizeof(struct packet *));
	for (uint32_t i = used; i < count; i++)
		out[i] = slab_fresh(&pool->packets);
	for (uint32_t i = 0; i < count; i++) {
		ASAN_UNPOISON_MEMORY_REGION(out[i], sizeof(struct packet));
		packet_reset(out[i], pool);
	}
	return count;
}

void packet_free(struct packet *p)
{
	packet_free_burst(p->pool, &p, 1);
}

/* False: others still have it. */
static bool packet_let_go(struct pool *pool, struct packet *p)
{
	if (p->holds) {
		p->holds--;
		return false;
	}
	if (p->buffer)
		buffer_put(pool, p->buffer);
	if (p->shared)
		buffer_put(pool, p->shared);
	return true;
}

void packet_free_burst(struct pool *pool, struct packet *const *pkts, uint32_t count)
{
	struct packet **const top = pool->free_packets + pool->free_count;
	struct packet **next = top;

	for (uint32_t i = 0; i < count; i++) {
		struct packet *p = pkts[i];
		bool is_bare = !p->buffer & !p->shared & !p->holds;

		if (!is_bare && !packet_let_go(pool, p))
			continue;
		p->x.host = NULL; /* who still holds it holds an invented one */
		*next++ = p;
		ASAN_POISON_MEMORY_REGION(p->head, sizeof(p->head));
	}
	pool->free_count += (uint32_t)(next - top);
	pool->packets.left += (uint32_t)(next - top);
}

void pool_each_owned(struct pool *pool, uint16_t owner, void (*fn)(void *arg, struct packet *p),
		     void *arg)
{
	struct packet *packets = (struct packet *)(void *)pool->packets.base;

	for (uint32_t i = 0; i < pool->packets.fresh; i++) {
		struct packet *p = &packets[i];

		if (p->x.host == p && p->owner == owner)
			fn(arg, p);
	}
}

/* A small buffer never comes from the large ones: they are few, and 64 KiB packets need them. */
struct buffer *buffer_new(struct pool *pool, uint32_t size)
{
	bool is_small = size <= BUFFER_SMALL;
	struct buffer **list = is_small ? &pool->free_small : &pool->free_large;
	struct slab *slab = is_small ? &pool->small : &pool->large;
	struct buffer *b = *list;

	if (size > BUFFER_LARGE)
		return NULL;
	if (b)
		*list = b->next;
	else
		b = slab_fresh(slab);
	if (!b)
		return NULL;
	slab->left--;
	b->next = NULL;
	b->size = is_small ? BUFFER_SMALL : BUFFER_LARGE;
	b->refs = 1;
	ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->size);
	return b;
}

void buffer_put(struct pool *pool, struct buffer *b)
{
	bool is_small = b->size == BUFFER_SMALL;
	struct buffer **list = is_small ? &pool->free_small : &pool->free_large;

	assert(b->refs > 0);
	if (--b->refs > 0)
		return;
	ASAN_POISON_MEMORY_REGION(b->bytes, b->size);
	b->next = *list;
	*list = b;
	(is_small ? &pool->small : &pool->large)->left++;
}

uint32_t pool_packets_left(const struct pool *pool)
{
	return pool->packets.left;
}

uint32_t pool_small_left(const struct pool *pool)
{
	return pool->small.left;
}

uint32_t pool_large_left(const struct pool *pool)
{
	return pool->large.left;
}

struct packet *packet_new_linear(struct pool *pool, uint32_t len)
{
	struct buffer *b;
	struct packet *p;

	if (len > BUFFER_LARGE - XVS_HEADROOM)
		return NULL;
	p = packet_new(pool);
	if (!p)
		return NULL;
	b = buffer_new(pool, XVS_HEADROOM + len);
	if (!b) {
		packet_free(p);
		return NULL;
	}
	p->buffer = b;
	p->x.data = b->bytes + XVS_HEADROOM;
	p->x.len = len;
	p->x.linear = len;
	return p;
}
