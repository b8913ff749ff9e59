/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path/shed.h - sources that drivers drop for extensions ("xvs.shed/1").
 */
#ifndef XVS_PATH_SHED_H
#define XVS_PATH_SHED_H

#include "ext/instance.h"

struct path;
struct shed;

/* [control] Before the first instance, after the last; NULL is fine. */
struct shed *shed_create(struct path *path);
void shed_destroy(struct shed *s);
void shed_fill(struct instance_env *env);

/* [control] The port goes: its entries end, and what they dropped is counted. */
void shed_forget_port(struct shed *s, uint32_t port);

/* [control] For tests: as the timer does, every 100 ms while there are entries. */
void shed_look(struct shed *s, uint64_t now_ns);

#endif /* XVS_PATH_SHED_H */
