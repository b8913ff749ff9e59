/* SPDX-License-Identifier: Apache-2.0 */
/* switch/spec_nat.c - freeing and copying of what is wanted of a nat switch. */
#include "switch/spec_nat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/array.h"

void nat_spec_finish(struct nat_spec *s)
{
	free(s->outside.addresses);
	free(s->forwards);
	free(s->pools);
	free(s->routes);
	*s = (struct nat_spec){ .inside = "" };
}

int nat_spec_copy(const struct nat_spec *from, struct nat_spec *to)
{
	void *addresses;
	void *forwards;
	void *pools;
	void *routes;
	bool is_whole;

	is_whole = array_copy(&addresses, from->outside.addresses, from->outside.address_count,
			      sizeof(*from->outside.addresses));
	is_whole &=
		array_copy(&forwards, from->forwards, from->forward_count, sizeof(*from->forwards));
	is_whole &= array_copy(&pools, from->pools, from->pool_count, sizeof(*from->pools));
	is_whole &= array_copy(&routes, from->routes, from->route_count, sizeof(*from->routes));
	*to = *from;
	to->outside.addresses = addresses;
	to->forwards = forwards;
	to->pools = pools;
	to->routes = routes;
	if (is_whole)
		return 0;
	nat_spec_finish(to);
	return -ENOMEM;
}
