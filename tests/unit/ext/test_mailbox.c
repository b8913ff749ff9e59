/* SPDX-License-Identifier: Apache-2.0 */
/* "xvs.mailbox/1" across real threads. */
#include "bench.h"

#include <errno.h>

enum { SLOTS = 8, PACKET_MAX_BYTES = 96, POSTS = 2000 };

static const struct xvs_mailbox_host *mailbox;
static int open_result;
static atomic_uint read_count;
static atomic_uint order_errors;
static uint64_t next_number[BENCH_WORKERS];
static struct xvs_mail last;
static uint8_t last_packet[PACKET_MAX_BYTES];
static char last_bytes[XVS_MAIL_BYTES_MAX];
static unsigned lost_total;

static void on_mail(void *self, const struct xvs_mail *m)
{
	assert_ptr_equal(self, &bench);
	last = *m;
	memcpy(last_bytes, m->bytes, m->bytes_len);
	if (m->packet)
		memcpy(last_packet, m->packet, m->packet_len);
	lost_total += m->lost;
	atomic_fetch_add(&read_count, 1);
}

static int create_with_mailbox(const struct xvs_host *host, const struct xvs_create *args,
			       void **self, struct xvs_error *err)
{
	mailbox = host->query(host, XVS_MAILBOX);
	open_result = mailbox->open(host, SLOTS, PACKET_MAX_BYTES, on_mail);
	return bench_create(host, args, self, err);
}

static int setup(void **state)
{
	int code = bench_setup(state);

	bench.ops.create = create_with_mailbox;
	bench_make();
	atomic_store(&read_count, 0);
	atomic_store(&order_errors, 0);
	memset(next_number, 0, sizeof(next_number));
	memset(&last, 0, sizeof(last));
	lost_total = 0;
	assert_int_equal(open_result, 0);
	return code;
}

/* This thread becomes a worker for one post. */
static int post_as(uint32_t nr, const void *bytes, uint32_t len, struct xvs_packet *p,
		   uint32_t packet_len)
{
	int code;

	worker_self = bench.workers[nr];
	code = mailbox->post(bench.host, bytes, len, p, packet_len);
	worker_self = NULL;
	return code;
}

static void mail_arrives_as_it_was_posted(void **state)
{
	uint8_t bytes[64] = { 1, 2, 3 };
	struct xvs_packet p = {
		.data = bytes,
		.len = 1500,
		.linear = 64,
		.port_in = 9,
		.flags = XVS_PKT_VLAN | XVS_PKT_IPV4,
		.vlan_tci = 0x2005,
	};

	(void)state;
	assert_int_equal(post_as(1, "hello", 6, &p, 40), 0);
	bench_wait(&read_count, 1);
	assert_int_equal(last.size, sizeof(last));
	assert_int_equal(last.worker, 1);
	assert_string_equal(last_bytes, "hello");
	assert_int_equal(last.bytes_len, 6);
	assert_int_equal((uintptr_t)last.bytes % sizeof(uint64_t), 0);
	assert_int_equal(last.packet_len, 40);
	assert_memory_equal(last_packet, bytes, 40);
	assert_int_equal(last.wire_len, 1500);
	assert_int_equal(last.port, 9);
	assert_int_equal(last.flags, XVS_PKT_VLAN | XVS_PKT_IPV4);
	assert_int_equal(last.vlan_tci, 0x2005);
	assert_int_equal(last.lost, 0);
}

/* Where it stands is not told, so nobody else could fill it in. */
static void an_open_checksum_is_filled_in_where_the_copy_is_whole(void **state)
{
	uint8_t bytes[64] = { [34] = 0x12, 0x34, [40] = 0xab, 0xcd, [63] = 0x55 };
	struct xvs_packet p = {
		.data = bytes,
		.len = sizeof(bytes),
		.linear = sizeof(bytes),
		.flags = XVS_PKT_IPV4 | XVS_PKT_L4 | XVS_PKT_CSUM_TODO,
		.csum_start = 34,
		.csum_off = 6,
	};

	(void)state;
	assert_int_equal(post_as(0, NULL, 0, &p, sizeof(bytes)), 0);
	bench_wait(&read_count, 1);
	assert_int_equal(last.flags, XVS_PKT_IPV4 | XVS_PKT_L4);
	/* 0x1234 + 0xabcd + 0x0055 = 0xbe56, and the complement of that */
	assert_int_equal(last_packet[40], 0x41);
	assert_int_equal(last_packet[41], 0xa9);
	assert_int_equal(bytes[40], 0xab);

	assert_int_equal(post_as(0, NULL, 0, &p, 50), 0);
	bench_wait(&read_count, 2);
	assert_int_equal(last.flags, p.flags);
	assert_memory_equal(last_packet, bytes, 50);

	p.csum_start = 63;
	assert_int_equal(post_as(0, NULL, 0, &p, sizeof(bytes)), 0);
	bench_wait(&read_count, 3);
	assert_int_equal(last.flags, p.flags);
	assert_memory_equal(last_packet, bytes, sizeof(bytes));
}

static void mail_without_packet_or_bytes_arrives(void **state)
{
	(void)state;
	assert_int_equal(post_as(0, NULL, 0, NULL, 0), 0);
	bench_wait(&read_count, 1);
	assert_null(last.packet);
	assert_int_equal(last.bytes_len, 0);
}

static uint8_t whole[96];

static int pull_all(const struct xvs_host *h, struct xvs_packet *p, uint32_t want)
{
	assert_ptr_equal(h, bench.host);
	assert_true(want <= sizeof(whole));
	p->data = whole;
	p->linear = want;
	return 0;
}

static int pull_nothing(const struct xvs_host *h, struct xvs_packet *p, uint32_t want)
{
	(void)h;
	(void)p;
	(void)want;
	return -EPERM;
}

/* "up to packet_len of its bytes are copied, pulled as need be" */
static void packets_are_pulled_as_need_be(void **state)
{
	uint8_t head[16] = { 7 };
	struct xvs_packet p = { .data = head, .len = 90, .linear = sizeof(head) };

	(void)state;
	whole[89] = 99;
	bench.instance->host.pull = pull_nothing;
	assert_int_equal(post_as(0, NULL, 0, &p, 96), 0);
	bench_wait(&read_count, 1);
	assert_int_equal(last.packet_len, sizeof(head));

	bench.instance->host.pull = pull_all;
	assert_int_equal(post_as(0, NULL, 0, &p, 96), 0);
	bench_wait(&read_count, 2);
	assert_int_equal(last.packet_len, 90);
	assert_int_equal(last_packet[89], 99);
}

static void a_full_ring_counts_what_it_lost(void **state)
{
	(void)state;
	for (unsigned n = 0; n < SLOTS; n++)
		assert_int_equal(post_as(0, &n, sizeof(n), NULL, 0), 0);
	assert_int_equal(post_as(0, NULL, 0, NULL, 0), -EAGAIN);
	assert_int_equal(post_as(0, NULL, 0, NULL, 0), -EAGAIN);
	assert_int_equal(post_as(1, NULL, 0, NULL, 0), 0); /* its own ring */
	bench_wait(&read_count, SLOTS + 1);
	assert_int_equal(lost_total, 0);
	assert_int_equal(post_as(0, NULL, 0, NULL, 0), 0);
	bench_wait(&read_count, SLOTS + 2);
	assert_int_equal(last.lost, 2);
	assert_int_equal(post_as(0, NULL, 0, NULL, 0), 0);
	bench_wait(&read_count, SLOTS + 3);
	assert_int_equal(last.lost, 0);
}

static void what_is_over_the_limits_is_refused(void **state)
{
	char bytes[XVS_MAIL_BYTES_MAX + 1] = { 0 };
	struct xvs_packet p = { .data = whole, .len = 20, .linear = 20 };

	(void)state;
	assert_int_equal(post_as(0, bytes, sizeof(bytes), NULL, 0), -E2BIG);
	assert_int_equal(post_as(0, bytes, 0, &p, PACKET_MAX_BYTES + 1), -E2BIG);
	assert_int_equal(post_as(0, bytes, XVS_MAIL_BYTES_MAX, &p, PACKET_MAX_BYTES), 0);
	bench_wait(&read_count, 1);
	assert_int_equal(last.packet_len, 20);
}

/* "calling one from another thread takes nothing, does nothing and returns -EPERM" */
static void only_workers_of_the_switch_post(void **state)
{
	struct worker stranger = { .nr = 0 };

	(void)state;
	assert_int_equal(mailbox->post(bench.host, "x", 1, NULL, 0), -EPERM);
	worker_self = &stranger;
	assert_int_equal(mailbox->post(bench.host, "x", 1, NULL, 0), -EPERM);
	worker_self = NULL;
	for (unsigned n = 0; n < 5; n++)
		bench_turn();
	assert_int_equal(atomic_load(&read_count), 0);
}

static void is_opened_in_create_and_once(void **state)
{
	(void)state;
	assert_int_equal(mailbox->open(bench.host, 8, 0, on_mail), -EPERM);
}

static int create_with_bad_limits(const struct xvs_host *host, const struct xvs_create *args,
				  void **self, struct xvs_error *err)
{
	const struct xvs_mailbox_host *m = host->query(host, XVS_MAILBOX);

	assert_int_equal(m->open(host, 0, 0, on_mail), -EINVAL);
	assert_int_equal(m->open(host, 4097, 0, on_mail), -EINVAL);
	assert_int_equal(m->open(host, 8, 0, NULL), -EINVAL);
	assert_int_equal(m->open(host, 4096, 65536, on_mail), -E2BIG);
	assert_int_equal(m->open(host, 8, 0, on_mail), 0);
	assert_int_equal(m->open(host, 8, 0, on_mail), -EALREADY);
	return bench_create(host, args, self, err);
}

static void limits_are_checked_when_it_is_opened(void **state)
{
	(void)state;
	bench_unmake();
	bench.ops.create = create_with_bad_limits;
	bench_make();
}

static void on_numbered_mail(const struct xvs_mail *m)
{
	uint64_t number;

	memcpy(&number, m->bytes, sizeof(number));
	if (number < next_number[m->worker])
		atomic_fetch_add(&order_errors, 1);
	next_number[m->worker] = number + 1;
}

static void on_mail_in_order(void *self, const struct xvs_mail *m)
{
	on_numbered_mail(m);
	on_mail(self, m);
}

static atomic_uint posted;

/* Runs on a worker between two bursts: posts until all were taken. */
static void post_many(void *arg, void *worker_state, uint64_t now_ns)
{
	(void)arg;
	(void)worker_state;
	(void)now_ns;
	for (uint64_t n = 0; n < POSTS; n++) {
		while (mailbox->post(bench.host, &n, sizeof(n), NULL, 0) == -EAGAIN)
			(void)sched_yield();
		atomic_fetch_add(&posted, 1);
	}
}

static int create_in_order(const struct xvs_host *host, const struct xvs_create *args, void **self,
			   struct xvs_error *err)
{
	mailbox = host->query(host, XVS_MAILBOX);
	open_result = mailbox->open(host, SLOTS, 0, on_mail_in_order);
	return bench_create(host, args, self, err);
}

static void mail_of_each_worker_comes_in_order_and_complete(void **state)
{
	(void)state;
	bench_unmake();
	bench.ops.create = create_in_order;
	bench_make();
	bench_run();
	for (uint32_t w = 0; w < BENCH_WORKERS; w++)
		assert_int_equal(mailbox->call(bench.host, w, post_many, NULL, NULL), 0);
	bench_wait(&read_count, BENCH_WORKERS * POSTS);
	assert_int_equal(atomic_load(&order_errors), 0);
}

static void mail_that_is_under_way_at_destroy_is_not_delivered(void **state)
{
	(void)state;
	assert_int_equal(post_as(0, "x", 1, NULL, 0), 0);
	bench_unmake();
	for (unsigned n = 0; n < 5; n++)
		bench_turn();
	assert_int_equal(atomic_load(&read_count), 0);
}

/* ---- call ---- */

struct called {
	atomic_uint ran_on; /* worker + 1 */
	atomic_uint answered;
	bool ran;
};

static void on_call(void *arg, void *worker_state, uint64_t now_ns)
{
	struct called *c = arg;

	(void)worker_state;
	(void)now_ns;
	atomic_store(&c->ran_on, worker_self->nr + 1);
}

static void on_called(void *arg, bool ran)
{
	struct called *c = arg;

	c->ran = ran;
	atomic_fetch_add(&c->answered, 1);
}

static void a_call_runs_on_its_worker_and_is_answered_once(void **state)
{
	struct called c = { .ran = false };

	(void)state;
	bench_run();
	assert_int_equal(mailbox->call(bench.host, 1, on_call, on_called, &c), 0);
	bench_wait(&c.answered, 1);
	assert_int_equal(atomic_load(&c.ran_on), 2);
	assert_true(c.ran);
	for (unsigned n = 0; n < 5; n++)
		bench_turn();
	assert_int_equal(atomic_load(&c.answered), 1);
}

/* "On 0, fn runs, unless the worker goes first; then done() ... tells exactly once" */
static void a_call_that_never_ran_is_answered_at_destroy(void **state)
{
	struct called c = { .ran = true };

	(void)state;
	assert_int_equal(mailbox->call(bench.host, 0, on_call, on_called, &c), 0);
	bench_unmake();
	assert_int_equal(atomic_load(&c.answered), 1);
	assert_false(c.ran);
	bench_run();
	for (unsigned n = 0; n < 10; n++)
		bench_turn();
	assert_int_equal(atomic_load(&c.ran_on), 0);
	assert_int_equal(atomic_load(&c.answered), 1);
}

static void silence_waits_for_a_call_that_runs(void **state)
{
	struct called calls[20] = { { .ran = false } };

	(void)state;
	bench_run();
	for (unsigned n = 0; n < 20; n++)
		assert_int_equal(mailbox->call(bench.host, n % 2, on_call, on_called, &calls[n]),
				 0);
	instance_silence(bench.instance);
	for (unsigned n = 0; n < 20; n++) {
		assert_int_equal(atomic_load(&calls[n].answered), 1);
		assert_int_equal(calls[n].ran, atomic_load(&calls[n].ran_on) != 0);
	}
	assert_int_equal(mailbox->call(bench.host, 0, on_call, on_called, &calls[0]), -ENODEV);
}

static void calls_are_bounded_and_to_workers_that_exist(void **state)
{
	struct called c = { .ran = false };
	unsigned count = 0;

	(void)state;
	assert_int_equal(mailbox->call(bench.host, BENCH_WORKERS, on_call, on_called, &c), -ENODEV);
	assert_int_equal(mailbox->call(bench.host, 0, NULL, on_called, &c), -EINVAL);
	while (mailbox->call(bench.host, 0, on_call, on_called, &c) == 0)
		count++;
	assert_int_equal(mailbox->call(bench.host, 0, on_call, on_called, &c), -EAGAIN);
	assert_int_equal(count, 256);
	bench_unmake();
	assert_int_equal(atomic_load(&c.answered), count);
}

#define MAIL(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAIL(mail_arrives_as_it_was_posted),
		MAIL(an_open_checksum_is_filled_in_where_the_copy_is_whole),
		MAIL(mail_without_packet_or_bytes_arrives),
		MAIL(packets_are_pulled_as_need_be),
		MAIL(a_full_ring_counts_what_it_lost),
		MAIL(what_is_over_the_limits_is_refused),
		MAIL(only_workers_of_the_switch_post),
		MAIL(is_opened_in_create_and_once),
		MAIL(limits_are_checked_when_it_is_opened),
		MAIL(mail_of_each_worker_comes_in_order_and_complete),
		MAIL(mail_that_is_under_way_at_destroy_is_not_delivered),
		MAIL(a_call_runs_on_its_worker_and_is_answered_once),
		MAIL(a_call_that_never_ran_is_answered_at_destroy),
		MAIL(silence_waits_for_a_call_that_runs),
		MAIL(calls_are_bounded_and_to_workers_that_exist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
