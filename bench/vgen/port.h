/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/port.h - a front end that sends and receives whole frames, one buffer each.
 *
 * Buffers are given and taken in batches: a poller that returns each buffer at once makes the
 * switch's batches small and its rings busy, and measures itself.
 */
#ifndef XVS_VGEN_PORT_H
#define XVS_VGEN_PORT_H

#include "vgen/flow.h"
#include "vgen/front.h"

enum { PORT_BATCH = 32, PORT_PATIENCE = 16 };

/* What a port does with each frame that it has received, before the buffer goes back. */
typedef void (*port_sink_fn)(void *arg, const uint8_t *frame, uint32_t len);

struct port {
	struct front *front;
	struct ring *rx, *tx;
	uint32_t size; /* of the frames that it sends */
	uint64_t put;  /* frames made available */
	uint64_t sent; /* of which the switch has given the buffer back */
	uint64_t received, received_bytes;
	bool touches;      /* reads all that it receives */
	uint64_t touched;  /* so that reading is not left out */
	port_sink_fn sink; /* NULL: count only */
	void *sink_arg;
	uint64_t disorder; /* buffers longer than they are: the switch is wrong */
	/* Receiving: what port_peek() found, and buffers of a packet that has begun. */
	uint16_t got[PORT_BATCH];
	uint32_t got_lens[PORT_BATCH];
	uint32_t got_count, more;
	/* Sending: transmit buffers that are here. */
	uint16_t *unused;
	uint32_t unused_count;
	uint32_t rx_waits, tx_waits; /* turns with less than a batch to do */
	uint16_t rx_told, tx_told;   /* up to where the switch was told of buffers */
};

/* 'front' has just connected: all receive buffers are put, all transmit buffers are here. */
bool port_begin(struct port *p, struct front *front, uint32_t frame_size);
void port_end(struct port *p); /* the front end stays the caller's */

/*
 * Buffers at hand for up to 'max' frames: how many.  When there are fewer, those that the switch
 * has used are taken back, but less than a batch only after PORT_PATIENCE turns or when 'is_urgent'.
 */
uint32_t port_room(struct port *p, uint32_t max, bool is_urgent);

/* The frame of buffer 'i' of those at hand, to be written. */
static inline uint8_t *port_frame(const struct port *p, uint32_t i)
{
	return ring_buffer(p->tx, p->unused[p->unused_count - 1 - i]) + FRONT_HEADER;
}

/* Sends buffers 0 .. count - 1 of those at hand, 'size' bytes each; port_kick() comes later. */
void port_send(struct port *p, uint32_t count, uint32_t size);

/* Looks what has come, as port_room() waits, and begins to fetch it; port_take() goes on. */
uint32_t port_peek(struct port *p, bool is_urgent);
/* Receives that and gives the buffers back; how many. */
uint32_t port_take(struct port *p);

/* Tells the switch of what was sent and given back, after ring_fence(). */
void port_kick(struct port *p);

/* All of this at once, for those who are in no hurry. */
void port_send_now(struct port *p, uint32_t count, uint32_t size);
uint32_t port_receive(struct port *p);

#endif /* XVS_VGEN_PORT_H */
