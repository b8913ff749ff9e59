/* SPDX-License-Identifier: Apache-2.0 */
/* path/burst.h - up to 64 packets from their port to theirs. */
#ifndef XVS_PATH_BURST_H
#define XVS_PATH_BURST_H

#include <stdint.h>

struct path_worker;
struct path_port;
struct port_conf;
struct burst;

/* [worker] One visit to a receive queue, for at most 'max' packets (1 .. 64); how many came. */
uint32_t burst_receive(struct path_worker *w, struct path_port *port, uint32_t queue, uint32_t max);

/* [worker] Packets that were held (b->pkts, b->count) go on from a place of this port's chain. */
void burst_continue(struct path_worker *w, struct burst *b, struct port_conf *conf, uint16_t stage,
		    uint32_t place);

#endif /* XVS_PATH_BURST_H */
