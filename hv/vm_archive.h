/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/vm_archive.h - the policies and the state of a machine's ports in files beside its memory.
 *
 *      vms/NAME/ports/TAG@ADAPTER      TAG: a checkpoint; "": of the machine that is saved
 *
 * xvsd writes and reads them; a tool brings them to the disk.  One work at a time for a machine; it
 * ends once, unless the machine's job ends before.  [control]
 */
#ifndef XVS_HV_VM_ARCHIVE_H
#define XVS_HV_VM_ARCHIVE_H

#include "vm.h"

struct archiving;

/* 'code' 0, or -errno and 'text' says why, as half a sentence. */
typedef void (*archive_done)(struct vm *vm, int code, const char *text);

/*
 * All ports that xvsd was told of; what of this tag was there before goes.  'also' is brought to the
 * disk with them; NULL: nothing.
 */
void archive_save(struct vm *vm, const char *tag, const char *also, archive_done done);
/* Those of which there is a file. */
void archive_restore(struct vm *vm, const char *tag, archive_done done);
void archive_remove(const struct vm *vm, const char *tag);
/* What policies held, as JSON: {feature: {fields, defaults}}. */
void archive_policies_path(const struct vm *vm, const char *tag, const char *adapter, char *out,
			   size_t size);
/* Where the file of an adapter is. */
void archive_path(const struct vm *vm, const char *tag, const char *adapter, char *out,
		  size_t size);

/* done() is not called any more; xvsd and the tool end by themselves. */
void archive_cancel(struct vm *vm);

#endif /* XVS_HV_VM_ARCHIVE_H */
