/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_remote - what another host core answers: bytes in pieces, lines, messages.  The first byte is
 * the size of the pieces.
 * links: xvs_hv xvs_rpc xvs_tls xvs_base
 */
#include <assert.h>
#include <string.h>

#include "../../hv/remote.h"
#include "../../hv/remote_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *arg, const char *line, size_t len)
{
	struct remote_message m;
	char why[128] = "";

	(void)arg;
	assert(!memchr(line, '\n', len));
	if (!remote_message_read(line, len, &m, why, sizeof(why))) {
		assert(why[0] && !m.value);
		return false;
	}
	assert(m.kind == REMOTE_EVENT ? m.word[0] || !m.id : m.id > 0);
	for (const char *c = m.text; *c; c++)
		assert((unsigned char)*c >= ' ');
	remote_message_finish(&m);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lines l = { 0 };
	size_t piece = size > 0 ? data[0] + 1u : 1;

	for (size_t at = 1; at < size; at += piece) {
		if (lines_input(&l, data + at, size - at < piece ? size - at : piece, take, NULL) !=
		    LINES_FINE)
			break;
	}
	lines_finish(&l);
	return 0;
}
