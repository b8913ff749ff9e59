/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/numbers.h - the numbers by which controllers know ports, and the host's ids.
 *
 * An id is the host's, and may be another port's tomorrow; a number belongs to a port's UUID
 * (agent/numbers.c).  Written by the control thread while workers read.
 */
#ifndef OPENFLOW_PIPELINE_NUMBERS_H
#define OPENFLOW_PIPELINE_NUMBERS_H

#include <stdatomic.h>

#include "xvs/extension.h"

/* Numbers are below it: 1.0 has no others (OFPP_MAX), and reserved ones are far above. */
enum { OF_NUMBERS = 0xff00 };

struct of_numbers {
	uint32_t ports_max;
	_Atomic uint32_t id_of[OF_NUMBERS]; /* XVS_PORT_NONE: nobody's now */
	_Atomic uint32_t number_of[];       /* by id; 0: it has none */
};

/* [any] 0: none */
static inline uint32_t of_number_of(const struct of_numbers *n, uint32_t id)
{
	return id < n->ports_max ? atomic_load_explicit(&n->number_of[id], memory_order_relaxed)
				 : 0;
}

/* [any] XVS_PORT_NONE: nobody's */
static inline uint32_t of_id_of(const struct of_numbers *n, uint32_t number)
{
	return number < OF_NUMBERS ? atomic_load_explicit(&n->id_of[number], memory_order_relaxed)
				   : XVS_PORT_NONE;
}

#endif /* OPENFLOW_PIPELINE_NUMBERS_H */
