/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/fault.c - SIGBUS where a mapped file was cut: a page of zeros over the hole.
 *
 * The handler runs in whatever thread touched the hole, in the middle of anything.  So the table of
 * guarded memory is made of atomics alone: blocks that are added and never taken away, in which
 * the control thread fills and clears places.  A place is valid while its size is not 0; size is
 * written last when it is filled and first when it is cleared.
 *
 * A fault elsewhere is somebody else's: the handler that was there before gets it, or the kernel.
 */
#include "port/vhost_user/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "port/vhost_user/device.h"

enum { BLOCK_GUARDS = 64 };

struct fault_guard {
	_Atomic uintptr_t start;
	_Atomic size_t size; /* 0: this place is free */
	_Atomic size_t page;
	_Atomic(struct vhost_device *) device;
};

struct guard_block {
	struct fault_guard guards[BLOCK_GUARDS];
	_Atomic(struct guard_block *) next;
};

static struct guard_block first_block;
static struct sigaction previous;

/* ---- in the handler: no lock, no allocation --------------------------------------------------- */

static bool covers(struct fault_guard *g, uintptr_t at)
{
	/* acquire: pairs with the release in fault_guard(), so that start belongs to this size */
	size_t size = atomic_load_explicit(&g->size, memory_order_acquire);

	return at - atomic_load_explicit(&g->start, memory_order_relaxed) < size;
}

static struct fault_guard *guard_at(uintptr_t at)
{
	struct guard_block *block = &first_block;

	while (block) {
		for (uint32_t i = 0; i < BLOCK_GUARDS; i++) {
			if (covers(&block->guards[i], at))
				return &block->guards[i];
		}
		block = atomic_load_explicit(&block->next, memory_order_acquire);
	}
	return NULL;
}

/* A page of nobody's in place of the one that is gone.  False: the kernel has none. */
static bool fill_hole(struct fault_guard *g, uintptr_t at)
{
	size_t page = atomic_load_explicit(&g->page, memory_order_relaxed);
	uint8_t *start = (uint8_t *)(at & ~(uintptr_t)(page - 1));

	return mmap(start, page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* Not ours: as if we had never been here.  Returning faults again, with the old action in place. */
static void pass_on(int nr, siginfo_t *info, void *context)
{
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(nr, info, context);
	else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
		previous.sa_handler(nr);
	else
		(void)sigaction(nr, &previous, NULL);
}

static void on_fault(int nr, siginfo_t *info, void *context)
{
	int saved = errno;
	/* a signal that somebody sent has no address */
	bool is_fault = info->si_code > 0;
	struct fault_guard *g = is_fault ? guard_at((uintptr_t)info->si_addr) : NULL;

	if (g && fill_hole(g, (uintptr_t)info->si_addr))
		vhost_break(atomic_load_explicit(&g->device, memory_order_relaxed),
			    "the front end cut the file that its memory is in");
	else
		pass_on(nr, info, context);
	errno = saved;
}

/* ---- the table ---------------------------------------------------------------------------------- */

static struct fault_guard *free_guard(void)
{
	struct guard_block *block = &first_block;
	struct guard_block *next;

	for (;;) {
		for (uint32_t i = 0; i < BLOCK_GUARDS; i++) {
			if (!atomic_load_explicit(&block->guards[i].size, memory_order_relaxed))
				return &block->guards[i];
		}
		next = atomic_load_explicit(&block->next, memory_order_relaxed);
		if (!next)
			break;
		block = next;
	}
	next = calloc(1, sizeof(*next));
	if (next)
		atomic_store_explicit(&block->next, next, memory_order_release);
	return next ? &next->guards[0] : NULL;
}

/* Each time: somebody may have put a handler of his own in front of ours. */
static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction now;

	if (sigaction(SIGBUS, NULL, &now) ||
	    (now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_fault))
		return;
	previous = now;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGBUS, &action, NULL);
}

struct fault_guard *fault_guard(struct vhost_device *d, void *start, size_t size, size_t page)
{
	struct fault_guard *g = free_guard();

	if (!g)
		return NULL;
	install();
	atomic_store_explicit(&g->device, d, memory_order_relaxed);
	atomic_store_explicit(&g->page, page, memory_order_relaxed);
	atomic_store_explicit(&g->start, (uintptr_t)start, memory_order_relaxed);
	atomic_store_explicit(&g->size, size, memory_order_release);
	return g;
}

void fault_unguard(struct fault_guard *g)
{
	if (g)
		atomic_store_explicit(&g->size, 0, memory_order_release);
}
