/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_qmp - lines of a hostile QEMU.
 * links: xvs_hv
 */
#include <assert.h>
#include <string.h>

#include "qmp_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct qmp_message *m)
{
	assert(strlen(m->word) < QMP_WORD_MAX && strlen(m->text) < QMP_TEXT_MAX);
	for (const char *c = m->text; *c; c++)
		assert((unsigned char)*c >= ' ' && *c != 0x7f);
	assert(m->kind != QMP_RETURN || m->value);
	assert(m->kind != QMP_EVENT || (m->word[0] && (!m->value || json_is_object(m->value))));
	assert(m->kind != QMP_ERROR || m->word[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data;
	const char *end = at + size;
	struct qmp_message m;
	char why[160];

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);

		if (qmp_message_read(at, len, &m, why, sizeof(why))) {
			check(&m);
			qmp_message_finish(&m);
		} else {
			assert(why[0]);
		}
		at += len + 1;
	}
	return 0;
}
