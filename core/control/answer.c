/* SPDX-License-Identifier: Apache-2.0 */
/* control/answer.c - outcomes of changes as answers of calls. */
#include <errno.h>

#include "base/str.h"
#include "control/methods.h"

/* "": the change will survive a restart. */
static void answer_done(struct rpc_call *call, const struct outcome *o, const struct control *c)
{
	const char *unkept = c->problems.journal;
	json_t *number = o->lines ? json_integer((json_int_t)changelog_number(c->log)) : NULL;
	struct strbuf text = { NULL, 0, 0, false };

	strbuf_add(&text, "%s%s%s", o->note ? o->note : "", o->note && unkept[0] ? "; " : "",
		   unkept);
	rpc_answer(call, json_pack("{s:o*, s:o*}", "note", text.len ? rpc_string(text.text) : NULL,
				   "number", number));
	strbuf_finish(&text);
}

/* Nothing has changed, so there is no number. */
static void answer_tried(struct rpc_call *call, const struct outcome *o)
{
	rpc_answer(call, json_pack("{s:s*, s:O}", "note", o->note, "changes", o->lines));
}

void answer_outcome(void *arg, const struct outcome *o)
{
	static const struct diags none;
	struct rpc_call *call = arg;

	if (o->code == 0 && rpc_bool(call, "dry_run"))
		answer_tried(call, o);
	else if (o->code == 0)
		answer_done(call, o, rpc_context(call));
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
