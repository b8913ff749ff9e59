/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/follow.c - what QEMU says, as calls to xvsd for each port.
 *
 * One kind of call at a time is under way, for all ports beside each other; what QEMU says meanwhile
 * is kept as 'wanted' and acted on when all have answered.
 */
#include "follow.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

/* FREEZE_MS: if we are gone then, the port opens again on its own. */
enum { MOVE_ID = 40, WHY = 400, PREPARE_S = 600, CALL_S = 120, FREEZE_MS = 60000 };

enum stage { NOTHING, PREPARED, FROZEN, COMMITTED, CANCELLED };

struct follow_port {
	struct follow *follow;
	const char *target;
	char move[MOVE_ID]; /* "": none */
	bool is_out;        /* refused; the others go on without it */
};

struct follow {
	struct switch_client *sw;
	struct qmp *qmp;
	const struct follow_options *o;
	struct follow_ops ops;
	struct follow_port ports[FOLLOW_PORTS];
	enum stage stage;  /* that all ports have reached */
	enum stage going;  /* to which they are under way, while calls > 0 */
	enum stage wanted; /* as QEMU has it */
	uint32_t host;     /* of o->to, where the ports go */
	uint32_t calls;
	json_t *report;
	bool is_over;       /* of the answers of this migration, only the reports are awaited */
	bool is_retreating; /* what this host has taken is cancelled, the next one is asked */
	bool is_arriving; /* QEMU waits for its machine, or we do not know yet: what it says of migration
			     is about that */
	bool has_qemu;
};

static void tell(struct follow *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct follow *f, const char *format, ...)
{
	char text[WHY + 128];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	f->ops.tell(f->ops.arg, text);
}

static void go_on(struct follow *f);

/* ---- the end of one migration ------------------------------------------------------------------ */

static void ports_reset(struct follow *f)
{
	for (uint32_t i = 0; i < f->o->port_count; i++) {
		f->ports[i].move[0] = '\0';
		f->ports[i].is_out = false;
	}
}

static void reset(struct follow *f)
{
	ports_reset(f);
	f->host = 0;
	f->stage = f->wanted = NOTHING;
	f->is_over = false;
}

static bool is_any_out(const struct follow *f)
{
	bool is_any = false;

	for (uint32_t i = 0; i < f->o->port_count; i++)
		is_any = is_any || f->ports[i].is_out;
	return is_any;
}

static void migration_end(struct follow *f)
{
	bool has_moved = f->stage == COMMITTED && !is_any_out(f);
	json_t *report = f->report;

	f->report = NULL;
	reset(f);
	f->ops.ended(f->ops.arg, has_moved, report);
	json_decref(report);
	if (!f->has_qemu && f->o->is_forever)
		f->ops.lost(f->ops.arg, "it ended");
}

static void on_report(void *arg, const struct switch_answer *answer)
{
	struct follow_port *p = arg;
	struct follow *f = p->follow;

	if (answer->result)
		(void)json_array_append(f->report, (json_t *)(uintptr_t)answer->result);
	if (--f->calls == 0)
		migration_end(f);
}

static void reports_ask(struct follow *f)
{
	f->is_over = true;
	f->report = json_array();
	f->calls = 1; /* ours, so that answers which come at once do not end it */
	for (uint32_t i = 0; i < f->o->port_count; i++) {
		if (!f->ports[i].move[0])
			continue;
		f->calls++;
		switch_call_within(f->sw, CALL_S, "migrate.show",
				   json_pack("{s:s}", "move", f->ports[i].move), on_report,
				   &f->ports[i]);
	}
	if (--f->calls == 0)
		migration_end(f);
}

/* ---- calls ------------------------------------------------------------------------------------- */

static void all_call(struct follow *f, enum stage to);

static bool has_next_host(const struct follow *f)
{
	return f->host + 1 < f->o->to_count;
}

/* All ports go to one host, or to another. */
static void retreat(struct follow *f)
{
	f->is_retreating = true;
	all_call(f, CANCELLED);
}

static void retreat_end(struct follow *f)
{
	f->is_retreating = false;
	ports_reset(f);
	f->host++;
	go_on(f);
}

static void stage_reached(struct follow *f)
{
	if (--f->calls > 0)
		return;
	if (f->is_retreating) {
		retreat_end(f);
	} else if (f->going == PREPARED && f->wanted != CANCELLED && is_any_out(f) &&
		   has_next_host(f)) {
		retreat(f);
	} else {
		f->stage = f->going;
		go_on(f);
	}
}

static void on_cancelled(void *arg, const struct qmp_answer *answer)
{
	(void)answer; /* its own events say what became of it */
	stage_reached(arg);
}

/* QEMU is not to go where its policies cannot. */
static void port_refused(struct follow_port *p, const char *why)
{
	struct follow *f = p->follow;

	p->is_out = true;
	tell(f, "port %s: %s", p->target, why);
	if (f->going != PREPARED || f->wanted == CANCELLED || f->o->is_lenient || has_next_host(f))
		return;
	f->wanted = CANCELLED;
	tell(f, "QEMU's migration is cancelled: the machine would run there without its policies");
	f->calls++;
	qmp_command(f->qmp, "migrate_cancel", NULL, 0, on_cancelled, f);
}

static void on_answer(void *arg, const struct switch_answer *answer)
{
	struct follow_port *p = arg;
	const char *move = json_string_value(json_object_get(answer->result, "move"));

	if (!answer->result)
		port_refused(p, answer->error);
	else if (move && !p->move[0])
		(void)str_copy(p->move, sizeof(p->move), move);
	stage_reached(p->follow);
}

static json_t *prepare_params(const struct follow *f, const struct follow_port *p)
{
	json_t *params = json_pack("{s:s, s:s, s:s}", "port", p->target, "to", f->o->to[f->host],
				   "tag", "xvs-migrate");

	if (f->o->to_switch)
		(void)json_object_set_new(params, "switch", json_string(f->o->to_switch));
	return params;
}

static json_t *move_params(const struct follow_port *p, enum stage to)
{
	json_t *params = json_pack("{s:s}", "move", p->move);

	if (to == FROZEN)
		(void)json_object_set_new(params, "budget_ms", json_integer(FREEZE_MS));
	return params;
}

static void port_call(struct follow_port *p, enum stage to)
{
	static const char *const methods[] = {
		[FROZEN] = "migrate.freeze", [COMMITTED] = "migrate.commit", [CANCELLED] = "migrate.cancel"
	};
	struct follow *f = p->follow;

	if (to == PREPARED) {
		f->calls++;
		switch_call_within(f->sw, PREPARE_S, "migrate.prepare", prepare_params(f, p),
				   on_answer, p);
	} else if (p->move[0] && !p->is_out) {
		f->calls++;
		switch_call_within(f->sw, CALL_S, methods[to], move_params(p, to), on_answer, p);
	}
}

static void all_call(struct follow *f, enum stage to)
{
	f->going = to;
	f->calls = 1;
	for (uint32_t i = 0; i < f->o->port_count; i++)
		port_call(&f->ports[i], to);
	stage_reached(f);
}

/* The next thing to do, if nothing is under way. */
static void go_on(struct follow *f)
{
	if (f->calls > 0 || f->is_over)
		return;
	if (f->stage == COMMITTED || f->stage == CANCELLED ||
	    (f->wanted == CANCELLED && f->stage == NOTHING && !f->ports[0].move[0]))
		reports_ask(f);
	else if (f->wanted == CANCELLED)
		all_call(f, CANCELLED);
	else if (f->wanted > f->stage)
		all_call(f, (enum stage)(f->stage + 1));
}

/* ---- QEMU -------------------------------------------------------------------------------------- */

static void want(struct follow *f, enum stage wanted, const char *why)
{
	if (f->wanted == CANCELLED || (wanted <= f->wanted && wanted != CANCELLED))
		return;
	if (wanted == CANCELLED && f->wanted == NOTHING)
		return;
	f->wanted = wanted;
	tell(f, "%s", why);
	go_on(f);
}

static void on_status(struct follow *f, const char *status)
{
	if (strcmp(status, "setup") == 0 || strcmp(status, "active") == 0)
		want(f, PREPARED, "the machine is being moved: its ports are prepared there");
	else if (strcmp(status, "pre-switchover") == 0 || strcmp(status, "device") == 0)
		want(f, FROZEN, "the machine stands: its ports are frozen");
	else if (strcmp(status, "completed") == 0 && f->wanted != NOTHING)
		want(f, COMMITTED, "the machine is there: its ports open there");
	else if (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)
		want(f, CANCELLED, "the machine stays: so do its ports");
}

static void on_event(void *arg, const char *name, const json_t *data)
{
	struct follow *f = arg;
	const char *status = json_string_value(json_object_get(data, "status"));

	if (f->is_arriving)
		f->is_arriving = strcmp(name, "RESUME") != 0;
	else if (strcmp(name, "MIGRATION") == 0 && status)
		on_status(f, status);
	else if (strcmp(name, "STOP") == 0 && f->wanted == PREPARED)
		want(f, FROZEN, "the machine stands: its ports are frozen");
	else if (strcmp(name, "RESUME") == 0 && f->wanted == FROZEN)
		want(f, CANCELLED, "the machine runs here again: its ports stay");
}

static void on_ended(void *arg, const char *why)
{
	struct follow *f = arg;

	f->has_qemu = false;
	if (f->wanted != NOTHING && f->wanted != COMMITTED)
		want(f, CANCELLED, "QEMU has ended: the ports stay");
	else if (f->wanted == NOTHING)
		f->ops.lost(f->ops.arg, why);
}

static void on_migration(void *arg, const struct qmp_answer *answer)
{
	struct follow *f = arg;
	const char *status = json_string_value(json_object_get(answer->value, "status"));

	if (status)
		on_status(f, status);
}

static void on_state(void *arg, const struct qmp_answer *answer)
{
	struct follow *f = arg;
	const char *status = json_string_value(json_object_get(answer->value, "status"));

	f->is_arriving = status && strcmp(status, "inmigrate") == 0;
	if (!f->is_arriving)
		qmp_command(f->qmp, "query-migrate", NULL, 0, on_migration, f);
}

static void on_ready(void *arg, const uint32_t version[3])
{
	struct follow *f = arg;
	json_t *list = json_pack("[{s:s, s:b}]", "capability", "events", "state", 1);

	(void)version;
	/* refused while a migration runs, whose owner has most likely set it */
	qmp_command(f->qmp, "migrate-set-capabilities", json_pack("{s:o}", "capabilities", list), 0,
		    NULL, NULL);
	qmp_command(f->qmp, "query-status", NULL, 0, on_state, f);
}

int follow_create(struct loop *loop, struct switch_client *sw, const struct follow_options *o,
		  const struct follow_ops *ops, struct follow **out, struct xvs_error *err)
{
	struct follow *f = calloc(1, sizeof(*f));
	struct qmp_listener listener = { on_ready, on_event, on_ended, f };
	int code;

	if (!f)
		return error_set(err, -ENOMEM, "", "out of memory");
	f->sw = sw;
	f->o = o;
	f->ops = *ops;
	for (uint32_t i = 0; i < o->port_count; i++)
		f->ports[i] = (struct follow_port){ .follow = f, .target = o->ports[i] };
	code = qmp_open(loop, o->qmp, &listener, &f->qmp, err);
	if (code) {
		free(f);
		return code;
	}
	f->has_qemu = f->is_arriving = true;
	*out = f;
	return 0;
}

void follow_destroy(struct follow *f)
{
	if (!f)
		return;
	qmp_close(f->qmp);
	json_decref(f->report);
	free(f);
}
