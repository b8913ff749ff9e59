/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/exthost.h - the process that runs one extension for the daemon.
 *
 * Two threads: the first is the extension's control thread and serves the socket, the second is all of
 * its packet workers, one after the other.  Both are there before the process confines itself, and
 * it does so before anything of the vendor's is mapped.
 */
#ifndef XVS_EXTHOST_EXTHOST_H
#define XVS_EXTHOST_EXTHOST_H

#include <stdatomic.h>

#include "base/worker.h"
#include "ext/instance.h"
#include "ext/lane.h"
#include "ext/wire.h"

struct exthost {
	struct loop *loop;
	struct module *module;
	struct instance *instance; /* NULL until it is created */
	struct instance_env env;
	struct wire_box box;
	uint32_t worker_count;
	struct worker *workers[WORKERS_MAX];
	const struct lane_out *out; /* of each worker; only the daemon can write */
	struct lane_in *in;
	uint64_t *counters;     /* shared: of each worker */
	void *ports[PORTS_MAX]; /* what port_attach() gave; written between packets of that port */
	_Atomic bool has_instance; /* the packet thread may look at the above */
};

extern struct exthost exthost;

/* ---- confine.c ---- */
/* What takes rights away, but for system calls; 0 or -errno with the name of the step. */
int confine(const char **step);

/* ---- filter.c ---- */
/* System calls from now on, of all threads: what loading a module takes, then what running one does. */
enum filter_stage { FILTER_LOADING, FILTER_RUNNING };
int filter_install(enum filter_stage stage);

/* ---- packets.c ---- */
int packets_start(void);               /* the thread; before confine() */
bool packets_share(uint32_t counters); /* maps what is shared; the workers are there */
void packets_run(void);                /* from now on */

/* ---- serve.c ---- */
void serve_start(void);
/* [any] */
void serve_say(uint32_t type, const void *body, size_t len);

/* ---- values.c: policies that were checked, and those in force ---- */
/* Takes 'value'.  0: out of memory. */
uint32_t values_prepare(uint32_t port, uint32_t feature, void *value, void *prepared);
/* NULL: there is none of that number. */
struct prepared {
	struct prepared *next;
	uint32_t nr, port, feature;
	void *value;
	void *prepared;
};
struct prepared *values_take(uint32_t nr);
/* Its value is in force until the next of this port and feature, and then until all have looked away. */
void values_keep(struct prepared *p);
void values_drop(struct prepared *p);
void values_forget_port(uint32_t port);

#endif /* XVS_EXTHOST_EXTHOST_H */
