/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/others.c - chains that somebody else gave back.
 *
 * While no back end is there, QEMU is the device, and while the link is down it drops what the guest
 * sends (virtio_net_drop_tx_queue_data()).  In a split ring it begins where the used index is, and we
 * begin where it stopped.  In a packed ring there is no index, and QEMU begins where it was told that
 * we had stopped last: it gives back in the middle of what waits for us, where that place comes up.
 *
 *      we go on here                 QEMU was here
 *      v                             v
 *      available  available  ...  |  used  available  available  ...
 *
 * The guest takes what is used in order, so it is well: it comes to that place when all before is given
 * back.  We have to go over it as well, or wait there for a chain that never comes.
 */
#include "port/vhost_user/vring.h"

enum { PASSED_MAX = 256 }; /* at a time: a guest may write what it likes */

/* Of one slot each, from 'position' on. */
static uint32_t count_used(const struct vring *vr, uint16_t position)
{
	uint32_t count = 0;

	while (count < PASSED_MAX && packed_is_used(vr, position)) {
		position = packed_forward(position, 1, vr->at->size);
		count++;
	}
	return count;
}

/*
 * A used element covers the first descriptor of its chain alone.  Drivers write the buffer's id into
 * all, so what is available behind it with the same id may be its rest, which is no packet.  It may also
 * be a new chain, if the guest was so quick: then one packet is lost, with those that QEMU dropped.
 */
static bool is_rest(const struct vring *vr, uint16_t last, uint16_t position)
{
	return packed_has(vr, position) && packed_id(vr, position) == packed_id(vr, last);
}

static void give_back_rest(struct vring *vr, struct vring_stage *st)
{
	struct vhost_ring *r = vr->ring;

	st->position = r->at.next_avail;
	if (!packed_stage(vr, st, 1, false))
		return;
	(void)vring_publish(vr, &r->mark->taken[0], 1);
	ring_count(&r->bad, 1);
}

bool vring_pass_others(struct vring *vr, struct vring_stage *st)
{
	struct vhost_ring *r = vr->ring;
	const uint32_t size = vr->at->size;
	const uint32_t count = count_used(vr, r->at.next_avail);
	uint16_t last;
	uint16_t next;

	if (count == 0)
		return false;
	last = packed_forward(r->at.next_avail, count - 1, size);
	next = packed_forward(last, 1, size);
	r->mark->last_used = last;
	ring_move(r, (struct vhost_position){ next, next }, 0);
	ring_count(&r->passed, count);
	if (is_rest(vr, last, next))
		give_back_rest(vr, st);
	/* No later buffer passes the place that the guest may wait at. */
	vhost_call(vr->at->call);
	return true;
}
