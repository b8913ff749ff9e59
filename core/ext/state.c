/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/state.c - calls of "xvs.state/1": the sink that grows, the source that ends, and the clock.
 */
#include "ext/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "ext/services.h"

enum { SINK_FIRST = 4096 };

uint32_t state_agree(const struct instance *i, uint32_t format_min, uint32_t format_max,
		     struct xvs_error *err)
{
	const struct xvs_state *s = &i->run_state;

	if (!i->has_state)
		(void)error_set(err, -EPROTONOSUPPORT, "", "%s (%s) here moves no state",
				i->ext->id, i->ext->version);
	else if (format_min > s->format_max)
		(void)error_set(err, -EPROTONOSUPPORT, "",
				"%s (%s) here reads formats up to %u, format %u is too new",
				i->ext->id, i->ext->version, s->format_max, format_min);
	else if (format_max < s->format_min)
		(void)error_set(err, -EPROTONOSUPPORT, "",
				"%s (%s) here reads formats from %u, format %u is too old",
				i->ext->id, i->ext->version, s->format_min, format_max);
	else
		return format_max < s->format_max ? format_max : s->format_max;
	return 0;
}

/* Late is who took more than a turn, whatever it was told. */
static uint64_t time_turn(struct instance *i, const char *what, uint64_t since)
{
	uint64_t took = clock_ns() - since;

	control_leave(i, what, since);
	if (took > STATE_TURN_NS)
		log_message(MSG_CONTROL_HELD,
			    "switch %s: %s (%s): %s took %llu us of the control thread, a turn is "
			    "%d us",
			    i->switch_name, i->name, i->ext->id, what,
			    (unsigned long long)(took / 1000), STATE_TURN_NS / 1000);
	return took;
}

/* ---- saving -------------------------------------------------------------------------------- */

/* 'sink' is first: the pointer that the extension passes back is this. */
struct growing {
	struct xvs_sink sink;
	uint8_t *bytes;
	size_t len, room;
	int code; /* of the first write that was refused: the record is not whole */
};

static int grow(struct growing *g, size_t needed)
{
	size_t room = g->room ? g->room : SINK_FIRST;
	uint8_t *bytes;

	while (room < needed)
		room *= 2;
	if (room == g->room)
		return 0;
	bytes = realloc(g->bytes, room);
	if (!bytes)
		return -ENOMEM;
	g->bytes = bytes;
	g->room = room;
	return 0;
}

static int sink_write(struct xvs_sink *s, const void *bytes, size_t len)
{
	struct growing *g = (struct growing *)s;

	if (g->code == 0 && len > STATE_RECORD_MAX - g->len)
		g->code = -EFBIG;
	if (g->code == 0)
		g->code = grow(g, g->len + len);
	if (g->code)
		return g->code;
	if (len)
		memcpy(g->bytes + g->len, bytes, len);
	g->len += len;
	return 0;
}

/* A refused write that the extension took no notice of is an error all the same. */
static int sink_result(const struct growing *g, int code, struct xvs_error *said)
{
	if (g->code == -EFBIG)
		return error_set(said, -EFBIG, "", "wrote more than %d bytes in one call",
				 STATE_RECORD_MAX);
	if (g->code)
		return error_set(said, g->code, "", "no memory for what it wrote");
	return code;
}

int state_save(struct instance *i, void *port_state, const struct state_turn *turn,
	       struct state_record *out, struct xvs_error *err)
{
	const struct xvs_save ctx = { .size = sizeof(ctx),
				      .phase = turn->phase,
				      .budget_ns = turn->budget_ns,
				      .format = turn->format };
	struct growing g = { .sink = { .size = sizeof(g.sink), .write = sink_write } };
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	int code = i->run_state.save(i->self, port_state, &ctx, &g.sink, &said);

	*out = (struct state_record){ .took_ns = time_turn(i, "save", since) };
	code = instance_result(i, "save", sink_result(&g, code, &said), &said, err);
	if (code) {
		free(g.bytes);
		return code;
	}
	out->bytes = g.bytes;
	out->len = g.len;
	out->left = g.sink.left;
	return 0;
}

void state_save_end(struct instance *i, void *port_state, bool moved)
{
	uint64_t since = control_enter();

	if (i->run_state.save_end)
		i->run_state.save_end(i->self, port_state, moved);
	(void)time_turn(i, "save_end", since);
}

/* ---- restoring ----------------------------------------------------------------------------- */

struct reading {
	struct xvs_source source; /* first, as above */
	const uint8_t *at;
};

static int source_read(struct xvs_source *s, void *bytes, size_t len)
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

int state_restore(struct instance *i, void *port_state, const struct state_bytes *in,
		  struct xvs_error *err)
{
	struct reading r = {
		.source = { .size = sizeof(r.source), .left = in->len, .read = source_read },
		.at = in->bytes
	};
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	int code;

	if (in->format < i->run_state.format_min || in->format > i->run_state.format_max)
		return error_set(err, -EPROTO, "", "%s (%s): format %u of a record was not agreed",
				 i->name, i->ext->id, in->format);
	code = i->run_state.restore(i->self, port_state, in->format, &r.source, &said);
	(void)time_turn(i, "restore", since);
	if (code == 0 && r.source.left)
		code = error_set(&said, -EPROTO, "", "left %zu bytes of a record unread",
				 r.source.left);
	return instance_result(i, "restore", code, &said, err);
}
