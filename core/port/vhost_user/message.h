/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/message.h - one message of the front end with its descriptors, from a stream socket that
 * does not block, and replies.  All functions are [control].
 *
 * A message owns its descriptors until they are taken; message_drop() closes the others, so that
 * whatever a front end sends, none stays open.
 */
#ifndef XVS_PORT_VHOST_USER_MESSAGE_H
#define XVS_PORT_VHOST_USER_MESSAGE_H

#include <stdalign.h>
#include <stdbool.h>

#include "base/error.h"
#include "port/vhost_user/protocol.h"

enum {
	MESSAGE_REGIONS_MAX = 32,
	MESSAGE_PAYLOAD_MAX = 8 + MESSAGE_REGIONS_MAX * 32,
	MESSAGE_FDS_MAX = MESSAGE_REGIONS_MAX,
};

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;     /* of the payload */
	uint32_t received; /* bytes, with the header */
	uint32_t fd_count;
	int fds[MESSAGE_FDS_MAX]; /* -1: taken */
	uint8_t header[HEADER_BYTES];
	alignas(8) uint8_t payload[MESSAGE_PAYLOAD_MAX];
};

/* Zeroed memory is a message of which nothing has come. */

/*
 * 1: it is whole.  0: more has to come.  Negative: this connection is of no use any more, err says
 * why; -ECONNRESET: the front end closed it.
 */
int message_receive(struct message *m, int fd, struct xvs_error *err);

/* Closes what was not taken and makes ready for the next one. */
void message_drop(struct message *m);

/* The caller's from now on; -1: there is none of that number. */
int message_take_fd(struct message *m, uint32_t nr);

/* Into a structure that the payload may be shorter than: the rest is zero. */
void message_read(const struct message *m, void *to, size_t size);
uint64_t message_u64(const struct message *m);

struct reply {
	uint32_t request;
	uint32_t size;
	int fd; /* -1: none; stays the caller's */
	alignas(8) uint8_t payload[32];
};
/* Negative with err: the front end does not take it. */
int reply_send(const struct reply *r, int fd, struct xvs_error *err);

#endif /* XVS_PORT_VHOST_USER_MESSAGE_H */
