/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/backend_check.c - do the settings of a backend fit its kind?
 *
 * What a kind cannot use is refused rather than ignored: who writes "netns" expects a device to
 * appear there.
 */
#include <string.h>

#include "config/check.h"
#include "config/keys.h"

enum trait {
	TRAIT_DEVICE = 1u << 0,
	TRAIT_NETNS = 1u << 1,
	TRAIT_FILES = 1u << 2,
	TRAIT_RINGS = 1u << 3, /* queues, mtu */
	TRAIT_VHOST = 1u << 4, /* socket, mode, packed */
	TRAIT_XDP = 1u << 5,   /* zero_copy */
};

struct kind {
	const char *name;
	unsigned traits;
};

static const struct kind kinds[] = {
	{ "tap", TRAIT_DEVICE | TRAIT_NETNS | TRAIT_RINGS },
	{ "vhost-user", TRAIT_VHOST | TRAIT_RINGS },
	{ "af_xdp", TRAIT_DEVICE | TRAIT_RINGS | TRAIT_XDP },
	{ "af_packet", TRAIT_DEVICE | TRAIT_RINGS },
	{ "pcap", TRAIT_FILES },
	{ "null", 0 },
};

static void refuse(const struct switch_spec *s, const struct port_spec *p, struct diags *d,
		   const char *text, const char *key)
{
	diag_add_at(d, p->at.line, p->at.column, "%s%s%s%s %s: backend %s %s %s",
		    s ? "switch " : "", s ? s->name : "", s ? ": " : "",
		    section_of_role(p->role)->what, p->name, p->backend.kind, text, key);
}

static void check_unused(const struct switch_spec *s, const struct port_spec *p, unsigned traits,
			 struct diags *d)
{
	const struct backend_spec *b = &p->backend;
	const struct {
		const char *key;
		unsigned trait;
		bool is_set;
	} uses[] = {
		{ "device", TRAIT_DEVICE, b->device[0] != '\0' },
		{ "netns", TRAIT_NETNS, b->netns[0] != '\0' },
		{ "peer_name", TRAIT_NETNS, b->peer_name[0] != '\0' },
		{ "read", TRAIT_FILES, b->read_file[0] != '\0' },
		{ "write", TRAIT_FILES, b->write_file[0] != '\0' },
		{ "queues", TRAIT_RINGS, b->queues != 0 },
		{ "mtu", TRAIT_RINGS, b->mtu != 0 },
		{ "socket", TRAIT_VHOST, b->socket[0] != '\0' },
		{ "mode", TRAIT_VHOST, b->mode != VHOST_MODE_DEFAULT },
		{ "packed", TRAIT_VHOST, b->packed_set },
		{ "zero_copy", TRAIT_XDP, b->zero_copy_set },
	};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (uses[i].is_set && !(traits & uses[i].trait))
			refuse(s, p, d, "does not use", uses[i].key);
	}
}

static void check_needed(const struct switch_spec *s, const struct port_spec *p, unsigned traits,
			 struct diags *d)
{
	const struct backend_spec *b = &p->backend;

	if ((traits & TRAIT_DEVICE) && b->device[0] == '\0')
		refuse(s, p, d, "needs", "a device");
	if ((traits & TRAIT_VHOST) && b->socket[0] == '\0')
		refuse(s, p, d, "needs", "a socket");
	if ((traits & TRAIT_FILES) && b->read_file[0] == '\0' && b->write_file[0] == '\0')
		refuse(s, p, d, "needs", "a file to read or to write");
	if (b->peer_name[0] != '\0' && b->netns[0] == '\0' && (traits & TRAIT_NETNS))
		refuse(s, p, d, "has a peer_name, so it needs", "a netns");
}

void check_backend(const struct switch_spec *s, const struct port_spec *p, struct diags *d)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].name, p->backend.kind) == 0) {
			check_unused(s, p, kinds[i].traits, d);
			check_needed(s, p, kinds[i].traits, d);
		}
	}
	if (strcmp(p->backend.kind, "team") == 0)
		refuse(s, p, d, "is made by", "the switch itself for what stands under uplinks");
}
