/* SPDX-License-Identifier: Apache-2.0 */
/* table/meter.c - meters come, change, and count. */
#include "table/meter.h"

#include <string.h>

static void meter_free(struct of_entry *e)
{
	struct of_meter *m = of_meter_of(e);

	of_stats_drop(m->stats);
	for (uint32_t i = 0; i < m->band_count; i++)
		of_stats_drop(m->bands[i].stats);
	free(m);
}

void of_meters_init(struct of_map *meters, uint64_t seed, const struct of_reclaim *reclaim)
{
	of_map_init(meters, seed, reclaim, meter_free);
}

/* In bits, or packets; who says nothing of bursts gets a tenth of a second's, or a few packets. */
static struct xvs_meter_rate rate_of(const struct of_band *b, uint16_t flags)
{
	enum { PACKET_BITS = 8 * 65536, FEW_PACKETS = 10 };
	uint64_t unit = flags & OF_METER_PKTPS ? 1 : 1000;
	uint64_t least = flags & OF_METER_PKTPS ? FEW_PACKETS : PACKET_BITS;
	const uint64_t most = (UINT64_C(1) << 34) - 1; /* xvs/ext/meter.h */
	struct xvs_meter_rate r = { .per_second = b->rate * unit };

	r.burst = flags & OF_METER_BURST ? b->burst * unit : r.per_second / 10;
	if (!(flags & OF_METER_BURST) && r.burst < least)
		r.burst = least;
	if (r.burst > most)
		r.burst = most;
	return r;
}

static struct of_meter *meter_new(const struct of_meter_mod *mod, const struct of_meter *old)
{
	struct of_meter *m = calloc(1, sizeof(*m) + mod->band_count * sizeof(m->bands[0]));

	if (!m)
		return NULL;
	m->entry.id = mod->meter;
	m->flags = mod->flags;
	m->stats = old ? of_stats_hold(old->stats) : of_stats_new();
	for (uint32_t i = 0; i < mod->band_count; i++) {
		struct of_meter_band *b = &m->bands[i];

		m->band_count = i + 1;
		b->what = mod->bands[i];
		b->rate = rate_of(&b->what, mod->flags);
		b->stats = of_stats_new();
		if (!b->stats)
			goto failed;
	}
	if (m->stats)
		return m;
failed:
	meter_free(&m->entry);
	return NULL;
}

of_fault of_meter_put(struct of_map *meters, const struct of_meter_mod *mod, uint64_t next,
		      uint64_t now_ns)
{
	struct of_entry *old = of_map_get(meters, mod->meter);
	struct of_meter *m;

	if (mod->command == OF_METER_ADD && old)
		return OF_METER_MOD_EXISTS;
	if (mod->command == OF_METER_MODIFY && !old)
		return OF_METER_MOD_UNKNOWN_METER;
	if (mod->band_count > OF_BANDS_MAX)
		return OF_METER_MOD_OUT_OF_BANDS;
	if (!old && meters->count >= OF_METERS_MAX)
		return OF_METER_MOD_OUT_OF_METERS;
	m = meter_new(mod, old ? of_meter_of(old) : NULL);
	if (!m)
		return OF_METER_MOD_OUT_OF_METERS;
	m->created_ns = old ? of_meter_of(old)->created_ns : now_ns;
	if (of_map_put(meters, &m->entry, next) != 0) {
		meter_free(&m->entry);
		return OF_METER_MOD_OUT_OF_METERS;
	}
	if (old)
		of_map_take(meters, old, next);
	return OF_OK;
}

const struct of_band *of_meter_pass(const struct of_meter *m, uint64_t now_ns, uint32_t packets,
				    uint64_t bytes)
{
	uint64_t tokens = m->flags & OF_METER_PKTPS ? packets : bytes * 8;
	const struct of_meter_band *acts = NULL;

	of_stats_credit(m->stats, packets, bytes, now_ns);
	for (uint32_t i = 0; i < m->band_count; i++) {
		const struct of_meter_band *b = &m->bands[i];
		struct xvs_meter *bucket = (struct xvs_meter *)(uintptr_t)&b->bucket;

		if ((!b->rate.per_second || xvs_meter_take(bucket, &b->rate, now_ns, tokens, 0)) &&
		    (!acts || b->what.rate > acts->what.rate))
			acts = b;
	}
	if (!acts)
		return NULL;
	of_stats_credit(acts->stats, packets, bytes, now_ns);
	return &acts->what;
}

bool of_meter_pass_all(const struct of_meter *m, uint64_t now_ns, uint32_t packets, uint64_t bytes)
{
	uint64_t tokens = m->flags & OF_METER_PKTPS ? packets : bytes * 8;
	const struct of_meter_band *b = &m->bands[0];

	if (m->band_count != 1 || !b->rate.per_second ||
	    xvs_meter_take((struct xvs_meter *)(uintptr_t)&b->bucket, &b->rate, now_ns, tokens, 0))
		return false;
	of_stats_credit(m->stats, packets, bytes, now_ns);
	return true;
}
