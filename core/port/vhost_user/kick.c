/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/kick.c - reading the guest's kicks, and kicking ourselves.
 *
 * Eventfds of the front end share their flags with it, so O_NONBLOCK that we set may be gone the
 * next moment.  A read says itself that it does not wait (RWF_NOWAIT).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "port/vhost_user/device.h"

static void clear(int fd)
{
	uint64_t count;
	const struct iovec iov = { &count, sizeof(count) };

	if (preadv2(fd, &iov, 1, -1, RWF_NOWAIT) >= 0 || errno != EOPNOTSUPP)
		return;
	/* A timer, which is ours alone, or an eventfd of a kernel before 5.8. */
	if (fcntl(fd, F_GETFL) & O_NONBLOCK)
		(void)!read(fd, &count, sizeof(count));
}

void vhost_kick_clear(struct vhost_device *d, unsigned queue, const struct vhost_ring_view *ring)
{
	clear(d->wake[queue]);
	if (ring && ring->kick >= 0)
		clear(ring->kick);
}

/* Ours alone, so it is what we made it: EAGAIN means that it is readable anyway. */
void vhost_kick_self(struct vhost_device *d, unsigned queue)
{
	static const uint64_t one = 1;

	(void)!write(d->wake[queue], &one, sizeof(one));
}
