/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/buffers.h - packets whose beginning alone a controller was told, kept until it says what becomes of
 * them: OpenFlow 1.3.5, 7.4.1 and A.4.1.  All of it belongs to the control thread.
 *
 * A packet is kept for a second at least, then until its place is needed.  Where every place is younger, the
 * controller gets the whole packet.  Nobody but the controller that was told of it can use it.
 */
#ifndef OPENFLOW_AGENT_BUFFERS_H
#define OPENFLOW_AGENT_BUFFERS_H

#include "model/fault.h"
#include "wire/message.h"

enum { OF_BUFFERS = 256 };

struct of_buffer {
	const void *owner; /* a controller */
	uint8_t *bytes;    /* NULL: the controller has used it */
	uint32_t len;
	uint32_t id;
	uint32_t in_port; /* of OpenFlow */
	bool is_claimed;  /* by a flow-mod that may still be refused */
	uint64_t since_ns;
};

struct of_buffers {
	struct of_buffer slots[OF_BUFFERS];
	uint32_t next;    /* the oldest */
	uint32_t claimed; /* how many are */
};

/* Keep a copy; its id, or OF_NO_BUFFER. */
uint32_t of_buffers_keep(struct of_buffers *b, const void *owner, struct of_bytes packet,
			 uint32_t in_port, uint64_t now_ns);

/* The one of 'id'; else 'fault' says whether the owner had one. */
struct of_buffer *of_buffers_find(struct of_buffers *b, const void *owner, uint32_t id,
				  of_fault *fault);

/* The owner has gone. */
void of_buffers_forget(struct of_buffers *b, const void *owner);

void of_buffer_free(struct of_buffer *buffer);
void of_buffers_destroy(struct of_buffers *b);

#endif /* OPENFLOW_AGENT_BUFFERS_H */
