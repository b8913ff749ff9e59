/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/arriving.h - machines that come from other hosts: the target of api/vm-migration.md with this
 * host's QEMU, switch and files.  All of it is [control].
 *
 * From *prepared* on there is a machine, vm->arriving, that can do nothing; once it is *opened*, it is
 * one like all others.
 */
#ifndef XVS_HV_ARRIVING_H
#define XVS_HV_ARRIVING_H

#include "vm.h"

struct arrivals;
struct arriving;

struct arrivals *arrivals_create(struct hv *hv); /* NULL: out of memory */
/* Before machines.  What is prepared stays so, and its QEMU goes on. */
void arrivals_destroy(struct arrivals *all); /* NULL is fine */

/* After a start of ours: machines that were coming are in the list again. */
void arrivals_recall(struct arrivals *all); /* NULL is fine */
/* Other hosts may come, where the settings say so. */
void arrivals_listen(struct arrivals *all);

/* ---- a machine that is coming: vm->arriving --------------------------------------------------- */

/* After a start of ours: its QEMU is found, or is not. */
void arriving_adopt(struct vm *vm);
/* Ends its QEMU; who brings it hears so. */
int arriving_kill(struct vm *vm, struct xvs_error *err);
/* How far it is, for people; new. */
json_t *arriving_show(const struct vm *vm);
/*
 * A person has made sure that the other host is off: the machine is ours, or it does not come.
 * done() once, with code 0 or -errno and a sentence.
 */
void arriving_resolve(struct vm *vm, bool is_taken_over, vm_done done, void *arg);

#endif /* XVS_HV_ARRIVING_H */
