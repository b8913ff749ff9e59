/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_ports.c - the machine's ports, moved by xvsd as their coordinator says.
 *
 * A move of a port is known by its UUID, and found again by its tag, which is the UUID of the machine's
 * move.  A port whose move xvsd has lost in a crash after the decision, so that the port is open here
 * again, is sent after its machine by a new move: the guest runs here no more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "control/protocol.h"
#include "departing_part.h"

enum { CHECK_S = 60, PREPARE_S = 240, FREEZE_S = 60, COMMIT_S = 30, ASK_S = 20, WATCH_S = 1 };

/* A call that has not been answered; it outlives whoever asked. */
struct errand {
	struct errand *next;
	struct departing *d; /* NULL: nobody wants to know any more */
	void (*fn)(struct departing *d, uint32_t port, const struct switch_answer *answer);
	uint32_t port;
	uint32_t run;
	bool is_prepare;
};

static const struct adapter_spec *adapter_of(const struct departing *d, uint32_t port)
{
	return &d->vm->spec.adapters[port];
}

/* ---- calls ------------------------------------------------------------------------------------ */

static void errand_drop(struct departing *d, struct errand *e)
{
	struct errand **at = &d->errands;

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
}

static void sweep(struct departing *d);

static void on_answer(void *arg, const struct switch_answer *answer)
{
	struct errand *e = arg;
	struct departing *d = e->d;

	if (d) {
		errand_drop(d, e);
		d->prepares -= e->is_prepare;
		if (e->run == d->run)
			e->fn(d, e->port, answer);
		else if (e->is_prepare && d->prepares == 0 && d->is_sweeping)
			sweep(d);
	}
	free(e);
}

/* Takes 'params'.  Answers of a step that was left are not heard. */
static void call(struct departing *d, uint32_t port, const char *method, json_t *params,
		 void (*fn)(struct departing *d, uint32_t port, const struct switch_answer *answer))
{
	static const struct switch_answer no_memory = { .error = "out of memory" };
	struct errand *e = calloc(1, sizeof(*e));
	uint32_t seconds = ASK_S;

	if (!e || !params) {
		free(e);
		json_decref(params);
		fn(d, port, &no_memory);
		return;
	}
	*e = (struct errand){ d->errands, d, fn, port, d->run, false };
	d->errands = e;
	e->is_prepare = strcmp(method, "migrate.prepare") == 0;
	d->prepares += e->is_prepare;
	if (strcmp(method, "migrate.port") == 0)
		seconds = CHECK_S;
	else if (e->is_prepare)
		seconds = PREPARE_S;
	else if (strcmp(method, "migrate.freeze") == 0)
		seconds = FREEZE_S;
	else if (strcmp(method, "migrate.commit") == 0)
		seconds = COMMIT_S;
	switch_call_within(d->vm->hv->sw, seconds, method, params, on_answer, e);
}

void ports_forget(struct departing *d)
{
	while (d->errands) {
		struct errand *e = d->errands;

		d->errands = e->next;
		e->d = NULL;
		if (!d->vm->hv->sw) /* it ended before us, and answers nobody */
			free(e);
	}
	d->prepares = 0;
	d->run++;
}

/* ---- a step of all ports ---------------------------------------------------------------------- */

static void watch_later(struct departing *d)
{
	if (d->vm->spec.adapter_count > 0)
		loop_timer_arm(d->watch, WATCH_S * (uint64_t)NS_PER_S);
}

static void port_done(struct departing *d, uint32_t port, const char *why)
{
	if (why && !d->port_why[0])
		(void)snprintf(d->port_why, sizeof(d->port_why), "adapter %s: %s",
			       adapter_of(d, port)->name, why);
	if (--d->waiting > 0)
		return;
	d->run++;
	if (d->port_step == STEP_CHECK_PORTS && !d->port_why[0] && findings_refuse(d))
		(void)snprintf(d->port_why, sizeof(d->port_why), "host %s does not take it: %s",
			       d->peer, findings_first(d));
	if (d->port_step == STEP_PREPARE_PORTS && !d->port_why[0])
		watch_later(d);
	departing_ended(d, d->port_step, d->port_why[0] ? d->port_why : NULL);
}

static void report_take(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	const char *move = json_string_value(json_object_get(answer->result, "move"));
	struct departing_port *p = &d->ports[port];

	if (!answer->result)
		return;
	if (move)
		(void)str_copy(p->move, sizeof(p->move), move);
	json_decref(p->report);
	p->report = json_deep_copy(answer->result);
}

static json_t *wish_of(const struct departing *d, uint32_t port)
{
	const struct host_peer *peer = settings_peer(&d->vm->hv->settings, d->peer);
	const struct adapter_spec *a = adapter_of(d, port);
	char to[SETTINGS_ADDRESS] = "";
	char target[2 * SPEC_TEXT];

	if (peer)
		peer_switch_address(peer, to, sizeof(to));
	(void)snprintf(target, sizeof(target), "%s/%s", a->switch_name, a->port);
	return json_pack("{s:s, s:s}", "port", target, "to", to);
}

/* ---- check ------------------------------------------------------------------------------------ */

static void findings_of(struct departing *d, const char *what, const json_t *list, bool is_refusal)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *of = json_string_value(json_object_get(one, "what"));
		const char *why = json_string_value(json_object_get(one, "why"));
		char text[DEPARTING_WHY];

		(void)snprintf(text, sizeof(text), "%s%s%s", of ? of : "", of ? ": " : "",
			       why ? why : "no reason given");
		findings_add(d, what, text, is_refusal);
	}
}

static void what_of(const struct departing *d, uint32_t port, char out[128])
{
	const struct adapter_spec *a = adapter_of(d, port);

	(void)snprintf(out, 128, "port %s/%s", a->switch_name, a->port);
}

/* The reasons are in the report of the move that was refused. */
static void on_refusals(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	const json_t *found = NULL;
	char ours[UUID_TEXT];
	char what[128];

	(void)uuid_print(adapter_of(d, port)->uuid, ours);
	for (size_t i = 0; i < json_array_size(answer->result) && !found; i++) {
		const json_t *one = json_array_get(answer->result, i);
		const char *uuid = json_string_value(json_object_get(one, "uuid"));
		const char *role = json_string_value(json_object_get(one, "role"));

		if (uuid && role && strcmp(uuid, ours) == 0 && strcmp(role, "source") == 0)
			found = json_object_get(one, "findings");
	}
	what_of(d, port, what);
	if (json_array_size(found) > 0)
		findings_of(d, what, found, true);
	else
		findings_add(d, what, d->ports[port].why, true);
	port_done(d, port, NULL);
}

static void on_checked(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	char what[128];

	what_of(d, port, what);
	if (answer->result) {
		findings_of(d, what, json_object_get(answer->result, "left"), false);
		findings_of(d, what, json_object_get(answer->result, "converted"), false);
		report_take(d, port, answer);
		d->ports[port].move[0] = '\0';
		port_done(d, port, NULL);
		return;
	}
	(void)str_copy(d->ports[port].why, sizeof(d->ports[port].why), answer->error);
	if (answer->code == RPC_REFUSED) {
		call(d, port, "migrate.list", json_object(), on_refusals);
	} else {
		findings_add(d, what, answer->error, true);
		port_done(d, port, NULL);
	}
}

static void check(struct departing *d, uint32_t port)
{
	json_t *wish = wish_of(d, port);

	(void)json_object_set_new(wish, "check", json_true());
	call(d, port, "migrate.port", wish, on_checked);
}

/* ---- prepare, freeze -------------------------------------------------------------------------- */

static void on_taken(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	report_take(d, port, answer);
	port_done(d, port, answer->result ? NULL : answer->error);
}

static void prepare(struct departing *d, uint32_t port,
		    void (*fn)(struct departing *d, uint32_t port,
			       const struct switch_answer *answer))
{
	json_t *wish = wish_of(d, port);

	(void)json_object_set_new(wish, "tag", json_string(d->id));
	call(d, port, "migrate.prepare", wish, fn);
}

/* Without a budget of its own: a port that opens again while the decision is written would stay. */
static void freeze(struct departing *d, uint32_t port,
		   void (*fn)(struct departing *d, uint32_t port,
			      const struct switch_answer *answer))
{
	call(d, port, "migrate.freeze", json_pack("{s:s}", "move", d->ports[port].move), fn);
}

/* ---- moves in xvsd's list ---------------------------------------------------------------------- */

static bool is_text(const json_t *object, const char *key, const char *wanted)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, wanted) == 0;
}

static bool is_of_ours(const struct departing *d, const json_t *move)
{
	return is_text(move, "role", "source") && is_text(move, "tag", d->id);
}

static const json_t *move_of(const struct departing *d, uint32_t port, const json_t *list)
{
	char ours[UUID_TEXT];

	(void)uuid_print(adapter_of(d, port)->uuid, ours);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		if (is_of_ours(d, one) && is_text(one, "uuid", ours))
			return one;
	}
	return NULL;
}

static bool is_over(const json_t *move)
{
	return is_text(move, "phase", "ended") || is_text(move, "phase", "giving up");
}

/* ---- before the decision ---------------------------------------------------------------------- */

/*
 * An xvsd that was started anew meanwhile has forgotten what it had of the port, and a QEMU whose
 * connection to it broke before it runs may not tell the next one which features its guest has (7.2 does
 * not): then no frame is understood.  So the guest goes on here.
 */
static void on_looked_at(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	(void)port;
	for (uint32_t i = 0; answer->result && i < d->vm->spec.adapter_count; i++) {
		if (is_text(move_of(d, i, answer->result), "phase", "frozen"))
			continue;
		port_done(d, i, "the move of its port has ended while its guest was loaded there");
		return;
	}
	port_done(d, 0, answer->result ? NULL : answer->error);
}

static void look_before_decision(struct departing *d)
{
	d->waiting = 1;
	if (d->vm->spec.adapter_count > 0)
		call(d, 0, "migrate.list", json_object(), on_looked_at);
	else
		port_done(d, 0, NULL);
}

/* ---- commit ----------------------------------------------------------------------------------- */

static void commit(struct departing *d, uint32_t port);

static void on_committed(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	report_take(d, port, answer);
	d->ports[port].has_left = answer->result != NULL;
	/* What xvsd does not know by this name is looked for at the next try. */
	if (!answer->result && answer->code)
		d->ports[port].move[0] = '\0';
	port_done(d, port, answer->result ? NULL : answer->error);
}

static void on_frozen_late(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	if (answer->result)
		commit(d, port);
	else
		port_done(d, port, answer->error);
}

static void on_prepared_late(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	report_take(d, port, answer);
	if (answer->result) {
		freeze(d, port, on_frozen_late);
		return;
	}
	/* the other xvsd was started anew, too, and is told again what the port gets */
	if (!d->asks[STEP_PREPARE_TARGET].is_waiting)
		target_begin(d, STEP_PREPARE_TARGET);
	port_done(d, port, answer->error);
}

/* No move of it is under way: it is open here still, or gone. */
static void on_port_shown(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	const char *uuid = json_string_value(json_object_get(answer->result, "uuid"));
	char ours[UUID_TEXT];
	bool is_ours = uuid && strcmp(uuid, uuid_print(adapter_of(d, port)->uuid, ours)) == 0;

	if (is_ours) {
		prepare(d, port, on_prepared_late);
		return;
	}
	d->ports[port].has_left = answer->result || answer->code == RPC_NOT_FOUND;
	port_done(d, port, d->ports[port].has_left ? NULL : answer->error);
}

static void on_sought(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	const json_t *found = answer->result ? move_of(d, port, answer->result) : NULL;
	const char *move = json_string_value(json_object_get(found, "move"));
	char target[2 * SPEC_TEXT];
	const struct adapter_spec *a = adapter_of(d, port);

	(void)snprintf(target, sizeof(target), "%s/%s", a->switch_name, a->port);
	if (!answer->result) {
		port_done(d, port, answer->error);
	} else if (move && is_text(found, "outcome", "moved")) {
		d->ports[port].has_left = true;
		port_done(d, port, NULL);
	} else if (move && !is_over(found)) {
		(void)str_copy(d->ports[port].move, sizeof(d->ports[port].move), move);
		/* where it was not frozen yet, it is now: the guest stands */
		freeze(d, port, on_frozen_late);
	} else {
		call(d, port, "port.show", json_pack("{s:s}", "target", target), on_port_shown);
	}
}

static void commit(struct departing *d, uint32_t port)
{
	const char *move = d->ports[port].move;

	if (d->ports[port].has_left)
		port_done(d, port, NULL);
	else if (move[0] && d->is_target_given_up)
		call(d, port, "migrate.resolve", json_pack("{s:s}", "move", move), on_committed);
	else if (move[0])
		call(d, port, "migrate.commit", json_pack("{s:s}", "move", move), on_committed);
	else
		call(d, port, "migrate.list", json_object(), on_sought);
}

/* ---- the watch -------------------------------------------------------------------------------- */

/*
 * Nobody tells that the prepared move of a port has ended: the other QEMU, which may wait for that very
 * port, and memory would go on for nothing until the freeze.
 */
static bool is_watched(const struct departing *d)
{
	enum move_phase phase = move_phase(d->move);

	return phase == MOVE_PREPARE || phase == MOVE_DISKS || phase == MOVE_MEMORY;
}

static void port_look(struct departing *d, uint32_t port, const json_t *list)
{
	const json_t *move = move_of(d, port, list);
	const char *problem = json_string_value(json_object_get(move, "problem"));
	const char *name = adapter_of(d, port)->name;

	if (!move)
		departing_trouble(d, "adapter %s: xvsd knows no move of its port any more", name);
	else if (is_over(move))
		departing_trouble(d, "adapter %s: the move of its port has ended: %s", name,
				  problem ? problem : "xvsd says no reason");
}

/* One that is there is asked again, however slow it is and whatever it says. */
static void on_watched(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	(void)port;
	for (uint32_t i = 0; answer->result && i < d->vm->spec.adapter_count && is_watched(d); i++)
		port_look(d, i, answer->result);
	if (!answer->result && !answer->code && !answer->is_slow && is_watched(d))
		departing_trouble(d, "%s", answer->error);
	if (is_watched(d))
		watch_later(d);
}

/* No step of ports begins meanwhile; the freeze, or the way back, does not hear the last answer. */
void ports_watch(void *arg)
{
	struct departing *d = arg;

	if (is_watched(d))
		call(d, 0, "migrate.list", json_object(), on_watched);
}

/* ---- the way back ----------------------------------------------------------------------------- */

static void on_cancelled(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	bool is_well = answer->result || answer->code == RPC_NOT_FOUND;

	(void)port;
	if (!is_well && !d->port_why[0])
		(void)str_copy(d->port_why, sizeof(d->port_why), answer->error);
	if (--d->waiting == 0)
		sweep(d);
}

static void cancel(struct departing *d, const json_t *move)
{
	const char *id = json_string_value(json_object_get(move, "move"));

	d->waiting++;
	if (is_text(move, "phase", "committed") && d->is_taken_over)
		call(d, 0, "migrate.resolve",
		     json_pack("{s:s, s:b}", "move", id ? id : "", "take_over", 1), on_cancelled);
	else
		call(d, 0, "migrate.cancel", json_pack("{s:s}", "move", id ? id : ""),
		     on_cancelled);
}

static void sweep_end(struct departing *d, const char *why)
{
	char text[DEPARTING_WHY];

	(void)str_copy(text, sizeof(text), why ? why : "");
	d->is_sweeping = false;
	d->run++;
	departing_ended(d, STEP_CANCEL_PORTS, why ? text : NULL);
}

static void on_list(struct departing *d, uint32_t port, const struct switch_answer *answer)
{
	size_t size = json_array_size(answer->result);
	bool is_all_over = d->prepares == 0;

	(void)port;
	if (!answer->result) {
		sweep_end(d, answer->error);
		return;
	}
	d->waiting = 1;
	for (size_t i = 0; i < size; i++) {
		const json_t *one = json_array_get(answer->result, i);

		if (!is_of_ours(d, one) || is_over(one))
			continue;
		is_all_over = false;
		cancel(d, one);
	}
	d->waiting--;
	if (is_all_over)
		sweep_end(d, NULL);
	else if (d->port_why[0] && d->waiting == 0)
		sweep_end(d, d->port_why);
}

/* Again and again, until xvsd knows no move of ours that goes on and none is about to begin. */
static void sweep(struct departing *d)
{
	if (d->port_why[0])
		sweep_end(d, d->port_why);
	else
		call(d, 0, "migrate.list", json_object(), on_list);
}

/* ---- beginning -------------------------------------------------------------------------------- */

static void port_begin(struct departing *d, uint32_t port)
{
	if (d->port_step == STEP_CHECK_PORTS)
		check(d, port);
	else if (d->port_step == STEP_PREPARE_PORTS)
		prepare(d, port, on_taken);
	else if (d->port_step == STEP_FREEZE_PORTS)
		freeze(d, port, on_taken);
	else
		commit(d, port);
}

void ports_begin(struct departing *d, enum move_step step)
{
	uint32_t run = ++d->run;

	d->port_step = step;
	d->port_why[0] = '\0';
	if (step == STEP_CANCEL_PORTS) {
		d->is_sweeping = true;
		sweep(d);
		return;
	}
	if (step == STEP_LOADED) {
		look_before_decision(d);
		return;
	}
	/* one more than there are, so that the last answer is not the last before all are asked */
	d->waiting = d->vm->spec.adapter_count + 1;
	for (uint32_t i = 0; i < d->vm->spec.adapter_count && d->run == run; i++)
		port_begin(d, i);
	if (d->run == run)
		port_done(d, 0, NULL);
}

bool ports_interrupt(struct departing *d, enum move_step step)
{
	if (d->waiting == 0 || d->port_step != step || d->is_sweeping)
		return false;
	d->waiting = 0;
	d->run++;
	departing_ended(d, step, "it was interrupted");
	return true;
}
