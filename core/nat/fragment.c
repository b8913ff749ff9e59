/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat/fragment.c - later fragments have no ports: they go the way of the first of their datagram.
 *
 * One worker's: fragments of one datagram come in by one queue.  A new datagram takes the place of an
 * old one; places are found by a keyed hash, so nobody can choose whose.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "nat/nat.h"

enum { PLACES = 1024 };
/* RFC 791 allows minutes; on today's links the rest follows within a few round trips. */
static const uint64_t life_ns = UINT64_C(5) * NS_PER_S;

struct datagram {
	uint32_t src, dst; /* as the packet came */
	uint32_t id;       /* and the protocol */
	uint32_t address;  /* what it was given */
	uint64_t until_ns; /* 0: nobody's */
};

struct nat_fragments {
	struct datagram places[PLACES];
};

struct nat_fragments *nat_fragments_create(void)
{
	return calloc(1, sizeof(struct nat_fragments));
}

void nat_fragments_destroy(struct nat_fragments *f)
{
	free(f);
}

static struct datagram key_of_packet(const struct packet *p, const struct nat_view *v)
{
	return (struct datagram){ .src = v->src,
				  .dst = v->dst,
				  .id = (uint32_t)get_be16(p->x.data + p->x.l3_off + 4) << 8 |
					v->proto };
}

static uint32_t place_of(const struct datagram *d)
{
	const uint64_t words[2] = { (uint64_t)d->src << 32 | d->dst, d->id };

	return (uint32_t)hash_words(words, 2, 6) % PLACES;
}

void nat_fragment_first(struct nat_fragments *f, const struct packet *p, const struct nat_view *v,
			const struct nat_answer *a, uint64_t now_ns)
{
	struct datagram d = key_of_packet(p, v);

	d.address = a->address;
	d.until_ns = now_ns + life_ns;
	f->places[place_of(&d)] = d;
}

bool nat_fragment_later(const struct nat_fragments *f, const struct packet *p,
			const struct nat_view *v, uint64_t now_ns, struct nat_answer *out)
{
	struct datagram key = key_of_packet(p, v);
	const struct datagram *d = &f->places[place_of(&key)];

	if (d->until_ns <= now_ns || d->src != key.src || d->dst != key.dst || d->id != key.id)
		return false;
	*out = (struct nat_answer){ .address = d->address };
	return true;
}
