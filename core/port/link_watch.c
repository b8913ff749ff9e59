/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/link_watch.c - being told about one device.
 *
 * Each watch has a socket of its own in the daemon's namespace, with a filter in the kernel that
 * lets the messages about its device's index pass: a thousand ports do not wake the control thread
 * a thousand times for one cable.  A device in another namespace is watched from here as well
 * (NETLINK_LISTEN_ALL_NSID), since a socket inside would keep a deleted namespace alive.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "port/link.h"

enum { MESSAGE_BYTES = 16384, MESSAGES_A_TURN = 64 };

struct link_watch {
	struct mnl_socket *socket;
	struct event *event;
	struct link_place place;
	bool has_gone;
	link_watch_fn fn;
	void *arg;
};

static void tell_gone(struct link_watch *w)
{
	w->has_gone = true;
	(void)event_del(w->event);
	w->fn(w->arg, NULL);
}

/* Messages were lost: ask how things are now. */
static void ask_again(struct link_watch *w)
{
	struct xvs_error ignored = ERROR_INIT;
	struct link_facts facts;
	struct netlink nl;
	int code = netlink_open(&nl, &ignored);

	if (code)
		return;
	code = link_by_index(&nl, w->place.index, w->place.nsid, &facts, &ignored);
	netlink_close(&nl);
	if (code == 0)
		w->fn(w->arg, &facts);
	else if (code == -ENODEV)
		tell_gone(w);
}

/* The number of the namespace that a message is from; LINK_HERE: the socket's own. */
static int nsid_of(struct msghdr *header)
{
	struct cmsghdr *c;
	int nsid;

	for (c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_NETLINK || c->cmsg_type != NETLINK_LISTEN_ALL_NSID)
			continue;
		memcpy(&nsid, CMSG_DATA(c), sizeof(nsid));
		return nsid;
	}
	return LINK_HERE;
}

static int on_message(const struct nlmsghdr *message, void *arg)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);
	struct link_watch *w = arg;
	struct link_facts facts;

	if (w->has_gone || mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    (uint32_t)info->ifi_index != w->place.index || info->ifi_family == AF_BRIDGE)
		return MNL_CB_OK;
	if (message->nlmsg_type == RTM_DELLINK)
		tell_gone(w);
	else if (link_read(message, &facts))
		w->fn(w->arg, &facts);
	return MNL_CB_OK;
}

/* False: nothing more there for now. */
static bool read_message(struct link_watch *w)
{
	alignas(struct nlmsghdr) uint8_t bytes[MESSAGE_BYTES];
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(16)];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct sockaddr_nl from = { 0 };
	struct msghdr header = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len = recvmsg(mnl_socket_get_fd(w->socket), &header, MSG_DONTWAIT);

	if (len < 0 && errno == ENOBUFS) {
		ask_again(w);
		return !w->has_gone;
	}
	if (len < 0)
		return errno == EINTR;
	/* Only the kernel speaks with port number 0. */
	if (from.nl_pid == 0 && nsid_of(&header) == w->place.nsid)
		(void)mnl_cb_run(bytes, (size_t)len, 0, 0, on_message, w);
	return !w->has_gone;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	int left = MESSAGES_A_TURN;

	(void)fd;
	(void)what;
	while (left > 0 && read_message(arg))
		left--;
}

/* The word of a message in which the index of its device stands; BPF reads in network order. */
static int attach_filter(int fd, uint32_t index)
{
	const uint32_t off = sizeof(struct nlmsghdr) + offsetof(struct ifinfomsg, ifi_index);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, off),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(index), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int open_socket(struct link_watch *w)
{
	int on = 1;

	w->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!w->socket)
		return -errno;
	if (w->place.nsid != LINK_HERE &&
	    mnl_socket_setsockopt(w->socket, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on)) < 0)
		return -errno;
	if (attach_filter(mnl_socket_get_fd(w->socket), w->place.index) ||
	    mnl_socket_bind(w->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	return 0;
}

static int start_watch(struct link_watch *w, struct loop *loop)
{
	int code = open_socket(w);

	if (code)
		return code;
	w->event = event_new(loop_base(loop), mnl_socket_get_fd(w->socket), EV_READ | EV_PERSIST,
			     on_readable, w);
	return w->event && event_add(w->event, NULL) == 0 ? 0 : -ENOMEM;
}

int link_watch_create(struct loop *loop, struct link_place place, link_watch_fn fn, void *arg,
		      struct link_watch **out, struct xvs_error *err)
{
	struct link_watch *w = calloc(1, sizeof(*w));
	int code = -ENOMEM;

	if (w) {
		w->place = place;
		w->fn = fn;
		w->arg = arg;
		code = start_watch(w, loop);
	}
	if (code) {
		link_watch_destroy(w);
		return error_set(err, code, "", "watching device with index %u: %s", place.index,
				 strerror(-code));
	}
	*out = w;
	return 0;
}

void link_watch_destroy(struct link_watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	if (w->socket)
		(void)mnl_socket_close(w->socket);
	free(w);
}
