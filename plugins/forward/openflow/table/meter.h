/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table/meter.h - meters: how much may pass, and what becomes of the rest.
 *
 * Each band is a bucket of its own that all workers fill; of those that are exceeded the one of the
 * highest rate acts.  Source: OpenFlow 1.3.5, 5.7 and 6.5.
 */
#ifndef OPENFLOW_TABLE_METER_H
#define OPENFLOW_TABLE_METER_H

#include "model/mod.h"
#include "table/map.h"
#include "table/stats.h"
#include "xvs/ext/meter.h"

enum { OF_BANDS_MAX = 16, OF_METERS_MAX = 1 << 16 };

struct of_meter_band {
	struct of_band what;
	struct xvs_meter_rate rate;
	struct xvs_meter bucket;
	struct of_stats *stats;
};

struct of_meter {
	struct of_entry entry; /* first */
	uint16_t flags;        /* enum of_meter_flag */
	uint32_t band_count;
	uint64_t created_ns;
	struct of_stats *stats; /* of all that came */
	struct of_meter_band bands[];
};

void of_meters_init(struct of_map *meters, uint64_t seed, const struct of_reclaim *reclaim);

/* [control] Within a transaction: of ADD and MODIFY, which keeps the statistics. */
of_fault of_meter_put(struct of_map *meters, const struct of_meter_mod *mod, uint64_t next,
		      uint64_t now_ns);

/*
 * [any] So many packets and bytes pass now.  The band that acts on them, or NULL.  'm' belongs to
 * who reads it, but its buckets.
 */
const struct of_band *of_meter_pass(const struct of_meter *m, uint64_t now_ns, uint32_t packets,
				    uint64_t bytes);

/*
 * [any] The same of so many packets of several flows: true, all of them pass, and are counted; false,
 * nothing was counted nor taken, ask for each.
 */
bool of_meter_pass_all(const struct of_meter *m, uint64_t now_ns, uint32_t packets, uint64_t bytes);

/* [any] NULL: there is none. */
static inline const struct of_meter *of_meter_find(const struct of_map *meters, uint32_t id,
						   uint64_t version)
{
	return (const struct of_meter *)(const void *)of_map_find(meters, id, version);
}

static inline struct of_meter *of_meter_of(struct of_entry *e)
{
	return (struct of_meter *)(void *)e;
}

#endif /* OPENFLOW_TABLE_METER_H */
