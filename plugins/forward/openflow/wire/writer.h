/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/writer.h - writes messages, one behind the other, into memory that grows up to a limit.
 *
 *	at = of_begin(w, version, OFPT_..., xid); of_put...(w, ...); of_end(w, at);
 *
 * No call fails by itself: what has no room sets 'is_failed', after which nothing is
 * written any more; of_rollback() takes back what was begun and makes the writer usable again.
 * Numbers are written in network order.
 */
#ifndef OPENFLOW_WIRE_WRITER_H
#define OPENFLOW_WIRE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

struct of_writer {
	uint8_t *bytes; /* own */
	uint32_t len;
	uint32_t room;
	uint32_t limit;
	bool is_failed;
};

/* [any] Takes no memory yet; 'limit' is the most that it ever takes. */
void of_writer_init(struct of_writer *w, uint32_t limit);

/* [any] Frees what it has; a zeroed one, too. */
void of_writer_finish(struct of_writer *w);

/* [any] Empty again, with the memory that it has. */
void of_writer_reset(struct of_writer *w);

/* [any] As long as it was at 'len', and not failed. */
void of_rollback(struct of_writer *w, uint32_t len);

/* [any] 'len' zeros to be filled in; NULL: no room. */
uint8_t *of_put_room(struct of_writer *w, uint32_t len);

void of_put(struct of_writer *w, const void *bytes, uint32_t len);
void of_put_zeros(struct of_writer *w, uint32_t len);
void of_put8(struct of_writer *w, uint8_t v);
void of_put16(struct of_writer *w, uint16_t v);
void of_put32(struct of_writer *w, uint32_t v);
void of_put64(struct of_writer *w, uint64_t v);

/* [any] A string in 'size' bytes, cut, with at least one zero behind it; NULL: zeros. */
void of_put_name(struct of_writer *w, const char *text, uint32_t size);

/* [any] Overwrites two bytes at 'at', where something was put. */
void of_patch16(struct of_writer *w, uint32_t at, uint16_t v);

/* [any] Zeros up to a multiple of 8, counted from 'from'. */
void of_put_pad8(struct of_writer *w, uint32_t from);

/* [any] A header without its length; returns where it is. */
uint32_t of_begin(struct of_writer *w, uint8_t version, uint8_t type, uint32_t xid);

/*
 * [any] Fills in the length of the message at 'at'.  A message longer than 65535 bytes
 * fails the writer.
 */
void of_end(struct of_writer *w, uint32_t at);

#endif /* OPENFLOW_WIRE_WRITER_H */
