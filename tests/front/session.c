/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - see session.h.
 */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FDS_MAX = 32 };

/* ---- messages ---------------------------------------------------------------------------------- */

int session_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (sock < 0)
		return -1;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0)
		return sock;
	close(sock);
	return -1;
}

bool session_send(int sock, const struct message *m, const int *fds, uint32_t count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	uint32_t payload = m->size < sizeof(m->bytes) ? m->size : (uint32_t)sizeof(m->bytes);
	struct message copy = *m;
	struct iovec iov = { &copy, MESSAGE_HEADER + payload };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count > 0 && count <= FDS_MAX) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
}

/* Descriptors that come along are not wanted: the kernel drops what finds no room. */
static bool receive_all(int sock, void *bytes, size_t size, int patience_ms)
{
	uint8_t *at = bytes;

	while (size > 0) {
		struct pollfd poll_for = { .fd = sock, .events = POLLIN };
		ssize_t got;

		if (poll(&poll_for, 1, patience_ms) <= 0)
			return false;
		got = recv(sock, at, size, 0);
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

bool session_receive(int sock, struct message *m, int patience_ms)
{
	memset(m, 0, sizeof(*m));
	if (!receive_all(sock, m, MESSAGE_HEADER, patience_ms))
		return false;
	return m->size <= sizeof(m->bytes) && receive_all(sock, m->bytes, m->size, patience_ms);
}

/* ---- what a front end says --------------------------------------------------------------------- */

bool front_say(struct front *f, struct message *m, const int *fds, uint32_t count)
{
	bool is_acknowledged = f->protocol_features >> PROTOCOL_REPLY_ACK & 1;
	struct message answer;

	m->flags = MESSAGE_VERSION;
	if (is_acknowledged)
		m->flags |= MESSAGE_NEED_REPLY;
	if (!session_send(f->sock, m, fds, count))
		return false;
	if (!is_acknowledged)
		return true;
	return session_receive(f->sock, &answer, FRONT_PATIENCE_MS) && answer.u64 == 0;
}

bool front_number(struct front *f, enum request request, uint64_t number)
{
	struct message m = { .request = request, .size = 8, .u64 = number };

	return front_say(f, &m, NULL, 0);
}

bool front_state(struct front *f, enum request request, uint32_t index, uint32_t number)
{
	struct message m = { .request = request, .size = 8, .state = { index, number } };

	return front_say(f, &m, NULL, 0);
}

bool front_ask(struct front *f, enum request request, uint64_t *out)
{
	struct message m = { .request = request, .flags = MESSAGE_VERSION };
	struct message answer;

	if (!session_send(f->sock, &m, NULL, 0) ||
	    !session_receive(f->sock, &answer, FRONT_PATIENCE_MS))
		return false;
	*out = answer.u64;
	return answer.request == (uint32_t)request;
}

bool front_tell_memory(struct front *f)
{
	struct message m = { .request = SET_MEM_TABLE, .size = 8 + sizeof(struct message_region) };

	m.memory.count = 1;
	m.memory.regions[0] = (struct message_region){ FRONT_GUEST, f->memory_size, FRONT_USER, 0 };
	return front_say(f, &m, &f->memory_fd, 1);
}

static bool tell_descriptor(struct front *f, enum request request, uint32_t index, int fd)
{
	struct message m = { .request = request, .size = 8, .u64 = index };

	return front_say(f, &m, &fd, 1);
}

static bool tell_address(struct front *f, uint32_t index)
{
	struct message m = { .request = SET_VRING_ADDR, .size = sizeof(m.address) };
	uint64_t user = FRONT_USER + index * (uint64_t)RING_BYTES;

	m.address.index = index;
	m.address.desc = user;
	m.address.driver = user + RING_DRIVER;
	m.address.device = user + RING_DEVICE;
	return front_say(f, &m, NULL, 0);
}

static bool start_ring(struct front *f, uint32_t index, uint16_t size)
{
	struct ring *r = &f->rings[index];
	uint64_t offset = index * (uint64_t)RING_BYTES;
	bool is_packed = f->features >> 34 & 1;

	ring_init(r, f->memory + offset, FRONT_GUEST + offset, size, is_packed);
	r->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return front_state(f, SET_VRING_NUM, index, size) &&
	       front_state(f, SET_VRING_BASE, index, is_packed ? 0x80008000u : 0) &&
	       tell_address(f, index) && tell_descriptor(f, SET_VRING_CALL, index, r->call) &&
	       tell_descriptor(f, SET_VRING_KICK, index, r->kick) &&
	       front_state(f, SET_VRING_ENABLE, index, 1);
}

/* ---- a whole front end ------------------------------------------------------------------------- */

static bool make_memory(struct front *f, uint64_t bytes)
{
	f->memory_size = (front_buffers(f) + bytes + 0xfff) & ~(uint64_t)0xfff;
	f->memory_fd = memfd_create("front", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (f->memory_fd < 0 || ftruncate(f->memory_fd, (off_t)f->memory_size) < 0)
		return false;
	f->memory = mmap(NULL, f->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, f->memory_fd, 0);
	if (f->memory != MAP_FAILED)
		return true;
	f->memory = NULL;
	return false;
}

static bool agree(struct front *f)
{
	const uint64_t wanted =
		1u << PROTOCOL_MQ | 1u << PROTOCOL_REPLY_ACK | 1u << PROTOCOL_MEM_SLOTS;
	const uint64_t always = 1ull << 30 | 1ull << 32;
	uint64_t offered, protocol;

	if (!front_ask(f, GET_FEATURES, &offered) ||
	    !front_ask(f, GET_PROTOCOL_FEATURES, &protocol))
		return false;
	f->features |= always;
	if (f->features & ~offered) {
		fprintf(stderr, "the switch does not offer features %#llx\n",
			(unsigned long long)(f->features & ~offered));
		return false;
	}
	if (!front_number(f, SET_PROTOCOL_FEATURES, protocol & wanted))
		return false;
	f->protocol_features = protocol & wanted;
	return front_say(f, &(struct message){ .request = SET_OWNER }, NULL, 0) &&
	       front_number(f, SET_FEATURES, f->features);
}

bool front_open(struct front *f, const char *path, uint32_t rings, uint16_t size, uint64_t bytes)
{
	f->protocol_features = 0;
	f->memory_fd = -1;
	f->memory = NULL;
	f->ring_count = 0;
	f->sock = session_connect(path);
	if (f->sock < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	f->ring_count = rings;
	for (uint32_t i = 0; i < rings; i++)
		f->rings[i].kick = f->rings[i].call = -1;
	if (!make_memory(f, bytes)) {
		fprintf(stderr, "memory: %s\n", strerror(errno));
		return false;
	}
	if (!agree(f) || !front_tell_memory(f)) {
		fprintf(stderr, "%s: the switch refused features or memory\n", path);
		return false;
	}
	for (uint32_t i = 0; i < rings; i++) {
		if (!start_ring(f, i, size)) {
			fprintf(stderr, "%s: the switch refused ring %u\n", path, i);
			return false;
		}
	}
	return true;
}

static void close_if(int fd)
{
	if (fd >= 0)
		close(fd);
}

void front_close(struct front *f)
{
	close_if(f->sock);
	for (uint32_t i = 0; i < f->ring_count; i++) {
		close_if(f->rings[i].kick);
		close_if(f->rings[i].call);
	}
	if (f->memory)
		munmap(f->memory, f->memory_size);
	close_if(f->memory_fd);
	f->sock = f->memory_fd = -1;
	f->memory = NULL;
	f->ring_count = 0;
}
