/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/process.h - one process xvs-exthost: started with a module, called, ended.  [control]
 */
#ifndef XVS_EXT_PROCESS_H
#define XVS_EXT_PROCESS_H

#include <sys/types.h>

#include "base/error.h"
#include "ext/wire.h"

struct process {
	pid_t pid; /* 0: none */
	int socket;
	int status; /* as waitpid() gave it, when it has ended */
	struct wire_box box;
};

/* Its descriptors by enum wire_fd; -1: it has none there.  They stay the caller's. */
int exthost_start(struct process *p, const int fds[WIRE_FD_END], struct xvs_error *err);
/* Ends it if it has not ended; how is in p->status.  Again: nothing. */
void exthost_end(struct process *p);

/* Something the process says of its own accord. */
typedef void (*process_say_fn)(void *arg, uint32_t type, const void *body, size_t len);

struct process_call {
	uint32_t type;
	uint32_t limit_ms;
	const struct wire_call *call; /* NULL: none */
	const void *more;
	size_t more_len;
	process_say_fn say;
	void *arg;
};
/*
 * One call and its reply, whose bytes behind 'reply' stay until the next message.  -ETIMEDOUT, -EPIPE,
 * -EPROTO, -ENOMEM: it is to be ended.
 */
int exthost_call(struct process *p, const struct process_call *c, struct wire_reply *reply,
		 const void **more, size_t *more_len);
/* What has come by itself.  False: it is to be ended. */
bool exthost_listen(struct process *p, process_say_fn say, void *arg);

/* "was killed by SIGSYS (a system call that it may not make)" */
void exthost_end_text(const struct process *p, char *out, size_t size);

#endif /* XVS_EXT_PROCESS_H */
