/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/admission.c - two buckets and a number of places. */
#include "pipeline/admission.h"

#include <errno.h>
#include <stdlib.h>

/* Bursts last as long as this at most, by the rate; but so many packets may always come at once. */
enum { BURSTS_A_SECOND = 20, BURST_MIN = 16 };

int of_admission_init(struct of_admission *a, uint32_t ports_max)
{
	a->ports = calloc(ports_max, sizeof(*a->ports));
	a->ports_max = a->ports ? ports_max : 0;
	atomic_store_explicit(&a->parts, 1, memory_order_relaxed);
	return a->ports ? 0 : -ENOMEM;
}

void of_admission_destroy(struct of_admission *a)
{
	free(a->ports);
	a->ports = NULL;
}

void of_admission_set(struct of_admission *a, uint64_t rate, uint32_t parts)
{
	atomic_store_explicit(&a->rate, rate, memory_order_relaxed);
	atomic_store_explicit(&a->parts, parts ? parts : 1, memory_order_relaxed);
}

static struct of_admitted_port *port_of(struct of_admission *a, uint32_t port)
{
	return &a->ports[port < a->ports_max ? port : 0];
}

static struct xvs_meter_rate rate_of(uint64_t per_second)
{
	uint64_t burst = per_second / BURSTS_A_SECOND;

	return (struct xvs_meter_rate){ per_second ? per_second : 1,
					burst > BURST_MIN ? burst : BURST_MIN };
}

/*
 * Its own part goes to the account of all, too, which may be in debt for it: so the rest of them waits,
 * and together they keep to the rate.
 */
static bool is_within_rate(struct of_admission *a, struct of_admitted_port *p, uint64_t now_ns)
{
	uint64_t per_second = atomic_load_explicit(&a->rate, memory_order_relaxed);
	uint64_t parts = atomic_load_explicit(&a->parts, memory_order_relaxed);
	struct xvs_meter_rate all = rate_of(per_second);
	struct xvs_meter_rate own = rate_of(per_second / 2 / parts);
	bool is_slow = atomic_load_explicit(&a->is_slow, memory_order_relaxed);

	if (!per_second)
		return true;
	if (xvs_meter_take(&p->own, &own, now_ns, 1, 0) == 0) {
		(void)xvs_meter_take(&a->all, &all, now_ns, 1, UINT64_C(1000000000));
		return true;
	}
	return !is_slow && xvs_meter_take(&a->all, &all, now_ns, 1, 0) == 0;
}

static bool has_room(struct of_admission *a, const struct of_admitted_port *p)
{
	uint32_t all = atomic_load_explicit(&a->waiting, memory_order_relaxed);
	uint32_t own = atomic_load_explicit((_Atomic uint32_t *)(uintptr_t)&p->waiting,
					    memory_order_relaxed);

	return all < OF_MAIL_SLOTS && own <= OF_MAIL_SLOTS - all;
}

static void count(_Atomic uint64_t *n)
{
	atomic_fetch_add_explicit(n, 1, memory_order_relaxed);
}

bool of_admission_take(struct of_admission *a, uint32_t port, uint64_t now_ns)
{
	struct of_admitted_port *p = port_of(a, port);

	if (!has_room(a, p)) {
		count(&p->no_room);
		return false;
	}
	if (!is_within_rate(a, p, now_ns)) {
		count(&p->over_rate);
		return false;
	}
	atomic_fetch_add_explicit(&p->waiting, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&a->waiting, 1, memory_order_relaxed);
	return true;
}

static void leave(struct of_admission *a, struct of_admitted_port *p)
{
	atomic_fetch_sub_explicit(&p->waiting, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&a->waiting, 1, memory_order_relaxed);
}

void of_admission_undo(struct of_admission *a, uint32_t port)
{
	struct of_admitted_port *p = port_of(a, port);

	leave(a, p);
	count(&p->no_room);
}

void of_admission_end(struct of_admission *a, uint32_t port)
{
	struct of_admitted_port *p = port_of(a, port);

	leave(a, p);
	count(&p->told);
}

void of_admission_slow(struct of_admission *a, bool is_slow)
{
	if (atomic_load_explicit(&a->is_slow, memory_order_relaxed) != is_slow)
		atomic_store_explicit(&a->is_slow, is_slow, memory_order_relaxed);
}
