/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/lane_avx512.c - keys by one shuffle: the first 64 bytes of the frame are one register, and
 * a key is another order of them.
 *
 * Bytes behind 'linear' are not loaded.  What a shuffle cannot do (half bytes of the IPv6 class,
 * TCP flags behind byte 64, the tag that was taken out) is put in by itself.  The facts are those
 * of packet/lane.h, so this is the plain lane but for how a key is written.
 */
#include "packet/lane.h"

#if defined(__AVX512VBMI__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#include <immintrin.h>

bool lane_has_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
	       __builtin_cpu_supports("bmi2");
}

/* Byte i of the key is byte order[i] of the frame where 'kept' has bit i, else zero. */
enum {
	KEY_MACS = 4,
	KEY_TCI = 18,
	KEY_SRC = 20,
	KEY_DST = 36,
	KEY_TOS = 53,
	KEY_BITS = 55,
	KEY_PORTS = 56,
	KEY_TCP_FLAGS = 60
};

#define BITS(at, count) (((UINT64_C(1) << (count)) - 1) << (at))
#define MACS_ORDER 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0
#define MACS_KEPT BITS(KEY_MACS, 14)

static const uint8_t order_ipv4[64] __attribute__((aligned(64))) = {
	MACS_ORDER, /* 0: port, addresses, type, TCI */
	0,          0,  0,  0,  0,  0,  0, 0, 0, 0, 0, 0, 26, 27, 28, 29, /* 20: source */
	0,          0,  0,  0,  0,  0,  0, 0, 0, 0, 0, 0, 30, 31, 32, 33, /* 36: destination */
	23,         15, 22, 0,                /* 52: protocol, class, hops, bits */
	34,         35, 36, 37, 46, 47, 0, 0, /* 56: ports, TCP flags, inner TCI */
};
static const uint64_t kept_ipv4 = MACS_KEPT | BITS(KEY_SRC + 12, 4) | BITS(KEY_DST + 12, 4) |
				  BITS(52, 3) | BITS(KEY_PORTS, 4);

static const uint8_t order_ipv6[64] __attribute__((aligned(64))) = {
	MACS_ORDER, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
	36,         37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,
	51,         52, 53, 20, 0,  21, 0,  54, 55, 56, 57, 0,  0,  0,  0,
};
static const uint64_t kept_ipv6 = MACS_KEPT | BITS(KEY_SRC, 16) | BITS(KEY_DST, 16) | BITS(52, 1) |
				  BITS(54, 1) | BITS(KEY_PORTS, 4);

LANE_INLINE __m512i frame_load(const struct xvs_packet *x)
{
	return _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, x->linear < 64 ? x->linear : 64),
				       x->data);
}

LANE_INLINE __m512i put16(__m512i v, unsigned at, uint32_t value)
{
	return _mm512_mask_set1_epi16(v, 1u << (at / 2), (short)value);
}

LANE_INLINE __m512i put8(__m512i v, unsigned at, uint64_t value)
{
	return _mm512_mask_set1_epi8(v, UINT64_C(1) << at, (char)value);
}

LANE_INLINE void key_store(const struct xvs_packet *x, uint32_t port, __m512i v,
			   struct xvs_flow_key *key)
{
	v = _mm512_mask_set1_epi32(v, 1, (int)port);
	if (__builtin_expect(x->flags & XVS_PKT_VLAN, 0)) {
		v = put16(v, KEY_TCI, htons(x->vlan_tci));
		v = put8(v, KEY_BITS, lane_tag_bits(x));
	}
	_mm512_storeu_si512(key, v);
}

/* Of TCP's two bytes of flags, four bits are the length of the header. */
LANE_INLINE void key_ipv4(const struct packet *p, uint32_t port, struct xvs_flow_key *key)
{
	const __m512i fixed = _mm512_set_epi64(0, 0, (long long)BITS(48, 16), 0,
					       (long long)BITS(48, 16), 0, 0, 0);
	const __m512i cleared = _mm512_set_epi64((long long)BITS(36, 4), 0, 0, 0, 0, 0, 0, 0);
	uint64_t flags = p->x.l4_proto == PROTO_TCP ? BITS(KEY_TCP_FLAGS, 2) : 0;
	__m512i v = _mm512_maskz_permutexvar_epi8(
		kept_ipv4 | flags, _mm512_load_si512((const void *)order_ipv4), frame_load(&p->x));

	v = _mm512_or_si512(_mm512_andnot_si512(cleared, v), fixed);
	key_store(&p->x, port, v, key);
}

LANE_INLINE void key_ipv6(const struct packet *p, uint32_t port, struct xvs_flow_key *key)
{
	const uint8_t *d = p->x.data;
	__m512i v = _mm512_maskz_permutexvar_epi8(
		kept_ipv6, _mm512_load_si512((const void *)order_ipv6), frame_load(&p->x));

	v = put8(v, KEY_TOS, (uint64_t)get_be16(d + ETHER_BYTES) >> 4 & 0xff);
	if (p->x.l4_proto == PROTO_TCP)
		v = put16(v, KEY_TCP_FLAGS,
			  (uint32_t)htons(get_be16(d + LANE_IPV6_AT + 12) & 0x0fff));
	key_store(&p->x, port, v, key);
}

void lane_avx512(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		 uint16_t *reasons)
{
	lane_run(pkts, a, keys, reasons, key_ipv4, key_ipv6);
}

#else

bool lane_has_avx512(void)
{
	return false;
}

void lane_avx512(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		 uint16_t *reasons)
{
	lane_plain(pkts, a, keys, reasons);
}

#endif
