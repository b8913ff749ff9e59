/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/team.c - what the port of a team of uplinks is made of: nothing of its own.  Its members are
 * ports with devices; its link facts are theirs, and the switch that has the team sets them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "port/backend.h"

static int team_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		     struct xvs_error *err)
{
	struct backend *b = calloc(1, sizeof(*b));

	(void)c;
	(void)loop;
	if (!b)
		return error_set(err, -ENOMEM, "", "out of memory");
	b->ops = &backend_team;
	*out = b;
	return 0;
}

static void team_close(struct backend *b)
{
	free(b);
}

/* Packets come in at members. */
static uint32_t team_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
			uint32_t max)
{
	(void)b;
	(void)queue;
	(void)pool;
	(void)out;
	(void)max;
	return 0;
}

/* Members send: without one nothing is taken. */
static uint32_t team_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			uint32_t count)
{
	(void)b;
	(void)worker;
	(void)pkts;
	(void)count;
	return 0;
}

const struct backend_ops backend_team = {
	.kind = "team",
	.open = team_open,
	.close = team_close,
	.rx = team_rx,
	.tx = team_tx,
};
