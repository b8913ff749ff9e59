/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_port xvs_packet xvs_base */
/*
 * Looking for checksums that a sender has left open, in any frame.
 *
 * Input: how many bytes are linear; the frame.  Only linear bytes are read, no good packet becomes
 * a bad one by being marked, and a sum that was right is so afterwards.
 */
#include <assert.h>
#include <stdlib.h>

#include "packet/headers.h"
#include "packet/sum.h"
#include "port/af_xdp/partial.h"

enum { FRAME_MAX = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pool *pool;

static struct packet *receive(const uint8_t *frame, uint32_t len, uint32_t linear,
			      const struct iovec *rest)
{
	struct packet *p = packet_new(pool);

	assert(p);
	memcpy(p->x.data, frame, linear);
	p->x.len = len;
	p->x.linear = linear;
	p->tail = rest;
	p->tail_count = 1;
	return p;
}

/* Of TCP or UDP with all of its bytes here. */
static bool sum_is_right(const struct packet *p)
{
	const uint32_t end = packet_l3_end(p);
	const uint64_t sum =
		sum_add(sum_pseudo(p, end - p->x.l4_off), sum_packet(p, p->x.l4_off, end));

	return sum_fold(sum) == 0xffff;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct pool_limits limits = { 8, 8, 8 };
	struct packet *plain;
	struct packet *marked;
	struct iovec rest;
	uint32_t linear;
	uint16_t bad;
	uint16_t marked_bad;
	uint8_t *copy;

	if (!pool)
		pool = pool_create(&limits);
	if (size < 2 || size - 1 > FRAME_MAX)
		return 0;
	linear = data[0] % (PACKET_HEAD + 1);
	data++;
	size--;
	linear = linear < size ? linear : (uint32_t)size;
	/* what is lent ends where it ends */
	copy = malloc(size - linear + 1);
	assert(copy);
	memcpy(copy, data + linear, size - linear);
	rest = (struct iovec){ copy, size - linear };

	plain = receive(data, (uint32_t)size, linear, &rest);
	marked = receive(data, (uint32_t)size, linear, &rest);
	partial_mark(marked);
	packet_parse(plain, &bad);
	packet_parse(marked, &marked_bad);
	assert(bad == marked_bad);
	if (!bad && marked->x.flags & XVS_PKT_CSUM_TODO) {
		const bool was_right = sum_is_right(plain);

		assert(packet_checksum(marked) == 0);
		assert(sum_is_right(marked));
		if (was_right)
			assert(memcmp(plain->x.data, marked->x.data, plain->x.linear) == 0);
	}
	packet_free(plain);
	packet_free(marked);
	free(copy);
	return 0;
}
