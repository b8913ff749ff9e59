/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_arriving - what another host offers as a machine: refused as no machine, or taken apart into
 * bounds and judged.  The first byte says whether its disks come along.
 * links: xvs_hv xvs_rpc xvs_tls xvs_yaml xvs_base
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../hv/arriving_offer.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hv hv;
static char dir[] = "/tmp/xvs-fuzz-XXXXXX";

static void host_remove(void)
{
	char path[sizeof(dir) + 8];

	store_close(hv.store);
	json_decref(hv.facts.machine_types);
	json_decref(hv.facts.cpu_models);
	(void)snprintf(path, sizeof(path), "%s/lock", dir);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/vms", dir);
	(void)rmdir(path);
	(void)rmdir(dir);
}

static void host_make(void)
{
	struct xvs_error err = ERROR_INIT;
	struct migration_settings *m = &hv.settings.migration;

	assert(mkdtemp(dir));
	assert(atexit(host_remove) == 0);
	assert(store_open(dir, &hv.store, &err) == 0);
	strcpy(hv.facts.version, "7.2.22");
	hv.facts.machine_types = json_pack("[s]", "pc-q35-7.2");
	hv.facts.cpu_models = json_pack("[s]", "qemu64");
	hv.settings.has_migration = true;
	strcpy(m->folders[m->folder_count++], "/tmp");
	strcpy(m->peers[0].name, "hosta");
	strcpy(m->peers[0].switches[m->peers[0].switch_count++], "lab");
	m->peer_count = 1;
}

static void look_at(const struct offer *o, bool has_disks)
{
	const struct offer_terms terms = { &hv.settings.migration.peers[0], has_disks, 0 };
	json_t *findings = json_array();
	const json_t *item;
	size_t i;

	assert(o->spec.name[0] && !strchr(o->spec.name, '/') && o->spec.name[0] != '.');
	assert(o->spec.has_uuid && o->spec.machine[0]);
	assert(o->spec.disk_count <= SPEC_DISKS && o->spec.adapter_count <= SPEC_ADAPTERS);
	for (uint32_t n = 0; n < o->spec.disk_count; n++)
		assert(o->sizes[n] > 0);
	assert(json_array_size(o->checkpoints) <= OFFER_CHECKPOINTS);
	offer_check(&hv, o, &terms, findings);
	json_array_foreach(findings, i, item)
	{
		const char *severity = json_string_value(json_object_get(item, "severity"));

		assert(json_string_value(json_object_get(item, "why"))[0]);
		assert(strcmp(severity, "refuse") == 0 || strcmp(severity, "warn") == 0);
	}
	json_decref(findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *machine;
	struct offer o;
	char why[400] = "";

	if (!hv.store)
		host_make();
	if (size < 1)
		return 0;
	machine = json_loadb((const char *)data + 1, size - 1, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(machine)) {
		json_decref(machine);
		return 0;
	}
	if (offer_read(machine, &o, why, sizeof(why))) {
		look_at(&o, data[0] & 1);
		offer_finish(&o);
	} else {
		assert(why[0]);
	}
	json_decref(machine);
	return 0;
}
