/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire/action.h - actions and instructions between the wire and the model.
 */
#ifndef OPENFLOW_WIRE_ACTION_H
#define OPENFLOW_WIRE_ACTION_H

#include "wire/message.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* What reading actions of one message needs. */
struct of_action_source {
	struct of_arena *arena;
	uint32_t left; /* so many actions may still be read: OF_ACTIONS_MAX at first */
	uint8_t version;
	bool is_packet_out; /* OF_PORT_TABLE may be output to */
};

/* A list that is being read; whoever reads an action adds one to three of the model. */
struct of_action_list {
	struct of_actions actions;
	uint32_t room;
};

/* [control] One more, zeroed but for its type. */
struct of_action *of_action_add(struct of_action_list *list, uint8_t type);

/* [control] Reads a list of 'len' bytes, in order. */
of_fault of_actions_read(struct of_action_source *from, struct of_reader *r, uint32_t len,
			 struct of_actions *out);

/* [control] The same of actions that may be in a set; the order is the controller's still. */
of_fault of_action_set_read(struct of_action_source *from, struct of_reader *r, uint32_t len,
			    struct of_actions *out);

/* [control] What is carried out of such a list: of each kind the last, in the order of 1.3, 5.10. */
of_fault of_action_set_order(struct of_arena *arena, const struct of_actions *list,
			     struct of_actions *out);

/* [control] One action of Nicira's extension; 'r' is behind the vendor's number. */
of_fault of_nicira_action_read(struct of_action_source *from, struct of_reader *r,
			       struct of_action_list *list);

/* [control] An OXM to be set, from the wire; 'may_mask': by REG_LOAD2. */
of_fault of_set_field_read(struct of_action_source *from, struct of_reader *r, bool may_mask,
			   struct of_action *out);

/* [any] May that be a port to send to?  Reserved ones that may be are. */
of_fault of_out_port_check(uint32_t port, bool is_packet_out);

/*
 * [any] Are there the headers that the actions are about, in each packet that the match
 * allows (1.3, 7.2.5.10)?  'm' becomes what the packet is behind the list.
 */
of_fault of_actions_check(struct of_match *m, const struct of_actions *list);

/* [control] Reads instructions to the end of 'r', of a flow with that match in that table. */
of_fault of_instructions_read(struct of_action_source *from, struct of_reader *r,
			      const struct of_flow_mod *flow, struct of_instructions *out);

/* [any] */
void of_actions_put(struct of_writer *w, uint8_t version, const struct of_actions *list);
void of_instructions_put(struct of_writer *w, uint8_t version, const struct of_instructions *ins);

/* [any] The number of an action in table features and the like; -1: the version has it not. */
int of_action_number(uint32_t type);

/* [any] The reverse; 0: there is no such action. */
uint8_t of_action_of_number(uint16_t number);

#endif /* OPENFLOW_WIRE_ACTION_H */
