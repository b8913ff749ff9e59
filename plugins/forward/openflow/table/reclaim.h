/* SPDX-License-Identifier: Apache-2.0 */
/* table/reclaim.h - a way to free what workers may still be reading. */
#ifndef OPENFLOW_TABLE_RECLAIM_H
#define OPENFLOW_TABLE_RECLAIM_H

/*
 * [control] later() runs fn(what) on the control thread once no worker can hold what was reachable at
 * the time of the call: host->defer() in the switch, at once where there are no workers.
 */
struct of_reclaim {
	void (*later)(void *arg, void (*fn)(void *what), void *what);
	void *arg;
};

#endif /* OPENFLOW_TABLE_RECLAIM_H */
