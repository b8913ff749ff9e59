/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/message.c - framing.  Each read asks for what is missing of the header, or of the
 * payload that the header announced, and never for more: descriptors of a later message cannot
 * arrive with this one.
 */
#include "port/vhost_user/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Descriptors that one recvmsg() can bring: as many as a message may have, so CTRUNC is too many. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
};

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}

/* False: more than a message may have; those that came are closed. */
static bool keep_fds(struct message *m, const struct cmsghdr *c)
{
	const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[MESSAGE_FDS_MAX + 1]; /* the alignment of the room may let one more in */

	if (count > MESSAGE_FDS_MAX + 1)
		return false;
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	if (count > MESSAGE_FDS_MAX - m->fd_count) {
		close_fds(fds, count);
		return false;
	}
	memcpy(m->fds + m->fd_count, fds, count * sizeof(int));
	m->fd_count += (uint32_t)count;
	return true;
}

static int take_control(struct message *m, struct msghdr *h, struct xvs_error *err)
{
	bool fits = (h->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			fits = keep_fds(m, c) && fits;
	}
	if (!fits)
		return error_set(err, -EPROTO, "",
				 "a message had more than %d descriptors, or our limit of open "
				 "files (LimitNOFILE) is reached",
				 MESSAGE_FDS_MAX);
	return 0;
}

/* Bytes read, 0: none there, negative: the end. */
static int receive_some(struct message *m, int fd, struct iovec room, struct xvs_error *err)
{
	union control control;
	struct msghdr h = {
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const ssize_t got = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int code;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got < 0 && errno != ECONNRESET)
		return error_set(err, -errno, "", "its connection broke: %s", strerror(errno));
	if (got <= 0)
		return error_set(err, -ECONNRESET, "", "it closed the connection%s",
				 m->received ? " in the middle of a message" : "");
	code = take_control(m, &h, err);
	return code ? code : (int)got;
}

static int read_header(struct message *m, struct xvs_error *err)
{
	uint32_t words[3];

	memcpy(words, m->header, sizeof(words));
	m->request = words[0];
	m->flags = words[1];
	m->size = words[2];
	if ((m->flags & FLAG_VERSION_MASK) != FLAG_VERSION || (m->flags & FLAG_REPLY))
		return error_set(err, -EPROTO, "",
				 "what it sent is not vhost-user: request %u with flags 0x%x",
				 m->request, m->flags);
	if (m->size > sizeof(m->payload))
		return error_set(err, -EPROTO, "",
				 "request %u with a payload of %u bytes: at most %u", m->request,
				 m->size, MESSAGE_PAYLOAD_MAX);
	return 0;
}

static struct iovec missing(struct message *m)
{
	if (m->received < HEADER_BYTES)
		return (struct iovec){ m->header + m->received, HEADER_BYTES - m->received };
	return (struct iovec){ m->payload + (m->received - HEADER_BYTES),
			       HEADER_BYTES + m->size - m->received };
}

int message_receive(struct message *m, int fd, struct xvs_error *err)
{
	for (;;) {
		const struct iovec room = missing(m);
		int got;
		int code;

		if (room.iov_len == 0)
			return 1;
		got = receive_some(m, fd, room, err);
		if (got <= 0)
			return got;
		m->received += (uint32_t)got;
		if (m->received != HEADER_BYTES)
			continue;
		code = read_header(m, err);
		if (code)
			return code;
	}
}

void message_drop(struct message *m)
{
	for (uint32_t i = 0; i < m->fd_count; i++) {
		if (m->fds[i] >= 0)
			(void)close(m->fds[i]);
	}
	m->fd_count = 0;
	m->received = 0;
	m->size = 0;
}

int message_take_fd(struct message *m, uint32_t nr)
{
	int fd;

	if (nr >= m->fd_count)
		return -1;
	fd = m->fds[nr];
	m->fds[nr] = -1;
	return fd;
}

void message_read(const struct message *m, void *to, size_t size)
{
	const size_t there = m->size < size ? m->size : size;

	memset(to, 0, size);
	memcpy(to, m->payload, there);
}

uint64_t message_u64(const struct message *m)
{
	uint64_t value;

	message_read(m, &value, sizeof(value));
	return value;
}

static void attach_fd(struct msghdr *h, union control *control, int fd)
{
	struct cmsghdr *c;

	memset(control, 0, sizeof(*control));
	h->msg_control = control;
	h->msg_controllen = CMSG_SPACE(sizeof(fd));
	c = CMSG_FIRSTHDR(h);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
}

int reply_send(const struct reply *r, int fd, struct xvs_error *err)
{
	const uint32_t words[3] = { r->request, FLAG_VERSION | FLAG_REPLY, r->size };
	uint8_t bytes[HEADER_BYTES + sizeof(r->payload)];
	struct iovec iov = { bytes, HEADER_BYTES + (size_t)r->size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	ssize_t sent;

	memcpy(bytes, words, sizeof(words));
	memcpy(bytes + HEADER_BYTES, r->payload, r->size);
	if (r->fd >= 0)
		attach_fd(&h, &control, r->fd);
	/* A UNIX socket takes so few bytes whole or not at all. */
	sent = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent == (ssize_t)iov.iov_len)
		return 0;
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
		return error_set(err, -ECONNRESET, "", "it closed the connection");
	return error_set(err, -EPROTO, "", "it does not read our replies");
}
