/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/hv.h - the host core: what all machines of this host share.  All of it is [control].
 */
#ifndef XVS_HV_HV_H
#define XVS_HV_HV_H

#include "facts.h"
#include "process.h"
#include "settings.h"
#include "store.h"
#include "switch.h"

struct vm;
struct arrivals;

enum { RUN_FOLDER = 64 };

struct hv {
	struct loop *loop;
	struct store *store;
	struct switch_client *sw;
	struct facts facts;
	struct host_settings settings;
	struct tls_context *tls; /* for other hosts; NULL: 'move_problem' says why not */
	char move_problem[SPEC_PATH + 200];
	struct user user;     /* as which QEMU runs, or whose groups it has */
	uid_t users[2];       /* first and last of those of machines; 0: all have that one */
	char run[RUN_FOLDER]; /* folder of sockets, one below for each machine */
	struct vm *vms;
	json_t *departed;          /* reports of moves from here that have ended; NULL: none */
	struct arrivals *arrivals; /* machines that come from other hosts */
};

struct vm *hv_find(const struct hv *hv, const char *name); /* NULL: there is none */

/* Another machine that has this MAC address, port or disk file; NULL: none does.  *what says it. */
const struct vm *hv_rival(const struct hv *hv, const struct vm_spec *s, char *what, size_t size);

/*
 * Machines of the state directory: those whose QEMU runs are adopted, those that are to run are
 * started.  What is wrong with single ones is logged.
 */
int hv_restore(struct hv *hv, struct xvs_error *err);

/*
 * What other hosts need of us: certificates, as the settings say.  Without them machines run, but
 * move nowhere.
 */
void hv_open_to_hosts(struct hv *hv);

/* Forgets all machines, whose QEMUs go on. */
void hv_finish(struct hv *hv);

#endif /* XVS_HV_HV_H */
