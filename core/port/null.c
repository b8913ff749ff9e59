/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/null.c - takes every packet and has none: for measuring what stands before it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "port/backend.h"

enum { NULL_MTU = 65535 };

static int null_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		     struct xvs_error *err)
{
	struct backend *b = calloc(1, sizeof(*b));

	(void)loop;
	if (!b)
		return error_set(err, -ENOMEM, "", "out of memory");
	b->ops = &backend_null;
	b->rx_queues = 1;
	b->kick[0] = -1;
	b->up = true;
	b->mtu = c->mtu ? c->mtu : NULL_MTU;
	b->offloads = OFFLOAD_TAG;
	if (c->offloads)
		b->offloads |= OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6 | OFFLOAD_USO;
	memcpy(b->mac, c->mac, sizeof(b->mac));
	*out = b;
	return 0;
}

static void null_close(struct backend *b)
{
	free(b);
}

static uint32_t null_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
			uint32_t max)
{
	(void)b;
	(void)queue;
	(void)pool;
	(void)out;
	(void)max;
	return 0;
}

static uint32_t null_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			uint32_t count)
{
	(void)b;
	(void)worker;
	(void)pkts;
	return count;
}

static void null_stats(const struct backend *b, struct backend_stats *out)
{
	(void)b;
	memset(out, 0, sizeof(*out));
}

const struct backend_ops backend_null = {
	.kind = "null",
	.open = null_open,
	.close = null_close,
	.rx = null_rx,
	.tx = null_tx,
	.stats = null_stats,
};
