/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_front.h - a front end of vhost-user in the test: it speaks over a real UNIX socket with a port
 * of the same process, whose event loop it turns while it waits.
 *
 *      guest memory  one memfd; user addresses from USER on, guest addresses from GUEST on
 *      ring nr       in a page block of its own at RING_AT(nr): descriptors, available, used
 */
#ifndef XVS_TESTS_VHOST_FRONT_H
#define XVS_TESTS_VHOST_FRONT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/str.h"
#include "packet/packet.h"
#include "port/backend.h"
#include "port/vhost_user/device.h"
#include "port/vhost_user/protocol.h"
#include "support/test.h"

#define USER UINT64_C(0x7f0000000000)
#define GUEST UINT64_C(0x40000000)
#define FEATURE(n) (UINT64_C(1) << (n))
#define FEATURES_PLAIN (FEATURE(VHOST_F_VERSION_1) | FEATURE(VHOST_NET_MRG_RXBUF))

enum {
	MEMORY = 1 << 20,
	RING_ROOM = 0x4000,
	RING_SIZE = 8,
	AVAIL_AT = 0x1000,
	USED_AT = 0x2000,
	BUFFERS_AT = 0x80000,
	RINGS = 4,
	FRONT_FDS = 64,
};
#define RING_AT(nr) ((uint64_t)(nr)*RING_ROOM)

struct front_lab {
	struct loop *loop;
	struct pool *pool;
	struct backend *b;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	unsigned link_calls;
	int fd;     /* the connection */
	int memory; /* memfd */
	uint8_t *bytes;
	int kick[RINGS], call[RINGS];
	uint16_t sent[RINGS];
};

/* ---- life ------------------------------------------------------------------------------------- */

static inline void front_on_link(void *arg, struct backend *b)
{
	struct front_lab *lab = arg;

	assert_ptr_equal(lab->b, b);
	lab->link_calls++;
}

static inline void front_turn(struct front_lab *lab)
{
	for (int i = 0; i < 8; i++)
		(void)event_base_loop(loop_base(lab->loop), EVLOOP_NONBLOCK);
}

static inline void front_lab_init(struct front_lab *lab)
{
	const struct pool_limits limits = { .packets = 256, .small = 64, .large = 80 };
	struct xvs_error err = ERROR_INIT;

	memset(lab, 0, sizeof(*lab));
	lab->fd = -1;
	assert_int_equal(loop_create(&lab->loop, &err), 0);
	lab->pool = pool_create(&limits);
	assert_non_null(lab->pool);
	(void)test_temp_dir(lab->dir);
	(void)snprintf(lab->path, sizeof(lab->path), "%s/s", lab->dir);
	lab->memory = memfd_create("guest", MFD_CLOEXEC);
	assert_int_equal(ftruncate(lab->memory, MEMORY), 0);
	lab->bytes = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, lab->memory, 0);
	assert_true(lab->bytes != MAP_FAILED);
	for (int i = 0; i < RINGS; i++) {
		lab->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		lab->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
}

static inline struct backend_config front_config(const struct front_lab *lab)
{
	return (struct backend_config){
		.kind = "vhost-user",
		.port_name = "p1",
		.socket = lab->path,
		.queues = RINGS / 2,
		.workers = 1,
		.mtu = 1500,
		.offloads = true,
	};
}

static inline void front_lab_open(struct front_lab *lab)
{
	struct xvs_error err = ERROR_INIT;
	struct backend_config c;

	front_lab_init(lab);
	c = front_config(lab);
	if (backend_open(&c, lab->loop, &lab->b, &err))
		fail_msg("%s", err.text);
	lab->b->link = front_on_link;
	lab->b->link_arg = lab;
}

static inline void front_leave(struct front_lab *lab)
{
	if (lab->fd >= 0)
		(void)close(lab->fd);
	lab->fd = -1;
}

static inline void front_lab_close(struct front_lab *lab)
{
	front_leave(lab);
	backend_close(lab->b); /* NULL is fine */
	loop_drain(lab->loop);
	for (int i = 0; i < RINGS; i++) {
		(void)close(lab->kick[i]);
		(void)close(lab->call[i]);
	}
	(void)munmap(lab->bytes, MEMORY);
	(void)close(lab->memory);
	pool_destroy(lab->pool);
	loop_destroy(lab->loop);
	test_temp_remove(lab->dir);
}

static inline const char *front_fact(const struct front_lab *lab, const char *name)
{
	static struct backend_fact facts[BACKEND_FACTS_MAX];
	const uint32_t count = lab->b->ops->facts(lab->b, facts, BACKEND_FACTS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(facts[i].name, name) == 0)
			return facts[i].value;
	}
	return "";
}

/* ---- messages --------------------------------------------------------------------------------- */

static inline int front_connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(str_copy(a.sun_path, sizeof(a.sun_path), path));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static inline void front_connect(struct front_lab *lab)
{
	lab->fd = front_connect_to(lab->path);
	front_turn(lab);
}

struct front_words {
	uint32_t request;
	uint32_t flags;
	const void *payload;
	uint32_t size;
	const int *fds;
	uint32_t fd_count;
};

/* Bytes and descriptors as they are, be they right or wrong.  False: the other end has gone. */
static inline bool front_write(int fd, const struct front_words *w)
{
	const uint32_t header[3] = { w->request, w->flags, w->size };
	uint8_t bytes[HEADER_BYTES + 2048];
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FRONT_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { bytes, HEADER_BYTES + (size_t)w->size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(bytes, header, sizeof(header));
	if (w->size)
		memcpy(bytes + HEADER_BYTES, w->payload, w->size);
	if (w->fd_count) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(w->fd_count * sizeof(int));
		control.header =
			(struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS,
					  .cmsg_len = CMSG_LEN(w->fd_count * sizeof(int)) };
		memcpy(CMSG_DATA(&control.header), w->fds, w->fd_count * sizeof(int));
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) == (ssize_t)iov.iov_len;
}

struct front_reply {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	int fd; /* that came with it; -1 */
	uint8_t payload[64];
};

/* Of a reply that is there.  False: nothing is. */
static inline bool front_read(int fd, struct front_reply *r)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	uint32_t header[3];
	struct iovec iov = { header, sizeof(header) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };

	*r = (struct front_reply){ .fd = -1 };
	if (recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(header))
		return false;
	if (h.msg_controllen > 0)
		memcpy(&r->fd, CMSG_DATA(&control.header), sizeof(int));
	r->request = header[0];
	r->flags = header[1];
	r->size = header[2];
	assert_true(r->size <= sizeof(r->payload));
	return recv(fd, r->payload, r->size, MSG_DONTWAIT) == (ssize_t)r->size;
}

static inline bool front_is_closed(struct front_lab *lab)
{
	struct pollfd p = { .fd = lab->fd, .events = POLLRDHUP };

	front_turn(lab);
	return poll(&p, 1, 0) == 1 && (p.revents & POLLRDHUP);
}

/* One message without descriptors; nothing is said in return. */
static inline void front_say(struct front_lab *lab, uint32_t request, const void *payload,
			     uint32_t size)
{
	const struct front_words w = { request, FLAG_VERSION, payload, size, NULL, 0 };

	assert_true(front_write(lab->fd, &w));
	front_turn(lab);
}

static inline void front_say_fd(struct front_lab *lab, uint32_t request, uint64_t value, int fd)
{
	const struct front_words w = { request, FLAG_VERSION, &value, sizeof(value), &fd, 1 };

	assert_true(front_write(lab->fd, &w));
	front_turn(lab);
}

static inline void front_say_u64(struct front_lab *lab, uint32_t request, uint64_t value)
{
	front_say(lab, request, &value, sizeof(value));
}

static inline void front_say_state(struct front_lab *lab, uint32_t request, uint32_t nr,
				   uint32_t value)
{
	const struct wire_ring_state state = { nr, value };

	front_say(lab, request, &state, sizeof(state));
}

static inline void front_ask(struct front_lab *lab, const struct front_words *w,
			     struct front_reply *r)
{
	assert_true(front_write(lab->fd, w));
	front_turn(lab);
	assert_true(front_read(lab->fd, r));
	assert_int_equal(r->request, w->request);
	assert_int_equal(r->flags, FLAG_VERSION | FLAG_REPLY);
}

static inline uint64_t front_ask_u64(struct front_lab *lab, uint32_t request)
{
	const struct front_words w = { .request = request, .flags = FLAG_VERSION };
	struct front_reply r;
	uint64_t value;

	front_ask(lab, &w, &r);
	assert_int_equal(r.size, sizeof(value));
	memcpy(&value, r.payload, sizeof(value));
	return value;
}

/* With the wish to know how it went (REPLY_ACK): 0 is done, else refused. */
static inline uint64_t front_try(struct front_lab *lab, struct front_words w)
{
	struct front_reply r;
	uint64_t value;

	w.flags = FLAG_VERSION | FLAG_NEED_REPLY;
	front_ask(lab, &w, &r);
	assert_int_equal(r.size, sizeof(value));
	memcpy(&value, r.payload, sizeof(value));
	return value;
}

static inline uint64_t front_try_state(struct front_lab *lab, uint32_t request, uint32_t nr,
				       uint32_t value)
{
	const struct wire_ring_state state = { nr, value };

	return front_try(lab, (struct front_words){ .request = request,
						    .payload = &state,
						    .size = sizeof(state) });
}

static inline uint32_t front_base(struct front_lab *lab, uint32_t nr)
{
	const struct wire_ring_state state = { nr, 0 };
	const struct front_words w = { .request = REQUEST_GET_VRING_BASE,
				       .flags = FLAG_VERSION,
				       .payload = &state,
				       .size = sizeof(state) };
	struct wire_ring_state answer;
	struct front_reply r;

	front_ask(lab, &w, &r);
	assert_int_equal(r.size, sizeof(answer));
	memcpy(&answer, r.payload, sizeof(answer));
	assert_int_equal(answer.nr, nr);
	return answer.value;
}

/* ---- the usual course ------------------------------------------------------------------------- */

static inline void front_features(struct front_lab *lab, uint64_t features)
{
	front_say_u64(lab, REQUEST_SET_FEATURES, features);
}

/* All protocol features that are offered. */
static inline void front_protocol(struct front_lab *lab)
{
	front_say_u64(lab, REQUEST_SET_PROTOCOL_FEATURES,
		      front_ask_u64(lab, REQUEST_GET_PROTOCOL_FEATURES));
}

static inline void front_memory(struct front_lab *lab)
{
	const struct {
		struct wire_memory head;
		struct wire_region region;
	} table = { { 1, 0 }, { GUEST, MEMORY, USER, 0 } };
	const struct front_words w = { REQUEST_SET_MEM_TABLE, FLAG_VERSION, &table,
				       sizeof(table),         &lab->memory, 1 };

	assert_true(front_write(lab->fd, &w));
	front_turn(lab);
}

static inline struct wire_ring_address front_address(uint32_t nr)
{
	return (struct wire_ring_address){
		.nr = nr,
		.desc = USER + RING_AT(nr),
		.driver = USER + RING_AT(nr) + AVAIL_AT,
		.device = USER + RING_AT(nr) + USED_AT,
		.log = GUEST + RING_AT(nr) + USED_AT,
	};
}

static inline void front_ring(struct front_lab *lab, uint32_t nr, uint32_t base)
{
	const struct wire_ring_address address = front_address(nr);

	front_say_state(lab, REQUEST_SET_VRING_NUM, nr, RING_SIZE);
	front_say_state(lab, REQUEST_SET_VRING_BASE, nr, base);
	front_say(lab, REQUEST_SET_VRING_ADDR, &address, sizeof(address));
	front_say_fd(lab, REQUEST_SET_VRING_CALL, nr, lab->call[nr]);
	front_say_fd(lab, REQUEST_SET_VRING_KICK, nr, lab->kick[nr]);
}

/* A pair that runs, without PROTOCOL_FEATURES: the link is up. */
static inline void front_start(struct front_lab *lab, uint64_t features)
{
	front_connect(lab);
	front_protocol(lab);
	front_features(lab, features);
	front_memory(lab);
	front_ring(lab, 0, 0);
	front_ring(lab, 1, 0);
}

/* The driver puts one frame of 'len' bytes into ring 'nr' (odd), behind a header of 12 bytes. */
static inline void front_send(struct front_lab *lab, uint32_t nr, uint32_t len)
{
	uint8_t *ring = lab->bytes + RING_AT(nr);
	const uint16_t slot = lab->sent[nr] % RING_SIZE;
	const uint64_t at = BUFFERS_AT + (uint64_t)slot * 2048;
	const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc = { GUEST + at, 12 + len, 0, 0 };
	uint16_t index;

	memset(lab->bytes + at, 0, 12);
	memset(lab->bytes + at + 12, 0x5a, len);
	memcpy(ring + slot * sizeof(desc), &desc, sizeof(desc));
	memcpy(ring + AVAIL_AT + 4 + 2 * slot, &slot, sizeof(slot));
	index = ++lab->sent[nr];
	__atomic_store_n((uint16_t *)(void *)(ring + AVAIL_AT + 2), index, __ATOMIC_RELEASE);
}

/* How many packets the port gives for its queue. */
static inline uint32_t front_received(struct front_lab *lab, unsigned queue)
{
	struct packet *pkts[XVS_BATCH_MAX];
	const uint32_t count = lab->b->ops->rx(lab->b, queue, lab->pool, pkts, XVS_BATCH_MAX);

	for (uint32_t i = 0; i < count; i++)
		packet_free(pkts[i]);
	if (count > 0)
		lab->b->ops->rx_done(lab->b, queue);
	return count;
}

/* One packet of the guest gets through, so ring 1 runs. */
static inline bool front_flows(struct front_lab *lab)
{
	front_send(lab, 1, 60);
	return front_received(lab, 0) == 1;
}

static inline bool front_is_awake(const struct front_lab *lab, unsigned queue)
{
	struct pollfd p = { .fd = lab->b->kick[queue], .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* With what the first interrupt of a thread opens once, so that it is there before and after. */
static inline unsigned front_open_files(void)
{
	const int fd = eventfd(0, EFD_NONBLOCK);
	unsigned count = 0;
	DIR *dir;

	vhost_call(fd);
	(void)close(fd);
	dir = opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

#endif /* XVS_TESTS_VHOST_FRONT_H */
