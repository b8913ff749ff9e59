/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/world.h - what is: switches, the members of their chains, their ports.  Inside this
 * folder; all of it [control].
 *
 * A member is one entry of a chain, with or without a running instance.  A port is up when it has
 * a backend and is on the packet path; it is open when nothing stands against it: port_compile()
 * makes the list of reasons.
 */
#ifndef XVS_SWITCH_WORLD_H
#define XVS_SWITCH_WORLD_H

#include "base/log.h"
#include "switch/array.h"
#include "switch/catalogue.h"
#include "switch/model.h"
#include "switch/settings.h"
#include "switch/switch.h"

struct transaction;
struct upgrade_report;
struct upgrade_watch;
struct team;
struct lldp_port;
struct dhcp_server;
struct takeover;
struct exit_drops;
struct xvs_port_view;

enum { PROBLEM_MAX = 256, REASON_MAX = 16 };

enum member_state {
	MEMBER_STOPPED = 0, /* not started yet, or on its way out */
	MEMBER_RUNNING = 1,
	MEMBER_DISABLED = 2, /* by the operator */
	MEMBER_MISSING = 3,  /* no such extension in the search path */
	MEMBER_FAILED = 4,   /* refused to start; 'problem' says why */
};

struct member {
	struct vswitch *sw;
	char name[64];
	char extension[64];
	struct module *module;       /* one reference; NULL: missing */
	const struct extension *ext; /* NULL: missing */
	struct instance *instance;   /* while running */
	uint16_t nr;
	uint16_t conn_slot; /* with "xvs.conn/1": its own among those of the switch; CONN_SLOTS: none */
	bool is_required; /* its ports are closed without it */
	enum member_state state;
	char problem[PROBLEM_MAX];
	char why[160];                   /* why it stands where it stands */
	struct settings settings;        /* switch scope */
	struct member *former;           /* upgrade.h: whose place it takes; until that has gone */
	bool is_succeeded;               /* what it kept with connections is its successor's now */
	struct upgrade_report *upgraded; /* how it came here by an upgrade; NULL: it did not */
	struct upgrade_watch *watch;     /* NULL: nobody watches it */
	/* "xvs.port/1": is told of every port of the switch; NULL: nobody asked */
	void (*port_fn)(void *self, const struct xvs_port_view *v, int event);
};

/* A member that knows a port. */
struct attachment {
	struct member *member;
	void *port_state;
	bool is_up; /* was told UP, and not DOWN since */
};

/* What was told of a port to those who want to know of all: portview.c. */
struct port_listing {
	bool is_known, is_up;
	uint64_t up_since_ns;
	struct xvs_port facts;
};

struct reasons {
	size_t count;
	char text[REASON_MAX][PROBLEM_MAX];
};

struct port {
	struct world *w;
	struct vswitch *sw;
	struct port_spec spec;
	enum owner owner;
	uint8_t uuid[16];
	uint32_t id; /* 0: none yet */
	char full_name[TARGET_MAX];
	struct backend *backend;     /* NULL: not up */
	struct path_port *path_port; /* NULL: not on the path */
	struct attachment *attached; /* in the order of attaching */
	size_t attached_count;
	struct settings settings; /* effective */
	bool is_blocked;
	bool is_held;       /* bundle.h: its machine is not here yet */
	bool is_frozen;     /* nor here any more */
	bool is_over_limit; /* of addresses, until somebody unblocks it */
	bool is_open;
	bool is_guarded; /* conn_port_open() is in force */
	bool is_member;  /* of the switch's team: has a device, but no chain and no policies */
	uint8_t member;  /* its number there */
	bool has_static; /* static_mac is in the address table */
	uint32_t static_segment;
	uint8_t static_mac[6];
	struct lldp_port *lldp;        /* NULL: it neither listens nor tells */
	char problem[PROBLEM_MAX];     /* why it could not be brought up whole; "" */
	char warned[PROBLEM_MAX];      /* what the backend does worse than asked, as logged */
	char mac_problem[PROBLEM_MAX]; /* why its address is not in the table; "" */
	struct port_listing listing;
	struct xvs_port told;    /* what extensions know of it; 'name' is spec.name */
	struct reasons *reasons; /* why it is closed; NULL: no reason */
	bool is_told_open;       /* the last message on it said so */
	struct bundle *bundle;   /* that reads it; NULL: none */
	struct relay *relay;     /* where its packets go while it is frozen; NULL: they drop */
	struct arrival *arrival; /* what came for it and waits until it opens; NULL */
	struct arrival_announcement
		*announcement; /* that it has come; NULL: was told, or never came */
};

struct vswitch {
	struct world *w;
	char name[64];
	enum switch_type type;
	uint8_t uuid[16];
	struct path_switch *path_switch;
	struct path_nat *nat;     /* of one of type nat; else NULL */
	bool is_nat_told;         /* its outside port is up, and the wire knows */
	uint8_t nat_mac[6];       /* its gateway's adapter */
	struct takeover *taken;   /* addresses that a host port has of the uplinks; NULL: none */
	bool may_carry;           /* its uplinks' devices may have addresses, to be taken */
	struct dhcp_server *dhcp; /* NULL: there never was one */
	char dhcp_problem[PROBLEM_MAX]; /* why it is not even tried; "" */
	struct member **members;        /* in chain order (ingress) */
	size_t member_count;
	struct port **ports;
	size_t port_count;
	struct settings settings;         /* of features that the switch itself has, switch scope */
	char mirror_problem[PROBLEM_MAX]; /* what sessions have to do without; "" */
	struct team *team;                /* NULL: its uplinks, if any, are not a team */
	bool is_handing_over; /* state goes from one version of an extension to another */
};

/* While a plan is made: this member makes room for a newer version of itself. */
struct succession {
	const struct member *former; /* NULL: none */
	struct module *module;       /* one reference */
	const struct extension *ext;
};

struct world {
	struct loop *loop;
	struct path *path;
	struct counters *counters;
	const char *run_dir;
	uint64_t host_id;
	uint8_t departed[64][16]; /* UUIDs of ports that are other hosts' already: departure.h */
	size_t departed_count;
	const char *dhcp_dir, *state_dir; /* NULL: no DHCP server is started */
	struct catalogue catalogue;
	bool is_checking; /* a plan is made of a configuration that somebody asks about */
	int (*admit)(void *arg, void *origin, struct diags *d);
	void (*changed)(void *arg, const struct change *c);
	void *changed_arg;
	bool is_tolerant;
	struct model *model; /* never NULL */
	struct vswitch **switches;
	size_t switch_count;
	struct port *by_id[PORTS_MAX];
	uint32_t last_id;
	struct member *by_nr[INSTANCES_MAX];
	uint16_t last_nr;
	struct transaction *current;
	struct transaction *waiting, **waiting_tail;
	const struct member *retried; /* while a plan is made: if it is down, start it anew */
	struct succession succession;
	bool is_linked;                /* a transaction for link events waits already */
	struct exit_drops *exit_drops; /* portview.c */
	struct loop_timer *ageing;
	struct loop_timer *lldp;
	void (*destroyed)(void *arg);
	void *destroyed_arg;
	struct letter farewell;
	bool is_leaving; /* the world goes when nothing waits any more */
};

/* ---- world.c --------------------------------------------------------------------------------- */

/* Nothing is being changed, and nothing waits. */
void world_idle(struct world *w);
struct vswitch *world_switch(const struct world *w, const char *name);
/* "switch/port", or a port's name alone where unique; NULL: none. */
struct port *world_port(const struct world *w, const char *target);
/* "switch/instance", an instance's name alone, or an extension's id. */
struct member *world_member(const struct world *w, const char *target);

/* ---- snapshot.c ------------------------------------------------------------------------------ */

/* UUIDs, ports, values and marks of a snapshot, into a model that has none.  -EINVAL: see 'd'. */
int model_restore(struct model *m, const json_t *snapshot, struct diags *d);

/* ---- vswitch.c ------------------------------------------------------------------------------- */

struct vswitch *vswitch_create(struct world *w, const char *name); /* NULL: out of memory */
void vswitch_destroy(struct vswitch *sw);
struct port *vswitch_port(const struct vswitch *sw, const char *name);
struct member *vswitch_member(const struct vswitch *sw, const char *name);
/* In and out of the world's and the switch's lists; -ENOMEM. */
int world_add_switch(struct world *w, struct vswitch *sw);
void world_drop_switch(struct world *w, struct vswitch *sw);
int vswitch_add_port(struct vswitch *sw, struct port *p);
void vswitch_drop_port(struct vswitch *sw, struct port *p);
int vswitch_add_member(struct vswitch *sw, struct member *m);
void vswitch_drop_member(struct vswitch *sw, struct member *m);
const char *switch_type_name(enum switch_type type);

/* ---- member.c -------------------------------------------------------------------------------- */

struct member *member_create(struct vswitch *sw, const char *name, const char *extension);
void member_destroy(struct member *m); /* stopped; NULL is fine */
/*
 * create(), worker_attach() and the policies of switch scope, all or nothing.  'settings' are in
 * force when it succeeds and stay the caller's.
 */
int member_start(struct member *m, const struct settings *settings, struct xvs_error *err);
/* Without a word of the operator, inspectors let pass what they cannot see. */
bool member_fails_open(const struct chain_spec *spec, const struct extension *ext);
/* It left the chain of one port (by id), or of all (0): its part of connections is as new. */
void member_leave_conns(const struct member *m, uint32_t port);
/* No port is attached, no chain has it: destroy(). */
void member_stop(struct member *m);
bool member_has_feature(const struct member *m, const char *feature);
/* Does it stand in the chain of a port with these policies, if it runs? */
bool member_stands(const struct member *m, const struct settings *settings);
const char *member_state_name(const struct member *m);
/* Drop reasons and counters by name, for outside readers. */
void member_publish_names(const struct member *m);

/* ---- port.c ---------------------------------------------------------------------------------- */

/* 'spec' is copied. */
struct port *port_create(struct vswitch *sw, const struct port_spec *spec, enum owner owner,
			 const uint8_t uuid[16]);
void port_destroy(struct port *p); /* it is down; NULL is fine */
/* Opens its backend and gives it an id; is not yet on the path. */
int port_open(struct port *p, struct xvs_error *err);
void port_close(struct port *p); /* off the path, all detached */
/* Closed, and removed for good: what its backend has kept goes. */
void port_forget(const struct port *p);
/* Closed, and never was: what its backend made goes, but not what a daemon before us has kept. */
void port_forget_undone(const struct port *p);
/* On the path, closed. */
int port_enter(struct port *p, struct xvs_error *err);
/*
 * Opened, attached to these members (those that stand), on the path, closed.  All or nothing,
 * but where 'is_tolerated': then 'problem' says what is missing, and the result is 0.
 */
int port_up(struct port *p, struct member *const *members, size_t count, bool is_tolerated,
	    struct xvs_error *err);
/* The rest of what port_up() did, when it has left the path. */
void port_down(struct port *p);
/*
 * Compiles, tells what is new to those that know the port, and publishes; 'conf' and 'reasons' are
 * taken.  True: it is closed.
 */
bool port_publish(struct port *p, struct port_conf *conf, struct reasons *reasons, bool is_changed);
void port_facts(const struct port *p, struct xvs_port *out);
/* Address and segment by its policy; the MTU until the backend says another. */
uint32_t port_segment(const struct port *p);
/* guest_team.c: the number of its guest's team; 0: none. */
uint32_t port_guest_team(const struct port *p);
uint32_t settings_segment(const struct settings *s);
/* The segment under which the adapter's address is filed: l2_share(). */
uint32_t settings_filing(const struct settings *s);
/* By the operator's verb or by policy. */
bool port_is_blocked(const struct port *p);
uint32_t port_mtu(const struct backend_spec *b);
bool port_is_trunk(const struct port *p);
/* Is there a forwarder that decides about tags? */
bool tags_are_forwarded(const struct vswitch *sw);
/* The outside port of a nat switch: inside it is the gateway. */
bool port_is_outside(const struct port *p);
bool port_has_mac(const struct port *p, uint8_t mac[6]);
const char *port_role_name(enum port_role role);

/* ---- attach.c -------------------------------------------------------------------------------- */

struct attachment *port_attachment(const struct port *p, const struct member *m);
/* Its place in the port's chain: attached, running, and with a policy if it needs one.  NULL. */
struct attachment *port_standing(const struct port *p, const struct member *m);
/* port_attach() and the port's policies of this member, all or nothing. */
int port_attach(struct port *p, struct member *m, const struct settings *settings,
		struct xvs_error *err);
void port_detach(struct port *p, struct member *m);
/* The last attached first. */
void port_detach_all(struct port *p);
/* Its adapter is connected, and nothing stands against its packets. */
bool port_is_up(const struct port *p);
/* CHANGED to all if its facts did, UP to those who do not know yet. */
void port_tell_news(struct port *p);
/* FROZEN to one that was told UP, and UP to one that was not where the port is. */
void port_tell_frozen(struct port *p, struct attachment *a);
void port_tell_up(struct port *p, struct attachment *a);
/* DOWN to one that was told UP: what it held of the port has been given back. */
void port_tell_down(struct port *p, struct attachment *a);

/* ---- compile.c ------------------------------------------------------------------------------- */

/* Fills a zeroed 'conf' from the state of the port; without reasons it is open. */
void port_compile(const struct port *p, struct port_conf *conf, struct reasons *reasons);
void compile_rate(const struct port *p, struct port_conf *conf);
void compile_qos(const struct port *p, struct port_conf *conf);
/* departure.c: is the port with this UUID another host's? */
bool world_has_departed(const struct world *w, const uint8_t uuid[16]);
/* Fills a zeroed 'conf' for packets that enter nowhere in particular. */
void vswitch_compile_nowhere(const struct vswitch *sw, struct port_conf *conf);
void reasons_add(struct reasons *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- mirror.c -------------------------------------------------------------------------------- */

/* Of a conf that is complete otherwise: which sessions concern the port. */
void port_compile_mirrors(const struct port *p, struct port_conf *conf);

/* ---- mactable.c ------------------------------------------------------------------------------ */

/* The static entry is what the port's address and segment say, or mac_problem why not. */
void port_set_mac(struct port *p);
void port_clear_mac(struct port *p);
/* The static one and all that were learned there; before it leaves the path. */
void port_forget_addresses(struct port *p);
/* Its adapter has that address but not that entry yet. */
bool port_mac_differs(const struct port *p);
int ageing_start(struct world *w);
/* All that was judged in this switch is judged again. */
void vswitch_invalidate(const struct vswitch *sw);

#endif /* XVS_SWITCH_WORLD_H */
