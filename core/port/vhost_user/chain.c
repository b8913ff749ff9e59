/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/chain.c - chains of any shape: several descriptors, a table of them elsewhere
 * (indirect, one level deep, at the end of a chain), pieces of no length, buffers and tables that go on
 * in the next region of memory.
 *
 * Every step is paid from a budget, so a chain that bites its own tail ends as one that is too
 * long; a piece of a buffer in another region is a step as well, so there is always room for them.  Sources: virtio 1.2, 2.7.5.3 (split) and 2.8.7 (packed) for tables.
 */
#include "port/vhost_user/vring.h"

struct gathering {
	struct vring *vr;
	struct vring_stage *st;
	uint32_t first;
	uint32_t count;
	uint64_t bytes;
	bool is_writable;
	bool is_in_table;
	uint32_t steps_left;
};

/* The bytes at 'guest', and in *room how many of them lie in one piece; NULL: not the guest's memory. */
static uint8_t *find(struct vring *vr, uint64_t guest, uint64_t *room)
{
	for (uint32_t i = 0; i < vr->view->region_count; i++) {
		const struct vhost_region *r = &vr->view->regions[i];
		uint64_t off = guest - r->guest;

		if (off < r->size) {
			vr->near = *r;
			*room = r->size - off;
			return r->host + off;
		}
	}
	return NULL;
}

static inline uint8_t *address(struct vring *vr, uint64_t guest, uint64_t *room)
{
	uint64_t off = guest - vr->near.guest;

	if (off >= vr->near.size)
		return find(vr, guest, room);
	*room = vr->near.size - off;
	return vr->near.host + off;
}

static bool refuse(const struct vring *vr, const char *why)
{
	vhost_break(vr->device, why);
	return false;
}

static bool take_step(struct gathering *g)
{
	return g->steps_left-- > 0 || refuse(g->vr, "a chain of descriptors does not end");
}

/* All of [guest, guest + len), which is not empty; nearly always it is one piece. */
static bool add_pieces(struct gathering *g, uint64_t guest, uint32_t len)
{
	for (;;) {
		uint64_t room = 0;
		uint8_t *at = address(g->vr, guest, &room);
		uint32_t here = room < len ? (uint32_t)room : len;

		if (!at)
			return refuse(g->vr, "a buffer is outside of the guest's memory");
		g->st->segments[g->first + g->count++] = (struct vring_segment){ at, here };
		g->bytes += here;
		len -= here;
		if (len == 0)
			return true;
		guest += here;
		if (!take_step(g))
			return false;
	}
}

static bool add(struct gathering *g, const struct vring_desc *d)
{
	if (!take_step(g))
		return false;
	if (g->is_writable && !(d->flags & DESC_WRITE))
		return refuse(g->vr, "a buffer to receive into is read-only");
	/* DPDK's driver marks the header of what it sends so, in a table of a packed ring: no harm */
	if (!g->is_writable && d->flags & DESC_WRITE && !(g->is_in_table && g->vr->is_packed))
		return refuse(g->vr, "a buffer to send from is write-only");
	return d->len == 0 || add_pieces(g, d->addr, d->len);
}

/* A table of descriptors: in one piece, or where the guest has it. */
struct table {
	const uint8_t *at; /* NULL: it goes on in another region */
	uint64_t guest;
	uint32_t entries;
};

static bool read_entry(struct gathering *g, const struct table *t, uint32_t nr,
		       struct vring_desc *d)
{
	uint64_t room = DESC_BYTES;
	const uint8_t *at = t->at ? t->at + (size_t)nr * DESC_BYTES
				  : address(g->vr, t->guest + (uint64_t)nr * DESC_BYTES, &room);

	if (!at || room < DESC_BYTES)
		return refuse(g->vr, "a descriptor of a table is cut by the end of a region");
	*d = desc_read(at, 0, g->vr->is_packed);
	return true;
}

/* A split ring's table is linked like the ring itself; a packed ring's is read from end to end. */
static bool add_table(struct gathering *g, const struct table *t)
{
	bool is_packed = g->vr->is_packed;
	uint32_t nr = 0;

	for (;;) {
		struct vring_desc d;
		bool goes_on;

		if (!read_entry(g, t, nr, &d))
			return false;
		goes_on = is_packed ? nr + 1 < t->entries : (d.flags & DESC_NEXT) != 0;
		if (!is_packed && d.flags & DESC_INDIRECT)
			return refuse(g->vr, "a table of descriptors leads to another");
		if (!add(g, &d))
			return false;
		if (!goes_on)
			return true;
		nr = is_packed ? nr + 1 : d.next;
		if (nr >= t->entries)
			return refuse(g->vr, "a descriptor leads out of its table");
	}
}

/* No longer than there are regions: none is empty. */
static bool is_mapped(struct vring *vr, uint64_t guest, uint64_t len)
{
	uint64_t room;

	for (; address(vr, guest, &room); guest += room, len -= room) {
		if (len <= room)
			return true;
	}
	return false;
}

static bool add_indirect(struct gathering *g, const struct vring_desc *d)
{
	struct table t = { .guest = d->addr, .entries = d->len / DESC_BYTES };
	uint64_t room = 0;

	if (!vhost_has(g->vr->view->features, VHOST_RING_INDIRECT))
		return refuse(g->vr, "a table of descriptors, which were not agreed on");
	if (d->flags & DESC_NEXT)
		return refuse(g->vr, "a chain goes on behind a table of descriptors");
	if (d->len % DESC_BYTES || t.entries == 0 || t.entries > VHOST_SIZE_MAX)
		return refuse(g->vr, "a table of descriptors has a length that cannot be");
	t.at = address(g->vr, d->addr, &room);
	if (room < d->len)
		t.at = NULL;
	if (!t.at && !is_mapped(g->vr, d->addr, d->len))
		return refuse(g->vr, "a table of descriptors is outside of the guest's memory");
	g->is_in_table = true;
	return add_table(g, &t);
}

static uint32_t next_slot(const struct vring *vr, uint32_t slot, const struct vring_desc *d)
{
	if (!vr->is_packed)
		return d->next;
	return slot + 1u < vr->at->size ? slot + 1u : 0;
}

/* Slots of the ring that the chain takes; *d ends as its last descriptor. */
static uint32_t add_chain(struct gathering *g, struct vring_desc *d, uint32_t slot)
{
	const struct vring *vr = g->vr;
	uint32_t slots = 1;

	for (;;) {
		if (d->flags & DESC_INDIRECT)
			return add_indirect(g, d) ? slots : 0;
		if (!add(g, d))
			return 0;
		if (!(d->flags & DESC_NEXT))
			return slots;
		slot = next_slot(vr, slot, d);
		if (slot >= vr->at->size || ++slots > vr->at->size) {
			(void)refuse(vr, "a chain of descriptors leads out of its ring");
			return 0;
		}
		*d = desc_read(vr->at->desc, slot, vr->is_packed);
	}
}

static void add_to_stage(const struct gathering *g, struct vhost_used used)
{
	struct vring_stage *st = g->st;
	struct vring_chain *c = &st->chains[st->chain_count];

	c->count = g->count;
	c->len = g->bytes < UINT32_MAX ? (uint32_t)g->bytes : UINT32_MAX;
	if (g->count == 1) {
		c->at = st->segments[g->first].at;
		fetch_piece(c->at, c->len, g->is_writable);
	} else {
		c->first = g->first;
	}
	st->segment_count += g->count;
	st->used[st->chain_count++] = used;
}

uint32_t chain_gather(struct vring *vr, struct vring_stage *st, struct vring_desc d, uint32_t slot,
		      bool is_writable)
{
	struct gathering g = {
		.vr = vr,
		.st = st,
		.first = st->segment_count,
		.is_writable = is_writable,
		.steps_left = VHOST_SIZE_MAX,
	};
	uint32_t slots = add_chain(&g, &d, slot);
	uint16_t id = vr->is_packed ? d.next : (uint16_t)slot;

	if (!slots)
		return 0;
	add_to_stage(&g, (struct vhost_used){ id, (uint16_t)(vr->is_packed ? slots : 0), 0 });
	return slots;
}
