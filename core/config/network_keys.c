/* SPDX-License-Identifier: Apache-2.0 */
/* config/network_keys.c - what extensions may do on the network: the keys, and what they must fit. */
#include "config/check.h"
#include "config/keys.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define FILE_KEY(member, about) \
	{ \
		.name = #member, .help = (about), .kind = KEY_TEXT, \
		.offset = offsetof(struct network_spec, member), \
		.size = sizeof(((struct network_spec *)0)->member) \
	}

static const struct key network_keys[] = {
	FILE_KEY(certificate, "File with the certificate that extensions show (PEM)"),
	FILE_KEY(key, "File with its key"),
	FILE_KEY(ca, "File with the authorities that sign the other sides' certificates"),
	{
		.name = "allow",
		.help = "Where extensions may connect and listen, as \"tcp:192.0.2.*:6653\"; without it "
			"wherever their policies say",
		.kind = KEY_TARGETS,
		.offset = offsetof(struct network_spec, allow),
		.aux = offsetof(struct network_spec, allow_count),
	},
};

const struct section section_network = {
	.keys = network_keys,
	.count = COUNT(network_keys),
	.bytes = sizeof(struct network_spec),
	.at = offsetof(struct network_spec, at),
	.given_at = offsetof(struct network_spec, is_given),
	.role_at = KEY_NOWHERE,
};

void check_network(const struct network_spec *n, struct diags *d)
{
	int files = (n->certificate[0] != '\0') + (n->key[0] != '\0') + (n->ca[0] != '\0');

	if (files != 0 && files != 3)
		diag_add_at(d, n->at.line, n->at.column,
			    "extensions: network: TLS takes certificate, key and ca together, or "
			    "none of them");
}
