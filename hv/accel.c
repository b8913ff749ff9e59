/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hv/accel.c - stage after stage, each in a process of its own, under one deadline.
 *
 * A guest that spins may keep its process inside the kernel, so the one that asks never enters KVM
 * itself.
 */
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

const char *accel_stage_name(enum accel_stage stage)
{
	static const char *const names[] = { "open",   "real", "long",  "sse",
					     "switch", "idt",  "ring3", "spin" };

	return names[stage];
}

#if defined(__x86_64__)
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "accel_run.h"

enum {
	GRACE_MS = 100,      /* for a process that was killed to be gone */
	TRIP_SLOW_NS = 3000, /* of one way into user mode and back; hardware needs a tenth */
};

static void refuse(struct accel_verdict *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void refuse(struct accel_verdict *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(out->reason, sizeof(out->reason), format, args);
	va_end(args);
}

/* ---- the device ------------------------------------------------------------------------------- */

static bool device_check(const char *device, struct accel_verdict *out)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0) {
		refuse(out, errno == ENOENT ? "%s is not there" : "%s cannot be opened: %s", device,
		       strerror(errno));
		return false;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0UL);
	(void)close(fd);
	if (version == KVM_API_VERSION)
		return true;
	refuse(out, "%s does not speak version %d of the API of KVM", device, KVM_API_VERSION);
	return false;
}

/* ---- one process ------------------------------------------------------------------------------ */

/* Waits for at most so long; true: it has ended and is gone. */
static bool child_reap(pid_t child, int pidfd, uint64_t ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	uint64_t end_ns = clock_ns() + ms * NS_PER_MS;
	int ready;

	do {
		uint64_t now_ns = clock_ns();
		uint64_t left = now_ns < end_ns ? (end_ns - now_ns) / NS_PER_MS + 1 : 0;

		ready = poll(&p, 1, (int)left);
	} while (ready < 0 && errno == EINTR);
	return ready > 0 && waitpid(child, NULL, 0) == child;
}

/* False: the deadline came. */
static bool child_wait(pid_t child, uint64_t ms)
{
	int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	bool is_in_time = pidfd >= 0 && child_reap(child, pidfd, ms);

	if (!is_in_time) {
		(void)kill(child, SIGKILL);
		/* Where the kernel does not let go of it, somebody else's wait will find it. */
		(void)child_reap(child, pidfd, GRACE_MS);
	}
	if (pidfd >= 0)
		(void)close(pidfd);
	return is_in_time;
}

static bool stage_run(const char *device, enum accel_stage stage, uint64_t ms,
		      struct accel_run *run)
{
	pid_t child = fork();

	if (child < 0) {
		run->end = ACCEL_SETUP;
		run->step = "a process";
		run->code = errno;
		return true;
	}
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		accel_run(device, stage, run);
		_exit(0);
	}
	return child_wait(child, ms);
}

/* ---- what became of it ------------------------------------------------------------------------ */

static bool said_right(enum accel_stage stage, const struct accel_run *run,
		       struct accel_verdict *out)
{
	if (strcmp(run->says, guest_says(stage)) != 0) {
		refuse(out, "the guest computed something wrong");
		return false;
	}
	if (stage != ACCEL_RING3)
		return true;
	out->trip_ns = (uint32_t)((uint64_t)run->us * NS_PER_US / GUEST_ROUND_TRIPS);
	if (out->trip_ns <= TRIP_SLOW_NS)
		return true;
	refuse(out,
	       "a change to user mode and back takes %u ns: the host does not run guests in "
	       "hardware",
	       out->trip_ns);
	return false;
}

static bool judge(enum accel_stage stage, const struct accel_run *run, struct accel_verdict *out)
{
	switch (run->end) {
	case ACCEL_SAID:
		return said_right(stage, run, out);
	case ACCEL_SETUP:
		refuse(out, "%s: %s", run->step, strerror(run->code));
		break;
	case ACCEL_INTERRUPTED:
		refuse(out, "the guest was interrupted: %s", strerror(run->code));
		break;
	case ACCEL_SHUTDOWN:
		refuse(out, "the guest ended by a triple fault");
		break;
	case ACCEL_NO_ENTRY:
		refuse(out, "the processor refuses to enter the guest (reason %#x)",
		       (unsigned)run->code);
		break;
	case ACCEL_GAVE_UP:
		refuse(out,
		       "KVM interprets guest code instead of running it, and gave up (internal "
		       "error %d)",
		       run->code);
		break;
	case ACCEL_ODD_EXIT:
		refuse(out, "the guest left in a way that nobody expects (exit %d)", run->code);
		break;
	case ACCEL_UNFINISHED:
		refuse(out, "the process that ran the guest died");
		break;
	}
	return false;
}

bool accel_stage_probe(const char *device, enum accel_stage stage, uint32_t deadline_ms,
		       struct accel_verdict *out)
{
	struct accel_run *run =
		mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool is_right = false;

	out->stage = stage;
	if (run == MAP_FAILED) {
		refuse(out, "out of memory");
		return false;
	}
	if (stage_run(device, stage, deadline_ms, run))
		is_right = judge(stage, run, out);
	else
		refuse(out, "the guest made no progress within %u ms", deadline_ms);
	(void)munmap(run, sizeof(*run));
	return is_right;
}

static bool stages_probe(const char *device, uint64_t end_ns, struct accel_verdict *out)
{
	if (!device_check(device, out))
		return false;
	for (enum accel_stage stage = ACCEL_REAL; stage < ACCEL_STAGES; stage++) {
		uint64_t now_ns = clock_ns();
		uint64_t left = now_ns < end_ns ? (end_ns - now_ns) / NS_PER_MS : 0;

		if (!accel_stage_probe(device, stage, (uint32_t)left, out))
			return false;
	}
	return true;
}

void accel_probe(const char *device, uint32_t deadline_ms, struct accel_verdict *out)
{
	struct accel_verdict v = { .stage = ACCEL_OPEN };
	uint64_t start_ns = clock_ns();

	v.is_usable = stages_probe(device, start_ns + (uint64_t)deadline_ms * NS_PER_MS, &v);
	v.ms = (uint32_t)((clock_ns() - start_ns) / NS_PER_MS);
	*out = v;
}

#else /* guests are x86-64 machines */

bool accel_stage_probe(const char *device, enum accel_stage stage, uint32_t deadline_ms,
		       struct accel_verdict *out)
{
	(void)device;
	(void)deadline_ms;
	out->stage = stage;
	(void)str_copy(out->reason, sizeof(out->reason),
		       "guests are x86-64 machines and this host is none");
	return false;
}

void accel_probe(const char *device, uint32_t deadline_ms, struct accel_verdict *out)
{
	*out = (struct accel_verdict){ .is_usable = false };
	(void)accel_stage_probe(device, ACCEL_OPEN, deadline_ms, out);
}

#endif
