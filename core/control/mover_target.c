/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/mover_target.c - a port that comes: its keys and policies are checked as an operator's are, and
 * it is made by the same transaction, closed.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"
#include "config/document.h"
#include "control/mover_part.h"
#include "switch/departure.h"

/* ---- what the peer may ask for ----------------------------------------------------------------------- */

static const struct expectation *expected_for(const struct mover *m, const struct arrival *a)
{
	for (size_t i = 0; i < EXPECTATIONS; i++) {
		const struct expected *x = &m->expected[i];

		if (x->until_ns >= clock_ns() && memcmp(x->e.uuid, a->uuid, WIRE_ID) == 0 &&
		    (x->e.peer[0] == '\0' || strcmp(x->e.peer, a->peer) == 0) &&
		    (x->e.switch_name[0] == '\0' || strcmp(x->e.switch_name, a->switch_name) == 0))
			return &x->e;
	}
	return NULL;
}

static bool is_expected_from_another(const struct mover *m, const struct arrival *a)
{
	for (size_t i = 0; i < EXPECTATIONS; i++) {
		const struct expected *x = &m->expected[i];

		if (x->until_ns >= clock_ns() && memcmp(x->e.uuid, a->uuid, WIRE_ID) == 0 &&
		    x->e.peer[0] && strcmp(x->e.peer, a->peer) != 0)
			return true;
	}
	return false;
}

static enum owner owner_of(const struct mover *m, const struct arrival *a)
{
	const struct expectation *e = expected_for(m, a);

	return e ? e->owner : OWNER_API;
}

/* Beside the control socket, where sockets of this daemon are anyway. */
static bool is_our_place(const struct mover *m, const char *socket)
{
	const char *ours = m->control->socket;
	const char *slash = ours ? strrchr(ours, '/') : NULL;
	size_t len = slash ? (size_t)(slash - ours) + 1 : 0;

	return len > 0 && strncmp(socket, ours, len) == 0 && !strchr(socket + len, '/') &&
	       strcmp(socket, ours) != 0;
}

static void judge_backend(const struct mover *m, const struct port_spec *p, struct arrival *a)
{
	const struct backend_spec *b = &p->backend;
	static const char hint[] = "say what it gets here with migrate.expect";

	if (strcmp(b->kind, "null") == 0)
		return;
	if (strcmp(b->kind, "tap") == 0) {
		if (b->netns[0] == '/')
			(void)finding_add(a->findings, "backend",
					  "a peer may not name a network namespace by path; %s",
					  hint);
		if (b->device[0] && b->netns[0] == '\0' && if_nametoindex(b->device) != 0)
			(void)finding_add(a->findings, "backend", "device %s is there already; %s",
					  b->device, hint);
		return;
	}
	if (strcmp(b->kind, "vhost-user") == 0 && is_our_place(m, b->socket))
		return;
	(void)finding_add(a->findings, "backend", "a peer may not ask for %s %s; %s", b->kind,
			  b->socket[0] ? b->socket : b->device, hint);
}

/* ---- the port as it will be -------------------------------------------------------------------------- */

static void on_left(void *arg, const char *what, const char *why)
{
	struct arrival *a = arg;

	(void)finding_add(a->left, what, "%s", why);
}

static void on_finding(void *arg, const char *what, const char *why)
{
	struct arrival *a = arg;

	(void)finding_add(a->findings, what, "%s", why);
}

/* The keys as they count here; new. */
static json_t *keys_of(const struct expectation *e, const struct arrival *a)
{
	json_t *keys = json_deep_copy(json_object_get(a->offer, "port"));

	(void)json_object_del(keys, "policies");
	(void)json_object_del(keys, "group");
	if (e && e->backend)
		(void)json_object_set(keys, "backend", e->backend);
	if (e && e->name[0])
		(void)json_object_set_new(keys, "name", json_string(e->name));
	return keys;
}

/* NULL: the findings say why, or there is no memory. */
static struct port_spec *spec_read(struct mover *m, struct arrival *a)
{
	const struct expectation *e = expected_for(m, a);
	json_t *keys = keys_of(e, a);
	struct diags *d = calloc(1, sizeof(*d));
	struct port_spec *spec = calloc(1, sizeof(*spec));
	struct node *document = keys && d ? node_from_json(keys, d) : NULL;
	bool is_good = document && spec && document_read_port(document, PORT_GUEST, spec, d);

	for (size_t i = 0; d && i < d->count && i < DIAG_MAX; i++)
		(void)finding_add(a->findings, "port", "%s", d->items[i].text);
	if (is_good && (!spec->has_uuid || memcmp(spec->uuid, a->uuid, WIRE_ID) != 0))
		(void)finding_add(a->findings, "port", "its UUID is not that of the move");
	if (is_good && is_expected_from_another(m, a))
		(void)finding_add(a->findings, "port", "it is expected from another host");
	if (is_good && !(e && e->backend))
		judge_backend(m, spec, a);
	json_decref(keys);
	node_destroy(document);
	free(d);
	if (!is_good) {
		free(spec);
		return NULL;
	}
	(void)snprintf(a->target, sizeof(a->target), "%s/%s", a->switch_name, spec->name);
	return spec;
}

static struct port_spec *arrival_spec(struct mover *m, struct arrival *a)
{
	struct port_spec *spec = spec_read(m, a);

	if (!spec)
		return NULL;
	spec->policies = departure_read(m->control->world, json_object_get(a->offer, "policies"),
					on_left, on_finding, a);
	if (spec->policies)
		return spec;
	port_spec_finish(spec);
	free(spec);
	return NULL;
}

/* ---- admit ------------------------------------------------------------------------------------------- */

static void judge_formats(struct mover *m, struct arrival *a)
{
	struct bundle_owner *owners = calloc(BUNDLE_OWNERS_MAX, sizeof(*owners));

	for (size_t i = 0; owners && i < a->owner_count; i++)
		owner_out(&a->owners[i], &owners[i]);
	if (owners)
		bundle_formats(m->control->world, a->switch_name, owners, a->owner_count);
	for (size_t i = 0; i < a->owner_count; i++)
		a->owners[i].format = owners ? owners[i].format : 0;
	free(owners);
	bundle_nat_judge(m->control->world, a->switch_name, json_object_get(a->offer, "nat"),
			 on_left, a);
}

/* The last turn: the world has the port from here on. */
static void ask(struct errand *e)
{
	struct mover *m = e->m;
	struct arrival *a = e->arrival;
	struct port_spec *spec = e->spec;
	char what[CONTENT_TARGET + 300];
	struct wish wish;

	spec->is_held = true;
	e->spec = NULL;
	(void)snprintf(what, sizeof(what), "%s %s %s from %s", e->is_trial ? "may port" : "port",
		       a->target, e->is_trial ? "come" : "comes", a->peer);
	if (errand_wish(e, what, &wish, e->is_trial)) {
		world_port_add(m->control->world, a->switch_name, spec, owner_of(m, a), &wish);
		return;
	}
	port_spec_finish(spec);
	free(spec);
}

static void admit_ask(struct errand *e)
{
	judge_formats(e->m, e->arrival);
	ask(e);
}

static void admit_read(struct errand *e)
{
	struct arrival *a = e->arrival;
	struct xvs_error err = ERROR_INIT;

	e->spec = arrival_spec(e->m, a);
	if (e->spec) {
		errand_turn(e, admit_ask);
		return;
	}
	(void)error_set(&err, -ENOMEM, "", "out of memory");
	errand_fail(e, json_array_size(a->findings) ? 0 : -ENOMEM, &err);
}

/* Each part of it takes as long as 10,000 rules take: others have their turn in between. */
static void admit(void *host, struct arrival *a, content_done done, void *arg)
{
	struct errand *e = errand_create(host, done, arg);

	if (!e)
		return;
	e->arrival = a;
	e->is_trial = true;
	errand_turn(e, admit_read);
}

/* ---- prepare ----------------------------------------------------------------------------------------- */

/* What can be said with the port in place alone; it must be what was said without. */
static int weigh(struct errand *e, struct xvs_error *err)
{
	struct arrival *a = e->arrival;
	struct bundle_owner *owners = calloc(BUNDLE_OWNERS_MAX, sizeof(*owners));
	int code;

	if (!owners)
		return error_set(err, -ENOMEM, "", "out of memory");
	for (size_t i = 0; i < a->owner_count; i++)
		owner_out(&a->owners[i], &owners[i]);
	code = bundle_admit(e->m->control->world, a->target, owners, a->owner_count, err);
	for (size_t i = 0; code == 0 && i < a->owner_count; i++)
		if (owners[i].format != a->owners[i].format)
			code = error_set(err, -EINVAL, "",
					 "port %s: nothing reads the state of %s there now",
					 a->target, a->owners[i].id);
	free(owners);
	return code;
}

static void prepare_ask(struct errand *e)
{
	e->then = weigh;
	ask(e);
}

static void prepare_print(struct errand *e)
{
	if (e->spec->said)
		changelog_prepare(e->m->control->log, e->spec->said);
	errand_turn(e, prepare_ask);
}

/* They have been read for the last time. */
static void prepare_forget(struct errand *e)
{
	(void)json_object_del(e->arrival->offer, "policies");
	errand_turn(e, prepare_print);
}

static void prepare_say(struct errand *e)
{
	port_spec_say(e->spec);
	errand_turn(e, prepare_forget);
}

static void prepare_read(struct errand *e)
{
	struct arrival *a = e->arrival;
	struct xvs_error err = ERROR_INIT;

	e->spec = arrival_spec(e->m, a);
	/* the world may be another one than when it was admitted */
	if (e->spec && json_array_size(a->findings) == 0) {
		errand_turn(e, prepare_say);
		return;
	}
	(void)error_set(&err, -EINVAL, "", "port %s cannot be made any more", a->target);
	errand_fail(e, -EINVAL, &err);
}

static void prepare(void *host, struct arrival *a, content_done done, void *arg)
{
	struct errand *e = errand_create(host, done, arg);

	if (!e)
		return;
	e->arrival = a;
	errand_turn(e, prepare_read);
}

/* ---- rounds and the end ------------------------------------------------------------------------------ */

static int restore(void *host, const char *target, const struct content_record *r,
		   struct xvs_error *err)
{
	struct mover *m = host;
	const struct bundle_record record = { .owner = r->owner,
					      .format = r->format,
					      .critical = r->is_critical,
					      .data = r->data,
					      .len = r->len };

	return bundle_restore(m->control->world, target, &record, err);
}

static void on_untaken(void *arg, const char *what, const char *why)
{
	(void)finding_add(arg, what, "%s", why);
}

static void untaken(void *host, const char *target, json_t *list)
{
	struct mover *m = host;

	bundle_untaken(m->control->world, target, on_untaken, list);
}

static int open_port(void *host, const char *target, struct xvs_error *err)
{
	struct mover *m = host;
	struct world *w = m->control->world;

	/* Opened before, and then the answer was lost. */
	if (world_port_id(w, target) != 0 && !bundle_is_held(w, target))
		return 0;
	return bundle_open_port(w, target, err);
}

static int settle(void *host, const char *target, struct xvs_error *err)
{
	struct mover *m = host;
	struct control *c = m->control;
	json_t *lines = json_array();
	struct change change = { .lines = lines };

	(void)json_array_append_new(lines, json_sprintf("+ port %s has come and is open", target));
	control_changed(c, &change);
	json_decref(lines);
	if (c->problems.journal[0] == '\0')
		return 0;
	return error_set(err, -EIO, "", "%.180s", c->problems.journal);
}

static void discard(void *host, const char *target, content_done done, void *arg)
{
	struct mover *m = host;
	struct xvs_error err = ERROR_INIT;
	char what[CONTENT_TARGET + 64];
	struct wish wish;
	struct errand *e;

	/* Never made, or another port has the name: that one is not ours to remove. */
	if (!bundle_is_held(m->control->world, target)) {
		done(arg, 0, &err);
		return;
	}
	e = errand_create(host, done, arg);
	if (!e)
		return;
	bundle_discard(e->m->control->world, target);
	(void)snprintf(what, sizeof(what), "port %s does not come after all", target);
	if (errand_wish(e, what, &wish, false))
		world_port_leave(e->m->control->world, target, &wish);
}

static void deliver(void *host, const char *target, const uint8_t *frame, size_t len)
{
	struct mover *m = host;

	(void)bundle_deliver(m->control->world, target, frame, len);
}

static bool may_place(void *host, const char *peer, const char *switch_name)
{
	const struct mover *m = host;

	for (size_t i = 0; i < m->spec.peer_count; i++) {
		const struct peer_spec *p = &m->spec.peers[i];

		for (size_t n = 0; strcmp(p->name, peer) == 0 && n < p->switch_count; n++)
			if (strcmp(p->switches[n], switch_name) == 0)
				return true;
	}
	return false;
}

const struct content_target_ops mover_target = {
	.admit = admit,
	.prepare = prepare,
	.restore = restore,
	.untaken = untaken,
	.open = open_port,
	.settle = settle,
	.discard = discard,
	.deliver = deliver,
	.may_place = may_place,
};
