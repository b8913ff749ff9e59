/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/verify.c - every byte of every packet, in both directions; nothing is timed.
 *
 * All sizes that were asked for go through once, each cut into descriptors in another way: in one
 * piece, header apart, anywhere, chained or by an indirect table.  Frames of a direction come out
 * in order and whole; where the switch was asked for a checksum it has put it in or passed the
 * request on; segmentation is passed on.  Behind each frame the receive buffer is as it was.
 */
#include "vgen/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "vgen/vgen.h"

enum { FLIGHT = 8, CANARY = 0xee, CANARY_BYTES = 32, GAP_MAX = 61, QUIET_MS = 50 };

/* One direction. */
struct lane {
	struct ring *tx, *rx;
	bool is_backward;
	uint64_t features;
	uint64_t sent, received; /* serial numbers */
	uint16_t *unused;        /* transmit buffers that are here */
	uint32_t unused_count;
	uint8_t *frame; /* of the packet that has begun to arrive */
	uint32_t frame_len, more;
	uint8_t *wanted;   /* as it should be */
	uint64_t forms[4]; /* how many were put as one piece, chain, table, in order of use */
};

struct verify {
	struct vgen *vgen;
	struct lane lanes[2];
	uint32_t size_min, size_max;
	bool is_announcing; /* what arrives is not looked at */
	struct xvs_error *err;
};

static uint32_t size_of(const struct verify *v, uint64_t serial)
{
	return v->size_min + (uint32_t)(serial % (v->size_max - v->size_min + 1));
}

static struct content content_of(const struct verify *v, const struct lane *l, uint64_t serial)
{
	return (struct content){ .serial = serial,
				 .size = size_of(v, serial),
				 .is_backward = l->is_backward,
				 .features = l->features };
}

/* ---- sending ---------------------------------------------------------------------------------- */

static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return limit ? (uint32_t)(*state >> 16) % limit : 0;
}

/* Cuts 'len' bytes: the first slice holds the header at least, gaps lie between slices. */
static uint32_t cut(uint64_t serial, uint32_t len, uint32_t parts, struct ring_slice *slices)
{
	uint64_t state = serial * 0x2545f4914f6cdd1du + 1;
	uint32_t count = 1 + random_below(&state, parts);
	uint32_t offset = 0;
	uint32_t done = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t rest = len - done - (count - 1 - i);
		uint32_t piece = i + 1 == count ? rest : 1 + random_below(&state, rest);

		if (i == 0 && count > 1)
			piece = serial & 1 || len < 2 * FRONT_HEADER
					? FRONT_HEADER
					: FRONT_HEADER +
						  random_below(&state, len / 2 - FRONT_HEADER);
		slices[i] = (struct ring_slice){ offset, piece };
		done += piece;
		offset += piece + 1 + random_below(&state, GAP_MAX);
		if (done + (count - i) > len) {
			slices[i].len += len - done;
			return i + 1;
		}
	}
	return count;
}

static void scatter(uint8_t *buffer, const uint8_t *bytes, const struct ring_slice *slices,
		    uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		memcpy(buffer + slices[i].offset, bytes, slices[i].len);
		bytes += slices[i].len;
	}
}

static void put_frame(struct lane *l, uint64_t serial, const uint8_t *packet, uint32_t len)
{
	struct ring_slice slices[RING_PARTS_MAX];
	uint32_t count = cut(serial, len, l->tx->shape.parts, slices);
	uint16_t buffer = l->unused[--l->unused_count];
	uint16_t before = l->tx->avail;
	bool is_table = serial >> 1 & 1 && l->features >> FRONT_INDIRECT & 1;

	scatter(ring_buffer(l->tx, buffer), packet, slices, count);
	ring_put_slices(l->tx, buffer, is_table ? RING_INDIRECT : RING_CHAIN, slices, count);
	l->forms[is_table ? 2 : count > 1]++;
	ring_fence();
	ring_kick(l->tx, before);
}

static void take_back(struct lane *l)
{
	uint16_t buffers[FLIGHT];
	uint32_t lens[FLIGHT];
	uint32_t count = ring_get(l->tx, buffers, lens, FLIGHT);

	for (uint32_t i = 0; i < count; i++)
		l->unused[l->unused_count++] = buffers[i];
}

static void send_next(struct verify *v, struct lane *l)
{
	struct content c = content_of(v, l, l->sent);
	struct front_header h;

	content_write(&c, l->wanted + FRONT_HEADER, &h);
	memcpy(l->wanted, &h, sizeof(h));
	put_frame(l, l->sent++, l->wanted, FRONT_HEADER + c.size);
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* How a receive buffer lies: whole, or in as many pieces as it may have, each larger than the last. */
static uint32_t rx_slices(const struct ring *rx, struct ring_slice *slices)
{
	uint32_t count = rx->shape.parts;
	uint32_t room = rx->shape.stride - count * CANARY_BYTES;
	uint32_t offset = 0;

	if (count == 1) {
		slices[0] = (struct ring_slice){ 0, room };
		return 1;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t len = i + 1 == count ? room : (uint32_t)FRONT_HEADER << i;

		slices[i] = (struct ring_slice){ offset, len };
		offset += len + CANARY_BYTES;
		room -= len;
	}
	return count;
}

static void give_buffer(struct lane *l, uint16_t buffer)
{
	struct ring_slice slices[RING_PARTS_MAX];
	uint32_t count = rx_slices(l->rx, slices);
	uint16_t before = l->rx->avail;

	memset(ring_buffer(l->rx, buffer), CANARY, l->rx->shape.stride);
	ring_put_slices(l->rx, buffer,
			buffer & 1 && l->features >> FRONT_INDIRECT & 1 ? RING_INDIRECT
									: RING_CHAIN,
			slices, count);
	ring_fence();
	ring_kick(l->rx, before);
}

static int complain(const struct verify *v, const struct lane *l, const char *what, uint64_t number)
{
	struct content c = content_of(v, l, l->received);

	return error_set(v->err, -EBADMSG, "", "frame %llu (%u bytes, %s, %s): %s %llu",
			 (unsigned long long)l->received, c.size, content_name(content_kind_of(&c)),
			 l->is_backward ? "from B to A" : "from A to B", what,
			 (unsigned long long)number);
}

static int compare_bytes(const struct verify *v, const struct lane *l, uint32_t size)
{
	const uint8_t *got = l->frame + FRONT_HEADER;
	const uint8_t *wanted = l->wanted + FRONT_HEADER;

	for (uint32_t i = 0; i < size; i++)
		if (got[i] != wanted[i])
			return complain(v, l, "differs at byte", i);
	return 0;
}

/* What was asked for has been done, or is passed on as it was. */
static int compare_header(const struct verify *v, struct lane *l, const struct front_header *wanted)
{
	struct front_header got;

	memcpy(&got, l->frame, sizeof(got));
	if (got.gso_type != wanted->gso_type)
		return complain(v, l, "has segmentation of type", got.gso_type);
	if (wanted->gso_type && got.gso_size != wanted->gso_size)
		return complain(v, l, "has segments of", got.gso_size);
	if (got.flags & ~(FRONT_NEEDS_CSUM | FRONT_DATA_VALID))
		return complain(v, l, "has flags", got.flags);
	if (!(got.flags & FRONT_NEEDS_CSUM)) {
		struct front_header complete = *wanted;

		if (wanted->gso_type)
			return complain(v, l, "is to be cut without a checksum, flags", got.flags);
		content_complete(l->wanted + FRONT_HEADER, size_of(v, l->received), &complete);
		return 0;
	}
	if (!(wanted->flags & FRONT_NEEDS_CSUM) || got.csum_start != wanted->csum_start ||
	    got.csum_offset != wanted->csum_offset)
		return complain(v, l, "has its checksum from", got.csum_start);
	return 0;
}

static int check_frame(const struct verify *v, struct lane *l)
{
	struct content c = content_of(v, l, l->received);
	struct front_header h;
	int rc;

	if (l->frame_len != c.size + FRONT_HEADER)
		return complain(v, l, "has arrived with header as", l->frame_len);
	content_write(&c, l->wanted + FRONT_HEADER, &h);
	rc = compare_header(v, l, &h);
	if (rc == 0)
		rc = compare_bytes(v, l, c.size);
	l->received++;
	return rc;
}

/* Moves what was written to the packet, and sees that all the rest is as it was. */
static int gather(const struct verify *v, struct lane *l, uint8_t *buffer, uint32_t len)
{
	struct ring_slice slices[RING_PARTS_MAX];
	uint32_t count = rx_slices(l->rx, slices);

	for (uint32_t i = 0; len > 0 && i < count; i++) {
		uint32_t piece = len < slices[i].len ? len : slices[i].len;

		memcpy(l->frame + l->frame_len, buffer + slices[i].offset, piece);
		memset(buffer + slices[i].offset, CANARY, piece);
		l->frame_len += piece;
		len -= piece;
	}
	if (len > 0)
		return complain(v, l, "is said to be longer than its buffer, by", len);
	for (uint32_t i = 0; i < l->rx->shape.stride; i++)
		if (buffer[i] != CANARY)
			return complain(v, l, "was written outside of its place, at byte", i);
	return 0;
}

static int take_buffer(struct verify *v, struct lane *l, uint16_t buffer, uint32_t len)
{
	uint32_t before = l->frame_len;
	struct front_header h;
	int rc;

	if ((l->more == 0 && len < FRONT_HEADER) ||
	    before + (uint64_t)len > FRONT_HEADER + CONTENT_MAX)
		return complain(v, l, "came in a buffer said to hold", len);
	rc = gather(v, l, ring_buffer(l->rx, buffer), len);
	if (rc)
		return rc;
	if (before == 0) {
		memcpy(&h, l->frame, sizeof(h));
		/* without VIRTIO_NET_F_MRG_RXBUF the number means nothing */
		l->more = l->features >> FRONT_MRG_RXBUF & 1 ? h.buffer_count : 1;
	}
	if (l->more == 0)
		return complain(v, l, "begins with a number of buffers of", 0);
	l->more--;
	return 0;
}

static int receive(struct verify *v, struct lane *l)
{
	uint16_t buffer;
	uint32_t len;
	int rc = 0;

	while (rc == 0 && ring_get(l->rx, &buffer, &len, 1) == 1) {
		rc = take_buffer(v, l, buffer, len);
		give_buffer(l, buffer);
		if (rc || l->more)
			continue;
		if (v->is_announcing)
			l->received++;
		else if (l->received == l->sent)
			rc = complain(v, l, "was not sent, length", l->frame_len);
		else
			rc = check_frame(v, l);
		l->frame_len = 0;
	}
	if (rc == 0 && (l->rx->is_broken || l->tx->is_broken))
		rc = complain(v, l, "the switch used a buffer that it was not given, ring",
			      l->rx->is_broken);
	return rc;
}

/* ---- the run ---------------------------------------------------------------------------------- */

static int poll_lanes(struct verify *v)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < 2; i++) {
		take_back(&v->lanes[i]);
		rc = receive(v, &v->lanes[i]);
	}
	return rc;
}

static void send_arp(const struct verify *v, struct lane *l)
{
	struct flow_shape shape = vgen_shape(v->vgen, l->is_backward);
	uint8_t packet[FRONT_HEADER + FLOW_HEAD] = { 0 };
	struct flow_head head;

	if (l->unused_count == 0)
		return;
	flow_write_arp(&shape, 0, &head);
	memcpy(packet + FRONT_HEADER, head.bytes, FLOW_HEAD);
	put_frame(l, 0, packet, FRONT_HEADER + FLOW_SIZE_MIN);
}

/* Each side's address is known, and nothing is on its way any more. */
static int announce(struct verify *v)
{
	uint64_t now = clock_ns();
	uint64_t end = now + (uint64_t)v->vgen->o.patience_ms * NS_PER_MS;
	uint64_t due = now;
	uint64_t quiet = 0;
	int rc = 0;

	v->is_announcing = true;
	for (; rc == 0 && now < end && (quiet == 0 || now < quiet); now = clock_ns()) {
		rc = poll_lanes(v);
		if (v->lanes[0].received && v->lanes[1].received) {
			quiet = quiet ? quiet : now + UINT64_C(1) * QUIET_MS * NS_PER_MS;
		} else if (now >= due) {
			send_arp(v, &v->lanes[0]);
			send_arp(v, &v->lanes[1]);
			due = now + UINT64_C(1) * QUIET_MS * NS_PER_MS;
		}
	}
	if (rc == 0 && quiet == 0)
		rc = error_set(v->err, -ETIMEDOUT, "", "nothing came through in %d ms",
			       v->vgen->o.patience_ms);
	v->is_announcing = false;
	v->lanes[0].received = v->lanes[1].received = 0;
	return rc;
}

static int wait_for_one(struct verify *v)
{
	uint64_t before = v->lanes[0].received + v->lanes[1].received;
	uint64_t end = clock_ns() + (uint64_t)v->vgen->o.patience_ms * NS_PER_MS;
	int rc = 0;

	while (rc == 0 && v->lanes[0].received + v->lanes[1].received == before) {
		const struct lane *l = &v->lanes[v->lanes[0].received == v->lanes[0].sent];

		rc = poll_lanes(v);
		if (rc == 0 && clock_ns() > end)
			rc = complain(v, l, "did not arrive; frames on their way:",
				      l->sent - l->received);
	}
	return rc;
}

static int run(struct verify *v, uint64_t count)
{
	int rc = announce(v);

	while (rc == 0 && (v->lanes[0].received < count || v->lanes[1].received < count)) {
		for (uint32_t i = 0; i < 2; i++) {
			struct lane *l = &v->lanes[i];

			while (l->sent < count && l->sent - l->received < FLIGHT &&
			       l->unused_count > 0)
				send_next(v, l);
		}
		rc = wait_for_one(v);
	}
	return rc;
}

static int lane_init(struct vgen *g, struct lane *l, bool is_backward)
{
	*l = (struct lane){ .tx = front_tx(g->fronts[is_backward], 0),
			    .rx = front_rx(g->fronts[!is_backward], 0),
			    .is_backward = is_backward,
			    .features = front_features(g->fronts[is_backward]) };
	l->unused = calloc(l->tx->buffer_count, sizeof(*l->unused));
	l->frame = malloc(FRONT_HEADER + CONTENT_MAX);
	l->wanted = malloc(FRONT_HEADER + CONTENT_MAX);
	if (!l->unused || !l->frame || !l->wanted)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->tx->buffer_count; i++)
		l->unused[l->unused_count++] = (uint16_t)i;
	for (uint32_t i = 0; i < l->rx->buffer_count; i++)
		give_buffer(l, (uint16_t)i);
	return 0;
}

static void lane_finish(struct lane *l)
{
	free(l->unused);
	free(l->frame);
	free(l->wanted);
}

static void print(const struct verify *v)
{
	const struct lane *a = &v->lanes[0];
	const struct lane *b = &v->lanes[1];
	unsigned long long frames = a->received + b->received;
	unsigned long long whole = a->forms[0] + b->forms[0];
	unsigned long long chains = a->forms[1] + b->forms[1];
	unsigned long long tables = a->forms[2] + b->forms[2];

	printf("{\"mode\": \"verify\", \"frames\": %llu, \"size_min\": %u, \"size_max\": %u, "
	       "\"in_one_piece\": %llu, \"chains\": %llu, \"tables\": %llu, \"features\": "
	       "\"%#llx\"}\n",
	       frames, v->size_min, v->size_max, whole, chains, tables,
	       (unsigned long long)a->features);
}

int vgen_verify(struct vgen *g, struct xvs_error *err)
{
	struct verify v = {
		.vgen = g, .size_min = g->o.size, .size_max = g->o.size_max, .err = err
	};
	int rc;

	if (v.size_max < v.size_min)
		v.size_max = v.size_min;
	rc = lane_init(g, &v.lanes[0], false);
	if (rc == 0)
		rc = lane_init(g, &v.lanes[1], true);
	rc = rc ? error_set(err, rc, "", "out of memory")
		: run(&v, ((uint64_t)v.size_max - v.size_min + 1) * g->o.samples);
	if (rc == 0)
		print(&v);
	lane_finish(&v.lanes[0]);
	lane_finish(&v.lanes[1]);
	return rc;
}
