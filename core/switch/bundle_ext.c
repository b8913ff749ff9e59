/* SPDX-License-Identifier: Apache-2.0 */
/* switch/bundle_ext.c - what extensions keep of a port: "xvs.state/1" in the turns of a bundle. */
#include "base/clock.h"
#include "base/error.h"
#include "ext/state.h"
#include "switch/bundle_part.h"

enum {
	RUNNING_BUDGET_NS = 5000000,
	FINAL_BUDGET_NS = 2000000,
};

static void note_turn(struct bundle_owner *owner, const struct state_record *r)
{
	owner->left = r->left;
	if (r->took_ns > owner->longest_ns)
		owner->longest_ns = r->took_ns;
}

/*
 * While packets flow, one call a pass: what is left comes with the next.  Of a frozen port all must
 * come, in as many calls as each brings something.
 */
int part_save_extension(struct outlet *o, struct xvs_error *err)
{
	bool is_final = o->what == BUNDLE_FINAL;
	struct bundle_owner *owner = &o->part->owner;
	const struct attachment *a = part_attachment(o->port, owner->id);
	const struct state_turn turn = {
		.phase = is_final ? XVS_SAVE_FINAL : XVS_SAVE_RUNNING,
		.format = owner->format,
		.budget_ns = is_final ? FINAL_BUDGET_NS : RUNNING_BUDGET_NS,
	};
	struct state_record r;
	int code;

	if (!a)
		return error_set(err, -ENODEV, "", "port %s: %s left its chain while it was saved",
				 o->b->full_name, owner->id);
	code = state_save(a->member->instance, a->port_state, &turn, &r, err);
	if (code < 0)
		return error_context(err, "port %s", o->b->full_name);
	note_turn(owner, &r);
	if (r.len)
		code = outlet_put(o, r.bytes, r.len, err);
	free(r.bytes);
	if (code < 0)
		return code;
	if (is_final && r.left && r.len == 0)
		return error_set(err, -EIO, "", "port %s: %s has state left and writes none of it",
				 o->b->full_name, owner->id);
	return is_final && r.left;
}

int part_restore_extension(struct port *p, const struct bundle_record *r, struct xvs_error *err)
{
	const struct attachment *a = part_attachment(p, r->owner);
	const struct state_bytes in = { .bytes = r->data, .len = r->len, .format = r->format };
	int code;

	if (!a || !a->member->instance->has_state) {
		if (!r->critical)
			return 0;
		return error_set(err, -EPROTONOSUPPORT, "",
				 "port %s: there is nobody here to take the state of %s",
				 p->full_name, r->owner);
	}
	code = state_restore(a->member->instance, a->port_state, &in, err);
	return code < 0 ? error_context(err, "port %s", p->full_name) : 0;
}
