/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/trial.c - the life of an extension, in pieces that rules put together. */
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { PORTS = 3, SETTLE_MS = 20 };

static struct lab_port ports[PORTS] = {
	{ .name = "vm1", .has_mac = true },
	{ .name = "vm2", .has_mac = true },
	{ .name = "up0", .is_uplink = true },
};

static uint64_t seen; /* in whatever order ports had their turns */

uint64_t trial_seen(void)
{
	return seen;
}

void trial_forget_seen(void)
{
	seen = 0;
}

static char dropped[160];

const char *trial_dropped(void)
{
	return dropped;
}

static void on_ended(void *arg, const struct lab_event *e)
{
	const uint32_t words[] = { (uint32_t)e->end, e->port, e->stage, e->len };

	(void)arg;
	if (e->end == LAB_DROPPED)
		(void)snprintf(dropped, sizeof(dropped), "%s: %s", e->by ? e->by : "the switch",
			       e->reason);
	seen += hash_lasting(e->bytes, e->len,
			     hash_lasting(words, sizeof(words), HASH_LASTING_EMPTY));
}

/* ---- policies -------------------------------------------------------------------------------------- */

/* A value that its schema allows: the least, or (is_other) the greatest; NULL: the default will do. */
static struct node *some_value(const struct xvs_field *f, bool is_other)
{
	const char *const *names = f->names.items;
	char text[32];

	switch (f->type) {
	case XVS_BOOL:
		return node_scalar(is_other && !f->dflt ? "true" : "false");
	case XVS_U32:
	case XVS_U64:
		(void)snprintf(text, sizeof(text), "%llu",
			       (unsigned long long)(is_other ? f->max : f->min));
		return node_scalar(text);
	case XVS_ENUM:
		return f->names.count ? node_scalar(names[is_other ? f->names.count - 1 : 0])
				      : NULL;
	case XVS_MAC:
		return node_scalar("52:54:00:00:00:01");
	case XVS_IP:
		return node_scalar("10.0.0.1");
	case XVS_TEXT:
		return node_scalar("a");
	default:
		return node_create(NODE_LIST);
	}
}

/* Fields that must be given; of another value, all numbers and choices. */
static struct node *some_policy(const struct xvs_feature *feature, bool is_other)
{
	struct node *map = node_create(NODE_MAP);
	const struct xvs_field *fields = feature->fields.items;

	for (uint32_t i = 0; map && i < feature->fields.count; i++) {
		const struct xvs_field *f = &fields[i];
		const bool is_plain = f->type != XVS_LIST && f->type != XVS_TEXT &&
				      f->type != XVS_MAC && f->type != XVS_IP;

		if (f->flags & XVS_FIELD_REQUIRED || (is_other && is_plain))
			(void)node_append(map, f->name, some_value(f, is_other));
	}
	return map;
}

/* Those of ports for guests alone: an uplink may have no adapter, or must not be restricted. */
static struct node *own_policies(const struct extension *ext)
{
	struct node *map = node_create(NODE_MAP), *of_ports = node_create(NODE_MAP);
	struct node *guests[PORTS - 1];

	for (unsigned n = 0; n < PORTS - 1; n++) {
		guests[n] = node_create(NODE_MAP);
		(void)node_append(of_ports, ports[n].name, guests[n]);
	}
	(void)node_append(map, "ports", of_ports);
	for (uint32_t i = 0; i < ext->feature_count; i++) {
		const struct xvs_feature *f = &ext->features[i];

		if (f->kind != XVS_SETTING)
			continue;
		if (!(f->scope & XVS_PER_PORT))
			(void)node_append(map, f->id, some_policy(f, false));
		for (unsigned n = 0; f->scope & XVS_PER_PORT && n < PORTS - 1; n++)
			(void)node_append(guests[n], f->id, some_policy(f, false));
	}
	return map;
}

/* The feature that a sentence is about goes.  False: it is about none. */
static bool give_up_one(struct trial *t, const char *text)
{
	const struct node *of_ports = node_get(t->policies, "ports");

	for (uint32_t i = 0; i < t->ext->feature_count; i++) {
		const char *id = t->ext->features[i].id;
		bool is_there;

		if (!strstr(text, id))
			continue;
		is_there = node_remove(t->policies, id);
		for (unsigned n = 0; n < PORTS - 1; n++)
			is_there |= node_remove(node_get(of_ports, ports[n].name), id);
		if (is_there)
			return true;
	}
	return false;
}

/* ---- the beginning --------------------------------------------------------------------------------- */

bool trial_begin(struct trial *t, unsigned what)
{
	struct xvs_error err = ERROR_INIT;
	uint32_t count;

	t->d = calloc(1, sizeof(*t->d));
	lab_seed(1);
	for (unsigned i = 0; i < PORTS - 1; i++)
		frame_mac(i, ports[i].mac);
	watch_enter("dlopen");
	if (lab_load(t->path, &t->module, &err)) {
		watch_find("%s", err.text);
		return false;
	}
	watch_leave();
	t->ext = &module_extensions(t->module, &count)[t->index];
	watch_record->extensions = count;
	(void)snprintf(watch_record->extension, sizeof(watch_record->extension), "%s", t->ext->id);
	t->watched = watch_wrap(t->ext, what);
	t->chain[0] = t->watched;
	t->policies = t->given ? node_copy(t->given) : own_policies(t->ext);
	return true;
}

static struct lab *make(struct trial *t, enum lab_kind kind)
{
	const bool is_set = kind == LAB_SET || kind == LAB_HELD;
	const struct lab_config c = { .chain = t->chain,
				      .chain_count = kind == LAB_EMPTY ? 0 : 1,
				      .ports = ports,
				      .port_count = PORTS,
				      .policies = is_set ? t->policies : NULL,
				      .policy_file = t->policy_file,
				      .is_held = kind == LAB_HELD,
				      .ended = on_ended };
	struct lab *lab = NULL;

	memset(t->d, 0, sizeof(*t->d));
	t->d->file = t->policy_file;
	return lab_create(&c, &lab, t->d) ? NULL : lab;
}

struct lab *trial_lab(struct trial *t, enum lab_kind kind)
{
	struct lab *lab = make(t, kind);
	char text[512];

	/* what it refuses of values that its schema allows is not asked for: it may know better */
	while (!lab && kind == LAB_SET && !t->given &&
	       give_up_one(t, diag_print(t->d, 0, text, sizeof(text))))
		lab = make(t, kind);
	return lab;
}

struct lab *trial_need(struct trial *t, enum lab_kind kind)
{
	struct lab *lab = trial_lab(t, kind);
	char text[FINDING_BYTES];

	if (!lab)
		watch_find("it is refused, and cannot be tried: %s; give its policies by --policy",
			   diag_print(t->d, 0, text, sizeof(text)));
	return lab;
}

/* ---- pieces ---------------------------------------------------------------------------------------- */

void trial_traffic(struct trial *t, struct lab *lab, uint32_t count, bool is_mutated)
{
	static struct frame f;

	for (uint32_t i = 0; i < count; i++) {
		frame_make(&t->random, &f);
		if (is_mutated)
			frame_mutate(&t->random, &f);
		(void)lab_send(lab, f.port, f.bytes, f.len);
		if (i % 8 == 7)
			lab_run(lab);
		if (watch_has_found())
			break;
	}
	lab_run(lab);
	lab_settle(lab, SETTLE_MS);
}

void trial_change(struct trial *t, struct lab *lab, bool is_tried)
{
	for (uint32_t i = 0; i < t->ext->feature_count; i++) {
		const struct xvs_feature *f = &t->ext->features[i];

		if (f->kind == XVS_SETTING && f->scope & XVS_PER_PORT)
			(void)lab_set(lab, "vm1", f->id, some_policy(f, true), is_tried);
	}
}

void trial_enable(struct trial *t, struct lab *lab, bool on)
{
	(void)lab_enable(lab, t->ext->id, on);
}

void trial_remove(struct trial *t, struct lab *lab, const char *port)
{
	(void)t;
	(void)lab_remove(lab, port);
}

/* Each order of coming and going that a switch has. */
static bool live_through(struct trial *t, struct lab *lab)
{
	struct xvs_error err = ERROR_INIT;
	struct lab *other;

	trial_traffic(t, lab, 64, false);
	trial_change(t, lab, true);
	trial_change(t, lab, false);
	trial_traffic(t, lab, 32, false);
	other = trial_lab(t, LAB_HELD);
	if (other) {
		(void)lab_move(lab, other, &err); /* that it refuses is not this rule's matter */
		trial_traffic(t, other, 32, false);
		lab_destroy(other);
	}
	json_decref(lab_stats(lab));
	trial_enable(t, lab, false);
	trial_traffic(t, lab, 8, false);
	trial_enable(t, lab, true);
	trial_traffic(t, lab, 32, false);
	trial_remove(t, lab, "vm2");
	trial_traffic(t, lab, 8, false);
	return true;
}

bool trial_live(struct trial *t)
{
	struct lab *lab = trial_lab(t, LAB_SET);

	if (!lab)
		return false;
	(void)live_through(t, lab);
	lab_destroy(lab);
	lab = trial_lab(t, LAB_BARE);
	if (lab)
		trial_traffic(t, lab, 16, false);
	lab_destroy(lab);
	return true;
}
