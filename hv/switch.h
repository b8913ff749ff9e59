/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/switch.h - asking xvsd: its control socket from the caller's side.  [control]
 */
#ifndef XVS_HV_SWITCH_H
#define XVS_HV_SWITCH_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "base/loop.h"

struct switch_client;

/* Nothing is connected before the first call; xvsd may come and go. */
struct switch_client *switch_create(struct loop *loop, const char *path); /* NULL: out of memory */
void switch_destroy(struct switch_client *c); /* calls that run are not answered; NULL is fine */

struct switch_answer {
	const json_t *result; /* NULL: it was refused */
	int code;             /* enum rpc_code, or 0 where xvsd did not answer */
	const char *error;    /* a whole sentence */
	bool is_slow;         /* xvsd is there, and did not answer in time */
};
typedef void (*switch_fn)(void *arg, const struct switch_answer *answer);

/* 'params' are taken.  done() once; before this returns only where memory is out. */
void switch_call(struct switch_client *c, const char *method, json_t *params, switch_fn done,
		 void *arg);
/* The same for what takes its time: xvsd has so long to answer. */
void switch_call_within(struct switch_client *c, uint32_t seconds, const char *method,
			json_t *params, switch_fn done, void *arg);

/*
 * Which xvsd it is, by the socket that it made: one that is started anew makes another.  It costs none of
 * its connections, of which others may have taken all.  Zeroes: none.
 */
struct switch_mark {
	dev_t device;
	ino_t file;
	struct timespec made;
};
void switch_mark(const struct switch_client *c, struct switch_mark *out);
/* It is the same, and listens. */
bool switch_is_same(const struct switch_client *c, const struct switch_mark *mark);

#endif /* XVS_HV_SWITCH_H */
