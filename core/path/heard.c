/* SPDX-License-Identifier: Apache-2.0 */
/* heard.c - one frame from a worker to the control thread, without a lock. */
#include "path/heard.h"

#include <errno.h>
#include <stdlib.h>

#include "packet/cdp.h"
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
	is_good =
		lldp_read(heard->bytes, heard->len, out) || cdp_read(heard->bytes, heard->len, out);
	atomic_store_explicit(&heard->state, HEARD_NOTHING, memory_order_release);
	return is_good;
}

/* The last one counts, but one of CDP not beside one of LLDP, which says more. */
static void keep(struct path_heard *heard, const struct packet *p, bool is_cdp)
{
	bool was_full = seize(heard, HEARD_FULL);

	if (!was_full && !seize(heard, HEARD_NOTHING))
		return;
	if (was_full && is_cdp && !heard->is_cdp) {
		atomic_store_explicit(&heard->state, HEARD_FULL, memory_order_release);
		return;
	}
	heard->is_cdp = is_cdp;
	heard->len = p->x.len < LLDP_BYTES ? p->x.len : LLDP_BYTES;
	if (!packet_read(p, 0, heard->bytes, heard->len))
		heard->len = 0;
	atomic_store_explicit(&heard->state, HEARD_FULL, memory_order_release);
}

void heard_keep(const struct burst *b, const struct path_port *port, uint64_t groups)
{
	struct path_heard *heard = rcu_read(&port->heard);

	for (XVS_EACH(i, heard ? groups & b->live : 0)) {
		bool is_cdp = packet_is_cdp(b->pkts[i]);

		if (is_cdp || packet_is_lldp(b->pkts[i]))
			keep(heard, b->pkts[i], is_cdp);
	}
}
