/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/batch.c - memory of a worker for what it has in hand.
 *
 * There is room for the longest chain that a ring can hold behind a full stage, mapped and hardly
 * ever touched: so a worker need not ask, and an ordinary guest does not cost it.
 */
#include "port/vhost_user/batch.h"

#include <stdlib.h>
#include <sys/mman.h>

static const size_t segments_bytes = SEGMENTS_ROOM * sizeof(struct vring_segment);

static struct vring_segment *segments_create(void)
{
	void *at = mmap(NULL, segments_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void segments_destroy(struct vring_segment *s)
{
	if (s)
		(void)munmap(s, segments_bytes);
}

struct vhost_batch *batch_create(void)
{
	struct vhost_batch *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->segments = segments_create();
	if (b->segments)
		return b;
	free(b);
	return NULL;
}

void batch_destroy(struct vhost_batch *b)
{
	if (!b)
		return;
	segments_destroy(b->segments);
	free(b);
}

void batch_begin(struct vhost_ring *r)
{
	if (!r->batch)
		return;
	r->batch->count = 0;
	batch_ask(r->batch, true);
}

struct vhost_scratch *scratch_create(uint32_t workers)
{
	struct vhost_scratch *s = calloc(workers, sizeof(*s));

	for (uint32_t i = 0; s && i < workers; i++) {
		s[i].segments = segments_create();
		if (!s[i].segments) {
			scratch_destroy(s, workers);
			return NULL;
		}
	}
	return s;
}

void scratch_destroy(struct vhost_scratch *s, uint32_t workers)
{
	for (uint32_t i = 0; s && i < workers; i++)
		segments_destroy(s[i].segments);
	free(s);
}
