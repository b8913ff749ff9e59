/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_target.c - what the other host is asked, over a link that is made when it is needed.
 *
 * A step fails with the link; before the decision so does the move.  Whoever answers has shown a
 * certificate with the name of the peer, and is believed no more than that.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "definition.h"
#include "departing_part.h"

enum { FINDINGS_MAX = 256, PORT_MAX = 65535 };

static void fail_all(struct departing *d, const char *why);

/* ---- answers ---------------------------------------------------------------------------------- */

/* Text of another host, for people here. */
static void clean_copy(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
	for (char *c = out; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
}

static void finding_take(struct departing *d, const json_t *one)
{
	const char *what = json_string_value(json_object_get(one, "what"));
	const char *why = json_string_value(json_object_get(one, "why"));
	const char *severity = json_string_value(json_object_get(one, "severity"));
	char what_clean[128];
	char why_clean[DEPARTING_WHY];

	clean_copy(what_clean, sizeof(what_clean), what ? what : "it");
	clean_copy(why_clean, sizeof(why_clean), why ? why : "no reason given");
	findings_add(d, what_clean, why_clean, !severity || strcmp(severity, "warn") != 0);
}

static const char *take_admission(struct departing *d, const json_t *answer)
{
	const json_t *findings = json_object_get(answer, "findings");
	json_int_t epoch = json_integer_value(json_object_get(answer, "epoch"));

	/* as many moves nobody has made: a number that leaves none for later is not believed */
	if (!json_is_array(findings) || json_array_size(findings) > FINDINGS_MAX || epoch < 0 ||
	    ((uint64_t)epoch > d->epoch && epoch > UINT32_MAX))
		return "it answered something odd";
	for (size_t i = 0; i < json_array_size(findings); i++)
		finding_take(d, json_array_get(findings, i));
	d->epoch_there = (uint64_t)epoch;
	if (d->epoch_there > d->epoch)
		d->epoch = d->epoch_there;
	d->epoch++;
	return NULL;
}

static uint16_t port_of(const json_t *answer, const char *key)
{
	json_int_t port = json_integer_value(json_object_get(answer, key));

	return port > 0 && port <= PORT_MAX ? (uint16_t)port : 0;
}

static const char *take_places(struct departing *d, const json_t *answer)
{
	struct xvs_error err = ERROR_INIT;

	d->memory_port = port_of(answer, "memory");
	d->disks_port = port_of(answer, "disks");
	if (!d->memory_port || (d->options.has_disks && !d->disks_port))
		return "it does not say where it waits for memory and disks";
	if (move_key_write(d->vm, d->key, d->key_folder, &err) == 0)
		return NULL;
	(void)str_copy(d->port_why, sizeof(d->port_why), err.text);
	return d->port_why;
}

static const char *take_resumption(struct departing *d, const json_t *answer)
{
	json_int_t us = json_integer_value(json_object_get(answer, "resume_us"));

	if (!json_is_true(json_object_get(answer, "resumed")))
		return "it does not say that the machine runs";
	d->resumed_ns = clock_ns();
	d->resume_us = us > 0 ? (uint64_t)us : 0;
	return NULL;
}

static const char *take_answer(struct departing *d, enum move_step step, const json_t *answer)
{
	switch (step) {
	case STEP_ASK_TARGET:
		return take_admission(d, answer);
	case STEP_RECEIVE:
		return take_places(d, answer);
	case STEP_COMMIT_TARGET:
		return take_resumption(d, answer);
	default:
		return NULL;
	}
}

static void on_answer(void *arg, const json_t *value, const char *why)
{
	struct target_ask *ask = arg;
	struct departing *d = ask->d;
	char text[DEPARTING_WHY];

	if (!ask->is_waiting)
		return; /* the step was interrupted */
	ask->is_waiting = false;
	if (value)
		why = take_answer(d, (enum move_step)(ask - d->asks), value);
	if (why)
		(void)snprintf(text, sizeof(text), "host %s: %.300s", d->peer, why);
	if (!why && ask == &d->asks[STEP_LOADED])
		ports_begin(d, STEP_LOADED); /* which ends it */
	else
		departing_ended(d, (enum move_step)(ask - d->asks), why ? text : NULL);
}

/* ---- the link --------------------------------------------------------------------------------- */

/* Sends it, or keeps it until the link is there. */
static void ask_send(struct departing *d, struct target_ask *ask)
{
	json_t *params = ask->params;

	ask->params = NULL;
	remote_ask(d->link, ask->method, params, on_answer, ask);
}

static void on_ready(void *arg, const char *name)
{
	struct departing *d = arg;
	struct remote_link *link = d->link;
	char why[DEPARTING_WHY];

	if (!remote_is_named(d->link, d->peer)) {
		(void)snprintf(why, sizeof(why), "its certificate is of \"%.200s\"", name);
		target_hang_up(d);
		fail_all(d, why);
		return;
	}
	d->is_linked = true;
	for (int i = 0; i < MOVE_STEPS && d->link == link; i++) {
		if (d->asks[i].params)
			ask_send(d, &d->asks[i]);
	}
}

/* QEMU of the target has failed: ours does not notice. */
static void on_event(void *arg, const char *name, const json_t *params)
{
	const char *what = json_string_value(json_object_get(params, "what"));
	struct departing *d = arg;
	char text[DEPARTING_WHY - 100];

	if (strcmp(name, "vm.move.event") != 0)
		return;
	clean_copy(text, sizeof(text), what ? what : "its QEMU has ended");
	departing_trouble(d, "host %s: %s", d->peer, text);
}

static void on_ended(void *arg, const char *why)
{
	struct departing *d = arg;

	target_hang_up(d);
	fail_all(d, why);
}

static const struct remote_ops link_ops = { on_ready, on_event, on_ended };

void target_hang_up(struct departing *d)
{
	remote_close(d->link);
	d->link = NULL;
	d->is_linked = false;
}

/* What was to be asked cannot be; a move that asked nothing is told, too. */
static void fail_all(struct departing *d, const char *why)
{
	struct vm *vm = d->vm;
	char text[DEPARTING_WHY];

	(void)snprintf(text, sizeof(text), "host %s: %.300s", d->peer, why);
	for (int i = 0; i < MOVE_STEPS && vm->departing == d; i++) {
		if (!d->asks[i].is_waiting)
			continue;
		json_decref(d->asks[i].params);
		d->asks[i].params = NULL;
		d->asks[i].is_waiting = false;
		departing_ended(d, (enum move_step)i, text);
	}
	if (move_phase(d->move) < MOVE_COMMIT)
		departing_trouble(d, "%s", text);
}

/* False: 'why' says why not. */
static bool dial(struct departing *d, char *why, size_t size)
{
	struct hv *hv = d->vm->hv;
	const struct host_peer *peer = settings_peer(&hv->settings, d->peer);
	struct xvs_error err = ERROR_INIT;
	char host[TLS_HOST_TEXT];
	uint16_t port;

	if (!peer || !hv->tls) {
		(void)snprintf(why, size, "host %s: %.300s", d->peer,
			       hv->tls ? "it is no peer any more by the settings of xvs-hv"
				       : hv->move_problem);
		return false;
	}
	/* what cannot be read anew leaves the former certificates in force */
	(void)tls_context_refresh(hv->tls, &err);
	peer_address(peer, host, &port);
	d->link = remote_connect(hv->loop, hv->tls, host, port, &link_ops, d);
	if (!d->link)
		(void)snprintf(why, size, "out of memory");
	return d->link != NULL;
}

bool target_host(const struct departing *d, char host[TLS_HOST_TEXT])
{
	uint16_t port;

	return d->is_linked && tls_address_parse(remote_address(d->link), REMOTE_PORT, host, &port);
}

/* ---- asking ----------------------------------------------------------------------------------- */

static json_t *machine_print(const struct departing *d)
{
	const struct vm *vm = d->vm;
	const struct facts *f = &vm->hv->facts;
	const char *cpu = vm->spec.cpu;

	if (strcmp(cpu, "auto") == 0)
		cpu = vm->is_kvm ? "host" : "max";
	return json_pack("{s:o, s:s, s:s, s:s, s:s, s:O, s:O, s:b, s:b}", "definition",
			 definition_print(&vm->spec), "accel", vm->is_kvm ? "kvm" : "tcg", "cpu",
			 cpu, "qemu", f->version, "processor", f->processor, "disks", d->disks,
			 "checkpoints", vm->checkpoints, "wanted", vm->is_wanted, "paused",
			 d->was_standing);
}

/* With what each call takes; NULL: out of memory. */
static json_t *params_make(struct departing *d, enum move_step step)
{
	json_t *params = json_pack("{s:s, s:I}", "move", d->id, "epoch", (json_int_t)d->epoch);

	switch (step) {
	case STEP_ASK_TARGET:
		(void)json_object_set_new(params, "kind",
					  json_string(d->options.has_disks ? "storage" : "shared"));
		(void)json_object_set_new(params, "check", json_boolean(d->options.is_check));
		(void)json_object_set_new(params, "machine", machine_print(d));
		break;
	case STEP_PREPARE_TARGET:
		if (!d->key[0])
			move_key_make(d->key);
		(void)json_object_set_new(params, "key", json_string(d->key));
		break;
	case STEP_ABORT_TARGET:
		(void)json_object_set_new(params, "reason", json_string(move_problem(d->move)));
		break;
	case STEP_COMMIT_TARGET:
		break;
	default:
		(void)json_object_del(params, "epoch");
		break;
	}
	return params;
}

void target_begin(struct departing *d, enum move_step step)
{
	static const char *const methods[MOVE_STEPS] = {
		[STEP_ASK_TARGET] = "vm.move.admit",   [STEP_PREPARE_TARGET] = "vm.move.prepare",
		[STEP_RECEIVE] = "vm.move.receive",    [STEP_DRAIN] = "vm.move.release",
		[STEP_LOADED] = "vm.move.loaded",      [STEP_COMMIT_TARGET] = "vm.move.commit",
		[STEP_ABORT_TARGET] = "vm.move.abort",
	};
	struct target_ask *ask = &d->asks[step];
	char why[DEPARTING_WHY];

	if (!d->link && !dial(d, why, sizeof(why))) {
		departing_ended(d, step, why);
		return;
	}
	json_decref(ask->params);
	ask->method = methods[step];
	ask->params = params_make(d, step);
	ask->is_waiting = true;
	if (d->is_linked)
		ask_send(d, ask);
}

bool target_interrupt(struct departing *d, enum move_step step)
{
	struct target_ask *ask = &d->asks[step];

	if (!ask->is_waiting)
		return false;
	ask->is_waiting = false;
	json_decref(ask->params);
	ask->params = NULL;
	departing_ended(d, step, "it was interrupted");
	return true;
}
