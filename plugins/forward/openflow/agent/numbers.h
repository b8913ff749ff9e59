/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent/numbers.h - which port has which number.
 *
 * A port has the number that its policy says, else the one that it had before, by its UUID, else the
 * lowest that nobody has or had.  So a rule that names a port which left holds when it comes back, be it
 * by another id.  What a port had is remembered until the switch ends, for as many ports as there is room
 * for; after that, those that left first are forgotten.
 *
 * All [control].
 */
#ifndef OPENFLOW_AGENT_NUMBERS_H
#define OPENFLOW_AGENT_NUMBERS_H

#include "pipeline/numbers.h"

struct of_number_row {
	uint8_t uuid[16];
	uint32_t number;
	uint32_t wanted; /* by its policy; 0: any */
	uint32_t id;     /* XVS_PORT_NONE: it is away */
	uint64_t left;   /* which departure it was */
};

struct of_number_book {
	struct of_numbers *published;
	struct of_number_row *rows;
	uint32_t count, room;
	uint64_t departures;
};

/* -ENOMEM; finish() of a zeroed one is fine. */
int of_numbers_init(struct of_number_book *b, uint32_t ports_max);
void of_numbers_finish(struct of_number_book *b);

/* The id that this port has now, or XVS_PORT_NONE. */
uint32_t of_numbers_holder(const struct of_number_book *b, const uint8_t uuid[16]);

/* The port with this id has come.  Its number, or 0: there is none left. */
uint32_t of_numbers_attach(struct of_number_book *b, uint32_t id, const uint8_t uuid[16]);
void of_numbers_detach(struct of_number_book *b, uint32_t id);

/* Its policy; 0: any.  Whoever has that number without having asked for it gets another. */
void of_numbers_want(struct of_number_book *b, uint32_t id, uint32_t wanted);

/* Is it the number of a port that is there and has asked for it? */
bool of_numbers_is_wanted(const struct of_number_book *b, uint32_t number);

/* Is there another port that has asked for it?  Its id, or XVS_PORT_NONE. */
uint32_t of_numbers_asked(const struct of_number_book *b, uint32_t wanted, const uint8_t but[16]);

#endif /* OPENFLOW_AGENT_NUMBERS_H */
