/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/descriptor.c - counted file descriptors, and what kinds we take.
 */
#include "port/vhost_user/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct descriptor {
	int fd;
	uint32_t refs;
};

struct descriptor *descriptor_create(int fd)
{
	struct descriptor *d = malloc(sizeof(*d));

	if (!d) {
		(void)close(fd);
		return NULL;
	}
	*d = (struct descriptor){ .fd = fd, .refs = 1 };
	return d;
}

/* Nothing but the name in /proc tells an eventfd from a socket that is always readable. */
static bool is_eventfd(int fd)
{
	static const char name[] = "anon_inode:[eventfd]";
	char path[32];
	char target[sizeof(name)];
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target));
	return len == (ssize_t)sizeof(name) - 1 && memcmp(target, name, (size_t)len) == 0;
}

static struct descriptor *create(int fd, struct xvs_error *err)
{
	struct descriptor *d = descriptor_create(fd);

	if (!d)
		(void)error_set(err, -ENOMEM, "", "no memory for a descriptor");
	return d;
}

struct descriptor *descriptor_of_eventfd(int fd, struct xvs_error *err)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || !is_eventfd(fd) || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		(void)error_set(err, -EPROTO, "", "a descriptor of a ring is not an eventfd");
		(void)close(fd);
		return NULL;
	}
	return create(fd, err);
}

struct descriptor *descriptor_of_ticks(struct xvs_error *err)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	const struct itimerspec each = { .it_interval = ms, .it_value = ms };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &each, NULL) < 0) {
		(void)error_set(err, -errno, "", "no timer for a ring that is polled: %s",
				strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return NULL;
	}
	return create(fd, err);
}

struct descriptor *descriptor_get(struct descriptor *d)
{
	if (d)
		d->refs++;
	return d;
}

void descriptor_put(struct descriptor *d)
{
	if (!d || --d->refs > 0)
		return;
	(void)close(d->fd);
	free(d);
}

int descriptor_fd(const struct descriptor *d)
{
	return d ? d->fd : -1;
}
