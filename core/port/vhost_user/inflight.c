/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/inflight.c - memory that a front end keeps for its back ends.
 *
 * We give a file of the size that the protocol lays down and take it back, but write nothing into
 * it: where we were in each ring stands in our own mirror (mirror.c), which also works with front
 * ends that keep nothing.  All zero means to any other back end: nothing was begun.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/vhost_user/session.h"

enum {
	SPLIT_HEAD = 16, /* of a ring's part: features, version, sizes */
	SPLIT_ENTRY = 16,
	PACKED_HEAD = 32,
	PACKED_ENTRY = 32,
	PART_ALIGN = 64,
};

static uint64_t bytes_of(uint64_t features, uint32_t rings, uint32_t size)
{
	const bool is_packed = vhost_has(features, VHOST_RING_PACKED);
	const uint64_t head = is_packed ? PACKED_HEAD : SPLIT_HEAD;
	const uint64_t entry = is_packed ? PACKED_ENTRY : SPLIT_ENTRY;
	const uint64_t part = head + entry * size;

	return (part + PART_ALIGN - 1) / PART_ALIGN * PART_ALIGN * rings;
}

static int check(const struct session *s, const struct wire_inflight *wire, struct xvs_error *err)
{
	if (wire->rings == 0 || wire->rings > s->device->ring_count || wire->ring_size == 0 ||
	    wire->ring_size > VHOST_SIZE_MAX)
		return error_set(err, -EINVAL, "", "in-flight memory for %u rings of %u places",
				 wire->rings, wire->ring_size);
	return 0;
}

static int make_file(uint64_t size, struct xvs_error *err)
{
	int fd = memfd_create("xvs-inflight", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int code;

	if (fd >= 0 && ftruncate(fd, (off_t)size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
		return fd;
	code = error_set(err, -errno, "", "in-flight memory of %llu bytes: %s",
			 (unsigned long long)size, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return code;
}

int request_get_inflight(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_inflight wire;
	int code;

	message_read(m, &wire, sizeof(wire));
	code = check(s, &wire, err);
	if (code)
		return code;
	wire.size = bytes_of(s->features, wire.rings, wire.ring_size);
	wire.offset = 0;
	code = make_file(wire.size, err);
	if (code < 0)
		return code;
	s->replied_fd = code;
	s->has_reply = true;
	s->reply.size = m->size;
	memcpy(s->reply.payload, &wire, sizeof(wire));
	return 0;
}

int request_set_inflight(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_inflight wire;
	struct stat st;
	uint64_t end;
	int code;

	message_read(m, &wire, sizeof(wire));
	code = check(s, &wire, err);
	if (code)
		return code;
	/* Seals first: they are asked of nobody else, which is not so of other files (memory.c). */
	if (wire.size < bytes_of(s->features, wire.rings, wire.ring_size) ||
	    __builtin_add_overflow(wire.size, wire.offset, &end) ||
	    fcntl(m->fds[0], F_GET_SEALS) < 0 || fstat(m->fds[0], &st) < 0 ||
	    end > (uint64_t)st.st_size)
		return error_set(err, -EINVAL, "",
				 "SET_INFLIGHT_FD: the file is too short, or not in memory");
	return 0;
}
