/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xvs-conform/dispatch.c - prctl(PR_SET_SYSCALL_USER_DISPATCH): a system call becomes a signal, whose
 * handler notes it and has it made again.
 *
 * Of what the host's own functions do on a worker, write (to wake another thread) and futex remain, so these
 * are not counted.
 */
#include "dispatch.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if defined(__x86_64__) && defined(PR_SET_SYSCALL_USER_DISPATCH)

enum { CALL_INSTRUCTION = 2 /* bytes */ };

static volatile char selector = SYSCALL_DISPATCH_FILTER_ALLOW;
static volatile int seen = -1;

static void on_call(int number, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	const int call = info->si_syscall;

	(void)number;
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	if (seen < 0 && call != SYS_write && call != SYS_futex)
		seen = call;
	at->uc_mcontext.gregs[REG_RAX] = call;
	at->uc_mcontext.gregs[REG_RIP] -= CALL_INSTRUCTION;
}

bool dispatch_start(void)
{
	struct sigaction action = { .sa_sigaction = on_call, .sa_flags = SA_SIGINFO };

	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	return sigaction(SIGSYS, &action, NULL) == 0 &&
	       prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) == 0;
}

void dispatch_enter(void)
{
	selector = SYSCALL_DISPATCH_FILTER_BLOCK;
}

void dispatch_leave(void)
{
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
}

int dispatch_seen(void)
{
	return seen;
}

#else

bool dispatch_start(void)
{
	return false;
}

void dispatch_enter(void)
{
}

void dispatch_leave(void)
{
}

int dispatch_seen(void)
{
	return -1;
}

#endif
