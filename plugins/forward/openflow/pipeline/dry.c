/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/dry.c - bytes kept, and put back. */
#include "pipeline/dry.h"

#include <stdlib.h>
#include <string.h>

struct kept {
	struct xvs_packet x; /* first: it stands among the emitter's parents */
	uint8_t bytes[];
};

static struct kept *kept_of(struct xvs_packet *p)
{
	return (struct kept *)(void *)p;
}

bool of_dry_fork(struct of_emitter *e)
{
	struct xvs_packet *p = e->packet;
	struct kept *k;

	/* so that nobody moves its bytes to another place meanwhile */
	if (e->depth == OF_DEPTH_MAX || e->pipeline->host->unshare(e->pipeline->host, p) != 0)
		return false;
	k = malloc(sizeof(*k) + p->linear);
	if (!k)
		return false;
	k->x = *p;
	memcpy(k->bytes, p->data, p->linear);
	e->parents[e->depth++] = &k->x;
	return true;
}

/* Only now is it known whether this bucket's way was the last of them all. */
void of_dry_join(struct of_emitter *e)
{
	of_dry_end(e);
	e->undo = e->parents[--e->depth];
}

void of_dry_flush(struct of_emitter *e)
{
	struct kept *k = kept_of(e->undo);

	e->is_waiting = false;
	if (!k)
		return;
	*e->packet = k->x;
	memcpy(e->packet->data, k->bytes, k->x.linear);
	of_dry_end(e);
}

void of_dry_end(struct of_emitter *e)
{
	free(e->undo);
	e->undo = NULL;
}
