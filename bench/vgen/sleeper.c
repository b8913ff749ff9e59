/* SPDX-License-Identifier: Apache-2.0 */
/* vgen/sleeper.c - a thread that does nothing but sleep in epoll and say that it was woken. */
#include "vgen/sleeper.h"

#include <errno.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

static bool move_to(uint32_t core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void *sleep_and_tell(void *arg)
{
	struct sleeper *s = arg;
	struct epoll_event event;
	uint64_t count;

	(void)move_to(s->core);
	while (!atomic_load_explicit(&s->ends, memory_order_acquire)) {
		if (epoll_wait(s->epoll, &event, 1, -1) != 1)
			continue;
		atomic_fetch_add_explicit(&s->woken, 1, memory_order_release);
		if (read(s->kick, &count, sizeof(count)) < 0)
			break;
	}
	return NULL;
}

bool sleeper_start(struct sleeper *s, uint32_t core)
{
	struct epoll_event event = { .events = EPOLLIN };

	*s = (struct sleeper){ .kick = eventfd(0, EFD_CLOEXEC),
			       .epoll = epoll_create1(EPOLL_CLOEXEC),
			       .core = core };
	if (s->kick >= 0 && s->epoll >= 0 &&
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->kick, &event) == 0) {
		errno = pthread_create(&s->thread, NULL, sleep_and_tell, s);
		s->is_running = errno == 0;
	}
	return s->is_running;
}

static void kick(const struct sleeper *s)
{
	const uint64_t one = 1;

	while (write(s->kick, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void sleeper_stop(struct sleeper *s)
{
	if (s->is_running) {
		atomic_store_explicit(&s->ends, true, memory_order_release);
		kick(s);
		(void)pthread_join(s->thread, NULL);
	}
	if (s->kick >= 0)
		(void)close(s->kick);
	if (s->epoll >= 0)
		(void)close(s->epoll);
}

uint64_t sleeper_wake(struct sleeper *s)
{
	const uint32_t before = atomic_load_explicit(&s->woken, memory_order_relaxed);
	const uint64_t start = clock_ns();

	kick(s);
	while (atomic_load_explicit(&s->woken, memory_order_acquire) == before)
		;
	return clock_ns() - start;
}
