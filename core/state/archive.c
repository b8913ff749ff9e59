/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state/archive.c - frames into a file and out of it.
 */
#include "state/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "state/move.h"

/* ---- out ---------------------------------------------------------------------------------------- */

static int frame_put(struct archive_out *o, struct wire_head *h, const void *body,
		     struct xvs_error *err)
{
	uint8_t head[WIRE_HEAD];
	int code;

	if (h->len > wire_body_max(h->type))
		return error_set(err, -EMSGSIZE, "", "what is said of the port is too long");
	h->flags |= WIRE_CRITICAL;
	h->sequence = ++o->sequence;
	memcpy(h->move, o->id, WIRE_ID);
	memcpy(h->port, o->port, WIRE_ID);
	wire_head_write(h, body, head);
	code = o->write(o->arg, head, sizeof(head));
	if (code == 0 && h->len)
		code = o->write(o->arg, body, h->len);
	return code ? error_set(err, code, "", "it cannot be written: %s", strerror(-code)) : 0;
}

int archive_begin(struct archive_out *o, const json_t *description, struct xvs_error *err)
{
	char *text = description ? json_dumps(description, JSON_COMPACT) : NULL;
	struct wire_head h = { .type = WIRE_ADMIT };
	int code;

	if (!text)
		return error_set(err, -ENOMEM, "", "out of memory");
	h.len = (uint32_t)strlen(text);
	code = frame_put(o, &h, text, err);
	free(text);
	return code;
}

/* In as many frames as it takes; the first begins with its head. */
static int record_put(struct archive_out *o, const uint8_t *bytes, size_t len,
		      struct xvs_error *err)
{
	size_t at = 0;
	int code;

	do {
		size_t piece = len - at < WIRE_PIECE ? len - at : WIRE_PIECE;
		struct wire_head h = { .type = WIRE_STATE,
				       .flags = (uint16_t)((at == 0 ? WIRE_FIRST : 0) |
							   (at + piece == len ? WIRE_LAST : 0)),
				       .len = (uint32_t)piece };

		code = frame_put(o, &h, bytes + at, err);
		at += piece;
	} while (code == 0 && at < len);
	return code;
}

int archive_record(struct archive_out *o, const struct content_record *r, struct xvs_error *err)
{
	struct wire_record head = { .format = r->format };
	size_t len = WIRE_RECORD_HEAD_MAX + r->len;
	uint8_t *bytes;
	int code;

	if (r->len > WIRE_RECORD - WIRE_RECORD_HEAD_MAX)
		return error_set(err, -EMSGSIZE, "", "a record of %s is too long", r->owner);
	bytes = malloc(len);
	if (!bytes)
		return error_set(err, -ENOMEM, "", "out of memory");
	(void)snprintf(head.owner, sizeof(head.owner), "%s", r->owner);
	len = wire_record_write(&head, bytes);
	if (r->len)
		memcpy(bytes + len, r->data, r->len);
	code = record_put(o, bytes, len + r->len, err);
	free(bytes);
	if (code)
		return code;
	o->records++;
	o->bytes += r->len;
	return 0;
}

int archive_end(struct archive_out *o, struct xvs_error *err)
{
	const struct wire_round round = {
		.number = 1, .is_last = true, .records = o->records, .bytes = o->bytes
	};
	struct wire_head h = { .type = WIRE_ROUND, .len = WIRE_ROUND_BYTES };
	uint8_t body[WIRE_ROUND_BYTES];

	wire_round_write(&round, body);
	return frame_put(o, &h, body, err);
}

/* ---- in ----------------------------------------------------------------------------------------- */

struct archive_in {
	struct archive_reader to;
	struct wire_reader wire;
	struct arrival a;
	uint8_t id[WIRE_ID];
	uint8_t *bytes; /* of a record that is not whole */
	size_t len, room;
	uint64_t records, total;
	bool is_described, is_in_record, is_whole;
	int code; /* of a frame that was refused */
	struct xvs_error *err;
};

struct archive_in *archive_open(const struct archive_reader *reader)
{
	struct archive_in *in = calloc(1, sizeof(*in));

	if (in)
		in->to = *reader;
	return in;
}

void archive_close(struct archive_in *in)
{
	if (!in)
		return;
	wire_reader_finish(&in->wire);
	offer_finish(&in->a);
	free(in->bytes);
	free(in);
}

static int take_description(struct archive_in *in, const struct wire_head *h, const uint8_t *body)
{
	json_t *offer;
	int code;

	if (in->is_described)
		return error_set(in->err, -EPROTO, "", "it says twice what the port is");
	offer = body_json(body, h->len, in->err);
	if (!offer)
		return in->err->code;
	memcpy(in->id, h->move, WIRE_ID);
	memcpy(in->a.uuid, h->port, WIRE_ID);
	in->is_described = true;
	code = offer_read(offer, &in->a, in->err);
	json_decref(offer);
	return code ? code : in->to.described(in->to.arg, &in->a, in->err);
}

static const struct content_owner *owner_of(const struct archive_in *in, const char *id,
					    uint32_t format)
{
	for (size_t i = 0; i < in->a.owner_count; i++) {
		const struct content_owner *o = &in->a.owners[i];

		if (strcmp(o->id, id) != 0)
			continue;
		/* once it was said which format is read, that one alone */
		if (format == 0 || (o->format && format != o->format))
			return NULL;
		return format >= o->oldest && format <= o->newest ? o : NULL;
	}
	return NULL;
}

static int record_take(struct archive_in *in, const uint8_t *bytes, size_t len)
{
	const struct content_owner *owner;
	struct wire_record head;
	size_t at;
	struct content_record r;

	if (!wire_record_read(bytes, len, &head, &at))
		return error_set(in->err, -EPROTO, "", "a record without an owner");
	owner = owner_of(in, head.owner, head.format);
	if (!owner)
		return error_set(in->err, -EPROTO, "",
				 "a record of an owner or format that it did not tell of");
	r = (struct content_record){ .owner = head.owner,
				     .format = head.format,
				     .is_critical = owner->is_critical,
				     .data = bytes + at,
				     .len = len - at };
	in->records++;
	in->total += r.len;
	return in->to.record(in->to.arg, &r, in->err);
}

static int collect(struct archive_in *in, const uint8_t *body, size_t len)
{
	size_t room = in->room ? in->room : WIRE_PIECE;
	uint8_t *bytes = in->bytes;

	if (len > WIRE_RECORD - in->len)
		return error_set(in->err, -EMSGSIZE, "", "a record of more than %d bytes",
				 WIRE_RECORD);
	while (room < in->len + len)
		room *= 2;
	if (room != in->room)
		bytes = realloc(in->bytes, room);
	if (!bytes)
		return error_set(in->err, -ENOMEM, "", "out of memory");
	in->bytes = bytes;
	in->room = room;
	memcpy(in->bytes + in->len, body, len);
	in->len += len;
	return 0;
}

static int take_state(struct archive_in *in, const struct wire_head *h, const uint8_t *body)
{
	bool is_first = h->flags & WIRE_FIRST;
	bool is_last = h->flags & WIRE_LAST;
	int code;

	if (is_first == in->is_in_record)
		return error_set(in->err, -EPROTO, "", "a part of a record out of place");
	if (is_first && is_last)
		return record_take(in, body, h->len);
	in->is_in_record = !is_last;
	code = collect(in, body, h->len);
	if (code == 0 && is_last) {
		code = record_take(in, in->bytes, in->len);
		in->len = 0;
	}
	return code;
}

static int take_end(struct archive_in *in, const struct wire_head *h, const uint8_t *body)
{
	struct wire_round round;

	if (!wire_round_read(body, h->len, &round) || !round.is_last || in->is_in_record ||
	    round.records != in->records || round.bytes != in->total)
		return error_set(in->err, -EPROTO, "", "its end does not fit what was before");
	in->is_whole = true;
	return 0;
}

static int take_frame(struct archive_in *in, const struct wire_head *h, const uint8_t *body)
{
	if (in->is_whole)
		return error_set(in->err, -EPROTO, "", "there is something behind its end");
	if (in->is_described &&
	    (memcmp(h->move, in->id, WIRE_ID) != 0 || memcmp(h->port, in->a.uuid, WIRE_ID) != 0))
		return error_set(in->err, -EPROTO, "", "a part of it is of another file");
	if (!in->is_described && h->type != WIRE_ADMIT)
		return error_set(in->err, -EPROTO, "", "it does not begin with what the port is");
	switch (h->type) {
	case WIRE_ADMIT:
		return take_description(in, h, body);
	case WIRE_STATE:
		return take_state(in, h, body);
	case WIRE_ROUND:
		return take_end(in, h, body);
	default:
		if (!(h->flags & WIRE_CRITICAL))
			return 0;
		return error_set(in->err, -EPROTO, "", "a part of it is not known here");
	}
}

static bool on_frame(void *arg, const struct wire_head *h, const uint8_t *body)
{
	struct archive_in *in = arg;

	in->code = take_frame(in, h, body);
	return in->code == 0;
}

int archive_read(struct archive_in *in, const uint8_t *bytes, size_t len, struct xvs_error *err)
{
	int code;

	in->err = err;
	in->code = 0;
	code = wire_read(&in->wire, bytes, len, on_frame, in, err);
	in->err = NULL;
	return code ? code : in->code;
}

int archive_finish(struct archive_in *in, struct xvs_error *err)
{
	if (in->is_whole && in->wire.len == 0)
		return 0;
	return error_set(err, -EPROTO, "", "it is cut short");
}
