/* SPDX-License-Identifier: Apache-2.0 */
/* switch/steps_port.c - steps about one port: it comes, changes, falls silent, goes. */
#include "base/error.h"
#include "switch/nat.h"
#include "switch/team.h"
#include "switch/transaction.h"

/* ---- a port comes -------------------------------------------------------------------------------- */

static size_t running_members(const struct plan_switch *ps, struct member *members[CHAIN_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < ps->member_count && count < CHAIN_MAX; i++)
		if (ps->members[i].member->instance && !ps->members[i].is_disabled)
			members[count++] = ps->members[i].member;
	return count;
}

static int bring_up(struct step *s, struct xvs_error *err)
{
	struct plan_port *pp = s->plan_port;
	struct member *members[CHAIN_MAX];
	size_t count = running_members(s->plan_switch, members);
	int result;

	if (vswitch_add_port(pp->port->sw, pp->port) < 0)
		return error_set(err, -ENOMEM, "", "out of memory");
	(void)str_copy(pp->port->problem, sizeof(pp->port->problem), pp->problem);
	result = port_up(pp->port, members, count, pp->is_tolerated, err);
	if (result == 0)
		return 0;
	s->t->refused_at = pp->spec->at;
	vswitch_drop_port(pp->port->sw, pp->port);
	port_forget_undone(pp->port);
	return result;
}

static void up_undone(void *arg)
{
	struct step *s = arg;

	port_down(s->plan_port->port);
	port_forget_undone(s->plan_port->port);
	transaction_wake(s->t);
}

static int up_undo(struct step *s)
{
	struct port *p = s->plan_port->port;

	vswitch_drop_port(p->sw, p);
	if (!p->path_port) {
		port_forget_undone(p);
		return 0;
	}
	team_leave(p);
	port_forget_addresses(p);
	path_port_remove(p->path_port, up_undone, s);
	team_end(p->sw);
	return STEP_WAITS;
}

static void up_free(struct step *s)
{
	if (s->t->code < 0)
		port_destroy(s->plan_port->port);
}

const struct step_ops step_port_up = { bring_up, up_undo, up_free };

/* ---- a port goes down so that another may take its device ---------------------------------------- */

static int give_back(struct step *s);

static void gave_back(void *arg, uint32_t left)
{
	struct step *s = arg;

	(void)left;
	if (give_back(s) == 0)
		transaction_wake(s->t);
}

/* No packet comes any more; who knows the port gives back what it holds before it is detached. */
static int give_back(struct step *s)
{
	struct port *p = s->port;

	while (s->cursor < p->attached_count) {
		const struct attachment *a = &p->attached[s->cursor++];

		if (!a->member->instance->ops.drain)
			continue;
		path_drain(p->w->path, a->member->instance, a->port_state, gave_back, s);
		return STEP_WAITS;
	}
	port_down(p);
	return 0;
}

static void left_path(void *arg)
{
	struct step *s = arg;

	s->port->path_port = NULL;
	if (give_back(s) == 0)
		transaction_wake(s->t);
}

static int take_down(struct step *s, struct xvs_error *err)
{
	(void)err;
	if (!s->port->path_port) {
		port_down(s->port);
		return 0;
	}
	team_leave(s->port);
	port_forget_addresses(s->port);
	path_port_remove(s->port->path_port, left_path, s);
	team_end(s->port->sw);
	return STEP_WAITS;
}

/* The port comes back as it was; what cannot be had again keeps it closed and is told. */
static int swap_undo(struct step *s)
{
	struct port *p = s->port;
	struct xvs_error err = ERROR_INIT;
	struct port_conf *conf = s->conf;
	struct reasons *reasons = s->reasons;

	s->conf = NULL;
	s->reasons = NULL;
	(void)port_up(p, p->sw->members, p->sw->member_count, true, &err);
	port_set_mac(p);
	if (port_publish(p, conf, reasons, true))
		transaction_note(s->t, "port %s is closed: %s", p->full_name, p->reasons->text[0]);
	return 0;
}

static void buffers_free(struct step *s)
{
	free(s->conf);
	free(s->reasons);
}

const struct step_ops step_port_swap = { take_down, swap_undo, buffers_free };

/* ---- commit -------------------------------------------------------------------------------------- */

static int adopt_port(struct step *s, struct xvs_error *err)
{
	struct plan_port *pp = s->plan_port;
	struct port *p = pp->port;

	(void)err;
	p->owner = pp->owner;
	p->is_blocked = pp->is_blocked;
	if (pp->is_new) {
		/* its move may have been decided since this was planned */
		p->is_held = pp->is_held || world_has_departed(p->w, p->uuid);
		return 0;
	}
	/* Whatever was wanted at another time: that a port is held ends by its move alone. */
	(void)model_mark(s->t->model, MARK_HELD, p->full_name, p->is_held);
	transaction_retire(s->t, &p->settings);
	p->settings = pp->settings;
	pp->settings = (struct settings){ 0 };
	port_spec_finish(&p->spec);
	p->spec = *s->spec;
	free(s->spec);
	s->spec = NULL;
	if (!pp->is_tolerated)
		(void)str_copy(p->problem, sizeof(p->problem), pp->problem);
	return 0;
}

static void adopt_free(struct step *s)
{
	if (s->spec)
		port_spec_finish(s->spec);
	free(s->spec);
}

const struct step_ops step_port_adopt = { adopt_port, NULL, adopt_free };

static int leave(struct step *s, struct xvs_error *err)
{
	(void)err;
	vswitch_drop_port(s->port->sw, s->port);
	port_clear_mac(s->port);
	return 0;
}

const struct step_ops step_port_leave = { leave, NULL, NULL };

/* First all that must go goes, so that two ports may exchange their addresses. */
static int clear_address(struct step *s, struct xvs_error *err)
{
	(void)err;
	if (port_mac_differs(s->port))
		port_clear_mac(s->port);
	return 0;
}

static int set_address(struct step *s, struct xvs_error *err)
{
	(void)err;
	if (!s->port->has_static)
		port_set_mac(s->port);
	return 0;
}

const struct step_ops step_port_unaddress = { clear_address, NULL, NULL };
const struct step_ops step_port_address = { set_address, NULL, NULL };

static int publish(struct step *s, struct xvs_error *err)
{
	struct port_conf *conf = s->conf;
	struct reasons *reasons = s->reasons;
	bool was_open = s->port->is_open;
	bool is_new = !s->plan_port || s->plan_port->is_new;

	(void)err;
	s->conf = NULL;
	s->reasons = NULL;
	if (port_publish(s->port, conf, reasons, s->is_changed) && (was_open || is_new))
		s->t->closed++;
	if (port_is_outside(s->port))
		nat_announce(s->port);
	return 0;
}

const struct step_ops step_port_publish = { publish, NULL, buffers_free };

/* ---- a port falls silent ------------------------------------------------------------------------- */

static int quieten(struct step *s);

static void quietened(void *arg, uint32_t left)
{
	struct step *s = arg;
	struct attachment *a = &s->port->attached[s->cursor++];

	(void)left;
	port_tell_down(s->port, a);
	if (quieten(s) == 0)
		transaction_wake(s->t);
}

/* Goes on behind the attachment at the cursor; each gives back what it holds before its DOWN. */
static int quieten(struct step *s)
{
	struct port *p = s->port;

	for (; s->cursor < p->attached_count; s->cursor++) {
		struct attachment *a = &p->attached[s->cursor];

		/* One that leaves is told when it is detached. */
		if (!a->is_up || a->member->state != MEMBER_RUNNING)
			continue;
		path_drain(p->w->path, a->member->instance, a->port_state, quietened, s);
		return STEP_WAITS;
	}
	return 0;
}

static int quiet(struct step *s, struct xvs_error *err)
{
	struct port *p = s->port;

	(void)err;
	if (p->is_guarded && p->path_port->conf->ingress.conn_place == CHAIN_MAX) {
		conn_port_close(path_conns(p->w->path), p->id);
		p->is_guarded = false;
	}
	return port_is_up(p) ? 0 : quieten(s);
}

const struct step_ops step_port_quiet = { quiet, NULL, NULL };

/* ---- a port goes --------------------------------------------------------------------------------- */

static void down_free(struct step *s)
{
	if (s->t->code != 0)
		return;
	port_forget(s->port);
	port_destroy(s->port);
}

const struct step_ops step_port_down = { take_down, NULL, down_free };
