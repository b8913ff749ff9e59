/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/sets.h - several ports as one destination of the host ("xvs.destset/1").
 *
 * A flow that goes to several ports as one and the same packet is a verdict like any other, if
 * the host has a set of them.  Sets are made on demand: who judges asks for one, and lets the flow
 * be watched until it is there.
 *
 *	[worker] find -> NULL: ask by mail, tag the verdict -> [control] make -> judged anew -> found
 *
 * A set stays as long as a program holds it.  When there are too many, what nobody has held for a second
 * makes room, and no sooner: one that has just been made waits for its flow to be judged anew.  As long as
 * there is no room, packets of further combinations run their program one by one.
 */
#ifndef OPENFLOW_PIPELINE_SETS_H
#define OPENFLOW_PIPELINE_SETS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "table/reclaim.h"
#include "xvs/ext/destset.h"

enum {
	OF_SET_PORTS_MAX = 60, /* as many as a letter holds */
	OF_SETS_MAX = 1024,
	OF_SET_BUCKETS = 1024,
};

/* What is asked for, and the mail that asks for it. */
struct of_set_ports {
	uint32_t count;
	uint32_t ports[OF_SET_PORTS_MAX]; /* ids of the host, rising */
};
_Static_assert(sizeof(struct of_set_ports) <= 256, "fits a letter");

struct of_set {
	_Atomic(struct of_set *) next; /* of its bucket */
	uint32_t number;               /* of the host's set; constant */
	_Atomic uint32_t holders;
	struct of_sets *owner;
	struct of_set *bin; /* the control thread's */
	bool was_idle;      /* when room was last looked for: the control thread's */
	struct of_set_ports ports;
};

/* A worker's own: what it has asked for lately, by the hash of the ports. */
struct of_set_asked {
	uint64_t hash;
	uint64_t until_ns;
};

struct of_sets {
	_Atomic(struct of_set *) buckets[OF_SET_BUCKETS];
	/* the control thread's alone */
	uint32_t count;
	uint64_t swept_ns;  /* room was looked for */
	struct of_set *bin; /* out of the buckets, until nobody holds it */
	const struct xvs_host *host;
	const struct xvs_destset_host *destsets; /* NULL: this host has none */
	struct of_reclaim reclaim;
};

/* Puts a port in its place.  False: it is there already, or there are too many. */
bool of_set_ports_add(struct of_set_ports *p, uint32_t port);

/* [worker] NULL: there is none. */
struct of_set *of_sets_find(const struct of_sets *s, const struct of_set_ports *ports);
/*
 * [worker] May it be asked for?  Not again and again while the letter is on its way: letters share their
 * places with packets for the controllers.  True notes that it is.
 */
bool of_set_may_ask(struct of_set_asked *asked, const struct of_set_ports *ports, uint64_t now_ns);
void of_set_hold(struct of_set *set);
void of_set_drop(struct of_set *set);

/*
 * [control] 1: it has been made, so what waits for it is to be judged anew.  0: it was there already.
 * A negative errno: there is none.
 */
int of_sets_make(struct of_sets *s, const struct of_set_ports *ports, uint64_t now_ns);
/* [control] A port goes: what is meant by sets with it is no longer what they were made for. */
void of_sets_forget_port(struct of_sets *s, uint32_t port);
/* [control] Nobody holds one any more, nor will; the host ends its sets by itself. */
void of_sets_destroy(struct of_sets *s);

#endif /* OPENFLOW_PIPELINE_SETS_H */
