/* SPDX-License-Identifier: Apache-2.0 */
/* agent/buffers.c - packets that wait for a controller: a ring, whose oldest gives way. */
#include "agent/buffers.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t kept_ns = 1000000000;

/* An id is the slot, and above it how often the slot was used: from 1, so that 0 is no id. */
enum { SLOT_BITS = 8, ROUNDS = 1 << 23 };
_Static_assert(OF_BUFFERS == 1 << SLOT_BITS, "an id names its slot");

static uint32_t round_of(uint32_t id)
{
	return id >> SLOT_BITS;
}

uint32_t of_buffers_keep(struct of_buffers *b, const void *owner, struct of_bytes packet,
			 uint32_t in_port, uint64_t now_ns)
{
	struct of_buffer *at = &b->slots[b->next];
	uint32_t round = round_of(at->id) + 1;
	uint8_t *bytes;

	/* a job takes its time, and what was claimed is sent at its end */
	if (at->is_claimed || (at->bytes && now_ns - at->since_ns < kept_ns))
		return OF_NO_BUFFER;
	bytes = malloc(packet.len);
	if (!bytes)
		return OF_NO_BUFFER;
	memcpy(bytes, packet.at, packet.len);
	of_buffer_free(at);
	*at = (struct of_buffer){
		.owner = owner,
		.bytes = bytes,
		.len = packet.len,
		.id = (round < ROUNDS ? round : 1) << SLOT_BITS | b->next,
		.in_port = in_port,
		.since_ns = now_ns,
	};
	b->next = (b->next + 1) % OF_BUFFERS;
	return at->id;
}

struct of_buffer *of_buffers_find(struct of_buffers *b, const void *owner, uint32_t id,
				  of_fault *fault)
{
	struct of_buffer *at = &b->slots[id % OF_BUFFERS];

	if (at->id == id && at->bytes && at->owner == owner)
		return at;
	/* whose the former ones of the slot were is no longer known */
	if (!round_of(id) || round_of(id) > round_of(at->id) ||
	    (at->id == id && at->owner != owner))
		*fault = OF_BAD_REQUEST_BUFFER_UNKNOWN;
	else
		*fault = OF_BAD_REQUEST_BUFFER_EMPTY;
	return NULL;
}

void of_buffers_forget(struct of_buffers *b, const void *owner)
{
	for (uint32_t i = 0; i < OF_BUFFERS; i++) {
		if (b->slots[i].owner != owner)
			continue;
		of_buffer_free(&b->slots[i]);
		b->slots[i].owner = NULL;
	}
}

void of_buffer_free(struct of_buffer *buffer)
{
	free(buffer->bytes);
	buffer->bytes = NULL;
}

void of_buffers_destroy(struct of_buffers *b)
{
	for (uint32_t i = 0; i < OF_BUFFERS; i++)
		of_buffer_free(&b->slots[i]);
}
