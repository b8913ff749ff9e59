/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/interrupt.c - interrupting a guest, whatever its front end did to the descriptor.
 *
 * A write() to an eventfd waits where the counter is full and O_NONBLOCK is not set, and both are in
 * the hands of whoever gave us the descriptor: one front end could stop a worker, and with it all
 * ports.  No flag of a single write helps (eventfds know no RWF_NOWAIT for writing), and between a
 * look and a write there is always time.  What never waits is the kernel's own signal to an eventfd;
 * it gives one when asynchronous I/O is done (io_submit(2), IOCB_FLAG_RESFD), so we read nothing
 * from /dev/null and have the guest told that this is done.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "port/vhost_user/device.h"

enum { EVENTS = 64 }; /* that may be done and not taken note of */

/* Of one thread, made with its first interrupt; the kernel ends it with the process. */
struct bell {
	aio_context_t context;
	int nothing; /* /dev/null */
	bool is_tried, is_there;
};

static _Thread_local struct bell bell;

static bool bell_make(struct bell *b)
{
	b->is_tried = true;
	b->nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (b->nothing < 0)
		return false;
	b->is_there = syscall(SYS_io_setup, EVENTS, &b->context) == 0;
	if (!b->is_there)
		(void)close(b->nothing);
	return b->is_there;
}

static bool submit(const struct bell *b, int call)
{
	struct iocb nothing = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)b->nothing,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)call,
	};
	struct iocb *list[] = { &nothing };

	return syscall(SYS_io_submit, b->context, 1, list) == 1;
}

/* They are done when they are submitted; that there is room again is all we want of them. */
static void forget_done(const struct bell *b)
{
	struct io_event events[EVENTS];

	(void)syscall(SYS_io_getevents, b->context, 0, EVENTS, events, NULL);
}

static bool ring(struct bell *b, int call)
{
	if (!b->is_there && (b->is_tried || !bell_make(b)))
		return false;
	if (submit(b, call))
		return true;
	if (errno != EAGAIN)
		return false;
	forget_done(b);
	return submit(b, call);
}

/* Where the kernel has no asynchronous I/O for us (a sandbox): the next best thing. */
static void write_one(int call)
{
	static const uint64_t one = 1;

	if (fcntl(call, F_GETFL) & O_NONBLOCK)
		(void)!write(call, &one, sizeof(one));
}

void vhost_call(int call)
{
	if (call >= 0 && !ring(&bell, call))
		write_one(call);
}
