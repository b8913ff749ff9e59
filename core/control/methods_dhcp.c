/* SPDX-License-Identifier: Apache-2.0 */
/* control/methods_dhcp.c - DHCP servers of switches. */
#include "control/methods.h"

void on_dhcp_list(struct rpc_call *call)
{
	const char *name = rpc_text(call, "switch");

	answer_found(call, world_dhcp_list(world_of(call), name), "switch", name ? name : "");
}

void on_dhcp_show(struct rpc_call *call)
{
	const char *name = rpc_text(call, "switch");

	answer_found(call, world_dhcp_show(world_of(call), name), "switch", name ? name : "");
}
