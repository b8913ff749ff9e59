/* SPDX-License-Identifier: Apache-2.0 */
/* heard.c - one frame from a worker to the control thread, without a lock. */
#include "path/heard.h"

#include <errno.h>
#include <stdlib.h>

#include "path/worker.h"

int path_hear(struct path_port *port)
{
	struct path_heard *heard;

	if (port->heard)
		return 0;
	heard = calloc(1, sizeof(*heard));
	if (!heard)
		return -ENOMEM;
	rcu_publish(&port->heard, heard);
	return 0;
}

/* Whoever has it may write; false: the other side has. */
static bool seize(struct path_heard *heard, uint32_t state)
{
	return atomic_compare_exchange_strong_explicit(&heard->state, &state, HEARD_SEIZED,
						       memory_order_acquire, memory_order_relaxed);
}

bool path_heard(struct path_port *port, struct lldp_neighbour *out)
{
	struct path_heard *heard = port->heard;
	bool is_good;

	if (!heard || !seize(heard, HEARD_FULL))
		return false;
	is_good = lldp_read(heard->bytes, heard->len, out);
	atomic_store_explicit(&heard->state, HEARD_NOTHING, memory_order_release);
	return is_good;
}

/* The last one counts. */
static void keep(struct path_heard *heard, const struct packet *p)
{
	if (!seize(heard, HEARD_NOTHING) && !seize(heard, HEARD_FULL))
		return;
	heard->len = p->x.len < LLDP_BYTES ? p->x.len : LLDP_BYTES;
	if (!packet_read(p, 0, heard->bytes, heard->len))
		heard->len = 0;
	atomic_store_explicit(&heard->state, HEARD_FULL, memory_order_release);
}

void heard_keep(const struct burst *b, const struct path_port *port, uint64_t groups)
{
	struct path_heard *heard = rcu_read(&port->heard);

	for (XVS_EACH(i, groups & b->live))
		if (heard && packet_is_lldp(b->pkts[i]))
			keep(heard, b->pkts[i]);
}
