/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/storage.h - a disk of a machine moves to another file of this host, while it runs or not.
 *
 *      runs:   file -> copied, and kept alike -> guest stands -> the last of it -> QEMU has the new file
 *              -> the definition names it -> guest goes on -> the old file goes
 *      stands: file -> copied by a tool, synced -> the definition names it -> the old file goes
 *
 * The definition names the disk that counts at every moment: the guest writes to the new file only once
 * it is named, and what the new one has of before is what the old one has.  vms/NAME/storage.json says
 * that a move is under way, so that whoever comes after a crash knows which file is to go: the one that
 * the definition does not name.
 *
 * The disk's node keeps its name ("disk-NAME"), so whoever talks to QEMU about it need not know.
 * All [control].
 */
#ifndef XVS_HV_STORAGE_H
#define XVS_HV_STORAGE_H

#include "vm.h"

struct storage_wish {
	const char *disk;
	const char *path; /* absolute; a folder: a file of it */
	const char *
		format; /* "qcow2", "raw"; NULL: as it is, and qcow2 where QEMU cannot migrate that */
	uint64_t bandwidth; /* bytes a second; 0: no limit.  Of one that runs */
};

/* 0: done() once, also before this returns; it may be NULL.  -errno: it was refused. */
int storage_begin(struct vm *vm, const struct storage_wish *wish, vm_done done, void *arg,
		  struct xvs_error *err);
/* -EALREADY: it is decided; -ENOENT: none is under way. */
int storage_cancel(struct vm *vm, struct xvs_error *err);
/* Of the one under way, or the last; new.  NULL: there was none. */
json_t *storage_show(const struct vm *vm);
void storage_forget(struct vm *vm); /* the last one's report */

/* ---- for the life of the machine ------------------------------------------------------------------ */

/* After a start of xvs-hv, before QEMU is looked for. */
void storage_recall(struct vm *vm);
/* QEMU runs, and is spoken to; done(vm) when that is over.  False: nothing was under way. */
bool storage_recover(struct vm *vm, vm_done done);
/* QEMU has ended, or did not run when xvs-hv started. */
void storage_gone(struct vm *vm);
void storage_destroy(struct vm *vm);

#endif /* XVS_HV_STORAGE_H */
