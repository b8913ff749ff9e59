/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_rings.c - rings that no honest driver makes.
 */
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "hostile.h"

enum { STEPS = 32, SMALL_NAP_NS = 200000 };

/* One place of a table, in either layout: the last two words change their meaning. */
struct desc {
	uint64_t guest;
	uint32_t len;
	uint16_t third, fourth;
};

static struct desc *desc_of(struct ring *r, uint32_t nr)
{
	struct desc *all = (void *)r->base;

	return &all[nr % r->size];
}

static struct ring *any_ring(struct attacker *a)
{
	return &a->front.rings[random_below(&a->random, HOSTILE_RINGS)];
}

static uint16_t *driver_words(struct ring *r)
{
	return (void *)(r->base + RING_DRIVER);
}

/* So that the switch has a look between two steps. */
static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = SMALL_NAP_NS }, NULL);
}

/* What the place 'nr' says is made available, whatever it says. */
static void show(struct ring *r, uint32_t nr)
{
	uint16_t *driver = driver_words(r);

	if (r->is_packed)
		return;
	driver[2 + r->next % r->size] = (uint16_t)nr;
	r->next++;
	driver[1] = r->next;
}

static void set_flags(struct ring *r, uint32_t nr, uint16_t flags)
{
	struct desc *d = desc_of(r, nr);

	if (r->is_packed)
		d->fourth = (uint16_t)(flags | DESC_AVAIL);
	else
		d->third = flags;
}

void attack_jump(struct attacker *a)
{
	if (!hostile_open(a))
		return;
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		struct ring *r = any_ring(a);
		uint16_t *driver = driver_words(r);

		hostile_traffic(a, 8);
		if (r->is_packed) {
			for (uint32_t nr = 0; nr < r->size; nr++)
				set_flags(r, nr, (uint16_t)random_next(&a->random));
		} else {
			driver[1] = (uint16_t)(driver[1] + random_next(&a->random));
			driver[2 + random_below(&a->random, r->size)] =
				(uint16_t)random_next(&a->random);
		}
		driver[0] = (uint16_t)random_next(&a->random);
		ring_kick(r);
		nap();
	}
}

void attack_outside(struct attacker *a)
{
	const uint64_t end = FRONT_GUEST + HOSTILE_BYTES;

	if (!hostile_open(a))
		return;
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		struct ring *r = any_ring(a);
		uint32_t nr = random_below(&a->random, r->size);
		struct desc *d = desc_of(r, r->is_packed ? 0 : nr);

		d->guest = random_next(&a->random) & 1 ? hostile_number(&a->random) : end - 3;
		d->len = (uint32_t)hostile_number(&a->random);
		set_flags(r, r->is_packed ? 0 : nr, r == &a->front.rings[0] ? DESC_WRITE : 0);
		show(r, nr);
		ring_kick(r);
		hostile_traffic(a, 4);
		nap();
	}
}

/* Chains that return to themselves, tables within tables, tables of odd sizes and empty ones. */
void attack_loops(struct attacker *a)
{
	static const uint16_t flags[] = { DESC_NEXT, DESC_INDIRECT, DESC_NEXT | DESC_INDIRECT,
					  DESC_NEXT | DESC_WRITE, DESC_INDIRECT | DESC_WRITE };

	if (!hostile_open(a))
		return;
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		struct ring *r = any_ring(a);
		uint16_t all = flags[random_below(&a->random, 5)];
		uint32_t places = 1 + random_below(&a->random, r->size);

		for (uint32_t nr = 0; nr < places; nr++) {
			struct desc *d = desc_of(r, nr);

			d->guest = r->guest + random_below(&a->random, 64) * 8;
			d->len = random_below(&a->random, 3) ? 16 * random_below(&a->random, 600)
							     : (uint32_t)hostile_number(&a->random);
			if (!r->is_packed)
				d->fourth = (uint16_t)random_below(&a->random, places);
			set_flags(r, nr, all);
		}
		show(r, random_below(&a->random, places));
		ring_kick(r);
		nap();
	}
}

/* Sound rings, but frames and facts that are not: too short, too long, work that cannot be done. */
void attack_frames(struct attacker *a)
{
	if (!hostile_open(a))
		return;
	for (int i = 0; i < STEPS && !hostile_is_refused(a); i++) {
		struct ring *r = &a->front.rings[1];
		uint64_t at = front_buffers(&a->front);
		struct piece pieces[RING_PIECES_MAX];
		uint32_t count = 1 + random_below(&a->random, RING_PIECES_MAX);
		uint16_t token;
		uint32_t len;

		for (uint32_t nr = 0; nr < 256; nr++)
			a->front.memory[at + nr] = (uint8_t)random_next(&a->random);
		a->front.memory[at + 1] = (uint8_t)random_below(&a->random, 7);
		for (uint32_t nr = 0; nr < count; nr++) {
			pieces[nr].guest = FRONT_GUEST + at;
			pieces[nr].len = random_below(&a->random, i & 1 ? 4 : 5000);
		}
		while (ring_take(r, &token, &len) == RING_TAKEN)
			;
		ring_put(r, pieces, count, false, random_next(&a->random) & 1, 0);
		ring_kick(r);
		nap();
	}
}

void attack_kicks(struct attacker *a)
{
	if (!hostile_open(a))
		return;
	for (int i = 0; i < 2000 && !hostile_is_refused(a); i++) {
		for (int ring = 0; ring < HOSTILE_RINGS; ring++)
			ring_kick(&a->front.rings[ring]);
	}
	hostile_traffic(a, HOSTILE_SIZE);
}

/* It asks and takes no answer, offers no buffer to receive into, and takes nothing back. */
void attack_stall(struct attacker *a)
{
	struct message m = { .request = GET_FEATURES, .flags = MESSAGE_VERSION };

	if (!hostile_open(a))
		return;
	hostile_traffic(a, HOSTILE_SIZE);
	for (int i = 0; i < 200 && !hostile_is_refused(a); i++) {
		if (send(a->front.sock, &m, MESSAGE_HEADER, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			nap();
	}
}
