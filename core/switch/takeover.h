/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/takeover.h - a host port that takes over the addresses of its switch's uplinks, and gives them
 * back.  Inside this folder; all of it [control].
 *
 * What was taken is on disk before the first address moves, so that whoever comes after a crash, which
 * takes the host port away with all that it had, puts it back where it was.
 */
#ifndef XVS_SWITCH_TAKEOVER_H
#define XVS_SWITCH_TAKEOVER_H

#include "port/address.h"
#include "switch/transaction.h"

enum { TAKEN_DEVICES = 8, SYSCTL_TEXT = 16 };

/* Of one uplink's device. */
struct taken_device {
	char device[IFNAMSIZ];
	char arp_ignore[SYSCTL_TEXT]; /* as it was before; "": not known */
	char no_ipv6[SYSCTL_TEXT];
	struct address_set set;
};

struct takeover {
	char device[IFNAMSIZ]; /* of the host port */
	struct taken_device from[TAKEN_DEVICES];
	size_t count;
};
void takeover_destroy(struct takeover *t); /* NULL is fine */

/* The host port that takes addresses; NULL: none. */
const struct port_spec *takeover_port(const struct switch_spec *s);

/* takeover_move.c: onto the device of the host port, and back.  Both may be done again. */
int takeover_put(const struct takeover *t, struct xvs_error *err);
int takeover_return(const struct takeover *t, struct xvs_error *err);
/* What 'device' has is added to what was taken; nothing moves. */
int takeover_read(struct takeover *t, const char *device, struct xvs_error *err);
void takeover_announce(const struct takeover *t);

/* takeover_record.c: on disk, under the name of the switch. */
int takeover_keep(const char *state_dir, const char *name, const struct takeover *t,
		  struct xvs_error *err);
void takeover_forget(const char *state_dir, const char *name);
/* At the start: all that an earlier daemon took and did not give back, is given back. */
void takeover_recover(const char *state_dir);

/* False: refused.  plan_host.c asks whether the host may be cut off. */
void plan_takeover(struct plan *p, const struct plan_switch *ps);
bool plan_takes_addresses(const struct plan_switch *ps);

json_t *takeover_json(const struct takeover *t);

extern const struct step_ops step_takeover_before; /* do, first: sw, plan_switch or NULL */
extern const struct step_ops step_takeover;        /* do, when ports are up: the same */
extern const struct step_ops step_takeover_after;  /* clear: the same */
/* One such step for each switch that it concerns, also those that go; -ENOMEM. */
int takeover_steps(struct transaction *t, const struct step_ops *ops);

#endif /* XVS_SWITCH_TAKEOVER_H */
