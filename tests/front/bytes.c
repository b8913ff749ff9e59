/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes.c - a program that owns two vhost-user ports of a switch, sends frames of all sizes and
 * kinds into one and verifies at the other that every byte arrived, in order, with headers, sums
 * and offload facts as the features of the receiver ask.  See options.c.
 *
 * No more is on the way than the receiver has buffers for: a frame that is lost is an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ends.h"
#include "options.h"
#include "verify.h"

enum {
	FLIGHT = 64, /* frames on the way, at most */
	PARTS_ON_WAY = 100,
	BYTES_ON_WAY = 1 << 20,
	SMALL_SIZES = 1600, /* all of them are sent, whatever the step */
	PATIENCE_S = 60,
};

struct run {
	struct options options;
	struct sender sender;
	struct receiver receiver;
	struct verify verify;
	struct frame *flight; /* FLIGHT, a ring */
	uint32_t sent, arrived;
	uint32_t parts, bytes; /* on the way */
	uint32_t size;         /* of the frames that are made now */
	uint32_t kind;         /* the next */
	uint64_t packets, total_bytes;
};

/* ---- which frames ------------------------------------------------------------------------------ */

static bool is_offered(const struct run *r, enum frame_kind kind)
{
	uint64_t tx = r->options.tx_features;

	switch (kind) {
	case FRAME_TSO4:
	case FRAME_TSO6:
		return tx >> 11 & 1;
	case FRAME_UFO4:
		return tx >> 14 & 1;
	case FRAME_USO4:
	case FRAME_USO6:
		return tx >> 56 & 1;
	default:
		return true;
	}
}

static uint32_t longest_of(const struct run *r, enum frame_kind kind)
{
	switch (kind) {
	case FRAME_TSO6:
	case FRAME_USO6:
		return FRAME_MAX;
	case FRAME_TSO4:
	case FRAME_UFO4:
	case FRAME_USO4:
		return L2_BYTES + UINT16_MAX;
	default:
		return L2_BYTES + r->options.mtu;
	}
}

static uint32_t shortest_of(enum frame_kind kind, uint32_t number)
{
	return kind == FRAME_RAW ? (uint32_t)FRAME_MIN : frame_headers(kind, number) + 1;
}

static void advance(struct run *r)
{
	if (++r->kind < FRAME_KINDS)
		return;
	r->kind = 0;
	r->size += r->size < SMALL_SIZES ? 1 : r->options.step;
}

/* The next frame to send; false: all are sent. */
static bool next_frame(struct run *r, struct frame *out)
{
	while (r->size <= FRAME_MAX) {
		enum frame_kind kind = (enum frame_kind)r->kind;
		bool is_partial = r->options.tx_features & 1 && r->sent & 2;

		if (is_offered(r, kind) && r->size >= shortest_of(kind, r->sent) &&
		    r->size <= longest_of(r, kind)) {
			frame_make(out, r->sent, kind, r->size, is_partial);
			return true;
		}
		advance(r);
	}
	return false;
}

/* ---- the run ----------------------------------------------------------------------------------- */

static struct frame *flight_of(struct run *r, uint32_t number)
{
	return &r->flight[number % FLIGHT];
}

static bool has_room(const struct run *r, const struct frame *f)
{
	if (r->sent == r->arrived)
		return true;
	return r->parts + frame_parts(f) <= PARTS_ON_WAY && r->bytes + f->len <= BYTES_ON_WAY;
}

/* What was made and finds no room is made again the next time. */
static bool send_some(struct run *r)
{
	uint32_t before = r->sent;

	while (r->sent - r->arrived < FLIGHT) {
		struct frame *f = flight_of(r, r->sent);

		if (!next_frame(r, f) || !has_room(r, f) || !sender_send(&r->sender, f))
			break;
		r->parts += frame_parts(f);
		r->bytes += f->len;
		r->sent++;
		advance(r);
	}
	if (r->sent != before)
		ring_kick(&r->sender.front.rings[1]);
	return r->sent != before;
}

/* -1: wrong, 0: nothing came, 1: something did. */
static int receive_one(struct run *r)
{
	const struct frame *f = flight_of(r, r->arrived);
	int len = receiver_take(&r->receiver);

	if (len <= 0)
		return len;
	len -= (int)sizeof(struct facts);
	if (r->arrived == r->sent) {
		(void)fputs("a packet came that was not sent\n", stderr);
		return -1;
	}
	r->packets++;
	switch (verify_packet(&r->verify, f, &r->receiver.facts,
			      r->receiver.bytes + sizeof(struct facts), (uint32_t)len)) {
	case VERIFY_WRONG:
		fprintf(stderr, "%s\n", r->verify.why);
		return -1;
	case VERIFY_WHOLE:
		r->parts -= frame_parts(f);
		r->bytes -= f->len;
		r->total_bytes += f->len;
		r->arrived++;
		return 1;
	default:
		return 1;
	}
}

static bool has_more(struct run *r)
{
	struct frame *scratch = flight_of(r, r->sent);

	return r->arrived != r->sent || next_frame(r, scratch);
}

static void rest_a_little(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
}

static bool run(struct run *r)
{
	time_t last = time(NULL);

	while (has_more(r)) {
		bool did = send_some(r);
		int came;

		while ((came = receive_one(r)) > 0)
			did = true;
		if (came < 0 || !sender_reap(&r->sender))
			return false;
		if (did) {
			ring_kick(&r->receiver.front.rings[0]);
			last = time(NULL);
		} else if (time(NULL) - last > PATIENCE_S) {
			fprintf(stderr, "frame %u did not arrive\n", r->arrived);
			return false;
		} else {
			rest_a_little();
		}
	}
	return true;
}

/* The longest packet that this receiver may get. */
static uint32_t longest_packet(const struct options *o)
{
	const uint64_t gso = 1u << 7 | 1u << 8 | 1u << 10 | 1ull << 54;

	return o->rx_features & gso ? (uint32_t)FRAME_MAX : L2_BYTES + o->mtu;
}

int main(int argc, char **argv)
{
	static struct run r;
	int result = 1;

	if (!options_read(&r.options, argc, argv))
		return 2;
	r.flight = calloc(FLIGHT, sizeof(*r.flight));
	r.size = FRAME_MIN;
	r.verify.features = r.options.rx_features;
	if (r.flight && sender_open(&r.sender, r.options.sender, r.options.tx_features) &&
	    receiver_open(&r.receiver, r.options.receiver, r.options.rx_features,
			  longest_packet(&r.options)) &&
	    run(&r)) {
		printf("frames %u packets %llu bytes %llu\n", r.arrived,
		       (unsigned long long)r.packets, (unsigned long long)r.total_bytes);
		result = 0;
	}
	front_close(&r.sender.front);
	front_close(&r.receiver.front);
	free(r.flight);
	return result;
}
