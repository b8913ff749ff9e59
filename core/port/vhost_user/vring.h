/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/vring.h - one ring in a worker's hands, split or packed alike.
 *
 *      stage    available descriptors -> chains of checked addresses, each descriptor read once
 *      commit   they are ours: the position moves, the mirror knows them
 *      publish  they are the guest's again, used
 *      notify   the guest is interrupted, if it wants to be
 *
 * A position is a place in the ring and, in bit 15 for packed rings, the wrap counter of that lap;
 * in split rings it is an index that runs on through 16 bits.
 *
 * The rings' own memory is the guest's: descriptors are read into ours word by word, once, and
 * what was read is what is checked and used.
 */
#ifndef XVS_PORT_VHOST_USER_VRING_H
#define XVS_PORT_VHOST_USER_VRING_H

#include <string.h>

#include "packet/packet.h"
#include "port/vhost_user/device.h"
#include "port/vhost_user/mirror.h"

/* Both kinds of descriptor have these at the same bits (virtio 1.2, 2.7.5 and 2.8.6). */
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4, DESC_BYTES = 16 };
/* Packed: whose a descriptor is; equal bits: used, and of which lap (2.8.1). */
enum { DESC_AVAIL = 1 << 7, DESC_USED = 1 << 15 };
enum { POSITION_WRAP = 1 << 15, POSITION_SLOT = POSITION_WRAP - 1 };

enum {
	STAGE_CHAINS = 64, /* looked up at a time */
	/* A chain is staged while fewer segments than this are, and then always has room. */
	STAGE_SEGMENTS = 1024,
	SEGMENTS_ROOM = STAGE_SEGMENTS + VHOST_SIZE_MAX,
};

/* A descriptor, read. */
struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next; /* packed: the buffer id */
};

struct vring_segment {
	uint8_t *at;
	uint32_t len;
};

/* What one head stands for.  None of the pieces is empty. */
struct vring_chain {
	union {
		uint8_t *at;    /* count is 1, as nearly always: the piece itself */
		uint32_t first; /* else: the segment that it begins with */
	};
	uint32_t len; /* of all together, as far as it goes */
	uint32_t count;
};

struct vring {
	struct vhost_device *device;
	struct vhost_ring *ring;
	const struct vhost_view *view;
	const struct vhost_ring_view *at;
	struct vhost_region near; /* that the last address was in */
	bool is_packed;
	bool has_event; /* EVENT_IDX */
	bool logs;      /* what is written into buffers */
	bool logs_ring;
};

/* Chains that were looked at and are not ours yet. */
struct vring_stage {
	uint16_t position; /* of the next chain to look at */
	uint32_t chain_count;
	uint32_t segment_count;
	struct vring_chain *chains;
	struct vring_segment *segments; /* SEGMENTS_ROOM */
	struct vhost_used *used;        /* by chain: what to give back */
};

/* ---- memory of the guest --------------------------------------------------------------------- */

/* One read, of any alignment: the compiler must not come back for a second look. */
static inline uint64_t guest_read64(const void *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	__asm__ volatile("" : "+r"(v));
	return v;
}

static inline uint16_t guest_read16(const void *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	__asm__ volatile("" : "+r"(v));
	return v;
}

static inline uint16_t ring_read16(const uint8_t *at, int order)
{
	return __atomic_load_n((const uint16_t *)(const void *)at, order);
}

static inline void ring_write16(uint8_t *at, uint16_t v, int order)
{
	__atomic_store_n((uint16_t *)(void *)at, v, order);
}

/* Split: flags, next.  Packed: id, flags. */
static inline struct vring_desc desc_of(uint64_t addr, uint64_t rest, bool is_packed)
{
	uint16_t third = (uint16_t)(rest >> 32);
	uint16_t fourth = (uint16_t)(rest >> 48);

	if (is_packed)
		return (struct vring_desc){ addr, (uint32_t)rest, fourth, third };
	return (struct vring_desc){ addr, (uint32_t)rest, third, fourth };
}

static inline struct vring_desc desc_read(const uint8_t *table, uint32_t nr, bool is_packed)
{
	const uint8_t *d = table + (size_t)nr * DESC_BYTES;

	return desc_of(guest_read64(d), guest_read64(d + 8), is_packed);
}

/* Of virtio-net: without MRG_RXBUF and VERSION_1 it ends before num_buffers (5.1.6.1). */
static inline uint32_t vring_header_bytes(uint64_t features)
{
	bool is_long =
		vhost_has(features, VHOST_F_VERSION_1) || vhost_has(features, VHOST_NET_MRG_RXBUF);

	return is_long ? VNET_BYTES : VNET_BYTES_LEGACY;
}

/* ---- staging ----------------------------------------------------------------------------------- */

/*
 * chain.c: the chain that starts with 'd', which is in slot 'slot', added to the stage; 'id' is
 * what a split ring knows it by.  Slots it takes in the ring, 0: it cannot be, the device is broken.
 */
uint32_t chain_gather(struct vring *vr, struct vring_stage *st, struct vring_desc d, uint32_t slot,
		      bool is_writable);

/*
 * A line that will be written is asked for in that state, or it comes twice.  Compilers know
 * PREFETCHW only for newer targets than ours; where a processor has none, it does nothing.
 */
static inline void fetch(const uint8_t *at, bool is_writable)
{
#if defined(__x86_64__)
	if (is_writable) {
		__asm__ volatile("prefetchw %0" : : "m"(*at));
		return;
	}
#else
	if (is_writable) {
		__builtin_prefetch(at, 1);
		return;
	}
#endif
	__builtin_prefetch(at);
}

enum { NEAR_BYTES = 1 << 17 }; /* a longer piece is none that is looked at in passing */

/* The region that the last address was in, as a loop over descriptors has it in registers. */
struct vring_near {
	uint64_t guest;
	uint64_t starts; /* so many bytes from there on have NEAR_BYTES behind them */
	uint8_t *host;
};

static inline struct vring_near vring_near(const struct vring *vr)
{
	const struct vhost_region *r = &vr->near;

	return (struct vring_near){ .guest = r->guest,
				    .starts = r->size > NEAR_BYTES ? r->size - NEAR_BYTES : 0,
				    .host = r->host };
}

/* What is read soon, or written: of a packet, the header and what is copied in any case. */
static inline void fetch_piece(const uint8_t *at, uint64_t len, bool is_writable)
{
	fetch(at, is_writable);
	fetch(at + 64, is_writable);
	if (!is_writable && len > 128)
		fetch(at + 128, false);
}

/*
 * The chain of one descriptor that lies near the one before: nearly all there are.  'len' is its
 * length with the flags that are not as they should be above it, so that one look tells all.
 * False: ask chain_gather().
 */
static inline bool chain_near(struct vring_chain *chain, const struct vring_near *near,
			      uint64_t addr, uint64_t len, bool is_writable)
{
	const uint64_t off = addr - near->guest;

	if (__builtin_expect(len - 1 >= NEAR_BYTES || off >= near->starts, 0))
		return false;
	fetch_piece(near->host + off, len, is_writable);
	*chain = (struct vring_chain){ { near->host + off }, (uint32_t)len, 1 };
	return true;
}

/* One store; 'len' is said when it is known. */
static inline struct vhost_used used_of(uint16_t id, uint16_t slots)
{
	const uint64_t word = id | (uint64_t)slots << 16;
	struct vhost_used used;

	memcpy(&used, &word, sizeof(used));
	return used;
}

/* Piece 'nr' of a chain, of any shape. */
static inline struct vring_segment chain_segment(const struct vring_stage *st,
						 const struct vring_chain *c, uint32_t nr)
{
	if (c->count == 1)
		return (struct vring_segment){ c->at, c->len };
	return st->segments[c->first + nr];
}

/*
 * Up to 'want' more chains, at most STAGE_CHAINS; how many.  Fewer: there are no more, or the stage
 * is full, or the guest did what cannot be and the device is broken.
 */
uint32_t split_stage(struct vring *vr, struct vring_stage *st, uint32_t want, bool is_writable);
uint32_t packed_stage(struct vring *vr, struct vring_stage *st, uint32_t want, bool is_writable);

static inline uint32_t vring_stage(struct vring *vr, struct vring_stage *st, uint32_t want,
				   bool is_writable)
{
	return vr->is_packed ? packed_stage(vr, st, want, is_writable)
			     : split_stage(vr, st, want, is_writable);
}

/* Is a chain available at that position?  The guest may have lied; staging finds out. */
bool split_has(const struct vring *vr, uint16_t position);
bool packed_has(const struct vring *vr, uint16_t position);

static inline bool vring_has(const struct vring *vr, uint16_t position)
{
	return vr->is_packed ? packed_has(vr, position) : split_has(vr, position);
}

/*
 * For taking up: the used index in the guest's memory; the used bit of a slot; is the slot used, in
 * the lap of that position?
 */
uint16_t split_used(const struct vring *vr);
bool packed_used_bit(const struct vring *vr, uint16_t position);
bool packed_is_used(const struct vring *vr, uint16_t position);
/* The buffer id in a slot, be it available or used. */
uint16_t packed_id(const struct vring *vr, uint16_t position);

/* ---- others.c ------------------------------------------------------------------------------------ */

/* Did somebody else give back what was available at 'position', where we are to go on? */
static inline bool vring_is_others(const struct vring *vr, uint16_t position)
{
	return vr->is_packed && packed_is_used(vr, position);
}

/*
 * A ring from the guest, of which nothing is in hand, goes on behind such chains; false: there are none.
 * 'st' is empty, with the used elements of the ring's own batch.
 */
bool vring_pass_others(struct vring *vr, struct vring_stage *st);

/* ---- positions ----------------------------------------------------------------------------------- */

static inline uint16_t packed_forward(uint16_t position, uint32_t slots, uint32_t size)
{
	uint32_t slot = (uint32_t)(position & POSITION_SLOT) + slots;
	uint32_t wrap = position & POSITION_WRAP;

	if (slot >= size)
		return (uint16_t)((slot - size) | (wrap ^ POSITION_WRAP));
	return (uint16_t)(slot | wrap);
}

/* The position behind 'count' chains. */
uint16_t vring_behind(const struct vring *vr, uint16_t position, const struct vhost_used *used,
		      uint32_t count);

/* ---- publishing ---------------------------------------------------------------------------------- */

/*
 * Writes used elements from the ring's next_used on, in one piece: the guest sees all of them or none.
 * Returns the position behind them.
 */
uint16_t split_publish(const struct vring *vr, uint16_t position, const struct vhost_used *used,
		       uint32_t count);
uint16_t packed_publish(const struct vring *vr, uint16_t position, const struct vhost_used *used,
			uint32_t count, bool is_writable);

/* Does the guest want to be told that [from, to) was used? */
bool split_wants_call(const struct vring *vr, uint16_t from, uint16_t to);
bool packed_wants_call(const struct vring *vr, uint16_t from, uint16_t to);

/* See vring_ask(). */
void split_ask(const struct vring *vr, uint16_t position, bool wanted);
void packed_ask(const struct vring *vr, uint16_t position, bool wanted);

/* ---- ring.c --------------------------------------------------------------------------------------- */

/* False: the ring is not there for us now. */
bool vring_open(struct vring *vr, struct vhost_device *d, const struct vhost_view *v, uint32_t nr);

/* Chains of 'taken' are ours; 'next' is the position behind them.  To the guest: under the lock. */
void vring_commit(struct vring *vr, struct vhost_taken *taken, uint32_t count, uint16_t next);
/* And given back, 'count' is not 0; next_used as it was before.  To the guest: under the lock. */
uint16_t vring_publish(struct vring *vr, struct vhost_taken *taken, uint32_t count);
/* Its middle: the guest's ring alone, at next_used. */
uint16_t vring_write_used(const struct vring *vr, const struct vhost_taken *taken, uint32_t count);
/* Its end: where the ring is when all up to 'to' was given back. */
struct vhost_position vring_given_back(const struct vring *vr, uint16_t to);
void ring_move(struct vhost_ring *r, struct vhost_position at, uint32_t reservations);
/* Tells the guest about what was used in [from, to), if it wants to know. */
void vring_notify(struct vring *vr, uint16_t from, uint16_t to);
/* Asks the guest for a kick when something is available at 'position', or for none. */
void vring_ask(const struct vring *vr, uint16_t position, bool wanted);

static inline bool ring_is_to_guest(const struct vhost_ring *r)
{
	return r->nr % 2 == 0;
}

/* Only where several workers send: for a moment, never while bytes are copied. */
void vring_lock(struct vhost_ring *r);
void vring_unlock(struct vhost_ring *r);

/* Counts one writer's events. */
static inline void ring_count(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

#endif /* XVS_PORT_VHOST_USER_VRING_H */
