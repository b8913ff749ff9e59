/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/text.h - matches and actions for people: "eth_type=0x0800,ipv4_dst=10.0.0.0/8".
 */
#ifndef OPENFLOW_MODEL_TEXT_H
#define OPENFLOW_MODEL_TEXT_H

#include "model/mod.h"

/* Where it is written: always ended by a zero, and cut where there is no more room. */
struct of_text {
	char *at;
	uint32_t room; /* at least 1 */
	uint32_t len;
};

/* [any] */
static inline struct of_text of_text_in(char *at, uint32_t room)
{
	at[0] = '\0';
	return (struct of_text){ .at = at, .room = room };
}

/* [any] All of these append. */
__attribute__((format(printf, 2, 3))) void of_text_add(struct of_text *t, const char *format, ...);
void of_text_port(struct of_text *t, uint32_t number);           /* "2", "CONTROLLER" */
void of_text_match(struct of_text *t, const struct of_match *m); /* of all packets: "any" */
void of_text_actions(struct of_text *t, const struct of_actions *list);
void of_text_instructions(struct of_text *t, const struct of_instructions *i); /* none: "drop" */

#endif /* OPENFLOW_MODEL_TEXT_H */
