/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/switch.h - all switches of the daemon: what is wanted becomes what is.
 *
 * Everything here is [control].  One 'world' holds the switches, their ports, chains and policies,
 * each object and value with its owner (architecture 16.7).  Changes are transactions: checked
 * whole, applied whole or refused whole; their answer comes when no packet travels on the old
 * state any more (16.2c), so every change takes a callback.  Only one transaction runs at a time;
 * others wait in order.
 */
#ifndef XVS_SWITCH_SWITCH_H
#define XVS_SWITCH_SWITCH_H

#include <jansson.h>

#include "path/path.h"
#include "policy/schema.h"
#include "switch/spec.h"

struct world;

/* A change that is in force. */
struct change {
	void *origin;        /* of its wish */
	const json_t *lines; /* what differs, as world_diff() has it */
	const char *note;    /* as in the outcome */
	bool touches_host;   /* an uplink or an adapter of the host came, went or changed */
};

struct world_config {
	struct loop *loop;
	struct path *path;
	struct counters *counters;
	const char *const *extension_dirs; /* kept */
	size_t extension_dir_count;
	const struct xvs_module *const *builtins; /* that are linked in, up to NULL; NULL: none */
	const struct extension *const *lent;      /* kept; found before those of the directories */
	size_t lent_count;
	const char *run_dir;  /* kept; for what ports must find again when we died; NULL: nowhere */
	uint64_t host_id;     /* the same at each start, and another one on another host */
	const char *dhcp_dir; /* kept; beside run_dir; NULL: no DHCP server is started */
	const char *state_dir; /* kept; for leases, and addresses that were taken; NULL: nowhere */
	/*
	 * Asked when the turn of a change comes, before it is looked at: 0, or -errno with the reason
	 * in 'd'.  NULL: all may go.
	 */
	int (*admit)(void *arg, void *origin, struct diags *d);
	/* Told of each committed change before it is answered, to keep it; NULL: nobody. */
	void (*changed)(void *arg, const struct change *c);
	void *changed_arg; /* for both */
};

int world_create(const struct world_config *c, struct world **out, struct xvs_error *err);
/*
 * Tolerant: what cannot come up (an extension missing or refusing, a busy device) does not refuse
 * the change, but closes the ports concerned; outcome.note and the ports say why.  For the start
 * of the daemon; born strict.
 */
void world_set_tolerant(struct world *w, bool is_tolerant);
/* Removes everything in order, then done(arg).  Nothing else may be asked meanwhile. */
void world_destroy(struct world *w, void (*done)(void *arg), void *arg);

/* What became of a transaction.  'd' holds all errors where it was refused; 'note' may hold a warning. */
struct outcome {
	int code; /* 0, or -errno: refused, nothing changed; -ENOENT: no such object */
	const struct diags *d;
	const char *note;    /* "2 ports closed", "worker 1 was held by ...": or NULL */
	const json_t *lines; /* what changed or, when it was only tried, would; NULL where refused */
};
typedef void (*outcome_fn)(void *arg, const struct outcome *o);

/* How a change is asked for; the same for every one. */
struct wish {
	/*
	 * Only tried: up to the point where every feature and extension has agreed, then undone.  New
	 * ports are asked about, but their devices are not opened.
	 */
	bool is_dry_run;
	bool may_cut_off; /* the host: it goes back unless confirmed, or back is where it leads */
	void *origin; /* the asker's own, for admit() and changed(); until 'done' has been called */
	outcome_fn done;
	void *arg;
};

/*
 * The file's wanted state replaces the file's former one: what it no longer names goes, what others
 * own stays.  'spec' is taken.  drop_overlays: overlays of file-owned values go too.
 */
void world_apply(struct world *w, struct config_spec *spec, bool drop_overlays, const char *file,
		 const struct wish *wish);

/* All that was wanted at an earlier time. */
struct earlier {
	struct config_spec *spec; /* what the file said; taken */
	const char *file;         /* its name */
	const json_t *snapshot;   /* of world_snapshot() */
	bool is_tolerant;         /* what cannot come up any more is closed, as at the start */
};
/* Back to it, whoever owns what. */
void world_return(struct world *w, const struct earlier *e, const struct wish *wish);

/*
 * What host ports of a daemon that has gone had of the uplinks, by its state directory, is back at them;
 * nobody else has that directory.  Each is logged; -errno: why some are not back.
 */
int world_recover_addresses(const char *state_dir);

/* Checks as far as possible without changing anything: schemas, extensions found, policy_check on probe ports where
 * an instance runs already.  Errors go to 'd'.  Synchronous; 0 or -EINVAL. */
int world_check(struct world *w, const struct config_spec *spec, struct diags *d);

/*
 * For a configuration with other errors, which are in 'd' already: what is wrong with its policies,
 * as far as that can be said without a plan.
 */
void world_check_documents(struct world *w, const struct config_spec *spec, struct diags *d);

/* What world_apply() would do, as lines "+ port lab/vm1", "- ...", "~ policy lab/vm1 org.xvs.guard/1: ...". */
json_t *world_diff(struct world *w, const struct config_spec *spec);

/* ---- verbs --------------------------------------------------------------------------------------- */

/* TARGET of the CLI: "switch", "switch/port"; a port name alone where it is unique. */

void world_port_add(struct world *w, const char *switch_name, struct port_spec *spec /* taken */,
		    enum owner owner, const struct wish *wish);
void world_port_remove(struct world *w, const char *target, enum owner owner, bool override,
		       const struct wish *wish);
/*
 * It has moved to another host, whoever owned it; the file's does not come back by applying the file.
 * One that is not there is fine.
 */
void world_port_leave(struct world *w, const char *target, const struct wish *wish);
void world_port_block(struct world *w, const char *target, bool blocked, const struct wish *wish);

/*
 * 'fields' (a map; taken) are merged into the policy at this target; NULL: unset.  Another
 * owner's value is refused with its owner and line unless 'override', which makes an overlay.
 */
struct policy_change {
	const char *target, *feature;
	struct node *fields;
	enum owner owner;
	bool is_override;
};
void world_policy_set(struct world *w, const struct policy_change *change, const struct wish *wish);

/* target: "switch/instance", or the instance's name alone where unique. */
void world_instance_enable(struct world *w, const char *target, bool enabled,
			   const struct wish *wish);

/*
 * Another version of an instance's extension takes its place between two batches, and gets what it knows.  Any
 * refusal leaves the one that runs as it is.  Where a file is named, it is found again after a restart.
 */
struct upgrade_wish {
	const char *target; /* as of world_instance_enable() */
	const char *file;   /* absolute; NULL: what the search path has */
	bool is_cold;       /* its state may stay behind where both do not agree on a format */
	uint64_t watch_s;   /* goes back if it breaks its budget within so many seconds; 0: never */
};
void world_upgrade(struct world *w, const struct upgrade_wish *upgrade, const struct wish *wish);

/*
 * Which connections are those of a switch (NULL: of all), and where an instance or extension stands
 * in the chain (NULL: wherever); of denials, those that it spoke.  *f points into the answer, which is
 * the caller's to free().  NULL: there is none of that name, or no memory.
 */
struct conn_scope *world_conn_scope(struct world *w, const char *switch_name, const char *extension,
				    struct conn_filter *f);
void world_conn_flush(struct world *w, const struct conn_filter *f, outcome_fn done, void *arg);

/* ---- questions: JSON as the RPC gives it (new references; NULL: no such object) ------------------- */

struct trace_event;

json_t *world_status(struct world *w);
json_t *world_switch_list(struct world *w);
json_t *world_switch_show(struct world *w, const char *name);
json_t *world_port_list(struct world *w, const char *switch_name /* NULL: all */);
json_t *world_port_show(struct world *w, const char *target);
json_t *world_port_stats(struct world *w, const char *target);
json_t *world_team_list(struct world *w, const char *target /* NULL: all */);
json_t *world_policy_list(struct world *w, const char *target);
json_t *world_policy_show(struct world *w, const char *target, const char *feature /* NULL: all */,
			  bool effective);
json_t *world_ext_list(struct world *w);
json_t *world_ext_show(struct world *w, const char *id_or_instance);
/*
 * Rows of a long list of an instance (its lists, if none is named) that are as 'where' (NULL: any) says.
 * NULL: why not is in 'err'.
 */
json_t *world_ext_rows(struct world *w, const char *instance, const char *list, const json_t *where,
		       uint32_t limit, struct xvs_error *err);
/* {required, until, keys}: whose extensions are loaded; until when, in seconds since 1970, 0: for ever. */
json_t *world_ext_trust(const struct world *w);
json_t *world_ext_stats(struct world *w, const char *target /* NULL: all */);
/* [{instance, switch, packets, cycles, cycles_per_packet, judged, cycles_per_judgement}] of one. */
json_t *world_worker_costs(struct world *w, uint32_t worker);
json_t *world_mac_list(struct world *w, const char *switch_name);
/* Sessions of nat switches. */
struct nat_filter {
	const char *switch_name; /* NULL: all */
	uint32_t address;        /* of any end, of flush the inside; host order; 0: any */
	uint8_t proto;           /* 0: any */
};
json_t *world_nat_list(struct world *w, const struct nat_filter *f, size_t max);
json_t *world_nat_flush(struct world *w, const struct nat_filter *f); /* {ended} */
json_t *world_nat_show(struct world *w, const char *switch_name);
/* DHCP servers, and who has which address of theirs; NULL for the name: all. */
json_t *world_dhcp_show(struct world *w, const char *switch_name);
json_t *world_dhcp_list(struct world *w, const char *switch_name);
/* [{switch, session, sources, to, packets, bytes, lost}] */
json_t *world_mirror_list(struct world *w, const char *switch_name);
json_t *world_drops(
	struct world *w); /* [{port, stage, extension, instance, reason, help, packets, bytes}] */
/* [{what, stage, port, ..}]: see api/control/xvs-rpc.json; an element each, in their order. */
json_t *world_trace(struct world *w, const struct trace_event *events, uint32_t count);
json_t *world_conn_list(struct world *w, const struct conn_filter *f, size_t max);
json_t *world_accounts(
	struct world *
		w); /* the law: received, originated, copied, segmented, sent, drops, consumed, held */

/* daemon.confirm_host of the file that is in force. */
uint32_t world_confirm_host(const struct world *w);
/* migration: of the file that is in force, until the next change. */
const struct migration_spec *world_migration(const struct world *w);
/* extensions.network: the same. */
const struct network_spec *world_network(const struct world *w);

/* Port id of a target; 0: no such port. */
uint32_t world_port_id(struct world *w, const char *target);
const char *world_port_name(struct world *w, uint32_t id); /* "switch/port", or "-" */

/* Number of a running instance, by which the packet path knows it; 0: no such one. */
uint16_t world_instance_nr(struct world *w, const char *target);

/* Feature by id over built-ins and all known extensions; NULL: unknown ('nearest' then names one, or NULL). */
const struct xvs_feature *world_feature(struct world *w, const char *id, const char **nearest);
/* All features that this daemon, with the extensions in its search path, knows.  Array to free(). */
const struct xvs_feature **world_features(struct world *w, size_t *count);

/*
 * All that is wanted, the file's and others' with what was set over it, as one configuration; NULL:
 * out of memory.
 */
struct config_spec *world_export(struct world *w);

/* What is there and who owns it, for export, journal and diff: file-owned as the last applied spec; API-owned; overlays. */
json_t *world_snapshot(struct world *w);
/* At start, before world_apply(): UUIDs, API objects and overlays of a snapshot. */
int world_restore(struct world *w, const json_t *snapshot, struct diags *d);

#endif /* XVS_SWITCH_SWITCH_H */
