/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/follow.h - ports go where somebody else moves their machine.  [control]
 *
 * QEMU of the source says how far its migration is; the ports' moves keep step with it:
 *
 *      setup, active          prepare     the target is asked, and gets what it needs in rounds
 *      STOP, pre-switchover   freeze      the last round
 *      completed              commit      the guest is about to run there
 *      failed, cancelled      cancel      and it goes on here
 *
 * Without pre-switchover nobody waits for the freeze: what the last round could not bring in time is
 * left, and the report says so.  Targets that all refuse a port end QEMU's migration, too, since the
 * machine would run there without its policies.
 */
#ifndef XVS_HV_FOLLOW_H
#define XVS_HV_FOLLOW_H

#include "qmp.h"
#include "switch.h"

enum { FOLLOW_PORTS = 16, FOLLOW_HOSTS = 64 };

struct follow_options {
	const char *qmp;       /* socket */
	const char *to_switch; /* NULL: the same */
	const char *ports[FOLLOW_PORTS];
	uint32_t port_count;
	/* HOST[:PORT] of other xvsd; where we are not told whose turn it is, they are asked in order. */
	const char *to[FOLLOW_HOSTS];
	uint32_t to_count;
	bool is_lenient; /* QEMU's migration goes on without ports that were refused */
	bool is_forever; /* then the next migration is waited for */
};

struct follow;

struct follow_ops {
	void (*tell)(void *arg, const char *text); /* a line for people, as it happens */
	/* All ports of one migration; 'report' is a list of what xvsd says of each move. */
	void (*ended)(void *arg, bool has_moved, const json_t *report);
	void (*lost)(void *arg, const char *why); /* QEMU is gone, nothing is under way */
	void *arg;
};

int follow_create(struct loop *loop, struct switch_client *sw, const struct follow_options *o,
		  const struct follow_ops *ops, struct follow **out, struct xvs_error *err);
void follow_destroy(struct follow *f); /* moves under way stay: xvsd keeps them; NULL is fine */

#endif /* XVS_HV_FOLLOW_H */
