/* SPDX-License-Identifier: Apache-2.0 */
/* control/mover_part.h - what the files of the mover share. */
#ifndef XVS_CONTROL_MOVER_PART_H
#define XVS_CONTROL_MOVER_PART_H

#include "control/mover.h"
#include "control/origin.h"
#include "state/channels.h"
#include "switch/bundle.h"

enum { EXPECTATIONS = 64 };
#define EXPECTATION_NS (600 * NS_PER_S)

struct expected {
	struct expectation e;
	uint64_t until_ns; /* 0: free */
};

struct mover {
	struct letter letter; /* to look after those who wait */
	bool is_posted, is_started;
	struct control *control;
	struct channels *channels;
	struct moves *moves;
	struct migration_spec spec; /* as configured */
	char problem[PROBLEM_TEXT];
	char stop_at[32]; /* phase in which the process stops itself: for tests; "": none */
	struct expected expected[EXPECTATIONS];
	struct waiter *waiters;
	struct errand *errands;
};

/* What was asked of the world for a move; it outlives the mover. */
struct errand {
	struct errand *next;
	struct mover *m; /* NULL: nobody waits any more */
	content_done done;
	void *arg;
	struct arrival *arrival; /* NULL: of no arrival */
	bool is_trial;           /* what is wrong with it are findings, and no error */
	int (*then)(struct errand *e, struct xvs_error *err); /* after it was done; or NULL */
	/* Before it is asked, in turns of the loop: a port with many rules is read, then asked for. */
	struct loop_timer *turn; /* NULL: it was asked */
	void (*act)(struct errand *e);
	struct port_spec *spec; /* of the arrival; NULL: not read, or the world has it */
};

/* NULL: out of memory, which has been answered. */
struct errand *errand_create(struct mover *m, content_done done, void *arg);
/* How the world is asked; 'what' is for people.  False: out of memory, which has been answered. */
bool errand_wish(struct errand *e, const char *what, struct wish *out, bool is_dry_run);

/* act(e) in the next turn; where there is no memory, at once. */
void errand_turn(struct errand *e, void (*act)(struct errand *e));
/* It ends without having been asked. */
void errand_fail(struct errand *e, int code, const struct xvs_error *err);

extern const struct content_source_ops mover_source;
extern const struct content_target_ops mover_target;

void owner_out(const struct content_owner *from, struct bundle_owner *to);

#endif /* XVS_CONTROL_MOVER_PART_H */
