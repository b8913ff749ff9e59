/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/place.c - from what a front end said about a ring to checked pointers.
 */
#include <errno.h>

#include "port/vhost_user/session.h"

/* One of the three parts of a ring (virtio 1.2 2.7, 2.8). */
struct part {
	const char *name;
	uint64_t user;
	uint64_t bytes;
	uint32_t align;
};

static bool is_enabled(const struct session *s, const struct session_ring *r)
{
	if (r->enable != ENABLE_UNSAID)
		return r->enable == ENABLE_YES;
	/* "If F_PROTOCOL_FEATURES has not been negotiated, the ring starts directly in the
	 * enabled state." */
	return !vhost_has(s->features, VHOST_F_PROTOCOL_FEATURES);
}

bool ring_is_wanted(const struct session *s, const struct session_ring *r)
{
	return s->has_features && r->is_started && r->size > 0 && r->has_address &&
	       is_enabled(s, r);
}

bool ring_some_wanted(const struct session *s)
{
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		if (ring_is_wanted(s, &s->rings[i]))
			return true;
	}
	return false;
}

static uint8_t *place_part(const struct vhost_view *v, const struct part *p, uint32_t nr,
			   struct xvs_error *err)
{
	uint8_t *at = vhost_at_user(v, p->user, p->bytes);

	if (!at) {
		(void)error_set(err, -EFAULT, "", "ring %u: its %s at 0x%llx is not in memory", nr,
				p->name, (unsigned long long)p->user);
		return NULL;
	}
	/* Both: what the guest sees is aligned, and what we see. */
	if (p->user % p->align || (uintptr_t)at % p->align) {
		(void)error_set(err, -EINVAL, "", "ring %u: its %s at 0x%llx is not aligned to %u",
				nr, p->name, (unsigned long long)p->user, p->align);
		return NULL;
	}
	return at;
}

int ring_place(const struct session_ring *r, uint32_t nr, const struct vhost_view *v,
	       struct vhost_ring_view *out, struct xvs_error *err)
{
	const bool is_packed = vhost_has(v->features, VHOST_RING_PACKED);
	const uint64_t event = vhost_has(v->features, VHOST_RING_EVENT_IDX) ? 2 : 0;
	const uint64_t n = r->size;
	const struct part desc = { "descriptors", r->desc, 16 * n, 16 };
	const struct part driver = { "available ring", r->driver, is_packed ? 4 : 4 + 2 * n + event,
				     is_packed ? 4 : 2 };
	const struct part device = { "used ring", r->device, is_packed ? 4 : 4 + 8 * n + event, 4 };
	struct vhost_ring_view place = {
		.desc = place_part(v, &desc, nr, err),
		.size = r->size,
		.logs_ring = (r->flags & RING_FLAG_LOG) != 0,
		.call = -1,
		.kick = -1,
	};

	if (!is_packed && (r->size & (r->size - 1)))
		return error_set(err, -EINVAL, "", "ring %u has %u places, must be a power of two",
				 nr, r->size);
	if (place.desc)
		place.driver = place_part(v, &driver, nr, err);
	if (place.driver)
		place.device = place_part(v, &device, nr, err);
	if (!place.device || !vhost_user_to_guest(v, r->desc, desc.bytes, &place.desc_guest))
		return err->code;
	place.device_guest = r->log;
	*out = place;
	return 0;
}
