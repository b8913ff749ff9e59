/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs/abi.h - the rules of the binary interface, and what every part of it uses.
 *
 * THE FOUR RULES
 *
 *  1. Major version is the symbol's name.  A module that serves two majors
 *     exports two symbols.  Nothing else is ever negotiated by major.
 *  2. Minor version is structure size.  A structure that crosses the boundary
 *     starts with 'size', written by whoever allocates it.  Fields are appended,
 *     never moved, retyped or reused.  Readers ask XVS_HAS() for any field newer
 *     than 1.0.  What a reader does not know, at the tail:
 *       - of a table of functions, it ignores: functions are offers;
 *       - of data from the host, an extension ignores: it is advice;
 *       - of data from an extension, the host refuses unless zero (-E2BIG): a
 *         demand must not be dropped in silence.
 *     The same holds for the bits of a flags word and the values of an enum:
 *     unknown events from the host are ignored, unknown demands are refused.
 *     (packet and batch have no 'size': the host alone makes them, only their
 *     tail may grow, and host->abi_minor says how far.  The flow key is frozen.)
 *  3. Arrays cross as struct xvs_table, which carries the stride, so that an
 *     array's element may grow by rule 2.
 *  4. Anything optional is an interface found by string, "vendor.name/rev".
 *     A change of meaning is a new rev; old and new may be offered side by side.
 *
 * THREADS - each function in these headers carries one of these marks
 *
 *  [control]  the one control thread.  May allocate and block briefly (aim for
 *             under 10 ms; longer work goes to the "xvs.task/1" interface).
 *             Control calls never overlap one another within one instance.
 *  [worker]   a packet worker.  Must not block, allocate from the C library, make
 *             system calls or take a lock that a [control] function may hold; a
 *             lock among workers only may be spun on for a few instructions.  Many
 *             workers may be inside one instance at once; two are never inside
 *             with the same worker_state.  Packets that meet in one table may come
 *             on different workers: both directions of a connection usually do.
 *  [any]      any host thread, at any time between create() and destroy().
 *
 * Host functions for [worker] find the calling worker themselves; calling one from
 * another thread takes nothing, does nothing and returns -EPERM or NULL.  An extension
 * in the daemon's process may have threads: they call [any] functions only and are
 * joined before destroy() returns.
 *
 * RESULTS    int functions return 0 or a negative errno value, and describe a
 *            failure in 'err' where they are given one.  [worker] functions
 *            return nothing: their only outcome is a verdict per packet.
 * OWNERSHIP  a pointer argument is borrowed until the call returns unless its
 *            comment says "kept" (valid until destroy) or "given" (now yours).
 *            Memory is freed by the side that allocated it, always.  A pointer of
 *            the extension that the host only gives back (self, port_state,
 *            worker_state) is never read by the host; nothing else may hold one,
 *            because an extension may run in a process of its own and be restarted.
 * TIME       is CLOCK_MONOTONIC of this host, in nanoseconds.  It means nothing on
 *            another host: state that moves carries ages, not times.
 * STRINGS    are UTF-8, NUL-terminated.  Integers in packets are network order.
 */
#ifndef XVS_ABI_H
#define XVS_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define XVS_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define XVS_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

#define XVS_ABI_MAJOR 1
#define XVS_ABI_MINOR 0 /* of this header */

/* Oldest host minor that this module can work with; define before including to raise it. */
#ifndef XVS_NEEDS_MINOR
#define XVS_NEEDS_MINOR 0
#endif

#define XVS_EXPORT __attribute__((visibility("default")))

/* True if the structure at 'p' is large enough to contain 'field'. */
#define XVS_HAS(p, field) \
	((p)->size >= offsetof(__typeof__(*(p)), field) + sizeof((p)->field))

/* An array that crosses the boundary.  'stride' is sizeof(element) as its maker knew it. */
struct xvs_table {
	const void *items;
	uint32_t count;
	uint32_t stride;
};
#define XVS_TABLE(array) \
	{ (array), (uint32_t)(sizeof(array) / sizeof((array)[0])), (uint32_t)sizeof((array)[0]) }

/* Why a [control] call failed.  Made by the host, filled by the failing side. */
struct xvs_error {
	uint32_t size;
	int32_t code;    /* negative errno */
	char field[64];  /* policy field at fault, as "rules[3].proto", or "" */
	char text[188];  /* one sentence for the operator, no trailing full stop */
};

#endif /* XVS_ABI_H */
