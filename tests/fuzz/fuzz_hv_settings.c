/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_hv_settings - the file of a host core: refused with errors, or read into bounds.
 * links: xvs_hv xvs_yaml xvs_rpc xvs_tls xvs_base
 */
#include <assert.h>
#include <string.h>

#include "../../hv/settings.h"
#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct host_settings *s)
{
	const struct migration_settings *m = &s->migration;

	assert(m->peer_count <= SETTINGS_PEERS && m->folder_count <= SETTINGS_FOLDERS);
	assert(m->downtime_limit_ms <= m->downtime_max_ms);
	for (uint32_t i = 0; i < m->peer_count; i++) {
		const struct host_peer *p = &m->peers[i];
		char host[TLS_HOST_TEXT];
		char text[SETTINGS_ADDRESS];
		uint16_t port = 0;

		assert(p->name[0] && p->switch_count <= SETTINGS_SWITCHES);
		assert(settings_peer(s, p->name) == p);
		peer_address(p, host, &port);
		assert(port > 0 && memchr(host, '\0', sizeof(host)));
		peer_switch_address(p, text, sizeof(text));
		assert(strchr(text, ':'));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host_settings settings;
	static struct diags d;
	struct node *root;

	d.count = 0;
	root = yaml_read((const char *)data, size, &d);
	if (root && settings_read(root, &settings, &d))
		look_at(&settings);
	else
		assert(d.count > 0);
	node_destroy(root);
	return 0;
}
