/* SPDX-License-Identifier: Apache-2.0 */
/*
 * common.c - entries that stand for many connections, and when a connection gets one of its own.
 *
 * An entry that knows a connection is exact in the 5-tuple (architecture 16.1e).  To make, to keep
 * and to end two of them costs several times what their connection does, and most connections end
 * after a few packets.  So the first packets of connections share an entry, which is no wider than
 * the bits that were looked at; it says "look inside" to the trackers that they pass, and those are
 * asked for each packet.  A connection that goes on is given entries of its own, one a direction,
 * by a walk like any other: what is common and what is own say the same.
 *
 * Which packet is to get its own is known to the tracker, and needed when the packet that follows is
 * looked up: in between, it is remembered by its hash, in a place that another may overwrite.  There
 * are as many as entries, since the packets of all others may come before the next of this one.
 */
#include <string.h>

#include "base/pages.h"
#include "path/walk.h"
#include "xvs/ext/meter.h"

bool key_tells_tuples(const struct xvs_flow_key *bits)
{
	struct xvs_flow_key tuple = { .ip_proto = UINT8_MAX,
				      .l4_src = UINT16_MAX,
				      .l4_dst = UINT16_MAX };
	const flow_word *want = (const flow_word *)(const void *)&tuple;
	const flow_word *have = (const flow_word *)(const void *)bits;
	uint64_t missing = 0;

	memset(tuple.ip_src, UINT8_MAX, sizeof(tuple.ip_src));
	memset(tuple.ip_dst, UINT8_MAX, sizeof(tuple.ip_dst));
	for (unsigned i = 0; i < sizeof(tuple) / 8; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.*): the words of a key are its members */
		missing |= want[i] & ~have[i];
	return missing == 0;
}

/* What is true of one state of the world is asked anew in the next. */
static void renew(struct path_worker *w)
{
	if (w->never_common_changes == w->changes)
		return;
	memset(w->never_common, 0, sizeof(w->never_common));
	w->never_common_changes = w->changes;
}

bool common_is_possible(struct path_worker *w, const struct packet *p, uint32_t port)
{
	const uint32_t facts = XVS_PKT_L4 | XVS_PKT_FRAG | XVS_PKT_LATER | XVS_PKT_DRY;
	bool has_ports = p->x.l4_proto == 6 || p->x.l4_proto == 17 || p->x.l4_proto == 132;

	renew(w);
	return has_ports && !w->trace && (p->x.flags & facts) == XVS_PKT_L4 &&
	       !(w->never_common[port / 64] >> port % 64 & 1);
}

void common_in_vain(struct path_worker *w, uint32_t port)
{
	w->never_common[port / 64] |= UINT64_C(1) << port % 64;
}

bool own_create(struct path_worker *w, uint32_t entries)
{
	w->own_places = 1024;
	while (w->own_places < entries && w->own_places < 1u << 30)
		w->own_places *= 2;
	w->own_wanted = pages_map((size_t)w->own_places * sizeof(*w->own_wanted));
	return w->own_wanted != NULL;
}

void own_destroy(struct path_worker *w)
{
	pages_unmap(w->own_wanted, (size_t)w->own_places * sizeof(*w->own_wanted));
}

static uint32_t want_of(uint32_t port, const struct packet *p)
{
	return (p->x.hash ^ port * 0x9e3779b1) | 1;
}

static uint32_t *place_of(struct path_worker *w, uint32_t want)
{
	return &w->own_wanted[want >> 1 & (w->own_places - 1)];
}

/*
 * Of several that share a place and come in turn, none would ever find its own if each put itself
 * there: one in four does, so that who is there mostly stays until its next packet, but not for ever.
 */
void own_want(struct path_worker *w, uint32_t port, const struct packet *p)
{
	uint32_t want = want_of(port, p);
	uint32_t *place = place_of(w, want);

	w->own_dice = w->own_dice * 1664525 + 1013904223;
	if (!*place || w->own_dice >> 30 == 0)
		*place = want;
}

bool own_is_wanted(struct path_worker *w, uint32_t port, const struct packet *p)
{
	uint32_t want = want_of(port, p);

	return *place_of(w, want) == want;
}

/* These places are anywhere: all are asked for before the first is read. */
uint64_t own_first_wanted(struct path_worker *w, uint32_t port, struct packet *const *pkts,
			  struct ones some)
{
	uint64_t at = some.first;

	for (uint64_t i = some.first; i < some.end; i++)
		__builtin_prefetch(place_of(w, want_of(port, pkts[i])));
	while (at < some.end && !own_is_wanted(w, port, pkts[at]))
		at++;
	return at;
}

void own_forget(struct path_worker *w, uint32_t port, const struct packet *p)
{
	*place_of(w, want_of(port, p)) = 0;
}

bool budget_admits(struct path_worker *w, const struct port_conf *conf, struct xvs_meter *spent)
{
	struct xvs_meter_rate rate = { conf->new_flow_rate, conf->new_flow_burst };

	if (conf->role == ROLE_UPLINK || !rate.per_second)
		return true;
	return xvs_meter_take(spent, &rate, w->w.now_ns, 1, 0) == 0;
}
