/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects
 *
 * Packets and rules: two bytes of a length, so much of a packet, and then messages of OpenFlow 1.3 that
 * make flows, groups and meters, and send packets.  The packet comes in twice.  Nothing is read or
 * written beyond a packet, and none gets lost.
 */
#include "../unit/openflow/world.h"

#include "wire/message.h"

enum { MESSAGES = 24 };

static struct of_arena arena;

static void send_packet(const struct of_packet_out *out)
{
	struct xvs_packet *p;

	if (out->packet.len > WORLD_BYTES || out->packet.len < 14)
		return;
	p = world_packet(out->packet.at, out->packet.len);
	if (of_packet_adopt(p) != 0)
		world_free(p);
	else
		of_send(&world.worker, p, XVS_PORT_NONE, &out->actions, 1000000000);
}

static void change(const struct of_message *m)
{
	struct of_state *s = &world.pipeline.state;
	of_fault fault = OF_OK;

	of_state_begin(s, 1);
	if (m->kind == OF_MSG_FLOW_MOD)
		fault = of_state_flow(s, &m->flow);
	else if (m->kind == OF_MSG_GROUP_MOD)
		fault = of_state_group(s, &m->group);
	else if (m->kind == OF_MSG_METER_MOD)
		fault = of_state_meter(s, &m->meter);
	if (fault)
		of_state_abort(s);
	else
		of_state_commit(s);
}

static void tell(const uint8_t *data, uint32_t size)
{
	const struct of_dialect dialect = { .version = OF_V13 };

	for (uint32_t n = 0, at = 0; n < MESSAGES && size - at >= OFP_HEADER; n++) {
		int32_t len = of_frame(data + at, size - at);
		struct of_message m;

		if (len < (int32_t)OFP_HEADER || (uint32_t)len > size - at)
			return;
		of_arena_reset(&arena);
		if (of_decode(&dialect, data + at, (uint32_t)len, &arena, &m) == OF_OK) {
			if (m.kind == OF_MSG_PACKET_OUT)
				send_packet(&m.packet_out);
			else
				change(&m);
		}
		at += (uint32_t)len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len = size < 2 ? 0 : (uint32_t)data[0] << 8 | data[1];

	if (len < 14 || len > WORLD_BYTES || size < 2u + len || size > 32768)
		return 0;
	if (!arena.memory)
		assert(of_arena_init(&arena) == 0);
	world_begin();
	tell(data + 2 + len, (uint32_t)size - 2 - len);
	for (uint32_t n = 0; n < 2; n++) {
		struct xvs_packet *p = world_packet(data + 2, len);

		if (of_packet_adopt(p) != 0)
			world_free(p);
		else
			(void)world_pass(p);
	}
	world_end();
	return 0;
}
