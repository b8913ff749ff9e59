/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/protocol.h - numbers of the vhost-user protocol (QEMU docs/interop/vhost-user.rst, 7.2)
 * and the shapes of its payloads.  All numbers on the wire are in the machine's byte order.
 */
#ifndef XVS_PORT_VHOST_USER_PROTOCOL_H
#define XVS_PORT_VHOST_USER_PROTOCOL_H

#include <stdint.h>

enum vhost_request {
	REQUEST_GET_FEATURES = 1,
	REQUEST_SET_FEATURES = 2,
	REQUEST_SET_OWNER = 3,
	REQUEST_RESET_OWNER = 4,
	REQUEST_SET_MEM_TABLE = 5,
	REQUEST_SET_LOG_BASE = 6,
	REQUEST_SET_LOG_FD = 7,
	REQUEST_SET_VRING_NUM = 8,
	REQUEST_SET_VRING_ADDR = 9,
	REQUEST_SET_VRING_BASE = 10,
	REQUEST_GET_VRING_BASE = 11,
	REQUEST_SET_VRING_KICK = 12,
	REQUEST_SET_VRING_CALL = 13,
	REQUEST_SET_VRING_ERR = 14,
	REQUEST_GET_PROTOCOL_FEATURES = 15,
	REQUEST_SET_PROTOCOL_FEATURES = 16,
	REQUEST_GET_QUEUE_NUM = 17,
	REQUEST_SET_VRING_ENABLE = 18,
	REQUEST_SEND_RARP = 19,
	REQUEST_NET_SET_MTU = 20,
	REQUEST_SET_BACKEND_REQ_FD = 21,
	REQUEST_GET_INFLIGHT_FD = 31,
	REQUEST_SET_INFLIGHT_FD = 32,
	REQUEST_RESET_DEVICE = 34,
	REQUEST_GET_MAX_MEM_SLOTS = 36,
	REQUEST_ADD_MEM_REG = 37,
	REQUEST_REM_MEM_REG = 38,
	REQUEST_SET_STATUS = 39,
	REQUEST_GET_STATUS = 40,
};

enum vhost_protocol_feature {
	PROTOCOL_MQ = 0,
	PROTOCOL_LOG_SHMFD = 1,
	PROTOCOL_RARP = 2,
	PROTOCOL_REPLY_ACK = 3,
	PROTOCOL_NET_MTU = 4,
	PROTOCOL_BACKEND_REQ = 5,
	PROTOCOL_INFLIGHT_SHMFD = 12,
	PROTOCOL_RESET_DEVICE = 13,
	PROTOCOL_CONFIGURE_MEM_SLOTS = 15,
	PROTOCOL_STATUS = 16,
};

/* Header: request, flags, size of the payload; 32 bits each. */
enum {
	HEADER_BYTES = 12,
	FLAG_VERSION = 1, /* in FLAG_VERSION_MASK */
	FLAG_VERSION_MASK = 3,
	FLAG_REPLY = 1 << 2,
	FLAG_NEED_REPLY = 1 << 3,
};

/* A u64 that names a ring and whether a descriptor comes with it. */
enum { RING_NR_MASK = 0xff, RING_NO_FD = 1 << 8 };

enum { RING_FLAG_LOG = 1 << 0 }; /* in wire_ring_address.flags */

enum { STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 }; /* virtio 1.2 2.1 */

struct wire_ring_state {
	uint32_t nr;
	uint32_t value;
};

struct wire_ring_address {
	uint32_t nr;
	uint32_t flags;
	uint64_t desc;
	uint64_t device; /* used ring */
	uint64_t driver; /* available ring */
	uint64_t log;
};

struct wire_region {
	uint64_t guest;
	uint64_t size;
	uint64_t user;
	uint64_t offset;
};

/* Regions follow. */
struct wire_memory {
	uint32_t count;
	uint32_t padding;
};

struct wire_one_region {
	uint64_t padding;
	struct wire_region region;
};

struct wire_log {
	uint64_t size;
	uint64_t offset;
};

/* Some front ends leave the last four bytes out. */
enum { WIRE_INFLIGHT_SHORT = 20 };
struct wire_inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t rings;
	uint16_t ring_size;
	uint32_t padding;
};

#endif /* XVS_PORT_VHOST_USER_PROTOCOL_H */
