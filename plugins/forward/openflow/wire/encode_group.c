/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/encode_group.c - groups and meters: 1.3, 7.3.5.9 to 7.3.5.14.
 */
#include "wire/action.h"
#include "wire/reply.h"

static void put_counts(struct of_writer *w, const struct of_counts *counts)
{
	of_put64(w, counts->packets);
	of_put64(w, counts->bytes);
}

static void put_age(struct of_writer *w, const struct of_age *age)
{
	of_put32(w, age->s);
	of_put32(w, age->ns);
}

void of_reply_group(struct of_reply *r, const struct of_group_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put32(w, 0);
	of_put32(w, v->group);
	of_put32(w, v->references);
	of_put_zeros(w, 4);
	put_counts(w, &v->counts);
	put_age(w, &v->age);
	for (uint32_t i = 0; i < v->bucket_count; i++)
		put_counts(w, &v->bucket_counts[i]);
	of_entry_end_sized(r, at);
}

static void put_bucket(struct of_writer *w, uint8_t version, const struct of_bucket *b)
{
	uint32_t at = w->len;

	of_put16(w, 0);
	of_put16(w, b->weight);
	of_put32(w, b->watch_port);
	of_put32(w, b->watch_group);
	of_put_zeros(w, 4);
	of_actions_put(w, version, &b->actions);
	of_patch16(w, at, (uint16_t)(w->len - at));
}

void of_reply_group_desc(struct of_reply *r, const struct of_group_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put16(w, 0);
	of_put8(w, v->type);
	of_put8(w, 0);
	of_put32(w, v->group);
	for (uint32_t i = 0; i < v->bucket_count; i++)
		put_bucket(w, r->to.version, &v->buckets[i]);
	of_entry_end_sized(r, at);
}

/* Bits of our numbers of actions as bits of the protocol's. */
static uint32_t action_bits(uint32_t types)
{
	uint32_t bits = 0;

	for (; types; types &= types - 1) {
		int number = of_action_number((uint32_t)__builtin_ctz(types));

		if (number >= 0 && number < 32)
			bits |= 1u << number;
	}
	return bits;
}

void of_reply_group_features(struct of_reply *r, const struct of_group_features_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put32(w, v->types);
	of_put32(w, v->capabilities);
	for (uint32_t type = 0; type < 4; type++)
		of_put32(w, v->max_groups[type]);
	for (uint32_t type = 0; type < 4; type++)
		of_put32(w, action_bits(v->actions[type]));
	of_entry_end(r, at);
}

void of_reply_meter(struct of_reply *r, const struct of_meter_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put32(w, v->meter);
	of_put16(w, (uint16_t)(40 + 16 * v->band_count));
	of_put_zeros(w, 6);
	of_put32(w, v->flows);
	put_counts(w, &v->counts);
	put_age(w, &v->age);
	for (uint32_t i = 0; i < v->band_count; i++)
		put_counts(w, &v->band_counts[i]);
	of_entry_end(r, at);
}

void of_reply_meter_config(struct of_reply *r, const struct of_meter_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put16(w, 0);
	of_put16(w, v->flags);
	of_put32(w, v->meter);
	for (uint32_t i = 0; i < v->band_count; i++) {
		const struct of_band *band = &v->bands[i];

		of_put16(w, band->type);
		of_put16(w, OFP_METER_BAND);
		of_put32(w, band->rate);
		of_put32(w, band->burst);
		of_put8(w, band->prec_level);
		of_put_zeros(w, 3);
	}
	of_entry_end_sized(r, at);
}

void of_reply_meter_features(struct of_reply *r, const struct of_meter_features_view *v)
{
	struct of_writer *w = r->to.writer;
	uint32_t at = of_entry_begin(r);

	of_put32(w, v->max_meter);
	of_put32(w, v->band_types);
	of_put32(w, v->capabilities);
	of_put8(w, v->max_bands);
	of_put8(w, v->max_color);
	of_put_zeros(w, 2);
	of_entry_end(r, at);
}
