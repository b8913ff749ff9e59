/* SPDX-License-Identifier: Apache-2.0 */
/* config/trust_check.c - whose extensions are loaded: what must fit together. */
#include "config/check.h"

void check_trust(const struct extensions_spec *e, struct diags *d)
{
	time_t until;

	if (e->trust.is_required && !e->trust.key_count)
		diag_add_at(d, e->at.line, e->at.column,
			    "extensions: require_signed is set, but trusted_keys names no key, so "
			    "nothing could be loaded: name the keys of those who sign");
	if (!trust_spec_until(&e->trust, &until))
		diag_add_at(d, e->at.line, e->at.column,
			    "extensions: trusted_until is \"%s\": it is a day, as 2027-06-30",
			    e->trust.until);
}
