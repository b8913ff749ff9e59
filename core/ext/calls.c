/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/calls.c - [control] calls into an extension, guarded.
 *
 * A missing function is "not needed"; a refusal always has a sentence that begins with the
 * instance; what the extension wrote is cut to one clean line; a call that takes long is named.
 */
#include "ext/services.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { CONTROL_SLOW_MS = 100, WHO_BYTES = 144 };

uint64_t control_enter(void)
{
	return clock_ns();
}

void control_leave(struct instance *i, const char *what, uint64_t since)
{
	uint64_t ms = (clock_ns() - since) / NS_PER_MS;

	if (ms < CONTROL_SLOW_MS)
		return;
	i->slow_calls++;
	log_message(MSG_CONTROL_HELD, "switch %s: %s (%s): %s held the control thread for %llu ms",
		    i->switch_name, i->name, i->ext->id, what, (unsigned long long)ms);
}

void worker_enter(struct instance_worker *w)
{
	__atomic_store_n(&w->callback_since_cycles, clock_cycles(), __ATOMIC_RELAXED);
}

void worker_leave(struct instance_worker *w)
{
	__atomic_store_n(&w->callback_since_cycles, 0, __ATOMIC_RELAXED);
}

/* The extension may have left no end and any bytes. */
static void text_clean(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

int call_result(const char *who, const char *what, int code, struct xvs_error *from,
		struct xvs_error *err)
{
	if (code == 0)
		return 0;
	text_clean(from->text, sizeof(from->text));
	text_clean(from->field, sizeof(from->field));
	if (code > 0 || code < -4095)
		return error_set(err, -EPROTO, from->field,
				 "%s: %s returned %d, which is neither 0 nor a negative errno", who,
				 what, code);
	if (from->text[0])
		return error_set(err, code, from->field, "%s: %s", who, from->text);
	return error_set(err, code, from->field, "%s: %s gave no reason: %s", who, what,
			 strerror(-code));
}

int instance_result(const struct instance *i, const char *what, int code, struct xvs_error *from,
		    struct xvs_error *err)
{
	char who[WHO_BYTES];

	/* what is built in is called by its id */
	if (strcmp(i->name, i->ext->id) == 0)
		(void)snprintf(who, sizeof(who), "%s", i->name);
	else
		(void)snprintf(who, sizeof(who), "%s (%s)", i->name, i->ext->id);
	return call_result(who, what, code, from, err);
}

void instance_set_active(struct instance *i, bool on)
{
	uint64_t since = control_enter();

	if (i->state != (on ? INSTANCE_CREATED : INSTANCE_ACTIVE))
		return;
	i->state = on ? INSTANCE_ACTIVE : INSTANCE_CREATED;
	if (i->ops.active)
		i->ops.active(i->self, on);
	if (!on)
		sockets_stand_down(i);
	control_leave(i, "active", since);
}

int instance_port_attach(struct instance *i, const struct xvs_port *port, void **port_state,
			 struct xvs_error *err)
{
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	void *state = NULL;
	int code = 0;

	if (i->ops.port_attach)
		code = i->ops.port_attach(i->self, port, &state, &said);
	control_leave(i, "port_attach", since);
	if (code == 0)
		*port_state = state;
	return instance_result(i, "port_attach", code, &said, err);
}

void instance_port_event(struct instance *i, void *port_state, int event,
			 const struct xvs_port *now)
{
	uint64_t since = control_enter();

	if (i->ops.port_event)
		i->ops.port_event(i->self, port_state, event, now);
	control_leave(i, "port_event", since);
}

void instance_port_detach(struct instance *i, void *port_state)
{
	uint64_t since = control_enter();

	if (i->ops.port_detach)
		i->ops.port_detach(i->self, port_state);
	control_leave(i, "port_detach", since);
}

int instance_policy_check(struct instance *i, void *port_state, const char *feature,
			  const void *value, void **prepared, struct xvs_error *err)
{
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	void *made = NULL;
	int code = 0;

	if (i->ops.policy_check)
		code = i->ops.policy_check(i->self, port_state, feature, value, &made, &said);
	control_leave(i, "policy_check", since);
	if (code == 0)
		*prepared = made;
	return instance_result(i, "policy_check", code, &said, err);
}

void instance_policy_apply(struct instance *i, void *port_state, const char *feature,
			   const void *value, void *prepared)
{
	uint64_t since = control_enter();

	if (i->ops.policy_apply)
		i->ops.policy_apply(i->self, port_state, feature, value, prepared);
	control_leave(i, "policy_apply", since);
}

void instance_policy_abort(struct instance *i, void *port_state, const char *feature,
			   void *prepared)
{
	uint64_t since = control_enter();

	if (i->ops.policy_abort)
		i->ops.policy_abort(i->self, port_state, feature, prepared);
	control_leave(i, "policy_abort", since);
}

int instance_status_read(struct instance *i, void *port_state, const char *feature, void *out,
			 struct xvs_error *err)
{
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	int code = -EOPNOTSUPP;

	if (i->ops.status_read)
		code = i->ops.status_read(i->self, port_state, feature, out, &said);
	control_leave(i, "status_read", since);
	return instance_result(i, "status_read", code, &said, err);
}

bool instance_has_rows(const struct instance *i, const char *feature)
{
	for (uint32_t n = 0; n < i->row_feature_count; n++)
		if (strcmp(i->row_features[n], feature) == 0)
			return true;
	return false;
}

int instance_rows_read(struct instance *i, const char *feature,
		       const struct xvs_row_question *question, void *out, uint64_t *more,
		       struct xvs_error *err)
{
	struct xvs_error said = ERROR_INIT;
	uint64_t since = control_enter();
	int code = i->rows_read(i->self, feature, question, out, more, &said);

	control_leave(i, "rows.read", since);
	return instance_result(i, "rows.read", code, &said, err);
}

void instance_port_told(struct instance *i,
			void (*fn)(void *self, const struct xvs_port_view *v, int event),
			const struct xvs_port_view *v, int event)
{
	uint64_t since = control_enter();

	fn(i->self, v, event);
	control_leave(i, "a function that is told of ports", since);
}

bool instance_tracks(struct instance *i, void *port_state)
{
	uint64_t since;
	bool does;

	if (!i->has_conn || !i->conn_scope.tracks)
		return i->has_conn;
	since = control_enter();
	does = i->conn_scope.tracks(i->self, port_state);
	control_leave(i, "tracks", since);
	return does;
}
