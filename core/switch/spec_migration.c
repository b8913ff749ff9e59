/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_migration.c - copies and comparisons of what is wanted for moves. */
#include "switch/spec_migration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void migration_spec_finish(struct migration_spec *m)
{
	free(m->peers);
	memset(m, 0, sizeof(*m));
}

int migration_spec_copy(const struct migration_spec *from, struct migration_spec *to)
{
	size_t bytes = from->peer_count * sizeof(*from->peers);

	*to = *from;
	to->peers = bytes ? malloc(bytes) : NULL;
	if (bytes && !to->peers) {
		to->peer_count = 0;
		return -ENOMEM;
	}
	if (bytes)
		memcpy(to->peers, from->peers, bytes);
	return 0;
}

static bool peer_equal(const struct peer_spec *a, const struct peer_spec *b)
{
	if (strcmp(a->name, b->name) != 0 || a->switch_count != b->switch_count)
		return false;
	for (size_t i = 0; i < a->switch_count; i++)
		if (strcmp(a->switches[i], b->switches[i]) != 0)
			return false;
	return true;
}

bool migration_spec_equal(const struct migration_spec *a, const struct migration_spec *b)
{
	if (a->is_given != b->is_given || strcmp(a->listen, b->listen) != 0 ||
	    strcmp(a->certificate, b->certificate) != 0 || strcmp(a->key, b->key) != 0 ||
	    strcmp(a->ca, b->ca) != 0 || a->peer_count != b->peer_count)
		return false;
	for (size_t i = 0; i < a->peer_count; i++)
		if (!peer_equal(&a->peers[i], &b->peers[i]))
			return false;
	return true;
}
