/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/netns.c - one thread visits another network namespace.
 */
#include "port/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"

static int make_path(const char *name, char path[PATH_MAX], struct xvs_error *err)
{
	const char *folder = strchr(name, '/') ? "" : "/run/netns/";
	int len;

	if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return error_set(err, -EINVAL, "netns", "\"%s\" is not a namespace's name", name);
	len = snprintf(path, PATH_MAX, "%s%s", folder, name);
	if (len < 0 || len >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "netns", "network namespace: name too long");
	return 0;
}

int netns_open(const char *name, int *fd, struct xvs_error *err)
{
	char path[PATH_MAX];
	int code = make_path(name, path, err);
	int file;

	if (code)
		return code;
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 && errno == ENOENT && !strchr(name, '/'))
		return error_set(err, -ENOENT, "netns",
				 "network namespace %s does not exist: create it with ip netns add "
				 "%s",
				 name, name);
	if (file < 0)
		return error_set(err, -errno, "netns", "network namespace %s: %s", name,
				 strerror(errno));
	if (ioctl(file, NS_GET_NSTYPE) != CLONE_NEWNET) {
		(void)close(file);
		return error_set(err, -EINVAL, "netns", "%.150s is not a network namespace", path);
	}
	*fd = file;
	return 0;
}

static void come_back(int home)
{
	if (setns(home, CLONE_NEWNET) == 0)
		return;
	log_message(MSG_ENDING, "return to the own network namespace: %s", strerror(errno));
	abort();
}

int netns_run(int fd, netns_fn fn, void *arg, struct xvs_error *err)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int code;

	if (home < 0)
		return error_set(err, -errno, "netns", "own network namespace: %s",
				 strerror(errno));
	if (setns(fd, CLONE_NEWNET)) {
		code = -errno;
		(void)close(home);
		return error_set(err, code, "netns", "entering the network namespace: %s%s",
				 strerror(-code), code == -EPERM ? "; it needs CAP_SYS_ADMIN" : "");
	}
	code = fn(arg, err);
	come_back(home);
	(void)close(home);
	return code;
}
