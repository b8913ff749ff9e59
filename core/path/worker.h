/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/worker.h - what a packet worker has in hand, and a map of the path's functions by file.
 *
 * Private to core/path.  Everything here belongs to one worker; [worker] is not repeated.
 */
#ifndef XVS_PATH_WORKER_H
#define XVS_PATH_WORKER_H

#include "base/clock.h"
#include "base/ones.h"
#include "flow/cache.h"
#include "flow/hash.h"
#include "flow/slab.h"
#include "path/mirror.h"
#include "path/path.h"
#include "path/tap.h"

enum {
	EXITS_MAX = 64,   /* exit ports with packets waiting for their egress chain */
	LATER_MAX = 4096, /* packets that wait for the next burst */
	LEARN_MAX = 64,   /* addresses on the way to the control thread */
	TOLD_SENDERS = 64,
	MIRROR_QUEUE = 256, /* copies for mirror sessions that wait for their originals to leave */
	NATS_MAX = 32,      /* nat switches */
};

/*
 * Packets of one port at one stage, with their verdicts: the entry port's on ingress, the exit
 * port's on egress.  Bit i of each mask is pkts[i].
 */
struct burst {
	struct path_worker *worker;
	struct port_conf *conf;
	const struct chain *chain; /* of conf, for 'stage' */
	uint16_t stage;            /* XVS_STAGE_INGRESS or XVS_STAGE_EGRESS */
	uint16_t count;
	uint32_t first_place; /* earlier ones are behind these packets */
	uint64_t live;
	uint64_t world;     /* epoch_world() as it began: burst_world() */
	bool has_relooked;  /* a leg was exchanged: gather its events */
	bool are_copies;    /* for a mirror session */
	bool count_for_one; /* is known of all: flow_counts_for_more() */
	uint64_t fresh;     /* judged with this very packet: its connection has seen it */
	uint64_t teaching;  /* not judged, but its sender's address is to be told again */
	uint64_t dynamic;   /* a forwarder said another destination than the verdict: dest[] */
	uint64_t plain;     /* entries[i] is: its legs need no look; burst_lookup() says so */
	uint64_t paired; /* the exit's connection has let it in already, or this leg's at an exit */
	uint64_t unjudged; /* at an exit: legs[i] is NULL, it is looked up there */
	struct packet *pkts[XVS_BATCH_MAX];
	struct flow_entry *entries[XVS_BATCH_MAX]; /* ingress: whose exits are taken */
	struct flow_leg *legs[XVS_BATCH_MAX];
	uint32_t dest[XVS_BATCH_MAX];
	uint16_t reason[XVS_BATCH_MAX];
	uint64_t cookie[XVS_BATCH_MAX];
	uint64_t keyed;    /* ingress: the worker's keys[i] is that of pkts[i] */
	uint64_t segments; /* packets that may be in another segment than the port's own */
};

/* Packets on their way out of one port. */
struct exit {
	struct port_conf *conf;
	struct burst burst;
};

/*
 * One receive queue of a port.  The control thread makes it and says which worker serves it; from
 * then until it is taken away the rest is that worker's.
 */
struct rx_queue {
	struct path_port *port; /* these are constant */
	uint32_t nr;            /* of the port's */
	int fd;                 /* -1: nothing can wake its worker */
	bool is_polled;         /* looked at in each turn while its worker is awake: see poll.c */
	bool is_kernel;         /* its packets cost system calls */
	/* the worker's */
	bool is_ready;   /* worth a look: polled, or epoll said so */
	bool is_armed;   /* polled, and its kicks are on */
	bool is_kicked;  /* armed, and a kick has come */
	bool is_resting; /* not looked at before rest_until_ns: rate.c */
	bool is_muted;   /* resting, and epoll does not know it meanwhile */
	uint64_t rest_until_ns;
	uint32_t empties;             /* looked at in vain since it last gave packets */
	uint32_t weight;              /* of its share; the control thread writes */
	uint32_t cost;                /* of a packet all the way, in cycles: see share.c */
	int64_t share;                /* cycles that it may still take; negative: took too many */
	uint64_t cycles;              /* it has taken ever; the control thread reads */
	struct rx_queue *next, *prev; /* in the worker's ring */
	/* the control thread's */
	struct letter letter;
	struct path_worker *home;
	struct rx_queue *next_queue; /* of all the path's */
	uint64_t cycles_seen;
	uint32_t load; /* permille of a core */
} __attribute__((aligned(64)));

/* A copy that waits; the tag as it was on the port. */
struct mirror_item {
	struct packet *packet; /* a reference of its own; NULL: lost meanwhile */
	const struct mirror_session *session;
	uint32_t port; /* destination */
	uint32_t tag_flags;
	uint16_t vlan_tci;
};

struct mirror_queue {
	struct mirror_item items[MIRROR_QUEUE];
	struct burst burst; /* on its way to one destination */
};

struct packet_queue {
	struct packet *head, **tail;
	uint32_t count;
};

struct learn_letter {
	struct letter letter;
	struct path_worker *worker;
	uint32_t port_id;
	uint32_t segment;
	uint8_t mac[6];
	bool is_counted; /* among its port's sources, until the control thread has seen it */
	bool in_use;     /* the worker sets, the control thread clears; atomic */
};

struct trace;
struct parked;

enum { PARK_BUCKETS = 256 };

/* Flows whose packets wait for a verdict: park.c. */
struct park {
	struct slab flows;
	struct slab answers;
	struct parked *buckets[PARK_BUCKETS];
	struct parked *oldest, *newest;     /* by when they asked */
	struct parked *resumed;             /* whose first packet goes on in this very burst */
	uint64_t serial;                    /* of tickets */
	uint64_t asked_ns;                  /* last */
	uint64_t look_until_ns;             /* for answers, even where nobody waits */
	uint32_t waiting;                   /* flows */
	uint32_t packets;                   /* theirs; the control thread reads */
	uint16_t at[INSTANCES_MAX];         /* packets that wait for this instance, and */
	uint64_t asked[INSTANCES_MAX / 64]; /* where answers may come from */
};

/* An address that the control thread was told of, and when, by flow_tick(). */
struct told_sender {
	uint64_t sender; /* its port and MAC; 0: none */
	uint32_t segment;
	uint32_t tick;
};

struct path_worker {
	struct worker w; /* first */
	struct path *path;
	struct pool *pool;
	struct flow_cache *cache;
	struct instance *inside;    /* whose callback runs */
	struct burst *inside_burst; /* with which batch: for inject() at its port */
	struct walk *inside_walk;   /* or in which walk it judges */
	bool has_entered;           /* of the last batch on egress: 'entered' says where, as ... */
	uint32_t entered[XVS_BATCH_MAX]; /* ... an extension may not, which could write port_in */
	struct trace *trace;             /* the packet in hand is a traced one: tracing.h */
	uint32_t tap_inside;             /* at whose place, where that is captured; 0: elsewhere */
	struct packet_queue later;       /* resumed, injected, delivered: run in the next burst */
	/* receive queues: poll.c, share.c */
	struct rx_queue *rx; /* a ring, NULL: none; who is served first goes round */
	uint32_t rx_count;
	uint32_t kernel_queues; /* of them: their packets cost system calls */
	uint32_t polled_queues; /* of them: looked at in each turn */
	uint32_t deaf_queues;   /* of them: polled ones that cannot wake anybody */
	uint32_t turns;
	uint32_t busy_queues;    /* had packets in the last turn */
	uint32_t cheapest;       /* cycles a packet of the cheapest of those */
	uint32_t heaviest;       /* weight of the heaviest of those */
	struct rx_queue *hungry; /* has more to give of what is reserved for it; NULL: none */
	/* limits: when a queue has rested, or what waits to go to a port may; UINT64_MAX: never */
	uint64_t rate_due_ns;
	uint32_t resting_queues;
	struct rate_purse *waiting; /* a list: shape.c */
	struct link_part *links;    /* a list: link.c */
	bool has_more;        /* after a turn: some queue is known or likely to have packets */
	uint64_t look_due_ns; /* when to ask epoll although there is work */
	uint64_t memory_ns;   /* when a polled queue last gave packets */
	uint64_t asleep_ns;   /* when it fell asleep; 0: it has had packets since */
	uint64_t patience_ns; /* how much longer than the least to poll in vain */
	int epoll;
	uint32_t exit_count;
	uint32_t copy_count;         /* of mirror->items */
	uint16_t exit_of[PORTS_MAX]; /* index into exits + 1 */
	struct exit *exits;          /* EXITS_MAX */
	struct targets *targets;     /* scratch of forward_resolve() */
	struct mirror_queue *mirror; /* copies that wait: mirror.c */
	struct burst ingress;        /* the burst in hand */
	/* of the burst that is being looked up: public keys and what is behind them */
	struct xvs_flow_key keys[XVS_BATCH_MAX] __attribute__((aligned(64)));
	struct flow_spot spots[XVS_BATCH_MAX];
	struct conn_ahead ahead; /* of the burst whose connections are asked for */
	struct learn_letter learn[LEARN_MAX];
	uint32_t learn_next;
	struct told_sender told_senders[TOLD_SENDERS];
	uint64_t random;          /* sampling */
	uint64_t sample_gap;      /* packets before the next sample: sample.c */
	uint32_t sample_of;       /* one in so many; 0: nothing is drawn yet */
	struct xvs_meter answers; /* limit of the host's own answers */
	uint32_t *own_wanted;     /* common.c: a place for each entry of the cache */
	uint32_t own_places;      /* a power of two */
	uint32_t own_dice;
	uint64_t never_common[PORTS_MAX / 64]; /* ports where it would be in vain */
	uint64_t never_common_changes;         /* as far as the world has not changed since */
	uint64_t sweep_due_ns;
	uint32_t nat_waiting; /* packets that wait in a NAT; the control thread reads */
	struct slab walks;    /* judgements under way */
	struct park park;
	uint64_t epoch;   /* hard epoch read before the configuration of this burst */
	uint64_t changes; /* epoch_changes(), read before that */
	uint64_t bursts, packets, sleeps, stale, rejudged;
	/*
	 * What its cycles went to, and the clock up to which.  A look at the clock costs some 40
	 * cycles, so stages are told apart in one turn of eight; those before it had the same shares.
	 */
	uint64_t cycles[CYCLES_KINDS];
	uint64_t told[CYCLES_KINDS]; /* of this turn */
	uint64_t untold;             /* of the turns since the last one */
	uint64_t cycles_until;
	uint64_t call_until; /* the same for calls of extensions; 0: not known in this burst */
	bool is_timed;       /* this turn */
	uint64_t moves;      /* queues that came from other workers */
	int32_t core;        /* -1: not pinned */
	/* the control thread's: load over the last second, and from when and what it was measured */
	uint32_t load_permille;
	uint64_t busy_seen;
	_Atomic uint32_t stop;
	pthread_t thread;
	bool started;
};

struct path {
	struct loop *loop;
	struct counters *counters;
	struct conn_table *conns;
	struct instance_env env;
	void (*limited)(void *arg, uint32_t port); /* NULL: nobody is told */
	void *limited_arg;
	uint32_t worker_count;
	uint32_t switch_count;
	struct worker *worker_list[WORKERS_MAX];
	struct path_worker *workers[WORKERS_MAX];
	struct path_port *ports[PORTS_MAX]; /* published */
	_Atomic uint32_t tap_points;        /* bits of enum capture_point that some tap wants */
	struct tap *taps[TAPS_MAX];         /* published */
	struct instance *instances[INSTANCES_MAX]; /* bound ones; published */
	struct path_switch *instance_switch[INSTANCES_MAX];
	struct loop_timer *refill;
	struct shed *shed;
	enum path_polling polling;
	struct rx_queue *queues; /* of all ports: [control] */
	struct queue_move *move; /* under way: balance.c */
	struct loop_timer *balance;
	uint32_t deliveries;             /* under way, see path_deliver(): [control] */
	uint64_t balanced_cycles;        /* when loads were last measured */
	uint64_t move_due_ns;            /* the next one, at the earliest */
	_Atomic uint64_t fragments_held; /* by the tracker, all workers */
	_Atomic uint64_t shaped; /* packets that wait to go to a limited port, all workers */
	struct path_nat *nats[NATS_MAX]; /* published */
	_Atomic uint32_t nat_count;
};

static inline struct path *path_of_env(const struct instance_env *env)
{
	return (struct path *)((char *)(uintptr_t)env - offsetof(struct path, env));
}

static inline struct path_worker *path_worker_self(void)
{
	return (struct path_worker *)worker_self;
}

static inline struct path_port *path_port_of(const struct path *path, uint32_t id)
{
	return id < PORTS_MAX ? rcu_read(&path->ports[id]) : NULL;
}

/* How many cycles since the last call, or since the worker woke up. */
static inline uint64_t cycles_passed(struct path_worker *w)
{
	uint64_t since = w->cycles_until;

	w->cycles_until = clock_cycles();
	return w->cycles_until - since;
}

/* The end of a stage, in turns in which stages are told apart. */
static inline void cycles_spent(struct path_worker *w, enum worker_cycles kind)
{
	if (w->is_timed)
		w->told[kind] += cycles_passed(w);
}

/* The end of a visit to a queue: what it cost is known in any turn. */
static inline void cycles_visited(struct path_worker *w)
{
	uint64_t cycles = cycles_passed(w);

	if (w->is_timed)
		w->told[CYCLES_RX] += cycles;
	else
		w->untold += cycles;
}

/* ---- burst.c ---- */
/* A member's packets enter at its team's port; without one, at the member, which is closed to them. */
struct port_conf *conf_of_entry(struct port_conf *conf);
/* For packets that are to be looked up from this place of the port's chain on. */
void burst_begin(struct burst *b, struct path_worker *w, struct port_conf *conf, uint16_t stage,
		 uint32_t place);

/* ---- admit.c: may this packet enter here, and in which segment ---- */
/* Packets that have the port's own segment already; 'flags': of any of them. */
void burst_admit(struct burst *b, uint32_t flags);
/* Sets p->segment from its tag; false: the tag is not allowed here. */
bool admit_tag(const struct port_conf *conf, struct packet *p);
bool segment_is_carried(const struct port_conf *conf, uint32_t segment);

/* ---- mark.c: priorities of ports that are not trusted ---- */
void burst_mark(struct burst *b);

/* ---- qinq.c ---- */
/* One packet that came in at a tunnel port. */
void qinq_enter(struct burst *b, uint32_t i);
/* Is there a tag in the bytes, behind the one beside them? */
bool qinq_has_inner_tag(const struct packet *p);

/*
 * In a place, and so in the key: a packet that goes on from here has been through the connections
 * of this place already (a fragment that waited).
 */
enum { PLACE_BEHIND_CONN = 0x80 };

/* ---- lookup.c: find each packet's verdict, judge where there is none ---- */
void burst_lookup(struct burst *b, uint32_t place);
/* One packet, from a place on; sets legs[i] and entries[i].  False: it left the burst. */
bool packet_lookup(struct burst *b, uint32_t i, uint32_t place);
/* The same without asking the cache: its verdict there is known to be out of date. */
bool packet_judge(struct burst *b, uint32_t i, uint32_t place);
void burst_key(const struct burst *b, uint32_t i, uint32_t place, struct flow_key *key);

/* ---- judge.c: the walk ---- */
enum walk_kind {
	WALK_WHOLE,
	WALK_PARTLY, /* only what is concerned by changes since 'old' was judged */
	WALK_OWN,    /* whole, and for this connection alone */
};
struct flow_entry *walk_judge(struct burst *b, uint32_t i, uint32_t place,
			      const struct flow_key *key, struct flow_entry *old,
			      enum walk_kind kind);
/* After its legs have changed. */
void entry_mark(struct flow_entry *e);

/* ---- common.c: entries of many connections, and which connection gets its own ---- */
/* As far as the packet goes: might an entry that is judged for it be a common one? */
bool common_is_possible(struct path_worker *w, const struct packet *p, uint32_t port);
/* It turned out to tell connections apart anyhow, as others of this port will. */
void common_in_vain(struct path_worker *w, uint32_t port);
bool key_tells_tuples(const struct xvs_flow_key *bits);
/* [control] Room to remember so many; false: no memory. */
bool own_create(struct path_worker *w, uint32_t entries);
void own_destroy(struct path_worker *w);
/* A packet of a connection that goes on came by a common entry: the next shall have its own. */
void own_want(struct path_worker *w, uint32_t port, const struct packet *p);
/* Is it such a next packet?  Once it has been seen to: */
bool own_is_wanted(struct path_worker *w, uint32_t port, const struct packet *p);
/* The first of these packets that is one, or behind the last. */
uint64_t own_first_wanted(struct path_worker *w, uint32_t port, struct packet *const *pkts,
			  struct ones some);
void own_forget(struct path_worker *w, uint32_t port, const struct packet *p);
/* May something new come from this port?  'spent' is one of its budgets. */
bool budget_admits(struct path_worker *w, const struct port_conf *conf, struct xvs_meter *spent);

/* ---- stale.c: is an entry still true ---- */
enum staleness { STALE_NO = 0, STALE_PARTLY = 1, STALE_WHOLLY = 2 };
enum staleness entry_staleness(const struct burst *b, struct flow_entry *e);
/*
 * The state of the world as this burst sees it, in one number: every change moves it, and so does
 * another configuration of the port.  An entry that was verified in this state is true until the
 * time that it names.
 */
static inline uint64_t burst_world(const struct burst *b)
{
	return b->world;
}

/*
 * An entry of a port that learns: so long after it was judged, or last told of its sender, a packet
 * of it tells again, so that the address stays.
 */
enum { TEACHING_TICKS = 30000 }; /* of flow_tick(): about half a minute */
/* Does any record since the entry was judged concern this step?  'rewritten': bits replaced before it. */
bool step_is_concerned(const struct flow_entry *e, const struct flow_step *s,
		       const struct epoch_log *log, const struct xvs_flow_key *rewritten);

/* ---- apply.c: run the program of each packet's leg, in chain order ---- */
void burst_apply(struct burst *b);

/* ---- call.c: an extension sees packets ---- */
void burst_call(struct burst *b, uint32_t place, uint64_t mask);
/* The same for one packet in so many; the place is the first of 'calls' in each of their legs. */
void burst_call_sampled(struct burst *b, uint32_t place, uint64_t mask, uint32_t sample);

/* ---- judging.c: "xvs.mark/1", "xvs.l2/1", "xvs.mirror/1" ---- */
const void *path_offer(const char *id);

/* ---- sample.c: which packets a watcher is shown ---- */
/* Is this packet one that the watcher asked for? */
bool sample_wants(struct path_worker *w, const struct flow_step *s, const struct packet *p);
/* Each packet of the mask with probability 1/n, n > 1. */
uint64_t sample_mask(struct path_worker *w, uint32_t n, uint64_t mask);

/* ---- forward.c: from a destination to ports ---- */
enum { TARGETS_MAX = PORTS_MAX };
struct targets {
	uint32_t count;
	uint16_t reason;   /* why none */
	bool used_address; /* the destination MAC was looked up */
	bool used_source;  /* the source MAC too */
	struct port_conf *confs[TARGETS_MAX];
};
/*
 * 'in' NULL: made by the switch or an extension, so no port is where it came from.  'eth': the
 * destination's address, and behind it the source's.
 */
void forward_resolve(const struct path_switch *sw, const struct port_conf *in, uint32_t segment,
		     const uint8_t eth[12], uint32_t dest, struct targets *out);
/* Is it to be told where addresses are that packets come from? */
static inline bool conf_tells(const struct port_conf *conf)
{
	return conf->learns || conf->guest_team;
}

/* Of a port that learns strictly it drops what comes from one address too many. */
void forward_learn(struct burst *b, uint32_t i);
/* Is it known already that a packet from this address is one too many? */
bool forward_is_over_limit(const struct port_conf *conf, uint32_t segment, const uint8_t mac[6]);
/* Is the address learned here, or somebody's own? */
bool forward_knows(const struct port_conf *conf, uint32_t segment, const uint8_t mac[6]);
/* [control] */
void path_learn(struct path_port *port, uint32_t segment, const uint8_t mac[6]);

/* ---- output.c: copies to exit ports, their egress chains ---- */
void burst_output(struct burst *b);
/* To a destination chosen at run time; 'in' as in forward_resolve().  Takes the packet. */
void output_packet(struct path_worker *w, struct packet *p, const struct path_switch *sw,
		   const struct port_conf *in, uint32_t dest, uint32_t drop_port);
void output_flush(struct path_worker *w);
void output_flush_exit(struct path_worker *w, struct exit *x);
/* The tag that the adapter behind this port gets. */
void output_tag(const struct port_conf *conf, struct packet *p);

/* ---- tx.c ---- */
void burst_tx(struct burst *b);
/* The same for packets whose port has no limit, or that are within it. */
void burst_send(struct burst *b);
/* Why this exit would not send it, whatever is done to it in software; REASON_NONE: it would. */
uint16_t tx_refusal(const struct port_conf *conf, const struct packet *p);
/* One packet, as it is, behind all chains.  Takes it. */
void tx_packet(struct path_worker *w, struct port_conf *conf, struct packet *p);

/* ---- nat*.c: the outside port of a nat switch ---- */
/* Between parsing and admission; between the chain and transmission. */
void nat_ingress(struct burst *b);
void nat_egress(struct burst *b);
/* Once a turn where there is a NAT; where packets wait in one. */
void nat_turn(struct path_worker *w);
void nat_wait_turn(struct path_worker *w);
void nat_forget_port(struct path_worker *w, uint32_t port);
/* The live packets, by the backend of b->conf itself. */
void burst_emit(struct burst *b);
/* The same, as far as the port's share of what it can send goes: link.h. */
void burst_emit_shared(struct burst *b);

/* ---- team.c: ports that are several ---- */
/* The configuration of its team's port; NULL: there is none. */
struct port_conf *team_conf(const struct port_conf *member);
/* By which captures and mirrors know it: its team's, or its own. */
uint32_t team_port_id(const struct port_conf *conf);
/* Drops what its team does not take of packets that came in at a member. */
void team_receive(struct burst *b, const struct port_conf *member, uint64_t groups);
/* passage.c: what a link of a team sent has come in at this member. */
void team_hear(struct path_team *t, uint32_t member, const struct packet *p);
/* The live packets leave, each by the member that is to send it. */
void team_send(struct burst *b);

/* ---- later.c: packets that go on in the next burst ---- */
/*
 * Where a packet goes on in the next burst.  A place means something in the configuration that it
 * was counted in alone; elsewhere the packet goes on behind the instance that gave it, or where
 * that one does not stand or there is none, from the start of the chain.
 */
struct way_on {
	uint16_t stage;  /* FORWARD: to the destination 'port' */
	uint16_t behind; /* instance; 0: nobody gave it */
	uint32_t port;
	uint32_t place;
	uint64_t serial; /* of the configuration; 0: of none, so the place is not known */
	const struct path_switch *sw;
};
/* Takes the packet.  False: the queue is full, it was dropped and counted. */
bool later_put(struct path_worker *w, struct packet *p, const struct way_on *on);
void packet_append(struct packet_queue *q, struct packet *p);
struct packet *packet_take(struct packet_queue *q); /* it is not empty */
uint32_t later_run(struct path_worker *w);          /* how many */
/* The configuration in which it goes on, and the place there; NULL: its port has gone. */
struct port_conf *later_resolve(const struct path_worker *w, const struct packet *p,
				uint32_t *place);
void later_drop_port(struct path_worker *w, uint32_t port);

/* ---- park.c: packets that wait for a verdict from elsewhere ---- */
bool park_init(struct park *park);
void park_finish(struct park *park);
/* The walk of packet i, which began at this place, waits.  The packet leaves the burst. */
void park_packet(struct burst *b, uint32_t i, uint32_t place);
/* Packets of flows that wait here wait behind them.  True: this one does, or was dropped for want of room. */
bool park_follows(struct burst *b, uint32_t i, uint32_t place);
void park_followers(struct burst *b, uint32_t place);
/* Was the entry, just judged with answers that had been waited for, changed meanwhile?  Forgets them. */
bool park_is_outdated(struct burst *b, struct flow_entry *e);
/* Answers that have come, and those that come too late: how many packets went on. */
uint32_t park_turn(struct path_worker *w);
void park_drop_port(struct path_worker *w, uint32_t port);
/* Nothing is to come from this instance any more, nor asked of it. */
void park_forget(struct path_worker *w, uint32_t instance);
/* In ns, how long a worker with packets that wait looks for the answers before it sleeps. */
enum { PARK_SPIN_NS = 200 * NS_PER_US };

/* ---- drop.c: every drop is counted ---- */
/* Parses what an extension or the switch wrote; false: it is no packet. */
bool packet_parse_own(struct packet *p);
void packet_drop(struct path_worker *w, struct packet *p, uint32_t port, uint32_t stage,
		 uint32_t instance, uint32_t reason);
void burst_drop(struct burst *b, uint32_t i, uint32_t instance, uint32_t reason);
/* call.c: where it entered, whatever the extension that sees it, or has just seen it, wrote there. */
uint32_t burst_entered(const struct burst *b, uint32_t i);
/* The same, counted at another stage than the burst's: forwarding ends ingress. */
void burst_drop_at(struct burst *b, uint32_t i, uint32_t stage, uint32_t instance, uint32_t reason);
/* The same at a place of its leg that 'first' is the first not to see it. */
void burst_lose(struct burst *b, uint32_t i, uint32_t first, uint32_t instance, uint32_t reason);
/* apply.c: a drop of an instance's, in its own statistics. */
void count_drop(struct path_worker *w, uint32_t nr);
void packet_uncharge(struct path_worker *w, struct packet *p);

/* ---- tap.c: copies for captures; each is called where a tap wants that point ---- */
static inline bool tap_is_at(const struct path_worker *w, enum capture_point point)
{
	return (atomic_load_explicit(&w->path->tap_points, memory_order_relaxed) >> point & 1) != 0;
}
/* Packets as they came in at this port, the burst's or a member of its team, or went out there. */
void tap_end(const struct burst *b, uint32_t port, struct packet *const *pkts, uint32_t count);
/* Places of the burst's chain that are captured before or after; around each of them: */
uint64_t tap_places(const struct burst *b);
void tap_before(struct burst *b, uint32_t place);
void tap_after(struct burst *b, uint32_t place);
/* The instance at this place keeps packet i. */
void tap_held(const struct burst *b, uint32_t place, uint32_t i);
void tap_dropped(const struct path_worker *w, const struct packet *p, uint32_t port, uint32_t stage,
		 uint32_t instance, uint32_t reason);

/* ---- mirror.c: copies for mirror sessions; each is called where the port's conf says so ---- */
/* Packets that came in at the burst's port, looked up, before anything happens to them. */
void mirror_arrivals(struct burst *b);
/* Packets that its adapter has taken. */
void mirror_sent(struct burst *b, struct packet *const *pkts, uint32_t count);
/* Packets of the burst, by the name of a session; -ENOENT: there is none. */
int mirror_chosen(struct burst *b, uint64_t mask, const char *name);
/* Copies leave, behind their originals. */
void mirror_flush(struct path_worker *w);
/* Something is going to happen to a packet that is waiting to be sent once more as it is: it is not. */
void mirror_let_go(struct path_worker *w, struct packet *p);

/* ---- account.c ---- */
void account_retire(void *arg, struct flow_entry *e);
void account_due(void *arg, struct flow_entry *e);
void account_entry(struct path_worker *w, struct flow_entry *e, struct instance *only, bool ended);
/* To those in the chains of this port alone. */
void account_port(struct path_worker *w, struct flow_entry *e, uint32_t port);
/* Packet i leaves its leg: extensions at 'first' and behind it do not see it, nor does any exit. */
void account_missed(struct burst *b, uint32_t i, uint32_t first);
void account_missed_exits(struct burst *b, uint32_t i);
void account_missed_leg(struct path_worker *w, struct flow_leg *leg, const struct packet *p,
			uint32_t first);

/* ---- quiet.c: connections that are not looked at ---- */
static inline struct conn_ref leg_conn(const struct flow_leg *leg)
{
	return (struct conn_ref){ leg->conn_index, leg->conn_generation };
}
/* The entry is verified: connections that it can count for are not asked about from now on. */
void entry_calm(struct path_worker *w, struct flow_entry *e);
/* It leaves: what it has counted is its connections'. */
void entry_leave(struct path_worker *w, struct flow_entry *e);
/* Are the connections of its leg and its exit to be asked at once? */
bool entry_is_paired(const struct flow_entry *e);
/* Packet i, which its exit's connection has let in already, does not come there as it was judged. */
void burst_part(struct burst *b, uint32_t i);
/* The entry counts packets that the leg's connection is not to count. */
void quiet_miss(struct path_worker *w, const struct flow_leg *leg, uint64_t packets,
		uint64_t bytes);

/* ---- firewall.c: connections ---- */
/* Packets of connections that are tracked, which have been added to 'r', and those that the tracker
 * looks inside. */
void burst_conn(struct burst *b, uint32_t place, struct conn_run *r, uint64_t tracked,
		uint64_t inside);
void firewall_env(struct conn_env *env);
void firewall_sweep(struct path_worker *w);
/* How a packet is tracked, from its facts alone. */
enum flow_conn firewall_kind(const struct packet *p);

/* ---- reject.c: the host's own answers ---- */
void reject_answer(struct burst *b, uint32_t i);

/* ---- hostcalls.c ---- */
void hostcalls_fill(struct instance_env *env);
int path_collect(const struct xvs_host *h, void (*done)(void *arg),
		 void *arg); /* collect.c, [control] */

/* ---- each.c ---- */
/* A letter to each worker, then one back to the control thread: done(arg). */
int path_each_worker(struct path *path, void (*fn)(struct path_worker *w, void *arg),
		     void (*done)(void *arg), void *arg);

/* ---- thread.c ---- */
void *worker_main(void *arg);
/* One turn: letters, timers, held packets, all queues that are ready.  How much there was to do. */
uint32_t worker_turn(struct path_worker *w, uint64_t now_ns, uint64_t *next_timer);

/* ---- poll.c: which queues are looked at, and when a worker sleeps ---- */
void poll_add(struct path_worker *w, struct rx_queue *q);
void poll_remove(struct path_worker *w, struct rx_queue *q);
void poll_remove_port(struct path_worker *w, const struct path_port *port);
/* A visit to each queue that is ready; how many packets came. */
uint32_t poll_queues(struct path_worker *w);
/* Limits: queues that have rested are ready again, and what has waited goes; how many packets. */
uint32_t poll_rated(struct path_worker *w);
/* After a turn that did 'done' things: is there nothing to stay awake for? */
bool poll_may_sleep(const struct path_worker *w, uint32_t done);
/* Asks the kernel what is ready where that is due, without waiting. */
void poll_look(struct path_worker *w);
/* Waits at most so long, offline for RCU, unless packets came meanwhile. */
void poll_sleep(struct path_worker *w, int timeout_ms);

/* ---- share.c: deficit round robin in cycles ---- */
void share_open(struct rx_queue *q);
/* What each busy queue may take in this turn, from what the last one cost. */
uint32_t share_of_turn(const struct path_worker *w);
/* How many packets this visit may take; 0: the queue is in debt. */
uint32_t share_visit(struct rx_queue *q, uint32_t share);
/* Of that share, what a queue may take that is lighter than the heaviest. */
uint32_t share_weighted(const struct path_worker *w, uint32_t weight, uint32_t share);
void share_pay(struct rx_queue *q, uint64_t cycles, uint32_t packets);

#endif /* XVS_PATH_WORKER_H */
