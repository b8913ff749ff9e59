/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/replica_plan.h - what a beat of a replication copies: decided by the numbers of dirty bitmaps alone,
 * as api/vm-migration.md section 6 has it.  [any]
 */
#ifndef XVS_HV_REPLICA_PLAN_H
#define XVS_HV_REPLICA_PLAN_H

#include "spec.h"

enum {
	BITMAP_NAME = 48,
	REPLICA_POINTS_MAX = 24,
	REPLICA_EVERY_MIN_S = 1,
	REPLICA_EVERY_MAX_S = 86400
};

/* "xvs-ID-SEQUENCE", ID being the first 8 digits of the replication's. */
const char *bitmap_name(const char *id, uint64_t sequence, char out[BITMAP_NAME]);

/*
 * 'nodes' is QEMU's answer to query-named-block-nodes.  Can what changed since this point be told of all
 * disks?  One that QEMU calls inconsistent cannot be used.
 */
bool plan_is_incremental(const json_t *nodes, const struct vm_spec *s, const char *id,
			 uint64_t sequence);
/* [{node, name}] of bitmaps of replications on its disks but that of this point; new. */
json_t *plan_stale(const json_t *nodes, const struct vm_spec *s, const char *id, uint64_t sequence);
/* Bytes that a guest sees of a disk; 0: not known. */
uint64_t plan_disk_size(const json_t *nodes, const struct disk_spec *disk);

#endif /* XVS_HV_REPLICA_PLAN_H */
