/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/capture_ring.c - the memory of a capture: making it, and writing records into its rings.
 */
#include "base/capture_ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

enum { PAGE = 4096, DATA_MIN = 128 << 10 };

_Static_assert(sizeof(struct capture_record) % CAPTURE_ALIGN == 0, "bytes are aligned");
_Static_assert(sizeof(struct capture_ring) == 128, "a cache line for each side");
_Static_assert(DATA_MIN >= sizeof(struct capture_record) + CAPTURE_SNAPLEN_MAX + CAPTURE_ALIGN,
	       "the largest record fits");

static struct capture_header header_for(uint32_t writers, uint32_t data_size, uint32_t snaplen)
{
	struct timespec wall;
	struct capture_header h = {
		.magic = CAPTURE_MAGIC,
		.rings_offset = PAGE,
		.ring_stride = (uint64_t)PAGE + data_size,
		.ring_count = writers,
		.data_offset = PAGE,
		.data_size = data_size,
		.snaplen = snaplen,
	};

	(void)clock_gettime(CLOCK_REALTIME, &wall);
	h.clock_ns = (int64_t)wall.tv_sec * (int64_t)NS_PER_S + wall.tv_nsec - (int64_t)clock_ns();
	h.size = h.rings_offset + writers * h.ring_stride;
	return h;
}

/* A file of fixed size: were it cut, a worker's next record would be a SIGBUS. */
static int memory_file(uint64_t size)
{
	int fd = memfd_create("xvs-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void writers_init(struct capture_memory *m)
{
	for (uint32_t i = 0; i < m->writer_count; i++) {
		struct capture_ring *ring = capture_ring_at(m->header, i);

		m->writers[i] = (struct capture_writer){
			.ring = ring,
			.data = (uint8_t *)ring + m->header->data_offset,
			.data_size = m->header->data_size,
		};
	}
}

int capture_memory_create(uint32_t writers, uint32_t data_size, uint32_t snaplen,
			  struct capture_memory **out, struct xvs_error *err)
{
	struct capture_header h = header_for(writers, data_size, snaplen);
	size_t bytes = sizeof(struct capture_memory) + writers * sizeof(struct capture_writer);
	struct capture_memory *m = aligned_alloc(64, (bytes + 63) / 64 * 64);
	void *base;

	assert(data_size >= DATA_MIN && (data_size & (data_size - 1)) == 0);
	if (!m)
		return error_set(err, -ENOMEM, "", "capture: out of memory");
	m->fd = memory_file(h.size);
	base = m->fd < 0 ? MAP_FAILED
			 : mmap(NULL, h.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
				m->fd, 0);
	if (base == MAP_FAILED) {
		int code = -errno;

		if (m->fd >= 0)
			(void)close(m->fd);
		free(m);
		return error_set(err, code, "", "capture: no memory for its rings: %s",
				 strerror(-code));
	}
	m->header = base;
	m->size = h.size;
	m->writer_count = writers;
	*m->header = h;
	writers_init(m);
	*out = m;
	return 0;
}

void capture_memory_destroy(struct capture_memory *m)
{
	if (!m)
		return;
	(void)munmap(m->header, m->size);
	(void)close(m->fd);
	free(m);
}

/* ---- records ------------------------------------------------------------------------------------- */

static uint32_t aligned(uint32_t size)
{
	return (size + CAPTURE_ALIGN - 1) & ~(uint32_t)(CAPTURE_ALIGN - 1);
}

static struct capture_record *record_at(const struct capture_writer *w, uint64_t count)
{
	return (struct capture_record *)(void *)(w->data + (count & (w->data_size - 1)));
}

/* Acquire: what the reader has read is not overwritten before; pairs with capture_next(). */
static bool has_room(const struct capture_writer *w, uint64_t need)
{
	uint64_t used = w->head - __atomic_load_n(&w->ring->tail, __ATOMIC_ACQUIRE);

	/* a tail that cannot be is no room */
	return used <= w->data_size && need <= w->data_size - used;
}

struct capture_record *capture_reserve(struct capture_writer *w, uint32_t cap_len)
{
	uint32_t size = aligned((uint32_t)sizeof(struct capture_record) + cap_len);
	uint64_t to_end = w->data_size - (w->head & (w->data_size - 1));
	uint64_t pad = size > to_end ? to_end : 0;
	struct capture_record *record;

	if (!has_room(w, pad + size)) {
		__atomic_store_n(&w->ring->lost, ++w->lost, __ATOMIC_RELAXED);
		return NULL;
	}
	if (pad) {
		record = record_at(w, w->head);
		record->size = (uint32_t)pad;
		record->kind = CAPTURE_PAD;
	}
	record = record_at(w, w->head + pad);
	*record =
		(struct capture_record){ .size = size, .kind = CAPTURE_PACKET, .cap_len = cap_len };
	w->next = w->head + pad + size;
	return record;
}

void capture_commit(struct capture_writer *w)
{
	w->head = w->next;
	__atomic_store_n(&w->ring->head, w->head, __ATOMIC_RELEASE);
}
