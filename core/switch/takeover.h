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
	bool is_owed; /* an earlier daemon took it and could not give it back: it is on no host port */
	struct address_set set;
};

struct takeover {
	char device[IFNAMSIZ]; /* of the host port */
	struct taken_device from[TAKEN_DEVICES];
	size_t count;
};

/* takeover_set.c */
void takeover_destroy(struct takeover *t); /* NULL is fine */
/* NULL: none of this name. */
struct taken_device *takeover_find(struct takeover *t, const char *device);
/* NULL: there are as many as may be. */
struct taken_device *takeover_add(struct takeover *t, const char *device);
void takeover_remove(struct takeover *t, struct taken_device *d);
/* A copy without what 'but' (may be NULL) has of the same devices; NULL: out of memory. */
struct takeover *takeover_less(const struct takeover *t, struct takeover *but);

/* The host port that takes addresses; NULL: none. */
const struct port_spec *takeover_port(const struct switch_spec *s);

/*
 * takeover_move.c: onto the device of the host port, and back.  Both may be done again.  What is back is
 * out of 't' then, with its device; what is left is that which could not be given back.
 */
int takeover_put(const struct takeover *t, struct xvs_error *err);
int takeover_return(struct takeover *t, struct xvs_error *err);
/* What 'device' has is added to what was taken; nothing moves. */
int takeover_read(struct takeover *t, const char *device, struct xvs_error *err);
/* Is the device there? */
bool takeover_finds(const char *device);
void takeover_announce(const struct takeover *t);

/* takeover_record.c: on disk, under the name of the switch. */
int takeover_keep(const char *state_dir, const char *name, const struct takeover *t,
		  struct xvs_error *err);
void takeover_forget(const char *state_dir, const char *name);
/* What an earlier daemon took and nobody could give back, all of it owed; NULL: nothing. */
struct takeover *takeover_load(const char *state_dir, const char *name);

/* False: refused.  plan_host.c asks whether the host may be cut off. */
void plan_takeover(struct plan *p, const struct plan_switch *ps);
bool plan_takes_addresses(const struct plan_switch *ps);
/* A device that leaves the switch, and gets back what the host port has of it; NULL: none. */
const char *plan_leaves_taken(const struct plan_switch *ps);

json_t *takeover_json(const struct takeover *t);

extern const struct step_ops step_takeover_before; /* do, first: sw, plan_switch or NULL */
extern const struct step_ops step_takeover;        /* do, when ports are up: the same */
extern const struct step_ops step_takeover_after;  /* clear: the same */
/* One such step for each switch that it concerns, also those that go; -ENOMEM. */
int takeover_steps(struct transaction *t, const struct step_ops *ops);

#endif /* XVS_SWITCH_TAKEOVER_H */
