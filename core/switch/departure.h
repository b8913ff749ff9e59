/* SPDX-License-Identifier: Apache-2.0 */
/* switch/departure.h - a port as another host is asked to make it: its own keys, and what rules it.  [control] */
#ifndef XVS_SWITCH_DEPARTURE_H
#define XVS_SWITCH_DEPARTURE_H

#include "switch/switch.h"

/*
 * What the configuration says of the port itself, with its address and UUID, without policies and group;
 * for port_spec_finish().  'name' is "switch/port".  Guests' ports alone move.
 */
int departure_spec(struct world *w, const char *target, struct port_spec *out, char name[132],
		   struct xvs_error *err);

/*
 * {feature: {fields, defaults}}: what is in force, whoever said so, secrets too.  'defaults' names fields
 * that have the default of the schema.  New; NULL: out of memory.
 */
json_t *departure_policies(struct world *w, const char *target);

/*
 * The same back into documents of a port.  A field that is not known here is left out if it is one of
 * the defaults ('left' is told); else, and for unknown features, the finding is told.  New; NULL: out
 * of memory.
 */
struct node *departure_read(struct world *w, const json_t *policies,
			    void (*left)(void *arg, const char *what, const char *why),
			    void (*finding)(void *arg, const char *what, const char *why),
			    void *arg);

/* The port with this identity, by its name of now; false: there is none. */
bool departure_find(struct world *w, const uint8_t uuid[16], char name[132]);

/*
 * It is decided that this port is another host's, and it has not been removed yet: one that is made with its
 * UUID is closed.  At most DEPARTED_MAX at a time; has_departed false: not any more.
 */
enum { DEPARTED_MAX = 64 };
void departure_note(struct world *w, const uint8_t uuid[16], bool has_departed);

#endif /* XVS_SWITCH_DEPARTURE_H */
