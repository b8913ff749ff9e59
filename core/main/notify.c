/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/notify.c - datagrams to $NOTIFY_SOCKET.
 *
 * A grace period of RCU has ended when every worker has come to the end of a batch or sleeps, so
 * the sign of life is given when one has: no worker has to be asked.
 */
#include "main/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rcu.h"

static struct loop_timer *watch;
static uint64_t watch_ns;
static struct rcu_node watch_node;

void notify_send(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}

static void on_all_alive(struct rcu_node *node)
{
	(void)node;
	notify_send("WATCHDOG=1");
	if (watch)
		loop_timer_arm(watch, watch_ns);
}

static void on_watch(void *arg)
{
	(void)arg;
	rcu_defer(&watch_node, on_all_alive);
}

void notify_watch_start(struct loop *loop)
{
	const char *us = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	unsigned long long wait_us = us ? strtoull(us, NULL, 10) : 0;

	if (wait_us == 0 || wait_us > UINT64_MAX / NS_PER_US ||
	    (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return;
	watch_ns = wait_us * NS_PER_US / 2;
	watch = loop_timer_create(loop, on_watch, NULL);
	if (watch)
		loop_timer_arm(watch, watch_ns);
}

void notify_watch_stop(void)
{
	loop_timer_destroy(watch);
	watch = NULL;
}
