/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of ports: one pass over the text, no allocation.
 */
#include "ports.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

/* Digits alone, 0..65535; NULL where there is no such number. */
static const char *parse_port(const char *at, uint16_t *port)
{
	uint32_t value = 0;
	const char *from = at;

	for (; *at >= '0' && *at <= '9' && value <= UINT16_MAX; at++)
		value = value * 10 + (uint32_t)(*at - '0');
	if (at == from || value > UINT16_MAX)
		return NULL;
	*port = (uint16_t)value;
	return at;
}

/* "80" or "1000-2000", with the blanks around it. */
static const char *parse_range(const char *at, struct port_range *range)
{
	at = parse_port(skip_blanks(at), &range->first);
	if (!at)
		return NULL;
	range->last = range->first;
	at = skip_blanks(at);
	if (*at == '-') {
		at = parse_port(skip_blanks(at + 1), &range->last);
		if (!at)
			return NULL;
	}
	return skip_blanks(at);
}

int ports_parse(const char *text, struct port_set *out, char *why, size_t why_size)
{
	struct port_set set = { 0 };
	const char *at = skip_blanks(text);

	while (*at) {
		struct port_range *range = &set.ranges[set.count];
		const char *end;

		if (set.count == PORT_RANGES_MAX) {
			(void)snprintf(why, why_size, "has more than %d ports and ranges",
				       PORT_RANGES_MAX);
			return -EINVAL;
		}
		end = parse_range(at, range);
		if (!end || (*end && *end != ',') || (*end == ',' && !*skip_blanks(end + 1))) {
			(void)snprintf(why, why_size,
				       "'%.40s' is not a list of ports 0..65535 as in "
				       "'80,443,1000-2000'",
				       at);
			return -EINVAL;
		}
		if (range->first > range->last) {
			(void)snprintf(why, why_size, "range %u-%u ends before it begins",
				       range->first, range->last);
			return -EINVAL;
		}
		set.count++;
		at = *end ? end + 1 : end;
	}
	*out = set;
	return 0;
}

bool ports_contain(const struct port_set *set, uint16_t port)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (port >= set->ranges[i].first && port <= set->ranges[i].last)
			return true;
	}
	return set->count == 0;
}
