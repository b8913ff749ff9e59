/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn/fragment.h - fragments follow their first one (architecture 16.1i).
 */
#ifndef XVS_CONN_FRAGMENT_H
#define XVS_CONN_FRAGMENT_H

#include "conn/judge.h"

/* [control] One a worker; NULL: no memory. */
struct fragments *fragments_create(unsigned workers);
void fragments_destroy(struct fragments *f, unsigned workers);

/* [worker] */
enum conn_answer fragment_judge(struct visit *v);

/*
 * [worker] Fragments whose first has come go on, those that waited in vain are dropped.  It is done
 * here and not in fragment_judge(), so that none overtakes the first.
 */
void fragment_sweep(struct conn_table *t, struct worker *w, void *arg);

#endif /* XVS_CONN_FRAGMENT_H */
