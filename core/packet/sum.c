/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/sum.c - the Internet checksum over memory and over packets in several runs.
 */
#include "packet/sum.h"

#include "packet/headers.h"

static uint64_t load(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
	return word;
}

/* Two accumulators, so that the carry of one addition does not wait for the other's. */
uint64_t sum_bytes(const uint8_t *bytes, size_t len)
{
	uint64_t a = 0;
	uint64_t b = 0;

	for (; len >= 16; bytes += 16, len -= 16) {
		a = sum_add(a, load(bytes, 8));
		b = sum_add(b, load(bytes + 8, 8));
	}
	if (len >= 8) {
		a = sum_add(a, load(bytes, 8));
		bytes += 8;
		len -= 8;
	}
	if (len > 0)
		b = sum_add(b, load(bytes, len));
	return sum_add(a, b);
}

/* A run that starts at an odd place has its bytes in the other halves of the words. */
uint64_t sum_packet(const struct packet *p, uint32_t off, uint32_t end)
{
	uint64_t sum = 0;
	uint32_t at = 0;

	for (uint32_t i = 0; i < packet_runs(p) && at < end; i++) {
		struct iovec run = packet_run(p, i);
		uint32_t run_end = at + (uint32_t)run.iov_len;
		uint32_t from = at > off ? at : off;
		uint32_t to = run_end < end ? run_end : end;

		if (from < to) {
			const uint8_t *bytes = (const uint8_t *)run.iov_base + (from - at);
			uint64_t part = sum_bytes(bytes, to - from);

			if ((from - off) % 2 == 1)
				part = __builtin_bswap16(sum_fold(part));
			sum = sum_add(sum, part);
		}
		at = run_end;
	}
	return sum;
}

uint64_t sum_pseudo(const struct packet *p, uint32_t l4_len)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	uint8_t end[8] = { 0, 0, 0, 0, 0, 0, 0, p->x.l4_proto };
	uint64_t addresses;

	put_be32(end, l4_len);
	if (p->x.flags & XVS_PKT_IPV4)
		addresses = sum_bytes(ip + 12, 8);
	else
		addresses = sum_bytes(ip + 8, 32);
	return sum_add(addresses, sum_bytes(end, sizeof(end)));
}
