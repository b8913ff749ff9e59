/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/admission.h - which packets are told to controllers, when there are too many.
 *
 *	rate   so many a second in all.  Half of it is shared out among the ports: a port that stays
 *	       within its part is always told of; what is over that shares what is left.
 *	room   of the places in which packets wait for the control thread, a port may have no more than
 *	       are free: one that floods takes half, two a third each.
 *
 * So a port that floods misses starves no other one.  Workers share it without a lock.
 */
#ifndef OPENFLOW_PIPELINE_ADMISSION_H
#define OPENFLOW_PIPELINE_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "xvs/ext/meter.h"

enum { OF_MAIL_SLOTS = 512 }; /* packets that wait for the control thread, of a worker */

struct of_admitted_port {
	struct xvs_meter own;
	_Atomic uint32_t waiting;
	_Atomic uint64_t told, over_rate,
		no_room; /* packets, of which controllers were to be told */
};

struct of_admission {
	struct of_admitted_port *ports; /* by id in the host; 0: of no port */
	uint32_t ports_max;
	_Atomic uint64_t rate;  /* a second; 0: as many as there is room for */
	_Atomic uint32_t parts; /* ports that share it */
	struct xvs_meter all;
	_Atomic uint32_t waiting;
	atomic_bool is_slow; /* controllers do not read: no port gets more than its part */
};

/* [control] 0 or -ENOMEM. */
int of_admission_init(struct of_admission *a, uint32_t ports_max);
void of_admission_destroy(struct of_admission *a);
void of_admission_set(struct of_admission *a, uint64_t rate, uint32_t parts);

/* [worker] May a packet of this port be told?  If so, it is waiting. */
bool of_admission_take(struct of_admission *a, uint32_t port, uint64_t now_ns);
/* [worker] It was not sent after all: no room in the mailbox. */
void of_admission_undo(struct of_admission *a, uint32_t port);

/* [control] It has come. */
void of_admission_end(struct of_admission *a, uint32_t port);
/* [control] Whether those who want to be told have been left behind. */
void of_admission_slow(struct of_admission *a, bool is_slow);

#endif /* OPENFLOW_PIPELINE_ADMISSION_H */
