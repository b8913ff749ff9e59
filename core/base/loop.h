/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/loop.h - the control thread's event loop (libevent) and its letter box.
 */
#ifndef XVS_BASE_LOOP_H
#define XVS_BASE_LOOP_H

#include "base/error.h"

struct event_base;
struct loop;

/*
 * [control] Letters that have not run when the loop is destroyed never run: drain first.
 */
int loop_create(struct loop **out, struct xvs_error *err);
void loop_destroy(struct loop *loop);
struct event_base *loop_base(struct loop *loop);

/* [control] Returns when loop_stop() was called. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop); /* [any] */

/* A letter: the sender's memory until fn is called, which may free or reuse it. */
struct letter {
	struct letter *next;
	void (*fn)(struct letter *letter);
};

/* [any] fn(letter) runs on the control thread, in order per sender; never blocks nor fails. */
void loop_post(struct loop *loop, struct letter *letter, void (*fn)(struct letter *letter));

/* [control] Runs letters that have arrived, without waiting.  For tests and for shutdown. */
void loop_drain(struct loop *loop);

/* [control] fn(arg) once each time it is armed.  NULL: out of memory. */
struct loop_timer;
struct loop_timer *loop_timer_create(struct loop *loop, void (*fn)(void *arg), void *arg);
void loop_timer_arm(struct loop_timer *t, uint64_t delay_ns); /* replaces a time set before */
void loop_timer_destroy(struct loop_timer *t);                /* NULL is fine; also from fn */

#endif /* XVS_BASE_LOOP_H */
