/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_conn.c - connections: shown, counted, ended, by who and what they are between. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "control/methods.h"

enum {
	LIST_DEFAULT = 1000,
	LIST_MAX = 20000, /* an answer of some 10 MB */
};

/* What a call asks for; 'scope' is what its sets point into. */
struct choice {
	struct conn_filter filter;
	struct conn_scope *scope;
};

/* Each of these: false, the call has been refused. */

static bool read_numbers(struct rpc_call *call, struct conn_filter *f)
{
	uint64_t proto = rpc_count(call, "proto", 0);
	uint64_t l4_port = rpc_count(call, "l4_port", 0);

	if (proto > UINT8_MAX) {
		rpc_refuse(call, RPC_BAD_PARAMS, "proto is a number of IP, must be 1..255");
		return false;
	}
	if (l4_port > UINT16_MAX) {
		rpc_refuse(call, RPC_BAD_PARAMS, "l4_port is %llu, must be 1..65535",
			   (unsigned long long)l4_port);
		return false;
	}
	f->proto = (uint8_t)proto;
	f->l4_port = htons((uint16_t)l4_port);
	return true;
}

static bool read_address(struct rpc_call *call, struct conn_filter *f)
{
	const char *address = rpc_text(call, "address");
	struct xvs_ip ip;

	if (!address)
		return true;
	if (!ip_parse(address, &ip)) {
		rpc_refuse(call, RPC_BAD_PARAMS,
			   "address \"%.64s\" is none, as \"192.0.2.1\" or \"192.0.2.0/24\"",
			   address);
		return false;
	}
	f->has_address = ip.prefix_len != 0; /* ::/0 is every address */
	f->prefix_len = ip.prefix_len;
	memcpy(f->address, ip.addr, sizeof(f->address));
	return true;
}

static bool read_state(struct rpc_call *call, struct conn_filter *f)
{
	f->state = rpc_text(call, "state");
	if (!f->state || conn_state_is_known(f->state))
		return true;
	rpc_refuse(call, RPC_BAD_PARAMS,
		   "state \"%.64s\" is none, as \"established\", \"half-open\" or \"denied\"",
		   f->state);
	return false;
}

static bool read_port(struct rpc_call *call, struct conn_filter *f)
{
	const char *target = rpc_text(call, "port");

	if (!target)
		return true;
	f->port = world_port_id(world_of(call), target);
	if (f->port)
		return true;
	rpc_refuse(call, RPC_NOT_FOUND, "port %.128s: there is none of that name", target);
	return false;
}

static bool read_scope(struct rpc_call *call, struct choice *c)
{
	const char *switch_name = rpc_text(call, "switch");
	const char *extension = rpc_text(call, "extension");

	if (!switch_name && !extension)
		return true;
	c->scope = world_conn_scope(world_of(call), switch_name, extension, &c->filter);
	if (c->scope)
		return true;
	rpc_refuse(call, RPC_NOT_FOUND, "%s %.128s: there is none of that name%s%.64s",
		   extension ? "extension" : "switch", extension ? extension : switch_name,
		   extension && switch_name ? " in switch " : "",
		   extension && switch_name ? switch_name : "");
	return false;
}

static bool choice_read(struct rpc_call *call, struct choice *out)
{
	*out = (struct choice){ .scope = NULL };
	return read_numbers(call, &out->filter) && read_address(call, &out->filter) &&
	       read_state(call, &out->filter) && read_port(call, &out->filter) &&
	       read_scope(call, out);
}

static json_int_t total_of(const struct rpc_call *call, const struct choice *c)
{
	const struct control *control = rpc_context(call);

	return (json_int_t)conn_count(path_conns(control->path), &c->filter);
}

void on_conn_list(struct rpc_call *call)
{
	uint64_t limit = rpc_count(call, "limit", LIST_DEFAULT);
	struct choice c;

	if (!choice_read(call, &c))
		return;
	rpc_answer(call, json_pack("{s:o, s:I}", "connections",
				   world_conn_list(world_of(call), &c.filter,
						   limit < LIST_MAX ? (uint32_t)limit : LIST_MAX),
				   "total", total_of(call, &c)));
	free(c.scope);
}

void on_conn_count(struct rpc_call *call)
{
	struct choice c;

	if (!choice_read(call, &c))
		return;
	rpc_answer(call, json_pack("{s:I}", "count", total_of(call, &c)));
	free(c.scope);
}

void on_conn_flush(struct rpc_call *call)
{
	struct choice c;

	if (!choice_read(call, &c))
		return;
	world_conn_flush(world_of(call), &c.filter, answer_outcome, call);
	free(c.scope);
}
