/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/trial.h - one rule on one module, in a process of its own.
 *
 * A rule's function puts the extension through what the rule is about; what it or the watch finds, or how
 * the process ends, is the result.
 */
#ifndef XVS_CONFORM_TRIAL_H
#define XVS_CONFORM_TRIAL_H

#include "extlab/lab.h"
#include "frames.h"
#include "watch.h"

struct trial {
	const char *path;
	uint64_t packets;         /* that the rule about mutated ones sends */
	uint32_t index;           /* of the extension in the module */
	const char *policy_file;  /* NULL: what its own schema has by default */
	const struct node *given; /* of that file */
	/* filled by trial_begin() */
	struct module *module;
	const struct extension *ext, *watched;
	const struct extension *chain[1];
	struct node *policies;
	struct diags *d;
	uint64_t random;
};

enum result { RESULT_HOLDS = 0, RESULT_BROKEN = 1, RESULT_NOT_TRIED = 2 };

struct rule {
	const char *name;
	const char *text;  /* what must hold */
	const char *where; /* that says so */
	bool is_of_file;   /* not of each extension in it */
	/* RESULT_NOT_TRIED: the finding says why. */
	enum result (*run)(struct trial *t);
};

extern const struct rule rules[];
extern const size_t rule_count;

/* Loads; false: refused, which is a finding. */
bool trial_begin(struct trial *t, unsigned what);

/* A lab with the extension, or (is_empty) without; with policies or without; NULL: refused, and *d says why. */
enum lab_kind { LAB_BARE = 0, LAB_SET = 1, LAB_HELD = 2, LAB_EMPTY = 3 };
struct lab *trial_lab(struct trial *t, enum lab_kind kind);
/* The same; that it is refused is a finding. */
struct lab *trial_need(struct trial *t, enum lab_kind kind);

/* What comes out of a lab so far, as one number. */
uint64_t trial_seen(void);
void trial_forget_seen(void);
/* By whom and why a packet was dropped last. */
const char *trial_dropped(void);

/* Usual frames, and what is due behind them. */
void trial_traffic(struct trial *t, struct lab *lab, uint32_t count, bool is_mutated);

/* All settings of ports are set otherwise on the first port; is_tried: only tried. */
void trial_change(struct trial *t, struct lab *lab, bool is_tried);
void trial_enable(struct trial *t, struct lab *lab, bool on);
void trial_remove(struct trial *t, struct lab *lab, const char *port);

/* All of the above, from beginning to end; false: it was refused. */
bool trial_live(struct trial *t);

/* elf.c */
enum result rule_symbols(struct trial *t);
enum result rule_constructors(struct trial *t);
/* rules_state.c */
enum result rule_state_round(struct trial *t);
enum result rule_state_formats(struct trial *t);
enum result rule_state_hostile(struct trial *t);

#endif /* XVS_CONFORM_TRIAL_H */
