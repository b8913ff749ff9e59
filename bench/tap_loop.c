/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tap_loop DEVICE DEVICE - the least that a switch between two taps can be: reads one, writes the
 * other, both ways, one thread, looking at nothing.
 *
 * With the virtio-net header and all offloads, so that it moves the same 64 KiB packets as a
 * switch does: what a switch loses to it is what looking at packets costs.  Makes the devices if
 * they are not there; says "ready" when they are, then runs until it is killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	HEADER_BYTES = 12, /* virtio 1.2, 5.1.6 */
	TURN = 64,         /* packets of one side before the other has its turn */
};

#ifndef TUN_F_USO4 /* Linux 6.2 */
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static uint8_t frame[HEADER_BYTES + 65536 + 64];

static int set_offloads(int fd)
{
	const unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6) == 0)
		return 0;
	return ioctl(fd, TUNSETOFFLOAD, tso);
}

/* A descriptor, or -1 with errno. */
static int tap_open(const char *device)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = HEADER_BYTES;
	int fd;

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETVNETHDRSZ, &header) ||
	    set_offloads(fd)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* A full queue loses the packet, as a switch would.  False: the device is gone. */
static bool move(int from, int to)
{
	for (int i = 0; i < TURN; i++) {
		ssize_t len = read(from, frame, sizeof(frame));

		if (len < 0)
			return errno == EAGAIN || errno == EINTR;
		if (write(to, frame, (size_t)len) < 0 && errno == EBADFD)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct pollfd sides[2];

	if (argc != 3) {
		fprintf(stderr, "usage: tap_loop DEVICE DEVICE\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		sides[i] = (struct pollfd){ .fd = tap_open(argv[i + 1]), .events = POLLIN };
		if (sides[i].fd < 0) {
			fprintf(stderr, "tap_loop: device %s: %s\n", argv[i + 1], strerror(errno));
			return 1;
		}
	}
	puts("ready");
	(void)fflush(stdout);
	while (poll(sides, 2, -1) >= 0 || errno == EINTR)
		if (!move(sides[0].fd, sides[1].fd) || !move(sides[1].fd, sides[0].fd))
			break;
	fprintf(stderr, "tap_loop: a device is gone\n");
	return 1;
}
