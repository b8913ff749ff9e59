/* SPDX-License-Identifier: Apache-2.0 */
/* Two workers under traffic while the control thread changes everything that it can change. */
#include "bench.h"

enum { SENDERS = 2, EXIT = 3, FLIPS = 60, ROUNDS = 15 };

/*
 * Policies are numbered; an odd one drops.  'begun' moves before the change is made, 'confirmed'
 * once the path says that it has settled.  Each frame bears what was confirmed when it was sent.
 */
static _Atomic uint32_t begun, confirmed;
static _Atomic uint32_t violations, arrived, denied;
static _Atomic bool stop;

static uint32_t exit_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			uint32_t count)
{
	(void)b;
	(void)worker;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t sent_under;

		if (!packet_read(pkts[i], 42, &sent_under, sizeof(sent_under)))
			continue;
		atomic_fetch_add(&arrived, 1);
		/* no newer policy has even begun, and that one was in force when it was sent */
		if (sent_under % 2 == 1 && atomic_load(&begun) == sent_under)
			atomic_fetch_add(&violations, 1);
	}
	return count;
}

static const struct backend_ops exit_ops = {
	.kind = "exit",
	.rx = memory_rx,
	.rx_done = memory_rx_done,
	.tx = exit_tx,
};

struct sender {
	pthread_t thread;
	uint32_t port, to;
	uint32_t sent;
};

static void *sender_main(void *arg)
{
	struct sender *s = arg;
	struct memory_port *m = bench.ports[s->port].memory;
	struct memory_frame *f = calloc(1, sizeof(*f));
	const struct timespec pause = { .tv_nsec = 50000 };

	while (f && !atomic_load(&stop)) {
		uint32_t number;

		*f = udp(s->port, s->to, (uint16_t)(s->sent % 5), 200);
		if (s->sent % 16 == 15)
			memset(f->bytes, 0xff, 6);
		number = atomic_load(&confirmed);
		memcpy(f->bytes + 42, &number, sizeof(number));
		if (memory_push(m, f))
			s->sent++;
		else
			(void)nanosleep(&pause, NULL);
	}
	free(f);
	return NULL;
}

static struct sender senders[SENDERS];

static void senders_start(void)
{
	atomic_store(&stop, false);
	for (uint32_t i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){ .port = i + 1, .to = EXIT };
		assert_int_equal(pthread_create(&senders[i].thread, NULL, sender_main, &senders[i]),
				 0);
	}
}

static bool rings_are_empty(void)
{
	for (uint32_t i = 1; i <= SENDERS; i++) {
		struct memory_port *m = bench.ports[i].memory;

		if (__atomic_load_n(&m->in_done, __ATOMIC_ACQUIRE) != m->in_tail)
			return false;
	}
	return true;
}

static void note_settled(void *arg, int slow, struct instance *who)
{
	(void)who;
	(void)slow;
	*(bool *)arg = true;
}

static void settle(void)
{
	bool done = false;

	path_settle(bench.path, note_settled, &done);
	bench_wait(&done);
}

static bool drained;

static void on_drained(void *arg, uint32_t left)
{
	(void)arg;
	(void)left;
	drained = true;
}

static void drain(struct probe *p)
{
	drained = false;
	path_drain(bench.path, p->instance, NULL, on_drained, NULL);
	bench_wait(&drained);
}

/* All that was sent has gone its way, and 'hoarder' (or NULL) has given back what it held. */
static void senders_stop(struct probe *hoarder)
{
	atomic_store(&stop, true);
	for (uint32_t i = 0; i < SENDERS; i++)
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
	for (int i = 0; i < 50000 && !rings_are_empty(); i++)
		bench_turn();
	assert_true(rings_are_empty());
	settle();
	if (hoarder)
		drain(hoarder);
	for (int i = 0; i < 50000 && path_held(bench.path); i++)
		bench_turn();
	settle(); /* the last burst has been counted */
}

static int load_open(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	atomic_store(&begun, 0);
	atomic_store(&confirmed, 0);
	atomic_store(&violations, 0);
	atomic_store(&arrived, 0);
	atomic_store(&denied, 0);
	bench_start((struct path_config){ .workers = 2, .flows = 1024 });
	if (rcu_start(bench.loop, &err))
		fail_msg("%s", err.text);
	bench_ports(SENDERS);
	return 0;
}

/* ---- policies ---------------------------------------------------------------------------------- */

static _Atomic uint32_t policy;

static void judge_policy(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
			 struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	if (atomic_load(&policy) % 2 == 1) {
		v->action = XVS_FLOW_DROP;
		atomic_fetch_add(&denied, 1);
	}
}

/* Holds every eighth packet until the next batch of its worker. */
struct hoard {
	struct xvs_packet *held[16];
	uint32_t count, seen;
};
static struct hoard hoards[2];

static struct hoard *hoard_here(void)
{
	return &hoards[path_worker_self()->w.nr];
}

static void hoard_return(struct probe *p)
{
	struct hoard *h = hoard_here();

	while (h->count > 0)
		(void)p->host->resume(p->host, h->held[--h->count]);
}

static void hoard_packets(struct probe *p, struct xvs_batch *b)
{
	struct hoard *h = hoard_here();

	hoard_return(p);
	for (XVS_EACH(i, b->live)) {
		if (++h->seen % 8 == 0 && h->count < 16 && xvs_steal(b, i))
			h->held[h->count++] = b->pkts[i];
	}
}

static void change_policy(struct probe *judge, uint32_t number)
{
	atomic_store(&begun, number);
	atomic_store(&policy, number);
	if (number % 3 == 0)
		judge->flow_host->invalidate(judge->host, UINT64_MAX);
	else
		for (uint32_t i = 1; i <= SENDERS; i++)
			bench_publish(i);
	settle();
	atomic_store(&confirmed, number);
}

static void a_change_is_in_force_for_every_packet_after_the_answer(void **state)
{
	const struct timespec pause = { .tv_nsec = 3000000 };
	struct probe *hoarder, *judge;
	uint32_t before = 0, got_through = 0;

	(void)state;
	memset(hoards, 0, sizeof(hoards));
	bench.next_ops = &exit_ops;
	(void)bench_port(EXIT);
	hoarder = probe_new(XVS_FILTER, XVS_RIGHT_QUEUE, SEES_PACKETS);
	hoarder->on_packets = hoard_packets;
	hoarder->on_drain = hoard_return;
	judge = probe_new(XVS_FILTER, 0, JUDGES);
	judge->on_judge = judge_policy;
	for (uint32_t i = 1; i <= SENDERS; i++) {
		bench_chain(i, hoarder);
		bench_chain(i, judge);
	}
	senders_start();
	for (uint32_t number = 1; number <= FLIPS; number++) {
		change_policy(judge, number);
		(void)nanosleep(&pause, NULL);
		got_through += atomic_load(&arrived) != before;
		before = atomic_load(&arrived);
	}
	senders_stop(hoarder);
	assert_int_equal(atomic_load(&violations), 0);
	assert_true(atomic_load(&arrived) > 0);
	assert_true(atomic_load(&denied) > 0);
	assert_true(got_through > FLIPS / 4);
	assert_true(hoarder->instance->workers[0].cost.stolen > 0);
	assert_true(hoarder->instance->workers[1].cost.stolen > 0);
}

/* ---- coming and going ----------------------------------------------------------------------------- */

static void a_port_leaves_and_comes_under_traffic(void **state)
{
	(void)state;
	(void)bench_port(EXIT);
	senders_start();
	for (int i = 0; i < ROUNDS; i++) {
		bench_turns(10);
		bench_remove(EXIT);
		bench_turns(3);
		(void)bench_port(EXIT);
	}
	while (__atomic_load_n(&bench.ports[EXIT].memory->out_count, __ATOMIC_ACQUIRE) == 0)
		bench_turn();
	senders_stop(NULL);
}

static void cookie_of_nothing(struct probe *p, const struct xvs_batch *b,
			      const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	(void)b;
	(void)key;
	v->action = XVS_FLOW_WATCH;
	if (!v->cookie)
		v->cookie = 1 + (uint64_t)__atomic_fetch_add(&p->held_count, 1, __ATOMIC_RELAXED);
}

/* However long a busy machine keeps the workers from their turn. */
static void wait_for_judging(struct probe *p)
{
	while (__atomic_load_n(&p->held_count, __ATOMIC_RELAXED) == 0)
		bench_turns(10);
}

static void an_instance_leaves_and_comes_under_traffic(void **state)
{
	(void)state;
	(void)bench_port(EXIT);
	senders_start();
	for (int round = 0; round < ROUNDS; round++) {
		struct probe *p = probe_new(XVS_FILTER, XVS_RIGHT_QUEUE, SEES_PACKETS | JUDGES);
		uint32_t made;

		p->on_judge = cookie_of_nothing;
		for (uint32_t i = 1; i <= EXIT; i++)
			bench_chain(i, p);
		wait_for_judging(p);
		for (uint32_t i = 1; i <= EXIT; i++) {
			bench.ports[i].conf.ingress.count = 0;
			bench.ports[i].conf.egress.count = 0;
			bench_publish(i);
		}
		settle();
		bench_forget(p);
		made = __atomic_load_n(&p->held_count, __ATOMIC_RELAXED);
		assert_true(made > 0);
		assert_int_equal(p->ended, made);
		probe_delete(p);
	}
	senders_stop(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_change_is_in_force_for_every_packet_after_the_answer, load_open,
			bench_close),
		cmocka_unit_test_setup_teardown(a_port_leaves_and_comes_under_traffic, load_open,
						bench_close),
		cmocka_unit_test_setup_teardown(an_instance_leaves_and_comes_under_traffic,
						load_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
