/* SPDX-License-Identifier: Apache-2.0 */
/* control/answer.c - outcomes of changes as answers of calls. */
#include <errno.h>

#include "control/methods.h"

void answer_outcome(void *arg, const struct outcome *o)
{
	static const struct diags none;
	struct rpc_call *call = arg;

	if (o->code == 0)
		rpc_answer(call, json_pack("{s:s*}", "note", o->note));
	else
		rpc_refuse_diags(call, o->code == -ENOENT ? RPC_NOT_FOUND : RPC_REFUSED,
				 o->d ? o->d : &none);
}

void answer_found(struct rpc_call *call, json_t *result, const char *what, const char *name)
{
	if (result)
		rpc_answer(call, result);
	else
		rpc_refuse(call, RPC_NOT_FOUND, "%s %.128s: there is none of that name", what,
			   name);
}
