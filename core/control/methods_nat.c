/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_nat.c - sessions of nat switches. */
#include "base/ipv4.h"
#include "control/methods.h"

enum { LIST_DEFAULT = 1000, LIST_MAX = 20000 };

/* False: the call has been refused. */
static bool filter_of(struct rpc_call *call, struct nat_filter *out)
{
	const char *address = rpc_text(call, "address");
	uint64_t proto = rpc_count(call, "proto", 0);
	struct ipv4 ip = { 0 };

	if (proto > UINT8_MAX) {
		rpc_refuse(call, RPC_BAD_PARAMS, "proto is a number of IP, must be 1..255");
		return false;
	}
	if (address && (!ipv4_parse(address, &ip) || ip.has_len)) {
		rpc_refuse(call, RPC_BAD_PARAMS, "address \"%.64s\" is none, as \"192.0.2.1\"",
			   address);
		return false;
	}
	*out = (struct nat_filter){ .switch_name = rpc_text(call, "switch"),
				    .proto = (uint8_t)proto,
				    .address = ip.address };
	return true;
}

static const char *named(const struct nat_filter *f)
{
	return f->switch_name ? f->switch_name : "";
}

void on_nat_list(struct rpc_call *call)
{
	uint64_t limit = rpc_count(call, "limit", LIST_DEFAULT);
	struct nat_filter f;

	if (filter_of(call, &f))
		answer_found(call,
			     world_nat_list(world_of(call), &f,
					    limit < LIST_MAX ? limit : LIST_MAX),
			     "switch", named(&f));
}

void on_nat_show(struct rpc_call *call)
{
	const char *name = rpc_text(call, "switch");

	answer_found(call, world_nat_show(world_of(call), name), "switch", name ? name : "");
}

void on_nat_flush(struct rpc_call *call)
{
	struct nat_filter f;

	if (filter_of(call, &f))
		answer_found(call, world_nat_flush(world_of(call), &f), "switch", named(&f));
}
