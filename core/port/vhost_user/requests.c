/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/requests.c - the requests that we know: how long, with how many descriptors, under which
 * protocol feature, and who handles each.  What does not fit is refused before anybody looks at it.
 */
#include "port/vhost_user/session.h"

#include <errno.h>

enum { ALWAYS = 64 }; /* in place of a protocol feature */

struct request {
	const char *name; /* NULL: not ours */
	uint16_t size_min;
	uint16_t size_max;
	uint8_t fds_min;
	uint8_t fds_max;
	uint8_t feature;
	bool has_reply;
	request_fn handle;
};

#define U64 8, 8
#define EMPTY 0, 0
#define STATE sizeof(struct wire_ring_state), sizeof(struct wire_ring_state)
#define NO_FD 0, 0
#define ONE_FD 1, 1

static const struct request requests[] = {
	[REQUEST_GET_FEATURES] = { "GET_FEATURES", EMPTY, NO_FD, ALWAYS, true,
				   request_get_features },
	[REQUEST_SET_FEATURES] = { "SET_FEATURES", U64, NO_FD, ALWAYS, false,
				   request_set_features },
	[REQUEST_SET_OWNER] = { "SET_OWNER", EMPTY, NO_FD, ALWAYS, false, request_nothing },
	[REQUEST_RESET_OWNER] = { "RESET_OWNER", EMPTY, NO_FD, ALWAYS, false, request_reset },
	[REQUEST_SET_MEM_TABLE] = { "SET_MEM_TABLE", sizeof(struct wire_memory),
				    MESSAGE_PAYLOAD_MAX, 0, MESSAGE_FDS_MAX, ALWAYS, false,
				    request_set_table },
	[REQUEST_SET_LOG_BASE] = { "SET_LOG_BASE", sizeof(struct wire_log), sizeof(struct wire_log),
				   ONE_FD, PROTOCOL_LOG_SHMFD, true, request_set_log_base },
	[REQUEST_SET_LOG_FD] = { "SET_LOG_FD", 0, 8, ONE_FD, ALWAYS, false, request_set_log_fd },
	[REQUEST_SET_VRING_NUM] = { "SET_VRING_NUM", STATE, NO_FD, ALWAYS, false,
				    request_ring_size },
	[REQUEST_SET_VRING_ADDR] = { "SET_VRING_ADDR", sizeof(struct wire_ring_address),
				     sizeof(struct wire_ring_address), NO_FD, ALWAYS, false,
				     request_ring_address },
	[REQUEST_SET_VRING_BASE] = { "SET_VRING_BASE", STATE, NO_FD, ALWAYS, false,
				     request_ring_set_base },
	[REQUEST_GET_VRING_BASE] = { "GET_VRING_BASE", STATE, NO_FD, ALWAYS, true,
				     request_ring_get_base },
	[REQUEST_SET_VRING_KICK] = { "SET_VRING_KICK", U64, 0, 1, ALWAYS, false,
				     request_ring_kick },
	[REQUEST_SET_VRING_CALL] = { "SET_VRING_CALL", U64, 0, 1, ALWAYS, false,
				     request_ring_call },
	[REQUEST_SET_VRING_ERR] = { "SET_VRING_ERR", U64, 0, 1, ALWAYS, false, request_ring_error },
	[REQUEST_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", EMPTY, NO_FD, ALWAYS, true,
					    request_get_protocol },
	[REQUEST_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", U64, NO_FD, ALWAYS, false,
					    request_set_protocol },
	[REQUEST_GET_QUEUE_NUM] = { "GET_QUEUE_NUM", EMPTY, NO_FD, ALWAYS, true,
				    request_get_queue_num },
	[REQUEST_SET_VRING_ENABLE] = { "SET_VRING_ENABLE", STATE, NO_FD, ALWAYS, false,
				       request_ring_enable },
	[REQUEST_SEND_RARP] = { "SEND_RARP", U64, NO_FD, PROTOCOL_RARP, false, request_send_rarp },
	[REQUEST_NET_SET_MTU] = { "NET_SET_MTU", U64, NO_FD, PROTOCOL_NET_MTU, false,
				  request_set_mtu },
	[REQUEST_SET_BACKEND_REQ_FD] = { "SET_BACKEND_REQ_FD", EMPTY, ONE_FD, PROTOCOL_BACKEND_REQ,
					 false, request_set_backend_fd },
	[REQUEST_GET_INFLIGHT_FD] = { "GET_INFLIGHT_FD", WIRE_INFLIGHT_SHORT,
				      sizeof(struct wire_inflight), NO_FD, PROTOCOL_INFLIGHT_SHMFD,
				      true, request_get_inflight },
	[REQUEST_SET_INFLIGHT_FD] = { "SET_INFLIGHT_FD", WIRE_INFLIGHT_SHORT,
				      sizeof(struct wire_inflight), ONE_FD, PROTOCOL_INFLIGHT_SHMFD,
				      false, request_set_inflight },
	[REQUEST_RESET_DEVICE] = { "RESET_DEVICE", EMPTY, NO_FD, PROTOCOL_RESET_DEVICE, false,
				   request_reset },
	[REQUEST_GET_MAX_MEM_SLOTS] = { "GET_MAX_MEM_SLOTS", EMPTY, NO_FD,
					PROTOCOL_CONFIGURE_MEM_SLOTS, true, request_get_slots },
	[REQUEST_ADD_MEM_REG] = { "ADD_MEM_REG", sizeof(struct wire_one_region),
				  sizeof(struct wire_one_region), ONE_FD,
				  PROTOCOL_CONFIGURE_MEM_SLOTS, false, request_add_region },
	/* "The back-end MAY accept messages with one file descriptor", which QEMU sends. */
	[REQUEST_REM_MEM_REG] = { "REM_MEM_REG", sizeof(struct wire_one_region),
				  sizeof(struct wire_one_region), 0, 1,
				  PROTOCOL_CONFIGURE_MEM_SLOTS, false, request_remove_region },
	[REQUEST_SET_STATUS] = { "SET_STATUS", U64, NO_FD, PROTOCOL_STATUS, false,
				 request_set_status },
	[REQUEST_GET_STATUS] = { "GET_STATUS", EMPTY, NO_FD, PROTOCOL_STATUS, true,
				 request_get_status },
};

#undef U64
#undef EMPTY
#undef STATE
#undef NO_FD
#undef ONE_FD

static const struct request *find(uint32_t number)
{
	if (number >= sizeof(requests) / sizeof(requests[0]) || !requests[number].name)
		return NULL;
	return &requests[number];
}

bool request_has_reply(uint32_t request)
{
	const struct request *r = find(request);

	return r && r->has_reply;
}

const char *request_name(uint32_t request)
{
	const struct request *r = find(request);

	return r ? r->name : "a request that we do not know";
}

static int check(const struct session *s, const struct request *r, const struct message *m,
		 struct xvs_error *err)
{
	if (m->size < r->size_min || m->size > r->size_max)
		return error_set(err, -EPROTO, "", "%s has %u bytes, must have %u..%u", r->name,
				 m->size, r->size_min, r->size_max);
	if (m->fd_count < r->fds_min || m->fd_count > r->fds_max)
		return error_set(err, -EPROTO, "", "%s has %u descriptors, must have %u..%u",
				 r->name, m->fd_count, r->fds_min, r->fds_max);
	if (r->feature != ALWAYS && !session_speaks(s, r->feature))
		return error_set(err, -EPROTO, "", "%s without the protocol feature that it needs",
				 r->name);
	return 0;
}

int request_handle(struct session *s, struct message *m, struct xvs_error *err)
{
	const struct request *r = find(m->request);
	int code;

	if (!r)
		return error_set(err, -EPROTO, "", "request %u is not one that we know",
				 m->request);
	code = check(s, r, m, err);
	return code ? code : r->handle(s, m, err);
}
