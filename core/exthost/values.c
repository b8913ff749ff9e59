/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/values.c - policies that were checked and wait for apply or abort, and those in force.
 *
 * An extension may read the value that was applied until all workers have passed a quiet point behind
 * the next one, so it stays at the address where check() saw it.
 */
#include <stdlib.h>

#include "base/rcu.h"
#include "exthost/exthost.h"

static struct prepared *waiting;
static struct prepared *in_force;
static uint32_t last_nr;

uint32_t values_prepare(uint32_t port, uint32_t feature, void *value, void *prepared)
{
	struct prepared *p = calloc(1, sizeof(*p));

	if (!p)
		return 0;
	if (++last_nr == 0)
		last_nr = 1;
	*p = (struct prepared){ waiting, last_nr, port, feature, value, prepared };
	waiting = p;
	return p->nr;
}

static struct prepared *unlink_one(struct prepared **place)
{
	struct prepared *p = *place;

	*place = p->next;
	p->next = NULL;
	return p;
}

struct prepared *values_take(uint32_t nr)
{
	struct prepared **place = &waiting;

	while (*place && (*place)->nr != nr)
		place = &(*place)->next;
	return *place ? unlink_one(place) : NULL;
}

void values_drop(struct prepared *p)
{
	free(p->value);
	free(p);
}

void values_keep(struct prepared *p)
{
	struct prepared **place = &in_force;

	while (*place && ((*place)->port != p->port || (*place)->feature != p->feature))
		place = &(*place)->next;
	if (*place) {
		struct prepared *old = unlink_one(place);

		rcu_synchronize();
		values_drop(old);
	}
	p->next = in_force;
	in_force = p;
}

void values_forget_port(uint32_t port)
{
	struct prepared **place = &in_force;

	rcu_synchronize();
	while (*place) {
		if ((*place)->port == port)
			values_drop(unlink_one(place));
		else
			place = &(*place)->next;
	}
}
