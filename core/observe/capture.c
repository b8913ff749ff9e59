/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe/capture.c - capture sessions come and go.
 */
#include "observe/capture.h"

#include <errno.h>
#include <stdlib.h>

#include "path/tap.h"

enum {
	RINGS_BYTES = 32 << 20, /* of all workers, about */
	RING_MAX = 4 << 20,     /* 2000 packets of 1500 bytes or more */
	RING_MIN = 128 << 10,
};

struct capture {
	struct tap tap; /* first */
	struct path *path;
};

static uint32_t ring_bytes(uint32_t workers)
{
	uint32_t bytes = RING_MAX;

	while (bytes > RING_MIN && bytes > RINGS_BYTES / workers)
		bytes /= 2;
	return bytes;
}

int capture_start(struct path *path, const struct capture_spec *spec, struct capture **out,
		  struct xvs_error *err)
{
	uint32_t workers = path_workers(path);
	struct capture *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return error_set(err, -ENOMEM, "", "capture: out of memory");
	c->path = path;
	c->tap.point = spec->point;
	c->tap.port = spec->port;
	c->tap.instance = spec->instance;
	c->tap.snaplen = spec->snaplen && spec->snaplen < CAPTURE_SNAPLEN_MAX ? spec->snaplen
									      : CAPTURE_SNAPLEN_MAX;
	code = capture_memory_create(workers, ring_bytes(workers), c->tap.snaplen, &c->tap.memory,
				     err);
	if (code)
		goto err_free;
	code = path_tap_add(path, &c->tap);
	if (code) {
		(void)error_set(err, code, "",
				"capture: %d sessions run already, end one of them first",
				TAPS_MAX);
		goto err_memory;
	}
	*out = c;
	return 0;

err_memory:
	capture_memory_destroy(c->tap.memory);
err_free:
	free(c);
	return code;
}

int capture_descriptor(const struct capture *c)
{
	return c->tap.memory->fd;
}

static void capture_free(struct rcu_node *node)
{
	struct capture *c = (struct capture *)(void *)node;

	capture_memory_destroy(c->tap.memory);
	free(c);
}

void capture_stop(struct capture *c)
{
	if (c)
		path_tap_remove(c->path, &c->tap, capture_free);
}
