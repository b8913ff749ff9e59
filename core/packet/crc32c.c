/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/crc32c.c - how SCTP's checksum changes with the ports, without reading the payload.
 *
 * A CRC is linear: the CRCs of two messages of equal length differ by the CRC (without initial
 * value and final complement) of their difference.  Ports are the first four bytes, so the
 * difference is 'bits' and then zeros, which is bits * x^(8 * len) modulo the polynomial.
 * Polynomials are reflected: the highest bit is x^0.
 */
#include "packet/sum.h"

static const uint32_t polynomial = 0x82f63b78; /* Castagnoli, RFC 9260 appendix A */

static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (; a != 0; a <<= 1) {
		if (a & 0x80000000)
			product ^= b;
		b = (b >> 1) ^ (b & 1 ? polynomial : 0);
	}
	return product;
}

/* x^(8 * bytes) by squaring: x^8 to the power of each bit of 'bytes'. */
static uint32_t power(uint32_t bytes)
{
	uint32_t result = 0x80000000;
	uint32_t square = 0x80000000 >> 8;

	for (; bytes != 0; bytes >>= 1) {
		if (bytes & 1)
			result = multiply(result, square);
		square = multiply(square, square);
	}
	return result;
}

uint32_t crc32c_change(uint32_t bits, uint32_t len)
{
	return multiply(bits, power(len));
}
