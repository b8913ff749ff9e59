/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ring_guest.h - a guest in the same process: its memory, its driver's side of the rings, and the
 * device that looks at them.  For tests and benchmarks of core/port/vhost_user.
 *
 *      driver's mapping  <- memfd ->  device's mapping (vhost_map)
 *
 * The memory is two regions, far apart in the guest and side by side in the file.  What the driver
 * does is by the book (virtio 1.2, 2.7 and 2.8) and counted: a descriptor that does not come
 * back, or comes twice, is an error of the device.
 */
#ifndef RING_GUEST_H
#define RING_GUEST_H

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/vhost_user/device.h"

enum {
	GUEST_BYTES = 32 << 20,
	GUEST_HALF = GUEST_BYTES / 2,
	GUEST_PIECES = 80,
	GUEST_RINGS = 8,
};
#define GUEST_LOW UINT64_C(0x10000000)
#define GUEST_HIGH UINT64_C(0x7f0000000000)
#define GUEST_USER UINT64_C(0x700000000000)

enum {
	GUEST_NEXT = 1,
	GUEST_WRITE = 2,
	GUEST_INDIRECT = 4,
	GUEST_AVAIL = 1 << 7,
	GUEST_USED = 1 << 15
};

struct guest_piece {
	uint64_t at;
	uint32_t len;
};

struct guest_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t a; /* split: flags; packed: id */
	uint16_t b; /* split: next; packed: flags */
};

/* The driver's side of one ring. */
struct guest_ring {
	bool is_packed;
	bool is_writable;
	uint16_t size;
	uint16_t avail; /* split: index; packed: slot, wrap in bit 15 */
	uint16_t used;
	uint16_t id_base; /* packed: ids are 16 bits of any value */
	uint16_t spare_count;
	uint16_t spare[VHOST_SIZE_MAX]; /* split: descriptors; packed: ids */
	uint16_t slots[VHOST_SIZE_MAX]; /* by id: descriptors it took; 0: not out */
	uint16_t next[VHOST_SIZE_MAX];  /* split: the driver's own links */
	uint32_t room;                  /* descriptors */
	uint8_t *desc, *driver, *device;
	uint64_t desc_at, driver_at, device_at;
};

struct guest {
	struct vhost_device d; /* first */
	struct vhost_view *view;
	struct pool *pool;
	int fd;
	uint8_t *mem;
	uint64_t mark; /* memory that is given out */
	uint64_t mark_high;
	struct guest_ring *rings[GUEST_RINGS];
};

static inline uint8_t *guest_at(const struct guest *g, uint64_t addr)
{
	if (addr - GUEST_HIGH < GUEST_HALF)
		return g->mem + GUEST_HALF + (addr - GUEST_HIGH);
	assert(addr - GUEST_LOW < GUEST_HALF);
	return g->mem + (addr - GUEST_LOW);
}

static inline uint64_t guest_alloc(struct guest *g, uint64_t len, uint64_t align)
{
	uint64_t at = (g->mark + align - 1) / align * align;

	assert(at + len <= GUEST_LOW + GUEST_HALF);
	g->mark = at + len;
	return at;
}

static inline uint64_t guest_alloc_high(struct guest *g, uint64_t len)
{
	uint64_t at = g->mark_high;

	assert(at + len <= GUEST_HIGH + GUEST_HALF);
	g->mark_high = at + len;
	return at;
}

/* ---- the device's side --------------------------------------------------------------------------- */

static inline void guest_map(struct guest *g)
{
	struct xvs_error err = ERROR_INIT;
	struct vhost_view *v = calloc(1, sizeof(*v));

	assert(v);
	v->features = UINT64_C(1) << VHOST_F_VERSION_1 | UINT64_C(1) << VHOST_NET_MRG_RXBUF |
		      UINT64_C(1) << VHOST_RING_INDIRECT | UINT64_C(1) << VHOST_NET_GUEST_CSUM;
	v->region_count = 2;
	for (uint32_t i = 0; i < 2; i++) {
		struct vhost_region *r = &v->regions[i];

		r->guest = i ? GUEST_HIGH : GUEST_LOW;
		r->user = GUEST_USER + i * (uint64_t)GUEST_HALF;
		r->size = GUEST_HALF;
		r->mapping =
			vhost_map(&g->d, dup(g->fd), GUEST_HALF, i * (uint64_t)GUEST_HALF, &err);
		assert(r->mapping);
		r->host = vhost_mapping_bytes(r->mapping);
	}
	for (uint32_t i = 0; i < VHOST_RINGS_MAX; i++)
		v->rings[i] = (struct vhost_ring_view){ .call = -1, .kick = -1 };
	g->view = v;
}

static inline void guest_unmap(struct guest *g)
{
	for (uint32_t i = 0; g->view && i < g->view->region_count; i++)
		vhost_mapping_put(g->view->regions[i].mapping);
	free(g->view);
	g->view = NULL;
	g->d.view = NULL;
}

/* 'fd' -1: memory of its own. */
static inline struct guest *guest_create_with(int fd, uint32_t queues, uint32_t workers,
					      struct vhost_mirror *mirror)
{
	const struct pool_limits limits = { .packets = 1024, .small = 64, .large = 64 };
	struct xvs_error err = ERROR_INIT;
	struct guest *g = aligned_alloc(64, (sizeof(*g) + 63) / 64 * 64);

	assert(g);
	memset(g, 0, sizeof(*g));
	g->fd = fd >= 0 ? fd : memfd_create("guest", MFD_CLOEXEC);
	assert(g->fd >= 0 && ftruncate(g->fd, GUEST_BYTES) == 0);
	g->mem = mmap(NULL, GUEST_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	assert(g->mem != MAP_FAILED);
	g->mark = GUEST_LOW + 4096;
	g->mark_high = GUEST_HIGH;
	g->d.backend.rx_queues = (uint16_t)queues;
	g->d.ring_count = 2 * queues;
	g->d.workers = workers;
	g->d.mirror = mirror;
	(void)strcpy(g->d.port_name, "p1");
	for (uint32_t i = 0; i < BACKEND_QUEUES_MAX; i++)
		g->d.wake[i] = -1;
	(void)loop_create(&g->d.loop, &err);
	g->pool = pool_create(&limits);
	assert(g->pool && g->d.loop);
	if (vhost_rings_open(&g->d, &err))
		abort();
	guest_map(g);
	return g;
}

static inline struct guest *guest_create(uint32_t queues, uint32_t workers)
{
	return guest_create_with(-1, queues, workers, NULL);
}

static inline void guest_destroy(struct guest *g)
{
	for (uint32_t i = 0; i < GUEST_RINGS; i++)
		free(g->rings[i]);
	guest_unmap(g);
	vhost_rings_close(&g->d);
	pool_destroy(g->pool);
	loop_destroy(g->d.loop);
	(void)munmap(g->mem, GUEST_BYTES);
	(void)close(g->fd);
	free(g);
}

static inline void guest_show_ring(struct guest *g, uint32_t nr)
{
	const struct guest_ring *r = g->rings[nr];
	struct vhost_ring_view *at = &g->view->rings[nr];

	at->desc = vhost_at_guest(g->view, r->desc_at, (uint64_t)r->size * 16);
	at->driver = vhost_at_guest(g->view, r->driver_at, 4);
	at->device = vhost_at_guest(g->view, r->device_at, 4);
	at->desc_guest = r->desc_at;
	at->device_guest = r->device_at;
	at->size = r->size;
	at->logs_ring = true;
}

static inline void guest_driver_reset(struct guest_ring *r)
{
	r->spare_count = r->size;
	r->room = r->size;
	r->avail = r->is_packed ? 1u << 15 : 0;
	r->used = r->avail;
	for (uint32_t i = 0; i < r->size; i++) {
		r->spare[i] = (uint16_t)(r->size - 1u - i);
		r->slots[i] = 0;
	}
}

/* Memory for the ring, and the driver's side; as the features are. */
static inline struct guest_ring *guest_add_ring(struct guest *g, uint32_t nr, uint16_t size)
{
	struct guest_ring *r = calloc(1, sizeof(*r));

	assert(r);
	r->is_packed = vhost_has(g->view->features, VHOST_RING_PACKED);
	r->is_writable = nr % 2 == 0;
	r->size = size;
	r->id_base = 0xffe0;
	r->desc_at = guest_alloc(g, (uint64_t)size * 16, 4096);
	r->driver_at = guest_alloc(g, 6 + 2u * size, 4096);
	r->device_at = guest_alloc(g, 6 + 8u * size, 4096);
	g->mark = (g->mark + 4095) / 4096 * 4096;
	r->desc = guest_at(g, r->desc_at);
	r->driver = guest_at(g, r->driver_at);
	r->device = guest_at(g, r->device_at);
	guest_driver_reset(r);
	g->rings[nr] = r;
	return r;
}

static inline void guest_start(struct guest *g)
{
	bool is_packed = vhost_has(g->view->features, VHOST_RING_PACKED);

	for (uint32_t i = 0; i < g->d.ring_count; i++) {
		if (!g->rings[i])
			continue;
		guest_show_ring(g, i);
		vhost_ring_start(&g->d.rings[i], g->view, is_packed ? 1u << 15 : 0);
	}
	rcu_publish(&g->d.view, g->view);
}

/* A guest with one pair of rings of that size. */
static inline struct guest *guest_with(uint64_t features, uint16_t size)
{
	struct guest *g = guest_create(1, 1);

	g->view->features |= features;
	(void)guest_add_ring(g, 0, size);
	(void)guest_add_ring(g, 1, size);
	guest_start(g);
	return g;
}

/* ---- the driver's side ----------------------------------------------------------------------------- */

static inline void guest_write_desc(uint8_t *at, uint64_t addr, uint32_t len, uint16_t a,
				    uint16_t b)
{
	const struct guest_desc d = { addr, len, a, b };

	memcpy(at, &d, sizeof(d));
}

static inline uint16_t guest_forward(const struct guest_ring *r, uint16_t position, uint32_t slots)
{
	uint32_t slot = (position & 0x7fffu) + slots;

	if (slot >= r->size)
		return (uint16_t)((slot - r->size) | ((position & 0x8000u) ^ 0x8000u));
	return (uint16_t)(slot | (position & 0x8000u));
}

static inline uint16_t guest_packed_flags(const struct guest_ring *r, uint16_t position, bool more)
{
	uint16_t flags = position & 0x8000u ? GUEST_AVAIL : GUEST_USED;

	return (uint16_t)(flags | (more ? GUEST_NEXT : 0) | (r->is_writable ? GUEST_WRITE : 0));
}

static inline int guest_post_packed(struct guest_ring *r, const struct guest_piece *pieces,
				    uint32_t count, uint16_t extra)
{
	uint16_t nr = r->spare[--r->spare_count];
	uint16_t at = r->avail;
	uint16_t head = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t *d = r->desc + (at & 0x7fffu) * 16;
		uint16_t flags = guest_packed_flags(r, at, i + 1 < count) | extra;

		if (extra & GUEST_INDIRECT)
			flags &= (uint16_t)~GUEST_WRITE;
		memcpy(d, &pieces[i].at, 8);
		memcpy(d + 8, &pieces[i].len, 4);
		*(uint16_t *)(void *)(d + 12) = (uint16_t)(nr + r->id_base);
		if (i == 0)
			head = flags;
		else
			__atomic_store_n((uint16_t *)(void *)(d + 14), flags, __ATOMIC_RELAXED);
		at = guest_forward(r, at, 1);
	}
	r->slots[nr] = (uint16_t)count;
	__atomic_store_n((uint16_t *)(void *)(r->desc + (r->avail & 0x7fffu) * 16 + 14), head,
			 __ATOMIC_RELEASE);
	r->avail = at;
	return nr;
}

static inline int guest_post_split(struct guest_ring *r, const struct guest_piece *pieces,
				   uint32_t count, uint16_t extra)
{
	uint16_t *ring = (uint16_t *)(void *)(r->driver + 4);
	uint16_t flags = (uint16_t)(r->is_writable && !(extra & GUEST_INDIRECT) ? GUEST_WRITE : 0);
	uint16_t head = r->spare[r->spare_count - 1];

	for (uint32_t i = 0; i < count; i++) {
		uint16_t nr = r->spare[--r->spare_count];
		uint16_t next = i + 1 < count ? r->spare[r->spare_count - 1] : 0;

		r->next[nr] = next;
		guest_write_desc(r->desc + nr * 16, pieces[i].at, pieces[i].len,
				 (uint16_t)(flags | extra | (i + 1 < count ? GUEST_NEXT : 0)),
				 next);
	}
	r->slots[head] = (uint16_t)count;
	__atomic_store_n(&ring[r->avail % r->size], head, __ATOMIC_RELAXED);
	r->avail++;
	__atomic_store_n((uint16_t *)(void *)(r->driver + 2), r->avail, __ATOMIC_RELEASE);
	return head;
}

/* Makes a chain available; its number, -1: the ring has no room. */
static inline int guest_post(struct guest_ring *r, const struct guest_piece *pieces, uint32_t count,
			     uint16_t extra)
{
	if (r->room < count || r->spare_count == 0)
		return -1;
	r->room -= count;
	return r->is_packed ? guest_post_packed(r, pieces, count, extra)
			    : guest_post_split(r, pieces, count, extra);
}

/* The same by a table at 'table'. */
static inline int guest_post_table(struct guest *g, struct guest_ring *r, uint64_t table,
				   const struct guest_piece *pieces, uint32_t count)
{
	const struct guest_piece one = { table, count * 16 };
	uint16_t flags = (uint16_t)(r->is_writable ? GUEST_WRITE : 0);

	for (uint32_t i = 0; i < count; i++) {
		bool more = i + 1 < count;

		if (r->is_packed)
			guest_write_desc(guest_at(g, table) + i * 16, pieces[i].at, pieces[i].len,
					 0, flags);
		else
			guest_write_desc(guest_at(g, table) + i * 16, pieces[i].at, pieces[i].len,
					 (uint16_t)(flags | (more ? GUEST_NEXT : 0)),
					 (uint16_t)(i + 1));
	}
	return guest_post(r, &one, 1, GUEST_INDIRECT);
}

static inline int guest_used_packed(struct guest_ring *r, uint32_t *len)
{
	const uint8_t *d = r->desc + (r->used & 0x7fffu) * 16;
	uint16_t flags =
		__atomic_load_n((const uint16_t *)(const void *)(d + 14), __ATOMIC_ACQUIRE);
	uint16_t both = GUEST_AVAIL | GUEST_USED;
	uint16_t id;

	if ((flags & both) != (r->used & 0x8000u ? both : 0))
		return -1;
	memcpy(&id, d + 12, 2);
	memcpy(len, d + 8, 4);
	id = (uint16_t)(id - r->id_base);
	assert(id < r->size && r->slots[id]);
	r->used = guest_forward(r, r->used, r->slots[id]);
	r->room += r->slots[id];
	r->slots[id] = 0;
	r->spare[r->spare_count++] = id;
	return id;
}

static inline int guest_used_split(struct guest_ring *r, uint32_t *len)
{
	const uint8_t *e = r->device + 4 + (size_t)(r->used % r->size) * 8;
	uint32_t id;
	uint16_t nr;

	if (__atomic_load_n((const uint16_t *)(const void *)(r->device + 2), __ATOMIC_ACQUIRE) ==
	    r->used)
		return -1;
	memcpy(&id, e, 4);
	memcpy(len, e + 4, 4);
	assert(id < r->size && r->slots[id]);
	nr = (uint16_t)id;
	r->room += r->slots[id];
	for (uint32_t i = 0; i < r->slots[id]; i++, nr = r->next[nr])
		r->spare[r->spare_count++] = nr;
	r->slots[id] = 0;
	r->used++;
	return (int)id;
}

/* The number of a chain that came back, and how much is in it; -1: none. */
static inline int guest_used(struct guest_ring *r, uint32_t *len)
{
	return r->is_packed ? guest_used_packed(r, len) : guest_used_split(r, len);
}

/* ---- the two together --------------------------------------------------------------------------------- */

static inline uint32_t guest_rx(struct guest *g, uint32_t queue, struct packet **out, uint32_t max)
{
	return vhost_rx(&g->d.backend, queue, g->pool, out, max);
}

static inline void guest_rx_done(struct guest *g, uint32_t queue, struct packet **pkts,
				 uint32_t count)
{
	vhost_rx_done(&g->d.backend, queue);
	packet_free_burst(g->pool, pkts, count);
}

#endif /* RING_GUEST_H */
