/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/program.h - what became of a walk: all that happens to the packets of one flow.
 *
 *	credits   rules, tables, groups and buckets that the flow is counted for
 *	steps     meters and outputs, in order
 *	images    what of the packet is written before an output
 *
 * It is constant once it is made.  The worker that judged the flow has it by the flow's cookie.
 */
#ifndef OPENFLOW_PIPELINE_PROGRAM_H
#define OPENFLOW_PIPELINE_PROGRAM_H

#include "pipeline/walk.h"

enum {
	OF_PROGRAM_STEPS = 128,
	OF_PROGRAM_IMAGES = 16,
	OF_PROGRAM_CREDITS = 512,
};

struct of_image {
	struct of_fields values;
	struct of_fields mask; /* ones: written; all zero: the packet goes as it came */
};

struct of_program_step {
	uint32_t meter; /* its number, looked up each time: it may go; 0: an output */
	struct of_output output;
	uint16_t image;
	uint32_t credits; /* of a meter: those from here on are for what it lets pass */
};

struct of_program {
	uint32_t credit_count;
	uint32_t step_count;
	uint32_t image_count;
	uint16_t reason;    /* of what has no output */
	uint32_t meter;     /* one meter, then one output to a port, unchanged; 0: it is more */
	struct of_set *set; /* held, or NULL */
	struct of_stats **credits; /* each held */
	struct of_program_step *steps;
	struct of_image *images;
};

/* A worker's place in which programs are put together; of which one is then copied. */
struct of_draft {
	struct of_program p;
	struct of_fields packet; /* as it came */
	struct of_stats *credits[OF_PROGRAM_CREDITS];
	struct of_program_step steps[OF_PROGRAM_STEPS];
	struct of_image images[OF_PROGRAM_IMAGES];
	bool is_too_long;
	bool is_dry; /* an operator's trace: asks for nothing */
	uint64_t now_ns;
	struct of_set_asked asked; /* stays from one to the next */
};

void of_draft_begin(struct of_draft *d);

/* Writes the walk into a draft, which is its 'arg'. */
extern const struct of_sink of_draft_sink;

/* One block, its credits held; NULL: out of memory. */
struct of_program *of_program_new(const struct of_draft *d);

/* NULL is fine. */
void of_program_free(struct of_program *p);

/* So many packets of the flow have passed. */
void of_program_credit(const struct of_program *p, uint64_t packets, uint64_t bytes,
		       uint64_t last_ns);

#endif /* OPENFLOW_PIPELINE_PROGRAM_H */
