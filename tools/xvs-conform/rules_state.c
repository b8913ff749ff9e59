/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/rules_state.c - "xvs.state/1": calls beside those of the host, with records of every kind.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial.h"

enum {
	RECORD_MOST = 16 << 20,
	SAVES_MOST = 4096,
	MUTANTS = 400,
	TRUNCATED_MOST = 300,
	PORTS_MOST = 8,
	FRAMES = 200,
	LATER_MS = 7,
};

struct record {
	struct xvs_sink sink; /* first */
	uint8_t *bytes;
	size_t len;
};

static int record_write(struct xvs_sink *s, const void *bytes, size_t len)
{
	struct record *r = (struct record *)s;
	uint8_t *grown;

	if (len > RECORD_MOST - r->len)
		return -EFBIG;
	grown = realloc(r->bytes, r->len + len + 1);
	if (!grown)
		return -ENOMEM;
	r->bytes = grown;
	if (len)
		memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
	return 0;
}

struct reading {
	struct xvs_source source; /* first */
	const uint8_t *at;
};

static int reading_read(struct xvs_source *s, void *bytes, size_t len)
{
	struct reading *r = (struct reading *)s;

	if (len > s->left)
		return -ENODATA;
	if (len)
		memcpy(bytes, r->at, len);
	r->at += len;
	s->left -= len;
	return 0;
}

static int restore(const struct watch_port *p, uint32_t format, const uint8_t *bytes, size_t len)
{
	struct reading r = {
		.source = { .size = sizeof(r.source), .left = len, .read = reading_read },
		.at = bytes
	};
	struct xvs_error err = { .size = sizeof(err) };
	int code;

	watch_enter("restore");
	code = watch_state()->restore(p->self, p->state, format, &r.source, &err);
	watch_leave();
	if (code > 0 || code < -4095)
		watch_find("restore() returned %d, which is neither 0 nor a negative errno", code);
	return code ? code : r.source.left ? -EPROTO : 0;
}

/* All of a port in one record; false: a finding. */
static bool save(const struct watch_port *p, uint32_t format, struct record *out)
{
	const struct xvs_save ctx = {
		.size = sizeof(ctx), .phase = XVS_SAVE_FINAL, .budget_ns = 2000000, .format = format
	};
	struct xvs_error err = { .size = sizeof(err) };

	*out = (struct record){ .sink = { .size = sizeof(out->sink), .write = record_write } };
	for (unsigned n = 0; n < SAVES_MOST; n++) {
		int code;

		watch_enter("save");
		code = watch_state()->save(p->self, p->state, &ctx, &out->sink, &err);
		watch_leave();
		if (code) {
			watch_find("save() of format %u returned %d: %.180s", format, code,
				   err.text);
			return false;
		}
		if (out->sink.left == 0)
			return true;
	}
	watch_find("save() has still something to write after %d calls of the last phase",
		   SAVES_MOST);
	return false;
}

static bool find_port(const char *name, struct watch_port *out)
{
	struct watch_port all[PORTS_MOST];
	size_t count = watch_ports(all, PORTS_MOST);

	/* the newest: of the lab that was made last */
	for (size_t i = count; i-- > 0;) {
		if (strcmp(all[i].name, name) != 0)
			continue;
		*out = all[i];
		return true;
	}
	return false;
}

/* A lab under way, and its first port if it is attached there. */
static struct lab *stage(struct trial *t, enum lab_kind kind, struct watch_port *out)
{
	struct lab *lab = trial_need(t, kind);

	if (lab && kind == LAB_SET)
		trial_traffic(t, lab, FRAMES, false);
	if (lab)
		json_decref(lab_stats(lab)); /* what flows have counted is told */
	if (lab && find_port("vm1", out))
		return lab;
	lab_destroy(lab);
	return NULL;
}

static enum result conclude(void)
{
	return watch_has_found() ? RESULT_BROKEN : RESULT_HOLDS;
}

static enum result not_tried(const char *why)
{
	if (watch_has_found())
		return RESULT_BROKEN;
	watch_find("%s", why);
	return RESULT_NOT_TRIED;
}

/* Some bytes change by themselves, as ages do: those are not compared. */
static void compare(const struct record *now, const struct record *later, const struct record *back)
{
	if (now->len != later->len)
		return; /* it changes in length, so nothing can be said */
	if (back->len != later->len) {
		watch_find("a port that was given %zu bytes of state saves %zu", later->len,
			   back->len);
		return;
	}
	for (size_t i = 0; i < now->len; i++) {
		if (now->bytes[i] != later->bytes[i] || back->bytes[i] == later->bytes[i])
			continue;
		watch_find("a port that was given state saves another: byte %zu of %zu differs", i,
			   later->len);
		return;
	}
}

enum result rule_state_round(struct trial *t)
{
	struct record now, later, back;
	struct watch_port from, to;
	struct lab *lab, *other;
	uint32_t format;

	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	lab = stage(t, LAB_SET, &from);
	if (!lab || !watch_state())
		return not_tried("it moves no state");
	format = watch_state()->format_max;
	if (!save(&from, format, &now))
		return RESULT_BROKEN;
	lab_settle(lab, LATER_MS);
	lab_time(UINT64_C(1000000000));
	lab_turn(lab);
	if (!save(&from, format, &later))
		return RESULT_BROKEN;
	other = stage(t, LAB_HELD, &to);
	if (!other)
		return not_tried("its port is not there");
	if (later.len && restore(&to, format, later.bytes, later.len))
		watch_find("restore() refuses what save() has just written");
	if (save(&to, format, &back))
		compare(&now, &later, &back);
	trial_traffic(t, other, 16, false);
	lab_destroy(other);
	lab_destroy(lab);
	return conclude();
}

enum result rule_state_formats(struct trial *t)
{
	struct watch_port from, to;
	struct lab *lab, *other;

	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	lab = stage(t, LAB_SET, &from);
	if (!lab || !watch_state())
		return not_tried("it moves no state");
	other = stage(t, LAB_HELD, &to);
	if (!other)
		return not_tried("its port is not there");
	for (uint32_t f = watch_state()->format_min; f <= watch_state()->format_max; f++) {
		struct record r;
		int code;

		if (!save(&from, f, &r))
			break;
		code = r.len ? restore(&to, f, r.bytes, r.len) : 0;
		if (code)
			watch_find(
				"restore() refuses a record of format %u, which it says it reads, "
				"with %d",
				f, code);
	}
	lab_destroy(other);
	lab_destroy(lab);
	return conclude();
}

/* Each length that it may have been cut to, then bits that are others, then lengths that are too much. */
static void torment(struct trial *t, const struct watch_port *p, uint32_t format,
		    const struct record *r)
{
	uint8_t *copy = malloc(r->len + 1);

	for (size_t len = 0; copy && len < r->len && len < TRUNCATED_MOST; len++)
		(void)restore(p, format, r->bytes, len);
	for (unsigned n = 0; copy && r->len && n < MUTANTS && !watch_has_found(); n++) {
		memcpy(copy, r->bytes, r->len);
		for (uint64_t bits = 1 + frame_random(&t->random) % 4; bits > 0; bits--)
			copy[frame_random(&t->random) % r->len] ^=
				(uint8_t)(1u << frame_random(&t->random) % 8);
		if (n % 4 == 0 && r->len >= 4)
			memset(copy + 4 * (frame_random(&t->random) % (r->len / 4)),
			       n % 8 ? 0x7f : 0xff, 4);
		(void)restore(p, format, copy, r->len);
	}
	for (unsigned n = 0; copy && n < MUTANTS / 4; n++) {
		uint8_t noise[64];

		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)frame_random(&t->random);
		(void)restore(p, format, noise, frame_random(&t->random) % sizeof(noise));
	}
	free(copy);
}

enum result rule_state_hostile(struct trial *t)
{
	struct watch_port from, to;
	struct lab *lab, *other;

	if (!trial_begin(t, 0))
		return RESULT_BROKEN;
	lab = stage(t, LAB_SET, &from);
	if (!lab || !watch_state())
		return not_tried("it moves no state");
	other = stage(t, LAB_HELD, &to);
	if (!other)
		return not_tried("its port is not there");
	for (uint32_t f = watch_state()->format_min; f <= watch_state()->format_max; f++) {
		struct record r;

		if (save(&from, f, &r))
			torment(t, &to, f, &r);
	}
	trial_traffic(t, other, 16, false);
	lab_destroy(other);
	lab_destroy(lab);
	return conclude();
}
