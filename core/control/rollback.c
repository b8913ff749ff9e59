/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/rollback.c - back to the state after an earlier change, all owners alike.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "control/origin.h"

/*
 * The daemon's own file still says what is taken back: unless somebody edits it, the next start
 * must not bring that back.
 */
static void own_file(const struct control *c, char instead_of[SUM_TEXT])
{
	const json_t *file = json_object_get(changelog_state(c->log), "file");
	const char *before = json_string_value(json_object_get(file, "instead_of"));
	const char *name = json_string_value(json_object_get(file, "name"));
	const char *sum = json_string_value(json_object_get(file, "sum"));

	if (!before && name && c->config_file && strcmp(name, c->config_file) == 0)
		before = sum;
	(void)str_copy(instead_of, SUM_TEXT, before ? before : "");
}

bool control_unconfirmed(const struct control *c, struct changelog_past *out,
			 char instead_of[SUM_TEXT])
{
	const json_t *confirm = json_object_get(changelog_state(c->log), "confirm");
	json_int_t back_to = json_integer_value(json_object_get(confirm, "back_to"));
	struct xvs_error err = ERROR_INIT;
	char sum[SUM_TEXT];

	if (!confirm)
		return false;
	if (changelog_past(c->log, (uint64_t)back_to, out, &err)) {
		log_message(MSG_STAYS, "change %" PRIu64 " was not confirmed, but stays: %s",
			    changelog_number(c->log), err.text);
		return false;
	}
	log_message(MSG_TAKEN_BACK,
		    "change %" PRIu64
		    " was not confirmed before the daemon ended: back to the state "
		    "of change %" JSON_INTEGER_FORMAT,
		    changelog_number(c->log), back_to);
	own_file(c, instead_of);
	/* It was in force before as well. */
	changelog_sum(out->text, strlen(out->text), sum);
	if (strcmp(sum, instead_of) == 0)
		instead_of[0] = '\0';
	return true;
}

static struct config_spec *spec_of(const struct control *c, struct changelog_past *past,
				   struct diags *d)
{
	struct config_text t = { past->text, strlen(past->text), past->name };

	return control_read(&t, c->world, d);
}

static void go(struct control *c, struct changelog_past *past, bool is_tolerant, struct origin *o)
{
	struct diags d = { .count = 0 };
	struct earlier e = { .spec = spec_of(c, past, &d),
			     .file = past->name,
			     .snapshot = past->state,
			     .is_tolerant = is_tolerant };
	struct wish wish;

	o->is_return = true; /* which the wish is to know */
	wish = origin_wish(o);
	if (!e.spec) {
		origin_refuse(o, -EINVAL, &d);
		return;
	}
	if (origin_set_file(o, past->text, strlen(past->text), past->name)) {
		diag_add(&d, NULL, "out of memory");
		config_spec_destroy(e.spec);
		origin_refuse(o, -ENOMEM, &d);
		return;
	}
	own_file(c, o->instead_of);
	world_return(c->world, &e, &wish);
}

void control_return(struct control *c, uint64_t number, bool is_tolerant, struct origin *o)
{
	struct changelog_past past = { 0 };
	struct xvs_error err = ERROR_INIT;
	struct diags d = { .count = 0 };
	int code = changelog_past(c->log, number, &past, &err);

	if (code) {
		diag_add(&d, NULL, "%s", err.text);
		origin_refuse(o, code, &d);
		return;
	}
	go(c, &past, is_tolerant, o);
	changelog_past_finish(&past);
}
