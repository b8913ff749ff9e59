/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/services.h - what stands behind the host functions of one instance; for this folder only.
 *
 * Life: services_open() before create(); services_silence() once nothing of the extension's may
 * be called but worker_detach() and destroy(); services_close() when destroy() has returned.
 * Letters that are still under way then free what they belong to when they arrive.
 */
#ifndef XVS_EXT_SERVICES_H
#define XVS_EXT_SERVICES_H

#include <pthread.h>

#define XVS_USE_DRAFT /* the optional interfaces that this host offers are drafts */
#include "ext/instance.h"
#include "xvs/ext/classify.h"
#include "xvs/ext/destset.h"
#include "xvs/ext/l2.h"
#include "xvs/ext/loop.h"
#include "xvs/ext/mailbox.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/mirror.h"
#include "xvs/ext/port.h"
#include "xvs/ext/shed.h"
#include "xvs/ext/task.h"
#include "xvs/ext/timer.h"

struct sayings;
struct deferral;
struct collection;
struct mailbox;
struct mail_call;
struct shed_box;
struct tasks;
struct xvs_timer;
struct dial;
struct relay;

/* What an instance has of "xvs.loop/1": sockets.h.  The control thread's. */
struct sockets {
	struct xvs_watch *watches;
	struct xvs_listener *listeners;
	struct dial *dials;
	struct relay *relays;
	uint32_t watch_count, listener_count, dial_count, relay_count;
};

/* The control thread's, but where a member says otherwise. */
struct instance_services {
	pthread_t control; /* constant */
	bool is_creating;  /* within create() */
	bool is_silent;
	struct xvs_flow_host flow_host; /* constant */
	struct xvs_conn_host conn_host; /* constant */
	struct sayings *sayings;        /* constant */
	struct deferral *deferrals;     /* in order */
	struct collection *collections; /* in order */
	struct xvs_timer *timers;
	struct mailbox *mailbox;
	struct mail_call *calls; /* in order */
	uint32_t call_count;
	struct tasks *tasks; /* made with the first task */
	struct shed_box *shed;
	struct sockets sockets;
};

int services_open(struct instance *i);
void services_silence(struct instance *i);
void services_close(struct instance *i);

/* [any] Is this the thread that made the instance? */
static inline bool is_on_control(const struct instance *i)
{
	return instance_is_on_control(i);
}

/* [any] The part of the worker that the caller is, or NULL. */
struct instance_worker *worker_here(struct instance *i, struct worker **worker);

/* [worker] Around a callback outside the packet path: the watchdog sees how long it takes. */
void worker_enter(struct instance_worker *w);
void worker_leave(struct instance_worker *w);

/* [control] Around every other callback: one that takes long is named. */
uint64_t control_enter(void);
void control_leave(struct instance *i, const char *what, uint64_t since);

/* ---- host.c ---- */
void host_fill(struct instance *i);
void deferrals_flush(struct instance *i); /* runs what is due or not, after a grace period */

void collections_silence(struct instance *i); /* ends what has not ended */

/* ---- sayings.c: lines for the journal ---- */
struct sayings *sayings_create(struct instance *i);
void sayings_destroy(struct sayings *s);
void host_log(const struct xvs_host *h, int level, const char *text);

/* ---- timer.c ---- */
extern const struct xvs_timer_host timer_host;
void timers_silence(struct instance *i);
void timers_close(struct instance *i);

/* ---- mailbox.c ---- */
extern const struct xvs_mailbox_host mailbox_host;
void mailbox_silence(struct instance *i);
void mailbox_close(struct instance *i);

/* ---- task.c ---- */
extern const struct xvs_task_host task_host;
void tasks_silence(struct instance *i);
void tasks_close(struct instance *i);

/* ---- shed.c ---- */
extern const struct xvs_shed_host shed_host;
int shed_open(struct instance *i);
void shed_silence(struct instance *i);
void shed_close(struct instance *i);
void shed_box_free(struct shed_box *box);

/* ---- loop.c ---- */
extern const struct xvs_loop_host loop_host;
void sockets_stand_down(struct instance *i); /* what is connected stays */
void sockets_silence(struct instance *i);
void sockets_close(struct instance *i);

/* ---- classify.c ---- */
extern const struct xvs_classify_host classify_host;

/* ---- calls.c ---- */
/*
 * What a callback returned, as our callers want it: 0 or a negative errno with a sentence that
 * begins with 'who'.  'from' is what the extension wrote.
 */
int call_result(const char *who, const char *what, int code, struct xvs_error *from,
		struct xvs_error *err);

/* The same, of a call into a running instance. */
int instance_result(const struct instance *i, const char *what, int code, struct xvs_error *from,
		    struct xvs_error *err);

#endif /* XVS_EXT_SERVICES_H */
