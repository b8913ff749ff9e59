/* SPDX-License-Identifier: Apache-2.0 */
/* config/migration_keys.c - the keys of moves between hosts, and what they must fit. */
#include <string.h>

#include "base/tls.h"
#include "config/check.h"
#include "config/keys.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TEXT_KEY(member, about, more) \
	{ \
		.name = #member, .help = (about), .kind = KEY_TEXT, .flags = (more), \
		.offset = offsetof(struct migration_spec, member), \
		.size = sizeof(((struct migration_spec *)0)->member) \
	}

static const struct key peer_keys[] = {
	{
		.name = "name",
		.help = "DNS name in the certificate of the other host",
		.kind = KEY_NAME,
		.flags = KEY_REQUIRED,
		.offset = offsetof(struct peer_spec, name),
		.size = sizeof(((struct peer_spec *)0)->name),
	},
	{
		.name = "switches",
		.help = "Where it may place ports",
		.kind = KEY_NAMES,
		.max = PEER_SWITCHES,
		.offset = offsetof(struct peer_spec, switches),
		.aux = offsetof(struct peer_spec, switch_count),
	},
};

static const struct section section_peer = {
	.what = "peer",
	.name_key = "name",
	.keys = peer_keys,
	.count = COUNT(peer_keys),
	.bytes = sizeof(struct peer_spec),
	.at = offsetof(struct peer_spec, at),
	.role_at = KEY_NOWHERE,
};

static const struct key migration_keys[] = {
	TEXT_KEY(listen, "Address and port where other hosts connect; without it none can", 0),
	TEXT_KEY(certificate, "File with this host's certificate (PEM)", KEY_REQUIRED),
	TEXT_KEY(key, "File with its key", KEY_REQUIRED),
	TEXT_KEY(ca, "File with the authorities that sign other hosts' certificates", KEY_REQUIRED),
	{
		.name = "peers",
		.help = "Hosts that ports come from and go to",
		.kind = KEY_LIST,
		.offset = offsetof(struct migration_spec, peers),
		.aux = offsetof(struct migration_spec, peer_count),
		.section = &section_peer,
	},
};

const struct section section_migration = {
	.keys = migration_keys,
	.count = COUNT(migration_keys),
	.bytes = sizeof(struct migration_spec),
	.at = offsetof(struct migration_spec, at),
	.given_at = offsetof(struct migration_spec, is_given),
	.role_at = KEY_NOWHERE,
};

/* ---- what no single key can say ----------------------------------------------------------------- */

static bool has_switch(const struct config_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->switch_count; i++)
		if (strcmp(spec->switches[i].name, name) == 0)
			return true;
	return false;
}

static void check_peer(const struct config_spec *spec, size_t idx, struct diags *d)
{
	const struct peer_spec *peer = &spec->migration.peers[idx];

	for (size_t i = 0; i < idx; i++)
		if (strcmp(spec->migration.peers[i].name, peer->name) == 0)
			diag_add_at(d, peer->at.line, peer->at.column,
				    "migration: peer %s is given twice", peer->name);
	for (size_t i = 0; i < peer->switch_count; i++)
		if (!has_switch(spec, peer->switches[i]))
			diag_add_at(d, peer->at.line, peer->at.column,
				    "migration: peer %s: there is no switch %s", peer->name,
				    peer->switches[i]);
}

void check_migration(const struct config_spec *spec, struct diags *d)
{
	const struct migration_spec *m = &spec->migration;
	char host[TLS_HOST_TEXT];
	uint16_t port;

	if (m->listen[0] &&
	    (!tls_address_parse(m->listen, 1, host, &port) || !tls_is_address(host)))
		diag_add_at(d, m->at.line, m->at.column,
			    "migration: listen is %s, must be an address and a port as "
			    "\"192.0.2.1:4790\"",
			    m->listen);
	for (size_t i = 0; i < m->peer_count; i++)
		check_peer(spec, i, d);
}
