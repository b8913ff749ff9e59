/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing.h - a machine moves from here to another host: the coordinator of
 * api/vm-migration.md with this host's QEMU, switch, files and links.  All of it is [control].
 *
 * A machine has one departure at a time, vm->departing.  It holds the machine's job until the guest
 * runs here again or is gone; what the other host must still be told after that does not hold it.
 */
#ifndef XVS_HV_DEPARTING_H
#define XVS_HV_DEPARTING_H

#include "move.h"
#include "vm.h"

struct departing;

enum { DEPARTED_MAX = 64 }; /* moves that have ended whose reports are kept */

/* What somebody wants. */
struct departing_wish {
	const char *to; /* name of a peer */
	bool has_disks; /* they go along */
	bool is_check;
	uint64_t bandwidth; /* bytes a second; 0: no limit */
	uint32_t downtime_ms, downtime_max_ms;
	uint64_t budget_ms;
	uint32_t timeout_s; /* for disks and memory; 0: none */
	bool has_auto_converge;
};
/* As the settings have it, for 'to'. */
void departing_wish_init(const struct hv *hv, const char *to, struct departing_wish *out);

/*
 * done() once, when the machine has moved, was checked, or stays: code 0 or -errno with a sentence.
 * NULL: nobody waits.
 */
int departing_begin(struct vm *vm, const struct departing_wish *wish, vm_done done, void *arg,
		    struct xvs_error *err);
/* -EALREADY: it is decided. */
int departing_cancel(struct vm *vm, struct xvs_error *err);
/* A person says that the other host is off, and whether the machine is ours. */
int departing_resolve(struct vm *vm, bool is_taken_over, struct xvs_error *err);

/* Of the last move of the machine with this name, under way or not; new.  NULL: none is known. */
json_t *departing_show(const struct hv *hv, const char *name);

/* ---- for vm_*.c ------------------------------------------------------------------------------- */

/*
 * False: there is a record of a move that cannot be read, so nobody knows whose the machine is; 'err'
 * says why.
 */
bool departing_is_readable(const struct store *s, const char *name, struct xvs_error *err);
/* After a start of ours: what was written down of a move becomes vm->departing, which waits. */
void departing_recall(struct vm *vm);
void departing_go_on(struct vm *vm); /* the machine was found, or is not there */
/* The machine's job is the move. */
bool departing_holds(const struct vm *vm);
void departing_destroy(struct departing *d); /* tells nobody; NULL is fine */

#endif /* XVS_HV_DEPARTING_H */
