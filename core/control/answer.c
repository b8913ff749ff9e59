/* SPDX-License-Identifier: Apache-2.0 */
/* control/answer.c - outcomes of changes as answers of calls. */
#include <errno.h>

#include "base/str.h"
#include "control/methods.h"

/* "": the change will survive a restart. */
static void answer_done(struct rpc_call *call, const char *note, const char *unkept)
{
	struct strbuf text = { NULL, 0, 0, false };

	strbuf_add(&text, "%s%s%s", note ? note : "", note && unkept[0] ? "; " : "", unkept);
	rpc_answer(call, json_pack("{s:o*}", "note", text.len ? rpc_string(text.text) : NULL));
	strbuf_finish(&text);
}

void answer_outcome(void *arg, const struct outcome *o)
{
	static const struct diags none;
	struct rpc_call *call = arg;
	const struct control *c = rpc_context(call);

	if (o->code == 0)
		answer_done(call, o->note, c->problems.journal);
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
