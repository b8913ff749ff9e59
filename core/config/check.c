/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/check.c - what no single value can say.
 *
 * Whatever two objects cannot both have is a claim: a text, and who claims it.  Claims are sorted,
 * and equal ones stand side by side, whether they are names, UUIDs, devices or files.
 */
#include "config/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/keys.h"

void check_refuse(const struct switch_spec *s, struct position at, struct diags *d,
		  const char *part, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	diag_add_at(d, at.line, at.column, "switch %s: %s: %s", s->name, part, text);
}

struct claim {
	char *text; /* "lab\tname vm1": where it counts, then what messages call it */
	const struct switch_spec *owner;
	const char *what; /* "port" */
	const char *name;
	struct position at;
	size_t nr; /* order in the document */
};

struct claims {
	struct claim *items;
	size_t count;
	size_t room;
	bool has_failed;
};

static bool claims_reserve(struct claims *c)
{
	size_t room = c->room ? c->room * 2 : 64;
	struct claim *grown;

	if (c->count < c->room)
		return true;
	grown = realloc(c->items, room * sizeof(*grown));
	if (!grown)
		return false;
	c->items = grown;
	c->room = room;
	return true;
}

/* Adds 'by' with a text made of the format. */
static void claim_add(struct claims *c, struct claim by, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void claim_add(struct claims *c, struct claim by, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = claims_reserve(c) ? vasprintf(&by.text, format, args) : -1;
	va_end(args);
	if (len < 0) {
		c->has_failed = true;
		return;
	}
	by.nr = c->count;
	c->items[c->count++] = by;
}

static int by_text(const void *a, const void *b)
{
	const struct claim *left = a;
	const struct claim *right = b;
	int order = strcmp(left->text, right->text);

	return order ? order : left->nr < right->nr ? -1 : 1;
}

static bool is_switch(const struct claim *c)
{
	return c->name == c->owner->name;
}

static void refuse_claim(const struct claim *first, const struct claim *second, struct diags *d)
{
	const char *called = strchr(second->text, '\t') + 1;
	char where[160] = "";
	char line[32] = "";
	char of[96] = "";

	if (!is_switch(second))
		(void)snprintf(where, sizeof(where), "%s %s: ", second->what, second->name);
	if (!is_switch(first))
		(void)snprintf(of, sizeof(of), " of switch %s", first->owner->name);
	if (first->at.line != 0)
		(void)snprintf(line, sizeof(line), ", on line %u", first->at.line);
	diag_add_at(d, second->at.line, second->at.column,
		    "switch %s: %s%s is taken already by %s %s%s%s", second->owner->name, where,
		    called, first->what, first->name, of, line);
}

static void claims_settle(struct claims *c, struct diags *d)
{
	if (c->has_failed)
		diag_add(d, NULL, "out of memory");
	if (c->count > 0)
		qsort(c->items, c->count, sizeof(*c->items), by_text);
	for (size_t i = 1; i < c->count; i++) {
		if (strcmp(c->items[i - 1].text, c->items[i].text) == 0)
			refuse_claim(&c->items[i - 1], &c->items[i], d);
	}
	for (size_t i = 0; i < c->count; i++)
		free(c->items[i].text);
	free(c->items);
}

static void claim_name(struct claims *c, struct claim by, const char *kind)
{
	if (by.name[0] != '\0')
		claim_add(c, by, "%s/%s\tname %s", by.owner->name, kind, by.name);
}

static void claim_uuid(struct claims *c, struct claim by, const uint8_t uuid[16])
{
	char text[UUID_TEXT];

	claim_add(c, by, "\tuuid %s", uuid_print(uuid, text));
}

/* A name is taken where the device lives: a tap in a namespace passes our own by another name. */
static void claim_backend(struct claims *c, struct claim by, const struct backend_spec *b)
{
	const char *inner = b->peer_name[0] != '\0' ? b->peer_name : b->device;

	if (b->device[0] != '\0' && b->netns[0] == '\0')
		claim_add(c, by, "\tdevice %s", b->device);
	if (b->netns[0] != '\0')
		claim_add(c, by, "\tdevice %s of network namespace %s", inner, b->netns);
	if (b->socket[0] != '\0')
		claim_add(c, by, "\tsocket %s", b->socket);
	if (b->write_file[0] != '\0')
		claim_add(c, by, "\tfile %s", b->write_file);
}

static void claim_port(struct claims *c, const struct switch_spec *s, const struct port_spec *p)
{
	struct claim by = {
		.owner = s, .what = section_of_role(p->role)->what, .name = p->name, .at = p->at
	};

	claim_name(c, by, "port");
	if (p->has_uuid)
		claim_uuid(c, by, p->uuid);
	claim_backend(c, by, &p->backend);
}

static void claim_instance(struct claims *c, const struct switch_spec *s,
			   const struct chain_spec *i)
{
	struct claim by = { .owner = s, .what = "instance", .name = i->instance, .at = i->at };

	claim_name(c, by, "instance");
	if (i->extension[0] != '\0')
		claim_add(c, by, "%s\textension %s", s->name, i->extension);
}

static void claim_switch(struct claims *c, const struct switch_spec *s)
{
	struct claim by = { .owner = s, .what = "switch", .name = s->name, .at = s->at };

	if (s->name[0] != '\0')
		claim_add(c, by, "\tname %s", s->name);
	if (s->has_uuid)
		claim_uuid(c, by, s->uuid);
	for (size_t i = 0; i < s->chain_count; i++)
		claim_instance(c, s, &s->chain[i]);
	for (size_t i = 0; i < s->group_count; i++) {
		struct claim group = { .owner = s,
				       .what = "group",
				       .name = s->groups[i].name,
				       .at = s->groups[i].at };

		claim_name(c, group, "group");
	}
	for (size_t i = 0; i < s->port_count; i++)
		claim_port(c, s, &s->ports[i]);
	if (switch_spec_has_team(s))
		claim_port(c, s, &s->team.port);
}

/* ---- one switch ------------------------------------------------------------------------------- */

static void refuse_role(const struct switch_spec *s, const struct port_spec *p, const char *type,
			const char *others, struct diags *d)
{
	diag_add_at(d, p->at.line, p->at.column,
		    "switch %s: %s %s: a switch of type %s has none, only a switch of type %s has",
		    s->name, section_of_role(p->role)->what, p->name, type, others);
}

static void check_role(const struct switch_spec *s, const struct port_spec *p, struct diags *d)
{
	if (p->role == PORT_UPLINK && s->type == SWITCH_PRIVATE)
		refuse_role(s, p, "private", "external or nat", d);
	else if (p->role == PORT_UPLINK && s->type == SWITCH_INTERNAL)
		refuse_role(s, p, "internal", "external or nat", d);
	else if (p->role == PORT_HOST && s->type == SWITCH_PRIVATE)
		refuse_role(s, p, "private", "external, internal or nat", d);
}

static size_t takers_of(const struct switch_spec *s)
{
	size_t count = 0;

	for (size_t i = 0; i < s->port_count; i++)
		count += s->ports[i].takes_addresses;
	return count;
}

static bool has_uplink(const struct switch_spec *s)
{
	for (size_t i = 0; i < s->port_count; i++) {
		if (s->ports[i].role == PORT_UPLINK)
			return true;
	}
	return false;
}

static void check_taker(const struct switch_spec *s, const struct port_spec *p, struct diags *d)
{
	const char *why = NULL;

	if (!p->takes_addresses)
		return;
	if (s->type != SWITCH_EXTERNAL || !has_uplink(s))
		why = "there is no uplink of a switch of type external to take them from";
	else if (p->address[0])
		why = "it has an address of its own; remove that, or take_addresses";
	else if (p->backend.netns[0])
		why = "it would take them to another network namespace; remove netns";
	else if (takers_of(s) > 1)
		why = "only one host port of a switch can";
	if (why)
		diag_add_at(d, p->at.line, p->at.column,
			    "switch %s: host port %s cannot take addresses: %s", s->name, p->name,
			    why);
}

static bool has_group(const struct switch_spec *s, const char *name)
{
	for (size_t i = 0; i < s->group_count; i++) {
		if (strcmp(s->groups[i].name, name) == 0)
			return true;
	}
	return false;
}

static const char *nearest_group(const struct switch_spec *s, const char *name)
{
	const char **names = s->group_count ? calloc(s->group_count, sizeof(*names)) : NULL;
	const char *nearest;

	if (!names)
		return NULL;
	for (size_t i = 0; i < s->group_count; i++)
		names[i] = s->groups[i].name;
	nearest = str_nearest(name, names, s->group_count);
	free(names);
	return nearest;
}

static void check_group(const struct switch_spec *s, const struct port_spec *p, struct diags *d)
{
	const char *nearest;

	if (p->group[0] == '\0' || has_group(s, p->group))
		return;
	nearest = nearest_group(s, p->group);
	diag_add_at(d, p->at.line, p->at.column, "switch %s: %s %s: the switch has no group %s%s%s",
		    s->name, section_of_role(p->role)->what, p->name, p->group,
		    nearest ? ", the nearest is " : "", nearest ? nearest : "");
}

static void check_ports(const struct switch_spec *s, struct diags *d)
{
	check_nat(s, d);
	check_dhcp(s, d);
	check_team(s, d);
	for (size_t i = 0; i < s->port_count; i++) {
		check_role(s, &s->ports[i], d);
		check_group(s, &s->ports[i], d);
		check_taker(s, &s->ports[i], d);
		check_backend(s, &s->ports[i], d);
	}
	check_group(s, &s->team.port, d);
}

void check_switch(const struct switch_spec *s, struct diags *d)
{
	struct claims c = { .items = NULL };

	check_ports(s, d);
	claim_switch(&c, s);
	claims_settle(&c, d);
}

void check_config(const struct config_spec *spec, struct diags *d)
{
	struct claims c = { .items = NULL };

	check_mac_pool(&spec->daemon.mac_pool, d);
	check_migration(spec, d);
	check_trust(&spec->extensions, d);
	check_network(&spec->extensions.network, d);
	for (size_t i = 0; i < spec->switch_count; i++) {
		check_ports(&spec->switches[i], d);
		claim_switch(&c, &spec->switches[i]);
	}
	claims_settle(&c, d);
}
