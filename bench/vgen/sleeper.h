/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen/sleeper.h - the least that is woken by an eventfd: what this machine takes for it, whoever
 * is woken.
 */
#ifndef XVS_VGEN_SLEEPER_H
#define XVS_VGEN_SLEEPER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sleeper {
	int kick, epoll;
	uint32_t core;
	bool is_running;
	pthread_t thread;
	_Atomic bool ends;
	_Alignas(64) _Atomic uint32_t woken; /* how often */
};

/* A thread on that core that sleeps in epoll.  False: errno. */
bool sleeper_start(struct sleeper *s, uint32_t core);
void sleeper_stop(struct sleeper *s);

/* Wakes it; nanoseconds until its first store is seen here. */
uint64_t sleeper_wake(struct sleeper *s);

#endif /* XVS_VGEN_SLEEPER_H */
