/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/entry.c - connections to bytes and back.  Bytes are hostile: what comes out of here is a
 * connection that could have been tracked, or nothing.
 */
#include "conn/entry.h"

#include "conn/tcp.h"

enum { SEGMENT_MAX = 4095, AGO_MAX_MS = 1 << 30 };

/* ---- out ----------------------------------------------------------------------------------- */

static uint32_t get(_Atomic uint32_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static uint32_t ago_ms(uint32_t seen, uint64_t now_ns)
{
	uint32_t idle = stamp_of(now_ns) - seen;
	uint64_t ms = ((uint64_t)idle << STAMP_SHIFT) / NS_PER_MS;

	return (int32_t)idle < 0 ? 0 : ms < AGO_MAX_MS ? (uint32_t)ms : AGO_MAX_MS;
}

static void read_window(struct half *h, struct entry_half *out)
{
	uint32_t flags = half_flags(h);

	out->flags = (flags & ~(uint32_t)HALF_SHIFT_MASK) |
		     (flags & HALF_SHIFT_MASK) >> HALF_SHIFT_AT << ENTRY_SHIFT_AT;
	out->end = get(&h->end);
	out->edge = get(&h->edge);
	out->window = get(&h->window);
	out->ack = get(&h->ack);
	out->first = get(&h->first);
	out->fin_end = h->fin_end;
	out->later = h->later;
	out->later_end = h->later_end;
}

static void read_half(struct conn *c, unsigned direction, uint64_t now_ns, struct entry_half *out)
{
	struct half_counts counts;

	half_read(c, direction, &counts);
	out->packets = counts.packets;
	out->bytes = counts.bytes;
	out->ago_ms = ago_ms(counts.seen, now_ns);
	if (proto_has_handshake(c->key.proto))
		read_window(&c->halves[direction], out);
}

void entry_read(struct conn *c, uint64_t now_ns, uint32_t slots, struct entry_open *out)
{
	*out = (struct entry_open){ .key = c->key,
				    .inbound = c->inbound,
				    .state = (uint8_t)conn_state(c),
				    .tcp_bits = c->tcp_bits,
				    .log = c->log,
				    .mark = get(&c->mark),
				    .idle_ms = get(&c->idle_ms),
				    .report_ms = c->report_ms,
				    .age_ns = now_ns > c->begin_ns ? now_ns - c->begin_ns : 0 };
	for (unsigned i = 0; i < CONN_SLOTS; i++)
		out->slots[i] = slots >> i & 1 ? c->slots[i] : 0;
	for (unsigned i = 0; i < 2; i++)
		read_half(c, i, now_ns, &out->halves[i]);
}

static void put_header(struct writer *w, uint8_t kind, size_t len)
{
	put_u8(w, kind);
	put_u8(w, 0);
	put_u16(w, (uint16_t)len);
}

static void put_key(struct writer *w, const struct conn_key *key, uint8_t inbound, uint8_t state)
{
	put_u32(w, key->segment);
	put_bytes(w, key->inside, sizeof(key->inside));
	put_bytes(w, key->outside, sizeof(key->outside));
	put_bytes(w, &key->inside_port, sizeof(key->inside_port));
	put_bytes(w, &key->outside_port, sizeof(key->outside_port));
	put_u8(w, key->proto);
	put_u8(w, key->asker);
	put_u8(w, inbound);
	put_u8(w, state);
}

static void put_half(struct writer *w, const struct entry_half *h)
{
	const uint32_t words[] = { h->end,   h->edge,  h->window,  h->ack,   h->ago_ms,
				   h->flags, h->first, h->fin_end, h->later, h->later_end };

	put_u64(w, h->packets);
	put_u64(w, h->bytes);
	put_bytes(w, words, sizeof(words));
}

void entry_put_open(struct writer *w, const struct entry_open *e)
{
	put_header(w, ENTRY_OPEN, ENTRY_OPEN_BYTES);
	put_key(w, &e->key, e->inbound, e->state);
	put_u8(w, e->tcp_bits);
	put_u8(w, 0);
	put_u16(w, e->log);
	put_u32(w, e->mark);
	put_u32(w, e->idle_ms);
	put_u32(w, e->report_ms);
	put_u32(w, 0);
	put_u64(w, e->age_ns);
	put_bytes(w, e->slots, sizeof(e->slots));
	put_half(w, &e->halves[0]);
	put_half(w, &e->halves[1]);
}

void entry_put_end(struct writer *w, const struct conn_key *key)
{
	put_header(w, ENTRY_END, ENTRY_END_BYTES);
	put_key(w, key, 0, 0);
}

void entry_put_denial(struct writer *w, const struct entry_denial *e)
{
	size_t text = strnlen(e->denier, sizeof(e->denier) - 1);

	put_header(w, ENTRY_DENIAL, ENTRY_HEADER_BYTES + ENTRY_KEY_BYTES + 16 + 1 + text);
	put_key(w, &e->key, e->inbound, 0);
	put_u16(w, e->action);
	put_u16(w, e->reason);
	put_u32(w, e->left_ms);
	put_u64(w, e->id);
	put_text(w, e->denier);
}

/* ---- in: keys ------------------------------------------------------------------------------ */

static bool is_mapped(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(address, mapped, sizeof(mapped)) == 0;
}

static bool has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
}

static bool is_question(const struct conn_key *key)
{
	return key->proto == PROTO_ICMP || key->proto == PROTO_ICMPV6;
}

/* As tuple_read() makes them: what it would not make can be of no packet. */
static const char *key_fault(const struct conn_key *key, uint8_t inbound)
{
	bool is_v4 = is_mapped(key->inside);

	if (is_v4 != is_mapped(key->outside))
		return "addresses of two families";
	if (key->segment > SEGMENT_MAX || inbound > 1)
		return "no such segment or direction";
	if (is_question(key) != (key->asker != 0) || key->asker > 2)
		return "an asker where nothing is asked, or none where something is";
	if (key->asker && (key->asker == 2) != inbound)
		return "a question from one end that the other opened";
	if ((key->proto == PROTO_ICMP && !is_v4) || (key->proto == PROTO_ICMPV6 && is_v4))
		return "ICMP of the other family";
	if (!has_ports(key->proto) && !key->asker && (key->inside_port || key->outside_port))
		return "ports of a protocol without";
	if ((key->proto == PROTO_TCP || key->proto == PROTO_SCTP) &&
	    (!key->inside_port || !key->outside_port))
		return "port 0";
	return NULL;
}

static void take_key(struct cursor *c, struct conn_key *key, uint8_t *inbound, uint8_t *state)
{
	memset(key, 0, sizeof(*key));
	key->segment = cursor_u32(c);
	cursor_bytes(c, key->inside, sizeof(key->inside));
	cursor_bytes(c, key->outside, sizeof(key->outside));
	cursor_bytes(c, &key->inside_port, sizeof(key->inside_port));
	cursor_bytes(c, &key->outside_port, sizeof(key->outside_port));
	key->proto = cursor_u8(c);
	key->asker = cursor_u8(c);
	*inbound = cursor_u8(c);
	*state = cursor_u8(c);
}

/* ---- in: connections ----------------------------------------------------------------------- */

static const char *state_fault(const struct entry_open *e)
{
	if (e->state <= STATE_NONE || e->state >= STATE_COUNT)
		return "no such state";
	if (proto_has_handshake(e->key.proto))
		return e->state == STATE_NEW ? "a state of another protocol" : NULL;
	if (e->state != STATE_NEW && e->state != STATE_ESTABLISHED)
		return "a state of another protocol";
	return e->tcp_bits ? "flags of TCP elsewhere" : NULL;
}

static const char *half_fault(const struct entry_half *h, uint8_t proto)
{
	const uint32_t known = HALF_SCALE_MASK | HALF_SEATED | HALF_SYN | HALF_SCALE | HALF_EDGE |
			       HALF_AGREED | HALF_MOVED | UINT32_C(0x1f) << ENTRY_SHIFT_AT;

	if (h->flags & ~known || (!proto_has_handshake(proto) && h->flags))
		return "unknown flags of a direction";
	if ((h->flags & HALF_SCALE_MASK) > TCP_SCALE_MAX ||
	    h->flags >> ENTRY_SHIFT_AT > TCP_SCALE_MAX)
		return "a window scale above 14";
	return NULL;
}

static void take_half(struct cursor *c, struct entry_half *h)
{
	uint32_t words[10];

	h->packets = cursor_u64(c);
	h->bytes = cursor_u64(c);
	cursor_bytes(c, words, sizeof(words));
	h->end = words[0];
	h->edge = words[1];
	h->window = words[2];
	h->ack = words[3];
	h->ago_ms = words[4] < AGO_MAX_MS ? words[4] : AGO_MAX_MS;
	h->flags = words[5];
	h->first = words[6];
	h->fin_end = words[7];
	h->later = words[8];
	h->later_end = words[9];
}

static const char *take_open(struct cursor *c, struct entry_open *e)
{
	const char *why;

	take_key(c, &e->key, &e->inbound, &e->state);
	e->tcp_bits = cursor_u8(c);
	(void)cursor_u8(c);
	e->log = cursor_u16(c);
	e->mark = cursor_u32(c);
	e->idle_ms = cursor_u32(c);
	e->report_ms = cursor_u32(c);
	(void)cursor_u32(c);
	e->age_ns = cursor_u64(c);
	cursor_bytes(c, e->slots, sizeof(e->slots));
	take_half(c, &e->halves[0]);
	take_half(c, &e->halves[1]);
	if (!c->ok)
		return "it is too short";
	why = key_fault(&e->key, e->inbound);
	if (!why)
		why = state_fault(e);
	for (unsigned i = 0; i < 2 && !why; i++)
		why = half_fault(&e->halves[i], e->key.proto);
	return why;
}

static const char *take_end(struct cursor *c, struct entry_open *e)
{
	take_key(c, &e->key, &e->inbound, &e->state);
	if (!c->ok)
		return "it is too short";
	return key_fault(&e->key, e->key.asker == 2);
}

static const char *take_denial(struct cursor *c, struct entry_denial *e)
{
	uint8_t state;

	take_key(c, &e->key, &e->inbound, &state);
	e->action = cursor_u16(c);
	e->reason = cursor_u16(c);
	e->left_ms = cursor_u32(c);
	e->id = cursor_u64(c);
	cursor_text(c, e->denier, sizeof(e->denier));
	if (!c->ok)
		return "it is too short, or names nobody";
	if (e->action != XVS_CONN_DENY && e->action != XVS_CONN_REJECT)
		return "a denial that denies nothing";
	if (e->left_ms > DENIED_MS)
		e->left_ms = DENIED_MS;
	return key_fault(&e->key, e->inbound);
}

static const char *take_body(struct cursor *c, struct entry *out)
{
	switch (out->kind) {
	case ENTRY_OPEN:
		return take_open(c, &out->open);
	case ENTRY_END:
		return take_end(c, &out->open);
	case ENTRY_DENIAL:
		return take_denial(c, &out->denial);
	default:
		return out->kind < ENTRY_OPTIONAL ? "it is of an unknown kind" : NULL;
	}
}

bool entry_next(struct cursor *c, struct entry *out, const char **why)
{
	struct cursor body;
	uint16_t len;
	const uint8_t *at;

	out->kind = cursor_u8(c);
	(void)cursor_u8(c);
	len = cursor_u16(c);
	at = len >= ENTRY_HEADER_BYTES ? cursor_take(c, len - ENTRY_HEADER_BYTES) : NULL;
	*why = "it is too short";
	if (!c->ok || !at)
		return false;
	body = cursor_of(at, len - ENTRY_HEADER_BYTES);
	*why = take_body(&body, out);
	return !*why;
}
