/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/process.h - programs that we start: as another user, with the descriptors that they are to
 * have and no others; and those that an earlier xvs-hv had started.  [control]
 *
 * A program outlives us: it has a session and, where cgroups of version 2 can be written, a cgroup
 * of its own.  Its identity is its pid together with the time at which it began, so that a pid that
 * was given to somebody else is not taken for it.
 */
#ifndef XVS_HV_PROCESS_H
#define XVS_HV_PROCESS_H

#include <sys/types.h>

#include "base/loop.h"

enum { USER_GROUPS_MAX = 64, PLAN_FDS_MAX = 96, PLAN_WORDS_MAX = 512, FIRST_FD = 3 };

/* As whom programs run. */
struct user {
	char name[64];
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX];
	int group_count;
	bool is_us; /* no change of user: we are not root, or it is we who are meant */
};
/* 'name' NULL: ourselves. */
int user_find(const char *name, struct user *out, struct xvs_error *err);

struct process {
	pid_t pid;
	int pidfd;           /* readable when it has ended */
	uint64_t start_time; /* in ticks since boot */
	bool has_cgroup;
};

/* What is to be started. */
struct plan {
	char *words[PLAN_WORDS_MAX + 1]; /* owned; the program first */
	size_t count;
	int fds[PLAN_FDS_MAX]; /* owned; the program has them as FIRST_FD and on */
	size_t fd_count;
	bool has_failed; /* out of memory or of room: it is not started */
	const struct user *user;
	const char *cgroup;    /* name below our own; NULL: none */
	bool is_open_to_group; /* what it makes */
	bool ends_with_us;     /* it does not outlive us, whatever we die of */
	int output;            /* its stdout and stderr, borrowed; -1: nowhere */
	/* Files that it is going to open itself: refused by name where its user may not. */
	const char *needs[32]; /* borrowed */
	int need_modes[32];    /* of access() */
	size_t need_count;
	/*
	 * Called between fork and exec, NULL: not at all.  Nothing has run yet, and nothing will where
	 * it returns an error, or where we end within it: so there is no program that no record knows.
	 */
	int (*known)(void *arg, const struct process *process, struct xvs_error *err);
	void *known_arg;
};
void plan_init(struct plan *p, const struct user *user);
void plan_finish(struct plan *p);
void plan_word(struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
void plan_option(struct plan *p, const char *option, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int plan_fd(struct plan *p, int fd); /* takes 'fd'; its number in the program */
void plan_needs(struct plan *p, const char *path, int mode);

/* 0: it runs what was asked for.  Else the error says why not. */
int process_start(const struct plan *p, struct process *out, struct xvs_error *err);

/* One that was started before, if it is still the same. */
int process_find(pid_t pid, uint64_t start_time, struct process *out, struct xvs_error *err);
void process_close(struct process *p); /* forgets it; it goes on */
void process_kill(const struct process *p, int number);

/* After its end: what waitpid() says of our own children; -1: it was none of ours. */
int process_reap(const struct process *p);

#endif /* XVS_HV_PROCESS_H */
