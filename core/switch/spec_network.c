/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_network.c - copies and comparisons of what extensions may do on the network. */
#include "switch/spec_network.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void network_spec_finish(struct network_spec *n)
{
	for (size_t i = 0; i < n->allow_count; i++)
		free(n->allow[i]);
	free(n->allow);
	memset(n, 0, sizeof(*n));
}

int network_spec_copy(const struct network_spec *from, struct network_spec *to)
{
	*to = *from;
	to->allow_count = 0;
	to->allow = calloc(from->allow_count + 1, sizeof(*to->allow));
	if (!to->allow)
		return -ENOMEM;
	for (size_t i = 0; i < from->allow_count; i++) {
		to->allow[i] = strdup(from->allow[i]);
		if (!to->allow[i]) {
			network_spec_finish(to);
			return -ENOMEM;
		}
		to->allow_count++;
	}
	return 0;
}

bool network_spec_equal(const struct network_spec *a, const struct network_spec *b)
{
	if (strcmp(a->certificate, b->certificate) != 0 || strcmp(a->key, b->key) != 0 ||
	    strcmp(a->ca, b->ca) != 0 || a->allow_count != b->allow_count)
		return false;
	for (size_t i = 0; i < a->allow_count; i++)
		if (strcmp(a->allow[i], b->allow[i]) != 0)
			return false;
	return true;
}
