/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/rings.c - what the front end says about rings, in any order and as often as it likes.
 *
 * A handler changes a copy; ring_change() puts it in place of the old one if the ring can run with
 * it, or does not run anyway.
 */
#include <errno.h>
#include <string.h>

#include "port/vhost_user/session.h"

static int check_number(const struct session *s, uint64_t nr, struct xvs_error *err)
{
	if (nr >= s->device->ring_count)
		return error_set(err, -EINVAL, "", "ring %llu: this port has %u",
				 (unsigned long long)nr, s->device->ring_count);
	return 0;
}

/* Memory and features as they are wanted now, for ring_place(). */
static const struct vhost_view *probe(struct session *s)
{
	s->scratch.features = s->features;
	s->scratch.region_count = s->region_count;
	memcpy(s->scratch.regions, s->regions, s->region_count * sizeof(s->regions[0]));
	return &s->scratch;
}

static int ring_change(struct session *s, uint32_t nr, const struct session_ring *changed,
		       struct xvs_error *err)
{
	struct vhost_ring_view place;
	int code;

	if (s->region_count > 0 && ring_is_wanted(s, changed)) {
		code = ring_place(changed, nr, probe(s), &place, err);
		if (code)
			return code;
	}
	s->rings[nr] = *changed;
	s->is_dirty = true;
	return 0;
}

int request_ring_size(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_ring_state wire;
	struct session_ring changed;

	message_read(m, &wire, sizeof(wire));
	if (check_number(s, wire.nr, err))
		return err->code;
	if (wire.value == 0 || wire.value > VHOST_SIZE_MAX)
		return error_set(err, -EINVAL, "", "ring %u has %u places, must have 1..%d",
				 wire.nr, wire.value, VHOST_SIZE_MAX);
	if (s->has_features && !vhost_has(s->features, VHOST_RING_PACKED) &&
	    (wire.value & (wire.value - 1)))
		return error_set(err, -EINVAL, "", "ring %u has %u places, must be a power of two",
				 wire.nr, wire.value);
	changed = s->rings[wire.nr];
	changed.size = (uint16_t)wire.value;
	return ring_change(s, wire.nr, &changed, err);
}

int request_ring_address(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_ring_address wire;
	struct session_ring changed;

	message_read(m, &wire, sizeof(wire));
	if (check_number(s, wire.nr, err))
		return err->code;
	changed = s->rings[wire.nr];
	changed.desc = wire.desc;
	changed.driver = wire.driver;
	changed.device = wire.device;
	changed.log = wire.log;
	changed.flags = wire.flags;
	changed.has_address = true;
	return ring_change(s, wire.nr, &changed, err);
}

int request_ring_set_base(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_ring_state wire;

	message_read(m, &wire, sizeof(wire));
	if (check_number(s, wire.nr, err))
		return err->code;
	if (s->seen && s->seen->view.rings[wire.nr].desc)
		return error_set(err, -EBUSY, "", "ring %u runs: SET_VRING_BASE is too late",
				 wire.nr);
	if (s->has_features && !vhost_has(s->features, VHOST_RING_PACKED) &&
	    wire.value > UINT16_MAX)
		return error_set(err, -EINVAL, "", "ring %u: base %u has more than 16 bits",
				 wire.nr, wire.value);
	s->rings[wire.nr].base = wire.value;
	return 0;
}

static void stop(struct session *s, struct session_ring *r)
{
	r->is_started = false;
	descriptor_put(r->kick);
	r->kick = NULL;
	s->is_dirty = true;
}

/* The position is known when the workers have let go: session_settled() replies. */
int request_ring_get_base(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_ring_state wire;

	message_read(m, &wire, sizeof(wire));
	if (check_number(s, wire.nr, err))
		return err->code;
	stop(s, &s->rings[wire.nr]);
	s->base_of = wire.nr;
	return 0;
}

/* The ring that a KICK, CALL or ERR is about; whether a descriptor comes must be said twice alike. */
static int read_ring_file(const struct session *s, const struct message *m, uint32_t *nr,
			  struct xvs_error *err)
{
	const uint64_t value = message_u64(m);
	const bool says_none = (value & RING_NO_FD) != 0;

	*nr = (uint32_t)(value & RING_NR_MASK);
	if (says_none == (m->fd_count > 0))
		return error_set(err, -EPROTO, "", "%s of ring %u says it has %s descriptor",
				 request_name(m->request), *nr, says_none ? "no" : "a");
	return check_number(s, *nr, err);
}

/* What wakes a worker for this ring; NULL where nobody has to wake (or no memory: err is set). */
static int open_kick(struct message *m, uint32_t nr, struct descriptor **out, struct xvs_error *err)
{
	const bool is_to_guest = nr % 2 == 0;

	*out = NULL;
	if (m->fd_count > 0)
		*out = descriptor_of_eventfd(message_take_fd(m, 0), err);
	else if (!is_to_guest)
		*out = descriptor_of_ticks(err);
	else
		return 0;
	return *out ? 0 : err->code;
}

int request_ring_kick(struct session *s, struct message *m, struct xvs_error *err)
{
	struct session_ring changed;
	struct descriptor *before;
	uint32_t nr;
	int code;

	if (read_ring_file(s, m, &nr, err))
		return err->code;
	changed = s->rings[nr];
	before = changed.kick;
	code = open_kick(m, nr, &changed.kick, err);
	if (code)
		return code;
	changed.is_started = true;
	code = ring_change(s, nr, &changed, err);
	descriptor_put(code ? changed.kick : before);
	return code;
}

int request_ring_call(struct session *s, struct message *m, struct xvs_error *err)
{
	struct descriptor *call = NULL;
	uint32_t nr;

	if (read_ring_file(s, m, &nr, err))
		return err->code;
	if (m->fd_count > 0) {
		call = descriptor_of_eventfd(message_take_fd(m, 0), err);
		if (!call)
			return err->code;
	}
	descriptor_put(s->rings[nr].call);
	s->rings[nr].call = call;
	s->is_dirty = true;
	return 0;
}

/* A ring that breaks closes the connection, which no front end overlooks: nobody is told here. */
int request_ring_error(struct session *s, struct message *m, struct xvs_error *err)
{
	uint32_t nr;

	return read_ring_file(s, m, &nr, err);
}

int request_ring_enable(struct session *s, struct message *m, struct xvs_error *err)
{
	struct wire_ring_state wire;
	struct session_ring changed;

	message_read(m, &wire, sizeof(wire));
	if (check_number(s, wire.nr, err))
		return err->code;
	if (wire.value > 1)
		return error_set(err, -EINVAL, "", "ring %u: SET_VRING_ENABLE says %u", wire.nr,
				 wire.value);
	changed = s->rings[wire.nr];
	changed.enable = wire.value ? ENABLE_YES : ENABLE_NO;
	return ring_change(s, wire.nr, &changed, err);
}

void rings_stop(struct session *s)
{
	for (uint32_t i = 0; i < s->device->ring_count; i++)
		stop(s, &s->rings[i]);
}

void rings_clear(struct session *s)
{
	rings_stop(s);
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		descriptor_put(s->rings[i].call);
		s->rings[i] = (struct session_ring){ 0 };
	}
}
