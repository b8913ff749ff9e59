/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/look.c - a look each second at rings whose workers wait to be kicked.
 *
 * A guest that was asked to kick and does not, or whose kick does not arrive, would wait for good.  It is
 * no fault of the guest: QEMU before 9.0 writes "no kicks" into a ring that runs already where the front
 * end meets a new back end while a kick is under way (fixed by "virtio-net: fix qemu set used ring flag
 * even vhost started"), and there may be others like it.  So where something waits in the same place for
 * a second although the worker asked for a kick, the worker is woken; before it sleeps it asks anew.
 *
 * A worker that sleeps otherwise sleeps on: looking is reading two words of each ring.
 */
#include <errno.h>

#include "base/clock.h"
#include "port/vhost_user/batch.h"
#include "port/vhost_user/session.h"

#define LOOK_NS NS_PER_S

enum { LOOKED_NOT = 1 << 16 }; /* no position */

/* Where chains wait for a worker that waits for a kick; LOOKED_NOT: they do not. */
static uint32_t waiting_at(const struct session *s, uint32_t nr)
{
	struct vhost_ring *r = &s->device->rings[nr];
	struct vring vr;
	uint16_t position;

	if (!vring_open(&vr, s->device, &s->seen->view, nr) || !batch_is_asked(r->batch))
		return LOOKED_NOT;
	position = (uint16_t)atomic_load_explicit(&r->mark->position, memory_order_relaxed);
	if (vring_has(&vr, position) || vring_is_others(&vr, position))
		return position;
	return LOOKED_NOT;
}

void session_look(struct session *s)
{
	for (uint32_t nr = 1; s->seen && nr < s->device->ring_count; nr += 2) {
		const uint32_t before = s->looked[nr];

		s->looked[nr] = waiting_at(s, nr);
		if (s->looked[nr] == LOOKED_NOT || s->looked[nr] != before)
			continue;
		ring_count(&s->device->rings[nr].late, 1);
		vhost_kick_self(s->device, nr / 2);
	}
}

static void on_look(void *arg)
{
	struct session *s = arg;

	session_look(s);
	if (s->seen)
		loop_timer_arm(s->look, LOOK_NS);
}

void look_begin(struct session *s)
{
	for (uint32_t nr = 0; nr < VHOST_RINGS_MAX; nr++)
		s->looked[nr] = LOOKED_NOT;
	loop_timer_arm(s->look, LOOK_NS);
}

int look_create(struct session *s, struct xvs_error *err)
{
	s->look = loop_timer_create(s->device->loop, on_look, s);
	return s->look ? 0 : error_set(err, -ENOMEM, "", "no memory for a timer");
}

void look_destroy(struct session *s)
{
	loop_timer_destroy(s->look);
	s->look = NULL;
}
