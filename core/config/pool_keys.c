/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/pool_keys.c - keys of the host's pool of adapter addresses, and what they must be together.
 */
#include <string.h>

#include "base/str.h"
#include "config/check.h"
#include "config/keys.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define END_KEY(which, text) \
	{ \
		.name = #which, .help = (text), .kind = KEY_MAC, .flags = KEY_REQUIRED, \
		.offset = offsetof(struct mac_pool_spec, which), \
		.aux = offsetof(struct mac_pool_spec, has_##which) \
	}

static const struct key pool_keys[] = {
	END_KEY(first, "Lowest address"),
	END_KEY(last, "Highest address"),
};

const struct section section_mac_pool = {
	.what = "mac_pool",
	.keys = pool_keys,
	.count = COUNT(pool_keys),
	.bytes = sizeof(struct mac_pool_spec),
	.at = offsetof(struct mac_pool_spec, at),
	.given_at = offsetof(struct mac_pool_spec, is_given),
	.role_at = KEY_NOWHERE,
};

/* Between ends that differ in the first octet there would be addresses of groups. */
void check_mac_pool(const struct mac_pool_spec *s, struct diags *d)
{
	char first[MAC_TEXT];
	char last[MAC_TEXT];

	if (!s->is_given || (s->first[0] == s->last[0] && memcmp(s->first, s->last, 6) <= 0))
		return;
	diag_add_at(
		d, s->at.line, s->at.column,
		"mac_pool: the first address is %s and the last %s; the last must not be lower, "
		"and must begin with the same octet",
		mac_print(s->first, first), mac_print(s->last, last));
}
