/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-conform/watch_part.h - what the files of the watch share. */
#ifndef XVS_CONFORM_WATCH_PART_H
#define XVS_CONFORM_WATCH_PART_H

#include "watch.h"

bool watch_is(enum watch_what what);

/* Around a call on a worker. */
void watch_worker_enter(const char *call);
void watch_worker_leave(void);

/* What a call returned. */
void watch_result(const char *call, int code, const struct xvs_error *err);

/* 'bytes' as the extension sees them: a copy that is gone afterwards, or themselves; and the end of that. */
const void *watch_lent(const void *bytes, size_t size);
void watch_back(const void *copy, const void *bytes);
struct xvs_batch *watch_lend_batch(struct xvs_batch *b);
void watch_back_batch(struct xvs_batch *copy, struct xvs_batch *b);

/* Bytes before a call, and whether they are others afterwards. */
uint64_t watch_sum(const void *bytes, size_t size);
void watch_const(const char *call, const char *what, uint64_t before, const void *bytes,
		 size_t size);

/* offers.c: an interface as the host gets it; of one that is not watched, 'found'. */
const void *offer_watch(const struct extension *real, const char *id, const void *found);

#endif /* XVS_CONFORM_WATCH_PART_H */
