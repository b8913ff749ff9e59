/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   block:  type | total length | body | options | total length
 *   option: code (16) | length (16) | value, padded to 4 bytes;  the last has code 0
 */
#include "pcapng.h"

#include <string.h>

enum block { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum option {
	OPTION_END = 0,
	SHB_USER_APPLICATION = 4,
	IF_NAME = 2,
	IF_TIME_RESOLUTION = 9,
	EPB_FLAGS = 2
};
enum { BYTE_ORDER_MAGIC = 0x1a2b3c4d, LINK_ETHERNET = 1, NANOSECONDS = 9 };

static uint8_t *put16(uint8_t *at, uint32_t value)
{
	uint16_t v = (uint16_t)value;

	memcpy(at, &v, sizeof(v));
	return at + sizeof(v);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
	return at + sizeof(value);
}

static uint8_t *put_padded(uint8_t *at, const void *bytes, uint32_t len)
{
	memcpy(at, bytes, len);
	for (at += len; len % 4; len++)
		*at++ = 0;
	return at;
}

static uint8_t *put_option(uint8_t *at, enum option code, const void *value, uint32_t len)
{
	at = put16(at, (uint32_t)code);
	at = put16(at, len);
	return put_padded(at, value, len);
}

static uint8_t *block_begin(uint8_t *out, enum block type)
{
	return put32(out, (uint32_t)type) + 4;
}

static uint32_t block_end(uint8_t *out, uint8_t *at)
{
	uint32_t size;

	at = put_option(at, OPTION_END, "", 0);
	size = (uint32_t)(at - out) + 4;
	(void)put32(at, size);
	(void)put32(out + 4, size);
	return size;
}

uint32_t pcapng_section(uint8_t *out)
{
	static const uint8_t unknown_length[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t *at = block_begin(out, BLOCK_SECTION);

	at = put32(at, BYTE_ORDER_MAGIC);
	at = put16(at, 1);
	at = put16(at, 0);
	at = put_padded(at, unknown_length, sizeof(unknown_length));
	at = put_option(at, SHB_USER_APPLICATION, "xvs", 3);
	return block_end(out, at);
}

uint32_t pcapng_interface(uint8_t *out, const char *name, uint32_t snaplen)
{
	static const uint8_t resolution = NANOSECONDS;
	uint8_t *at = block_begin(out, BLOCK_INTERFACE);

	at = put16(at, LINK_ETHERNET);
	at = put16(at, 0);
	at = put32(at, snaplen);
	at = put_option(at, IF_NAME, name, (uint32_t)strnlen(name, PCAPNG_NAME_MAX));
	at = put_option(at, IF_TIME_RESOLUTION, &resolution, 1);
	return block_end(out, at);
}

uint32_t pcapng_packet(uint8_t *out, const struct pcapng_packet *p)
{
	uint8_t *at = block_begin(out, BLOCK_PACKET);

	at = put32(at, p->iface);
	at = put32(at, (uint32_t)(p->ns >> 32));
	at = put32(at, (uint32_t)p->ns);
	at = put32(at, p->captured);
	at = put32(at, p->wire_len);
	at = put_padded(at, p->bytes, p->captured);
	at = put_option(at, EPB_FLAGS, &p->direction, sizeof(p->direction));
	return block_end(out, at);
}
