/* SPDX-License-Identifier: Apache-2.0 */
/* hv/marking.c - sockets of another process, found in /proc and reached by their descriptors. */
#include "marking.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DSCP_SHIFT = 2 };

/* A host's address as bytes, of either family; what is mapped into IPv6 counts as IPv4. */
static bool host_is(const struct sockaddr_storage *a, const char *host)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	uint8_t wanted[16];

	if (a->ss_family == AF_INET) {
		memcpy(&in, a, sizeof(in));
		return inet_pton(AF_INET, host, wanted) == 1 &&
		       memcmp(wanted, &in.sin_addr, sizeof(in.sin_addr)) == 0;
	}
	if (a->ss_family != AF_INET6)
		return false;
	memcpy(&in6, a, sizeof(in6));
	if (inet_pton(AF_INET6, host, wanted) == 1)
		return memcmp(wanted, &in6.sin6_addr, sizeof(in6.sin6_addr)) == 0;
	return inet_pton(AF_INET, host, wanted) == 1 &&
	       memcmp(&in6.sin6_addr, mapped, sizeof(mapped)) == 0 &&
	       memcmp(wanted, in6.sin6_addr.s6_addr + sizeof(mapped), sizeof(struct in_addr)) == 0;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
	struct sockaddr_in in; /* the port is at the same place in both */

	memcpy(&in, a, sizeof(in));
	return ntohs(in.sin_port);
}

static bool is_meant(int fd, const struct marking *m)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) || !host_is(&peer, m->host))
		return false;
	for (size_t i = 0; i < MARKING_PORTS; i++) {
		if (m->ports[i] && m->ports[i] == port_of(&peer))
			return true;
	}
	return false;
}

/* 1: it has it now, 0: it had it before. */
static int mark(int fd, uint8_t dscp)
{
	int tos = dscp << DSCP_SHIFT;
	int now = 0;
	int family = AF_UNSPEC;
	socklen_t len = sizeof(family);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	len = sizeof(now);
	if (family == AF_INET6) {
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)); /* mapped ones */
		if (getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &now, &len) == 0 && now == tos)
			return 0;
		return setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos)) == 0;
	}
	if (getsockopt(fd, IPPROTO_IP, IP_TOS, &now, &len) == 0 && now == tos)
		return 0;
	return setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)) == 0;
}

static bool is_socket(int folder, const char *name)
{
	char target[32];
	ssize_t len = readlinkat(folder, name, target, sizeof(target) - 1);

	target[len > 0 ? len : 0] = '\0';
	return strncmp(target, "socket:", strlen("socket:")) == 0;
}

static int mark_one(const struct process *p, int number, const struct marking *m)
{
	int fd = (int)syscall(SYS_pidfd_getfd, p->pidfd, number, 0);
	int marked;

	if (fd < 0)
		return errno == EBADF || errno == ESRCH ? 0 : -errno; /* gone meanwhile */
	marked = is_meant(fd, m) ? mark(fd, m->dscp) : 0;
	(void)close(fd);
	return marked;
}

int marking_set(const struct process *p, const struct marking *m, struct xvs_error *err)
{
	char path[40];
	struct dirent *one;
	int marked = 0;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)p->pid);
	folder = opendir(path);
	if (!folder)
		return error_set(err, -errno, "", "process %d: its sockets cannot be listed: %s",
				 (int)p->pid, strerror(errno));
	while (marked >= 0 && (one = readdir(folder))) {
		int code = one->d_name[0] != '.' && is_socket(dirfd(folder), one->d_name)
				   ? mark_one(p, (int)strtol(one->d_name, NULL, 10), m)
				   : 0;

		marked = code < 0 ? code : marked + code;
	}
	(void)closedir(folder);
	if (marked < 0)
		return error_set(err, marked, "",
				 "process %d: its sockets cannot be reached: %s; xvs-hv needs "
				 "CAP_SYS_PTRACE for that",
				 (int)p->pid, strerror(-marked));
	return marked;
}
