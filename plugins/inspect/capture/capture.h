/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.h - what the files of org.xvs.capture share: policy, sessions, ports, drains.
 *
 * A *session* is one policy in force, with its filter and files.  A new policy is a new session;
 * the old one stays until workers have left it and what they captured for it has been written.
 * A *drain* is one turn of writing, on a helper thread, or on the control thread where the host
 * has none.  Never are there two at a time, and what a drain uses changes only between drains.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "filter.h"
#include "writer.h"
#include "xvs/ext/task.h"
#include "xvs/ext/timer.h"

enum capture_direction { CAPTURE_BOTH, CAPTURE_IN, CAPTURE_OUT };
enum capture_counter { CAPTURE_COUNT_CAPTURED, CAPTURE_COUNT_REJECTED, CAPTURE_COUNT_LOST };

struct port_name {
	char name[PCAPNG_NAME_MAX + 1];
};

/* "org.xvs.capture/1", as the host decodes it. */
struct capture_policy {
	bool enabled;
	uint8_t pad[3];
	uint32_t direction;
	uint32_t snaplen;
	uint32_t files;
	uint64_t max_bytes;
	char file[WRITER_PATH];
	char filter[512];
	struct xvs_table ports; /* struct port_name */
};

struct capture;

struct session {
	struct session *next;                /* older ones; changes only between drains */
	struct capture *owner;               /* NULL: destroyed while workers' leave was awaited */
	const struct capture_policy *policy; /* read by [control] alone, while it is in force */
	struct cbpf_program *filter;         /* NULL: everything */
	uint32_t number;                     /* never 0 */
	uint32_t snaplen;
	uint32_t look; /* bytes that the filter or the file want */
	uint32_t direction;
	bool left; /* workers have left it: the next drain is its last */
	bool last_drain;
	uint64_t lost_before; /* packets lost by all workers before it began */
	struct writer writer;
};

struct capture_worker {
	uint32_t index;
	struct ring *ring;
};

struct capture_port {
	struct capture_port *next;
	struct iface *iface;
	_Atomic uint32_t wanted; /* number of the session that captures here; by [control] */
};

struct capture {
	const struct xvs_host *host;
	const struct xvs_timer_host *timers;
	const struct xvs_task_host *tasks; /* NULL: drain on the control thread */
	struct xvs_timer *timer;
	uint32_t workers;
	bool active;
	struct ring **rings; /* by worker; stay until destroy */

	_Atomic(struct session *) current; /* written by [control]; NULL: no capture */
	struct session *sessions;          /* current and older, newest first */
	uint32_t numbers;                  /* sessions ever */
	struct capture_port *ports;
	struct iface *ifaces; /* of ports here, and gone with packets not yet written */

	/* the drain under way */
	bool draining;
	uint64_t drains;         /* begun */
	uint64_t *limits;        /* by worker: how far it reads */
	struct session *drained; /* newest of the sessions that it writes */
	bool opening;            /* it makes files that are not there yet */
	uint64_t moved;          /* bytes that it read */
};

/* ---- policy.c ---------------------------------------------------------------------------- */

extern const struct xvs_feature capture_features[2];

/* [control] Of struct xvs_ops. */
int capture_policy_check(void *self, void *port_state, const char *feature, const void *value,
			 void **prepared, struct xvs_error *err);
int capture_status_read(void *self, void *port_state, const char *feature, void *out,
			struct xvs_error *err);

/* ---- session.c --------------------------------------------------------------------------- */

/* [control] Not in force yet; the filter is given.  NULL: out of memory. */
struct session *session_create(struct capture *c, const struct capture_policy *policy,
			       struct cbpf_program *filter);
void session_destroy(struct session *s); /* NULL is fine */

/* [control] The new session, or none, takes the place of the current one. */
void session_switch(struct capture *c, struct session *s);

/* [control] Ask the current session's policy whether the port is to be captured. */
void session_choose_port(struct capture *c, struct capture_port *port);

/* [control] Packets lost by all workers, ever. */
uint64_t session_lost(const struct capture *c);

/* ---- drain.c ----------------------------------------------------------------------------- */

/* [control] Begin draining, if there is something to drain and nothing does. */
void drain_arm(struct capture *c);
/* [control] Of the timer. */
void drain_timer(void *arg);
/* [control] The last turn, here and now; no other is under way. */
void drain_finish(struct capture *c);

#endif /* CAPTURE_CAPTURE_H */
