/* SPDX-License-Identifier: Apache-2.0 */
/* table/instructions.h - instructions that last, in one piece of memory; what they name. */
#ifndef OPENFLOW_TABLE_INSTRUCTIONS_H
#define OPENFLOW_TABLE_INSTRUCTIONS_H

#include "model/action.h"

/* [any] One block: free() it.  NULL: out of memory. */
struct of_instructions *of_instructions_copy(const struct of_instructions *from);

/* [any] Do any of its actions send to this port (set group, use meter)? */
bool of_instructions_output(const struct of_instructions *i, uint32_t port);
bool of_instructions_group(const struct of_instructions *i, uint32_t group); /* ALL: any */
bool of_instructions_meter(const struct of_instructions *i, uint32_t meter); /* ALL: any */

/* [any] The same of a list. */
bool of_actions_name(const struct of_actions *a, uint8_t type, uint32_t number);

#endif /* OPENFLOW_TABLE_INSTRUCTIONS_H */
