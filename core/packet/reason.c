/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/reason.c - names and explanations of the switch's own drop reasons.
 */
#include "packet/reason.h"

struct text {
	const char *name;
	const char *help;
};

static const struct text texts[REASON_COUNT] = {
#define X(enumerator, name, help) [enumerator] = { name, help },
	HOST_REASONS(X)
#undef X
};

static const struct text *text_of(uint32_t reason)
{
	return &texts[reason < REASON_COUNT ? reason : REASON_NONE];
}

const char *reason_name(uint32_t reason)
{
	return text_of(reason)->name;
}

const char *reason_help(uint32_t reason)
{
	return text_of(reason)->help;
}
