/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/path.h - the packet path as the control thread sees it: ports, their compiled chains, workers.
 *
 * A port is a stable object (struct path_port) with one published pointer, its configuration
 * (struct port_conf): immutable, replaced as a whole.  To change anything: build a new conf,
 * path_port_publish() it; that moves the port's hard epoch, so every cached verdict that involves
 * the port is judged again; then path_settle() calls back when no packet is forwarded on the old
 * verdict any more (architecture 16.2c).
 */
#ifndef XVS_PATH_PATH_H
#define XVS_PATH_PATH_H

#include "base/rcu.h"
#include "conn/conn.h"
#include "ext/instance.h"
#include "flow/epoch.h"
#include "path/l2.h"
#include "path/mirror.h"
#include "port/backend.h"
#include "xvs/ext/meter.h"

struct path;
struct path_nat;
struct path_team;
struct path_heard;
struct path_link;
struct port_conf;
struct rx_queue;
struct destset_table;
struct destsets;
struct leaving;

/* When a worker sleeps: after a while without packets, never, or whenever there is none. */
enum path_polling { PATH_ADAPTIVE = 0, PATH_BUSY = 1, PATH_INTERRUPT = 2 };

struct path_config {
	enum path_polling polling;
	uint32_t workers;      /* 1 .. WORKERS_MAX */
	uint32_t flows;        /* entries a worker; 0: 262144 */
	const uint32_t *cores; /* NULL: not pinned */
	struct counters *counters;
	struct loop *loop;
	struct network *network; /* borrowed; NULL: extensions have no operator's say, and no keys */
	const char *keep_dir;    /* kept; what processes of extensions ended at; NULL: nowhere */
	struct conn_limits conn; /* zero: defaults */
	bool is_driven; /* no threads: the caller makes each turn (tests, fuzzing, measuring) */
	uint64_t (*now)(void); /* with is_driven: what time it is for extensions; NULL: the real one */
};

/* [control] Threads run when it returns.  rcu_start() came before. */
int path_create(const struct path_config *c, struct path **out, struct xvs_error *err);
/* [control] All ports must have been removed. */
void path_destroy(struct path *path);

/* [control] What instance_create() needs; lives as long as the path. */
const struct instance_env *path_instance_env(const struct path *path);
/* [control] What a floor above offers to instances by itself: NULL of an id that it does not know. */
void path_lend(struct path *path, const void *(*offer)(const char *id));
struct conn_table *path_conns(const struct path *path);
uint32_t path_workers(const struct path *path);

/* ---- switches ------------------------------------------------------------------------------ */

/* One L2 domain to the path: its address table and the log of its partial changes. */
struct path_switch {
	struct l2 l2;
	struct epoch_log log;
	uint32_t nr; /* 1 ..; for messages */
	/* Ports of the switch for flooding: published, replaced as a whole on any change. */
	struct port_list *ports;
	struct mirror_table *mirrors; /* published; NULL: no session */
	struct path_port *none;       /* id 0: for what enters nowhere in particular */
	struct destset_table
		*destset_table; /* published; these three destset.c's, NULL: no set yet */
	struct destsets *destsets;
	struct leaving *destset_leaving;
	struct path *path;
	_Atomic uint64_t guarded[PORTS_MAX / 64]; /* ports with connections; control thread writes */
};

struct port_list {
	struct rcu_node rcu;
	uint32_t count;
	struct path_port *ports[];
};

/*
 * [control] Which switch an instance works for, from create() to the grace period before destroy():
 * invalidate(), inject() and deliver() need it.  path_forget_instance() unbinds.
 */
void path_instance_bind(struct path *path, struct instance *i, struct path_switch *sw);

/*
 * [control] The chain of packets that enter nowhere in particular (inject() at XVS_PORT_NONE): a conf
 * without port and backend; taken.  Before the first instance is bound; again after each change.
 */
void path_switch_nowhere(struct path_switch *sw, struct port_conf *conf);

/* [control] An address of the switch's table came, went or moved: flows to it are judged anew. */
void path_switch_address_changed(struct path_switch *sw, uint32_t segment, const uint8_t mac[6]);
/* [control] ... and so has who may send from it; 'sw' is the switch. */
void path_owner_changed(void *sw, uint32_t segment, const uint8_t mac[6]);

/* [control] */
struct path_switch *path_switch_create(struct path *path); /* NULL: out of memory */
void path_switch_destroy(struct path_switch *sw); /* no port is left; frees after a grace period */

/*
 * [control] fn(arg, id) when a port of which that was asked (closes_at_limit) sends from more
 * addresses than its limit; perhaps several times.
 */
void path_on_limit(struct path *path, void (*fn)(void *arg, uint32_t port), void *arg);

/* ---- ports ---------------------------------------------------------------------------------- */

enum path_role { ROLE_GUEST = 0, ROLE_UPLINK = 1, ROLE_HOST = 2 };

/* One place in a compiled chain. */
struct chain_place {
	struct instance *instance;
	void *port_state; /* of this port */
	uint32_t conn_slot; /* with "xvs.conn/1": its slot in connections, on all ports; CONN_SLOTS: none */
	uint32_t is_untracked; /* with "xvs.conn/1": asks nothing about connections of this port */
};

/* Is it asked about connections? */
static inline bool chain_place_has_conn(const struct chain_place *at)
{
	return at->instance->has_conn && !at->is_untracked;
}

enum { CHAIN_MAX = 64 };

/* A chain compiled for one port: ingress has the forward extension last, egress is mirrored. */
struct chain {
	uint32_t count;
	uint32_t conn_place; /* first firewall with "xvs.conn/1"; CHAIN_MAX: none */
	struct chain_place places[CHAIN_MAX];
};

/* How much of it a second, and how long a full bucket lasts at that rate; see rate.h. */
enum rate_kind { RATE_FROM = 0, RATE_TO = 1, RATE_RESERVED = 2, RATE_LINK = 3, RATE_KINDS = 4 };
enum rate_unit { RATE_BITS = 0, RATE_PACKETS = 1, RATE_UNITS = 2 };
struct rate {
	uint64_t per_second[RATE_UNITS]; /* 0: no limit */
	uint64_t depth_ns[RATE_UNITS];   /* at least a millisecond */
};

enum { MARK_PRIORITY = 1, MARK_DSCP = 2 };

struct port_conf {
	struct rcu_node rcu;
	struct path_port *port; /* these three set by path_port_add() and path_port_publish() */
	uint64_t serial;        /* of no other configuration, ever */
	uint32_t counted_at; /* its number; 0: what it sends goes to a relay, and is not its own */
	struct path_switch *sw;
	struct backend *backend;
	struct path_nat *nat; /* the outside port of a nat switch; NULL: any other */
	enum path_role role;
	uint8_t marks; /* MARK_PRIORITY, MARK_DSCP: what its packets get whatever they had */
	uint8_t priority;
	uint8_t dscp;
	uint32_t rate_kinds;   /* bits of those in 'rates' that say something */
	bool is_open;          /* born false: all policies in force, required instances there */
	bool is_blocked;       /* by the operator */
	bool is_mirror;        /* not open, but for copies of mirror sessions */
	struct backend *relay; /* not open, but what uplinks have for it goes there; NULL: no */
	uint8_t mirrored;      /* MIRRORED_IN, MIRRORED_OUT: some session copies its packets */
	bool is_trunk;
	uint16_t tunnel; /* type of the tag that packets get here, 0x8100 or 0x88a8; 0: it is no tunnel */
	bool is_private;     /* of a private VLAN: gets what is in 'allowed', untagged */
	bool learns;         /* source addresses are reported to l2 */
	uint32_t guest_team; /* ports with the same may use each other's addresses; 0: no others' */
	bool learns_strictly; /* packets from more addresses than the limit are dropped */
	bool closes_at_limit; /* path_on_limit() is told */
	bool spares_unknown; /* unknown unicast is not sent here, though it learns or is an uplink */
	uint32_t learn_limit;
	bool all_tags;          /* trunk: every VLAN allowed */
	bool keeps_priority;    /* trunk: a tag of VLAN 0 goes out as it is */
	bool has_forwarder;     /* the last ingress place is class FORWARD */
	uint32_t segment;       /* access: its VLAN; trunk: native */
	uint32_t mtu;           /* largest L3 packet out; 0: not checked */
	uint64_t new_flow_rate; /* a second; 0: unlimited */
	uint64_t new_flow_burst;
	struct rate rates[RATE_KINDS];
	uint32_t weight;        /* of its queues: share.c */
	uint64_t queue_ns;      /* what RATE_TO does not let through waits so long; 0: is dropped */
	uint64_t allowed[64];   /* trunk, private: bitmap of VLANs */
	struct path_team *team; /* its port, or a member's; NULL, as of nearly all: see path/team.h */
	bool hears;             /* what adjacent switches tell of themselves is kept */
	bool is_member;         /* of the team: has no chain */
	uint8_t member;         /* its number there */
	struct chain ingress, egress;
};

/* Stable from path_port_add() until a grace period after path_port_remove(). */
struct path_port {
	uint32_t id;
	enum path_role role;
	struct port_conf *conf; /* published by the control thread */
	_Atomic uint64_t hard;  /* epoch: entries older are judged again; control thread writes */
	struct xvs_meter new_flows; /* budget of judgements, any worker */
	struct xvs_meter own_flows; /* as much for entries of their own that known connections get */
	_Atomic uint32_t held;      /* packets of its share of the pools, any worker */
	_Atomic uint32_t sources; /* addresses that l2 learned here, and those on their way there */
	bool is_leaving;          /* path_port_remove() was called; control thread */
	/* Control thread writes, workers read: */
	bool is_rated; /* they ask before they read its queues: it has a limit (rate.h), or is paused */
	bool is_paused; /* they do not: what comes waits where it is */
	struct path *path;
	struct path_switch *sw;
	struct backend *backend;
	struct rate_state *rate;
	struct path_heard *heard; /* published; NULL: it has never listened to neighbours: heard.h */
	struct path_link *link; /* published; NULL: what leaves here was never shared out: link.h */
	struct rx_queue *queues; /* backend->rx_queues of them, each some worker's */
	char name[64];           /* for logs */
};

enum { PORT_HELD_MAX = 1024 }; /* packets of one entry port that may outlive their batch */

/*
 * [control] A new, closed port: its receive queues are given to workers, packets are dropped
 * (port-closed) until a conf says open.  'conf' is taken.  NULL: out of memory or of numbers.
 */
struct path_port *path_port_add(struct path *path, uint32_t id, const char *name,
				struct port_conf *conf, struct backend *backend,
				struct xvs_error *err);

/* [control] Takes 'conf'; frees the old one after a grace period. */
void path_port_publish(struct path_port *port, struct port_conf *conf);

/*
 * [control] From the next batch on its queues are not read: what comes waits with its sender, and nothing is
 * dropped.  path_settle() tells when none of its packets is under way any more.  Again by 'on' false.
 */
void path_port_pause(struct path_port *port, bool on);

/*
 * [control] How far the port's limits are spent, by kind and unit: nanoseconds until the bucket is full.
 * And back: no further than a bucket that is empty.
 */
void path_port_fills(const struct path_port *port, uint64_t now_ns,
		     uint64_t fills[RATE_KINDS * RATE_UNITS]);
void path_port_fill(struct path_port *port, uint64_t now_ns,
		    const uint64_t fills[RATE_KINDS * RATE_UNITS]);

/*
 * [control] Takes the port's queues from the workers, ends its flows (last account()), then
 * done(arg) on the control thread: the port is gone from the path; the caller drains and detaches
 * extensions, closes the backend and may use the id again.
 */
void path_port_remove(struct path_port *port, void (*done)(void *arg), void *arg);

/*
 * [control] Every packet that still may travel on an older verdict has left: then done(arg, slow).
 * 'slow' is -1, or the number of a worker that has been held for over 1 s in the call of 'who'
 * (done is called all the same, and again never).
 */
void path_settle(struct path *path, void (*done)(void *arg, int slow, struct instance *who),
		 void *arg);

/*
 * [control] Ask an instance on every worker to give back what it holds (of one port_state; NULL:
 * all), then done(arg, left): packets not given back within a second are set aside.
 */
void path_drain(struct path *path, struct instance *i, void *port_state,
		void (*done)(void *arg, uint32_t left), void *arg);

/*
 * [control] What flows have counted is credited to the extensions in a port's chains, so that what these
 * say of it is whole: done(arg) behind it (NULL: nobody waits), and never after path_credit_close().  A pass
 * costs little where another one was shortly before.  One waits at a time.  NULL of open: no memory.
 */
struct port_credit;
struct port_credit *path_credit_open(const struct path_port *port);
void path_credit(struct port_credit *c, void (*done)(void *arg), void *arg);
void path_credit_close(struct port_credit *c); /* NULL is fine */

/*
 * [control] A frame as this port's guest would have got it, from another host: delivered to it as if it had
 * come from the network, and judged by its egress chain.  False: no memory, too many are
 * under way, or it is no frame of a size that a port can have.
 */
bool path_deliver(struct path_port *port, const uint8_t *frame, size_t len);

/*
 * [control] After the instance with this number was destroyed: packets that it never gave back are
 * dropped (stale), then done(arg).
 */
void path_reclaim(struct path *path, uint16_t nr, void (*done)(void *arg), void *arg);

/* [control] After an instance left all chains: its steps in flow entries end (last account()). */
void path_forget_instance(struct path *path, struct instance *i, void (*done)(void *arg),
			  void *arg);

/*
 * [control] After an instance left the chains of one port: its steps there, which carry
 * 'port_state', end in the same way.  The instance stays bound.
 */
void path_forget_attachment(struct path *path, struct instance *i, void *port_state,
			    void (*done)(void *arg), void *arg);

/* [control] An exact change: addresses moved, a rule changed.  See flow/epoch.h. */
void path_port_invalidate(struct path_port *port);

/* ---- what operators ask ---------------------------------------------------------------------- */

struct flow_info {
	uint32_t worker;
	uint32_t port_in;
	uint32_t segment;
	struct xvs_flow_key key, mask;
	uint64_t packets, bytes, age_ns, idle_ns;
	uint16_t tcp_flags;
	uint16_t drop_reason;
	uint16_t drop_instance;
	uint16_t watchers;  /* places that see packets */
	bool is_dropped;    /* on ingress, or at its only exit */
	uint32_t out_count; /* more than 8: looked up at egress */
	uint32_t outs[8];
};

/*
 * [control] Copies up to 'max' entries of all workers (gathered by letters, so no worker is
 * stopped), then done(arg, infos, count, total).
 */
void path_flow_list(struct path *path, uint32_t port, uint32_t max,
		    void (*done)(void *arg, const struct flow_info *infos, uint32_t count,
				 uint64_t total),
		    void *arg);

/* What a worker's cycles went to while it was awake. */
enum worker_cycles {
	CYCLES_RX = 0,     /* taking packets from ports, and giving their buffers back */
	CYCLES_PARSE = 1,  /* facts, admission */
	CYCLES_LOOKUP = 2, /* the flow cache, and judging where it had no answer */
	CYCLES_APPLY = 3,  /* programs of entries: connections, extensions' calls, rewrites */
	CYCLES_OUTPUT = 4, /* from verdicts to exits: copies, tags */
	CYCLES_TX = 5,     /* to ports: offloads done in software, the backends' tx */
	CYCLES_OTHER = 6,  /* letters, timers, sweeping, looking for work while there is some */
	CYCLES_IDLE = 7,   /* awake, and nothing there */
	CYCLES_KINDS = 8,
};

struct worker_stats {
	uint64_t bursts, packets, cycles_busy, sleeps; /* busy: all kinds but idle */
	uint64_t hits_exact, hits_masked, misses, stale, rejudged;
	uint64_t entries, masks, evictions;
	uint64_t cycles[CYCLES_KINDS];
	uint64_t moves;         /* queues that came here from another worker, to balance load */
	uint32_t queues;        /* receive queues that it has now */
	uint32_t kernel_queues; /* those of them whose packets cost system calls */
	uint32_t load_permille; /* of its core, over the last second or so */
	int32_t core;           /* it is pinned to; -1: none */
};
void path_worker_stats(const struct path *path, uint32_t worker,
		       struct worker_stats *out); /* [control] */

/* [control] The law of accounts: packets held now by extensions, queues and fragments. */
uint64_t path_held(const struct path *path);

#endif /* XVS_PATH_PATH_H */
