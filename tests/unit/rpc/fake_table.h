/* SPDX-License-Identifier: Apache-2.0 */
/* rpc/fake_table.h - methods that a test or a fuzz target calls, without any switch. */
#ifndef XVS_TEST_CONTROL_FAKE_TABLE_H
#define XVS_TEST_CONTROL_FAKE_TABLE_H

#include <string.h>

#include "rpc/rpc.h"

enum { FAKE_LATER_MAX = 8 };

/* Calls of the method "later", which are answered when the test says so. */
static struct rpc_call *fake_later[FAKE_LATER_MAX];
static size_t fake_later_count;
static unsigned fake_runs; /* of the method "change" */

static void fake_echo(struct rpc_call *call)
{
	rpc_answer(call, json_string(rpc_text(call, "text")));
}

static void fake_sum(struct rpc_call *call)
{
	rpc_answer(call,
		   json_integer((json_int_t)(rpc_count(call, "a", 0) + rpc_count(call, "b", 7))));
}

static void fake_later_run(struct rpc_call *call)
{
	if (fake_later_count == FAKE_LATER_MAX)
		rpc_refuse(call, RPC_BUSY, "too many wait");
	else
		fake_later[fake_later_count++] = call;
}

static void fake_change(struct rpc_call *call)
{
	fake_runs++;
	rpc_answer(call, json_true());
}

static void fake_refuse(struct rpc_call *call)
{
	struct diags d = { .file = "xvs.yaml", .count = 0 };

	diag_add_at(&d, 12, 15, "port web-1: burst is 5000, must be 1..1000");
	diag_add_at(&d, 0, 0, "switch lab: no such type");
	rpc_refuse_diags(call, RPC_REFUSED, &d);
}

static const struct rpc_method fake_methods[] = {
	{ "echo",
	  RPC_READ_ONLY,
	  "Says it again.",
	  "the text",
	  fake_echo,
	  { { "text", RPC_TEXT, true, "what to say" } } },
	{ "sum",
	  RPC_READ_ONLY,
	  "Adds.",
	  "a number",
	  fake_sum,
	  { { "a", RPC_COUNT, true, "one" }, { "b", RPC_COUNT, false, "other, 7 by default" } } },
	{ "later", RPC_READ_ONLY, "Answers when told.", "true", fake_later_run, { { 0 } } },
	{ "change",
	  RPC_OPERATOR,
	  "Changes.",
	  "true",
	  fake_change,
	  { { "force", RPC_BOOL, false, "really" }, { "fields", RPC_OBJECT, false, "what" } } },
	{ "refuse", RPC_ADMIN, "Refuses.", "never", fake_refuse, { { 0 } } },
};

static const struct rpc_table fake_table = { fake_methods,
					     sizeof(fake_methods) / sizeof(fake_methods[0]), NULL };

static inline void fake_answer_all(void)
{
	for (size_t i = 0; i < fake_later_count; i++)
		rpc_answer(fake_later[i], json_true());
	fake_later_count = 0;
}

#endif /* XVS_TEST_CONTROL_FAKE_TABLE_H */
