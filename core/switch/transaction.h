/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/transaction.h - one change at a time: edit the wanted, plan, do, commit, settle, clear
 * away, answer.  [control]
 *
 *   do      steps that may fail; a failure undoes those done before, in reverse
 *   commit  steps that cannot fail: from the first one on the change is in force
 *   settle  until no packet travels on the old state
 *   clear   what has gone is detached, closed and destroyed
 *
 * A dry run ends behind its do steps, which are undone; none of them touches a device.
 *
 * A step may wait: it returns STEP_WAITS and somebody calls transaction_wake() later (or before
 * it has returned).
 */
#ifndef XVS_SWITCH_TRANSACTION_H
#define XVS_SWITCH_TRANSACTION_H

#include "switch/plan.h"
#include "switch/world.h"

enum { STEP_WAITS = 1 };

struct step;

struct step_ops {
	/* 0, STEP_WAITS, or -errno with 'err' filled (do steps only). */
	int (*run)(struct step *s, struct xvs_error *err);
	/* Of a do step that succeeded: 0 or STEP_WAITS.  NULL: nothing to undo. */
	int (*undo)(struct step *s);
	/* Always called at last, done or not; NULL: nothing to free. */
	void (*free)(struct step *s);
};

/* What a step is about; each kind uses what it needs. */
struct step {
	struct step *next, *previous;
	const struct step_ops *ops;
	struct transaction *t;
	struct vswitch *sw;
	struct member *member;
	struct port *port;
	struct plan_switch *plan_switch;
	struct plan_member *plan_member;
	struct plan_port *plan_port;
	const struct xvs_feature *feature;
	struct value *value; /* borrowed from the plan; NULL: the policy goes */
	void *port_state;
	void *prepared;
	struct port_conf *conf; /* what a commit step needs is allocated with it */
	struct reasons *reasons;
	struct mirror_table *mirrors;
	struct port_spec *spec;
	struct step *of; /* the check that this apply belongs to */
	size_t cursor;   /* of a step that waits several times */
	bool is_changed; /* publish: judge anew even if the conf is the same */
	bool is_skipped; /* tolerated: there is nothing to undo or to commit */
};

enum step_phase { PHASE_DO = 0, PHASE_COMMIT = 1, PHASE_CLEAR = 2, PHASE_COUNT = 3 };

/* What to change: 'edit' runs when its turn comes, on a copy of the model then in force. */
struct request {
	int (*edit)(struct world *w, struct model *m, void *args, struct diags *d);
	void (*free_args)(void *args);
	void *args;
	bool is_strict;   /* every object must come up, also one that was down before */
	bool is_silent;   /* nobody's wish, and nothing to keep: link events, the end */
	bool is_tolerant; /* what cannot come up is closed */
	struct wish wish;
};

struct transaction {
	struct transaction *next;
	struct world *w;
	struct request request;
	struct model *model; /* wanted afterwards */
	struct plan *plan;
	struct step *first[PHASE_COUNT], *last[PHASE_COUNT];
	enum step_phase phase;
	struct step *at;
	bool is_undoing, is_running, is_woken, is_answered;
	bool is_agreed;             /* a dry run's end: all agreed, and now it is undone */
	int code;                   /* why it was refused */
	struct position refused_at; /* a step's, with its error */
	size_t closed;              /* ports that the change closed, or brought up closed */
	json_t *lines;              /* what differs */
	bool touches_host;
	struct diags d;
	char note[PROBLEM_MAX];
	struct loop_timer *patience;
	struct settings garbage; /* values that workers may still read */
	struct rcu_node grace;
};

/* Out of memory is answered like a refusal.  Takes request->args in every case. */
void world_request(struct world *w, const struct request *request);
/* Out of memory; takes the args. */
void world_refuse(const struct request *request);
void world_links_changed(struct world *w);

/* Appends; NULL: out of memory. */
struct step *transaction_step(struct transaction *t, enum step_phase phase,
			      const struct step_ops *ops);
void transaction_wake(struct transaction *t);
/* Keeps a value until its readers have gone; takes it. */
void transaction_retire(struct transaction *t, struct settings *old);
/*
 * The result is known; the next change waits for the end all the same.  At once, or when undoing or
 * clearing away takes long, as it does while a worker is held.
 */
void transaction_answer(struct transaction *t);
void transaction_answer_in_time(struct transaction *t);
void transaction_note(struct transaction *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* build.c: from the plan to steps; of a dry run the do steps alone.  -ENOMEM. */
int transaction_build(struct transaction *t);
/* Link events alone. */
int transaction_build_links(struct transaction *t);

/* ---- the kinds of steps; what each uses of struct step stands in its comment ------------------ */

/* steps_chain.c */
extern const struct step_ops step_switch_add;    /* do: plan_switch */
extern const struct step_ops step_member_start;  /* do: plan_switch, plan_member */
extern const struct step_ops step_switch_adopt;  /* commit: plan_switch; conf, for nowhere */
extern const struct step_ops step_member_active; /* commit: member */
extern const struct step_ops step_settle;        /* clear */
extern const struct step_ops step_member_stop; /* clear: member; plan_member: it stays, disabled */
extern const struct step_ops step_switch_remove; /* clear: sw */

/* mirror.c */
extern const struct step_ops step_mirrors; /* commit: plan_switch; mirrors */
int mirror_step_prepare(struct step *s);   /* -ENOMEM */

/* steps_port.c */
extern const struct step_ops
	step_port_swap; /* do: port; conf, reasons: down, another takes its device */
extern const struct step_ops step_port_up;        /* do: plan_switch, plan_port: a new one */
extern const struct step_ops step_port_adopt;     /* commit: plan_port; spec */
extern const struct step_ops step_port_leave;     /* commit: port: out of the lists */
extern const struct step_ops step_port_unaddress; /* commit: port */
extern const struct step_ops step_port_address;   /* commit: port */
extern const struct step_ops step_port_publish;   /* commit: port, plan_port; conf, reasons */
extern const struct step_ops step_port_quiet;     /* clear: port: DOWN, connections end */
extern const struct step_ops step_port_down;      /* clear: port: down and destroyed */

/* steps_team.c */
extern const struct step_ops step_team; /* commit: sw; plan_switch: its wishes may be new */
/*
 * commit: port, plan_switch: an uplink becomes a member of a team whose port is about to be published;
 * and has become one, and is published itself.
 */
extern const struct step_ops step_team_join, step_team_joined;

/* steps_policy.c */
extern const struct step_ops step_attach; /* do: port, plan_port, plan_member */
extern const struct step_ops step_detach; /* clear: port, member */
extern const struct step_ops step_check;  /* do: member, port or NULL, feature, value */
extern const struct step_ops step_apply;  /* commit: of */

/* apply.c */
extern const struct step_ops step_ask; /* do, of a dry run: plan_switch, plan_port: a new one */

/*
 * Where the document says what an extension refused: 'field' is "rules[3].proto", or "".  Nowhere
 * if it was not the document but a value set over it.
 */
struct position policy_position(const struct model *m, const struct plan_switch *ps,
				const struct plan_port *pp, const struct plan_member *pm,
				const char *feature, const char *field);

#endif /* XVS_SWITCH_TRANSACTION_H */
