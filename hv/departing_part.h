/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/departing_part.h - what the files of a departure know of each other.  A step that one of them
 * was told to begin ends by departing_ended().
 */
#ifndef XVS_HV_DEPARTING_PART_H
#define XVS_HV_DEPARTING_PART_H

#include "base/str.h"
#include "departing.h"
#include "move_key.h"
#include "remote.h"
#include "stone.h"
#include "transfer.h"

enum { DEPARTING_WHY = 400, DEPARTING_TEXT = 800 };

/* What waits for the other host. */
struct target_ask {
	struct departing *d;
	const char *method; /* until it is sent */
	json_t *params;
	bool is_waiting;
};

/* The port of one adapter. */
struct departing_port {
	char move[UUID_TEXT]; /* of the port; "": none is known */
	json_t *report;       /* the last one of its move; NULL: none */
	bool has_left;
	char why[DEPARTING_WHY]; /* of a refusal */
};

struct departing {
	struct vm *vm;
	struct move *move;
	struct move_options options;
	enum move_record found;
	char id[UUID_TEXT];
	uint64_t epoch, epoch_there;
	char peer[SPEC_TEXT];
	uint32_t timeout_s;
	bool holds_job, was_standing, is_taken_over, is_target_given_up, is_in_doubt, has_ended;
	bool has_moved, is_armed, is_free; /* the machine, for other verbs */
	vm_done done;                      /* NULL: nobody waits any more */
	void *arg;
	struct loop_timer *timer, *patience, *finish;

	/* the other host */
	struct remote_link *link;
	bool is_linked;
	struct target_ask asks[MOVE_STEPS];
	uint16_t memory_port, disks_port;

	/* the switch */
	struct departing_port ports[SPEC_ADAPTERS];
	struct errand *errands;
	struct loop_timer *watch;
	enum move_step port_step;
	uint32_t run;      /* of a step of ports: answers of an older one do not count */
	uint32_t waiting;  /* ports of it */
	uint32_t prepares; /* calls that make moves of ports and were not answered */
	bool is_sweeping;
	char port_why[DEPARTING_WHY];

	/* QEMU */
	struct transfer *transfer;
	struct transfer_options sending;
	enum move_step qemu_step;
	bool is_transferring, is_leaving;
	struct loop_timer *marks; /* DSCP of its sockets */
	uint32_t mark_ms, marked;
	bool is_unmarkable;
	char key[MOVE_KEY_TEXT];
	char key_folder[MOVE_KEY_FOLDER];
	json_t *disks; /* of the machine as the target is told of them */

	/* the report */
	json_t *findings;
	json_t *left_files; /* disks that could not be removed */
	json_t *last;       /* progress that QEMU told last */
	uint64_t began_ns, entered_ns[MOVE_PHASES], stopped_ns, resumed_ns;
	uint64_t phase_ms[MOVE_PHASES];
	uint64_t resume_us;
};

/* 'why' NULL: well. */
void departing_ended(struct departing *d, enum move_step step, const char *why);
/* Before the decision it is undone; afterwards nothing happens. */
void departing_trouble(struct departing *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The machine is free for other verbs. */
void departing_let_go(struct departing *d);

/* ---- departing_target.c ------------------------------------------------------------------------- */

void target_begin(struct departing *d, enum move_step step);
/* True: the step had asked, and has ended. */
bool target_interrupt(struct departing *d, enum move_step step);
void target_hang_up(struct departing *d);
/* Where the channel goes to, in digits; false: there is none. */
bool target_host(const struct departing *d, char host[TLS_HOST_TEXT]);

/* ---- departing_ports.c -------------------------------------------------------------------------- */

void ports_begin(struct departing *d, enum move_step step);
bool ports_interrupt(struct departing *d, enum move_step step);
void ports_forget(struct departing *d); /* answers that still come are nobody's */
void ports_watch(void *arg);            /* a departing, each time that the watch is due */

/* ---- departing_qemu.c --------------------------------------------------------------------------- */

void qemu_begin(struct departing *d, enum move_step step);
bool qemu_interrupt(struct departing *d, enum move_step step);
void qemu_forget(struct departing *d);
void qemu_attach(struct departing *d); /* the job of the machine becomes ours */
/* What the target must know of the disks, into d->disks; then the target is asked. */
void qemu_ask_disks(struct departing *d);

/* ---- departing_marks.c -------------------------------------------------------------------------- */

void marks_begin(struct departing *d); /* QEMU is about to connect */
void marks_due(void *arg);             /* a departing */

/* ---- departing_record.c ------------------------------------------------------------------------- */

int record_write(struct departing *d, enum move_record what, struct xvs_error *err);
/* False: there is none that counts. */
bool record_read(struct departing *d);
/* Disks that moved along go, the rest becomes a stone. */
int record_clear(struct departing *d, struct xvs_error *err);

/* ---- departing_report.c ------------------------------------------------------------------------- */

void findings_add(struct departing *d, const char *what, const char *why, bool is_refusal);
bool findings_refuse(const struct departing *d);       /* one of them does */
const char *findings_first(const struct departing *d); /* of those that do */
json_t *departing_report(const struct departing *d);   /* new */

#endif /* XVS_HV_DEPARTING_PART_H */
