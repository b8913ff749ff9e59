/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note of an extension file, as vendors ship it and attackers would.
 * links: xvs_ext xvs_packet xvs_base
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ext/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xvs_error err = ERROR_INIT;
	struct module_note note;
	int code = note_parse(data, size, &note, &err);

	/* Either there is a note with strings that end, or one sentence that says why not. */
	if (code == 0) {
		if (!memchr(note.id, '\0', sizeof(note.id)) ||
		    !memchr(note.version, '\0', sizeof(note.version)))
			abort();
	} else if (code > 0 || err.code != code || err.text[0] == '\0') {
		abort();
	}
	return 0;
}
