/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/start.c - where a ring starts: as the front end says, or where a daemon that died had
 * come to.
 *
 * The mirror knows more than the front end: which buffers were in our hands.  It is believed where
 * it speaks of the same ring (file, places, size, kind) and the ring itself does not contradict.
 */
#include "port/vhost_user/batch.h"
#include "port/vhost_user/vring.h"

/* ---- taking up what a daemon left -------------------------------------------------------------------- */

static enum vhost_phase phase_of(uint64_t state)
{
	return (enum vhost_phase)(state & 0xff);
}

/* Never more than there is room for, whatever the file says. */
static uint32_t count_of(uint64_t state)
{
	uint32_t count = (uint16_t)(state >> 16);

	return count < VHOST_TAKEN_MAX ? count : VHOST_TAKEN_MAX;
}

static uint16_t from_of(uint64_t state)
{
	return (uint16_t)(state >> 32);
}

/* Of the daemon that wrote it: behind them nothing was ever written. */
static uint32_t mark_workers(const struct vhost_mark *mark)
{
	return mark->workers < WORKERS_MAX ? mark->workers : WORKERS_MAX;
}

/* Batches that had reached the ring, or were about to: what became of them shows there. */
static void finish(struct vring *vr, struct vhost_taken *taken)
{
	struct vhost_ring *r = vr->ring;
	uint64_t state = atomic_load_explicit(&taken->state, memory_order_relaxed);
	uint32_t count = count_of(state);
	uint16_t to;

	if (count > 0 && from_of(state) == r->at.next_used) {
		to = vring_behind(vr, r->at.next_used, taken->used, count);
		if (vr->is_packed ? packed_has(vr, r->at.next_used)
				  : split_used(vr) == r->at.next_used)
			(void)vring_write_used(vr, taken, count);
		ring_move(r, vring_given_back(vr, to), 0);
	}
	atomic_store_explicit(&taken->state, taken_state(PHASE_IDLE, 0, 0), memory_order_release);
}

static void give_back_empty(struct vring *vr, struct vhost_taken *taken, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		taken->used[i].len = 0;
	if (count > 0)
		(void)vring_publish(vr, taken, count);
}

static void settle_taken(struct vring *vr, struct vhost_taken *taken)
{
	uint64_t state = atomic_load_explicit(&taken->state, memory_order_relaxed);
	uint64_t position = atomic_load_explicit(&vr->ring->mark->position, memory_order_relaxed);
	bool is_known = (int32_t)((uint32_t)(position >> 32) - taken->seq) > 0;

	if (phase_of(state) != PHASE_TAKEN)
		return;
	if (is_known)
		give_back_empty(vr, taken, count_of(state));
	else
		atomic_store_explicit(&taken->state, taken_state(PHASE_IDLE, 0, 0),
				      memory_order_release);
}

/* A split ring's are the used elements themselves, and have no slots: older daemons said 1. */
static bool are_slots_sane(const struct vring *vr, struct vhost_taken *taken)
{
	uint32_t count = count_of(atomic_load_explicit(&taken->state, memory_order_relaxed));

	for (uint32_t i = 0; i < count; i++) {
		if (!vr->is_packed)
			taken->used[i].slots = 0;
		else if (taken->used[i].slots == 0 || taken->used[i].slots > vr->at->size)
			return false;
	}
	return true;
}

static struct vhost_taken *find_publishing(const struct vring *vr)
{
	struct vhost_mark *mark = vr->ring->mark;

	for (uint32_t i = 0; i < mark_workers(mark); i++) {
		uint64_t state = atomic_load_explicit(&mark->taken[i].state, memory_order_relaxed);

		if (phase_of(state) == PHASE_PUBLISHING)
			return &mark->taken[i];
	}
	return NULL;
}

static bool is_wrapped(uint32_t position)
{
	return (position & POSITION_WRAP) != 0;
}

/*
 * A guest that was reset while nobody looked has begun its rings anew, in the same place perhaps.
 * Split: the used index, which we alone write, tells.
 */
static bool split_goes_on(const struct vring *vr)
{
	struct vhost_position at = vr->ring->at;
	const struct vhost_taken *open = find_publishing(vr);
	uint64_t state = open ? atomic_load_explicit(&open->state, memory_order_relaxed) : 0;
	uint16_t used = split_used(vr);

	if (open && from_of(state) == at.next_used &&
	    used == (uint16_t)(at.next_used + count_of(state)))
		return true;
	return used == at.next_used;
}

/*
 * Packed: the used bit of the newest used element is that of its lap, even if the guest has made it
 * available again.  Where we go on nothing is used in this lap yet: the slot is available, or is
 * what the lap before left, used or in the middle of a chain, which nobody writes to.
 */
static bool packed_goes_on(const struct vring *vr)
{
	uint32_t last = vr->ring->mark->last_used;
	uint16_t next = vr->ring->at.next_avail;

	if (find_publishing(vr))
		return true;
	if (last != LAST_NONE && ((last & POSITION_SLOT) >= vr->at->size ||
				  packed_used_bit(vr, (uint16_t)last) != is_wrapped(last)))
		return false;
	return !packed_is_used(vr, next);
}

static bool goes_on(const struct vring *vr)
{
	struct vhost_mark *mark = vr->ring->mark;

	for (uint32_t i = 0; i < mark_workers(mark); i++) {
		if (!are_slots_sane(vr, &mark->taken[i]))
			return false;
	}
	return vr->is_packed ? packed_goes_on(vr) : split_goes_on(vr);
}

static void take_up(struct vring *vr)
{
	struct vhost_mark *mark = vr->ring->mark;
	struct vhost_taken *open = find_publishing(vr);

	if (open)
		finish(vr, open);
	for (uint32_t i = 0; i < mark_workers(mark); i++)
		settle_taken(vr, &mark->taken[i]);
}

/* ---- starting ------------------------------------------------------------------------------------------ */

/* The place in its file of something in guest memory. */
static uint64_t place_of(const struct vhost_view *v, const uint8_t *at, uint64_t file[2])
{
	for (uint32_t i = 0; i < v->region_count; i++) {
		const struct vhost_region *r = &v->regions[i];
		uint64_t id[3] = { 0, 0, 0 };

		if ((uintptr_t)at - (uintptr_t)r->host >= r->size)
			continue;
		if (r->mapping)
			vhost_mapping_id(r->mapping, id);
		file[0] = id[0];
		file[1] = id[1];
		return id[2] + (uint64_t)(at - r->host);
	}
	return 0;
}

static void make_key(const struct vring *vr, struct vhost_mark_key *key)
{
	uint64_t other[2];

	memset(key, 0, sizeof(*key));
	key->device = place_of(vr->view, vr->at->device, other);
	key->driver = place_of(vr->view, vr->at->driver, other);
	key->desc = place_of(vr->view, vr->at->desc, key->file);
	key->size = vr->at->size;
	key->is_packed = vr->is_packed;
}

/* A place beyond the ring is none: the lap begins. */
static uint16_t packed_position(const struct vring *vr, uint32_t word)
{
	uint32_t slot = word & POSITION_SLOT;

	return (uint16_t)((slot < vr->at->size ? slot : 0) | (word & POSITION_WRAP));
}

/* As librte_vhost and QEMU: packed, all that was taken had been given back. */
static struct vhost_position position_of_base(const struct vring *vr, uint32_t base)
{
	struct vhost_position at;

	if (vr->is_packed) {
		at.next_avail = packed_position(vr, base);
		at.next_used = at.next_avail;
	} else {
		at.next_avail = (uint16_t)base;
		at.next_used = split_used(vr);
	}
	return at;
}

static void begin_at(struct vring *vr, const struct vhost_mark_key *key, uint32_t base)
{
	struct vhost_mark *mark = vr->ring->mark;

	atomic_store_explicit(&mark->is_valid, 0, memory_order_release);
	for (uint32_t i = 0; i < mark_workers(mark); i++)
		atomic_store_explicit(&mark->taken[i].state, 0, memory_order_relaxed);
	mark->key = *key;
	mark->last_used = LAST_NONE;
	ring_move(vr->ring, position_of_base(vr, base), 0);
	atomic_store_explicit(&mark->is_valid, 1, memory_order_release);
}

static void load_position(struct vring *vr)
{
	uint64_t word = atomic_load_explicit(&vr->ring->mark->position, memory_order_relaxed);

	vr->ring->at.next_avail = (uint16_t)word;
	vr->ring->at.next_used = (uint16_t)(word >> 16);
	if (!vr->is_packed)
		return;
	vr->ring->at.next_avail = packed_position(vr, vr->ring->at.next_avail);
	vr->ring->at.next_used = packed_position(vr, vr->ring->at.next_used);
}

static bool is_known(struct vring *vr, const struct vhost_mark_key *key)
{
	const struct vhost_mark *mark = vr->ring->mark;

	if (!atomic_load_explicit(&mark->is_valid, memory_order_acquire) ||
	    memcmp(&mark->key, key, sizeof(*key)) != 0)
		return false;
	load_position(vr);
	return goes_on(vr);
}

void vhost_ring_start(struct vhost_ring *r, const struct vhost_view *v, uint32_t base)
{
	struct vhost_mark_key key;
	struct vring vr;

	if (!vring_open(&vr, r->device, v, r->nr))
		return;
	make_key(&vr, &key);
	if (is_known(&vr, &key))
		take_up(&vr);
	else
		begin_at(&vr, &key, base);
	r->seen = r->at.next_avail;
	r->mark->workers = r->device->workers;
	/* a worker that sleeps waits for packets from the guest; room is looked for, never waited for */
	vring_ask(&vr, r->at.next_avail, !ring_is_to_guest(r));
	batch_begin(r);
	/*
	 * Who was here before may have died between giving back and interrupting.  With the event
	 * index no later buffer passes the place the guest waits at, so it would wait for good; one
	 * interrupt too many does no harm.
	 */
	vhost_call(vr.at->call);
}

uint32_t vhost_ring_stop(struct vhost_ring *r, const struct vhost_view *last)
{
	if (!vhost_has(last->features, VHOST_RING_PACKED))
		return r->at.next_avail;
	return r->at.next_avail | (uint32_t)r->at.next_used << 16;
}

void vhost_ring_forget(struct vhost_ring *r)
{
	atomic_store_explicit(&r->mark->is_valid, 0, memory_order_release);
}
