/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/ring.c - the driver's half of split and packed rings.
 *
 * Buffers in one piece are put by a loop that writes as little as it can: a split ring's descriptor
 * says the same each time, so it is written only when the length changes.
 */
#include "vgen/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	DESCRIPTOR = 16,
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	PACKED_AVAIL = 1 << 7,
	PACKED_USED = 1 << 15,
	EVENTS_ENABLED = 0, /* flags of struct packed_event */
	EVENTS_DISABLED = 1,
	EVENTS_AT = 2,
	SPLIT_QUIET = 1, /* flags of both rings of a split one: do not tell */
	HALF_WAY = 0x8000,
};

static size_t page_up(size_t bytes)
{
	return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* Where the parts begin, in the order of memory; the last is the end. */
struct layout {
	size_t driver, device, tables, buffers, end;
};

static struct layout layout_of(const struct ring_shape *s)
{
	size_t buffers = s->size / s->parts;
	struct layout l;

	l.driver = page_up((size_t)s->size * DESCRIPTOR);
	l.device = l.driver + page_up(6 + 2 * (size_t)s->size);
	l.tables = l.device + page_up(6 + 8 * (size_t)s->size);
	l.buffers = l.tables + page_up(buffers * s->parts * DESCRIPTOR);
	l.end = l.buffers + page_up(buffers * s->stride);
	return l;
}

size_t ring_bytes(const struct ring_shape *shape)
{
	return layout_of(shape).end;
}

/* ---- shared words ----------------------------------------------------------------------------- */

static uint16_t *word(uint8_t *at, size_t index)
{
	return (uint16_t *)(void *)at + index;
}

/* Words of a split ring: flags, index, ring[size], event. */
static uint16_t *split_avail_flags(const struct ring *r)
{
	return word(r->driver, 0);
}

static uint16_t *split_avail_index(const struct ring *r)
{
	return word(r->driver, 1);
}

static uint16_t *split_avail_ring(const struct ring *r)
{
	return word(r->driver, 2);
}

static uint16_t *split_used_event(const struct ring *r)
{
	return word(r->driver, 2 + (size_t)r->shape.size);
}

static uint16_t *split_used_flags(const struct ring *r)
{
	return word(r->device, 0);
}

static uint16_t *split_used_index(const struct ring *r)
{
	return word(r->device, 1);
}

static uint16_t *split_avail_event(const struct ring *r)
{
	return word(r->device, 2 + 4 * (size_t)r->shape.size);
}

/* An element of a used ring: buffer below, length above (little-endian machines, as all of ours). */
static uint64_t split_used_element(const struct ring *r, uint16_t at)
{
	uint64_t element;

	memcpy(&element, r->device + 4 + 8 * (size_t)(at & (r->shape.size - 1)), sizeof(element));
	return element;
}

static struct split_descriptor *split_descriptors(const struct ring *r)
{
	return (struct split_descriptor *)(void *)r->descriptors;
}

static struct packed_descriptor *packed_descriptors(const struct ring *r)
{
	return (struct packed_descriptor *)(void *)r->descriptors;
}

static uint64_t buffer_guest(const struct ring *r, uint32_t buffer)
{
	return r->buffers_guest + (uint64_t)buffer * r->shape.stride;
}

/* ---- putting in one piece --------------------------------------------------------------------- */

static uint16_t direction(const struct ring *r)
{
	return r->shape.is_written ? DESC_WRITE : 0;
}

static void split_describe(struct ring *r, uint16_t buffer, uint32_t len)
{
	struct split_descriptor *d = &split_descriptors(r)[(size_t)buffer * r->shape.parts];

	d->address = buffer_guest(r, buffer);
	d->len = len;
	d->flags = direction(r);
	r->put_len[buffer] = len;
}

static void split_put(struct ring *r, const uint16_t *buffers, uint32_t count, uint32_t len)
{
	uint16_t *ring = split_avail_ring(r);
	uint16_t mask = (uint16_t)(r->shape.size - 1);

	for (uint32_t i = 0; i < count; i++) {
		if (__builtin_expect(r->put_len[buffers[i]] != len, 0))
			split_describe(r, buffers[i], len);
		ring[(r->avail + i) & mask] = (uint16_t)(buffers[i] * r->shape.parts);
	}
	r->avail = (uint16_t)(r->avail + count);
	__atomic_store_n(split_avail_index(r), r->avail, __ATOMIC_RELEASE);
}

static uint16_t packed_avail_flags(const struct ring *r)
{
	return r->avail_wrap ? PACKED_AVAIL : PACKED_USED;
}

static void packed_step(uint16_t *at, bool *wrap, uint32_t by, uint16_t size)
{
	uint32_t next = *at + by;

	if (next >= size) {
		next -= size;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

/* The first descriptor's flags come last: the switch sees all of the batch, or nothing. */
static void packed_put(struct ring *r, const uint16_t *buffers, uint32_t count, uint32_t len)
{
	struct packed_descriptor *ring = packed_descriptors(r);
	struct packed_descriptor *first = &ring[r->avail];
	uint16_t first_flags = packed_avail_flags(r) | direction(r);

	for (uint32_t i = 0; i < count; i++) {
		struct packed_descriptor *d = &ring[r->avail];
		uint16_t flags = packed_avail_flags(r) | direction(r);

		d->address = buffer_guest(r, buffers[i]);
		d->len = len;
		d->id = buffers[i];
		r->put_parts[buffers[i]] = 1;
		if (d != first)
			__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
		packed_step(&r->avail, &r->avail_wrap, 1, r->shape.size);
	}
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

void ring_put(struct ring *r, const uint16_t *buffers, uint32_t count, uint32_t len)
{
	if (count == 0)
		return;
	if (r->shape.is_packed)
		packed_put(r, buffers, count, len);
	else
		split_put(r, buffers, count, len);
}

/* ---- putting in slices ------------------------------------------------------------------------ */

/* An indirect table of a split ring is a chain of its own; of a packed ring the order is enough. */
static void write_table(struct ring *r, uint16_t buffer, const struct ring_slice *slices,
			uint32_t count)
{
	uint8_t *table = r->tables + (size_t)buffer * r->shape.parts * DESCRIPTOR;

	for (uint32_t i = 0; i < count; i++) {
		struct split_descriptor d = { .address = buffer_guest(r, buffer) + slices[i].offset,
					      .len = slices[i].len };
		bool is_last = i + 1 == count;

		if (!r->shape.is_packed) {
			d.flags = (uint16_t)(direction(r) | (is_last ? 0 : DESC_NEXT));
			d.next = (uint16_t)(is_last ? 0 : i + 1);
		} else { /* id, flags */
			d.next = direction(r);
		}
		memcpy(table + (size_t)i * DESCRIPTOR, &d, sizeof(d));
	}
}

static uint64_t table_guest(const struct ring *r, uint16_t buffer)
{
	return r->tables_guest + (uint64_t)buffer * r->shape.parts * DESCRIPTOR;
}

static void split_put_slices(struct ring *r, uint16_t buffer, enum ring_form form,
			     const struct ring_slice *slices, uint32_t count)
{
	uint16_t first = (uint16_t)(buffer * r->shape.parts);
	struct split_descriptor *d = &split_descriptors(r)[first];

	r->put_len[buffer] = 0;
	if (form == RING_INDIRECT) {
		write_table(r, buffer, slices, count);
		*d = (struct split_descriptor){ table_guest(r, buffer), count * DESCRIPTOR,
						DESC_INDIRECT, 0 };
	} else {
		for (uint32_t i = 0; i < count; i++) {
			bool is_last = i + 1 == count;

			d[i].address = buffer_guest(r, buffer) + slices[i].offset;
			d[i].len = slices[i].len;
			d[i].flags = (uint16_t)(direction(r) | (is_last ? 0 : DESC_NEXT));
			d[i].next = (uint16_t)(is_last ? 0 : first + i + 1);
		}
	}
	split_avail_ring(r)[r->avail & (r->shape.size - 1)] = first;
	r->avail++;
	__atomic_store_n(split_avail_index(r), r->avail, __ATOMIC_RELEASE);
}

static void packed_put_slices(struct ring *r, uint16_t buffer, enum ring_form form,
			      const struct ring_slice *slices, uint32_t count)
{
	struct packed_descriptor *ring = packed_descriptors(r);
	struct packed_descriptor *first = &ring[r->avail];
	struct ring_slice table = { 0, count * DESCRIPTOR };
	bool is_indirect = form == RING_INDIRECT;
	uint32_t places = is_indirect ? 1 : count;
	uint16_t first_flags = 0;

	if (is_indirect)
		write_table(r, buffer, slices, count);
	for (uint32_t i = 0; i < places; i++) {
		struct packed_descriptor *d = &ring[r->avail];
		const struct ring_slice *s = is_indirect ? &table : &slices[i];
		uint32_t flags = packed_avail_flags(r) | (i + 1 < places ? DESC_NEXT : 0u);

		flags |= is_indirect ? (uint32_t)DESC_INDIRECT : direction(r);
		d->address =
			is_indirect ? table_guest(r, buffer) : buffer_guest(r, buffer) + s->offset;
		d->len = s->len;
		d->id = buffer;
		if (d == first)
			first_flags = (uint16_t)flags;
		else
			__atomic_store_n(&d->flags, (uint16_t)flags, __ATOMIC_RELEASE);
		packed_step(&r->avail, &r->avail_wrap, 1, r->shape.size);
	}
	r->put_parts[buffer] = (uint16_t)places;
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

void ring_put_slices(struct ring *r, uint16_t buffer, enum ring_form form,
		     const struct ring_slice *slices, uint32_t count)
{
	if (r->shape.is_packed)
		packed_put_slices(r, buffer, form, slices, count);
	else
		split_put_slices(r, buffer, form, slices, count);
}

/* ---- telling the switch ----------------------------------------------------------------------- */

/* Does [before, now) hold the position that the other side waits for?  (virtio 1.2, 2.7.7.2) */
static bool passes(uint16_t event, uint16_t now, uint16_t before)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

static bool split_is_awaited(const struct ring *r, uint16_t before)
{
	if (r->shape.has_event_index)
		return passes(__atomic_load_n(split_avail_event(r), __ATOMIC_RELAXED), r->avail,
			      before);
	return !(__atomic_load_n(split_used_flags(r), __ATOMIC_RELAXED) & SPLIT_QUIET);
}

static bool packed_is_awaited(const struct ring *r, uint16_t before)
{
	struct packed_event e;
	uint32_t both = __atomic_load_n((uint32_t *)(void *)r->device, __ATOMIC_RELAXED);
	int at;
	int now = r->avail;

	memcpy(&e, &both, sizeof(e));
	if (e.flags != EVENTS_AT)
		return e.flags == EVENTS_ENABLED;
	/* positions on one line: what was put lies in [old, now) */
	at = e.position & 0x7fff;
	if ((e.position >> 15) != r->avail_wrap)
		at -= r->shape.size;
	if (before >= r->avail)
		return passes((uint16_t)at, (uint16_t)now, (uint16_t)(before - r->shape.size));
	return passes((uint16_t)at, (uint16_t)now, before);
}

void ring_kick(struct ring *r, uint16_t before)
{
	bool is_awaited;

	/* What was put is there before the switch is asked; pairs with its fence before it sleeps. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	is_awaited =
		r->shape.is_packed ? packed_is_awaited(r, before) : split_is_awaited(r, before);
	if (!is_awaited)
		return;
	r->kicks++;
	(void)eventfd_write(r->kick, 1);
}

void ring_want_calls(struct ring *r, bool wanted)
{
	if (r->shape.is_packed) {
		struct packed_event e = { 0, wanted ? EVENTS_ENABLED : EVENTS_DISABLED };

		__atomic_store_n(word(r->driver, 1), e.flags, __ATOMIC_RELAXED);
	} else {
		/* with event index the flag means nothing: a position that is far away does */
		__atomic_store_n(split_used_event(r), (uint16_t)(r->used + (wanted ? 0 : HALF_WAY)),
				 __ATOMIC_RELAXED);
		__atomic_store_n(split_avail_flags(r), wanted ? 0 : SPLIT_QUIET, __ATOMIC_RELAXED);
	}
	__atomic_thread_fence(
		__ATOMIC_SEQ_CST); /* pairs with the switch's, after it used buffers */
}

/* ---- getting back ----------------------------------------------------------------------------- */

static bool packed_is_used(const struct ring *r, uint16_t at, bool wrap)
{
	uint16_t flags = __atomic_load_n(&packed_descriptors(r)[at].flags, __ATOMIC_ACQUIRE);

	return !(flags & PACKED_AVAIL) == !wrap && !(flags & PACKED_USED) == !wrap;
}

uint32_t ring_used(const struct ring *r, uint32_t max)
{
	uint16_t at;
	bool wrap = r->used_wrap;

	if (!r->shape.is_packed)
		return (uint16_t)(__atomic_load_n(split_used_index(r), __ATOMIC_ACQUIRE) - r->used);
	if (!packed_is_used(r, r->used, r->used_wrap))
		return 0;
	if (r->shape.parts > 1)
		return 1;
	/* used in the order of places: when the last one is, so are those before it */
	at = r->used;
	packed_step(&at, &wrap, max - 1, r->shape.size);
	return packed_is_used(r, at, wrap) ? max : 1;
}

static uint32_t broken(struct ring *r)
{
	r->is_broken = true;
	return 0;
}

static uint32_t split_get(struct ring *r, uint16_t *buffers, uint32_t *lens, uint32_t max)
{
	uint32_t count = ring_used(r, max);
	uint32_t parts = r->shape.parts;

	if (count > r->shape.size)
		return broken(r);
	if (count > max)
		count = max;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t element = split_used_element(r, (uint16_t)(r->used + i));
		uint32_t id = (uint32_t)element;

		if (parts != 1 && id % parts != 0)
			return broken(r);
		id = parts == 1 ? id : id / parts;
		if (id >= r->buffer_count)
			return broken(r);
		buffers[i] = (uint16_t)id;
		lens[i] = (uint32_t)(element >> 32);
	}
	r->used = (uint16_t)(r->used + count);
	return count;
}

static uint32_t packed_get(struct ring *r, uint16_t *buffers, uint32_t *lens, uint32_t max)
{
	uint32_t count = 0;

	for (; count < max && packed_is_used(r, r->used, r->used_wrap); count++) {
		const struct packed_descriptor *d = &packed_descriptors(r)[r->used];

		if (d->id >= r->buffer_count)
			return broken(r);
		buffers[count] = d->id;
		lens[count] = d->len;
		packed_step(&r->used, &r->used_wrap, r->put_parts[d->id], r->shape.size);
	}
	return count;
}

uint32_t ring_get(struct ring *r, uint16_t *buffers, uint32_t *lens, uint32_t max)
{
	if (r->is_broken)
		return 0;
	return r->shape.is_packed ? packed_get(r, buffers, lens, max)
				  : split_get(r, buffers, lens, max);
}

/* ---- beginning and end ------------------------------------------------------------------------ */

bool ring_init(struct ring *r, const struct ring_shape *shape, uint8_t *memory, uint64_t guest)
{
	struct layout l = layout_of(shape);

	*r = (struct ring){ .shape = *shape, .avail_wrap = true, .used_wrap = true };
	r->buffer_count = shape->size / shape->parts;
	r->descriptors = memory;
	r->descriptors_guest = guest;
	r->driver = memory + l.driver;
	r->driver_guest = guest + l.driver;
	r->device = memory + l.device;
	r->device_guest = guest + l.device;
	r->tables = memory + l.tables;
	r->tables_guest = guest + l.tables;
	r->buffers = memory + l.buffers;
	r->buffers_guest = guest + l.buffers;
	r->kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r->put_len = calloc(r->buffer_count, sizeof(*r->put_len));
	r->put_parts = calloc(r->buffer_count, sizeof(*r->put_parts));
	if (r->kick < 0 || r->call < 0 || !r->put_len || !r->put_parts) {
		ring_finish(r);
		return false;
	}
	ring_want_calls(r, false);
	return true;
}

void ring_clear(struct ring *r)
{
	memset(r->descriptors, 0, (size_t)(r->tables - r->descriptors));
	memset(r->put_len, 0, r->buffer_count * sizeof(*r->put_len));
	r->avail = r->used = 0;
	r->avail_wrap = r->used_wrap = true;
	r->is_broken = false;
	ring_want_calls(r, false);
}

void ring_finish(struct ring *r)
{
	if (r->kick >= 0)
		(void)close(r->kick);
	if (r->call >= 0)
		(void)close(r->call);
	free(r->put_len);
	free(r->put_parts);
	*r = (struct ring){ .kick = -1, .call = -1 };
}
