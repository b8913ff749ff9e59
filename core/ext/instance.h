/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/instance.h - one extension in one switch's chain, and the host functions that it is given.
 *
 * The order of life is that of struct xvs_ops in xvs/extension.h; the switch floor conducts it
 * (core/switch/member.c), this floor makes the calls: it marks the thread, times the call, and
 * makes sure that an error has a sentence.
 */
#ifndef XVS_EXT_INSTANCE_H
#define XVS_EXT_INSTANCE_H

#include "base/rcu.h"
#include "base/worker.h"
#include "ext/layout.h"
#include "ext/module.h"
#ifndef XVS_USE_DRAFT
#define XVS_USE_DRAFT
#endif
#include "xvs/ext/connscope.h"

struct instance;
struct network;
struct xvs_port_view;
struct xvs_shed_source;

/* What upper floors lend to all instances; filled once at start by core/path. */
struct xvs_row_question; /* xvs/ext/rows.h */
struct instance_env {
	struct loop *loop;
	struct worker *const *workers;
	struct network *network; /* NULL: no operator, so every target, and no keys */
	const char *keep_dir;    /* for what an extension's process ended at; NULL: is not kept */
	/* Is this interface kept from all instances here?  NULL: none is. */
	bool (*withholds)(const char *id);
	uint32_t worker_count;
	uint32_t reserved;
	/* The packet functions of struct xvs_host: core/path/hostcalls.c. */
	int (*pull)(const struct xvs_host *h, struct xvs_packet *p, uint32_t want);
	int (*unshare)(const struct xvs_host *h, struct xvs_packet *p);
	struct xvs_packet *(*clone)(const struct xvs_host *h, const struct xvs_packet *p);
	struct xvs_packet *(*alloc)(const struct xvs_host *h, uint32_t len);
	int (*resume)(const struct xvs_host *h, struct xvs_packet *p);
	int (*inject)(const struct xvs_host *h, struct xvs_packet *p, uint32_t port);
	int (*deliver)(const struct xvs_host *h, struct xvs_packet *p, uint32_t dest);
	void (*release)(const struct xvs_host *h, struct xvs_packet *p, uint16_t reason);
	/* "xvs.flow-host/1" and "xvs.conn-host/1". */
	void (*flow_invalidate)(const struct xvs_host *h, uint64_t tags);
	void (*flow_invalidate_match)(const struct xvs_host *h, const struct xvs_flow_key *key,
				      const struct xvs_flow_key *mask);
	int (*flow_collect)(const struct xvs_host *h, void (*done)(void *arg), void *arg);
	void (*conn_invalidate)(const struct xvs_host *h);
	/* "xvs.shed/1"; NULL: no backend can.  shed_can() from any thread, the others [control]. */
	bool (*shed_can)(const struct instance_env *env, uint32_t port);
	int (*shed_add)(struct instance *i, const struct xvs_shed_source *s);
	int (*shed_remove)(struct instance *i, uint32_t port, const struct xvs_ip *prefix);
	void (*shed_forget)(struct instance *i); /* all of them */
	/* Interfaces that upper floors offer by themselves, by id; NULL: none (of that name).  [any] */
	const void *(*offer)(const char *id);
	const void *(*offer_above)(const char *id); /* the same, of a floor above that one */
	/* host->now(); NULL: CLOCK_MONOTONIC.  [any] */
	uint64_t (*now)(void);
	/* A line that an extension logged; default: base/log.h.  [any] */
	void (*log)(struct instance *i, int level, const char *text);
};

/*
 * An instance whose verdicts come later, as its code runs elsewhere.  Nobody waits: a question is put
 * and the packet set aside (core/path/park.c) until the answer comes.  All [worker].
 */
struct instance_remote {
	/*
	 * What is to be judged is packet 0 of 'b'; 'v' has what its judge() is given, and 'ticket' comes
	 * back with the answer.  -EAGAIN: there is no room; -EPIPE: it does not run.
	 */
	int (*ask)(struct instance *i, const struct worker *w, const struct xvs_batch *b,
		   const struct xvs_flow_key *key, const struct xvs_flow_verdict *v,
		   uint64_t ticket);
	/*
	 * The next answer, or with *is_lost that there will be none.  False: nothing has come yet.
	 * Any ticket and any bytes may come.
	 */
	bool (*take)(struct instance *i, const struct worker *w, uint64_t *ticket,
		     struct xvs_flow_verdict *v, bool *is_lost);
};

/* Cost and counts on one worker: that worker writes (counter_add), anybody reads. */
struct instance_cost {
	uint64_t calls, packets, cycles; /* packet callbacks */
	uint64_t judged, judge_cycles;
	uint64_t drops, stolen, returned, originated;
	uint64_t refused; /* what it did without the right to */
	uint64_t reserved[6];
};

/* Per worker: everything a worker writes for this instance starts a cache line. */
struct instance_worker {
	struct instance_cost cost;
	void *state;        /* what worker_attach() gave */
	uint64_t *counters; /* declared counters, this worker's copy */
	uint32_t held; /* packets stolen, cloned or allocated on this worker and not given back */
	uint32_t attached;
	uint64_t callback_since_cycles; /* watchdog: 0 outside a callback */
	struct mailbox_ring *mail;
	uint64_t reserved[3];
} __attribute__((aligned(64)));

enum instance_state {
	INSTANCE_LOADED = 0,
	INSTANCE_CREATED = 1, /* create() and worker_attach() done */
	INSTANCE_ACTIVE = 2,  /* active(true) */
	INSTANCE_FAILED = 3,
};

enum { INSTANCE_HELD_MAX = 1024 }; /* packets an instance may hold, all workers together */

/*
 * 'host' is first: the pointer that an extension passes back is the instance.  Constant after
 * instance_create() but where said.
 */
struct instance {
	struct xvs_host host;
	const struct extension *ext;
	struct module *module; /* one reference */
	const struct instance_env *env;
	char name[64]; /* operator's name */
	char switch_name[64];
	uint16_t nr;     /* in counters and drop keys; 1 .. INSTANCES_MAX - 1 */
	uint16_t cls;    /* enum xvs_class */
	uint32_t rights; /* note, extension and chain entry: what all allow */
	void *self;
	bool has_flow, has_conn, has_state;
	struct xvs_ops ops; /* = ext->ops: one pointer less on the packet path */
	struct xvs_flow flow;
	struct xvs_conn_ops conn;
	const struct instance_remote *remote; /* NULL: it answers at once */
	bool fails_open; /* what it should have judged passes; atomic, workers read */
	/* of "xvs.explain/1"; NULL: it does not */
	void (*explain)(void *self, const struct xvs_batch *b, uint32_t i,
			const struct xvs_flow_key *key, char *text, uint32_t bytes);
	/* of "xvs.rows/1"; NULL: it does not */
	int (*rows_read)(void *self, const char *feature, const struct xvs_row_question *question,
			 void *out, uint64_t *more, struct xvs_error *err);
	const char *const *row_features;
	uint32_t row_feature_count;
	struct arena row_names;           /* row_features */
	struct xvs_conn_scope conn_scope; /* zero: connections of all ports, with a slot */
	struct instance_worker *workers;  /* worker_count of them */
	enum instance_state state;        /* control thread */
	uint32_t slow_calls;              /* that held the control thread; its own */
	void *owner;                      /* the switch floor's; for callbacks of env */
	uint64_t mutable_epoch;           /* the path's: epoch of the newest invalidate(); atomic */
	struct instance_services *services; /* timers, mailbox, tasks: services.c */
	struct xvs_state run_state; /* with has_state: what it moves with a port, see ext/state.h */
};

static inline struct instance *instance_of(const struct xvs_host *h)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): only the const is taken off. */
	return (struct instance *)(uintptr_t)h;
}

struct instance_args {
	const char *name;
	const char *switch_name;
	const uint8_t *switch_uuid;
	uint16_t nr;
	bool is_upgrade; /* state of a predecessor follows */
	uint32_t rights_allowed; /* ~0: all that the note asks for */
	uint32_t ports_max;
	void *owner;
};

/*
 * [control] create() and worker_attach() for each worker; undone in reverse on failure.  Takes a
 * reference of the module.
 */
int instance_create(const struct extension *ext, const struct instance_args *args,
		    const struct instance_env *env, struct instance **out, struct xvs_error *err);

/*
 * [control] worker_detach()*, destroy().  After a grace period in which no worker could be inside.
 * NULL is fine.
 */
void instance_destroy(struct instance *i);

/*
 * [control] The calls of struct xvs_ops, guarded: a NULL member is "not needed", an error without
 * text gets one.
 */
void instance_set_active(struct instance *i, bool on);
int instance_port_attach(struct instance *i, const struct xvs_port *port, void **port_state,
			 struct xvs_error *err);
void instance_port_event(struct instance *i, void *port_state, int event,
			 const struct xvs_port *now);
void instance_port_detach(struct instance *i, void *port_state);
int instance_policy_check(struct instance *i, void *port_state, const char *feature,
			  const void *value, void **prepared, struct xvs_error *err);
void instance_policy_apply(struct instance *i, void *port_state, const char *feature,
			   const void *value, void *prepared);
void instance_policy_abort(struct instance *i, void *port_state, const char *feature,
			   void *prepared);
int instance_status_read(struct instance *i, void *port_state, const char *feature, void *out,
			 struct xvs_error *err);
/* Of "xvs.rows/1"; a feature that it has. */
bool instance_has_rows(const struct instance *i, const char *feature);
int instance_rows_read(struct instance *i, const char *feature,
		       const struct xvs_row_question *question, void *out, uint64_t *more,
		       struct xvs_error *err);
/* "xvs.port/1": one of all ports of the switch. */
void instance_port_told(struct instance *i,
			void (*fn)(void *self, const struct xvs_port_view *v, int event),
			const struct xvs_port_view *v, int event);
/* Shall the port's connections be tracked for it?  After its policies have been applied. */
bool instance_tracks(struct instance *i, void *port_state);

/*
 * [control] Before detach, stand-down and destroy: no timer fires, no mail comes, no task runs
 * on; letters to workers are answered.  In destroy order; done by instance_destroy() too.  For
 * good: nothing new is taken afterwards.
 */
void instance_silence(struct instance *i);

/* [any] Is the caller the thread that made the instance, which is the control thread? */
bool instance_is_on_control(const struct instance *i);

/* [control] On one worker, and sums over all. */
void instance_cost_of(const struct instance *i, uint32_t worker, struct instance_cost *out);
void instance_cost_sum(const struct instance *i, struct instance_cost *out);
uint64_t instance_counter_sum(const struct instance *i, uint32_t slot);
uint32_t instance_held(const struct instance *i);

/* [any] "spoofed-mac" of this instance; host reasons for NULL. */
const char *instance_reason(const struct instance *i, uint32_t reason);

/*
 * [any] True for what host_query() of host.c knows, and for what core/path and core/switch offer.
 */
bool interface_is_offered(const char *id);

#endif /* XVS_EXT_INSTANCE_H */
