/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/rcu.h - read-copy-update for the workers: liburcu's QSBR flavour behind a narrow door.
 *
 * All use of liburcu goes through here, because its barriers are in a library that
 * ThreadSanitizer cannot see: the functions below carry the annotations.  Writers: build the
 * new object, rcu_publish() it, then rcu_defer() the freeing of the old one, or rcu_defer() an
 * answer that must not be given before every worker has seen the change.
 */
#ifndef XVS_BASE_RCU_H
#define XVS_BASE_RCU_H

#include "base/loop.h"

/* A published pointer: one writer (the control thread), many readers. */
#define rcu_publish(place, value) __atomic_store_n((place), (value), __ATOMIC_RELEASE)
/* [worker] between two quiescent points, [control] always.  Pairs with rcu_publish(). */
#define rcu_read(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)

/* [worker] First and last thing a reading thread does. */
void rcu_register(void);
void rcu_unregister(void);

/* [worker] The end of a batch: no pointer read before is used after. */
void rcu_quiescent(void);

/* [worker] Around sleep: a thread that is offline delays nobody and reads nothing. */
void rcu_offline(void);
void rcu_online(void);

/* [control] Starts the thread that waits for grace periods; callbacks arrive on 'loop'. */
int rcu_start(struct loop *loop, struct xvs_error *err);
/* [control] After the last defer; runs what is still due. */
void rcu_stop(void);

/*
 * [control] Run fn(arg) on the control thread when every worker has passed a quiescent point
 * after this call.  In order of the calls.  Cannot fail: 'node' is the caller's memory, free
 * to be used again (or freed) inside fn.  Before rcu_start() and after rcu_stop() there is no
 * thread to wait: the call itself waits, and runs fn.
 */
struct rcu_node {
	struct rcu_node *next;
	void (*fn)(struct rcu_node *node);
};
void rcu_defer(struct rcu_node *node, void (*fn)(struct rcu_node *node));

/* [control] The same with plain free(); p may be NULL.  Out of memory: waits in place. */
void rcu_free(void *p);

/* [control] Waits in place for one grace period.  For start, stop and tests only. */
void rcu_synchronize(void);

#endif /* XVS_BASE_RCU_H */
