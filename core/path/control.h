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

#endif /* XVS_PATH_CONTROL_H */
