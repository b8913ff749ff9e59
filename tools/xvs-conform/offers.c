/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/offers.c - calls of the interfaces that an extension offers, as watch.c has those of its table. */
#include <string.h>

#include "promise.h"
#include "watch_part.h"

static struct {
	const struct extension *real;
	struct xvs_flow flow, flow_shim;
	struct xvs_conn_ops conn, conn_shim;
	struct xvs_state state, state_shim;
	bool has_state;
} w;

/* ---- "xvs.flow/1" ---------------------------------------------------------------------------------- */

static void look_at_verdict(const struct xvs_flow_verdict *v)
{
	static const struct xvs_flow_key nothing;

	if (!watch_is(WATCH_RESULTS))
		return;
	if (v->action > XVS_FLOW_WATCH)
		watch_find("judge() answered with the action %u, which there is not", v->action);
	if (v->action == XVS_FLOW_DROP && v->reason && v->reason >= w.real->reason_count)
		watch_find("judge() dropped for the reason %u, of which there are %u", v->reason,
			   w.real->reason_count);
	if (w.real->cls == XVS_INSPECT && v->action == XVS_FLOW_DROP)
		watch_find("judge() of an inspector dropped a flow");
	if (w.real->cls != XVS_FORWARD && v->dest)
		watch_find("judge() chose a destination, but its class is not forward");
	if ((w.real->cls == XVS_INSPECT || w.real->cls == XVS_FIREWALL) &&
	    memcmp(&v->rewrite, &nothing, sizeof(nothing)) != 0)
		watch_find("judge() rewrites, which its class may not");
}

static void on_judge(void *self, const struct xvs_batch *b, uint32_t i,
		     const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	struct xvs_batch *mine = (struct xvs_batch *)(uintptr_t)b;
	struct xvs_batch *copy = watch_lend_batch(mine);
	const struct xvs_flow_key *key_copy = watch_lent(key, sizeof(*key));
	const uint64_t before = watch_sum(key, sizeof(*key));

	watch_record->judged++;
	watch_worker_enter("judge");
	w.flow.judge(self, copy, i, key_copy, v);
	watch_worker_leave();
	watch_back(key_copy, key);
	watch_back_batch(copy, mine);
	watch_const("judge", "the flow's key", before, key, sizeof(*key));
	look_at_verdict(v);
	if (watch_is(WATCH_FLOWS))
		promise_check(b, i, key, v);
}

static void on_account(void *self, const struct xvs_flow_stats *stats)
{
	const struct xvs_flow_stats *copy = watch_lent(stats, sizeof(*stats));

	watch_worker_enter("account");
	w.flow.account(self, copy);
	watch_worker_leave();
	watch_back(copy, stats);
}

/* ---- "xvs.conn/1" ---------------------------------------------------------------------------------- */

static void on_authorise(void *self, const struct xvs_batch *b, uint32_t i,
			 const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	const struct xvs_conn *copy = watch_lent(c, sizeof(*c));

	watch_worker_enter("authorise");
	w.conn.authorise(self, b, i, copy, v);
	watch_worker_leave();
	watch_back(copy, c);
	if (watch_is(WATCH_RESULTS) && v->action > XVS_CONN_REJECT)
		watch_find("authorise() answered with the action %u, which there is not",
			   v->action);
}

static void on_conn_event(void *self, const struct xvs_conn_event *e)
{
	const struct xvs_conn_event *copy = watch_lent(e, sizeof(*e));

	watch_worker_enter("event");
	w.conn.event(self, copy);
	watch_worker_leave();
	watch_back(copy, e);
}

/* ---- "xvs.state/1" --------------------------------------------------------------------------------- */

static int on_save(void *self, void *state, const struct xvs_save *ctx, struct xvs_sink *out,
		   struct xvs_error *err)
{
	const struct xvs_save *copy = watch_lent(ctx, sizeof(*ctx));
	int code;

	watch_enter("save");
	code = w.state.save(self, state, copy, out, err);
	watch_leave();
	watch_back(copy, ctx);
	watch_result("save", code, err);
	return code;
}

static void on_save_end(void *self, void *state, bool moved)
{
	watch_enter("save_end");
	w.state.save_end(self, state, moved);
	watch_leave();
}

static int on_restore(void *self, void *state, uint32_t format, struct xvs_source *in,
		      struct xvs_error *err)
{
	int code;

	watch_enter("restore");
	code = w.state.restore(self, state, format, in, err);
	watch_leave();
	watch_result("restore", code, err);
	return code;
}

const struct xvs_state *watch_state(void)
{
	return w.has_state ? &w.state : NULL;
}

/* ---- tables ---------------------------------------------------------------------------------------- */

/* As much of a table as this and the extension's host know. */
static void table_copy(void *to, size_t size, const void *from)
{
	uint32_t theirs;

	memcpy(&theirs, from, sizeof(theirs));
	memset(to, 0, size);
	memcpy(to, from, theirs < size ? theirs : size);
	memcpy(to, &(uint32_t){ (uint32_t)size }, sizeof(uint32_t));
}

static const void *flow_of(const void *found)
{
	table_copy(&w.flow, sizeof(w.flow), found);
	w.flow_shim = w.flow;
	w.flow_shim.judge = w.flow.judge ? on_judge : NULL;
	w.flow_shim.account = w.flow.account ? on_account : NULL;
	return &w.flow_shim;
}

static const void *conn_of(const void *found)
{
	table_copy(&w.conn, sizeof(w.conn), found);
	w.conn_shim = w.conn;
	w.conn_shim.authorise = w.conn.authorise ? on_authorise : NULL;
	w.conn_shim.event = w.conn.event ? on_conn_event : NULL;
	return &w.conn_shim;
}

static const void *state_of(const void *found)
{
	table_copy(&w.state, sizeof(w.state), found);
	w.has_state = true;
	w.state_shim = w.state;
	w.state_shim.save = w.state.save ? on_save : NULL;
	w.state_shim.save_end = w.state.save_end ? on_save_end : NULL;
	w.state_shim.restore = w.state.restore ? on_restore : NULL;
	return &w.state_shim;
}

const void *offer_watch(const struct extension *real, const char *id, const void *found)
{
	w.real = real;
	if (strcmp(id, XVS_FLOW) == 0)
		return flow_of(found);
	if (strcmp(id, XVS_CONN) == 0)
		return conn_of(found);
	return strcmp(id, XVS_STATE) == 0 ? state_of(found) : found;
}
