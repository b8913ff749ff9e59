/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/wire.c - the bytes of frames and of the bodies that are not JSON.
 *
 *   0 "XVSM" | 4 len | 8 type | 10 flags | 12 sum | 16 sequence | 24 epoch | 32 move | 48 port
 *
 * A reader believes a length only as far as the type allows, and grows its buffer by what has
 * arrived, so a peer must send what it wants us to keep.
 */
#include "state/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"

enum { AT_LEN = 4, AT_TYPE = 8, AT_FLAGS = 10, AT_SUM = 12, AT_SEQUENCE = 16, AT_EPOCH = 24 };
enum { AT_MOVE = 32, AT_PORT = 48, ROOM_STEP = 64 << 10 };

static const uint8_t magic[4] = { 'X', 'V', 'S', 'M' };

static const struct {
	const char *name;
	uint32_t max;
} types[WIRE_TYPES] = {
	[WIRE_HELLO] = { "hello", WIRE_HELLO_MAX },
	[WIRE_ADMIT] = { "admit", 16 << 20 },
	[WIRE_ADMITTED] = { "admitted", 1 << 20 },
	[WIRE_REFUSED] = { "refused", 1 << 20 },
	[WIRE_PREPARE] = { "prepare", 0 },
	[WIRE_PREPARED] = { "prepared", 0 },
	[WIRE_STATE] = { "state", WIRE_PIECE },
	[WIRE_ROUND] = { "round", WIRE_ROUND_BYTES },
	[WIRE_TAKEN] = { "taken", WIRE_ROUND_BYTES },
	[WIRE_READY] = { "ready", 1 << 20 },
	[WIRE_COMMIT] = { "commit", 0 },
	[WIRE_OPENED] = { "opened", 1 << 20 },
	[WIRE_DONE] = { "done", 1 << 20 },
	[WIRE_ABORT] = { "abort", 4 << 10 },
	[WIRE_ABORTED] = { "aborted", 0 },
	[WIRE_FRAME] = { "frame", 65600 },
	[WIRE_PING] = { "ping", 0 },
	[WIRE_PONG] = { "pong", 0 },
};

static uint64_t get_be64(const uint8_t *b)
{
	return (uint64_t)get_be32(b) << 32 | get_be32(b + 4);
}

static void put_be64(uint8_t *b, uint64_t v)
{
	put_be32(b, (uint32_t)(v >> 32));
	put_be32(b + 4, (uint32_t)v);
}

const char *wire_type_name(uint16_t type)
{
	return type < WIRE_TYPES && types[type].name ? types[type].name : "unknown";
}

uint32_t wire_body_max(uint16_t type)
{
	return type < WIRE_TYPES && types[type].name ? types[type].max : WIRE_PIECE;
}

/* The sum itself counts as zero. */
static uint32_t sum_of(const uint8_t head[WIRE_HEAD], const void *body, size_t len)
{
	static const uint8_t zero[4];
	uint32_t sum = crc32c(0, head, AT_SUM);

	sum = crc32c(sum, zero, sizeof(zero));
	sum = crc32c(sum, head + AT_SEQUENCE, WIRE_HEAD - AT_SEQUENCE);
	return crc32c(sum, body, len);
}

void wire_head_write(const struct wire_head *h, const void *body, uint8_t out[WIRE_HEAD])
{
	memcpy(out, magic, sizeof(magic));
	put_be32(out + AT_LEN, h->len);
	put_be16(out + AT_TYPE, h->type);
	put_be16(out + AT_FLAGS, h->flags);
	put_be64(out + AT_SEQUENCE, h->sequence);
	put_be64(out + AT_EPOCH, h->epoch);
	memcpy(out + AT_MOVE, h->move, WIRE_ID);
	memcpy(out + AT_PORT, h->port, WIRE_ID);
	put_be32(out + AT_SUM, sum_of(out, body, h->len));
}

static void head_read(const uint8_t b[WIRE_HEAD], struct wire_head *out)
{
	out->len = get_be32(b + AT_LEN);
	out->type = get_be16(b + AT_TYPE);
	out->flags = get_be16(b + AT_FLAGS);
	out->sequence = get_be64(b + AT_SEQUENCE);
	out->epoch = get_be64(b + AT_EPOCH);
	memcpy(out->move, b + AT_MOVE, WIRE_ID);
	memcpy(out->port, b + AT_PORT, WIRE_ID);
}

/* ---- reading ------------------------------------------------------------------------------------- */

static int check_head(const struct wire_reader *r, const struct wire_head *h, struct xvs_error *err)
{
	if (memcmp(r->bytes, magic, sizeof(magic)) != 0)
		return error_set(err, -EPROTO, "", "what came is no frame");
	if (h->sequence != r->sequence + 1)
		return error_set(err, -EPROTO, "", "frame %llu came after frame %llu",
				 (unsigned long long)h->sequence, (unsigned long long)r->sequence);
	if (h->len > wire_body_max(h->type))
		return error_set(err, -EPROTO, "", "a body of %u bytes, but \"%s\" has %u at most",
				 h->len, wire_type_name(h->type), wire_body_max(h->type));
	if (h->flags & ~(WIRE_CRITICAL | WIRE_FIRST | WIRE_LAST))
		return error_set(err, -EPROTO, "", "unknown flags %#x of \"%s\"", h->flags,
				 wire_type_name(h->type));
	if ((h->flags & WIRE_CRITICAL) && strcmp(wire_type_name(h->type), "unknown") == 0)
		return error_set(err, -EPROTO, "",
				 "critical frame of unknown type %u: the other side is newer",
				 h->type);
	return 0;
}

/* Room for a frame as far as it has arrived, with some more. */
static int grow(struct wire_reader *r, size_t need)
{
	size_t room = need + ROOM_STEP;
	uint8_t *grown;

	if (need <= r->room)
		return 0;
	if (room < 2 * r->room)
		room = 2 * r->room;
	grown = realloc(r->bytes, room);
	if (!grown)
		return -ENOMEM;
	r->bytes = grown;
	r->room = room;
	return 0;
}

/* Takes some of [*bytes, +*len), so much that the frame has 'need' of them; false: not there yet. */
static bool fill(struct wire_reader *r, size_t need, const uint8_t **bytes, size_t *len)
{
	size_t missing = need - r->len;
	size_t taken = missing < *len ? missing : *len;

	memcpy(r->bytes + r->len, *bytes, taken);
	r->len += taken;
	*bytes += taken;
	*len -= taken;
	return r->len == need;
}

/* 1: a whole frame is there; 0: not yet. */
static int read_one(struct wire_reader *r, const uint8_t **bytes, size_t *len, struct wire_head *h,
		    struct xvs_error *err)
{
	int code;

	if (grow(r, r->len + *len > WIRE_HEAD ? WIRE_HEAD : r->len + *len))
		return error_set(err, -ENOMEM, "", "out of memory");
	if (r->len < WIRE_HEAD && !fill(r, WIRE_HEAD, bytes, len))
		return 0;
	head_read(r->bytes, h);
	code = check_head(r, h, err);
	if (code)
		return code;
	if (grow(r, r->len + *len < WIRE_HEAD + h->len ? r->len + *len : WIRE_HEAD + h->len))
		return error_set(err, -ENOMEM, "", "out of memory");
	if (!fill(r, WIRE_HEAD + h->len, bytes, len))
		return 0;
	if (get_be32(r->bytes + AT_SUM) != sum_of(r->bytes, r->bytes + WIRE_HEAD, h->len))
		return error_set(err, -EPROTO, "", "the sum of \"%s\" is wrong",
				 wire_type_name(h->type));
	r->sequence = h->sequence;
	r->len = 0;
	return 1;
}

int wire_read(struct wire_reader *r, const uint8_t *bytes, size_t len,
	      bool (*got)(void *arg, const struct wire_head *h, const uint8_t *body), void *arg,
	      struct xvs_error *err)
{
	struct wire_head h;
	int code = 1;

	while (len > 0 && code == 1) {
		code = read_one(r, &bytes, &len, &h, err);
		if (code == 1 && !got(arg, &h, r->bytes + WIRE_HEAD))
			return 0;
	}
	return code < 0 ? code : 0;
}

void wire_reader_finish(struct wire_reader *r)
{
	free(r->bytes);
	*r = (struct wire_reader){ .bytes = NULL };
}

/* ---- bodies -------------------------------------------------------------------------------------- */

/* Text of a peer: printable ASCII, so that it can be shown. */
static bool take_text(struct cursor *c, size_t len, char *out, size_t size)
{
	const uint8_t *text = len < size ? cursor_take(c, len) : NULL;

	if (!text)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

size_t wire_hello_write(const struct wire_hello *h, uint8_t out[WIRE_HELLO_MAX])
{
	size_t len = strnlen(h->daemon, sizeof(h->daemon) - 1);

	put_be16(out, h->lowest);
	put_be16(out + 2, h->highest);
	put_be32(out + 4, 0);
	memcpy(out + 8, h->daemon, len);
	return 8 + len;
}

bool wire_hello_read(const uint8_t *body, size_t len, struct wire_hello *out)
{
	struct cursor c = cursor_of(body, len);
	const uint8_t *head = cursor_take(&c, 8);

	if (!head)
		return false;
	out->lowest = get_be16(head);
	out->highest = get_be16(head + 2);
	return out->lowest <= out->highest && out->lowest > 0 &&
	       take_text(&c, len - 8, out->daemon, sizeof(out->daemon));
}

uint16_t wire_version(const struct wire_hello *theirs)
{
	return theirs->lowest <= WIRE_VERSION && WIRE_VERSION <= theirs->highest ? WIRE_VERSION : 0;
}

void wire_round_write(const struct wire_round *r, uint8_t out[WIRE_ROUND_BYTES])
{
	put_be32(out, r->number);
	put_be32(out + 4, r->is_last);
	put_be64(out + 8, r->records);
	put_be64(out + 16, r->bytes);
}

bool wire_round_read(const uint8_t *body, size_t len, struct wire_round *out)
{
	if (len != WIRE_ROUND_BYTES || get_be32(body + 4) > 1)
		return false;
	out->number = get_be32(body);
	out->is_last = get_be32(body + 4) == 1;
	out->records = get_be64(body + 8);
	out->bytes = get_be64(body + 16);
	return true;
}

size_t wire_record_write(const struct wire_record *r, uint8_t out[WIRE_RECORD_HEAD_MAX])
{
	size_t len = strnlen(r->owner, sizeof(r->owner) - 1);

	put_be16(out, (uint16_t)len);
	put_be16(out + 2, 0);
	put_be32(out + 4, r->format);
	memcpy(out + 8, r->owner, len);
	return 8 + len;
}

bool wire_record_read(const uint8_t *body, size_t len, struct wire_record *out, size_t *at)
{
	struct cursor c = cursor_of(body, len);
	const uint8_t *head = cursor_take(&c, 8);

	if (!head || get_be16(head) == 0 || get_be16(head + 2) != 0)
		return false;
	out->format = get_be32(head + 4);
	if (!take_text(&c, get_be16(head), out->owner, sizeof(out->owner)))
		return false;
	*at = (size_t)(c.at - body);
	return true;
}
