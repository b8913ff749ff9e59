/* SPDX-License-Identifier: Apache-2.0 */
/* extlab/move.c - the state of ports from one lab into another, as between two hosts. */
#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "extlab/part.h"
#include "switch/bundle.h"

enum { TARGET = 160, PASSES_MAX = 100000 };

/* Records go over as they come. */
struct crossing {
	struct lab *to;
	const char *target;
};

static int on_record(void *ctx, const struct bundle_record *r, struct xvs_error *err)
{
	const struct crossing *c = ctx;

	return bundle_restore(c->to->world, c->target, r, err);
}

static int pass(struct lab *from, struct bundle *b, enum bundle_what what, struct crossing *c,
		struct xvs_error *err)
{
	int code = 1;

	for (unsigned i = 0; code == 1 && i < PASSES_MAX; i++) {
		code = bundle_save(b, what, on_record, c, err);
		lab_turn(from);
		lab_turn(c->to);
	}
	return code == 1 ? error_set(err, -ELOOP, "", "its state has no end") : code;
}

static int agree(struct bundle *b, const struct crossing *c, struct xvs_error *err)
{
	struct bundle_owner owners[BUNDLE_OWNERS_MAX];
	const size_t count = bundle_describe(b, owners);
	const int code = bundle_admit(c->to->world, c->target, owners, count, err);

	return code ? code : bundle_agree(b, owners, count, err);
}

struct frozen {
	bool is_done;
	int code;
};

static void on_frozen(void *arg, int code)
{
	struct frozen *f = arg;

	f->code = code;
	f->is_done = true;
}

static int freeze(struct lab *from, struct bundle *b, struct xvs_error *err)
{
	struct frozen f = { .is_done = false };

	bundle_freeze(b, on_frozen, &f);
	if (lab_wait(from, &f.is_done))
		f.code = -ETIMEDOUT;
	return f.code ? error_set(err, f.code, "", "the port cannot be frozen") : 0;
}

/* It is at both afterwards, and goes on at both. */
static int move_port(struct lab *from, struct crossing *c, struct xvs_error *err)
{
	struct bundle *b;
	int code = bundle_open(from->world, c->target, &b, err);

	if (code)
		return code;
	code = agree(b, c, err);
	if (code == 0)
		code = pass(from, b, BUNDLE_FULL, c, err);
	if (code == 0)
		code = freeze(from, b, err);
	if (code == 0)
		code = pass(from, b, BUNDLE_FINAL, c, err);
	bundle_close(b, false);
	if (code == 0)
		code = bundle_open_port(c->to->world, c->target, err);
	bundle_stay_quiet(c->to->world, c->target);
	return code;
}

int lab_move(struct lab *from, struct lab *to, struct xvs_error *err)
{
	int code = 0;

	for (size_t i = 0; code == 0 && i < from->port_count; i++) {
		char target[TARGET];
		struct crossing c = { to, target };

		if (from->ports[i].is_uplink)
			continue;
		(void)snprintf(target, sizeof(target), LAB_SWITCH "/%s", from->ports[i].name);
		code = move_port(from, &c, err);
	}
	for (unsigned i = 0; i < 4; i++) { /* until both have opened what was closed */
		lab_turn(from);
		lab_turn(to);
	}
	return code;
}
