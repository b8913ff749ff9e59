/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/front.h - a bare vhost-user front end: the port of a guest without the guest.
 *
 * It owns the memory (a sealed memfd, told to the switch whole), the rings, and the conversation.
 * One thread uses it.  Receive rings have even numbers, transmit rings odd ones, as virtio counts:
 *
 *	struct front *f = front_create(&config, &err);
 *	front_connect(f, 1000, &err);
 *	... ring_put(front_rx(f, 0), ...) gives the switch room; a packet begins with 12 bytes of
 *	    virtio-net header, in both directions
 *	front_disconnect(f);
 *	front_destroy(f);
 *
 * Sources: vhost-user protocol (QEMU docs/interop/vhost-user.rst), virtio 1.2 section 5.1.
 */
#ifndef XVS_VGEN_FRONT_H
#define XVS_VGEN_FRONT_H

#include "base/error.h"
#include "vgen/ring.h"

enum { FRONT_HEADER = 12, FRONT_PAIRS_MAX = 8 };

/* Features of virtio and vhost-user that a caller may want. */
enum {
	FRONT_CSUM = 0,
	FRONT_GUEST_CSUM = 1,
	FRONT_GUEST_TSO4 = 7,
	FRONT_GUEST_TSO6 = 8,
	FRONT_GUEST_UFO = 10,
	FRONT_HOST_TSO4 = 11,
	FRONT_HOST_TSO6 = 12,
	FRONT_HOST_UFO = 14,
	FRONT_MRG_RXBUF = 15,
	FRONT_MQ = 22,
	FRONT_INDIRECT = 28,
	FRONT_EVENT_IDX = 29,
	FRONT_PROTOCOL = 30,
	FRONT_VERSION_1 = 32,
	FRONT_PACKED = 34,
};

/* The header in front of every packet (virtio 1.2, 5.1.6). */
struct front_header {
	uint8_t flags, gso_type;
	uint16_t header_len, gso_size, csum_start, csum_offset, buffer_count;
};
enum { FRONT_NEEDS_CSUM = 1, FRONT_DATA_VALID = 2 };                                    /* flags */
enum { FRONT_GSO_NONE = 0, FRONT_GSO_TCP4 = 1, FRONT_GSO_UDP = 3, FRONT_GSO_TCP6 = 4 }; /* type */

struct front_config {
	const char *socket; /* path; borrowed as long as the front end lives */
	bool is_server;     /* the switch connects to us; else we to it */
	bool is_packed;     /* required of the switch, as is has_event_index */
	bool has_event_index;
	uint64_t features;  /* bits wanted beside those, taken as far as they are offered */
	uint32_t pairs;     /* of rings: 1 .. FRONT_PAIRS_MAX */
	uint16_t ring_size; /* places */
	uint16_t rx_parts, tx_parts;   /* descriptors a buffer; see vgen/ring.h */
	uint32_t rx_stride, tx_stride; /* bytes a buffer */
};

struct front;

/* Makes memory and rings; a server listens from now on. */
struct front *front_create(const struct front_config *c, struct xvs_error *err);
void front_destroy(struct front *f); /* NULL is fine */

/*
 * Waits up to 'patience_ms' for the other side and hands everything over: 0, or -errno with *err.
 * The rings are empty and enabled.
 */
int front_connect(struct front *f, int patience_ms, struct xvs_error *err);

/* The same when the switch went away in between: rings go on where they are. */
int front_resume(struct front *f, int patience_ms, struct xvs_error *err);

/* Stops the rings, closes the connection and empties the rings; nothing to do without one. */
void front_disconnect(struct front *f);

/* False: the switch has closed the connection. */
bool front_is_connected(const struct front *f);

struct ring *front_rx(struct front *f, uint32_t pair);
struct ring *front_tx(struct front *f, uint32_t pair);
uint64_t front_features(const struct front *f); /* as negotiated */

/* When the last connection was made: connect() or accept() returned; CLOCK_MONOTONIC. */
uint64_t front_connected_ns(const struct front *f);

#endif /* XVS_VGEN_FRONT_H */
