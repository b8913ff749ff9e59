/* SPDX-License-Identifier: Apache-2.0 */
/* micro/talk.c - frames of many clients of one server. */
#include "micro/talk.h"

#include <stdlib.h>
#include <string.h>

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The client's end: an address and a port of its own in 10.0.0.0/8. */
static void write_client(uint8_t *address, uint8_t *port, uint32_t flow)
{
	address[1] = (uint8_t)(flow >> 16);
	put16(address + 2, flow);
	put16(port, 0x8000 | (flow & 0x7fff));
}

/* IPv4 between a client and 10.255.0.2:4789; one flow a frame. */
static void write_ipv4(uint8_t *f, uint32_t flow, bool is_answer, uint8_t proto)
{
	static const char ipv4[] = "\x45\0\0\x2e"
				   "\0\0\x40\0"
				   "\x40\0\0\0"
				   "\x0a\0\0\0"
				   "\x0a\0\0";
	uint8_t *client = f + (is_answer ? 30 : 26);
	uint8_t *server = f + (is_answer ? 26 : 30);
	uint32_t sum = 0;

	memcpy(f + 14, ipv4, sizeof(ipv4));
	f[23] = proto;
	write_client(client, f + (is_answer ? 36 : 34), flow);
	server[1] = 255;
	server[3] = 2;
	put16(f + (is_answer ? 34 : 36), 4789);
	for (int i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(f + 24, ~((sum & 0xffff) + (sum >> 16)));
}

static void write_tcp(uint8_t *tcp, enum frame_kind kind)
{
	enum { SYN = 2, RST = 4, ACK = 16, CLIENT = 1000, SERVER = 5000, WINDOW = 60000 };
	static const struct {
		uint32_t seq, ack;
		uint8_t flags;
	} said[FRAME_KINDS] = {
		[FRAME_SYN] = { CLIENT, 0, SYN },
		[FRAME_SYN_ACK] = { SERVER, CLIENT + 1, SYN | ACK },
		[FRAME_ACK] = { CLIENT + 1, SERVER + 1, ACK },
		[FRAME_RST] = { CLIENT + 1, 0, RST },
	};

	put16(tcp + 6, said[kind].seq);
	put16(tcp + 10, said[kind].ack);
	tcp[12] = 0x50;
	tcp[13] = said[kind].flags;
	put16(tcp + 14, WINDOW);
}

static void frame_write(uint8_t *f, uint32_t flow, enum frame_kind kind)
{
	bool is_answer = kind == FRAME_SYN_ACK;

	memset(f, 0, GEN_STRIDE);
	memcpy(f, rig_address[is_answer ? RIG_SOURCE : RIG_SINK], 6);
	memcpy(f + 6, rig_address[is_answer ? RIG_SINK : RIG_SOURCE], 6);
	f[12] = 0x08;
	write_ipv4(f, flow, is_answer, kind == FRAME_UDP ? 17 : 6);
	if (kind == FRAME_UDP)
		put16(f + 38, 26);
	else
		write_tcp(f + 34, kind);
}

uint8_t *talk_create(uint32_t first, uint32_t flows)
{
	uint8_t *frames = aligned_alloc(64, (size_t)flows * FRAME_KINDS * GEN_STRIDE);

	for (uint32_t i = 0; frames && i < flows * FRAME_KINDS; i++)
		frame_write(frames + (size_t)i * GEN_STRIDE, first + i % flows, i / flows);
	return frames;
}
