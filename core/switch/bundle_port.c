/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/bundle_port.c - what the switch itself keeps of a port: counters, how far its rate limits are
 * spent, addresses learned behind it.
 *
 *   xvs.port/1         u16 n, n u64 in the order of struct port_counters; u16 m, m u64: by kind and
 *                      unit of limits, nanoseconds until the bucket is full
 *   xvs.addresses/1    u32 n, n times: u16 segment, 6 bytes, u32 age in ms
 */
#include "base/clock.h"
#include "base/error.h"
#include "policy/builtin.h"
#include "switch/bundle_part.h"

enum {
	COUNTERS = sizeof(struct port_counters) / sizeof(uint64_t),
	FILLS = RATE_KINDS * RATE_UNITS,
	PORT_BYTES = 2 + COUNTERS * 8 + 2 + FILLS * 8,
	ADDRESS_BYTES = 2 + 6 + 4,
	SEGMENT_MAX = 4095,
};

/* What is as it was sent last is not sent again; takes 'bytes'. */
static int put_if_new(struct outlet *o, uint8_t *bytes, size_t len, struct xvs_error *err)
{
	struct part *part = o->part;
	int code;

	if (part->sent && part->sent_len == len && memcmp(part->sent, bytes, len) == 0) {
		free(bytes);
		return 0;
	}
	code = outlet_put(o, bytes, len, err);
	if (code < 0) {
		free(bytes);
		return code;
	}
	free(part->sent);
	part->sent = bytes;
	part->sent_len = len;
	return 0;
}

static int no_memory(const struct outlet *o, struct xvs_error *err)
{
	return error_set(err, -ENOMEM, "", "port %s: no memory to save its state", o->b->full_name);
}

/* ---- counters and fills -------------------------------------------------------------------- */

int part_save_port(struct outlet *o, struct xvs_error *err)
{
	uint8_t *bytes = calloc(1, PORT_BYTES);
	struct writer w = writer_of(bytes, PORT_BYTES);
	struct port_counters sum;
	uint64_t fills[FILLS];

	if (!bytes)
		return no_memory(o, err);
	counters_port_sum(o->b->w->counters, o->port->id, &sum);
	path_port_fills(o->port->path_port, clock_ns(), fills);
	put_u16(&w, COUNTERS);
	put_bytes(&w, &sum, sizeof(sum));
	put_u16(&w, FILLS);
	put_bytes(&w, fills, sizeof(fills));
	return put_if_new(o, bytes, PORT_BYTES, err);
}

/* Numbers that this host does not know are passed over, those that it misses are 0. */
static void read_words(struct cursor *c, uint64_t *out, size_t max)
{
	uint16_t count = cursor_u16(c);

	memset(out, 0, max * sizeof(*out));
	for (uint16_t i = 0; i < count && c->ok; i++) {
		uint64_t word = cursor_u64(c);

		if (i < max)
			out[i] = word;
	}
}

int part_restore_port(struct port *p, struct cursor *c, struct xvs_error *err)
{
	uint64_t words[COUNTERS];
	uint64_t fills[FILLS];
	struct port_counters sum;

	read_words(c, words, COUNTERS);
	read_words(c, fills, FILLS);
	if (!c->ok || cursor_left(c))
		return error_set(err, -EPROTO, "", "port %s: a record of its counters is malformed",
				 p->full_name);
	memcpy(&sum, words, sizeof(sum));
	counters_port_carry(p->w->counters, p->id, &sum);
	path_port_fill(p->path_port, clock_ns(), fills);
	return 0;
}

/* ---- addresses ----------------------------------------------------------------------------- */

struct gathering {
	const struct port *port;
	struct writer w;
	uint32_t count;
	uint64_t now_ns;
};

static void gather(void *arg, const struct l2_info *info)
{
	struct gathering *g = arg;
	uint64_t age_ms = (g->now_ns - info->seen_ns) / NS_PER_MS;

	if (info->is_static || info->port != g->port->path_port ||
	    writer_room(&g->w) < ADDRESS_BYTES)
		return;
	put_u16(&g->w, (uint16_t)info->segment);
	put_bytes(&g->w, info->mac, sizeof(info->mac));
	put_u32(&g->w, age_ms < UINT32_MAX ? (uint32_t)age_ms : UINT32_MAX);
	g->count++;
}

/* Of one machine there are few: they come whole each time, and an empty list takes the former back. */
int part_save_addresses(struct outlet *o, struct xvs_error *err)
{
	const struct l2 *l2 = &o->port->sw->path_switch->l2;
	uint32_t learned = l2_learned(l2, o->port->id).count;
	size_t room = sizeof(uint32_t) + (size_t)learned * ADDRESS_BYTES;
	uint8_t *bytes;
	struct gathering g = { .port = o->port, .now_ns = clock_ns() };
	int code;

	if (!learned && !o->part->sent)
		return 0;
	bytes = calloc(1, room);
	if (!bytes)
		return no_memory(o, err);
	g.w = writer_of(bytes + sizeof(uint32_t), room - sizeof(uint32_t));
	if (learned)
		l2_list(l2, gather, &g);
	memcpy(bytes, &g.count, sizeof(g.count));
	code = put_if_new(o, bytes, sizeof(uint32_t) + (size_t)g.count * ADDRESS_BYTES, err);
	return code;
}

static bool is_group_address(const uint8_t mac[6])
{
	return mac[0] & 1;
}

/* False: no station has it, or it is not of a segment. */
static bool read_address(struct cursor *c, struct arrived_address *out)
{
	static const uint8_t none[6];

	out->segment = cursor_u16(c);
	cursor_bytes(c, out->mac, sizeof(out->mac));
	out->age_ms = cursor_u32(c);
	return c->ok && out->segment <= SEGMENT_MAX && !is_group_address(out->mac) &&
	       memcmp(out->mac, none, sizeof(none)) != 0;
}

int part_restore_addresses(struct port *p, struct cursor *c, struct xvs_error *err)
{
	uint32_t count = cursor_u32(c);
	struct arrived_address *addresses;

	if (!c->ok || count > L2_LEARNED_MAX || cursor_left(c) != (size_t)count * ADDRESS_BYTES)
		goto err_malformed;
	addresses = calloc(count ? count : 1, sizeof(*addresses));
	if (!addresses)
		return error_set(err, -ENOMEM, "", "port %s: no memory for %u addresses",
				 p->full_name, count);
	for (uint32_t i = 0; i < count; i++) {
		if (read_address(c, &addresses[i]))
			continue;
		free(addresses);
		goto err_malformed;
	}
	free(p->arrival->addresses);
	p->arrival->addresses = addresses;
	p->arrival->address_count = count;
	return 0;

err_malformed:
	return error_set(err, -EPROTO, "", "port %s: a record of learned addresses is malformed",
			 p->full_name);
}

/* By the port's own rules: whether it learns, how many, and never another's authoritative address. */
void arrival_learn(struct port *p)
{
	const struct policy_learning *learning = settings_bytes(&p->settings, builtin_learning.id);
	struct path_switch *sw = p->sw->path_switch;
	uint64_t now_ns = clock_ns();

	for (size_t i = 0; learning && learning->enabled && i < p->arrival->address_count; i++) {
		const struct arrived_address *a = &p->arrival->addresses[i];
		uint64_t age_ns = (uint64_t)a->age_ms * NS_PER_MS;

		if (age_ns > learning->age_s * NS_PER_S || age_ns > now_ns)
			continue;
		if (l2_learn(&sw->l2, a->segment, a->mac, p->path_port, learning->limit,
			     now_ns - age_ns) == L2_LEARNED)
			path_switch_address_changed(sw, a->segment, a->mac);
	}
}
