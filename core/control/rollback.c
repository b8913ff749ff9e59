/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/rollback.c - back to the state after an earlier change, all owners alike.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "control/origin.h"

/*
 * The daemon's own file still says what is taken back: unless somebody edits it, the next start
 * must not bring that back.
 */
static void keep_from_return(const struct control *c, struct origin *o)
{
	const json_t *file = json_object_get(changelog_state(c->log), "file");
	const char *before = json_string_value(json_object_get(file, "instead_of"));
	const char *name = json_string_value(json_object_get(file, "name"));
	const char *sum = json_string_value(json_object_get(file, "sum"));

	if (!before && name && c->config_file && strcmp(name, c->config_file) == 0)
		before = sum;
	(void)str_copy(o->instead_of, sizeof(o->instead_of), before ? before : "");
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
	struct wish wish = origin_wish(o);

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
	o->is_return = true;
	keep_from_return(c, o);
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
