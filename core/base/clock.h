/* SPDX-License-Identifier: Apache-2.0 */
/* base/clock.h - the one clock: CLOCK_MONOTONIC in nanoseconds, and cycles for cost accounting. */
#ifndef XVS_BASE_CLOCK_H
#define XVS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

enum { NS_PER_US = 1000, NS_PER_MS = 1000000 };
#define NS_PER_S UINT64_C(1000000000)

/* [any] */
static inline uint64_t clock_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* [any] A cheap counter of constant rate: TSC on x86-64, the virtual counter on arm64. */
static inline uint64_t clock_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	return clock_ns();
#endif
}

#endif /* XVS_BASE_CLOCK_H */
