/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/writer.c - writes messages into memory that grows up to a limit.
 */
#include "wire/writer.h"

#include <stdlib.h>
#include <string.h>

#include "wire/protocol.h"

enum { FIRST_ROOM = 512 };

void of_writer_init(struct of_writer *w, uint32_t limit)
{
	*w = (struct of_writer){ .limit = limit };
}

void of_writer_finish(struct of_writer *w)
{
	free(w->bytes);
	*w = (struct of_writer){ .limit = w->limit };
}

void of_writer_reset(struct of_writer *w)
{
	of_rollback(w, 0);
}

void of_rollback(struct of_writer *w, uint32_t len)
{
	if (len < w->len)
		w->len = len;
	w->is_failed = false;
}

/* Doubles until 'len' more fit: what was put is moved a bounded number of times. */
static bool grow(struct of_writer *w, uint32_t len)
{
	uint64_t need = (uint64_t)w->len + len;
	uint64_t room = w->room ? w->room : FIRST_ROOM;
	uint8_t *bytes;

	if (need > w->limit)
		return false;
	while (room < need)
		room *= 2;
	if (room > w->limit)
		room = w->limit;
	bytes = realloc(w->bytes, room);
	if (!bytes)
		return false;
	w->bytes = bytes;
	w->room = (uint32_t)room;
	return true;
}

/* Room for 'len' bytes, which the caller sets all. */
static uint8_t *put_raw(struct of_writer *w, uint32_t len)
{
	uint8_t *at;

	if (w->is_failed)
		return NULL;
	if ((!w->bytes || len > w->room - w->len) && !grow(w, len)) {
		w->is_failed = true;
		return NULL;
	}
	at = w->bytes + w->len;
	w->len += len;
	return at;
}

uint8_t *of_put_room(struct of_writer *w, uint32_t len)
{
	uint8_t *at = put_raw(w, len);

	return at ? memset(at, 0, len) : NULL;
}

void of_put(struct of_writer *w, const void *bytes, uint32_t len)
{
	uint8_t *at = len ? put_raw(w, len) : NULL;

	if (at)
		memcpy(at, bytes, len);
}

void of_put_zeros(struct of_writer *w, uint32_t len)
{
	(void)of_put_room(w, len);
}

static void put_number(struct of_writer *w, uint64_t v, uint32_t bytes)
{
	uint8_t *at = put_raw(w, bytes);

	if (!at)
		return;
	for (uint32_t i = bytes; i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
}

void of_put8(struct of_writer *w, uint8_t v)
{
	put_number(w, v, 1);
}

void of_put16(struct of_writer *w, uint16_t v)
{
	put_number(w, v, 2);
}

void of_put32(struct of_writer *w, uint32_t v)
{
	put_number(w, v, 4);
}

void of_put64(struct of_writer *w, uint64_t v)
{
	put_number(w, v, 8);
}

void of_put_name(struct of_writer *w, const char *text, uint32_t size)
{
	uint8_t *at = of_put_room(w, size);

	if (at && text)
		memcpy(at, text, strnlen(text, size - 1));
}

void of_patch16(struct of_writer *w, uint32_t at, uint16_t v)
{
	if (w->is_failed || at + 2 > w->len)
		return;
	w->bytes[at] = (uint8_t)(v >> 8);
	w->bytes[at + 1] = (uint8_t)v;
}

void of_put_pad8(struct of_writer *w, uint32_t from)
{
	of_put_zeros(w, (8 - (w->len - from) % 8) % 8);
}

uint32_t of_begin(struct of_writer *w, uint8_t version, uint8_t type, uint32_t xid)
{
	uint32_t at = w->len;

	of_put8(w, version);
	of_put8(w, type);
	of_put16(w, 0);
	of_put32(w, xid);
	return at;
}

void of_end(struct of_writer *w, uint32_t at)
{
	if (w->len - at > OFP_MESSAGE_MAX)
		w->is_failed = true;
	of_patch16(w, at + 2, (uint16_t)(w->len - at));
}
