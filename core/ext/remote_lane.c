/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/remote_lane.c - questions of workers to a process, and what is left of them when it has ended.
 *
 * A worker may meet another process than it asked: its lane leads to one, and what that one owes is
 * told to be lost before the next is asked.
 */
#include "ext/remote_part.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tally.h"

static struct remote_worker *worker_of(const struct instance *i, const struct worker *w)
{
	return &((struct remote *)i->self)->workers[w->nr];
}

/*
 * The process to ask, with the worker's lane leading to it; NULL: none.  What the last one owes will
 * not come: who waits for it does so for as long as he waits for any answer.
 */
static struct remote_shared *shared_of(struct remote *r, struct remote_worker *rw, uint32_t nr)
{
	struct remote_shared *s = rcu_read(&r->published);

	if (!s || s->generation == rw->generation)
		return s;
	rw->generation = s->generation;
	lane_open(&rw->lane, &s->out[nr], &s->in[nr]);
	return s;
}

static void wake(const struct remote_shared *s)
{
	static const uint64_t one = 1;

	if (write(s->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake for a long time then */
}

static struct xvs_packet without_pointers(const struct xvs_packet *x)
{
	struct xvs_packet p = *x;

	p.data = NULL;
	p.host = NULL;
	return p;
}

/* Headers, and what it declared to want; no more than there is at hand. */
static uint16_t bytes_shown(const struct instance *i, const struct xvs_packet *x)
{
	uint32_t want = i->ext->linear > LANE_HEADERS ? i->ext->linear : LANE_HEADERS;

	return (uint16_t)(want < x->linear ? want : x->linear);
}

static int remote_ask(struct instance *i, const struct worker *w, const struct xvs_batch *b,
		      const struct xvs_flow_key *key, const struct xvs_flow_verdict *v,
		      uint64_t ticket)
{
	struct remote_worker *rw = worker_of(i, w);
	struct remote_shared *s = shared_of(i->self, rw, w->nr);
	const struct xvs_packet *x = b->pkts[0];
	struct lane_question *q;

	if (!s)
		return -EPIPE;
	q = lane_room(&rw->lane);
	if (!q)
		return -EAGAIN;
	q->kind = LANE_JUDGE;
	q->port = b->port;
	q->dest = b->dest ? *b->dest : 0;
	q->stage = b->stage;
	q->now_ns = b->now_ns;
	q->cookie = v->cookie;
	q->judge.key = *key;
	q->judge.packet = without_pointers(x);
	q->bytes = bytes_shown(i, x);
	memcpy(q->data, x->data, q->bytes);
	if (lane_send(&rw->lane, ticket))
		wake(s);
	return 0;
}

static bool remote_take(struct instance *i, const struct worker *w, uint64_t *ticket,
			struct xvs_flow_verdict *v, bool *is_lost)
{
	struct remote *r = i->self;
	struct remote_worker *rw = worker_of(i, w);
	struct remote_shared *s = rcu_read(&r->published);
	enum lane_news news = LANE_NOTHING;

	if (!rw->generation)
		return false;
	*is_lost = !s || s->generation != rw->generation;
	if (!*is_lost)
		news = lane_take(&rw->lane, ticket, v);
	if (news == LANE_FORGED) {
		remote_on_forged(r);
		*is_lost = true;
	}
	if (*is_lost)
		*ticket = lane_lose(&rw->lane);
	return *is_lost ? *ticket != 0 : news == LANE_ANSWER;
}

const struct instance_remote instance_remote = { remote_ask, remote_take };

/* The path asks by instance_remote, never by this. */
static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	const struct remote *r = self;

	(void)b;
	(void)i;
	(void)key;
	v->action = r->instance->fails_open ? XVS_FLOW_PASS : XVS_FLOW_DROP;
}

static void account(void *self, const struct xvs_flow_stats *stats)
{
	struct remote *r = self;
	const struct worker *w = worker_self;
	struct remote_worker *rw;
	struct remote_shared *s;
	struct lane_question *q;

	if (!w)
		return;
	rw = &r->workers[w->nr];
	s = shared_of(r, rw, w->nr);
	q = s ? lane_room(&rw->lane) : NULL;
	if (!q) {
		counter_add(&rw->told_late, 1);
		return;
	}
	q->kind = LANE_ACCOUNT;
	q->port = stats->port_state ? ((const struct remote_port *)stats->port_state)->view.id : 0;
	q->bytes = 0;
	q->account = *stats;
	q->account.counters = NULL;
	q->account.port_state = NULL;
	q->account.worker_state = NULL;
	if (lane_send(&rw->lane, 0))
		wake(s);
}

const struct xvs_flow remote_flow = {
	.size = sizeof(remote_flow),
	.judge = judge,
	.account = account,
};

/* ---- from the control thread --------------------------------------------------------------------- */

static const uint64_t *counters_of(const struct remote *r, const struct remote_shared *s,
				   uint32_t worker)
{
	const uint64_t *all =
		(const uint64_t *)(const void *)&s->in[r->instance->env->worker_count];

	return all + (size_t)worker * r->instance->ext->counter_count;
}

static uint64_t counter_now(const struct remote *r, const struct remote_shared *s, uint32_t slot)
{
	uint64_t sum = 0;

	for (uint32_t w = 0; w < r->instance->env->worker_count; w++)
		sum += __atomic_load_n(&counters_of(r, s, w)[slot], __ATOMIC_RELAXED);
	return sum;
}

void remote_keep_counters(struct remote *r, const struct remote_shared *s)
{
	for (uint32_t slot = 0; slot < r->instance->ext->counter_count; slot++)
		r->counters[slot] += counter_now(r, s, slot);
}

uint64_t remote_counter(const struct instance *i, uint32_t slot)
{
	const struct remote *r = i->self;

	return r->counters[slot] + (r->shared ? counter_now(r, r->shared, slot) : 0);
}

static uint64_t asked(const struct remote_shared *s, uint32_t w)
{
	return atomic_load_explicit(&s->out[w].asked, memory_order_acquire);
}

static uint64_t answered(const struct remote_shared *s, uint32_t w)
{
	return atomic_load_explicit(&s->in[w].answered, memory_order_acquire);
}

bool remote_hangs(struct remote *r)
{
	bool does = false;

	for (uint32_t w = 0; w < r->instance->env->worker_count; w++) {
		struct remote_worker *rw = &r->workers[w];
		uint64_t done = answered(r->shared, w);

		does |= asked(r->shared, w) != done && rw->watched_waits &&
			rw->watched_done == done && rw->watched_generation == r->starts;
		rw->watched_waits = asked(r->shared, w) != done;
		rw->watched_done = done;
		rw->watched_generation = r->starts;
	}
	return does;
}

/* ---- what it ended at ---------------------------------------------------------------------------- */

struct pcap_file {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, sigfigs, snaplen, link;
	uint32_t sec, usec, len, wire_len;
};

static bool dump_write(const char *path, const struct lane_question *q)
{
	const uint32_t len = q->bytes < LANE_BYTES ? q->bytes : LANE_BYTES;
	const struct pcap_file head = { .magic = 0xa1b2c3d4,
					.major = 2,
					.minor = 4,
					.snaplen = LANE_BYTES,
					.link = 1,
					.sec = (uint32_t)(q->now_ns / NS_PER_S),
					.usec = (uint32_t)(q->now_ns % NS_PER_S / NS_PER_US),
					.len = len,
					.wire_len = q->judge.packet.len };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, &head, sizeof(head)) == (ssize_t)sizeof(head) &&
	       write(fd, q->data, len) == (ssize_t)len;
	return close(fd) == 0 && done;
}

/* Only the process can write what it has answered, and only we what it was asked. */
static const struct lane_question *question_open(const struct remote *r)
{
	for (uint32_t w = 0; w < r->instance->env->worker_count; w++) {
		const struct remote_shared *s = r->shared;
		uint64_t waiting = asked(s, w) - answered(s, w);
		const struct lane_question *q = &s->out[w].questions[answered(s, w) % LANE_SLOTS];

		if (waiting > 0 && waiting <= LANE_SLOTS && q->kind == LANE_JUDGE)
			return q;
	}
	return NULL;
}

void remote_dump(struct remote *r, char *out, size_t size)
{
	enum { KEPT = 8 };
	const struct instance *i = r->instance;
	const struct lane_question *q = question_open(r);
	char path[512];

	if (!q)
		return;
	if (!i->env->keep_dir) {
		(void)snprintf(out, size, " while it judged a packet of %u bytes",
			       q->judge.packet.len);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/ended-%s-%s-%u.pcap", i->env->keep_dir,
		       i->switch_name, i->name, r->starts % KEPT);
	if (dump_write(path, q))
		(void)snprintf(out, size, " while it judged the packet in %s", path);
}
