/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_network.h - what extensions may do on the network, as the document has it. */
#ifndef XVS_SWITCH_SPEC_NETWORK_H
#define XVS_SWITCH_SPEC_NETWORK_H

#include "switch/spec_migration.h" /* FILE_TEXT */

struct network_spec {
	struct position at;
	bool is_given;
	char certificate[FILE_TEXT], key[FILE_TEXT], ca[FILE_TEXT]; /* all of them, or none */
	char **allow; /* patterns of targets; none: every target */
	size_t allow_count;
};

void network_spec_finish(struct network_spec *n);
int network_spec_copy(const struct network_spec *from, struct network_spec *to); /* -ENOMEM */
bool network_spec_equal(const struct network_spec *a, const struct network_spec *b);

#endif /* XVS_SWITCH_SPEC_NETWORK_H */
