/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/change.c - what stands before each change, and what is kept of it afterwards.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/mover.h"
#include "control/origin.h"

enum { LINES_KEPT = 100, LINE_KEPT = 400 }; /* of a change */

/* ---- before ----------------------------------------------------------------------------------------- */

static int check_version(const struct control *c, const struct origin *o, struct diags *d)
{
	uint64_t number = changelog_number(c->log);
	const json_t *last = changelog_find(c->log, number);
	const char *what = json_string_value(json_object_get(last, "what"));
	char who[128];

	if (!o->has_version || o->version == number)
		return 0;
	diag_add(d, NULL,
		 "the configuration is at number %" PRIu64 ", not at %" PRIu64
		 ": %s changed it last (%s); see \"xvsctl config log\" and ask again",
		 number, o->version, who_print(json_object_get(last, "who"), who, sizeof(who)),
		 what ? what : "-");
	return -ESTALE;
}

/* What waits may be taken back, and anything may be tried. */
static int check_pending(const struct control *c, const struct origin *o, struct diags *d)
{
	if (c->pending.number == 0 || o->is_return || o->is_dry_run)
		return 0;
	diag_add(d, NULL,
		 "change %" PRIu64 " waits for its confirmation for %" PRIu64
		 " s more: \"xvsctl config confirm\" or \"xvsctl config rollback\" first",
		 c->pending.number, pending_seconds(c));
	return -EBUSY;
}

int control_admit(void *control, void *origin, struct diags *d)
{
	int code = origin ? check_version(control, origin, d) : 0;

	return origin && code == 0 ? check_pending(control, origin, d) : code;
}

/* ---- the file --------------------------------------------------------------------------------------- */

static const char *file_text(const struct control *c, const char *key)
{
	const json_t *file = json_object_get(changelog_state(c->log), "file");
	const char *text = json_string_value(json_object_get(file, key));

	return text ? text : "";
}

bool control_is_taken_back(const struct control *c, const char *text, size_t len)
{
	char sum[SUM_TEXT];

	changelog_sum(text, len, sum);
	return sum[0] && strcmp(sum, file_text(c, "instead_of")) == 0;
}

/* {name, sum, instead_of}: which file is in force after this change. */
static json_t *file_json(const struct control *c, const struct origin *o)
{
	json_t *now = json_object_get(changelog_state(c->log), "file");
	char sum[SUM_TEXT];

	if (!o || !o->text)
		return now ? json_incref(now) : json_object();
	changelog_sum(o->text, strlen(o->text), sum);
	return json_pack("{s:s, s:s, s:s*}", "name", o->name, "sum", sum, "instead_of",
			 o->instead_of[0] && strcmp(o->instead_of, sum) != 0 ? o->instead_of
									     : NULL);
}

/* Taken back with its change: the next start does not take it, and the status says so. */
static void tell_file(struct control *c)
{
	c->problems.file[0] = '\0';
	if (file_text(c, "instead_of")[0])
		(void)snprintf(c->problems.file, sizeof(c->problems.file),
			       "configuration %s: it is not what is in force, since its change was "
			       "taken back; mend it, then \"xvsctl config reload\"",
			       c->config_file ? c->config_file : "file");
}

/* ---- after ------------------------------------------------------------------------------------------ */

/* What could not be kept stays a problem until it is. */
static void journal_judge(struct control *c, const char *why)
{
	c->problems.journal[0] = '\0';
	if (!why)
		return;
	(void)snprintf(c->problems.journal, sizeof(c->problems.journal),
		       "%s: changes are in force, but a restart forgets them; mend that, then "
		       "\"xvsctl config reload\"",
		       why);
	log_message(MSG_JOURNAL, "%s", c->problems.journal);
}

/* So many, so long. */
static json_t *lines_kept(const json_t *lines)
{
	size_t count = json_array_size(lines);
	json_t *kept = json_array();

	for (size_t i = 0; i < count && i < LINES_KEPT; i++) {
		const char *line = json_string_value(json_array_get(lines, i));
		size_t len = line ? strlen(line) : 0;
		char cut[LINE_KEPT];

		(void)snprintf(cut, sizeof(cut), "%.*s%s", LINE_KEPT - 8, line ? line : "",
			       len > LINE_KEPT - 8 ? " ..." : "");
		(void)json_array_append_new(kept, rpc_string(cut));
	}
	if (count > LINES_KEPT)
		(void)json_array_append_new(kept, json_sprintf("... and %zu more lines",
							       count - LINES_KEPT));
	return kept;
}

/* How long it waits for its confirmation; 0: not at all. */
static uint64_t confirm_of(const struct control *c, const struct origin *o,
			   const struct change *change)
{
	if (!o || o->is_own)
		return 0;
	if (o->confirm_s == 0 && change->touches_host)
		return world_confirm_host(c->world);
	return o->confirm_s;
}

static json_t *confirm_json(const struct control *c, uint64_t seconds)
{
	return json_pack("{s:I, s:I}", "seconds", (json_int_t)seconds, "back_to",
			 (json_int_t)changelog_number(c->log));
}

static json_t *change_json(const struct origin *o, const struct change *c, uint64_t confirm_s)
{
	json_t *lines = lines_kept(c->lines);

	if (json_array_size(lines) == 0 && o && o->text)
		(void)json_array_append_new(lines, json_string("~ the text of the file alone"));
	return json_pack("{s:O*, s:O*, s:o, s:s, s:s*}", "who", o ? o->who : NULL, "what",
			 o ? o->what : NULL, "changes", lines, "outcome",
			 confirm_s ? "not confirmed" : "done", "note", c->note);
}

static void tell(const struct control *c, const struct origin *o, const struct change *change,
		 uint64_t confirm_s)
{
	const char *what = o ? json_string_value(o->what) : NULL;
	const char *line = json_string_value(json_array_get(change->lines, 0));
	size_t more = json_array_size(change->lines);
	char rest[32] = "";

	if (more > 1)
		(void)snprintf(rest, sizeof(rest), " and %zu more", more - 1);
	log_message(MSG_CHANGED, "change %" PRIu64 " is in force%s%s%s%s%s%s",
		    changelog_number(c->log), what ? ": " : "", what ? what : "", line ? ": " : "",
		    line ? line : "", rest,
		    confirm_s ? "; it goes back unless it is confirmed" : "");
}

/* One number further, or the same put anew; 'state' is taken. */
static void keep(struct control *c, const struct change *change, json_t *state, uint64_t confirm_s)
{
	const struct origin *o = change->origin;
	struct changelog_entry e = { .change = change_json(o, change, confirm_s),
				     .state = state,
				     .text = o ? o->text : NULL,
				     .name = o ? o->name : NULL };
	struct xvs_error err = ERROR_INIT;
	int code;

	if (!e.change) {
		json_decref(e.state);
		journal_judge(c, "out of memory");
		return;
	}
	code = changelog_put(c->log, &e, &err);
	tell(c, o, change, confirm_s);
	journal_judge(c, code ? err.text : NULL);
}

void control_changed(void *control, const struct change *change)
{
	struct control *c = control;
	const struct origin *o = change->origin;
	uint64_t before = changelog_number(c->log);
	uint64_t confirm_s = confirm_of(c, o, change);
	json_t *state = world_snapshot(c->world);

	if (!state) {
		journal_judge(c, "out of memory");
		return;
	}
	(void)json_object_set_new(state, "file", file_json(c, o));
	if (changelog_has(c->log, state)) {
		json_decref(state);
	} else {
		if (confirm_s)
			(void)json_object_set_new(state, "confirm", confirm_json(c, confirm_s));
		keep(c, change, state, confirm_s);
	}
	tell_file(c);
	if (c->mover)
		mover_reconfigure(c->mover);
	if (c->network)
		control_network(c, world_network(c->world));
	if (o && o->is_return)
		pending_end(c);
	if (confirm_s && changelog_number(c->log) > before)
		pending_begin(c, before, confirm_s);
}
