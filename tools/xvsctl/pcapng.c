/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvsctl/pcapng.c - blocks and options of pcapng.
 *
 *   block:  type | total length | body | options | total length
 *   option: code (16) | length (16) | value, padded to 4 bytes;  the last has code 0
 */
#include "pcapng.h"

#include <string.h>

enum block { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum option {
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_RESOLUTION = 9,
	PACKET_FLAGS = 2,
};
enum { BYTE_ORDER_MAGIC = 0x1a2b3c4d, LINK_ETHERNET = 1, NANOSECONDS = 9, FRAME_OF_BLOCK = 12 };

/* Options are gathered first: a block begins with its length. */
struct options {
	uint8_t bytes[2 * (PCAPNG_TEXT_MAX + 8) + 16];
	uint32_t len;
};

static void put16(struct options *o, uint32_t value)
{
	uint16_t v = (uint16_t)value;

	memcpy(o->bytes + o->len, &v, sizeof(v));
	o->len += (uint32_t)sizeof(v);
}

static uint32_t padded(uint32_t len)
{
	return (len + 3) & ~3u;
}

static void put_option(struct options *o, enum option code, const void *value, uint32_t len)
{
	put16(o, (uint32_t)code);
	put16(o, len);
	memset(o->bytes + o->len, 0, padded(len));
	memcpy(o->bytes + o->len, value, len);
	o->len += padded(len);
}

static void put_text(struct options *o, enum option code, const char *text)
{
	put_option(o, code, text, (uint32_t)strnlen(text, PCAPNG_TEXT_MAX));
}

static void write32(FILE *out, uint32_t value)
{
	(void)fwrite(&value, sizeof(value), 1, out);
}

struct run {
	const void *bytes;
	uint32_t len;
};

static const struct run nothing = { "", 0 };

/* A whole block: 'body' of whole words, then 'data' padded to words, then options. */
static void write_block(FILE *out, enum block type, struct run body, struct run data,
			struct options *o)
{
	static const uint8_t zeros[4];
	uint32_t size;

	put_option(o, OPTION_END, "", 0);
	size = FRAME_OF_BLOCK + body.len + padded(data.len) + o->len;
	write32(out, (uint32_t)type);
	write32(out, size);
	(void)fwrite(body.bytes, 1, body.len, out);
	(void)fwrite(data.bytes, 1, data.len, out);
	(void)fwrite(zeros, 1, padded(data.len) - data.len, out);
	(void)fwrite(o->bytes, 1, o->len, out);
	write32(out, size);
}

void pcapng_section(FILE *out)
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint64_t length;
	} body = { BYTE_ORDER_MAGIC, 1, 0, UINT64_MAX /* not known */ };
	struct options o = { .len = 0 };

	put_text(&o, SECTION_APPLICATION, "xvsctl " XVS_VERSION);
	write_block(out, BLOCK_SECTION, (struct run){ &body, sizeof(body) }, nothing, &o);
}

void pcapng_interface(FILE *out, const char *name, uint32_t snaplen)
{
	static const uint8_t resolution = NANOSECONDS;
	const struct {
		uint16_t link, reserved;
		uint32_t snaplen;
	} body = { LINK_ETHERNET, 0, snaplen };
	struct options o = { .len = 0 };

	put_text(&o, INTERFACE_NAME, name);
	put_option(&o, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	write_block(out, BLOCK_INTERFACE, (struct run){ &body, sizeof(body) }, nothing, &o);
}

void pcapng_packet(FILE *out, const struct pcapng_packet *p)
{
	const uint32_t body[5] = { p->interface, (uint32_t)(p->ns >> 32), (uint32_t)p->ns,
				   p->cap_len, p->wire_len };
	const uint32_t flags = (uint32_t)p->direction;
	struct options o = { .len = 0 };

	put_option(&o, PACKET_FLAGS, &flags, sizeof(flags));
	if (p->comment[0])
		put_text(&o, OPTION_COMMENT, p->comment);
	write_block(out, BLOCK_PACKET, (struct run){ body, sizeof(body) },
		    (struct run){ p->bytes, p->cap_len }, &o);
}
