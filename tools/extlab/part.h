/* SPDX-License-Identifier: Apache-2.0 */
/* extlab/part.h - what the files of the lab share. */
#ifndef XVS_EXTLAB_PART_H
#define XVS_EXTLAB_PART_H

#include "base/capture_ring.h"
#include "extlab/lab.h"
#include "extlab/port.h"
#include "path/tap.h"
#include "path/worker.h"
#include "switch/switch.h"

struct lab {
	struct loop *loop;
	struct counters *counters;
	struct path *path;
	struct world *world;
	struct path_worker *worker; /* without threads */
	const struct extension *const *chain;
	size_t chain_count;
	uint16_t numbers[LAB_CHAIN_MAX]; /* of their instances */
	struct lab_port ports[LAB_PORTS_MAX];
	struct memory_port *memory[LAB_PORTS_MAX];
	uint32_t ids[LAB_PORTS_MAX]; /* of the ports, to the path */
	size_t port_count;
	struct memory_owner owner;
	struct tap tap; /* of drops, without threads */
	uint64_t tap_at;
	bool has_tap;
	void (*ended)(void *arg, const struct lab_event *e);
	void *arg;
};

/* conf.c: what is wanted; NULL: out of memory. */
struct config_spec *lab_spec(const struct lab *lab, const struct node *policies, bool has_ports);
struct port_spec *lab_port_spec(const struct lab *lab, size_t nr, const struct node *policies);

/* lab.c: turns until *is_done; -ETIMEDOUT: not in half a minute. */
int lab_wait(struct lab *lab, const bool *is_done);

/* fate.c: drops since the last call. */
int fate_open(struct lab *lab, struct xvs_error *err);
void fate_close(struct lab *lab);
void fate_tell(struct lab *lab);

#endif /* XVS_EXTLAB_PART_H */
