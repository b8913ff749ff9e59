/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control/origin.h - one change on its way: who asked for it, on which terms, and what for.
 *
 * It belongs to the change until that has been answered.  [control]
 */
#ifndef XVS_CONTROL_ORIGIN_H
#define XVS_CONTROL_ORIGIN_H

#include "control/control.h"

struct origin {
	struct control *control;
	json_t *who;  /* {by, uid, pid, role} */
	json_t *what; /* "policy.set lab/vm1 xvs.vlan/1" */
	bool is_dry_run;
	bool has_version; /* only if the configuration is still at this number */
	bool is_return;   /* to an earlier state, which also ends what waits for its confirmation */
	bool is_own;      /* the daemon's: nobody is there to confirm it */
	uint64_t version;
	uint64_t confirm_s;        /* goes back by itself unless confirmed; 0: does not */
	char *text, *name;         /* of the file that it brings into force; NULL: it stays */
	char instead_of[SUM_TEXT]; /* the daemon's own file, which is not in force; "": it may be */
	struct daemon_spec wanted; /* where there is a text: as it says, without cores */
	outcome_fn done;
	void *arg;
};

/*
 * 'by' is "rpc", "signal", "start", "confirm" or "migration"; 'what' is for people.  NULL: out of memory, which
 * has been answered.
 */
struct origin *origin_create(struct control *c, const char *by, const char *what, outcome_fn done,
			     void *arg);
/* Of a call, with its terms; it will be answered by answer_outcome().  NULL: it has been. */
struct origin *origin_of(struct rpc_call *call);
void origin_destroy(struct origin *o); /* NULL is fine */

/* How the world is asked; the origin goes with its answer. */
struct wish origin_wish(struct origin *o);
/* It ends here: answered with errors. */
void origin_refuse(struct origin *o, int code, const struct diags *d);
/* -ENOMEM */
int origin_set_file(struct origin *o, const char *text, size_t len, const char *name);

/* {by: "rpc", uid, pid, role}; new */
json_t *who_of(const struct rpc_call *call);
/* "uid 0, pid 4711 as admin", "the start of the daemon" */
const char *who_print(const json_t *who, char *out, size_t size);

#endif /* XVS_CONTROL_ORIGIN_H */
