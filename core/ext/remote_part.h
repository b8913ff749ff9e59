/* SPDX-License-Identifier: Apache-2.0 */
/* ext/remote_part.h - an instance whose code runs elsewhere: shared by remote.c and remote_lane.c. */
#ifndef XVS_EXT_REMOTE_PART_H
#define XVS_EXT_REMOTE_PART_H

#include <stdatomic.h>

#include "ext/lane.h"
#include "ext/process.h"
#include "ext/remote.h"

struct event;

/* A policy as the process was told it. */
struct remote_value {
	struct remote_value *next;
	uint32_t feature; /* of the extension's */
	void *bytes;      /* flat.h; NULL: none is set */
	size_t len;
};

/* What it last saved, of a port or of the switch. */
struct remote_state {
	uint8_t *bytes;
	size_t len;
	uint32_t format;
	bool is_moving; /* the host saves it, in rounds */
};

/* What the host knows as the port's state of the extension. */
struct remote_port {
	struct remote_port *next; /* in order of attachment */
	struct xvs_port view;     /* without name */
	char name[64];
	uint32_t event; /* the last but CHANGED; 0: none */
	struct remote_value *values;
	struct remote_state state;
};

/* Memory shared with one process; workers read it between two quiescent points. */
struct remote_shared {
	struct rcu_node rcu; /* first */
	uint32_t generation;
	int wake_fd;
	struct lane_out *out; /* one for each worker */
	struct lane_in *in;   /* the same, and behind them counters of each worker */
	size_t out_bytes, in_bytes;
};

static inline size_t remote_in_bytes(uint32_t workers, uint32_t counters)
{
	return workers * (sizeof(struct lane_in) + counters * sizeof(uint64_t));
}

/* One worker's. */
struct remote_worker {
	uint32_t generation; /* of the process that 'lane' leads to */
	struct lane lane;
	uint64_t told_late; /* accounts that were lost for want of room */
	/* the control thread's: what was seen at its last look */
	uint64_t watched_done;
	uint32_t watched_generation;
	bool watched_waits;
} __attribute__((aligned(64)));

/* The control thread's, but where a member says otherwise. */
struct remote {
	struct instance *instance;
	struct process process;
	struct remote_shared *shared;
	struct remote_shared *published; /* while questions may be put: workers read */
	struct remote_worker *workers;
	struct event *event;
	struct loop_timer *again, *watch;
	struct letter letter;
	_Atomic bool is_forged; /* the letter is on its way */
	bool is_ending;
	bool is_up;
	bool is_active;
	bool has_state;
	uint32_t again_ms;
	uint32_t starts;
	uint32_t watches;
	uint32_t ports_max;
	uint64_t started_ns;
	uint8_t switch_uuid[16];
	struct remote_port *ports;
	struct remote_value *values;
	struct remote_state state;
	struct xvs_state state_ops;
	void *status;       /* the last value read */
	uint64_t *counters; /* of those that have ended */
	char line[508];     /* said last */
};

/* ---- remote.c ---- */
void remote_free(struct remote *r);

/* ---- remote_life.c ---- */
enum { REMOTE_CALL_MS = 500, REMOTE_START_MS = 2000 };

struct remote_calling {
	uint32_t type;
	struct wire_call call;
	const void *more;
	size_t more_len;
	const void *reply_more;
	size_t reply_len;
};

/* 0 or what the extension returned, with its sentence; who does not reply is ended. */
int remote_call(struct remote *r, struct remote_calling *c, struct wire_reply *reply,
		uint32_t limit_ms, struct xvs_error *err);
int remote_call_simple(struct remote *r, uint32_t type, uint32_t port, uint32_t event);
int remote_call_attach(struct remote *r, const struct remote_port *p, struct xvs_error *err);
/* *prepared: the number under which the process has what was checked. */
int remote_call_check(struct remote *r, uint32_t port, const struct remote_value *v,
		      uint32_t *prepared, struct xvs_error *err);
int remote_call_prepared(struct remote *r, uint32_t type, uint32_t prepared);
int remote_call_restore(struct remote *r, uint32_t port, const struct remote_state *s,
			struct xvs_error *err);
/* Each checked and applied. */
int remote_tell_values(struct remote *r, uint32_t port, const struct remote_value *v,
		       struct xvs_error *err);
/* A process with all that the one before was told. */
int remote_start(struct remote *r, struct xvs_error *err);
/* It ends, and is started again after a while; 'why' NULL: it has ended by itself. */
void remote_down(struct remote *r, const char *why);
void remote_take_down(struct remote *r); /* for good */
/* Timers: to start again, and to look whether it hangs. */
void remote_on_again(void *arg);
void remote_on_watch(void *arg);
/* [worker] An answer was forged: its process is ended. */
void remote_on_forged(struct remote *r);

/* ---- remote_lane.c ---- */
extern const struct xvs_flow remote_flow;
void remote_keep_counters(struct remote *r, const struct remote_shared *s);
/* Has some question waited since the last look? */
bool remote_hangs(struct remote *r);
/* The first question without an answer, kept for who makes it; says where, or nothing. */
void remote_dump(struct remote *r, char *out, size_t size);

#endif /* XVS_EXT_REMOTE_PART_H */
