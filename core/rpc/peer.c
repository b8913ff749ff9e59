/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rpc/peer.c - SO_PEERCRED and SO_PEERGROUPS, and the three roles.
 */
#include "rpc/peer.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

int peer_read(int fd, struct peer *out, struct xvs_error *err)
{
	struct peer p = { .group_count = 1 };
	struct ucred who;
	socklen_t size = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		return error_set(err, -errno, "",
				 "control socket: no credentials of the caller: %s",
				 strerror(errno));
	p.pid = who.pid;
	p.uid = who.uid;
	p.groups[0] = who.gid;
	/* Somebody in more groups than fit is known by the first one alone. */
	size = sizeof(p.groups) - sizeof(p.groups[0]);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &p.groups[1], &size) == 0)
		p.group_count += size / sizeof(p.groups[0]);
	*out = p;
	return 0;
}

static bool is_member(const struct peer *p, gid_t group)
{
	for (size_t i = 0; i < p->group_count; i++) {
		if (p->groups[i] == group)
			return true;
	}
	return false;
}

enum rpc_role peer_role(const struct peer *p, uid_t daemon, gid_t operators)
{
	if (p->uid == 0 || p->uid == daemon)
		return RPC_ADMIN;
	if (operators != (gid_t)-1 && is_member(p, operators))
		return RPC_OPERATOR;
	return RPC_READ_ONLY;
}

gid_t peer_group(const char *name)
{
	char room[16384];
	struct group entry;
	struct group *found = NULL;

	if (getgrnam_r(name, &entry, room, sizeof(room), &found) || !found)
		return (gid_t)-1;
	return found->gr_gid;
}
