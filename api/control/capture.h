/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/capture.h - layout of the memory in which the daemon hands captured packets to a tool.
 * Needs C11 or C++17, and nothing else of xvs.
 *
 * "capture.start" answers with the descriptor of a memory file, which cannot grow or shrink.  Map
 * it shared and writable, check it with capture_valid(), then find everything through its header:
 *
 *   header | ring 0 | ring 1 | ... one ring a worker
 *   ring:    struct capture_ring | data, a power of two bytes
 *
 * A ring has one writer, a worker of the daemon, and one reader.  'head' and 'tail' count bytes
 * from the start on and only grow; a record is at its count modulo the size of the data, in one
 * piece.  The reader moves 'tail' behind what it has read.  A worker never waits: what finds no
 * room is counted in 'lost'.  The session ends when the connection that asked for it is closed.
 */
#ifndef XVS_CONTROL_CAPTURE_H
#define XVS_CONTROL_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAPTURE_MAGIC UINT64_C(0x3172747061637678) /* "xvcaptr1" in memory */

enum {
	CAPTURE_ALIGN = 8,           /* of records */
	CAPTURE_SNAPLEN_MAX = 65550, /* the largest packet, without its tag */
};

struct capture_header {
	uint64_t magic;
	uint64_t size;         /* of the file */
	uint64_t rings_offset; /* from here */
	uint64_t ring_stride;
	uint32_t ring_count;
	uint32_t data_offset; /* from the start of a ring */
	uint32_t data_size;   /* a power of two */
	uint32_t snaplen;
	int64_t clock_ns; /* add it to a record's time: nanoseconds since 1970 */
	uint64_t reserved[8];
};

/* A cache line for each side. */
struct capture_ring {
	uint64_t head; /* the daemon writes: end of the last whole record */
	uint64_t lost; /* the daemon writes: packets */
	uint64_t reserved[6];
	uint64_t tail; /* the reader writes: start of the first record that it still wants */
	uint64_t reserved_reader[7];
};

/* Where in the switch packets are captured. */
enum capture_point {
	CAPTURE_ENDS = 0,   /* as they come in and go out */
	CAPTURE_DROPS = 1,  /* where they end */
	CAPTURE_BEFORE = 2, /* an extension instance */
	CAPTURE_AFTER = 3,  /* with what became of them there */
};

enum capture_verdict {
	CAPTURE_NO_VERDICT = 0,
	CAPTURE_PASSED = 1,
	CAPTURE_DROPPED = 2,
	CAPTURE_HELD = 3, /* the instance keeps it for a while */
};

enum capture_kind {
	CAPTURE_PAD = 0, /* nothing: the next record is at the start of the data; has a size only */
	CAPTURE_PACKET = 1,
};

enum capture_flag {
	CAPTURE_TAGGED = 1u << 0,        /* vlan_tci is a tag that is not in the bytes */
	CAPTURE_SERVICE_TAG = 1u << 1,   /* its type is 0x88a8, not 0x8100 */
	CAPTURE_CHECKSUM_TODO = 1u << 2, /* the L4 checksum is not filled in yet */
	CAPTURE_MANY = 1u << 3,          /* segmentation offload: stands for many on the wire */
};

/* The bytes follow. */
struct capture_record {
	uint32_t size; /* with the bytes and what aligns the next record */
	uint8_t kind;
	uint8_t point;
	uint8_t verdict;
	uint8_t stage;     /* enum xvs_stage: 0 ingress, 1 forward, 2 egress */
	uint64_t ns;       /* see clock_ns */
	uint32_t port;     /* whose chain, or which end */
	uint32_t port_in;  /* where the packet entered; 0: made by an extension */
	uint16_t instance; /* of the point, or that dropped the packet; 0: the switch itself */
	uint16_t reason; /* of a drop: that instance's, or the switch's; 0xffff: used up, which is no drop */
	uint16_t vlan_tci;
	uint16_t reserved;
	uint32_t flags;    /* enum capture_flag */
	uint32_t wire_len; /* without that tag */
	uint32_t cap_len;
	uint32_t reserved_word;
};

/* 'mapped' bytes are there.  False: no capture memory that this header describes. */
static inline bool capture_valid(const struct capture_header *h, uint64_t mapped)
{
	if (mapped < sizeof(*h) || h->magic != CAPTURE_MAGIC || h->size > mapped)
		return false;
	if (h->data_size == 0 || (h->data_size & (h->data_size - 1)) != 0 || h->ring_count == 0)
		return false;
	if (h->data_offset < sizeof(struct capture_ring) || h->ring_stride > h->size ||
	    h->ring_stride < (uint64_t)h->data_offset + h->data_size)
		return false;
	return h->rings_offset <= h->size &&
	       (h->size - h->rings_offset) / h->ring_stride >= h->ring_count;
}

static inline struct capture_ring *capture_ring_at(struct capture_header *h, uint32_t ring)
{
	return (struct capture_ring *)(void *)((char *)h + h->rings_offset + ring * h->ring_stride);
}

/* Packets for which this ring had no room. */
static inline uint64_t capture_lost(struct capture_header *h, uint32_t ring)
{
	return __atomic_load_n(&capture_ring_at(h, ring)->lost, __ATOMIC_RELAXED);
}

/*
 * The record at *at, which starts as 0 and goes on with capture_next(); NULL: there is none yet.
 * The acquire load pairs with the writer's release store.
 */
static inline const struct capture_record *capture_peek(struct capture_header *h, uint32_t ring,
							uint64_t *at)
{
	struct capture_ring *r = capture_ring_at(h, ring);
	uint64_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);

	while (head - *at >= CAPTURE_ALIGN && head - *at <= h->data_size) {
		uint64_t to_end = h->data_size - (*at & (h->data_size - 1));
		const struct capture_record *c =
			(const struct capture_record *)(const void *)((const char *)r +
								      h->data_offset +
								      h->data_size - to_end);

		if (c->kind == CAPTURE_PAD) {
			*at += to_end;
			continue;
		}
		if (to_end < sizeof(*c) || c->size < sizeof(*c) || c->size > to_end ||
		    c->size > head - *at || c->cap_len > c->size - sizeof(*c))
			return NULL; /* not written by the daemon */
		return c;
	}
	return NULL;
}

static inline const uint8_t *capture_bytes(const struct capture_record *c)
{
	return (const uint8_t *)(c + 1);
}

/* The record has been read: its room is the writer's again. */
static inline void capture_next(struct capture_header *h, uint32_t ring, uint64_t *at,
				const struct capture_record *c)
{
	*at += c->size;
	__atomic_store_n(&capture_ring_at(h, ring)->tail, *at, __ATOMIC_RELEASE);
}

#ifdef __cplusplus
}
#endif

#endif /* XVS_CONTROL_CAPTURE_H */
