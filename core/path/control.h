/* SPDX-License-Identifier: Apache-2.0 */
/* path/control.h - what the control side of the path shares among its files.  [control] */
#ifndef XVS_PATH_CONTROL_H
#define XVS_PATH_CONTROL_H

#include "path/worker.h"

/* Gives a configuration its number. */
void conf_number(struct port_conf *conf);

/* Moves the hard epoch of a port, or of every port of a switch, after something was published. */
void port_move_epoch(struct path_port *port);
void switch_move_epoch(struct path_switch *sw);

/* ---- balance.c: which worker serves which receive queue ---- */
bool balance_start(struct path *path); /* false: out of memory */
void balance_stop(struct path *path);
/* The queue goes to the worker on which it weighs least. */
void balance_add(struct path *path, struct rx_queue *q);
/* From now on none of its queues begins or ends a move. */
void balance_remove(struct path *path, const struct path_port *port);
/* The move that would even out loads most; queue NULL: none that is worth it. */
struct queue_choice {
	struct rx_queue *queue;
	uint32_t to;
	int64_t gain;
};
struct queue_choice balance_choose(const struct path *path);
/* False: it is there already, or another move is under way. */
bool balance_move(struct path *path, struct rx_queue *q, uint32_t worker);

#endif /* XVS_PATH_CONTROL_H */
