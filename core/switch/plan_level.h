/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/plan_level.h - one level of policies while it is planned: of a switch, a group, a port or an
 * entry of a chain.  [control]
 */
#ifndef XVS_SWITCH_PLAN_LEVEL_H
#define XVS_SWITCH_PLAN_LEVEL_H

#include "switch/plan.h"

/* Whose documents these are, and what to do when they are wrong. */
struct level {
	struct plan *p;
	struct plan_switch *ps;
	const struct extension *ext; /* whose values are made; NULL: this program's */
	const char *what;            /* "port lab/vm1" */
	uint16_t scope;              /* that its features must have; 0: either */
	bool is_tolerated;
	char problem[PROBLEM_MAX];
};

/* At this place of a document; where the level is tolerated, the first is why its ports are closed. */
void level_complain(struct level *level, const struct node *at, const char *text);

/* Texts that name the object, as decoding finds them. */
void level_complain_all(struct level *level, const struct diags *found);

/* Does every feature that these policies (NULL: none) name exist here, and belong there? */
void level_check_documents(struct level *level, const struct node *policies);

/* Does the port's group let it set what it sets? */
void level_check_override(struct level *level, const struct plan_port *pp);
/* Are the fields that a group lists there? */
void level_check_listed(struct level *level, const struct group_spec *group);

#endif /* XVS_SWITCH_PLAN_LEVEL_H */
