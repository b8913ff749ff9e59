/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/bytes.c - moving bytes between a packet's linear part, its buffers and lent memory.
 *
 * Two invariants make sharing simple.  The linear part of one packet only is in any buffer: what
 * others have there is their 'rest'.  And 'rest' without a buffer in 'shared' is lent, like
 * 'tail': it is what pulling has left of a lent run.
 */
#include <assert.h>
#include <errno.h>

#include "packet/headers.h"

static uint8_t *storage_start(struct packet *p)
{
	return p->buffer ? p->buffer->bytes : p->head;
}

static uint32_t storage_size(const struct packet *p)
{
	return p->buffer ? p->buffer->size : (uint32_t)sizeof(p->head);
}

/* True: 'want' linear bytes fit where 'data' is now, and nobody else has bytes there. */
static bool has_room(struct packet *p, uint32_t want)
{
	uint32_t at = (uint32_t)(p->x.data - storage_start(p));

	if (p->buffer && p->buffer->refs > 1)
		return false;
	return want <= storage_size(p) - at;
}

/* Moves the linear bytes to where 'want' of them fit: 'head' if that is free, else a buffer. */
static int move_linear(struct packet *p, uint32_t want)
{
	uint8_t *to = p->head + XVS_HEADROOM;
	struct buffer *b = NULL;

	if (want > BUFFER_LARGE - XVS_HEADROOM)
		return -ENOBUFS;
	if (!p->buffer || want > PACKET_PARSE) {
		b = buffer_new(p->pool, XVS_HEADROOM + want);
		if (!b)
			return -ENOBUFS;
		to = b->bytes + XVS_HEADROOM;
	}
	memcpy(to, p->x.data, p->x.linear);
	if (p->buffer)
		buffer_put(p->pool, p->buffer);
	p->buffer = b;
	p->x.data = to;
	p->x.headroom = XVS_HEADROOM;
	p->x.flags &= ~(uint32_t)XVS_PKT_SHARED;
	return 0;
}

static void drop_rest(struct packet *p)
{
	if (p->shared)
		buffer_put(p->pool, p->shared);
	p->shared = NULL;
	p->rest = (struct iovec){ NULL, 0 };
}

/* Rest is used up: the next lent run takes its place. */
static void next_rest(struct packet *p)
{
	drop_rest(p);
	assert(p->tail_count > 0);
	p->rest = *p->tail++;
	p->tail_count--;
}

/* Takes 'count' bytes from the front of what is behind the linear part. */
static void take(struct packet *p, uint8_t *to, uint32_t count)
{
	while (count > 0) {
		size_t some = p->rest.iov_len < count ? p->rest.iov_len : count;

		if (some == 0) {
			next_rest(p);
			continue;
		}
		memcpy(to, p->rest.iov_base, some);
		to += some;
		count -= (uint32_t)some;
		p->rest.iov_base = (uint8_t *)p->rest.iov_base + some;
		p->rest.iov_len -= some;
	}
	if (p->rest.iov_len == 0)
		drop_rest(p);
}

/* Copies what is behind the linear part, 'len' bytes of it, into one buffer of our own. */
static int gather_rest(struct packet *p, uint32_t len)
{
	struct buffer *b = buffer_new(p->pool, len);

	if (!b)
		return -ENOBUFS;
	take(p, b->bytes, len);
	drop_rest(p);
	p->shared = b;
	p->rest = (struct iovec){ b->bytes, len };
	p->tail = NULL;
	p->tail_count = 0;
	return 0;
}

bool packet_read(const struct packet *p, uint32_t off, void *to, uint32_t len)
{
	uint8_t *out = to;

	if (off > p->x.len || len > p->x.len - off)
		return false;
	for (uint32_t i = 0; len > 0 && i < packet_runs(p); i++) {
		struct iovec run = packet_run(p, i);
		size_t some;

		if (off >= run.iov_len) {
			off -= (uint32_t)run.iov_len;
			continue;
		}
		some = run.iov_len - off < len ? run.iov_len - off : len;
		memcpy(out, (const uint8_t *)run.iov_base + off, some);
		out += some;
		len -= (uint32_t)some;
		off = 0;
	}
	return len == 0;
}

int packet_pull(struct packet *p, uint32_t want)
{
	int err;

	if (want <= p->x.linear)
		return 0;
	if (want > p->x.len)
		return -ENODATA;
	if (!has_room(p, want)) {
		err = move_linear(p, want);
		if (err)
			return err;
	}
	take(p, p->x.data + p->x.linear, want - p->x.linear);
	p->x.linear = want;
	return 0;
}

int packet_unshare(struct packet *p)
{
	if (!(p->x.flags & XVS_PKT_SHARED))
		return 0;
	if (p->buffer && p->buffer->refs > 1)
		return move_linear(p, p->x.linear);
	p->x.flags &= ~(uint32_t)XVS_PKT_SHARED;
	return 0;
}

int packet_own(struct packet *p)
{
	bool is_lent = p->tail_count > 0 || (p->rest.iov_len > 0 && !p->shared);

	if (!is_lent)
		return 0;
	if (p->x.len == p->x.linear || has_room(p, p->x.len)) {
		int err = packet_pull(p, p->x.len);

		p->tail_count = 0; /* what may remain is empty runs */
		return err;
	}
	return gather_rest(p, p->x.len - p->x.linear);
}

void packet_copy_facts(struct packet *to, const struct packet *from)
{
	uint8_t *data = to->x.data;
	uint32_t len = to->x.len;
	uint32_t linear = to->x.linear;
	uint16_t headroom = to->x.headroom;

	to->x = from->x;
	to->x.flags &= ~(uint32_t)XVS_PKT_SHARED;
	to->x.data = data;
	to->x.len = len;
	to->x.linear = linear;
	to->x.headroom = headroom;
	to->x.host = to;
	to->segment = from->segment;
}

/*
 * The clone's rest is what is behind its own first 'keep' bytes.  It is shared where that is one
 * run in a buffer; linear bytes and a rest behind them are two, and copied into one.
 */
static int clone_rest(struct packet *clone, struct packet *p, uint32_t keep)
{
	uint32_t more = p->x.linear - keep;
	uint32_t len = more + (uint32_t)p->rest.iov_len;
	struct buffer *b;

	if (more == 0) {
		clone->rest = p->rest;
		clone->shared = p->shared;
	} else if (p->buffer && p->rest.iov_len == 0) {
		clone->rest = (struct iovec){ p->x.data + keep, more };
		clone->shared = p->buffer;
		p->x.flags |= XVS_PKT_SHARED;
	} else {
		b = buffer_new(p->pool, len);
		if (!b)
			return -ENOBUFS;
		packet_read(p, keep, b->bytes, len);
		clone->rest = (struct iovec){ b->bytes, len };
		clone->shared = b;
		return 0;
	}
	if (clone->shared)
		clone->shared->refs++;
	return 0;
}

enum { STEP = 64 }; /* bytes that are copied at once, where what is behind them may be copied too */

/* The first 'keep' bytes, at most PACKET_PARSE, for which 'to' has room in its head. */
static void clone_head(uint8_t *to, struct packet *p, uint32_t keep)
{
	uint32_t at = (uint32_t)(p->x.data - storage_start(p));

	if (storage_size(p) - at < PACKET_PARSE) {
		memcpy(to, p->x.data, keep);
		return;
	}
	for (uint32_t off = 0; off < keep; off += STEP)
		memcpy(to + off, p->x.data + off, STEP);
}

static int clone_fill(struct packet *clone, struct packet *p)
{
	uint32_t keep = p->x.linear < PACKET_PARSE ? p->x.linear : PACKET_PARSE;

	if ((p->x.linear > keep || p->rest.iov_len > 0) && clone_rest(clone, p, keep) != 0)
		return -ENOBUFS;
	packet_copy_facts(clone, p);
	clone_head(clone->x.data, p, keep);
	clone->x.linear = keep;
	clone->x.len = p->x.len;
	clone->tail = p->tail;
	clone->tail_count = p->tail_count;
	return 0;
}

struct packet *packet_clone(struct packet *p)
{
	struct packet *clone = NULL;

	(void)packet_clone_burst(p->pool, &p, &clone, 1);
	return clone;
}

uint32_t packet_clone_burst(struct pool *pool, struct packet *const *pkts, struct packet **out,
			    uint32_t count)
{
	uint32_t got = packet_new_burst(pool, out, count);
	uint32_t made = 0;

	while (made < got && clone_fill(out[made], pkts[made]) == 0)
		made++;
	packet_free_burst(pool, out + made, got - made);
	for (uint32_t i = made; i < got; i++)
		out[i] = NULL;
	return made;
}

int packet_iov(const struct packet *p, struct iovec *iov, int max)
{
	int count = 0;

	for (uint32_t i = 0; i < packet_runs(p); i++) {
		struct iovec run = packet_run(p, i);

		if (run.iov_len == 0)
			continue;
		if (count == max)
			return -1;
		iov[count++] = run;
	}
	return count;
}

static uint64_t behind_linear(const struct packet *p)
{
	uint64_t len = 0;

	for (uint32_t i = 1; i < packet_runs(p); i++)
		len += packet_run(p, i).iov_len;
	return len;
}

/* Cuts what is behind the linear part to 'len' bytes, less than there are. */
static bool trim_rest(struct packet *p, uint32_t len)
{
	if (len > p->rest.iov_len)
		return gather_rest(p, len) == 0;
	p->tail_count = 0;
	p->rest.iov_len = len;
	if (len == 0)
		drop_rest(p);
	return true;
}

static bool settle_runs(struct packet *p)
{
	uintptr_t start = (uintptr_t)storage_start(p);
	uintptr_t data = (uintptr_t)p->x.data;
	uintptr_t end = start + storage_size(p);
	uint64_t behind = behind_linear(p);

	if (data < start || data > end || p->x.linear > end - data)
		return false;
	p->x.headroom = (uint16_t)(data - start < UINT16_MAX ? data - start : UINT16_MAX);
	if (p->x.linear > p->x.len)
		p->x.linear = p->x.len;
	if (p->x.len - p->x.linear > behind)
		return false;
	return p->x.len - p->x.linear == behind || trim_rest(p, p->x.len - p->x.linear);
}

bool packet_settle(struct packet *p)
{
	if (settle_runs(p))
		return true;
	drop_rest(p);
	p->tail_count = 0;
	if (p->buffer)
		buffer_put(p->pool, p->buffer);
	p->buffer = NULL;
	p->x.data = p->head + XVS_HEADROOM;
	p->x.headroom = XVS_HEADROOM;
	p->x.len = 0;
	p->x.linear = 0;
	return false;
}
