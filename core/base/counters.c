/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/counters.c - the counter segment: making it, counting drops, naming and summing.
 *
 * A drop cell belongs to the shard's worker from the moment it writes the key.  The control
 * thread takes it back only for a port that no worker counts for any more, and then makes the
 * numbers zero before it frees the key.  Since cells in the middle of a probe sequence become
 * free that way, a search for a key looks at all its places.
 */
#include "base/counters.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "base/worker.h"

enum {
	NAMES_MAX = 4096, /* every port, every instance, and some reasons of each */
	PROBES = 16,      /* places of a key; further ones cost more than a lost number */
	ALIGNMENT = 4096, /* shards start a page, so no line has two writers */
	PORT_WORDS = sizeof(struct port_counters) / sizeof(uint64_t),
	NAME_WORDS = sizeof(struct counters_name) / sizeof(uint64_t),
};

_Static_assert((DROP_CELLS & (DROP_CELLS - 1)) == 0, "cells are found with a mask");
_Static_assert(sizeof(struct port_counters) % sizeof(uint64_t) == 0, "numbers only");
_Static_assert(sizeof(struct counters_name) % sizeof(uint64_t) == 0, "copied in words");
_Static_assert(sizeof(struct counters_header) % sizeof(uint64_t) == 0, "no tail padding");

struct counters {
	struct counters_header *header;
	size_t size;
	dev_t device; /* of the file; inode 0: anonymous memory */
	ino_t inode;
	char path[PATH_MAX];
};

static uint64_t aligned(uint64_t size)
{
	return (size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

static struct counters_header header_for(unsigned workers)
{
	struct counters_header h = {
		.version = COUNTERS_VERSION,
		.header_size = sizeof(h),
		.pid = getpid(),
		.names_offset = aligned(sizeof(h)),
		.names_count = NAMES_MAX,
		.names_stride = sizeof(struct counters_name),
		.shard_stride = aligned(sizeof(struct counter_shard)),
		.shard_count = workers + 1, /* the last: the control thread's */
		.ports_count = PORTS_MAX,
		.ports_offset = offsetof(struct counter_shard, ports),
		.drops_offset = offsetof(struct counter_shard, drops),
		.lost_offset = offsetof(struct counter_shard, drops_lost),
		.drops_count = DROP_CELLS,
		.port_stride = sizeof(struct port_counters),
		.drop_stride = sizeof(struct drop_cell),
	};

	h.shards_offset = h.names_offset + aligned(NAMES_MAX * sizeof(struct counters_name));
	h.size = h.shards_offset + h.shard_count * h.shard_stride;
	return h;
}

/* Maps 'fd', or anonymous memory if it is -1, and writes the header, its magic last. */
static int segment_map(struct counters *c, int fd, unsigned workers)
{
	struct counters_header h = header_for(workers);
	int flags = MAP_SHARED | MAP_POPULATE | (fd < 0 ? MAP_ANONYMOUS : 0);
	void *memory;

	/* Allocated, not only sized: a full /run is an error here, not a SIGBUS of a worker. */
	if (fd >= 0) {
		int err = posix_fallocate(fd, 0, (off_t)h.size);

		if (err)
			return -err;
	}
	memory = mmap(NULL, h.size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	c->header = memory;
	c->size = h.size;
	*c->header = h;
	__atomic_store_n(&c->header->magic, COUNTERS_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/* Fills the open new file and puts it in its place. */
static int file_fill(struct counters *c, int fd, const char *temporary, unsigned workers)
{
	struct stat st;
	int err;

	if (fchmod(fd, 0644) || fstat(fd, &st)) /* whatever the umask says */
		return -errno;
	err = segment_map(c, fd, workers);
	if (err)
		return err;
	if (rename(temporary, c->path)) {
		err = -errno;
		(void)munmap(c->header, c->size);
		return err;
	}
	c->device = st.st_dev;
	c->inode = st.st_ino;
	return 0;
}

/*
 * A new file under another name, renamed when it is whole: readers see the old segment or the
 * new one, and the pages of an old one that they have mapped stay.
 */
static int file_create(struct counters *c, const char *path, unsigned workers)
{
	char temporary[PATH_MAX];
	int written;
	int fd;
	int err;

	written = snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (written < 0 || (size_t)written >= sizeof(temporary))
		return -ENAMETOOLONG;
	(void)str_copy(c->path, sizeof(c->path), path);
	(void)unlink(temporary); /* of a daemon that died in between */
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	err = file_fill(c, fd, temporary, workers);
	if (err)
		(void)unlink(temporary);
	(void)close(fd);
	return err;
}

int counters_create(struct counters **out, const char *path, unsigned workers,
		    struct xvs_error *err)
{
	struct counters *c;
	int code;

	if (workers < 1 || workers > WORKERS_MAX)
		return error_set(err, -EINVAL, "", "counter segment: %u workers, must be 1..%d",
				 workers, WORKERS_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return error_set(err, -ENOMEM, "", "counter segment: out of memory");
	code = path ? file_create(c, path, workers) : segment_map(c, -1, workers);
	if (code) {
		free(c);
		return error_set(err, code, "", "counter segment %s: %s", path ? path : "in memory",
				 strerror(-code));
	}
	*out = c;
	return 0;
}

void counters_destroy(struct counters *c)
{
	struct stat st;

	if (!c)
		return;
	if (c->inode != 0 && stat(c->path, &st) == 0 && st.st_dev == c->device &&
	    st.st_ino == c->inode)
		(void)unlink(c->path);
	(void)munmap(c->header, c->size);
	free(c);
}

static unsigned shard_count(const struct counters *c)
{
	return c->header->shard_count;
}

unsigned counters_workers(const struct counters *c)
{
	return shard_count(c) - 1;
}

const struct counters_header *counters_header(const struct counters *c)
{
	return c->header;
}

struct counter_shard *counters_shard(struct counters *c, unsigned worker)
{
	const struct counters_header *h = c->header;

	assert(worker < h->shard_count);
	return (struct counter_shard *)(void *)((char *)c->header + h->shards_offset +
						worker * h->shard_stride);
}

static const struct counter_shard *shard_at(const struct counters *c, unsigned worker)
{
	return counters_shard_at(c->header, worker, 0);
}

/* Plain constants, not hash_secret: outsiders choose no keys, and a reader may look one up. */
static uint32_t cell_index(uint64_t key, uint32_t probe)
{
	uint64_t h = hash_mix(key ^ UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93));

	return ((uint32_t)h + probe) & (DROP_CELLS - 1);
}

/* The cell of 'key' or, if it has none, NULL and the first free place in *free_cell. */
static const struct drop_cell *cell_find(const struct counter_shard *shard, uint64_t key,
					 uint32_t *free_cell)
{
	*free_cell = DROP_CELLS;
	for (uint32_t probe = 0; probe < PROBES; probe++) {
		uint32_t at = cell_index(key, probe);
		/* Acquire: pairs with the release by which a cell is taken or freed. */
		uint64_t found = __atomic_load_n(&shard->drops[at].key, __ATOMIC_ACQUIRE);

		if (found == key + 1)
			return &shard->drops[at];
		if (found == 0 && *free_cell == DROP_CELLS)
			*free_cell = at;
	}
	return NULL;
}

void counters_drop(struct counter_shard *shard, uint64_t key, uint64_t packets, uint64_t bytes)
{
	struct port_counters *port = &shard->ports[drop_key_port(key)];
	const struct drop_cell *known;
	struct drop_cell *cell;
	uint32_t free_cell;

	assert(drop_key_port(key) < PORTS_MAX);
	counter_add(&port->drops, packets);
	counter_add(&port->drop_bytes, bytes);

	known = cell_find(shard, key, &free_cell);
	if (!known && free_cell == DROP_CELLS) {
		counter_add(&shard->drops_lost, packets);
		return;
	}
	cell = &shard->drops[known ? (uint32_t)(known - shard->drops) : free_cell];
	if (!known)
		__atomic_store_n(&cell->key, key + 1, __ATOMIC_RELEASE);
	counter_add(&cell->packets, packets);
	counter_add(&cell->bytes, bytes);
}

static struct counters_name *name_at(struct counters *c, uint32_t index)
{
	char *names = (char *)c->header + c->header->names_offset;

	return (struct counters_name *)(void *)names + index;
}

/* The name there is, else a free place, else NULL. */
static struct counters_name *name_find(struct counters *c, uint32_t kind, uint32_t instance,
				       uint32_t id)
{
	struct counters_name *free_place = NULL;

	for (uint32_t i = 0; i < NAMES_MAX; i++) {
		struct counters_name *n = name_at(c, i);

		if (n->kind == kind && n->instance == instance && n->id == id)
			return n;
		if (n->kind == 0 && !free_place)
			free_place = n;
	}
	return free_place;
}

/*
 * The writer's half of counters_name_read().  Each word is a release store, so that a reader
 * who gets one also gets the odd sequence number stored before it.
 */
static void name_write(struct counters *c, struct counters_name *to,
		       const struct counters_name *from)
{
	uint64_t sequence = c->header->names_sequence;
	uint64_t *place = (uint64_t *)(void *)to;
	uint64_t words[NAME_WORDS];

	memcpy(words, from, sizeof(words));
	__atomic_store_n(&c->header->names_sequence, sequence + 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < NAME_WORDS; i++)
		__atomic_store_n(&place[i], words[i], __ATOMIC_RELEASE);
	__atomic_store_n(&c->header->names_sequence, sequence + 2, __ATOMIC_RELEASE);
}

void counters_name(struct counters *c, enum counters_kind kind, uint32_t instance, uint32_t id,
		   const char *name)
{
	struct counters_name *place = name_find(c, kind, instance, id);
	struct counters_name n = { 0 };

	if (!place || (!name && place->kind == 0))
		return;
	if (name) {
		n.kind = kind;
		n.instance = instance;
		n.id = id;
		(void)str_copy(n.name, sizeof(n.name), name);
	}
	name_write(c, place, &n);
}

void counters_port_sum(const struct counters *c, uint32_t port, struct port_counters *out)
{
	uint64_t sum[PORT_WORDS] = { 0 };

	assert(port < PORTS_MAX);
	for (unsigned worker = 0; worker < shard_count(c); worker++) {
		const void *numbers = &shard_at(c, worker)->ports[port];
		const uint64_t *words = numbers;

		for (size_t i = 0; i < PORT_WORDS; i++)
			sum[i] += counter_read(&words[i]);
	}
	memcpy(out, sum, sizeof(*out));
}

void counters_port_carry(struct counters *c, uint32_t port, const struct port_counters *from)
{
	void *numbers = &counters_shard(c, counters_workers(c))->ports[port];
	uint64_t *to = numbers;
	uint64_t words[PORT_WORDS];

	assert(port < PORTS_MAX);
	memcpy(words, from, sizeof(words));
	for (size_t i = 0; i < PORT_WORDS; i++)
		__atomic_store_n(&to[i], words[i], __ATOMIC_RELAXED);
}

void counters_port_carried(const struct counters *c, uint32_t port, struct port_counters *out)
{
	const void *numbers = &shard_at(c, counters_workers(c))->ports[port];
	const uint64_t *words = numbers;
	uint64_t sum[PORT_WORDS];

	assert(port < PORTS_MAX);
	for (size_t i = 0; i < PORT_WORDS; i++)
		sum[i] = counter_read(&words[i]);
	memcpy(out, sum, sizeof(*out));
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the check does not know atomic builtins. */
static void words_clear(uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&words[i], 0, __ATOMIC_RELAXED);
}

static void shard_forget(struct counter_shard *shard, uint32_t port)
{
	void *numbers = &shard->ports[port];

	words_clear(numbers, PORT_WORDS);
	for (size_t i = 0; i < DROP_CELLS; i++) {
		struct drop_cell *cell = &shard->drops[i];
		uint64_t key = __atomic_load_n(&cell->key, __ATOMIC_ACQUIRE);

		if (key == 0 || drop_key_port(key - 1) != port)
			continue;
		words_clear(&cell->packets, 1);
		words_clear(&cell->bytes, 1);
		/* Release: the worker that takes the free cell finds zeros in it. */
		__atomic_store_n(&cell->key, 0, __ATOMIC_RELEASE);
	}
}

void counters_port_reset(struct counters *c, uint32_t port)
{
	assert(port < PORTS_MAX);
	for (unsigned worker = 0; worker < shard_count(c); worker++)
		shard_forget(counters_shard(c, worker), port);
}

/* True: one of the first 'workers' shards has a cell for 'key', so it was reported with that. */
static bool reported_before(const struct counters *c, unsigned workers, uint64_t key)
{
	uint32_t unused;

	for (unsigned worker = 0; worker < workers; worker++) {
		if (cell_find(shard_at(c, worker), key, &unused))
			return true;
	}
	return false;
}

static void drop_sum(const struct counters *c, uint64_t key, uint64_t *packets, uint64_t *bytes)
{
	uint32_t unused;

	*packets = 0;
	*bytes = 0;
	for (unsigned worker = 0; worker < shard_count(c); worker++) {
		const struct drop_cell *cell = cell_find(shard_at(c, worker), key, &unused);

		if (cell) {
			*packets += counter_read(&cell->packets);
			*bytes += counter_read(&cell->bytes);
		}
	}
}

void counters_drops(const struct counters *c,
		    void (*fn)(void *arg, uint32_t port, uint32_t stage, uint32_t instance,
			       uint32_t reason, uint64_t packets, uint64_t bytes),
		    void *arg)
{
	for (size_t i = 0; i < (size_t)shard_count(c) * DROP_CELLS; i++) {
		unsigned worker = (unsigned)(i / DROP_CELLS);
		const struct drop_cell *cell = &shard_at(c, worker)->drops[i % DROP_CELLS];
		uint64_t key = __atomic_load_n(&cell->key, __ATOMIC_ACQUIRE);
		uint64_t packets;
		uint64_t bytes;

		if (key == 0 || reported_before(c, worker, --key))
			continue;
		drop_sum(c, key, &packets, &bytes);
		if (packets != 0)
			fn(arg, drop_key_port(key), drop_key_stage(key), drop_key_instance(key),
			   drop_key_reason(key), packets, bytes);
	}
}
