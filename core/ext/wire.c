/* SPDX-License-Identifier: Apache-2.0 */
/* ext/wire.c - messages with their length in front, on a socket that never blocks. */
#include "ext/wire.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

enum { FILL_BYTES = 65536 };

static int wait_for(int fd, short events, uint64_t until_ns)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_ns();
	int n;

	if (now >= until_ns)
		return -ETIMEDOUT;
	n = poll(&p, 1, (int)((until_ns - now) / NS_PER_MS) + 1);
	return n < 0 && errno != EINTR ? -errno : 0;
}

int wire_wait(int fd, uint64_t until_ns)
{
	return wait_for(fd, POLLIN, until_ns);
}

static int send_all(int fd, const uint8_t *bytes, size_t len, uint64_t until_ns)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		int code = 0;

		if (n < 0 && errno == EAGAIN)
			code = wait_for(fd, POLLOUT, until_ns);
		else if (n < 0 && errno != EINTR)
			code = -EPIPE;
		if (code)
			return code;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int wire_send(int fd, uint32_t type, const void *fixed, size_t fixed_len, const void *more,
	      size_t more_len, uint64_t until_ns)
{
	struct wire_head head = { type, (uint32_t)(fixed_len + more_len) };
	size_t len = sizeof(head) + fixed_len + more_len;
	uint8_t *all = malloc(len);
	int code;

	if (!all)
		return -ENOMEM;
	memcpy(all, &head, sizeof(head));
	if (fixed_len)
		memcpy(all + sizeof(head), fixed, fixed_len);
	if (more_len)
		memcpy(all + sizeof(head) + fixed_len, more, more_len);
	code = send_all(fd, all, len, until_ns);
	free(all);
	return code;
}

void wire_box_finish(struct wire_box *box)
{
	free(box->bytes);
	*box = (struct wire_box){ .most = box->most };
}

static int box_grow(struct wire_box *box)
{
	size_t room = box->room ? 2 * box->room : FILL_BYTES;
	uint8_t *bytes;

	if (box->room - box->len >= FILL_BYTES / 2)
		return 0;
	bytes = realloc(box->bytes, room);
	if (!bytes)
		return -ENOMEM;
	box->bytes = bytes;
	box->room = room;
	return 0;
}

/* A message that is begun is never longer than 'most', and no more than one is kept beside it. */
int wire_fill(int fd, struct wire_box *box)
{
	ssize_t n;
	int code;

	if (box->read > 0) {
		memmove(box->bytes, box->bytes + box->read, box->len - box->read);
		box->len -= box->read;
		box->read = 0;
	}
	code = box_grow(box);
	if (code)
		return code;
	n = (ssize_t)(box->room - box->len);
	n = recv(fd, box->bytes + box->len, n < FILL_BYTES ? (size_t)n : FILL_BYTES, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	box->len += (size_t)n;
	return n > 0 ? 0 : -EPIPE;
}

int wire_next(struct wire_box *box, uint32_t *type, const void **body, size_t *len)
{
	struct wire_head head;

	if (box->len - box->read < sizeof(head))
		return -EAGAIN;
	memcpy(&head, box->bytes + box->read, sizeof(head));
	if (head.bytes > box->most)
		return -EPROTO;
	if (box->len - box->read - sizeof(head) < head.bytes)
		return -EAGAIN;
	*type = head.type;
	*body = box->bytes + box->read + sizeof(head);
	*len = head.bytes;
	box->read += sizeof(head) + head.bytes;
	return 0;
}
