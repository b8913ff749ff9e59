/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/port/netlab.h - a network of one's own: each test program runs in a fresh network and
 * mount namespace, so that nothing it does is seen outside, and the kernel cleans up behind it.
 */
#ifndef XVS_TESTS_NETLAB_H
#define XVS_TESTS_NETLAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/loop.h"

/* 0, or -1 where this machine or user cannot make one: then tests skip. */
static inline int netlab_enter(void)
{
	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0)
		return -1;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0)
		return -1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return -1;
	if (mkdir("/run/netns", 0755) != 0 && errno != EEXIST)
		return -1;
	return mount("tmpfs", "/run/netns", "tmpfs", 0, NULL);
}

/* A second namespace by name, as ip netns add makes it. */
static inline void netlab_add_netns(const char *name)
{
	char path[128];
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int file;

	(void)snprintf(path, sizeof(path), "/run/netns/%s", name);
	file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	assert_true(home >= 0 && file >= 0);
	(void)close(file);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL), 0);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	(void)close(home);
}

static inline void netlab_delete_netns(const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/run/netns/%s", name);
	assert_int_equal(umount2(path, MNT_DETACH), 0);
	assert_int_equal(unlink(path), 0);
}

/* A socket that sees and sends every frame of a device in the calling thread's namespace. */
static inline int netlab_raw(const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0);
	at.sll_ifindex = (int)if_nametoindex(device);
	assert_int_not_equal(at.sll_ifindex, 0);
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* Turns of the loop until 'done' is true; false after two seconds. */
static inline bool netlab_wait(struct loop *loop, bool (*done)(const void *), const void *arg)
{
	for (int i = 0; i < 400 && !done(arg); i++) {
		(void)event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
		loop_drain(loop);
		if (!done(arg))
			(void)poll(NULL, 0, 5);
	}
	return done(arg);
}

#endif /* XVS_TESTS_NETLAB_H */
