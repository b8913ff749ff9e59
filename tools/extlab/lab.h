/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extlab/lab.h - a switch without a daemon and without a network: the real one (core/switch on
 * core/path), with ports of memory, for tools that try extensions.
 *
 * Loading, rights, policies, chains, flows, connections and state are the daemon's own code; of the
 * lab's are the ports, the clock, and who is told what became of a packet.  Without threads, one
 * thread is the control thread and the worker by turns, time stands still between lab_time(), and a
 * run repeats itself.  With threads, workers run as in the daemon.
 *
 * A lab is used by the thread that made it; several may be there at a time, and share the clock.
 * With threads, one alone.
 */
#ifndef XVS_EXTLAB_LAB_H
#define XVS_EXTLAB_LAB_H

#include <jansson.h>

#include "base/node.h"
#include "ext/module.h"

enum { LAB_PORTS_MAX = 64, LAB_CHAIN_MAX = 60, LAB_BATCH = 64 };

#define LAB_SWITCH "lab"

struct lab;

struct lab_port {
	char name[64];
	bool is_uplink; /* one at most, the last */
	bool has_mac;
	uint8_t mac[6]; /* of the guest's adapter */
};

enum lab_end {
	LAB_SENT = 0,     /* by 'port', as 'bytes' say, tag included */
	LAB_DROPPED = 1,  /* for 'reason' */
	LAB_CONSUMED = 2, /* by an extension, which is no drop */
};

/* What became of a packet, or of one of its copies. */
struct lab_event {
	enum lab_end end;
	uint32_t port;      /* index in lab_config.ports: where it ended */
	uint32_t stage;     /* enum xvs_stage */
	const char *by;     /* id of an extension; NULL: the switch itself */
	const char *reason; /* of a drop */
	const uint8_t *bytes;
	uint32_t len;
};

struct lab_config {
	const struct extension *const *chain; /* kept; each of another id */
	size_t chain_count;
	const struct lab_port *ports; /* borrowed */
	size_t port_count;
	/* {FEATURE: {FIELD: VALUE}} for all ports and the switch, {ports: {NAME: ..}} for one; NULL: none */
	const struct node *policies;
	const char *policy_file; /* for messages */
	uint32_t threads;        /* 0: lab_turn() does their work */
	bool is_held;            /* ports are closed until lab_move() brings them their state */
	/* Of drops, without threads alone; SENT comes on any worker. */
	void (*ended)(void *arg, const struct lab_event *e);
	void *arg;
};

/*
 * Chance is the same from here on in each run with this seed, that of create() too; first of all, and again
 * before a lab that is to be the twin of another.
 */
void lab_seed(uint64_t seed);

/* A file as the daemon would load it, signatures aside.  module_put() gives it back. */
int lab_load(const char *path, struct module **out, struct xvs_error *err);

/* Open when it returns; all that is wrong is in 'd'. */
int lab_create(const struct lab_config *c, struct lab **out, struct diags *d);
void lab_destroy(struct lab *lab); /* NULL is fine */

/* Without threads: it is now so many nanoseconds after the first lab was made; never goes back. */
void lab_time(uint64_t ns);

/* A frame, tag included, waits to come in at this port.  Copied.  -ENOMEM; -ENODEV. */
int lab_send(struct lab *lab, uint32_t port, const void *frame, uint32_t len);
/* Without threads: takes a batch of each port through, and does what else is due. */
void lab_turn(struct lab *lab);
/* Until nothing waits to come in; with threads, all that was sent so far begins now. */
void lab_run(struct lab *lab);
/* Packets that extensions or the switch keep for later. */
uint64_t lab_held(const struct lab *lab);
/* Until none is held, at most so many milliseconds, which pass for extensions, too. */
void lab_settle(struct lab *lab, uint32_t ms);

/* The state of all ports goes from one lab to the other, as in a move, and both go on. */
int lab_move(struct lab *from, struct lab *to, struct xvs_error *err);

/*
 * {extensions: [..], drops: [..], accounts: {..}}, as "xvsctl ext stats", "drops" and "accounts" have it;
 * a new reference.
 */
json_t *lab_stats(struct lab *lab);

/* ---- changes, as an operator makes them; 0, or why it was refused ---- */

/* 'fields' (a map; taken) for one port; is_tried: checked by all, then undone. */
int lab_set(struct lab *lab, const char *port, const char *feature, struct node *fields,
	    bool is_tried);
int lab_enable(struct lab *lab, const char *extension, bool on);
int lab_remove(struct lab *lab, const char *port);

#endif /* XVS_EXTLAB_LAB_H */
