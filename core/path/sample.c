/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample.c - which packets a watcher is shown that wants one in so many, or those with some flag.
 *
 * One in n at random means that each packet is shown with probability 1/n, whatever became of the
 * others.  How many go by before the next one can be drawn instead, and a batch of which none is
 * due costs one subtraction.  A draw knows nothing of the past, so all who want one in n share it,
 * and it may be thrown away whenever somebody wants another n.
 */
#include <math.h>

#include "path/walk.h"
#include "xvs/ext/sdk.h"

/* TCP flags in the order of the key's member, or as plain numbers: nine bits tell which. */
static uint32_t flags_in_host_order(uint16_t flags)
{
	return flags & 0xff00 ? xvs_ntoh16(flags) : flags;
}

static bool has_tcp_flags(const struct packet *p, uint16_t flags)
{
	return flags && (p->x.flags & XVS_PKT_L4) && p->x.l4_proto == 6 &&
	       p->x.l4_off + 14u <= p->x.linear &&
	       (xvs_get16(p->x.data + p->x.l4_off + 12) & 0x1ffu & flags_in_host_order(flags));
}

bool sample_wants(struct path_worker *w, const struct flow_step *s, const struct packet *p)
{
	if (has_tcp_flags(p, s->watch_tcp_flags))
		return true;
	if (w->trace && s->sample > 1)
		return false; /* what is said of one packet should be said of it each time */
	if (s->sample > 1)
		return (xvs_random(&w->random) >> 32) * s->sample >> 32 == 0; /* no division */
	return s->watch_tcp_flags == 0 || s->sample == 1;
}

/* P(gap >= k) = (1 - 1/n)^k, n > 1. */
static uint64_t draw_gap(struct path_worker *w, uint32_t n)
{
	double u = (double)((xvs_random(&w->random) >> 11) + 1) * 0x1p-53; /* in (0, 1] */

	return (uint64_t)(log(u) / log1p(-1.0 / n));
}

/* The (nr + 1)-th of the bits in 'mask', which has more than nr. */
static uint64_t nth_bit(uint64_t mask, uint64_t nr)
{
	while (nr-- > 0)
		mask &= mask - 1;
	return mask & -mask;
}

uint64_t sample_mask(struct path_worker *w, uint32_t n, uint64_t mask)
{
	uint64_t count = (uint64_t)__builtin_popcountll(mask);
	uint64_t shown = 0;

	if (w->sample_of != n) {
		w->sample_of = n;
		w->sample_gap = draw_gap(w, n);
	}
	while (w->sample_gap < count) {
		uint64_t bit = nth_bit(mask, w->sample_gap);

		shown |= bit;
		mask &= ~(bit | (bit - 1)); /* what is behind it */
		count -= w->sample_gap + 1;
		w->sample_gap = draw_gap(w, n);
	}
	w->sample_gap -= count;
	return shown;
}
