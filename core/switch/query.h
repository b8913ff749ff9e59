/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/query.h - pieces of answers that several questions share.  [control]  References are new.
 */
#ifndef XVS_SWITCH_QUERY_H
#define XVS_SWITCH_QUERY_H

#include "switch/world.h"

/* {instance, switch, extension, version, class, state, required, problem, why} */
json_t *query_member(const struct member *m);
/* What is built in is of interest where some port's policy makes it stand, or where it does not run. */
bool query_member_is_shown(const struct member *m);
/* {name, switch, id, role, state, link, mac, segment, ...} */
json_t *query_port(const struct port *p);
/* Counted drops of one port (0: all): [{port, stage, extension, instance, reason, ...}] */
/* "no-rule" and what it means; 'instance' 0: the switch's own. */
const char *query_reason(const struct world *w, uint32_t instance, uint32_t reason,
			 const char **help);
const char *query_stage(uint32_t stage);

json_t *query_drops(const struct world *w, uint32_t port);
/* The STATUS features of a member, for a port or for the switch (NULL); NULL: none. */
json_t *query_status(const struct member *m, void *port_state);
/* Is it a list that is asked for by world_ext_rows()? */
bool query_is_rows(const struct member *m, const struct xvs_feature *f);
/* [{target, feature, owner, fields}] and marks, of what stands over somebody else's values. */
json_t *query_overlays(const struct world *w);
/* A document as JSON, SECRET fields as "***". */
json_t *query_document(const struct xvs_feature *f, const struct node *document);
/* "open", "closed" or "blocked" */
const char *query_port_state(const struct port *p);

#endif /* XVS_SWITCH_QUERY_H */
