/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/settings.h - what an administrator says of this host core: xvs-hv.yaml(5).
 */
#ifndef XVS_HV_SETTINGS_H
#define XVS_HV_SETTINGS_H

#include "base/node.h"
#include "base/tls.h"
#include "spec.h"

enum {
	SETTINGS_PEERS = 64,
	SETTINGS_SWITCHES = 32,
	SETTINGS_FOLDERS = 16,
	SETTINGS_ADDRESS = TLS_HOST_TEXT + TLS_PORT_TEXT + 4,
};

/* Another host: machines go there, and come from there. */
struct host_peer {
	char name[SPEC_TEXT]; /* as its certificate has it */
	char address[SETTINGS_ADDRESS];
	char switch_address[SETTINGS_ADDRESS];
	char switches[SETTINGS_SWITCHES][SPEC_TEXT]; /* to which its machines may be connected */
	uint32_t switch_count;
};

struct host_settings {
	bool has_dynamic_ownership,
		is_ownership_static; /* as read; as it counts, without a file, too */
	bool has_migration;
	struct migration_settings {
		char listen[SETTINGS_ADDRESS]; /* "": no machine comes */
		char certificate[SPEC_PATH], key[SPEC_PATH], ca[SPEC_PATH];
		uint64_t bandwidth; /* bytes a second, of memory and of each disk; 0: no limit */
		uint32_t dscp;      /* of memory and disks that are sent; 0: as the system has it */
		uint32_t downtime_limit_ms, downtime_max_ms, downtime_budget_ms;
		/* Where files of machines that come may be, beside their own folder. */
		char folders[SETTINGS_FOLDERS][SPEC_PATH];
		uint32_t folder_count;
		struct host_peer peers[SETTINGS_PEERS];
		uint32_t peer_count;
	} migration;
};

/* [any] False: all errors are in 'd'. */
bool settings_read(const struct node *root, struct host_settings *out, struct diags *d);

/* [control] The same for a file; sets d->file to 'path', which is borrowed. */
bool settings_read_file(const char *path, struct host_settings *out, struct diags *d);

/* [any] NULL: no peer has this name. */
const struct host_peer *settings_peer(const struct host_settings *s, const char *name);
bool peer_may_use(const struct host_peer *p, const char *switch_name);

/* [any] Where its xvs-hv listens. */
void peer_address(const struct host_peer *p, char host[TLS_HOST_TEXT], uint16_t *port);
/* [any] Where its xvsd does, as "host:port" or "[host]:port". */
void peer_switch_address(const struct host_peer *p, char *out, size_t size);

#endif /* XVS_HV_SETTINGS_H */
