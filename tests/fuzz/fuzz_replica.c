/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_replica - what a replica's record says, what QEMU says of bitmaps, and pieces of ports' files from
 * another host.
 * links: xvs_hv xvs_rpc xvs_tls xvs_yaml xvs_base
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../hv/replica_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const json_t *j)
{
	struct vm_spec s = { .disk_count = 1 };
	struct replica_record r;
	json_t *stale;

	strcpy(s.disks[0].name, "root");
	if (replica_record_read(j, &r)) {
		assert(r.state < REPLICA_STATES && r.every_s <= REPLICA_EVERY_MAX_S);
		assert(json_array_size(r.points) <= REPLICA_POINTS_MAX + 1 && r.machine);
		replica_record_finish(&r);
	}
	stale = plan_stale(j, &s, "01234567", 7);
	if (plan_is_incremental(j, &s, "01234567", 7))
		assert(json_array_size(j) > 0);
	(void)plan_disk_size(j, &s.disks[0]);
	json_decref(stale);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	uint8_t *bytes = malloc(PIECE_MAX);
	char *text = calloc(1, size + 1);
	size_t len = 0;

	if (j)
		look_at(j);
	if (text && size)
		memcpy(text, data, size);
	if (text && bytes && piece_read(text, bytes, &len))
		assert(2 * len == strlen(text));
	json_decref(j);
	free(bytes);
	free(text);
	return 0;
}
