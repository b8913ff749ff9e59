/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/command.h - a definition as a command line of QEMU.
 *
 * Every device has an id and an address on its bus, so that two QEMUs made of one definition have
 * the same machine.  Sockets and taps are handed over as descriptors; QEMU opens its disks, kernel
 * and CD itself, as its own user.
 */
#ifndef XVS_HV_COMMAND_H
#define XVS_HV_COMMAND_H

#include "process.h"
#include "spec.h"

/* What a machine is started with, beside its definition.  Descriptors are taken. */
struct launch {
	const char *qemu;                 /* the program */
	const char *folder;               /* of its disks */
	const char *sockets;              /* folder where QEMU itself listens */
	const char *firmware, *variables; /* files, of UEFI */
	bool is_kvm;
	bool is_incoming; /* its state comes later, by migrate-incoming */
	int qmp, console;
	int serials[SPEC_SERIALS];
	int taps[SPEC_ADAPTERS][SPEC_QUEUES];
};

/* All -1, so that launch_finish() closes what was opened. */
void launch_init(struct launch *l);
void launch_finish(struct launch *l);

/*
 * The machine stands still until it is told "cont".  Descriptors are in the plan afterwards, where
 * it was made and where not (p->has_failed).
 */
void command_make(const struct vm_spec *s, struct launch *l, struct plan *p);

/*
 * qemu-storage-daemon, by which disks that can be written are there without their machine, as nodes
 * "disk-NAME".  Descriptors are in the plan afterwards.
 */
struct storage_launch {
	const char *folder;     /* of disks */
	const char *key_folder; /* keys.psk of whoever may connect */
	int qmp, listener;      /* -1 for the latter: nothing is exported */
};
void command_storage(const struct vm_spec *s, const struct storage_launch *l, struct plan *p);

/* Where a disk is. */
void disk_path(const struct disk_spec *disk, const char *folder, char out[SPEC_PATH]);

#endif /* XVS_HV_COMMAND_H */
