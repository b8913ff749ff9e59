/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/failover.h - a replica becomes the machine, and may be taken back.  All of it is [control].
 *
 *      passive -> primary asked to yield -> active -> disks at the point -> defined -> started
 *         ^                                                                       |
 *         +--- primary told <- disks at the last point <- cancelling <- killed <--+
 *
 * The record comes first each time; what was begun goes on after a start of ours.
 */
#ifndef XVS_HV_FAILOVER_H
#define XVS_HV_FAILOVER_H

#include "vm.h"

struct replica;

struct failover_wish {
	bool is_planned;    /* the primary stops the machine and sends the rest */
	bool is_taken_over; /* a person says that the primary's host is off */
	uint64_t point;     /* 0: the last */
	const char *map;    /* switches: "lab=dr,dmz=dr2"; NULL: as they are called there */
};

/* Each: 0: done() once, also before it returns; -errno: it was refused. */
int failover_begin(struct vm *vm, const struct failover_wish *wish, vm_done done, void *arg,
		   struct xvs_error *err);
int failover_cancel(struct vm *vm, vm_done done, void *arg, struct xvs_error *err);
/* There is no way back: it is a machine like others.  It must run. */
int failover_complete(struct vm *vm, struct xvs_error *err);

/* A copy is made and started as NAME-test, at switches that lead nowhere; it is a machine of its own. */
int failover_test(struct vm *vm, const struct failover_wish *wish, vm_done done, void *arg,
		  struct xvs_error *err);

/* ---- what both share --------------------------------------------------------------------------- */

/* Is this possible now? */
int failover_check(const struct vm *vm, const struct failover_wish *w, struct xvs_error *err);
/*
 * Policies are those that held at the point, with what the definition wants otherwise at a failover.
 * False: 'map' names no switch for its own, which stays then.
 */
bool failover_adapt(const struct replica *r, uint64_t point, const char *map,
		    struct adapter_spec *a);

/* ---- for the life of the machine ---------------------------------------------------------------- */

void failover_resume(struct vm *vm); /* after a start of ours */
void failover_destroy(struct replica *r);

#endif /* XVS_HV_FAILOVER_H */
