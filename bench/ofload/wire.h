/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ofload/wire.h - one connection to a switch that speaks OpenFlow 1.3, and the few messages that a load is
 * made of.
 *
 * Written from the specification alone (OpenFlow 1.3.5), so that it measures any switch alike.
 */
#ifndef XVS_OFLOAD_WIRE_H
#define XVS_OFLOAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	OFL_HELLO = 0,
	OFL_ERROR = 1,
	OFL_ECHO_REQUEST = 2,
	OFL_ECHO_REPLY = 3,
	OFL_SET_CONFIG = 9,
	OFL_PACKET_IN = 10,
	OFL_FLOW_MOD = 14,
	OFL_MULTIPART_REQUEST = 18,
	OFL_MULTIPART_REPLY = 19,
	OFL_BARRIER_REQUEST = 20,
	OFL_BARRIER_REPLY = 21,
	OFL_HEADER = 8,
	OFL_IN_BYTES = 1 << 20,
	OFL_OUT_BYTES = 1 << 18,
	OFL_MESSAGE_MAX = 256, /* of those that are written here */
};

enum { OFL_ADD = 0, OFL_DELETE = 3, OFL_DELETE_STRICT = 4 };

/* What has come, by type; and what of it the modes ask for. */
struct heard {
	uint64_t errors, packet_ins, barriers, echoes;
	uint64_t flows;      /* entries of flow statistics */
	bool is_answered;    /* the last part of a multipart reply */
	uint16_t error_type; /* of the first */
	uint16_t error_code;
};

struct link {
	int fd;
	uint32_t xid;
	uint8_t *in, *out;
	size_t in_len, out_len, out_at;
	struct heard heard;
};

/* A flow by its number: 172.16.0.0 + nr to 11.0.0.1, UDP; sent to this port. */
struct flow_mod {
	uint32_t nr;
	uint8_t command;
	uint16_t priority;
	uint16_t flags;
	uint32_t port; /* of output */
};

/* Connects and says HELLO.  NULL, or a complaint. */
const char *link_open(struct link *l, const char *path);
void link_close(struct link *l);

/* Room for one more message?  If not, link_turn() makes some. */
bool link_has_room(const struct link *l);
void link_put(struct link *l, uint8_t type, const void *body, size_t len);
void link_put_flow(struct link *l, const struct flow_mod *m);
void link_put_dump(struct link *l);

/* Sends and receives what it can, waiting for at most so long.  NULL, or a complaint. */
const char *link_turn(struct link *l, int patience_ms);

#endif /* XVS_OFLOAD_WIRE_H */
