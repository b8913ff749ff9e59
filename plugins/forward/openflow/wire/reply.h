/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/reply.h - how entries are added to an answer of several messages; for encode_*.c.
 *
 *	at = of_entry_begin(r); of_put...(r->to.writer, ...); of_entry_end(r, at);
 */
#ifndef OPENFLOW_WIRE_REPLY_H
#define OPENFLOW_WIRE_REPLY_H

#include "wire/encode.h"

/* [any] Where the entry begins, in a message that is open. */
uint32_t of_entry_begin(struct of_reply *r);

/* [any] Moves the entry to a message of its own if it was too much for this one. */
void of_entry_end(struct of_reply *r, uint32_t at);

/* [any] The same for an entry whose first two bytes are its length. */
void of_entry_end_sized(struct of_reply *r, uint32_t at);

/* [any] The structure of a port, as FEATURES of 1.0, PORT_STATUS and PORT_DESC have it. */
void of_port_put(struct of_writer *w, uint8_t version, const struct of_port_view *v);

#endif /* OPENFLOW_WIRE_REPLY_H */
