/* SPDX-License-Identifier: Apache-2.0 */
/*
 * golden.h - the recorded messages of golden/, for tests and fuzz targets' seeds.
 */
#ifndef TESTS_OPENFLOW_GOLDEN_H
#define TESTS_OPENFLOW_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

enum { GOLDEN_MAX = 8192, GOLDEN_LINE = 2 * GOLDEN_MAX + 128 };

struct golden {
	char name[64];
	uint8_t bytes[GOLDEN_MAX];
	uint32_t len;
};

/* Reads hex digits to their end; blanks between them are for the reader. */
static inline uint32_t golden_hex(const char *hex, uint8_t *out, uint32_t room)
{
	uint32_t count = 0;

	for (; *hex; hex++) {
		char two[3] = { hex[0], hex[1], '\0' };

		if (*hex == ' ' || *hex == '\n')
			continue;
		assert_true(count < room);
		out[count++] = (uint8_t)strtoul(two, NULL, 16);
		hex++;
	}
	return count;
}

static inline FILE *golden_open(const char *file)
{
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/tests/unit/openflow/golden/%s.hex", XVS_SOURCE_DIR,
		       file);
	f = fopen(path, "r");
	assert_non_null(f);
	return f;
}

/* The next message; false: that was the last. */
static inline bool golden_next(FILE *f, struct golden *out)
{
	static char line[GOLDEN_LINE];
	char *blank;

	if (!fgets(line, sizeof(line), f))
		return false;
	blank = strchr(line, ' ');
	assert_non_null(blank);
	*blank = '\0';
	(void)snprintf(out->name, sizeof(out->name), "%.63s", line);
	out->len = golden_hex(blank + 1, out->bytes, GOLDEN_MAX);
	return true;
}

/* The message of that name; fails the test if there is none. */
static inline void golden_find(const char *file, const char *name, struct golden *out)
{
	FILE *f = golden_open(file);
	bool found = false;

	while (!found && golden_next(f, out))
		found = strcmp(out->name, name) == 0;
	(void)fclose(f);
	assert_true(found);
}

#endif /* TESTS_OPENFLOW_GOLDEN_H */
