/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exthost/packets.c - the thread that is all packet workers of the extension, one after the other.
 *
 * It looks for a while before it sleeps: the next packet of a host's new flow comes soon or not for
 * a long time.  Timers and letters of each worker run here too.
 */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "ext/remote_part.h"
#include "exthost/exthost.h"

enum { SPIN_NS = 50000, SLEEP_MS = 1000 };

static struct lane_out *out_of(uint32_t nr)
{
	return (struct lane_out *)(uintptr_t)&exthost.out[nr];
}

/* A copy of its own, which nobody changes under the extension. */
static void judge(uint32_t nr, const struct lane_question *q)
{
	static uint8_t bytes[XVS_HEADROOM + LANE_BYTES];
	struct instance *i = exthost.instance;
	struct xvs_packet packet = q->judge.packet;
	struct xvs_packet *pkt = &packet;
	struct xvs_flow_verdict v = { .size = sizeof(v), .cookie = q->cookie };
	uint32_t dest = q->dest;
	uint16_t reason = 0;
	struct xvs_batch batch = {
		.live = 1,
		.pkts = &pkt,
		.reason = &reason,
		.counters = exthost.counters + (size_t)nr * i->ext->counter_count,
		.dest = i->cls == XVS_FORWARD ? &dest : NULL,
		.port_state = q->port < PORTS_MAX ? exthost.ports[q->port] : NULL,
		.worker_state = i->workers[nr].state,
		.now_ns = q->now_ns,
		.port = q->port,
		.count = 1,
		.stage = q->stage,
	};

	memcpy(bytes + XVS_HEADROOM, q->data, q->bytes);
	packet.data = bytes + XVS_HEADROOM;
	packet.linear = q->bytes;
	packet.headroom = XVS_HEADROOM;
	packet.host = pkt;
	i->flow.judge(i->self, &batch, 0, &q->judge.key, &v);
	lane_answer(&exthost.in[nr], &v);
}

static void account(uint32_t nr, const struct lane_question *q)
{
	const struct instance *i = exthost.instance;
	struct xvs_flow_stats s = q->account;

	s.counters = exthost.counters + (size_t)nr * i->ext->counter_count;
	s.port_state = q->port < PORTS_MAX ? exthost.ports[q->port] : NULL;
	s.worker_state = i->workers[nr].state;
	if (i->flow.account)
		i->flow.account(i->self, &s);
	lane_answer(&exthost.in[nr], NULL);
}

static uint32_t serve_lane(uint32_t nr)
{
	struct worker *w = exthost.workers[nr];
	const struct lane_question *q;
	uint32_t count = 0;

	worker_self = w;
	w->now_ns = clock_ns();
	count += inbox_run(&w->inbox);
	(void)timers_run(&w->timers, w->now_ns);
	while ((q = lane_next(out_of(nr), &exthost.in[nr]))) {
		if (q->kind == LANE_JUDGE)
			judge(nr, q);
		else
			account(nr, q);
		count++;
	}
	worker_self = NULL;
	return count;
}

static int sleep_ms(void)
{
	uint64_t next = UINT64_MAX;
	uint64_t now = clock_ns();

	for (uint32_t nr = 0; nr < exthost.worker_count; nr++) {
		uint64_t due = timers_next(&exthost.workers[nr]->timers);

		next = due < next ? due : next;
	}
	if (next <= now)
		return 0;
	next = (next - now + NS_PER_MS - 1) / NS_PER_MS;
	return next < SLEEP_MS ? (int)next : SLEEP_MS;
}

static void sleep_until_asked(void)
{
	struct pollfd p = { .fd = WIRE_FD_WAKE, .events = POLLIN };
	bool may_sleep = true;
	uint64_t count;

	for (uint32_t nr = 0; nr < exthost.worker_count; nr++)
		may_sleep &= lane_sleep(out_of(nr), &exthost.in[nr]);
	rcu_offline();
	if (may_sleep && poll(&p, 1, sleep_ms()) > 0 && read(p.fd, &count, sizeof(count)) < 0)
		count = 0; /* somebody took it, so it has been heard */
	rcu_online();
	for (uint32_t nr = 0; nr < exthost.worker_count; nr++)
		lane_wake(&exthost.in[nr]);
}

static void *run(void *arg)
{
	uint64_t busy_ns = 0;

	(void)arg;
	rcu_register();
	for (;;) {
		uint32_t count = 0;

		if (atomic_load_explicit(&exthost.has_instance, memory_order_acquire))
			for (uint32_t nr = 0; nr < exthost.worker_count; nr++)
				count += serve_lane(nr);
		rcu_quiescent();
		if (count > 0)
			busy_ns = clock_ns();
		else if (clock_ns() - busy_ns > SPIN_NS)
			sleep_until_asked();
	}
	return NULL;
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_and_run(void *arg)
{
	(void)pthread_mutex_lock(&gate);
	(void)pthread_mutex_unlock(&gate);
	return run(arg);
}

int packets_start(void)
{
	pthread_t thread;

	(void)pthread_mutex_lock(&gate);
	return -pthread_create(&thread, NULL, wait_and_run, NULL);
}

static void *map(int fd, size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

bool packets_share(uint32_t counters)
{
	uint32_t n = exthost.worker_count;

	exthost.out = map(WIRE_FD_QUESTIONS, n * sizeof(struct lane_out), PROT_READ);
	exthost.in = map(WIRE_FD_ANSWERS, remote_in_bytes(n, counters), PROT_READ | PROT_WRITE);
	if (!exthost.out || !exthost.in)
		return false;
	exthost.counters = (uint64_t *)(void *)&exthost.in[n];
	for (uint32_t nr = 0; nr < n; nr++) {
		struct worker *w = calloc(1, sizeof(*w));

		if (!w || timers_init(&w->timers) != 0) {
			free(w);
			return false;
		}
		w->nr = nr;
		w->wake_fd = WIRE_FD_WAKE;
		exthost.workers[nr] = w;
	}
	return true;
}

void packets_run(void)
{
	atomic_store_explicit(&exthost.has_instance, true, memory_order_release);
	(void)pthread_mutex_unlock(&gate);
}
