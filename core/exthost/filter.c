/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/filter.c - which system calls the process may make: what is not in these lists kills it.
 *
 * Classic BPF, made from lists at start: one comparison a call, in the order of the lists.  There is
 * no way to a new descriptor but for memory, to another process or thread, to a file or a socket.
 * Memory is never made executable once the module has been loaded.
 */
#include "exthost/exthost.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#endif

enum {
	PROGRAM_MAX = 256,
	X32_BIT = 0x40000000, /* the other numbering of x86-64 */
};

static const uint16_t running[] = {
	/* what a packet and a message take comes first */
	SYS_futex,
	SYS_read,
	SYS_write,
	SYS_recvfrom,
	SYS_sendto,
	SYS_clock_gettime,
	SYS_epoll_pwait,
	SYS_ppoll,
	SYS_timerfd_settime,
	SYS_epoll_ctl,
	SYS_sched_yield,
#ifdef SYS_poll
	SYS_poll,
	SYS_epoll_wait,
	SYS_time,
#endif
	/* memory */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	/* time and itself */
	SYS_clock_nanosleep,
	SYS_nanosleep,
	SYS_gettimeofday,
	SYS_clock_getres,
	SYS_restart_syscall,
	SYS_getpid,
	SYS_gettid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_getrandom,
	SYS_getrusage,
	SYS_uname,
	SYS_sched_getaffinity,
	SYS_getcpu,
	SYS_membarrier,
	/* signals to itself, and the end */
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_sigaltstack,
	SYS_exit,
	SYS_exit_group,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_close,
};

/* The linker and our own copy of the module. */
static const uint16_t loading[] = {
	SYS_openat,     SYS_newfstatat, SYS_fstat,        SYS_pread64,   SYS_lseek,
	SYS_readlinkat, SYS_faccessat,  SYS_memfd_create, SYS_ftruncate, SYS_mmap,
	SYS_mprotect,   SYS_prctl,      SYS_seccomp,      SYS_statx,
#ifdef SYS_open
	SYS_open,       SYS_stat,       SYS_access,       SYS_readlink,
#endif
};

struct program {
	struct sock_filter code[PROGRAM_MAX];
	uint16_t len;
};

static void add(struct program *p, uint16_t op, uint32_t k, uint8_t if_true, uint8_t if_false)
{
	if (p->len < PROGRAM_MAX)
		p->code[p->len++] = (struct sock_filter){ op, if_true, if_false, k };
}

static void load(struct program *p, size_t offset)
{
	add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void end(struct program *p, uint32_t action)
{
	add(p, BPF_RET | BPF_K, action, 0, 0);
}

static void allow(struct program *p, uint32_t nr)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1);
	end(p, SECCOMP_RET_ALLOW);
}

static size_t argument(unsigned nr)
{
	return offsetof(struct seccomp_data, args) + nr * sizeof(uint64_t); /* its low half */
}

/* This call with none of these bits in its argument; with some, it kills. */
static void allow_without(struct program *p, uint32_t nr, unsigned arg, uint32_t bits)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4);
	load(p, argument(arg));
	add(p, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	end(p, SECCOMP_RET_KILL_PROCESS);
	end(p, SECCOMP_RET_ALLOW);
}

/* This call with exactly this argument. */
static void allow_with(struct program *p, uint32_t nr, unsigned arg, uint32_t value)
{
	add(p, BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 4);
	load(p, argument(arg));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	end(p, SECCOMP_RET_KILL_PROCESS);
	end(p, SECCOMP_RET_ALLOW);
}

static void fill(struct program *p, enum filter_stage stage)
{
	load(p, offsetof(struct seccomp_data, arch));
	add(p, BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0);
	end(p, SECCOMP_RET_KILL_PROCESS);
	load(p, offsetof(struct seccomp_data, nr));
	add(p, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	end(p, SECCOMP_RET_KILL_PROCESS);
	for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++)
		allow(p, running[i]);
	for (size_t i = 0; stage == FILTER_LOADING && i < sizeof(loading) / sizeof(loading[0]); i++)
		allow(p, loading[i]);
	if (stage == FILTER_RUNNING) {
		allow_without(p, SYS_mmap, 2, PROT_EXEC);
		allow_without(p, SYS_mprotect, 2, PROT_EXEC);
	}
	if (stage == FILTER_LOADING) {
		/*
		 * To seal the copy.  Flags of what it shares with the daemon would let a worker wait
		 * in write(), and an owner's signals reach other processes of this user.
		 */
		allow_with(p, SYS_fcntl, 1, F_ADD_SEALS);
		allow_with(p, SYS_prlimit64, 0, 0); /* its own */
	}
	/* abort() */
	allow_with(p, SYS_tgkill, 0, (uint32_t)getpid());
	end(p, SECCOMP_RET_KILL_PROCESS);
}

int filter_install(enum filter_stage stage)
{
	static struct program p;
	struct sock_fprog program = { .filter = p.code };

	p.len = 0;
	fill(&p, stage);
	program.len = p.len;
	if (p.len == PROGRAM_MAX)
		return -E2BIG;
	/* of both threads at once */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) ==
			       0
		       ? 0
		       : -errno;
}
