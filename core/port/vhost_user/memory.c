/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/memory.c - memory of a guest in our address space: mappings, addresses, the dirty log.
 *
 * A mapping is counted, because a view that differs from the one before in one region shares all
 * the others with it.  Nothing is touched before a guest uses it: mapping a guest of a terabyte
 * takes no longer than a small one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "port/vhost_user/device.h"
#include "port/vhost_user/fault.h"

struct vhost_mapping {
	uint32_t refs;
	struct fault_guard *guard; /* NULL: the file cannot shrink */
	uint8_t *start;            /* as mapped, at a page of the file */
	size_t size;
	uint8_t *bytes;
	uint64_t id[3];
};

/* ---- mapping a file ------------------------------------------------------------------------------- */

/* Where in the file the mapping begins, how long it is, and its page. */
struct extent {
	uint64_t from;
	uint64_t size;
	uint64_t page;
};

static int refuse(struct xvs_error *err, int code, const char *why)
{
	return error_set(err, code, "", "memory of the front end cannot be mapped: %s", why);
}

/*
 * In memory (tmpfs, memfd, huge pages), and not in a file that a disk, another machine or another
 * program (FUSE) serves: a worker that touches a page of such a file waits for them, for ever if they
 * please, and with it all ports.  Files in memory alone have seals; asking for those asks nobody
 * else, as fstat() would.
 */
static bool is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

static int check_file(int fd, uint64_t size, uint64_t offset, struct stat *st,
		      struct xvs_error *err)
{
	uint64_t end;

	if (!is_memory(fd))
		return refuse(
			err, -EINVAL,
			"it is no shared memory; use a memfd, huge pages or a file in /dev/shm, "
			"with share=on");
	if (fstat(fd, st))
		return refuse(err, -errno, strerror(errno));
	if (size == 0 || __builtin_add_overflow(size, offset, &end) || end > INT64_MAX)
		return refuse(err, -EINVAL, "its size or offset is out of range");
	if ((uint64_t)st->st_size < end)
		return refuse(err, -EINVAL, "the file is shorter than the region");
	return 0;
}

/* Whole pages of the file, huge ones where it is made of them. */
static struct extent extent_of(int fd, uint64_t size, uint64_t offset)
{
	struct extent e = { .page = (uint64_t)sysconf(_SC_PAGESIZE) };
	struct statfs fs;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0)
		e.page = (uint64_t)fs.f_bsize;
	e.from = offset & ~(e.page - 1);
	e.size = (offset - e.from + size + e.page - 1) & ~(e.page - 1);
	return e;
}

static bool can_shrink(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals < 0 || !(seals & F_SEAL_SHRINK);
}

static int map_extent(struct vhost_device *d, int fd, const struct extent *e,
		      struct vhost_mapping *m, struct xvs_error *err)
{
	void *start = mmap(NULL, e->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
			   (off_t)e->from);

	if (start == MAP_FAILED)
		return refuse(err, -errno, strerror(errno));
	m->start = start;
	m->size = e->size;
	/* a core dump of the switch is no place for a guest's secrets */
	(void)madvise(start, e->size, MADV_DONTDUMP);
	if (!can_shrink(fd))
		return 0;
	m->guard = fault_guard(d, start, e->size, e->page);
	if (m->guard)
		return 0;
	(void)munmap(start, e->size);
	return refuse(err, -ENOMEM, "no memory left");
}

static struct vhost_mapping *map_file(struct vhost_device *d, int fd, uint64_t size,
				      uint64_t offset, struct xvs_error *err)
{
	struct vhost_mapping *m;
	struct extent e;
	struct stat st = { 0 };

	if (check_file(fd, size, offset, &st, err))
		return NULL;
	m = calloc(1, sizeof(*m));
	if (!m) {
		(void)refuse(err, -ENOMEM, "no memory left");
		return NULL;
	}
	e = extent_of(fd, size, offset);
	if (map_extent(d, fd, &e, m, err)) {
		free(m);
		return NULL;
	}
	m->refs = 1;
	m->bytes = m->start + (offset - e.from);
	m->id[0] = st.st_dev;
	m->id[1] = st.st_ino;
	m->id[2] = offset;
	return m;
}

struct vhost_mapping *vhost_map(struct vhost_device *d, int fd, uint64_t size, uint64_t offset,
				struct xvs_error *err)
{
	struct vhost_mapping *m = map_file(d, fd, size, offset, err);

	if (fd >= 0)
		(void)close(fd);
	return m;
}

uint8_t *vhost_mapping_bytes(const struct vhost_mapping *m)
{
	return m->bytes;
}

void vhost_mapping_id(const struct vhost_mapping *m, uint64_t id[3])
{
	memcpy(id, m->id, sizeof(m->id));
}

struct vhost_mapping *vhost_mapping_get(struct vhost_mapping *m)
{
	m->refs++;
	return m;
}

void vhost_mapping_put(struct vhost_mapping *m)
{
	if (!m || --m->refs > 0)
		return;
	fault_unguard(m->guard);
	(void)munmap(m->start, m->size);
	free(m);
}

/* ---- addresses -------------------------------------------------------------------------------------- */

static bool is_within(uint64_t at, uint64_t len, uint64_t from, uint64_t size)
{
	return len <= size && at - from <= size - len;
}

uint8_t *vhost_at_guest(const struct vhost_view *v, uint64_t guest, uint64_t len)
{
	for (uint32_t i = 0; i < v->region_count; i++) {
		const struct vhost_region *r = &v->regions[i];

		if (is_within(guest, len, r->guest, r->size))
			return r->host + (guest - r->guest);
	}
	return NULL;
}

uint8_t *vhost_at_user(const struct vhost_view *v, uint64_t user, uint64_t len)
{
	for (uint32_t i = 0; i < v->region_count; i++) {
		const struct vhost_region *r = &v->regions[i];

		if (is_within(user, len, r->user, r->size))
			return r->host + (user - r->user);
	}
	return NULL;
}

bool vhost_user_to_guest(const struct vhost_view *v, uint64_t user, uint64_t len, uint64_t *guest)
{
	for (uint32_t i = 0; i < v->region_count; i++) {
		const struct vhost_region *r = &v->regions[i];

		if (is_within(user, len, r->user, r->size)) {
			*guest = r->guest + (user - r->user);
			return true;
		}
	}
	return false;
}

/* ---- the dirty log ---------------------------------------------------------------------------------- */

/*
 * Release: the bytes are there before the bit is.  The other way round, whoever moves the guest
 * could clear the bit, copy the old bytes, and never come back.
 */
static void log_page(const struct vhost_view *v, uint64_t page)
{
	uint8_t bit = (uint8_t)(1u << (page & 7));

	if (page / 8 < v->log_bytes)
		(void)atomic_fetch_or_explicit(&v->log[page / 8], bit, memory_order_release);
}

void vhost_log(const struct vhost_view *v, uint64_t guest, uint64_t len)
{
	uint64_t last;

	if (!v->log || len == 0 || __builtin_add_overflow(guest, len - 1, &last))
		return;
	for (uint64_t page = guest / VHOST_PAGE; page <= last / VHOST_PAGE; page++)
		log_page(v, page);
}

void vhost_log_bytes(const struct vhost_view *v, const uint8_t *at, uint64_t len)
{
	for (uint32_t i = 0; i < v->region_count; i++) {
		const struct vhost_region *r = &v->regions[i];
		const uint64_t off = (uintptr_t)at - (uintptr_t)r->host;

		if (is_within(off, len, 0, r->size)) {
			vhost_log(v, r->guest + off, len);
			return;
		}
	}
}
