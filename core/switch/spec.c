/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/spec.c - freeing and copying of what is wanted.
 *
 * A copy starts as the bytes of the original with every pointer set to nothing, so that finishing
 * a half-made copy after want of memory frees what it owns and no more.
 */
#include "switch/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/schema.h"

const char *owner_name(enum owner o)
{
	switch (o) {
	case OWNER_FILE:
		return "file";
	case OWNER_API:
		return "api";
	case OWNER_HV:
		return "hv";
	case OWNER_FABRIC:
		return "fabric";
	case OWNER_EXTENSION:
		return "extension";
	}
	return "unknown";
}

/* A new array of the same bytes; NULL for an empty one, or with *err set. */
static void *array_copy(const void *items, size_t count, size_t size, int *err)
{
	void *copy;

	if (count == 0)
		return NULL;
	copy = calloc(count, size);
	if (!copy) {
		*err = -ENOMEM;
		return NULL;
	}
	return memcpy(copy, items, count * size);
}

static struct node *policies_copy(const struct node *policies, int *err)
{
	struct node *copy = node_copy(policies);

	if (policies && !copy)
		*err = -ENOMEM;
	return copy;
}

void port_spec_finish(struct port_spec *s)
{
	if (!s)
		return;
	free(s->requires);
	node_destroy(s->policies);
	json_decref(s->said);
	*s = (struct port_spec){ .requires = NULL };
}

void port_spec_say(struct port_spec *s)
{
	if (s->policies && !s->said)
		s->said = node_to_json(s->policies);
}

int port_spec_copy(const struct port_spec *from, struct port_spec *to)
{
	struct port_spec copy = *from;
	int err = 0;

	copy.requires =
		array_copy(from->requires, from->require_count, sizeof(*from->requires), &err);
	copy.policies = policies_copy(from->policies, &err);
	copy.said = NULL;
	if (err) {
		port_spec_finish(&copy);
		return err;
	}
	*to = copy;
	return 0;
}

static void group_spec_finish(struct group_spec *s)
{
	free(s->override);
	node_destroy(s->policies);
}

static void chain_spec_finish(struct chain_spec *s)
{
	node_destroy(s->policies);
}

void switch_spec_finish(struct switch_spec *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->chain_count; i++)
		chain_spec_finish(&s->chain[i]);
	for (size_t i = 0; i < s->group_count; i++)
		group_spec_finish(&s->groups[i]);
	for (size_t i = 0; i < s->port_count; i++)
		port_spec_finish(&s->ports[i]);
	free(s->chain);
	free(s->groups);
	free(s->ports);
	port_spec_finish(&s->team.port);
	node_destroy(s->policies);
	nat_spec_finish(&s->nat);
	dhcp_spec_finish(&s->dhcp);
	*s = (struct switch_spec){ .chain = NULL };
}

bool switch_spec_has_team(const struct switch_spec *s)
{
	size_t uplinks = 0;

	for (size_t i = 0; i < s->port_count; i++)
		uplinks += s->ports[i].role == PORT_UPLINK;
	return s->team.is_wanted || uplinks > 1;
}

/* The counts grow with what has been copied, so that a half-made copy can be finished. */
static int chain_copy(const struct switch_spec *from, struct switch_spec *to)
{
	int err = 0;

	to->chain = array_copy(from->chain, from->chain_count, sizeof(*from->chain), &err);
	for (size_t i = 0; err == 0 && i < from->chain_count; i++) {
		to->chain[i].policies = policies_copy(from->chain[i].policies, &err);
		to->chain_count = i + 1;
	}
	return err;
}

static int groups_copy(const struct switch_spec *from, struct switch_spec *to)
{
	int err = 0;

	to->groups = array_copy(from->groups, from->group_count, sizeof(*from->groups), &err);
	for (size_t i = 0; err == 0 && i < from->group_count; i++) {
		const struct group_spec *group = &from->groups[i];

		to->groups[i].override = array_copy(group->override, group->override_count,
						    sizeof(*group->override), &err);
		to->groups[i].policies = policies_copy(group->policies, &err);
		to->group_count = i + 1;
	}
	return err;
}

static int ports_copy(const struct switch_spec *from, struct switch_spec *to)
{
	int err = 0;

	to->ports = array_copy(from->ports, from->port_count, sizeof(*from->ports), &err);
	for (size_t i = 0; err == 0 && i < from->port_count; i++) {
		err = port_spec_copy(&from->ports[i], &to->ports[i]);
		if (err == 0)
			to->port_count = i + 1;
	}
	return err;
}

int switch_spec_copy(const struct switch_spec *from, struct switch_spec *to)
{
	struct switch_spec copy = *from;
	int err = 0;

	copy.chain = NULL;
	copy.groups = NULL;
	copy.ports = NULL;
	copy.team.port.requires = NULL;
	copy.team.port.policies = NULL;
	copy.chain_count = copy.group_count = copy.port_count = 0;
	copy.nat = (struct nat_spec){ .inside = "" };
	copy.dhcp = (struct dhcp_spec){ .range = "" };
	copy.policies = policies_copy(from->policies, &err);
	if (err == 0)
		err = nat_spec_copy(&from->nat, &copy.nat);
	if (err == 0)
		err = dhcp_spec_copy(&from->dhcp, &copy.dhcp);
	if (err == 0)
		err = chain_copy(from, &copy);
	if (err == 0)
		err = groups_copy(from, &copy);
	if (err == 0)
		err = ports_copy(from, &copy);
	if (err == 0)
		err = port_spec_copy(&from->team.port, &copy.team.port);
	if (err) {
		switch_spec_finish(&copy);
		return err;
	}
	*to = copy;
	return 0;
}

static void extensions_spec_finish(struct extensions_spec *s)
{
	for (size_t i = 0; i < s->path_count; i++)
		free(s->path[i]);
	free(s->path);
	trust_spec_finish(&s->trust);
	network_spec_finish(&s->network);
}

void config_spec_destroy(struct config_spec *s)
{
	if (!s)
		return;
	free(s->daemon.cores);
	extensions_spec_finish(&s->extensions);
	migration_spec_finish(&s->migration);
	for (size_t i = 0; i < s->switch_count; i++)
		switch_spec_finish(&s->switches[i]);
	free(s->switches);
	free(s);
}
