/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main/start.c - with which configuration the daemon begins.
 *
 * A machine that reboots with a broken file must not be without its network: what was in force
 * last is in the state directory, and is taken, loudly.  What a file names and cannot come up (a
 * device that is not there yet) closes the ports concerned and stops nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "control/mover.h"
#include "control/origin.h"
#include "main/daemon.h"

static void (*on_started)(struct daemon *d);
static void (*on_failed)(struct daemon *d);

static void log_diags(const struct diags *d)
{
	char text[512];

	for (size_t i = 0; i < d->count && i < DIAG_MAX; i++)
		log_message(MSG_CONFIGURATION, "%s", diag_print(d, i, text, sizeof(text)));
	if (d->count > DIAG_MAX)
		log_message(MSG_CONFIGURATION, "and %zu more errors", d->count - DIAG_MAX);
}

static void text_forget(struct daemon *d)
{
	free(d->text);
	free(d->name);
	d->text = NULL;
	d->name = NULL;
}

/* For the status; before the name of the file, to which the errors point, is forgotten. */
static void note_broken(struct daemon *d, const struct diags *diags)
{
	char first[400] = "";

	if (diags->count)
		(void)diag_print(diags, 0, first, sizeof(first));
	(void)snprintf(d->broken, sizeof(d->broken),
		       "the configuration file cannot be used, the last good one is in force: %s",
		       first);
}

static struct config_text text_of(const struct daemon *d)
{
	return (struct config_text){ d->text, d->text_len, d->name };
}

static struct config_spec *read_text(const struct daemon *d, struct diags *diags)
{
	struct config_text t = text_of(d);

	return control_read(&t, NULL, diags);
}

/* Its text and name; false: there is none. */
static bool take_kept(struct daemon *d)
{
	text_forget(d);
	if (!d->is_returning)
		return control_last_good(&d->control, &d->text, &d->name);
	d->text = strdup(d->past.text);
	d->name = strdup(d->past.name);
	return d->text && d->name;
}

/* What was in force before.  NULL: nothing, or not even that can be used. */
static struct config_spec *read_kept(struct daemon *d)
{
	struct diags diags = { .count = 0 };
	struct config_spec *spec;

	if (!take_kept(d) || !d->text) {
		log_message(MSG_ENDING,
			    "configuration %s cannot be used, and there is no earlier one in %s",
			    d->options->config, d->options->state);
		return NULL;
	}
	d->text_len = strlen(d->text);
	spec = read_text(d, &diags);
	if (!spec) {
		log_diags(&diags);
		return NULL;
	}
	d->is_last_good = true;
	return spec;
}

static struct config_spec *read_last_good(struct daemon *d, const struct diags *broken)
{
	struct config_spec *spec;

	note_broken(d, broken);
	spec = read_kept(d);
	if (spec)
		log_message(
			MSG_LAST_GOOD,
			"configuration %s cannot be used: going on with the last good one; mend "
			"it, then \"xvsctl config reload\"",
			d->options->config);
	return spec;
}

/* Nobody has edited it since its change was taken back, or is now. */
static bool is_taken_back(struct daemon *d)
{
	char sum[SUM_TEXT];

	changelog_sum(d->text, d->text_len, sum);
	if (!d->is_returning && control_is_taken_back(&d->control, d->text, d->text_len))
		memcpy(d->instead_of, sum, sizeof(sum));
	return sum[0] && strcmp(sum, d->instead_of) == 0;
}

static struct config_spec *read_returned(struct daemon *d)
{
	struct config_spec *spec;

	spec = read_kept(d);
	if (spec)
		log_message_at(
			XVS_LOG_WARN, MSG_LAST_GOOD,
			"configuration %s: its change was taken back, and it is as it was; going "
			"on with what is in force; mend it, then \"xvsctl config reload\"",
			d->options->config);
	return spec;
}

struct config_spec *start_read(struct daemon *d)
{
	struct diags diags = { .count = 0 };
	struct config_spec *spec = NULL;

	d->is_returning = control_unconfirmed(&d->control, &d->past, d->instead_of);
	d->name = strdup(d->options->config);
	d->text = control_load(d->options->config, &d->text_len, &diags);
	if (d->text && is_taken_back(d))
		return read_returned(d);
	d->instead_of[0] = '\0';
	/* The diagnoses keep the name, and are read when that of 'd' has changed. */
	if (d->text && d->name)
		spec = read_text(d, &diags);
	if (spec)
		return spec;
	log_diags(&diags);
	return read_last_good(d, &diags);
}

static void on_applied(void *arg, const struct outcome *o);

static void apply(struct daemon *d)
{
	struct config_text t = text_of(d);
	struct origin *o =
		origin_create(&d->control, "start",
			      d->is_returning ? "start, without what was not confirmed" : "start",
			      on_applied, d);

	if (!o)
		return;
	(void)str_copy(o->instead_of, sizeof(o->instead_of), d->instead_of);
	control_apply(&d->control, &t, false, o);
}

static void applied_well(struct daemon *d, const struct outcome *o)
{
	/* Applying has cleared this; but if it was the last good one, the file is as bad as before. */
	(void)str_copy(d->control.problems.config, sizeof(d->control.problems.config), d->broken);
	if (o->note)
		log_message(MSG_REMARK, "configuration %s: %s", d->name, o->note);
	world_set_tolerant(d->world, false);
	text_forget(d);
	on_started(d);
}

/* The file can be read, but what it wants was refused. */
static void applied_ill(struct daemon *d, const struct outcome *o)
{
	struct config_spec *spec = NULL;

	if (o->d)
		log_diags(o->d);
	/* Told to end meanwhile: what is taken down must not come up again. */
	if (d->is_stopping)
		return;
	if (!d->is_last_good && o->d)
		spec = read_last_good(d, o->d);
	config_spec_destroy(spec); /* it can be read, that is all we wanted to know */
	if (spec)
		apply(d);
	else
		on_failed(d);
}

static void on_applied(void *arg, const struct outcome *o)
{
	struct daemon *d = arg;

	if (o->code == 0)
		applied_well(d, o);
	else
		applied_ill(d, o);
}

/* UUIDs, ports of the API and overlays of the time before. */
static void restore(struct daemon *d)
{
	const json_t *snapshot = d->is_returning ? d->past.state : changelog_state(d->control.log);
	struct diags diags = { .count = 0 };

	if (snapshot && world_restore(d->world, snapshot, &diags)) {
		log_diags(&diags);
		(void)snprintf(
			d->control.problems.state, sizeof(d->control.problems.state),
			"state directory %s: what the API made before could not be restored: %s",
			d->options->state, diags.count ? diags.items[0].text : "out of memory");
	}
}

/* Ports that have left stay away. */
static void restore_moves(struct daemon *d)
{
	struct xvs_error err = ERROR_INIT;

	if (mover_create(&d->control, &d->control.mover, &err) == 0)
		return;
	log_message(MSG_STATE, "%s", err.text);
	(void)snprintf(d->control.problems.state, sizeof(d->control.problems.state),
		       "state directory %s: moves of ports could not be restored: %s",
		       d->options->state, err.text);
}

void start_apply(struct daemon *d, void (*started)(struct daemon *d),
		 void (*failed)(struct daemon *d))
{
	on_started = started;
	on_failed = failed;
	restore(d);
	restore_moves(d);
	world_set_tolerant(d->world, true);
	apply(d);
}
