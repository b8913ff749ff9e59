/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/notice.h - something that a worker must tell the control thread once, by letter, from
 * memory that may be freed before the letter has come.
 */
#ifndef XVS_PORT_NOTICE_H
#define XVS_PORT_NOTICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/loop.h"

struct notice {
	struct letter letter;
	struct loop *loop;
	void (*fn)(void *arg);      /* [control] what was to be told */
	void (*release)(void *arg); /* [control] set by notice_close() */
	void *arg;
	_Atomic bool is_posted;
	bool has_come; /* the control thread's */
};

/* [control] */
void notice_init(struct notice *n, struct loop *loop, void (*fn)(void *arg), void *arg);

/* [worker] The first call posts, later ones do nothing. */
void notice_post(struct notice *n);

/*
 * [control] When no worker can post any more.  Calls release(arg), which may free what 'n' is part
 * of: at once, or when a letter under way has come; fn is not called any more.
 */
void notice_close(struct notice *n, void (*release)(void *arg));

#endif /* XVS_PORT_NOTICE_H */
