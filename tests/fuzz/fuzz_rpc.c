/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_rpc - lines of a hostile caller against a table of methods without a switch, in each role.
 * links: xvs_rpc
 */
#include <assert.h>
#include <stdlib.h>

#include "../unit/rpc/fake_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every answer is one line of JSON. */
static void on_send(void *arg, const char *line, size_t len)
{
	json_t *answer = json_loadb(line, len, 0, NULL);

	(void)arg;
	assert(answer && line[len - 1] == '\n' && !memchr(line, '\n', len - 1));
	json_decref(answer);
}

static void lines_input(struct rpc_session *s, const char *text, size_t size)
{
	const char *end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t len = newline ? (size_t)(newline - text) : (size_t)(end - text);

		rpc_session_input(s, text, len);
		text += newline ? len + 1 : len;
	}
}

/* The first byte: the role, and whether the caller goes away before its late answers. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rpc_session *s;

	if (size == 0)
		return 0;
	s = rpc_session_create(&fake_table, (enum rpc_role)(data[0] % 3), on_send, NULL);
	if (!s)
		return 0;
	fake_later_count = 0;
	lines_input(s, (const char *)data + 1, size - 1);
	if (data[0] & 4)
		fake_answer_all();
	rpc_session_close(s);
	fake_answer_all();
	return 0;
}
