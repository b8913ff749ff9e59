/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/print.c - what is wanted as a document again, by the tables that read it.
 */
#include "config/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/keys.h"

/* NOLINTBEGIN(misc-no-recursion): as deep as the tables of keys.c. */

static struct node *section_node(const struct section *s, const void *structure);

/* What a key prints: 'node' is NULL where there is nothing to say, or for want of memory. */
struct printed {
	struct node *node;
	bool has_failed;
};

static const struct printed nothing = { NULL, false };

static struct printed printed(struct node *n)
{
	return (struct printed){ n, !n };
}

static struct printed print_text(const struct key *k, const void *structure)
{
	const char *text = key_of(k->offset, structure);

	return text[0] == '\0' ? nothing : printed(node_scalar(text));
}

static uint32_t number_of(const struct key *k, const void *structure)
{
	uint32_t number;

	memcpy(&number, key_of(k->offset, structure), sizeof(number));
	return number;
}

static struct node *number_node(uint32_t number)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", number);
	return node_scalar(text);
}

static struct printed print_number(const struct key *k, const void *structure)
{
	uint32_t number = number_of(k, structure);

	return number == k->dflt ? nothing : printed(number_node(number));
}

static struct printed print_bool(const struct key *k, const void *structure)
{
	const bool *value = key_of(k->offset, structure);
	bool is_set = *value != (k->dflt != 0);

	if (k->aux != KEY_NOWHERE)
		is_set = *(const bool *)key_of(k->aux, structure);
	return is_set ? printed(node_scalar(*value ? "true" : "false")) : nothing;
}

/* The first word is the default, unless the enum has a value before it for "not given". */
static struct printed print_word(const struct key *k, const void *structure)
{
	uint32_t number = k->offset == KEY_NOWHERE ? 0 : number_of(k, structure);

	return number == 0 ? nothing : printed(node_scalar(k->words[number - k->base]));
}

static struct printed print_uuid(const struct key *k, const void *structure)
{
	char text[UUID_TEXT];

	if (!*(const bool *)key_of(k->aux, structure))
		return nothing;
	return printed(node_scalar(uuid_print(key_of(k->offset, structure), text)));
}

static struct printed print_mac(const struct key *k, const void *structure)
{
	char text[MAC_TEXT];

	if (!*(const bool *)key_of(k->aux, structure))
		return nothing;
	return printed(node_scalar(mac_print(key_of(k->offset, structure), text)));
}

static size_t count_of(const struct key *k, const void *structure)
{
	return *(const size_t *)key_of(k->aux, structure);
}

/* Takes both; frees the list where it cannot grow. */
static struct node *list_with(struct node *list, struct node *item)
{
	if (!list) {
		node_destroy(item);
		return NULL;
	}
	if (node_append(list, NULL, item) == 0)
		return list;
	node_destroy(list);
	return NULL;
}

static struct printed print_ids(const struct key *k, const void *structure)
{
	const char *ids = *(const char *const *)key_of(k->offset, structure);
	size_t each = k->kind == KEY_FEATURES ? k->size : 64;
	size_t count = count_of(k, structure);
	struct node *list = node_create(NODE_LIST);

	for (size_t i = 0; list && i < count; i++)
		list = list_with(list, node_scalar(ids + i * each));
	if (list && count == 0) {
		node_destroy(list);
		return nothing;
	}
	return printed(list);
}

static struct printed print_names(const struct key *k, const void *structure)
{
	const char *names = key_of(k->offset, structure);
	size_t count = count_of(k, structure);
	struct node *list;

	if (count == 0)
		return nothing;
	list = node_create(NODE_LIST);
	for (size_t i = 0; list && i < count; i++)
		list = list_with(list, node_scalar(names + i * 64));
	return printed(list);
}

static struct printed print_paths(const struct key *k, const void *structure)
{
	const char *const *paths = *(const char *const *const *)key_of(k->offset, structure);
	size_t count = count_of(k, structure);
	struct node *list;

	if (count == 0)
		return nothing;
	list = node_create(NODE_LIST);
	for (size_t i = 0; list && i < count; i++)
		list = list_with(list, node_scalar(paths[i]));
	return printed(list);
}

static struct printed print_signers(const struct key *k, const void *structure)
{
	const struct minisign_key *keys =
		*(const struct minisign_key *const *)key_of(k->offset, structure);
	size_t count = count_of(k, structure);
	struct node *list;

	if (count == 0)
		return nothing;
	list = node_create(NODE_LIST);
	for (size_t i = 0; list && i < count; i++) {
		char text[MINISIGN_KEY_TEXT + 1];

		minisign_key_print(&keys[i], text);
		list = list_with(list, node_scalar(text));
	}
	return printed(list);
}

static struct printed print_policies(const struct key *k, const void *structure)
{
	const struct node *policies = *(const struct node *const *)key_of(k->offset, structure);

	return policies && policies->count > 0 ? printed(node_copy(policies)) : nothing;
}

static struct printed print_workers(const struct daemon_spec *daemon)
{
	struct node *list;

	if (daemon->workers == 0)
		return nothing;
	if (!daemon->cores)
		return printed(number_node(daemon->workers));
	list = node_create(NODE_LIST);
	for (uint32_t i = 0; list && i < daemon->workers; i++)
		list = list_with(list, number_node(daemon->cores[i]));
	return printed(list);
}

static struct printed print_inner(const struct key *k, const void *structure)
{
	const void *inner = key_of(k->offset, structure);
	struct node *map;

	if (k->section->given_at && !*(const bool *)key_of(k->section->given_at, inner))
		return nothing;
	map = section_node(k->section, inner);
	if (map && map->count == 0 && !k->section->given_at) {
		node_destroy(map);
		return nothing;
	}
	return printed(map);
}

/* Ports of all roles share an array; each key prints those of its own. */
static bool is_of_section(const struct section *s, const void *element)
{
	enum port_role role;

	if (s->role_at == KEY_NOWHERE)
		return true;
	memcpy(&role, key_of(s->role_at, element), sizeof(role));
	return role == s->role;
}

static struct printed print_list(const struct key *k, const void *structure)
{
	struct node *list = node_create(NODE_LIST);
	size_t count = count_of(k, structure);
	const char *elements;

	memcpy(&elements, key_of(k->offset, structure), sizeof(elements));
	for (size_t i = 0; list && i < count; i++) {
		const char *element = elements + i * k->section->bytes;

		if (is_of_section(k->section, element))
			list = list_with(list, section_node(k->section, element));
	}
	if (list && list->count == 0) {
		node_destroy(list);
		return nothing;
	}
	return printed(list);
}

static struct printed print_key(const struct key *k, const void *structure)
{
	if (k->flags & KEY_UNPRINTED)
		return nothing;
	switch (k->kind) {
	case KEY_U32:
		return print_number(k, structure);
	case KEY_BOOL:
		return print_bool(k, structure);
	case KEY_WORD:
		return print_word(k, structure);
	case KEY_UUID:
		return print_uuid(k, structure);
	case KEY_MAC:
		return print_mac(k, structure);
	case KEY_EXTENSIONS:
	case KEY_FEATURES:
	case KEY_IPV4_NETS:
	case KEY_IPV4S:
		return print_ids(k, structure);
	case KEY_NAMES:
		return print_names(k, structure);
	case KEY_PATHS:
	case KEY_TARGETS:
		return print_paths(k, structure);
	case KEY_SIGNERS:
		return print_signers(k, structure);
	case KEY_POLICIES:
		return print_policies(k, structure);
	case KEY_WORKERS:
		return print_workers(structure);
	case KEY_MAP:
	case KEY_BACKEND:
		return print_inner(k, structure);
	case KEY_LIST:
		return print_list(k, structure);
	case KEY_VLAN:
	case KEY_LATER:
		return nothing;
	default:
		return print_text(k, structure);
	}
}

static struct node *section_node(const struct section *s, const void *structure)
{
	struct node *map = node_create(NODE_MAP);

	for (size_t i = 0; map && i < s->count; i++) {
		struct printed value = print_key(&s->keys[i], structure);

		if (value.has_failed ||
		    (value.node && node_append(map, s->keys[i].name, value.node))) {
			node_destroy(map);
			return NULL;
		}
	}
	return map;
}

struct node *print_config(const struct config_spec *spec)
{
	return section_node(&section_config, spec);
}

struct node *print_switch(const struct switch_spec *s)
{
	return section_node(&section_switch, s);
}

struct node *print_port(const struct port_spec *p)
{
	return section_node(section_of_role(p->role), p);
}

/* NOLINTEND(misc-no-recursion) */
