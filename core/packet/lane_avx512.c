/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/lane_avx512.c - keys by one shuffle: the first 64 bytes of the frame are one register, and
 * a key is another order of them, of which some bits are cut out and some are fixed.
 *
 * 64 bytes are loaded even where fewer are linear: 'head' and every buffer have them, and what
 * comes from behind 'linear' is cut out again, since the lane has made sure that all the bytes that
 * are kept are there.  What a shuffle cannot do (half bytes of the IPv6 class, TCP flags behind
 * byte 64, the tag that was taken out) is put in by itself.  The facts are those of packet/lane.h,
 * so this is the plain lane but for how a key is written.
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

/* Places in the key. */
enum { KEY_TCI = 18, KEY_TOS = 53, KEY_BITS = 55, KEY_TCP_FLAGS = 60 };

typedef uint8_t key_bytes[64] __attribute__((aligned(64)));

/* Byte i of the key is byte order[i] of the frame, in the bits that are in kept[i]. */
struct order {
	key_bytes order;
	key_bytes kept[2]; /* without, with TCP flags */
};

/* A port, two addresses, the type, and no tag. */
#define FRAME_ORDER 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0
#define FRAME_KEPT 0, 0, 0, 0, A, A, A, A, A, A, A, A, A, A, A, A, A, A, 0, 0
#define A 0xff
#define NONE_12 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define ALL_16 A, A, A, A, A, A, A, A, A, A, A, A, A, A, A, A

/* clang-format off */
static const struct order ipv4 = {
	.order = { FRAME_ORDER,
		   NONE_12, 26, 27, 28, 29,
		   NONE_12, 30, 31, 32, 33,
		   23, 15, 22, 0, /* protocol, class, hops, bits */
		   34, 35, 36, 37, 46, 47, 0, 0 }, /* ports, TCP flags, inner tag */
	.kept = { { FRAME_KEPT, NONE_12, A, A, A, A, NONE_12, A, A, A, A,
		    A, A, A, 0, A, A, A, A, 0, 0, 0, 0 },
		  { FRAME_KEPT, NONE_12, A, A, A, A, NONE_12, A, A, A, A,
		    A, A, A, 0, A, A, A, A, 0x0f, A, 0, 0 } },
};

static const struct order ipv6 = {
	.order = { FRAME_ORDER,
		   22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
		   38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53,
		   20, 0, 21, 0,
		   54, 55, 56, 57, 0, 0, 0, 0 },
	.kept = { { FRAME_KEPT, ALL_16, ALL_16, A, 0, A, 0, A, A, A, A, 0, 0, 0, 0 } },
};

/* IPv4 addresses are ::ffff:a.b.c.d. */
static const key_bytes mapped = { [30] = A, A, [46] = A, A };
/* clang-format on */

/* What is in every key of the batch. */
struct fixed {
	__m512i ipv4, ipv6;
};

LANE_INLINE __m512i load(const void *bytes)
{
	return _mm512_loadu_si512(bytes);
}

/* (shuffled & kept) | fixed */
LANE_INLINE __m512i shuffle(const struct packet *p, const struct order *o, bool has_flags,
			    __m512i fixed)
{
	__m512i v = _mm512_permutexvar_epi8(load(o->order), load(p->x.data));

	return _mm512_ternarylogic_epi64(v, load(o->kept[has_flags]), fixed, 0xea);
}

LANE_INLINE __m512i put16(__m512i v, unsigned at, uint32_t value)
{
	return _mm512_mask_set1_epi16(v, 1u << (at / 2), (short)value);
}

LANE_INLINE __m512i put8(__m512i v, unsigned at, uint64_t value)
{
	return _mm512_mask_set1_epi8(v, UINT64_C(1) << at, (char)value);
}

LANE_INLINE void key_store(const struct xvs_packet *x, __m512i v, struct xvs_flow_key *key)
{
	if (__builtin_expect(x->flags & XVS_PKT_VLAN, 0)) {
		v = put16(v, KEY_TCI, htons(x->vlan_tci));
		v = put8(v, KEY_BITS, lane_tag_bits(x));
	}
	_mm512_storeu_si512(key, v);
}

LANE_INLINE void key_ipv4(const struct packet *p, const void *kit, struct xvs_flow_key *key)
{
	const struct fixed *fixed = kit;
	bool is_tcp = p->x.l4_proto == PROTO_TCP;

	key_store(&p->x, shuffle(p, &ipv4, is_tcp, fixed->ipv4), key);
}

LANE_INLINE void key_ipv6(const struct packet *p, const void *kit, struct xvs_flow_key *key)
{
	const struct fixed *fixed = kit;
	const uint8_t *d = p->x.data;
	__m512i v = shuffle(p, &ipv6, false, fixed->ipv6);

	v = put8(v, KEY_TOS, (uint64_t)get_be16(d + ETHER_BYTES) >> 4 & 0xff);
	if (p->x.l4_proto == PROTO_TCP)
		v = put16(v, KEY_TCP_FLAGS,
			  (uint32_t)htons(get_be16(d + LANE_IPV6_AT + 12) & 0x0fff));
	key_store(&p->x, v, key);
}

void lane_avx512(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		 uint16_t *reasons)
{
	struct fixed fixed = { .ipv6 = _mm512_maskz_set1_epi32(1, (int)a->port) };

	fixed.ipv4 = _mm512_or_si512(fixed.ipv6, load(mapped));
	lane_run(pkts, a, keys, reasons, key_ipv4, key_ipv6, &fixed);
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
