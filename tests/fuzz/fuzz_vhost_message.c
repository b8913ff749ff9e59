/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_vhost_message - a front end that says anything, in any order, with any descriptors.
 * links: xvs_port xvs_packet xvs_base
 *
 * The input is a row of records; the first byte of each says what happens: a message as its bytes
 * are, or one of right form with contents from the input (so that rings get to run), bytes of the
 * guest's memory, a burst of a worker, a front end that leaves and comes again, memory cut short.
 * In the end no descriptor is open that was not before.
 */
#include <assert.h>
#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "port/vhost_user/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 1 << 17, QUEUES = 2, RECORDS_MAX = 400, FDS_MAX = 40 };

#define USER UINT64_C(0x7f0000000000)
#define GUEST UINT64_C(0x40000000)

static struct {
	const uint8_t *at, *end;
} input;

static struct {
	char dir[64];
	struct sockaddr_un address;
	struct loop *loop;
	struct pool *pool;
	struct backend *b;
	int fd, memory, event, file;
	uint8_t *bytes;
	bool is_cut;
} lab;

static uint8_t next_byte(void)
{
	return input.at < input.end ? *input.at++ : 0;
}

static uint32_t next_word(void)
{
	const uint32_t low = next_byte();

	return low | (uint32_t)next_byte() << 8;
}

static uint64_t next_long(void)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | next_byte();
	return value;
}

/* ---- the world -------------------------------------------------------------------------------- */

static void remove_dir(void)
{
	(void)unlink(lab.address.sun_path);
	(void)rmdir(lab.dir);
}

static void set_up_once(void)
{
	const struct pool_limits limits = { .packets = 128, .small = 64, .large = 80 };
	struct xvs_error err = ERROR_INIT;
	const int warm = eventfd(0, 0);

	if (lab.loop)
		return;
	log_open(-1, false);
	(void)snprintf(lab.dir, sizeof(lab.dir), "/tmp/xvs-fuzz-XXXXXX");
	if (!mkdtemp(lab.dir) || loop_create(&lab.loop, &err) < 0)
		abort();
	(void)atexit(remove_dir);
	lab.address.sun_family = AF_UNIX;
	(void)snprintf(lab.address.sun_path, sizeof(lab.address.sun_path), "%s/s", lab.dir);
	lab.pool = pool_create(&limits);
	lab.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	lab.file = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert(lab.pool && lab.event >= 0 && lab.file >= 0);
	/* what a thread opens with its first interrupt stays */
	vhost_call(warm);
	(void)close(warm);
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		(void)closedir(dir);
	return count;
}

static void turn(void)
{
	for (int i = 0; i < 3; i++)
		(void)event_base_loop(loop_base(lab.loop), EVLOOP_NONBLOCK);
}

static void leave(void)
{
	if (lab.fd >= 0)
		(void)close(lab.fd);
	lab.fd = -1;
	turn();
}

static void come(void)
{
	leave();
	lab.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (connect(lab.fd, (struct sockaddr *)&lab.address, sizeof(lab.address)) < 0)
		abort();
	turn();
}

static void open_world(uint8_t options)
{
	struct xvs_error err = ERROR_INIT;
	const struct backend_config c = {
		.kind = "vhost-user",
		.port_name = "fuzz",
		.socket = lab.address.sun_path,
		.queues = QUEUES,
		.workers = 1 + (options & 1),
		.offloads = !(options & 2),
		.no_packed = (options & 4) != 0,
	};

	lab.memory = memfd_create("guest", MFD_CLOEXEC);
	if (lab.memory < 0 || ftruncate(lab.memory, MEMORY) < 0)
		abort();
	lab.bytes = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, lab.memory, 0);
	lab.is_cut = false;
	lab.fd = -1;
	if (lab.bytes == MAP_FAILED || backend_open(&c, lab.loop, &lab.b, &err) < 0)
		abort();
	come();
}

static void close_world(void)
{
	leave();
	backend_close(lab.b);
	loop_drain(lab.loop);
	(void)munmap(lab.bytes, MEMORY);
	(void)close(lab.memory);
}

/* ---- messages --------------------------------------------------------------------------------- */

static int some_fd(uint8_t kind)
{
	const int fds[] = { lab.event, lab.memory, lab.file, lab.fd };

	return fds[kind % 4];
}

struct words {
	uint32_t header[3];
	uint8_t payload[1200];
};

static void say(struct words *w, uint32_t bytes, const int *fds, uint32_t count)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { w, bytes };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint8_t answers[512];

	if (count > 0) {
		h.msg_control = &control;
		h.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS,
						   .cmsg_len = CMSG_LEN(count * sizeof(int)) };
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	(void)!sendmsg(lab.fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn();
	while (recv(lab.fd, answers, sizeof(answers), MSG_DONTWAIT) > 0)
		;
}

/* As it is: any header, any length, any descriptors. */
static void say_anything(void)
{
	struct words w = { { next_byte(), next_byte(), next_word() }, { 0 } };
	const uint32_t more = next_word() % sizeof(w.payload);
	const uint32_t count = next_byte() % FDS_MAX;
	int fds[FDS_MAX];

	for (uint32_t i = 0; i < count; i++)
		fds[i] = some_fd(next_byte());
	for (uint32_t i = 0; i < more && input.at < input.end; i++)
		w.payload[i] = next_byte();
	say(&w, HEADER_BYTES + more, fds, count);
}

static void say_well(uint32_t request, const void *payload, uint32_t size, int fd)
{
	struct words w = { { request, FLAG_VERSION | FLAG_NEED_REPLY, size }, { 0 } };

	memcpy(w.payload, payload, size);
	say(&w, HEADER_BYTES + size, &fd, fd >= 0 ? 1 : 0);
}

static void say_u64(uint32_t request, uint64_t value, int fd)
{
	say_well(request, &value, sizeof(value), fd);
}

static void say_state(uint32_t request, uint32_t nr, uint32_t value)
{
	const struct wire_ring_state state = { nr, value };

	say_well(request, &state, sizeof(state), -1);
}

/* Of the kind that runs; one bit of the number makes it a wrong one. */
static uint64_t some_place(uint32_t align)
{
	const uint64_t place = USER + (uint64_t)next_word() % (MEMORY / align) * align;

	return next_byte() == 0xff ? next_long() : place;
}

static void say_address(void)
{
	struct wire_ring_address a = { .nr = next_byte() % (2 * QUEUES), .flags = next_byte() & 1 };

	a.desc = some_place(16);
	a.driver = some_place(4);
	a.device = some_place(4);
	a.log = GUEST + next_word();
	say_well(REQUEST_SET_VRING_ADDR, &a, sizeof(a), -1);
}

static void say_region(uint32_t request)
{
	const uint64_t piece = (uint64_t)(next_byte() % 8) * (MEMORY / 8);
	struct wire_one_region one = { 0, { GUEST + piece, MEMORY / 8, USER + piece, piece } };

	if (next_byte() == 0xff)
		one.region.size = next_long();
	say_well(request, &one, sizeof(one), request == REQUEST_ADD_MEM_REG ? lab.memory : -1);
}

static void say_table(void)
{
	const struct {
		struct wire_memory head;
		struct wire_region region;
	} table = { { 1, 0 }, { GUEST, MEMORY, USER, 0 } };

	say_well(REQUEST_SET_MEM_TABLE, &table, sizeof(table), lab.memory);
}

static void say_log(void)
{
	const struct wire_log log = { MEMORY, next_byte() };

	say_well(REQUEST_SET_LOG_BASE, &log, sizeof(log), lab.memory);
}

static uint64_t some_features(void)
{
	return next_long() & features_of_ours(true, true);
}

/* Whatever is in the guest's memory, as long as it is there. */
static void say_memory(uint8_t what)
{
	static const uint8_t nothing[0x38];

	say_well(what % 42, lab.is_cut ? nothing : lab.bytes, what & 0x38,
		 what & 1 ? lab.memory : -1);
}

static void say_something(void)
{
	const uint32_t nr = next_byte() % (2 * QUEUES + 1);
	const uint8_t more = next_byte();

	switch (next_byte() % 16) {
	case 0:
		say_u64(REQUEST_SET_FEATURES, some_features(), -1);
		break;
	case 1:
		say_u64(REQUEST_SET_PROTOCOL_FEATURES, more & 1 ? 0x1b03f : next_long(), -1);
		break;
	case 2:
		say_table();
		break;
	case 3:
		say_region(more & 1 ? REQUEST_ADD_MEM_REG : REQUEST_REM_MEM_REG);
		break;
	case 4:
		say_state(REQUEST_SET_VRING_NUM, nr, more & 1 ? 1u << more % 10 : more);
		break;
	case 5:
		say_state(REQUEST_SET_VRING_BASE, nr, next_word() | next_word() << 16);
		break;
	case 6:
		say_address();
		break;
	case 7:
		say_u64(REQUEST_SET_VRING_KICK, nr | (more & 1 ? RING_NO_FD : 0),
			more & 1 ? -1 : lab.event);
		break;
	case 8:
		say_u64(REQUEST_SET_VRING_CALL, nr | (more & 1 ? RING_NO_FD : 0),
			more & 1 ? -1 : lab.event);
		break;
	case 9:
		say_state(REQUEST_SET_VRING_ENABLE, nr, more & 1);
		break;
	case 10:
		say_state(REQUEST_GET_VRING_BASE, nr, 0);
		break;
	case 11:
		say_log();
		break;
	case 12:
		say_u64(REQUEST_SEND_RARP, next_long(), -1);
		break;
	case 13:
		say_u64(REQUEST_SET_STATUS, more & 0x8f, -1);
		break;
	case 14:
		say_well(more & 1 ? REQUEST_RESET_DEVICE : REQUEST_RESET_OWNER, "", 0, -1);
		break;
	default:
		say_memory(more);
		break;
	}
}

/* ---- what else happens ------------------------------------------------------------------------ */

static void write_memory(void)
{
	const uint32_t at = (next_word() | next_word() << 16) % MEMORY;
	const uint32_t count = next_byte();

	if (lab.is_cut)
		return;
	for (uint32_t i = 0; i < count && at + i < MEMORY; i++)
		lab.bytes[at + i] = next_byte();
}

static void work(void)
{
	const unsigned queue = next_byte() % QUEUES;
	struct packet *pkts[XVS_BATCH_MAX];
	uint32_t count;

	if (lab.b->ops->arm(lab.b, queue))
		lab.b->ops->disarm(lab.b, queue);
	count = lab.b->ops->rx(lab.b, queue, lab.pool, pkts, XVS_BATCH_MAX);
	(void)lab.b->ops->tx(lab.b, 0, pkts, count);
	for (uint32_t i = 0; i < count; i++)
		packet_free(pkts[i]);
	if (count > 0)
		lab.b->ops->rx_done(lab.b, queue);
	turn();
}

static void cut_memory(void)
{
	lab.is_cut = true;
	(void)!ftruncate(lab.memory, (off_t)(next_byte() % 4) * 0x1000);
}

static void ask_for_facts(void)
{
	struct backend_fact facts[BACKEND_FACTS_MAX];
	struct backend_stats stats;

	(void)lab.b->ops->facts(lab.b, facts, BACKEND_FACTS_MAX);
	lab.b->ops->stats(lab.b, &stats);
}

static void step(uint8_t what)
{
	if (what < 0x20)
		say_anything();
	else if (what < 0xb0)
		say_something();
	else if (what < 0xd0)
		write_memory();
	else if (what < 0xf0)
		work();
	else if (what < 0xfa)
		come();
	else if (what < 0xfd)
		ask_for_facts();
	else
		cut_memory();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned files;

	set_up_once();
	input.at = data;
	input.end = data + size;
	files = open_files();
	open_world(next_byte());
	for (int i = 0; i < RECORDS_MAX && input.at < input.end; i++)
		step(next_byte());
	close_world();
	if (open_files() != files)
		abort();
	return 0;
}
