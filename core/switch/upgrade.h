/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/upgrade.h - one version of an extension takes another's place, under traffic.  [control]
 *
 * It is a change like any other (transaction.h): the new version is started and attached beside the old one, with
 * the policies that are in force, as its own tables read them.  Its last do step hands over what the old one
 * knows (steps_upgrade.c):
 *
 *   rounds      RUNNING, while packets flow, until little is left
 *   pause       the switch's queues are not read; what is under way leaves, the old one gives back what it holds
 *   the rest    FROZEN, FINAL
 *   commit      the old one stands down, the new one is in all chains, queues are read again
 *
 * Up to the commit any refusal leaves the old one in its place, as if nothing had been.  After it, upgrade_watch.c
 * looks whether the new one keeps to its budget, and hands everything back if not.
 */
#ifndef XVS_SWITCH_UPGRADE_H
#define XVS_SWITCH_UPGRADE_H

#include "switch/world.h"

struct transaction;

/* Of the last upgrade of an instance. */
struct upgrade_report {
	char from[24], to[24];    /* versions */
	uint32_t format;          /* of the state; 0: none was handed over */
	uint32_t rounds, records; /* while packets flowed; in all */
	uint64_t bytes;
	uint64_t paused_ns; /* how long the switch's queues were not read */
	uint64_t watched_s; /* 0: nobody watches */
	bool is_back;       /* it is the former version, which had to come back */
	char why[PROBLEM_MAX];
};

/* What a request wants beside the module; in its transaction. */
struct upgrade_terms {
	struct member *former;
	char file[MODULE_PATH_MAX]; /* "": the search path's */
	bool is_cold;               /* without state, if it cannot be agreed upon */
	bool is_back;
	uint64_t watch_s;
	char why[PROBLEM_MAX];
};
struct upgrade_terms *upgrade_terms_of(const struct transaction *t);

/* The steps of an upgrade, if this transaction is one: behind all other do steps, and behind all publications.
 * -ENOMEM. */
int upgrade_steps(struct transaction *t);
int upgrade_steps_after(struct transaction *t);

/* -EBUSY: a port comes from or goes to another host, with state of the former member. */
int upgrade_check_moves(const struct vswitch *sw, struct xvs_error *err);

/* The one whose place it takes, if any, is in the path no more: first it stands down. */
void upgrade_stand_down(struct member *m);

/* {from, to, ...}; NULL: it did not come by an upgrade. */
json_t *upgrade_describe(const struct member *m);
void upgrade_forget(struct member *m); /* frees the report */

/* Watches it for so long; goes back to this module (kept) if it breaks its budget. */
void upgrade_watch_begin(struct member *m, struct module *former, const struct extension *ext,
			 uint64_t seconds);
void upgrade_watch_end(struct member *m);
/* Back to a module that ran before; 'why' is for people. */
void upgrade_back(struct member *m, struct module *former, const struct extension *ext,
		  const char *why);

#endif /* XVS_SWITCH_UPGRADE_H */
