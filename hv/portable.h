/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/portable.h - a machine as a folder of files that can be carried: definition, disks with their
 * checkpoints, saved memory with what its ports knew, and the policies that held.
 *
 *      manifest.json   what it is, and which file is what
 *      SHA256SUMS      of all others, as sha256sum(1) writes it; written last: with it the folder is whole
 *
 * Of a machine that stands still.  All [control].
 */
#ifndef XVS_HV_PORTABLE_H
#define XVS_HV_PORTABLE_H

#include "vm.h"

/* 'folder' is made, and taken away again where it does not come to be whole. */
int export_begin(struct vm *vm, const char *folder, vm_done done, void *arg, struct xvs_error *err);

struct import_wish {
	const char *folder;
	const char *name;     /* NULL: as it was */
	bool is_new_identity; /* other UUIDs and MAC addresses: the original goes on elsewhere */
};
/* A whole machine, or nothing. */
int import_begin(struct hv *hv, const struct import_wish *wish, vm_done done, void *arg,
		 struct xvs_error *err);

/* ---- what both share --------------------------------------------------------------------------- */

enum {
	PORTABLE_FILES = SPEC_DISKS + SPEC_ADAPTERS * (1 + CHECKPOINTS_MAX) + 5,
	PORTABLE_FORMAT = 1,
	SUM_DIGITS = 64,
};

struct portable_file {
	char name[SPEC_NAME + 16];        /* in the folder */
	char path[SPEC_PATH + SPEC_NAME]; /* of the machine */
	bool is_ours;                     /* of the host core, not of the machine's user */
	char sum[SUM_DIGITS + 1];
};

/*
 * All files of a machine with this definition, in an order that both sides know.  'is_saved': with
 * memory and ports.  'checkpoints', NULL: none: with what their ports knew, "port-ADAPTER@N" of the N-th.
 * Disks and what it boots from have the path that the definition says.
 */
size_t portable_list(const struct vm *vm, bool is_saved, const json_t *checkpoints,
		     struct portable_file out[PORTABLE_FILES]);

/* "sum  name" lines, as sha256sum writes them.  False: a file has none. */
bool portable_sums(const char *text, struct portable_file *files, size_t count);

/*
 * What held at a port, group's and switch's as well, as a definition has it: all but what is the default
 * anyway.  'told' is {feature: {fields, defaults}}; new, NULL: nothing was told.
 */
json_t *portable_policies(const json_t *told);

#endif /* XVS_HV_PORTABLE_H */
