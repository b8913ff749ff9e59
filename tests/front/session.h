/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - the front end's half of the vhost-user protocol, over a socket on which the switch
 * listens: single messages for those who misuse them, and front_open(), which says all that an
 * honest front end says (QEMU docs/interop/vhost-user.rst).
 *
 * Guest memory is one memfd.  It begins with a place for each ring (ring.h); the rest is for
 * buffers.  Guest-physical addresses are offsets plus FRONT_GUEST, and the addresses that the
 * protocol calls the user's are offsets plus FRONT_USER, so that no two kinds can be confused.
 */
#ifndef FRONT_SESSION_H
#define FRONT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_LOG_BASE = 6,
	SET_LOG_FD = 7,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	SEND_RARP = 19,
	NET_SET_MTU = 20,
	GET_INFLIGHT_FD = 31,
	SET_INFLIGHT_FD = 32,
	RESET_DEVICE = 34,
	GET_MAX_MEM_SLOTS = 36,
	ADD_MEM_REG = 37,
	REM_MEM_REG = 38,
	SET_STATUS = 39,
	GET_STATUS = 40,
	REQUESTS = 41,
};

enum {
	MESSAGE_VERSION = 1,
	MESSAGE_REPLY = 4,
	MESSAGE_NEED_REPLY = 8,
	MESSAGE_HEADER = 12,
	MESSAGE_MEMORY = 8, /* regions of a table that the protocol allows */
};

enum { PROTOCOL_MQ = 0, PROTOCOL_REPLY_ACK = 3, PROTOCOL_MEM_SLOTS = 15 };

struct message_region {
	uint64_t guest, size, user, offset;
} __attribute__((packed));

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, number;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, device, driver, log;
		} __attribute__((packed)) address;
		struct {
			uint32_t count, padding;
			struct message_region regions[MESSAGE_MEMORY];
		} __attribute__((packed)) memory;
		struct {
			uint64_t padding;
			struct message_region region;
		} __attribute__((packed)) slot;
		uint8_t bytes[1024];
	} __attribute__((packed));
} __attribute__((packed));

#define FRONT_GUEST 0x100000u
#define FRONT_USER 0x7f0000000000u
enum { FRONT_RINGS_MAX = 8, FRONT_PATIENCE_MS = 60000 };

struct front {
	int sock; /* -1: the switch has closed it */
	int memory_fd;
	uint8_t *memory;
	uint64_t memory_size;
	uint64_t features;          /* asked for; what was agreed after front_open() */
	uint64_t protocol_features; /* agreed */
	uint32_t ring_count;
	struct ring rings[FRONT_RINGS_MAX]; /* even: to us; odd: from us */
};

/* A connected socket, or -1. */
int session_connect(const char *path);
/* Header and payload as they are; false: the switch has closed. */
bool session_send(int sock, const struct message *m, const int *fds, uint32_t count);
/* The next message from the switch within that time; false: none. */
bool session_receive(int sock, struct message *m, int patience_ms);

/* With the acknowledgement where one was agreed: false also when it says no. */
bool front_say(struct front *f, struct message *m, const int *fds, uint32_t count);
bool front_number(struct front *f, enum request request, uint64_t number);
bool front_state(struct front *f, enum request request, uint32_t index, uint32_t number);
/* The answer to a question of one number. */
bool front_ask(struct front *f, enum request request, uint64_t *out);
bool front_tell_memory(struct front *f);

/*
 * Connects, agrees on f->features, hands over 'bytes' of memory and starts 'rings' rings of 'size'
 * places.  False, with what went wrong on stderr; front_close() is due in any case.
 */
bool front_open(struct front *f, const char *path, uint32_t rings, uint16_t size, uint64_t bytes);
void front_close(struct front *f);

/* Where buffers may begin. */
static inline uint64_t front_buffers(const struct front *f)
{
	return (uint64_t)f->ring_count * RING_BYTES;
}

#endif /* FRONT_SESSION_H */
