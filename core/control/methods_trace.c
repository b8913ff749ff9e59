/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_trace.c - what would become of a packet, and who says so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/flowtext.h"
#include "control/methods.h"
#include "path/trace.h"

enum { FRAME_MAX = 65550 + 4 }; /* PACKET_MAX, and its tag */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How many bytes the digits stand for; 0: they are none, or too many. */
static uint32_t bytes_of(const char *text, uint8_t *out)
{
	size_t digits = strlen(text);

	if (digits % 2 || digits / 2 > FRAME_MAX)
		return 0;
	for (size_t i = 0; i < digits; i += 2) {
		int high = digit(text[i]);
		int low = digit(text[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (uint32_t)(digits / 2);
}

/* The packet as it came and left, and what was set of it. */
static void put_fields(json_t *out, const struct trace_event *e)
{
	struct xvs_flow_key whole;
	json_t *set;

	if (e->kind == TRACE_ENTERED || e->kind == TRACE_LEFT) {
		memset(&whole, 0xff, sizeof(whole));
		(void)json_object_set_new(out, "packet", flow_match(&e->key, &whole));
		return;
	}
	if (e->kind != TRACE_JUDGED)
		return;
	set = flow_match(&e->key, &e->mask);
	(void)json_object_del(set, "ethertype"); /* cannot be set, and is always told */
	if (json_object_size(set) > 0)
		(void)json_object_set(out, "set", set);
	json_decref(set);
}

static void on_traced(void *arg, const struct trace_event *events, uint32_t count, bool is_cut)
{
	struct rpc_call *call = arg;
	const struct control *c = rpc_context(call);
	uint32_t left = 0;
	json_t *steps;

	/* Workers answer when they like: the daemon may have taken the switches down meanwhile. */
	if (!c->world) {
		rpc_refuse(call, RPC_BUSY, "trace: the daemon is stopping");
		return;
	}
	steps = world_trace(c->world, events, count);
	for (uint32_t i = 0; i < count; i++) {
		put_fields(json_array_get(steps, i), &events[i]);
		left += events[i].kind == TRACE_LEFT;
	}
	rpc_answer(call,
		   json_pack("{s:s, s:I, s:b, s:o}", "outcome", left ? "forwarded" : "dropped",
			     "exits", (json_int_t)left, "cut", (int)is_cut, "steps", steps));
}

void on_trace(struct rpc_call *call)
{
	const struct control *c = rpc_context(call);
	const char *target = rpc_text(call, "port");
	uint32_t port = world_port_id(world_of(call), target);
	uint8_t *frame = malloc(FRAME_MAX);
	uint32_t len = frame ? bytes_of(rpc_text(call, "frame"), frame) : 0;
	int code = 0;

	if (!port)
		rpc_refuse(call, RPC_NOT_FOUND, "port %.128s: there is none of that name", target);
	else if (!frame)
		rpc_refuse(call, RPC_REFUSED, "trace: out of memory");
	else if (!len)
		rpc_refuse(call, RPC_BAD_PARAMS,
			   "frame is not the bytes of one, two hexadecimal digits each");
	else
		code = path_trace(c->path, port, frame, len, on_traced, call);
	if (code)
		rpc_refuse(call, RPC_REFUSED, "trace at port %.128s: %s", target,
			   code == -EINVAL       ? "the frame is too long"
			   : code == -EOPNOTSUPP ? "it is the outside port of a NAT; trace what "
						   "comes from inside, and see xvsctl nat list"
						 : strerror(-code));
	free(frame);
}
