/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/front.c - memory, rings, and the conversation of a front end.
 *
 * Every request that can be answered is waited for: with REPLY_ACK the switch has done what it was
 * asked when the next message goes out, so nothing races.
 */
#include "vgen/front.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	SET_VRING_ENABLE = 18,
};

enum { MESSAGE_VERSION = 1, MESSAGE_NEED_REPLY = 1 << 3 };
enum { PROTOCOL_MQ = 0, PROTOCOL_REPLY_ACK = 3 };
enum { HEADER = 12, REPLY_PATIENCE_MS = 10000, RETRY_MS = 1 };

#define GUEST_BASE UINT64_C(0x100000000) /* anywhere but 0, so that a mistake is seen */

struct ring_state {
	uint32_t nr, value;
};

struct ring_addresses {
	uint32_t nr, flags;
	uint64_t descriptors, device, driver, log; /* in our address space */
};

struct memory_table {
	uint32_t count, padding;
	uint64_t guest, size, user, offset;
};

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t number;
		struct ring_state state;
		struct ring_addresses addresses;
		struct memory_table memory;
	} __attribute__((packed, aligned(4))) body;
};

struct front {
	struct front_config config;
	int listener, socket;
	int memory_fd;
	uint8_t *memory;
	size_t bytes;
	uint64_t features;
	uint64_t connected_ns;
	bool has_replies; /* REPLY_ACK */
	uint32_t ring_count;
	struct ring rings[2 * FRONT_PAIRS_MAX];
};

/* ---- messages --------------------------------------------------------------------------------- */

static int refuse(const struct front *f, struct xvs_error *err, int code, const char *what)
{
	return error_set(err, code, "", "%s: %s: %s", f->config.socket, what, strerror(-code));
}

/* One message, with one descriptor unless that is -1. */
static int send_message(struct front *f, struct message *m, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { m, HEADER + m->size };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control;
		h.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	sent = sendmsg(f->socket, &h, MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == part.iov_len ? 0 : -EIO;
}

static int read_all(struct front *f, void *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		struct pollfd p = { f->socket, POLLIN, 0 };
		ssize_t got;

		if (poll(&p, 1, REPLY_PATIENCE_MS) <= 0)
			return -ETIMEDOUT;
		got = recv(f->socket, (uint8_t *)bytes + done, len - done, 0);
		if (got <= 0)
			return got < 0 ? -errno : -ECONNRESET;
		done += (size_t)got;
	}
	return 0;
}

/* The answer to 'm', into it. */
static int receive_reply(struct front *f, struct message *m)
{
	uint32_t request = m->request;
	int rc = read_all(f, m, HEADER);

	if (rc)
		return rc;
	if (m->request != request || m->size > sizeof(m->body))
		return -EPROTO;
	return read_all(f, &m->body, m->size);
}

/* Asks; the answer's number. */
static int ask(struct front *f, uint32_t request, uint64_t *out)
{
	struct message m = { .request = request, .flags = MESSAGE_VERSION };
	int rc = send_message(f, &m, -1);

	if (rc == 0)
		rc = receive_reply(f, &m);
	if (rc == 0)
		*out = m.body.number;
	return rc;
}

/* Says; where the switch acknowledges, it has to agree. */
static int say(struct front *f, struct message *m, int fd)
{
	int rc;

	m->flags = MESSAGE_VERSION | (f->has_replies ? (uint32_t)MESSAGE_NEED_REPLY : 0);
	rc = send_message(f, m, fd);
	if (rc || !f->has_replies)
		return rc;
	rc = receive_reply(f, m);
	if (rc)
		return rc;
	return m->body.number == 0 ? 0 : -EPERM;
}

static int say_number(struct front *f, uint32_t request, uint64_t number, int fd)
{
	struct message m = { .request = request, .size = sizeof(number) };

	m.body.number = number;
	return say(f, &m, fd);
}

static int say_state(struct front *f, uint32_t request, uint32_t nr, uint32_t value)
{
	struct message m = { .request = request, .size = sizeof(struct ring_state) };

	m.body.state = (struct ring_state){ nr, value };
	return say(f, &m, -1);
}

/* ---- the conversation ------------------------------------------------------------------------- */

static uint64_t required_features(const struct front *f)
{
	uint64_t bits = UINT64_C(1) << FRONT_VERSION_1;

	if (f->config.is_packed)
		bits |= UINT64_C(1) << FRONT_PACKED;
	if (f->config.has_event_index)
		bits |= UINT64_C(1) << FRONT_EVENT_IDX;
	if (f->config.pairs > 1)
		bits |= UINT64_C(1) << FRONT_MQ | UINT64_C(1) << FRONT_PROTOCOL;
	return bits;
}

static int agree_protocol(struct front *f)
{
	uint64_t known = UINT64_C(1) << PROTOCOL_MQ | UINT64_C(1) << PROTOCOL_REPLY_ACK;
	uint64_t offered;
	int rc = ask(f, GET_PROTOCOL_FEATURES, &offered);

	if (rc == 0)
		rc = say_number(f, SET_PROTOCOL_FEATURES, offered & known, -1);
	if (rc == 0)
		f->has_replies = offered >> PROTOCOL_REPLY_ACK & 1;
	return rc;
}

static int agree_features(struct front *f, struct xvs_error *err)
{
	struct message owner = { .request = SET_OWNER };
	uint64_t required = required_features(f);
	uint64_t offered;
	int rc;

	f->has_replies = false;
	rc = ask(f, GET_FEATURES, &offered);
	if (rc)
		return refuse(f, err, rc, "features");
	if (required & ~offered)
		return error_set(err, -EOPNOTSUPP, "",
				 "%s: the switch offers features %#llx, needed are %#llx",
				 f->config.socket, (unsigned long long)offered,
				 (unsigned long long)required);
	f->features = offered & (required | f->config.features | UINT64_C(1) << FRONT_PROTOCOL);
	if (f->features >> FRONT_PROTOCOL & 1)
		rc = agree_protocol(f);
	if (rc == 0)
		rc = say(f, &owner, -1);
	if (rc == 0)
		rc = say_number(f, SET_FEATURES, f->features, -1);
	return rc ? refuse(f, err, rc, "features") : 0;
}

static int tell_memory(struct front *f, struct xvs_error *err)
{
	struct message m = { .request = SET_MEM_TABLE, .size = sizeof(struct memory_table) };
	int rc;

	m.body.memory = (struct memory_table){
		.count = 1, .guest = GUEST_BASE, .size = f->bytes, .user = (uintptr_t)f->memory
	};
	rc = say(f, &m, f->memory_fd);
	return rc ? refuse(f, err, rc, "memory table") : 0;
}

/* Where the switch is to begin, in its own words (SET_VRING_BASE). */
static uint32_t ring_base(const struct front *f, const struct ring *r)
{
	uint32_t at = r->used;

	if (!f->config.is_packed)
		return at;
	at |= (uint32_t)r->used_wrap << 15;
	return at | at << 16;
}

static int tell_ring(struct front *f, uint32_t nr)
{
	const struct ring *r = &f->rings[nr];
	struct message m = { .request = SET_VRING_ADDR, .size = sizeof(struct ring_addresses) };
	int rc = say_number(f, SET_VRING_CALL, nr, r->call);

	m.body.addresses = (struct ring_addresses){ .nr = nr,
						    .descriptors = (uintptr_t)r->descriptors,
						    .device = (uintptr_t)r->device,
						    .driver = (uintptr_t)r->driver };
	if (rc == 0)
		rc = say_state(f, SET_VRING_NUM, nr, r->shape.size);
	if (rc == 0)
		rc = say_state(f, SET_VRING_BASE, nr, ring_base(f, r));
	if (rc == 0)
		rc = say(f, &m, -1);
	if (rc == 0)
		rc = say_number(f, SET_VRING_KICK, nr, r->kick);
	return rc;
}

static int tell_rings(struct front *f, struct xvs_error *err)
{
	int rc = 0;

	for (uint32_t nr = 0; rc == 0 && nr < f->ring_count; nr++)
		rc = tell_ring(f, nr);
	if (f->features >> FRONT_PROTOCOL & 1)
		for (uint32_t nr = 0; rc == 0 && nr < f->ring_count; nr++)
			rc = say_state(f, SET_VRING_ENABLE, nr, 1);
	return rc ? refuse(f, err, rc, "rings") : 0;
}

static int converse(struct front *f, struct xvs_error *err)
{
	int rc = agree_features(f, err);

	if (rc == 0)
		rc = tell_memory(f, err);
	if (rc == 0)
		rc = tell_rings(f, err);
	return rc;
}

/* ---- connections ------------------------------------------------------------------------------ */

static int address_of(const struct front *f, struct sockaddr_un *out, struct xvs_error *err)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(f->config.socket) >= sizeof(out->sun_path))
		return error_set(err, -ENAMETOOLONG, "", "%s: the path is longer than %zu bytes",
				 f->config.socket, sizeof(out->sun_path) - 1);
	memcpy(out->sun_path, f->config.socket, strlen(f->config.socket));
	return 0;
}

static int listen_at(struct front *f, struct xvs_error *err)
{
	struct sockaddr_un at;
	int rc = address_of(f, &at, err);

	if (rc)
		return rc;
	(void)unlink(at.sun_path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->listener < 0 || bind(f->listener, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(f->listener, 1) < 0)
		return refuse(f, err, -errno, "listen");
	return 0;
}

static int accept_one(struct front *f, int patience_ms, struct xvs_error *err)
{
	struct pollfd p = { f->listener, POLLIN, 0 };

	if (poll(&p, 1, patience_ms) <= 0)
		return refuse(f, err, -ETIMEDOUT, "nobody connected");
	f->socket = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	return f->socket < 0 ? refuse(f, err, -errno, "accept") : 0;
}

static int connect_to(struct front *f, int patience_ms, struct xvs_error *err)
{
	uint64_t end = clock_ns() + (uint64_t)patience_ms * NS_PER_MS;
	struct sockaddr_un at;
	int rc = address_of(f, &at, err);

	if (rc)
		return rc;
	f->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->socket < 0)
		return refuse(f, err, -errno, "socket");
	while (connect(f->socket, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		rc = -errno;
		if ((rc != -ENOENT && rc != -ECONNREFUSED) || clock_ns() > end)
			return refuse(f, err, rc, "connect");
		(void)poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

static void hang_up(struct front *f)
{
	if (f->socket >= 0)
		(void)close(f->socket);
	f->socket = -1;
}

int front_resume(struct front *f, int patience_ms, struct xvs_error *err)
{
	int rc;

	hang_up(f);
	rc = f->config.is_server ? accept_one(f, patience_ms, err)
				 : connect_to(f, patience_ms, err);
	if (rc == 0) {
		f->connected_ns = clock_ns();
		rc = converse(f, err);
	}
	if (rc)
		hang_up(f);
	return rc;
}

int front_connect(struct front *f, int patience_ms, struct xvs_error *err)
{
	front_disconnect(f);
	return front_resume(f, patience_ms, err);
}

void front_disconnect(struct front *f)
{
	if (f->socket < 0)
		return;
	for (uint32_t nr = 0; nr < f->ring_count; nr++) {
		struct message m = { .request = GET_VRING_BASE,
				     .flags = MESSAGE_VERSION,
				     .size = sizeof(struct ring_state) };

		m.body.state = (struct ring_state){ nr, 0 };
		if (send_message(f, &m, -1) || receive_reply(f, &m))
			break;
	}
	hang_up(f);
	for (uint32_t nr = 0; nr < f->ring_count; nr++)
		ring_clear(&f->rings[nr]);
}

bool front_is_connected(const struct front *f)
{
	uint8_t byte;

	return f->socket >= 0 && recv(f->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	       (errno == EAGAIN || errno == EINTR);
}

/* ---- memory and rings ------------------------------------------------------------------------- */

static struct ring_shape shape_of(const struct front *f, uint32_t nr)
{
	const struct front_config *c = &f->config;
	bool is_rx = nr % 2 == 0;

	return (struct ring_shape){
		.size = c->ring_size,
		.parts = is_rx ? c->rx_parts : c->tx_parts,
		.is_packed = c->is_packed,
		.is_written = is_rx,
		.has_event_index = c->has_event_index,
		.stride = is_rx ? c->rx_stride : c->tx_stride,
	};
}

static int make_memory(struct front *f, struct xvs_error *err)
{
	for (uint32_t nr = 0; nr < f->ring_count; nr++) {
		struct ring_shape s = shape_of(f, nr);

		f->bytes += ring_bytes(&s);
	}
	f->memory_fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (f->memory_fd < 0 || ftruncate(f->memory_fd, (off_t)f->bytes) < 0 ||
	    fcntl(f->memory_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return refuse(f, err, -errno, "memory");
	f->memory = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			 f->memory_fd, 0);
	if (f->memory == MAP_FAILED) {
		f->memory = NULL;
		return refuse(f, err, -errno, "memory");
	}
	return 0;
}

static int make_rings(struct front *f, struct xvs_error *err)
{
	size_t at = 0;

	for (uint32_t nr = 0; nr < f->ring_count; nr++) {
		struct ring_shape s = shape_of(f, nr);

		if (!ring_init(&f->rings[nr], &s, f->memory + at, GUEST_BASE + at))
			return refuse(f, err, -ENOMEM, "rings");
		at += ring_bytes(&s);
	}
	return 0;
}

struct front *front_create(const struct front_config *c, struct xvs_error *err)
{
	struct front *f = calloc(1, sizeof(*f));
	int rc;

	if (!f) {
		(void)error_set(err, -ENOMEM, "", "%s: out of memory", c->socket);
		return NULL;
	}
	f->config = *c;
	f->listener = f->socket = f->memory_fd = -1;
	f->ring_count = 2 * c->pairs;
	for (uint32_t nr = 0; nr < f->ring_count; nr++)
		f->rings[nr].kick = f->rings[nr].call = -1;
	rc = make_memory(f, err);
	if (rc == 0)
		rc = make_rings(f, err);
	if (rc == 0 && c->is_server)
		rc = listen_at(f, err);
	if (rc) {
		front_destroy(f);
		return NULL;
	}
	return f;
}

void front_destroy(struct front *f)
{
	if (!f)
		return;
	front_disconnect(f);
	for (uint32_t nr = 0; nr < f->ring_count; nr++)
		ring_finish(&f->rings[nr]);
	if (f->memory)
		(void)munmap(f->memory, f->bytes);
	if (f->memory_fd >= 0)
		(void)close(f->memory_fd);
	if (f->listener >= 0) {
		(void)close(f->listener);
		(void)unlink(f->config.socket);
	}
	free(f);
}

struct ring *front_rx(struct front *f, uint32_t pair)
{
	return &f->rings[2 * (size_t)pair];
}

struct ring *front_tx(struct front *f, uint32_t pair)
{
	return &f->rings[2 * (size_t)pair + 1];
}

uint64_t front_features(const struct front *f)
{
	return f->features;
}

uint64_t front_connected_ns(const struct front *f)
{
	return f->connected_ns;
}
