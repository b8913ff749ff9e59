/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/settings.c - the keys of the host core's own file, and what they must be among one another.
 */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "base/excerpt.h"
#include "base/str.h"
#include "base/yaml.h"
#include "reading.h"
#include "remote.h"

enum { SWITCH_PORT = 4790, DOWNTIME_MAX_MS = 60000, BANDWIDTH_MAX_MIB = 1 << 20, DSCP_MAX = 63 };

static const struct key peer_keys[] = {
	{ "name", KEY_NAME, .is_required = true, SIZED(host_peer, name) },
	{ "address", KEY_TEXT, SIZED(host_peer, address) },
	{ "switch_address", KEY_TEXT, SIZED(host_peer, switch_address) },
	{ "switches", KEY_NAMES, LISTED(host_peer, switches, switch_count) },
};

static const struct section section_peer = { "peer", peer_keys, COUNT(peer_keys),
					     sizeof(struct host_peer) };

static const struct key migration_keys[] = {
	{ "listen", KEY_TEXT, SIZED(migration_settings, listen) },
	{ "certificate", KEY_PATH, .is_required = true, SIZED(migration_settings, certificate) },
	{ "key", KEY_PATH, .is_required = true, SIZED(migration_settings, key) },
	{ "ca", KEY_PATH, .is_required = true, SIZED(migration_settings, ca) },
	{ "bandwidth", KEY_SIZE, AT(migration_settings, bandwidth), .min = 1,
	  .max = BANDWIDTH_MAX_MIB },
	{ "dscp", KEY_COUNT, AT(migration_settings, dscp), .max = DSCP_MAX },
	{ "downtime_limit_ms", KEY_COUNT, AT(migration_settings, downtime_limit_ms), .min = 1,
	  .max = DOWNTIME_MAX_MS, .dflt = 50 },
	{ "downtime_max_ms", KEY_COUNT, AT(migration_settings, downtime_max_ms), .min = 1,
	  .max = DOWNTIME_MAX_MS, .dflt = 300 },
	{ "downtime_budget_ms", KEY_COUNT, AT(migration_settings, downtime_budget_ms), .min = 1,
	  .max = DOWNTIME_MAX_MS, .dflt = 2000 },
	{ "folders", KEY_PATHS, LISTED(migration_settings, folders, folder_count) },
	{ "peers", KEY_LIST, LISTED(migration_settings, peers, peer_count),
	  .section = &section_peer },
};

static const struct section section_migration = { "migration", migration_keys,
						  COUNT(migration_keys),
						  sizeof(struct migration_settings) };

static const struct key settings_keys[] = {
	{ "dynamic_ownership", KEY_BOOL, AT(host_settings, has_dynamic_ownership) },
	{ "migration", KEY_MAP, AT(host_settings, migration),
	  .aux = offsetof(struct host_settings, has_migration), .section = &section_migration },
};

static const struct section section_settings = { "settings", settings_keys, COUNT(settings_keys),
						 sizeof(struct host_settings) };

/* ---- among one another ------------------------------------------------------------------------ */

static void address_check(const struct node *map, const char *key, const char *text,
			  struct diags *d)
{
	char host[TLS_HOST_TEXT];
	char shown[EXCERPT_TEXT];
	uint16_t port;

	if (text[0] && !tls_address_parse(text, 1, host, &port))
		diag_add(d, node_get(map, key),
			 "%s: \"%s\" is no address: a name or an address, as 192.0.2.1:%d or "
			 "[2001:db8::1]:%d",
			 key, excerpt(text, shown), REMOTE_PORT, REMOTE_PORT);
}

static void peer_check(const struct migration_settings *m, uint32_t i, const struct node *peers,
		       struct diags *d)
{
	const struct host_peer *p = &m->peers[i];

	for (uint32_t j = 0; j < i; j++) {
		if (strcmp(m->peers[j].name, p->name) == 0)
			diag_add(d, peers->items[i], "peer %s is given twice", p->name);
	}
	address_check(peers->items[i], "address", p->address, d);
	address_check(peers->items[i], "switch_address", p->switch_address, d);
}

static void listen_check(const struct migration_settings *m, const struct node *map,
			 struct diags *d)
{
	char host[TLS_HOST_TEXT];
	char shown[EXCERPT_TEXT];
	uint16_t port;

	if (m->listen[0] &&
	    (!tls_address_parse(m->listen, REMOTE_PORT, host, &port) || !tls_is_address(host)))
		diag_add(d, node_get(map, "listen"),
			 "migration: listen: \"%s\" is no address of this host, as 192.0.2.1:%d",
			 excerpt(m->listen, shown), REMOTE_PORT);
}

static void migration_check(const struct migration_settings *m, const struct node *map,
			    struct diags *d)
{
	const struct node *peers = node_get(map, "peers");

	listen_check(m, map, d);
	if (m->downtime_max_ms < m->downtime_limit_ms)
		diag_add(d, map,
			 "migration: downtime_max_ms is %u, must not be less than "
			 "downtime_limit_ms, which is %u",
			 m->downtime_max_ms, m->downtime_limit_ms);
	for (uint32_t i = 0; i < m->peer_count; i++)
		peer_check(m, i, peers, d);
}

bool settings_read(const struct node *root, struct host_settings *out, struct diags *d)
{
	memset(out, 0, sizeof(*out));
	out->has_dynamic_ownership = true;
	if (root->kind == NODE_NULL)
		return true; /* nothing but comments */
	if (!section_read(&section_settings, root, out, d))
		return false;
	out->is_ownership_static = !out->has_dynamic_ownership;
	if (out->has_migration)
		migration_check(&out->migration, node_get(root, "migration"), d);
	return d->count == 0;
}

bool settings_read_file(const char *path, struct host_settings *out, struct diags *d)
{
	struct node *root = yaml_read_file(path, d);
	bool is_read = root && settings_read(root, out, d);

	node_destroy(root);
	return is_read;
}

/* ---- questions -------------------------------------------------------------------------------- */

const struct host_peer *settings_peer(const struct host_settings *s, const char *name)
{
	for (uint32_t i = 0; i < s->migration.peer_count; i++) {
		if (strcmp(s->migration.peers[i].name, name) == 0)
			return &s->migration.peers[i];
	}
	return NULL;
}

bool peer_may_use(const struct host_peer *p, const char *switch_name)
{
	for (uint32_t i = 0; i < p->switch_count; i++) {
		if (strcmp(p->switches[i], switch_name) == 0)
			return true;
	}
	return false;
}

void peer_address(const struct host_peer *p, char host[TLS_HOST_TEXT], uint16_t *port)
{
	*port = REMOTE_PORT;
	if (!p->address[0] || !tls_address_parse(p->address, REMOTE_PORT, host, port))
		(void)str_copy(host, TLS_HOST_TEXT, p->name);
}

void peer_switch_address(const struct host_peer *p, char *out, size_t size)
{
	char host[TLS_HOST_TEXT];
	uint16_t port;
	bool is_v6;

	peer_address(p, host, &port);
	port = SWITCH_PORT;
	if (p->switch_address[0])
		(void)tls_address_parse(p->switch_address, SWITCH_PORT, host, &port);
	is_v6 = strchr(host, ':') != NULL;
	(void)snprintf(out, size, "%s%s%s:%u", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}
