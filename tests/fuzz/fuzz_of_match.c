/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects
 *
 * Matches alone: the first byte is the version, the rest is the structure of 1.0 or a list of fields.
 * What is understood is the same when it is told and understood again, covers itself, and
 * has each field that it says.
 */
#include <assert.h>
#include <string.h>

#include "wire/oxm.h"
#include "wire/protocol.h"

enum { FIELDS_MOST = 2048 };

static struct of_writer writer;

static void check_again(uint8_t version, const struct of_match *m)
{
	struct of_match again;
	struct of_reader r;

	of_writer_reset(&writer);
	of_match_put(&writer, version, m);
	assert(!writer.is_failed && writer.len % 8 == 0);
	r = of_reader(writer.bytes, writer.len);
	assert(of_match_read(&r, version, &again) == OF_OK);
	assert(r.left == 0 && of_match_is_equal(m, &again));
	assert(of_match_contains(m, &again) && of_match_overlaps(m, &again));
	assert(of_match_covers(m, &m->value));
}

/* Masks of 1.0 are prefixes, and it has all that it can read. */
static void check_again10(const struct of_match *m)
{
	struct of_match again;
	struct of_reader r;

	of_writer_reset(&writer);
	of_match10_put(&writer, m);
	assert(!writer.is_failed && writer.len == OFP10_MATCH);
	r = of_reader(writer.bytes, writer.len);
	assert(of_match10_read(&r, &again) == OF_OK);
	assert(of_match_is_equal(m, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[OFP_MATCH_HEAD + FIELDS_MOST + 8] = { 0, OFPMT_OXM };
	uint32_t len = (uint32_t)size + OFP_MATCH_HEAD - 1;
	struct of_match m;
	struct of_reader r;

	if (size < 1 || size > FIELDS_MOST)
		return 0;
	if (!writer.limit)
		of_writer_init(&writer, 65536);
	if (data[0] == OF_V10) {
		r = of_reader(data + 1, (uint32_t)size - 1);
		if (of_match10_read(&r, &m) == OF_OK) {
			check_again(OF_V13, &m);
			check_again10(&m);
		}
		return 0;
	}
	bytes[2] = (uint8_t)(len >> 8);
	bytes[3] = (uint8_t)len;
	memcpy(bytes + OFP_MATCH_HEAD, data + 1, size - 1);
	r = of_reader(bytes, (len + 7) / 8 * 8);
	if (of_match_read(&r, data[0], &m) == OF_OK)
		check_again(data[0] < OF_V13 ? OF_V13 : data[0], &m);
	return 0;
}
