/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/tap.c - /dev/net/tun.
 */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

static int queue_open(const char *device, uint32_t queues, struct xvs_error *err)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int code;

	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), device);
	if (queues > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0 && ioctl(fd, TUNSETPERSIST, 1UL) == 0)
		return fd;
	code = error_set(err, -errno, "", "tap %s: %s", device, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return code;
}

/* A host without IPv6 has nothing to disable. */
static void ipv6_disable(const char *device)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "1", 1);
	(void)close(fd);
}

static int flags_set(const char *device, short on, short off, struct xvs_error *err)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_flags = 0 };
	int code = 0;

	(void)str_copy(request.ifr_name, sizeof(request.ifr_name), device);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		code = -errno;
	request.ifr_flags = (short)((request.ifr_flags | on) & ~off);
	if (code == 0 && ioctl(fd, SIOCSIFFLAGS, &request))
		code = -errno;
	if (fd >= 0)
		(void)close(fd);
	return code ? error_set(err, code, "", "tap %s: %s", device, strerror(-code)) : 0;
}

int tap_open(const char *device, uint32_t queues, int *fds, struct xvs_error *err)
{
	for (uint32_t i = 0; i < queues; i++) {
		int fd = queue_open(device, queues, err);

		if (fd < 0)
			return fd; /* those before are the caller's to close */
		fds[i] = fd;
	}
	ipv6_disable(device);
	return flags_set(device, IFF_NOARP, IFF_UP, err);
}

int tap_set(const char *device, bool is_up, struct xvs_error *err)
{
	return is_up ? flags_set(device, IFF_UP, 0, err) : flags_set(device, 0, IFF_UP, err);
}

/* Of one queue or of several: which it was made with is not known any more. */
void tap_remove(const char *device)
{
	struct xvs_error err = ERROR_INIT;
	int fd = queue_open(device, 1, &err);

	if (fd < 0)
		fd = queue_open(device, 2, &err);
	if (fd < 0)
		return;
	(void)ioctl(fd, TUNSETPERSIST, 0UL);
	(void)close(fd);
}
