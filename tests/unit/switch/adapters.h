/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of kind "null" whose other end is the test: what is pushed in at one comes out at others. */
#ifndef XVS_TEST_SWITCH_ADAPTERS_H
#define XVS_TEST_SWITCH_ADAPTERS_H

#include "fixture.h"
#include "path/memory_port.h"
#include "support/frames.h"

enum { ADAPTERS_MAX = 4 };

static struct {
	struct memory_port *port;
	char name[64];
} adapters[ADAPTERS_MAX];

static uint32_t next_adapter;

static int adapter_open(const struct backend_config *c, struct loop *loop, struct backend **out,
			struct xvs_error *err);

static void adapter_close(struct backend *b)
{
	(void)b; /* freed at the end of the test, which may look at it until then */
}

static void adapter_stats(const struct backend *b, struct backend_stats *out)
{
	(void)b;
	memset(out, 0, sizeof(*out));
}

const struct backend_ops backend_null = {
	.kind = "null",
	.open = adapter_open,
	.close = adapter_close,
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = memory_tx,
	.stats = adapter_stats,
};

static int adapter_open(const struct backend_config *c, struct loop *loop, struct backend **out,
			struct xvs_error *err)
{
	struct memory_port *m = calloc(1, sizeof(*m));

	(void)loop;
	(void)err;
	assert_non_null(m);
	assert_true(next_adapter < ADAPTERS_MAX);
	memory_init(m);
	m->base.ops = &backend_null;
	memcpy(m->base.mac, c->mac, sizeof(m->base.mac));
	(void)snprintf(adapters[next_adapter].name, sizeof(adapters[0].name), "%s", c->port_name);
	adapters[next_adapter++].port = m;
	*out = &m->base;
	return 0;
}

/* In at one adapter: did anything come out at the other? */
static inline bool adapters_go(struct memory_port *in, const struct memory_port *out,
			       const uint8_t *bytes, uint32_t len)
{
	struct memory_frame *frame = calloc(1, sizeof(*frame));
	uint32_t before = __atomic_load_n(&out->out_count, __ATOMIC_ACQUIRE);
	bool is_done = false;

	assert_non_null(frame);
	memcpy(frame->bytes, bytes, len);
	frame->len = len;
	assert_true(memory_push(in, frame));
	free(frame);
	/* what came in is given back when all of it went out */
	for (unsigned i = 0; i < 10000 && !is_done; i++) {
		(void)usleep(100);
		is_done = __atomic_load_n(&in->in_done, __ATOMIC_ACQUIRE) == in->in_tail;
	}
	assert_true(is_done);
	return __atomic_load_n(&out->out_count, __ATOMIC_ACQUIRE) != before;
}

/* At the end of a test. */
static inline void adapters_free(void)
{
	for (uint32_t i = 0; i < next_adapter; i++)
		free(adapters[i].port);
	next_adapter = 0;
}

#endif /* XVS_TEST_SWITCH_ADAPTERS_H */
