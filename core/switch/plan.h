/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan.h - a model resolved against the extensions that are there: every policy decoded,
 * every chain in order, every object paired with the one that exists.  Changes nothing; all that
 * is wrong is in its diagnostics.  [control]
 */
#ifndef XVS_SWITCH_PLAN_H
#define XVS_SWITCH_PLAN_H

#include "switch/world.h"

struct plan_member {
	const struct chain_spec *spec;
	struct member *member; /* that goes on; NULL: a new one, until steps are made */
	struct member *former; /* that makes room for a newer version of itself, which is new; NULL */
	bool is_new;
	struct module *module; /* one reference; NULL: missing */
	const struct extension *ext;
	bool is_disabled;
	bool is_required;
	bool is_tolerated; /* may fail to start: then its ports are closed */
	char problem[PROBLEM_MAX];
	char why[160];
	struct settings settings;
};

struct plan_port {
	const struct port_spec *spec;
	enum owner owner;
	uint8_t uuid[16];
	struct port *port; /* that goes on; NULL: a new one, until steps are made */
	bool is_new;
	bool is_blocked;
	bool is_held;      /* its machine is on the way here */
	bool is_member;    /* of the switch's team */
	bool is_joining;   /* an uplink by itself until now, whose device stays as it is */
	bool is_tolerated; /* may fail to come up: then it is closed */
	bool has_mac;      /* of its adapter, ... */
	bool is_pooled;    /* ... from the pool of the host */
	uint8_t mac[6];
	char problem[PROBLEM_MAX]; /* why it is to be closed, tolerated */
	struct settings settings;
};

/* A value that ports of one group (NULL: of none) have from above: decoded once, and one for all. */
struct plan_shared {
	const struct xvs_feature *feature;
	const struct group_spec *group;
	struct value *value; /* one reference */
	bool is_seen;        /* plan_session.c has looked at it */
};

struct plan_switch {
	const struct switch_spec *spec;
	struct vswitch *sw; /* NULL: a new one, until steps are made */
	bool is_new;
	uint8_t uuid[16];
	struct plan_member *members; /* in chain order */
	size_t member_count;
	struct plan_port *ports;
	size_t port_count;
	struct plan_shared *shared;
	size_t shared_count;
	struct settings settings;         /* of the switch itself */
	char mirror_problem[PROBLEM_MAX]; /* tolerated: sessions do without what is missing */
	uint16_t *shares;                 /* for l2_share(); NULL: no private VLAN */
};

struct plan {
	struct world *w;
	struct model *model; /* borrowed; UUIDs and addresses may be made in it */
	struct diags *d;
	bool is_strict; /* also what was down before must come up */
	struct plan_switch *switches;
	size_t switch_count;
};

/* 0, or -EINVAL with everything that is wrong in 'd'; -ENOMEM. */
int plan_create(struct world *w, struct model *model, bool is_strict, struct diags *d,
		struct plan **out);
void plan_destroy(struct plan *p); /* NULL is fine */
/* What an applied file would be planned as; both are the caller's.  apply.c. */
int plan_for_spec(struct world *w, const struct config_spec *spec, struct diags *d,
		  struct model **model, struct plan **plan);

/* What it changes, one line each; NULL: out of memory.  diff.c. */
json_t *diff_plan(const struct world *w, const struct plan *p, bool *touches_host);

/* False: an adapter of the host would lose its last way out, which is said.  plan_host.c. */
bool plan_keeps_host(struct plan *p);

/* The line about a team whose settings change; NULL: they do not.  Given.  diff_team.c. */
char *diff_team(const struct switch_spec *now, const struct switch_spec *next);

struct plan_port *plan_switch_port(const struct plan_switch *ps, const struct port *p);
struct plan_member *plan_switch_member(const struct plan_switch *ps, const struct member *m);
/* Is there one that takes the place of this member? */
bool plan_succeeds(const struct plan_switch *ps, const struct member *m);
struct plan_switch *plan_find(const struct plan *p, const struct vswitch *sw);

/* A feature that this chain (or the switch itself) has; NULL. */
const struct xvs_feature *plan_feature(const struct plan_switch *ps, const char *id);
/* The setting of this chain that a former revision became; every other feature is itself. */
const struct xvs_feature *plan_current(const struct plan_switch *ps, const struct xvs_feature *f);
/* Does it stand in the chain of a port with these policies, if it runs? */
bool plan_member_stands(const struct plan_member *pm, const struct settings *settings);

/*
 * Does anything of switch scope change for this member, which runs?  Then what its ports have is
 * asked about again, since it may name what is to be.
 */
bool plan_member_changes(const struct plan_member *pm);

/* plan_chain.c */
int plan_chain(struct plan *p, struct plan_switch *ps);
/* plan_policy.c: values of switch scope, then those of each port. */
int plan_policies(struct plan *p, struct plan_switch *ps);
/* plan_team.c: pins, and what members cannot have. */
void plan_team(struct plan *p, struct plan_switch *ps);
/* guest_team.c */
void plan_guest_teams(struct plan *p, struct plan_switch *ps);
/* plan_private.c: private VLANs, by the policies of all ports. */
int plan_private(struct plan *p, struct plan_switch *ps);
/*
 * plan_mac.c: addresses that ports have had from the pool; then those of ports that need one, and
 * none for two.  What the port is made with.
 */
void plan_kept_mac(const struct plan *p, struct plan_port *pp);
int plan_macs(struct plan *p);
void plan_put_mac(const struct plan_port *pp, struct port_spec *spec);

/* plan_rate.c */
int plan_rates(struct plan *p, struct plan_switch *ps);
/* plan_link.c */
int plan_links(struct plan *p, struct plan_switch *ps);
/* qos.c */
void plan_qos(struct plan *p, struct plan_switch *ps);
/* queue.c */
void plan_queues(struct plan *p, struct plan_switch *ps);

/* plan_mirror.c: mirror sessions, by all ports and groups. */
void plan_mirrors(struct plan *p, struct plan_switch *ps);
/* plan_session.c: mirror sessions that policies of extensions name. */
void plan_sessions(struct plan *p, struct plan_switch *ps);

/* Adds an error unless one at the same place of the document is there already. */
void plan_error(struct plan *p, struct position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* XVS_SWITCH_PLAN_H */
