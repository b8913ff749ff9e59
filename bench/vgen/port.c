/* SPDX-License-Identifier: Apache-2.0 */
/* vgen/port.c - whole frames, batch by batch. */
#include "vgen/port.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = sizeof(uint64_t), PAYLOAD_BYTE = 0x5a };

static void fill_tx_buffers(struct port *p)
{
	for (uint32_t i = 0; i < p->tx->buffer_count; i++) {
		memset(ring_buffer(p->tx, i), 0, FRONT_HEADER);
		memset(ring_buffer(p->tx, i) + FRONT_HEADER, PAYLOAD_BYTE,
		       p->tx->shape.stride - FRONT_HEADER);
		p->unused[i] = (uint16_t)i;
	}
	p->unused_count = p->tx->buffer_count;
}

static void put_rx_buffers(struct port *p)
{
	for (uint32_t i = 0; i < p->rx->buffer_count; i++) {
		uint16_t buffer = (uint16_t)i;

		ring_put(p->rx, &buffer, 1, p->rx->shape.stride);
	}
	ring_fence();
	port_kick(p);
}

bool port_begin(struct port *p, struct front *front, uint32_t frame_size)
{
	*p = (struct port){ .front = front,
			    .rx = front_rx(front, 0),
			    .tx = front_tx(front, 0),
			    .size = frame_size };
	p->rx_told = p->rx->avail;
	p->tx_told = p->tx->avail;
	p->unused = calloc(p->tx->buffer_count, sizeof(*p->unused));
	if (!p->unused)
		return false;
	fill_tx_buffers(p);
	put_rx_buffers(p);
	return true;
}

void port_end(struct port *p)
{
	free(p->unused);
	p->unused = NULL;
}

/* Is it time to look at a ring that has 'used' buffers for us? */
static bool is_time(uint32_t used, uint32_t *waits, bool is_urgent)
{
	if (used < PORT_BATCH && !is_urgent && ++*waits < PORT_PATIENCE)
		return false;
	*waits = 0;
	return used > 0;
}

static void take_back(struct port *p, bool is_urgent)
{
	uint32_t lens[PORT_BATCH];
	uint16_t *here = p->unused + p->unused_count;
	uint32_t count;

	if (!is_time(ring_used(p->tx, PORT_BATCH), &p->tx_waits, is_urgent))
		return;
	count = ring_get(p->tx, here, lens, PORT_BATCH);
	for (uint32_t i = 0; i < count; i++)
		__builtin_prefetch(ring_buffer(p->tx, here[i]), 1);
	p->unused_count += count;
	p->sent += count;
}

uint32_t port_room(struct port *p, uint32_t max, bool is_urgent)
{
	if (p->unused_count < max && p->unused_count + PORT_BATCH <= p->tx->buffer_count)
		take_back(p, is_urgent);
	return p->unused_count < max ? p->unused_count : max;
}

void port_send(struct port *p, uint32_t count, uint32_t size)
{
	uint16_t buffers[PORT_BATCH];

	for (uint32_t i = 0; i < count; i++)
		buffers[i] = p->unused[p->unused_count - 1 - i];
	ring_put(p->tx, buffers, count, FRONT_HEADER + size);
	p->unused_count -= count;
	p->put += count;
}

/* Every byte is looked at, as a guest does that has a use for them. */
static uint64_t touch(const uint8_t *at, uint32_t len)
{
	uint64_t sum = 0;

	for (; len >= WORD; len -= WORD, at += WORD) {
		uint64_t bytes;

		memcpy(&bytes, at, sizeof(bytes));
		sum += bytes;
	}
	while (len > 0)
		sum += at[--len];
	return sum;
}

/* How many buffers the packet has that begins here: any guest has to read that. */
static uint32_t buffer_count_of(const uint8_t *buffer)
{
	uint16_t count;

	memcpy(&count, buffer + offsetof(struct front_header, buffer_count), sizeof(count));
	return count ? count : 1;
}

static void receive_one(struct port *p, const uint8_t *buffer, uint32_t len)
{
	uint32_t header = 0;

	if (p->more == 0) {
		p->more = buffer_count_of(buffer);
		p->received++;
		header = FRONT_HEADER;
	}
	p->more--;
	if (len < header || len > p->rx->shape.stride) {
		p->disorder++;
		return;
	}
	p->received_bytes += len - header;
	if (p->touches)
		p->touched += touch(buffer + header, len - header);
	if (p->sink)
		p->sink(p->sink_arg, buffer + header, len - header);
}

uint32_t port_peek(struct port *p, bool is_urgent)
{
	if (!is_time(ring_used(p->rx, PORT_BATCH), &p->rx_waits, is_urgent))
		return 0;
	p->got_count = ring_get(p->rx, p->got, p->got_lens, PORT_BATCH);
	for (uint32_t i = 0; i < p->got_count; i++)
		__builtin_prefetch(ring_buffer(p->rx, p->got[i]));
	return p->got_count;
}

uint32_t port_take(struct port *p)
{
	uint32_t count = p->got_count;

	for (uint32_t i = 0; i < count; i++)
		receive_one(p, ring_buffer(p->rx, p->got[i]), p->got_lens[i]);
	ring_put(p->rx, p->got, count, p->rx->shape.stride);
	p->got_count = 0;
	return count;
}

static void tell(struct ring *r, uint16_t *told)
{
	if (*told != r->avail)
		ring_kick(r, *told);
	*told = r->avail;
}

void port_kick(struct port *p)
{
	tell(p->tx, &p->tx_told);
	tell(p->rx, &p->rx_told);
}

void port_send_now(struct port *p, uint32_t count, uint32_t size)
{
	port_send(p, count, size);
	ring_fence();
	port_kick(p);
}

uint32_t port_receive(struct port *p)
{
	uint32_t count;

	if (port_peek(p, true) == 0)
		return 0;
	count = port_take(p);
	ring_fence();
	port_kick(p);
	return count;
}
