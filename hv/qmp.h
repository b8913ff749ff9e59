/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/qmp.h - a conversation with one QEMU, by events.  [control]
 *
 * Commands may be given at once: they wait until QEMU has greeted and was told that we understand
 * it.  Every command is answered exactly once: by QEMU, by its deadline, or by the end of the
 * conversation.  Events come in their order, none is lost; they may come before the answer to the
 * command that caused them.
 *
 * Functions of a conversation may be called from its own callbacks, also qmp_close().
 */
#ifndef XVS_HV_QMP_H
#define XVS_HV_QMP_H

#include "base/loop.h"
#include "qmp_message.h"

struct qmp;

enum { QMP_COMMANDS_MAX = 64, QMP_DEADLINE_MS = 10000 };

struct qmp_answer {
	const json_t *value; /* NULL: it was refused */
	const char *error;   /* why, as a half sentence; NULL: it was not */
	const char *class;   /* of the error as QEMU has it; "": it is not QEMU's */
};
typedef void (*qmp_answer_fn)(void *arg, const struct qmp_answer *answer);

struct qmp_listener {
	void (*ready)(void *arg, const uint32_t version[3]); /* NULL: nobody asks */
	void (*event)(void *arg, const char *name, const json_t *data);
	/* Once, after all commands were answered; qmp_close() remains to be called. */
	void (*ended)(void *arg, const char *why);
	void *arg;
};

/* Connects; -errno where nobody listens at 'path'. */
int qmp_open(struct loop *loop, const char *path, const struct qmp_listener *listener,
	     struct qmp **out, struct xvs_error *err);
/* Commands that wait are not answered any more.  NULL is fine. */
void qmp_close(struct qmp *q);

/* Takes what QEMU has said up to now: for one whose process has ended. */
void qmp_drain(struct qmp *q);

/*
 * 'arguments' are taken, NULL: none.  'deadline_ms' 0: QMP_DEADLINE_MS.  What cannot be sent is
 * answered before this returns.
 */
void qmp_command(struct qmp *q, const char *name, json_t *arguments, uint32_t deadline_ms,
		 qmp_answer_fn done, void *arg);

/* The same with a descriptor beside it, which is sent a copy of (getfd, add-fd). */
void qmp_command_fd(struct qmp *q, const char *name, json_t *arguments, int fd, qmp_answer_fn done,
		    void *arg);

#endif /* XVS_HV_QMP_H */
