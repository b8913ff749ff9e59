/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_trust.c - whose extensions are loaded. */
#include "switch/spec_trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void trust_spec_finish(struct trust_spec *t)
{
	free(t->keys);
	*t = (struct trust_spec){ .keys = NULL };
}

int trust_spec_copy(const struct trust_spec *from, struct trust_spec *to)
{
	*to = *from;
	to->keys = NULL;
	if (!from->key_count)
		return 0;
	to->keys = calloc(from->key_count, sizeof(*to->keys));
	if (!to->keys) {
		to->key_count = 0;
		return -ENOMEM;
	}
	memcpy(to->keys, from->keys, from->key_count * sizeof(*to->keys));
	return 0;
}

bool trust_spec_until(const struct trust_spec *t, time_t *out)
{
	struct tm day = { 0 };
	struct tm same;
	const char *end;

	*out = 0;
	if (!t->until[0])
		return true;
	end = strptime(t->until, "%Y-%m-%d", &day);
	if (!end || *end || strlen(t->until) != sizeof(t->until) - 1)
		return false;
	same = day;
	(void)timegm(&same);
	if (same.tm_mday != day.tm_mday) /* the 31st of June is the 1st of July */
		return false;
	day.tm_mday++; /* that day is over when the next begins */
	*out = timegm(&day);
	return *out > 0;
}
