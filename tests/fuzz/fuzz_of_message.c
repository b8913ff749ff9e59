/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects
 *
 * A message of any controller: it is decoded within its memory or refused by a fault that each version
 * has a number for.  A flow that was understood is told again, and understood the same; what
 * is in a bundle is decoded as what it is.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "wire/action.h"
#include "wire/encode.h"
#include "wire/oxm.h"

enum { MESSAGE_MOST = 65535 };

static struct of_arena arena;
static struct of_writer writer;
static uint8_t message[MESSAGE_MOST];

static const uint8_t versions[] = { OF_V10, OF_V13, OF_V14 };

static void check_fault(of_fault fault)
{
	for (size_t i = 0; i < sizeof(versions); i++) {
		uint16_t type = UINT16_MAX;
		uint16_t code = UINT16_MAX;
		bool is_experimenter = of_fault_in(fault, versions[i], &type, &code);

		assert(type < 18 || is_experimenter);
		assert(versions[i] != OF_V10 || type < 6);
	}
}

/* Told in every version; in its own it is the same match again. */
static void check_flow(const struct of_message *m)
{
	const struct of_flow_view view = { .match = &m->flow.match,
					   .instructions = &m->flow.instructions };
	struct of_match again;

	for (size_t i = 0; i < sizeof(versions); i++) {
		const struct of_to to = { .writer = &writer, .version = versions[i] };
		struct of_reply r;

		of_writer_reset(&writer);
		of_reply_begin(&r, &to, OFPMP_FLOW);
		of_reply_flow(&r, &view);
		of_reply_end(&r);
		assert(!writer.is_failed);
	}
	of_writer_reset(&writer);
	of_match_put(&writer, OF_V14, &m->flow.match);
	assert(!writer.is_failed);
	{
		struct of_reader r = of_reader(writer.bytes, writer.len);

		assert(of_match_read(&r, OF_V14, &again) == OF_OK);
		assert(of_match_is_equal(&again, &m->flow.match));
		assert(r.left == 0);
	}
}

static void check_group(const struct of_message *m)
{
	const struct of_group_view view = { .type = m->group.type,
					    .buckets = m->group.buckets,
					    .bucket_count = m->group.bucket_count };
	const struct of_to to = { .writer = &writer, .version = OF_V13 };
	struct of_reply r;

	of_writer_reset(&writer);
	of_reply_begin(&r, &to, OFPMP_GROUP_DESC);
	of_reply_group_desc(&r, &view);
	of_reply_end(&r);
	assert(!writer.is_failed);
}

static void decode(const struct of_dialect *dialect, const uint8_t *bytes, uint32_t len)
{
	struct of_message m;
	struct of_bytes inner = { 0 };
	of_fault fault;

	of_arena_reset(&arena);
	fault = of_decode(dialect, bytes, len, &arena, &m);
	if (fault)
		check_fault(fault);
	else if (m.kind == OF_MSG_FLOW_MOD)
		check_flow(&m);
	else if (m.kind == OF_MSG_GROUP_MOD)
		check_group(&m);
	else if (m.kind == OF_MSG_BUNDLE_ADD)
		inner = m.bundle.message;
	if (!inner.at)
		return;
	assert(inner.len <= len && inner.at[1] != OFPT_BUNDLE_ADD_MESSAGE);
	of_arena_reset(&arena);
	check_fault(of_decode(dialect, inner.at, inner.len, &arena, &m));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct of_dialect dialect = { 0 };
	uint8_t *copy;

	if (size < OFP_HEADER || size > MESSAGE_MOST)
		return 0;
	if (!arena.memory && of_arena_init(&arena))
		return 0;
	if (!writer.limit)
		of_writer_init(&writer, 1u << 20);
	memcpy(message, data, size);
	dialect.has_table_ids = message[0] & 0x80;
	message[0] &= 7;
	dialect.version = message[0];
	message[2] = (uint8_t)(size >> 8);
	message[3] = (uint8_t)size;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, message, size);
	(void)of_frame(copy, (uint32_t)size);
	decode(&dialect, copy, (uint32_t)size);
	free(copy);
	return 0;
}
