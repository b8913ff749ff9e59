/* SPDX-License-Identifier: Apache-2.0 */
/* state/pair_content.h - the port of two hosts, as moves see it: what it does is noted, what fails is set. */
#ifndef XVS_TEST_STATE_PAIR_CONTENT_H
#define XVS_TEST_STATE_PAIR_CONTENT_H

#include "state/pair_world.h"

/* ---- what moves, at the source ------------------------------------------------------------------- */

static int fake_open(void *host, const char *port, struct content **out, uint8_t uuid[WIRE_ID],
		     char target[CONTENT_TARGET], struct xvs_error *err)
{
	struct host *h = host;

	if (!h->exists || h->has_content)
		return error_set(err, -ENOENT, "", "port %s does not exist", port);
	memset(uuid, 0x77, WIRE_ID);
	(void)str_copy(target, CONTENT_TARGET, "lab/vm1");
	h->has_content = true;
	*out = (struct content *)(void *)h;
	return 0;
}

static struct host *host_of(struct content *c)
{
	return (struct host *)(void *)c;
}

static json_t *fake_describe(struct content *c)
{
	(void)c;
	return json_pack("{s:{s:s}, s:{}}", "port", "name", "vm1", "policies");
}

static size_t fake_owners(struct content *c, struct content_owner out[CONTENT_OWNERS])
{
	struct host *h = host_of(c);
	uint64_t limit = h->most_bytes ? h->most_bytes : 1 << 20;

	memset(out, 0, 2 * sizeof(*out));
	out[0] = (struct content_owner){
		.id = "xvs.conn", .oldest = 1, .newest = 2, .is_critical = true, .limit = limit
	};
	out[1] = (struct content_owner){
		.id = "com.example.meter", .oldest = 1, .newest = 1, .limit = 1 << 20
	};
	return 2;
}

static int fake_agree(struct content *c, const struct content_owner *owners, size_t count,
		      struct xvs_error *err)
{
	(void)c;
	(void)owners;
	(void)err;
	return count == 2 ? 0 : -EINVAL;
}

/* Two slices a pass; one record of each owner that has a format. */
static int fake_save(struct content *c, enum content_pass pass, content_sink sink, void *ctx,
		     struct xvs_error *err)
{
	struct host *h = host_of(c);
	static uint8_t bytes[STATE_BYTES];
	struct content_record r = { .owner = "xvs.conn",
				    .format = h->p->hosts[1].reads_newest == 2 ? 2 : 1,
				    .data = bytes,
				    .len = 10 };
	int code;

	assert_true(pass != CONTENT_FINAL || h->is_frozen);
	assert_true(h->has_content);
	memset(bytes, (int)pass, sizeof(bytes));
	if (h->slices == 0)
		h->slices = 2;
	code = sink(ctx, &r, err);
	if (code == 0 && !h->p->hosts[1].lacks_meter) {
		r.owner = "com.example.meter";
		r.format = 1;
		r.len = sizeof(bytes);
		code = sink(ctx, &r, err);
	}
	return code ? code : --h->slices > 0;
}

static uint64_t fake_pending(struct content *c)
{
	(void)c;
	return 1000;
}

static void call_later(struct host *h, const struct call *what)
{
	struct call *c = &h->p->calls[h->p->call_count++];

	assert_true(h->p->call_count < CALLS);
	*c = *what;
	c->host = h;
	c->life = h->life;
}

static void on_freeze(struct host *h)
{
	h->is_frozen = true;
	h->is_open = false;
}

static void fake_freeze(struct content *c, void (*done)(void *arg, int code), void *arg)
{
	struct host *h = host_of(c);
	struct call call = { .frozen = done,
			     .arg = arg,
			     .code = h->freeze_code,
			     .effect = h->freeze_code ? NULL : on_freeze };

	call_later(h, &call);
}

static void fake_close(struct content *c, bool is_moved)
{
	struct host *h = host_of(c);

	h->has_content = false;
	h->is_frozen = false;
	h->straggler = NULL;
	h->slices = 0;
	/* a freeze that was under way answers nobody */
	for (size_t i = 0; i < h->p->call_count; i++)
		if (h->p->calls[i].host == h && h->p->calls[i].frozen)
			h->p->calls[i].life = 0;
	if (!is_moved)
		h->is_open = h->exists;
	check_never_both(h->p);
}

static bool fake_relay(struct content *c,
		       void (*frame)(void *arg, const uint8_t *frame, size_t len), void *arg)
{
	struct host *h = host_of(c);

	h->straggler = frame;
	h->straggler_arg = arg;
	return true;
}

static void on_removed_now(struct host *h)
{
	h->exists = false;
	h->held = false;
	h->is_held = false;
	h->is_open = false;
}

static void fake_departed(void *host, const uint8_t uuid[WIRE_ID], bool has_departed)
{
	struct host *h = host;

	assert_int_equal(uuid[0], 0x77);
	h->has_departed = has_departed;
}

static void fake_remove(void *host, const uint8_t uuid[WIRE_ID], const char *target,
			content_done done, void *arg)
{
	struct call call = { .done = done, .arg = arg, .effect = on_removed_now };

	assert_int_equal(uuid[0], 0x77);
	assert_string_equal(target, "lab/vm1");
	call_later(host, &call);
}

static int fake_hold(void *host, const char *target)
{
	(void)target;
	((struct host *)host)->is_held = true;
	return 0;
}

static int fake_release(void *host, const char *target, struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	(void)err;
	h->is_held = false;
	h->held = false;
	h->is_open = h->exists;
	check_never_both(h->p);
	return 0;
}

static const struct content_source_ops fake_source = {
	.open = fake_open,
	.describe = fake_describe,
	.owners = fake_owners,
	.agree = fake_agree,
	.save = fake_save,
	.pending = fake_pending,
	.freeze = fake_freeze,
	.relay = fake_relay,
	.close = fake_close,
	.departed = fake_departed,
	.remove = fake_remove,
	.hold = fake_hold,
	.release = fake_release,
};

/* ---- what moves, at the target ------------------------------------------------------------------- */

static void fake_admit(void *host, struct arrival *a, content_done done, void *arg)
{
	struct host *h = host;
	struct call call = { .done = done, .arg = arg };

	a->owners[0].format = h->reads_newest ? h->reads_newest : 1;
	a->owners[1].format = h->lacks_meter ? 0 : 1;
	if (h->exists)
		(void)finding_add(a->findings, "port", "a port of this name is there");
	if (h->refusal)
		(void)finding_add(a->findings, "policy", "%s", h->refusal);
	call_later(h, &call);
}

static void on_prepared(struct host *h)
{
	h->exists = true;
	h->held = true;
	h->is_held = true;
}

static void fake_prepare(void *host, struct arrival *a, content_done done, void *arg)
{
	struct host *h = host;
	struct call call = { .done = done,
			     .arg = arg,
			     .code = h->prepare_code,
			     .effect = h->prepare_code ? NULL : on_prepared };

	assert_true(h->p->tamper || strcmp(a->target, "lab/vm1") == 0);
	call_later(h, &call);
}

static int fake_restore(void *host, const char *target, const struct content_record *r,
			struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	assert_true(h->exists && h->is_held);
	if (h->restore_code)
		return error_set(err, h->restore_code, "", "%s: no good", r->owner);
	if (strcmp(r->owner, "xvs.conn") == 0)
		memcpy(h->restored + h->restored_len, r->data, r->len);
	h->restored_len += strcmp(r->owner, "xvs.conn") == 0 ? r->len : 0;
	return 0;
}

static int fake_open_port(void *host, const char *target, struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	if (h->open_code)
		return error_set(err, h->open_code, "", "it does not open");
	assert_true(h->exists);
	h->is_held = false;
	h->is_open = true;
	h->opened++;
	check_never_both(h->p);
	return 0;
}

static int fake_settle(void *host, const char *target, struct xvs_error *err)
{
	struct host *h = host;

	(void)target;
	(void)err;
	h->held = false;
	return 0;
}

static void fake_discard(void *host, const char *target, content_done done, void *arg)
{
	struct call call = { .done = done, .arg = arg, .effect = on_removed_now };

	(void)target;
	call_later(host, &call);
}

static void fake_deliver(void *host, const char *target, const uint8_t *frame, size_t len)
{
	struct host *h = host;

	assert_string_equal(target, "lab/vm1");
	assert_true(h->is_open);
	h->delivered++;
	h->last_delivered = len ? frame[0] : 0;
}

static bool fake_may_place(void *host, const char *peer, const char *switch_name)
{
	return !((struct host *)host)->may_not_place && strcmp(peer, "host0") == 0 &&
	       strcmp(switch_name, "lab") == 0;
}

static void fake_untaken(void *host, const char *target, json_t *list)
{
	(void)host;
	(void)target;
	(void)list;
}

static const struct content_target_ops fake_target = {
	.admit = fake_admit,
	.prepare = fake_prepare,
	.restore = fake_restore,
	.untaken = fake_untaken,
	.open = fake_open_port,
	.settle = fake_settle,
	.discard = fake_discard,
	.deliver = fake_deliver,
	.may_place = fake_may_place,
};

#endif /* XVS_TEST_STATE_PAIR_CONTENT_H */
