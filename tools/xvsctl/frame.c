/* SPDX-License-Identifier: Apache-2.0 */
/* xvsctl/frame.c - layers and fields are a table; what depends on what follows comes at the end. */
#include "frame.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "xvs/ext/sdk.h"

enum kind { NUMBER, BITS, MAC, IPV4, IPV6, FLAGS, OPERATION };

/* NUMBER: 'bytes' in network order.  BITS: 'bits' of the 16 from 'offset' on, 'shift' up. */
struct field {
	const char *name;
	uint8_t kind;
	uint8_t offset;
	uint8_t bytes;
	uint8_t shift;
	uint8_t bits;
};

enum family { LINK = 1, NETWORK = 2, TRANSPORT = 4 };

struct layer {
	const char *name;
	uint8_t family; /* enum family */
	uint8_t inside; /* families that it may follow */
	uint8_t bytes;
	uint8_t next_at;    /* where it says what follows, in 16 bits of a LINK, 8 of a NETWORK */
	uint16_t number[3]; /* what says that it follows: in a LINK, in IPv4, in IPv6 */
	uint8_t template[40];
	struct field fields[10];
};

static const struct layer layers[] = {
	{ .name = "eth",
	  .family = LINK,
	  .bytes = 14,
	  .next_at = 12,
	  .template = { 255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1 },
	  .fields = { { "src", MAC, 6, 6, 0, 0 },
		      { "dst", MAC, 0, 6, 0, 0 },
		      { "type", NUMBER, 12, 2, 0, 0 } } },
	{ .name = "vlan",
	  .family = LINK,
	  .inside = LINK,
	  .bytes = 4,
	  .next_at = 2,
	  .number = { 0x8100 },
	  .fields = { { "id", BITS, 0, 2, 0, 12 },
		      { "dei", BITS, 0, 2, 12, 1 },
		      { "pcp", BITS, 0, 2, 13, 3 },
		      { "type", NUMBER, 2, 2, 0, 0 } } },
	{ .name = "svlan",
	  .family = LINK,
	  .inside = LINK,
	  .bytes = 4,
	  .next_at = 2,
	  .number = { 0x88a8 },
	  .fields = { { "id", BITS, 0, 2, 0, 12 },
		      { "dei", BITS, 0, 2, 12, 1 },
		      { "pcp", BITS, 0, 2, 13, 3 },
		      { "type", NUMBER, 2, 2, 0, 0 } } },
	{ .name = "arp",
	  .family = TRANSPORT,
	  .inside = LINK,
	  .bytes = 28,
	  .number = { 0x0806 },
	  .template = { 0, 1, 8, 0, 6, 4, 0, 1 },
	  .fields = { { "op", OPERATION, 6, 2, 0, 0 },
		      { "sha", MAC, 8, 6, 0, 0 },
		      { "spa", IPV4, 14, 4, 0, 0 },
		      { "tha", MAC, 18, 6, 0, 0 },
		      { "tpa", IPV4, 24, 4, 0, 0 } } },
	{ .name = "ipv4",
	  .family = NETWORK,
	  .inside = LINK | NETWORK,
	  .bytes = 20,
	  .next_at = 9,
	  .number = { 0x0800, 4, 4 },
	  .template = { 0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, 253 },
	  .fields = { { "src", IPV4, 12, 4, 0, 0 },
		      { "dst", IPV4, 16, 4, 0, 0 },
		      { "ttl", NUMBER, 8, 1, 0, 0 },
		      { "tos", NUMBER, 1, 1, 0, 0 },
		      { "id", NUMBER, 4, 2, 0, 0 },
		      { "frag", BITS, 6, 2, 0, 13 },
		      { "mf", BITS, 6, 2, 13, 1 },
		      { "df", BITS, 6, 2, 14, 1 },
		      { "proto", NUMBER, 9, 1, 0, 0 } } },
	{ .name = "ipv6",
	  .family = NETWORK,
	  .inside = LINK | NETWORK,
	  .bytes = 40,
	  .next_at = 6,
	  .number = { 0x86dd, 41, 41 },
	  .template = { 0x60, 0, 0, 0, 0, 0, 59, 64 },
	  .fields = { { "src", IPV6, 8, 16, 0, 0 },
		      { "dst", IPV6, 24, 16, 0, 0 },
		      { "hlim", NUMBER, 7, 1, 0, 0 },
		      { "tc", BITS, 0, 2, 4, 8 },
		      { "proto", NUMBER, 6, 1, 0, 0 } } },
	{ .name = "tcp",
	  .family = TRANSPORT,
	  .inside = NETWORK,
	  .bytes = 20,
	  .number = { 0, 6, 6 },
	  .template = { 0xc0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff },
	  .fields = { { "sport", NUMBER, 0, 2, 0, 0 },
		      { "dport", NUMBER, 2, 2, 0, 0 },
		      { "seq", NUMBER, 4, 4, 0, 0 },
		      { "ack", NUMBER, 8, 4, 0, 0 },
		      { "flags", FLAGS, 12, 2, 0, 0 },
		      { "window", NUMBER, 14, 2, 0, 0 } } },
	{ .name = "udp",
	  .family = TRANSPORT,
	  .inside = NETWORK,
	  .bytes = 8,
	  .number = { 0, 17, 17 },
	  .template = { 0xc0, 0 },
	  .fields = { { "sport", NUMBER, 0, 2, 0, 0 }, { "dport", NUMBER, 2, 2, 0, 0 } } },
	{ .name = "icmp",
	  .family = TRANSPORT,
	  .inside = NETWORK,
	  .bytes = 8,
	  .number = { 0, 1, 1 },
	  .template = { 8, 0, 0, 0, 0, 1, 0, 1 },
	  .fields = { { "type", NUMBER, 0, 1, 0, 0 },
		      { "code", NUMBER, 1, 1, 0, 0 },
		      { "id", NUMBER, 4, 2, 0, 0 },
		      { "seq", NUMBER, 6, 2, 0, 0 } } },
	{ .name = "icmp6",
	  .family = TRANSPORT,
	  .inside = NETWORK,
	  .bytes = 8,
	  .number = { 0, 58, 58 },
	  .template = { 128, 0, 0, 0, 0, 1, 0, 1 },
	  .fields = { { "type", NUMBER, 0, 1, 0, 0 },
		      { "code", NUMBER, 1, 1, 0, 0 },
		      { "id", NUMBER, 4, 2, 0, 0 },
		      { "seq", NUMBER, 6, 2, 0, 0 } } },
	{ .name = "sctp",
	  .family = TRANSPORT,
	  .inside = NETWORK,
	  .bytes = 12,
	  .number = { 0, 132, 132 },
	  .template = { 0xc0, 0 },
	  .fields = { { "sport", NUMBER, 0, 2, 0, 0 },
		      { "dport", NUMBER, 2, 2, 0, 0 },
		      { "tag", NUMBER, 4, 4, 0, 0 } } },
};

enum { LAYERS = sizeof(layers) / sizeof(layers[0]), DEPTH_MAX = 12, WORD_MAX = 64 };

/* A layer of the frame in hand. */
struct part {
	const struct layer *layer;
	uint32_t at;
	uint32_t given; /* bit n: its field n was named */
};

struct build {
	struct frame *f;
	char *why;
	struct part parts[DEPTH_MAX];
	uint32_t count;
	bool is_ended; /* by a payload */
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct build *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(b->why, FRAME_WHY, format, args);
	va_end(args);
	return false;
}

/* ---- values ------------------------------------------------------------------------------------- */

/* False: no number up to 'most'. */
static bool read_number(const char *text, uint64_t most, uint64_t *out)
{
	char *end = NULL;
	unsigned long long value = strtoull(text, &end, 0);

	*out = value;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && value <= most;
}

static bool put_number(uint8_t *to, uint32_t bytes, const char *text)
{
	uint64_t value;

	if (!read_number(text, (UINT64_C(1) << (8 * bytes)) - 1, &value))
		return false;
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	return true;
}

static bool put_bits(uint8_t *to, const struct field *f, const char *text)
{
	uint32_t mask = (1u << f->bits) - 1;
	uint64_t value;

	if (!read_number(text, mask, &value))
		return false;
	xvs_put16(to,
		  (uint16_t)((xvs_get16(to) & ~(mask << f->shift)) | (uint32_t)value << f->shift));
	return true;
}

static bool put_ip(uint8_t *to, const char *text, bool is_v4)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct xvs_ip ip;

	if (!ip_parse(text, &ip) || ip.prefix_len != 128 ||
	    (memcmp(ip.addr, mapped, sizeof(mapped)) == 0) != is_v4)
		return false;
	memcpy(to, is_v4 ? ip.addr + 12 : ip.addr, is_v4 ? 4 : 16);
	return true;
}

/* Letters as tcpdump has them, '.' for ACK too, or a number. */
static bool put_flags(uint8_t *to, const char *text)
{
	static const char letters[] = "FSRPAUEWN";
	uint32_t flags = 0;
	uint64_t value;

	if (read_number(text, 0x1ff, &value)) {
		flags = (uint32_t)value;
	} else {
		for (; *text; text++) {
			const char *at = strchr(letters, *text == '.' ? 'A' : *text);

			if (!at)
				return false;
			flags |= 1u << (at - letters);
		}
	}
	xvs_put16(to, (uint16_t)((xvs_get16(to) & 0xfe00u) | flags));
	return true;
}

static bool put_operation(uint8_t *to, const char *text)
{
	if (strcmp(text, "request") == 0)
		text = "1";
	else if (strcmp(text, "reply") == 0)
		text = "2";
	return put_number(to, 2, text);
}

static bool put_value(uint8_t *to, const struct field *f, const char *text)
{
	switch (f->kind) {
	case BITS:
		return put_bits(to, f, text);
	case MAC:
		return mac_parse(text, to);
	case IPV4:
		return put_ip(to, text, true);
	case IPV6:
		return put_ip(to, text, false);
	case FLAGS:
		return put_flags(to, text);
	case OPERATION:
		return put_operation(to, text);
	default:
		return put_number(to, f->bytes, text);
	}
}

/* ---- layers ------------------------------------------------------------------------------------- */

static bool part_add(struct build *b, const struct layer *l)
{
	const struct part *outer = b->count ? &b->parts[b->count - 1] : NULL;

	if (b->is_ended)
		return wrong(b, "%s stands behind the payload, which is the last", l->name);
	if (b->count == DEPTH_MAX || b->f->len + l->bytes > FRAME_MAX)
		return wrong(b, "more than %d layers", DEPTH_MAX);
	if (outer ? !(l->inside & outer->layer->family) : l->inside != 0)
		return wrong(b, "%s cannot stand inside %s", l->name,
			     outer ? outer->layer->name : "nothing");
	b->parts[b->count++] = (struct part){ .layer = l, .at = b->f->len };
	memcpy(b->f->bytes + b->f->len, l->template, l->bytes);
	b->f->len += l->bytes;
	return true;
}

static const struct layer *layer_find(const char *name)
{
	if (strcmp(name, "ip") == 0)
		name = "ipv4";
	if (strcmp(name, "ip6") == 0)
		name = "ipv6";
	for (uint32_t i = 0; i < LAYERS; i++) {
		if (strcmp(layers[i].name, name) == 0)
			return &layers[i];
	}
	return NULL;
}

static bool field_set(struct build *b, const char *word)
{
	struct part *part = &b->parts[b->count - 1];
	const struct field *fields = part->layer->fields;
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);

	for (uint32_t i = 0; equals && i < 10 && fields[i].name; i++) {
		if (strlen(fields[i].name) != len || strncmp(fields[i].name, word, len) != 0)
			continue;
		part->given |= 1u << i;
		if (put_value(b->f->bytes + part->at + fields[i].offset, &fields[i], equals + 1))
			return true;
		return wrong(b, "%s: \"%s\" is no value for %s", part->layer->name, equals + 1,
			     fields[i].name);
	}
	return wrong(b, "%s: \"%s\" is not FIELD=VALUE of it", part->layer->name, word);
}

static bool payload_add(struct build *b, const char *word)
{
	uint64_t bytes;

	if (!read_number(word, FRAME_MAX - b->f->len, &bytes))
		return wrong(b, "payload \"%s\" is no number of bytes up to %u", word,
			     (unsigned)(FRAME_MAX - b->f->len));
	memset(b->f->bytes + b->f->len, 0, bytes);
	b->f->len += (uint32_t)bytes;
	return true;
}

static bool layer_begin(struct build *b, const char *name)
{
	const struct layer *l = layer_find(name);

	if (strcmp(name, "payload") == 0) {
		bool is_alone = b->count == 0 && !part_add(b, &layers[0]);

		b->is_ended = true;
		return !is_alone;
	}
	if (!l)
		return wrong(b,
			     "\"%s\" is no layer, must be eth, vlan, svlan, arp, ipv4, ipv6, "
			     "tcp, udp, icmp, icmp6, sctp or payload",
			     name);
	/* of nothing but "ipv4 ..." the Ethernet header goes without saying */
	if (b->count == 0 && l->inside != 0 && !part_add(b, &layers[0]))
		return false;
	return part_add(b, l);
}

/* One word at a time: the name of a layer, its fields, "/" and the next. */
static bool text_read(struct build *b, const char *text)
{
	static const char apart[] = " \t,\n";
	bool is_name = true;
	char word[WORD_MAX];

	while (*(text += strspn(text, apart))) {
		size_t len = *text == '/' ? 1 : strcspn(text, " \t,\n/");

		if (len >= sizeof(word))
			return wrong(b, "a word of more than %d letters", WORD_MAX - 1);
		memcpy(word, text, len);
		word[len] = '\0';
		text += len;
		if (word[0] == '/') {
			if (is_name)
				return wrong(b, "a layer is missing before a \"/\"");
			is_name = true;
			continue;
		}
		if (is_name ? !layer_begin(b, word)
			    : !(b->is_ended ? payload_add(b, word) : field_set(b, word)))
			return false;
		is_name = false;
	}
	return is_name ? wrong(b, "a layer is missing at the end") : true;
}

/* ---- what depends on what is inside ---------------------------------------------------------------- */

static bool was_given(const struct part *part, const char *name)
{
	for (uint32_t i = 0; i < 10 && part->layer->fields[i].name; i++) {
		if (strcmp(part->layer->fields[i].name, name) == 0)
			return part->given >> i & 1;
	}
	return false;
}

static bool is_layer(const struct part *part, const char *name)
{
	return strcmp(part->layer->name, name) == 0;
}

static void put_next(const struct build *b, uint32_t n)
{
	const struct part *part = &b->parts[n];
	const struct layer *inner = b->parts[n + 1].layer;
	uint8_t *to = b->f->bytes + part->at + part->layer->next_at;

	if (part->layer->family == LINK && !was_given(part, "type"))
		xvs_put16(to, inner->number[0]);
	else if (part->layer->family == NETWORK && !was_given(part, "proto"))
		*to = (uint8_t)inner->number[is_layer(part, "ipv6") ? 2 : 1];
}

/* Pseudo header (RFC 9293 3.1, RFC 8200 8.1) where the protocol has one; 'ip' may be NULL. */
static uint64_t pseudo_sum(const struct build *b, const struct part *ip, const struct part *part,
			   uint32_t len)
{
	const uint8_t *at;
	bool is_v6;

	if (!ip || is_layer(part, "icmp"))
		return 0;
	at = b->f->bytes + ip->at;
	is_v6 = is_layer(ip, "ipv6");
	return xvs_csum_add((uint64_t)part->layer->number[1] + len, is_v6 ? at + 8 : at + 12,
			    is_v6 ? 32 : 8);
}

static void put_sum(const struct build *b, const struct part *ip, const struct part *part)
{
	uint8_t *at = b->f->bytes + part->at;
	uint32_t len = b->f->len - part->at;
	uint32_t sum_at = is_layer(part, "tcp") ? 16 : is_layer(part, "udp") ? 6 : 2;
	uint16_t sum;

	if (is_layer(part, "udp"))
		xvs_put16(at + 4, (uint16_t)len);
	if (is_layer(part, "arp") || is_layer(part, "sctp"))
		return; /* CRC32c: no switch looks at it */
	sum = (uint16_t)~xvs_csum_fold(xvs_csum_add(pseudo_sum(b, ip, part, len), at, len));
	xvs_put16(at + sum_at, sum == 0 && is_layer(part, "udp") ? 0xffff : sum);
}

/* From the inside out, as sums of what is outside cover lengths alone. */
static void finish(const struct build *b)
{
	for (uint32_t n = b->count; n-- > 0;) {
		const struct part *part = &b->parts[n];
		uint8_t *at = b->f->bytes + part->at;

		if (n + 1 < b->count)
			put_next(b, n);
		if (is_layer(part, "ipv4")) {
			xvs_put16(at + 2, (uint16_t)(b->f->len - part->at));
			xvs_put16(at + 10, (uint16_t)~xvs_csum_fold(xvs_csum_add(0, at, 20)));
		} else if (is_layer(part, "ipv6")) {
			xvs_put16(at + 4, (uint16_t)(b->f->len - part->at - 40));
		} else if (part->layer->family == TRANSPORT) {
			put_sum(b, n ? &b->parts[n - 1] : NULL, part);
		}
	}
}

static bool addresses_given(struct build *b)
{
	for (uint32_t n = 0; n < b->count; n++) {
		const struct part *part = &b->parts[n];

		if (part->layer->family == NETWORK &&
		    !(was_given(part, "src") && was_given(part, "dst")))
			return wrong(b, "%s needs src= and dst=", part->layer->name);
	}
	return true;
}

int frame_build(const char *text, const uint8_t source[6], struct frame *out, char why[FRAME_WHY])
{
	struct build b = { .f = out, .why = why };

	out->len = 0;
	if (!text_read(&b, text) || !addresses_given(&b))
		return -1;
	if (source && !was_given(&b.parts[0], "src"))
		memcpy(out->bytes + 6, source, 6);
	finish(&b);
	return (int)out->len;
}
