/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/ring.c - positions of a ring, as workers move them.
 *
 * 'at' and the mark say the same; every change of 'at' is one store into the mark.  See mirror.h for
 * the order of stores, which start.c relies on.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "port/vhost_user/batch.h"
#include "port/vhost_user/vring.h"

/* ---- for workers ------------------------------------------------------------------------------------ */

bool vring_open(struct vring *vr, struct vhost_device *d, const struct vhost_view *v, uint32_t nr)
{
	const struct vhost_ring_view *at = &v->rings[nr];

	if (!at->desc)
		return false;
	vr->device = d;
	vr->ring = &d->rings[nr];
	vr->view = v;
	vr->at = at;
	vr->near = v->regions[0];
	vr->is_packed = vhost_has(v->features, VHOST_RING_PACKED);
	vr->has_event = vhost_has(v->features, VHOST_RING_EVENT_IDX);
	vr->logs = v->log && vhost_has(v->features, VHOST_F_LOG_ALL);
	vr->logs_ring = vr->logs && at->logs_ring;
	return true;
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

void vring_lock(struct vhost_ring *r)
{
	if (r->senders == 1)
		return;
	while (atomic_exchange_explicit(&r->lock, 1, memory_order_acquire)) {
		while (atomic_load_explicit(&r->lock, memory_order_relaxed))
			cpu_relax();
	}
}

void vring_unlock(struct vhost_ring *r)
{
	if (r->senders != 1)
		atomic_store_explicit(&r->lock, 0, memory_order_release);
}

void ring_move(struct vhost_ring *r, struct vhost_position at, uint32_t reservations)
{
	uint64_t old = atomic_load_explicit(&r->mark->position, memory_order_relaxed);
	uint32_t seq = (uint32_t)(old >> 32) + reservations;

	r->at = at;
	atomic_store_explicit(&r->mark->position,
			      at.next_avail | (uint64_t)at.next_used << 16 | (uint64_t)seq << 32,
			      memory_order_release);
}

uint16_t vring_behind(const struct vring *vr, uint16_t position, const struct vhost_used *used,
		      uint32_t count)
{
	if (!vr->is_packed)
		return (uint16_t)(position + count);
	for (uint32_t i = 0; i < count; i++)
		position = packed_forward(position, used[i].slots, vr->at->size);
	return position;
}

void vring_commit(struct vring *vr, struct vhost_taken *taken, uint32_t count, uint16_t next)
{
	struct vhost_ring *r = vr->ring;
	uint64_t position = atomic_load_explicit(&r->mark->position, memory_order_relaxed);

	taken->seq = (uint32_t)(position >> 32);
	atomic_store_explicit(&taken->state, taken_state(PHASE_TAKEN, count, 0),
			      memory_order_release);
	ring_move(r, (struct vhost_position){ next, r->at.next_used }, 1);
}

uint16_t vring_write_used(const struct vring *vr, const struct vhost_taken *taken, uint32_t count)
{
	uint16_t from = vr->ring->at.next_used;

	if (!vr->is_packed)
		return split_publish(vr, from, taken->used, count);
	return packed_publish(vr, from, taken->used, count, ring_is_to_guest(vr->ring));
}

/*
 * To the guest, next_avail moved when it was taken.  From it, the batch is behind us only now; in a
 * split ring it may be ahead of next_used by what another switch never gave back.
 */
struct vhost_position vring_given_back(const struct vring *vr, uint16_t to)
{
	struct vhost_position at = vr->ring->at;

	if (!ring_is_to_guest(vr->ring))
		at.next_avail =
			vr->is_packed ? to : (uint16_t)(at.next_avail + (to - at.next_used));
	at.next_used = to;
	return at;
}

uint16_t vring_publish(struct vring *vr, struct vhost_taken *taken, uint32_t count)
{
	struct vhost_ring *r = vr->ring;
	uint16_t from = r->at.next_used;
	uint16_t to;

	atomic_store_explicit(&taken->state, taken_state(PHASE_PUBLISHING, count, from),
			      memory_order_release);
	to = vring_write_used(vr, taken, count);
	ring_move(r, vring_given_back(vr, to), 0);
	atomic_store_explicit(&taken->state, taken_state(PHASE_IDLE, 0, 0), memory_order_release);
	return from;
}

/* The fence is between our used elements and the guest's wish, which it writes before it looks. */
void vring_notify(struct vring *vr, uint16_t from, uint16_t to)
{
	bool is_wanted;

	if (from == to || vr->at->call < 0)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	is_wanted =
		vr->is_packed ? packed_wants_call(vr, from, to) : split_wants_call(vr, from, to);
	if (!is_wanted)
		return;
	vhost_call(vr->at->call);
	atomic_fetch_add_explicit(&vr->ring->kicks, 1, memory_order_relaxed);
}

void vring_ask(const struct vring *vr, uint16_t position, bool wanted)
{
	if (vr->is_packed)
		packed_ask(vr, position, wanted);
	else
		split_ask(vr, position, wanted);
}

/* ---- all rings of a device ------------------------------------------------------------------------------ */

static int make_batches(struct vhost_device *d)
{
	for (uint32_t i = 1; i < d->ring_count; i += 2) {
		d->rings[i].batch = batch_create();
		if (!d->rings[i].batch)
			return -ENOMEM;
	}
	d->scratch = scratch_create(d->workers);
	return d->scratch ? 0 : -ENOMEM;
}

int vhost_rings_open(struct vhost_device *d, struct xvs_error *err)
{
	size_t bytes = d->ring_count * sizeof(struct vhost_ring);

	if (!d->mirror && vhost_mirror_open(NULL, d->port_name, d->ring_count, d->workers,
					    &d->private_mirror, err))
		return -ENOMEM;
	d->rings = aligned_alloc(_Alignof(struct vhost_ring), bytes);
	if (d->rings)
		memset(d->rings, 0, bytes);
	if (!d->rings || make_batches(d)) {
		vhost_rings_close(d);
		return error_set(err, -ENOMEM, "", "port %s: no memory left for its rings",
				 d->port_name);
	}
	for (uint32_t i = 0; i < d->ring_count; i++) {
		struct vhost_ring *r = &d->rings[i];

		r->device = d;
		r->nr = i;
		r->senders = d->workers;
		r->mark = vhost_mirror_mark(d->mirror ? d->mirror : d->private_mirror, i);
	}
	return 0;
}

void vhost_rings_close(struct vhost_device *d)
{
	for (uint32_t i = 1; d->rings && i < d->ring_count; i += 2)
		batch_destroy(d->rings[i].batch);
	free(d->rings);
	d->rings = NULL;
	scratch_destroy(d->scratch, d->workers);
	d->scratch = NULL;
	vhost_mirror_close(d->private_mirror);
	d->private_mirror = NULL;
}
