/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
/*
 * Packets that share buffers in every combination, compared with flat arrays after each step.
 */
#include <errno.h>

#include "frames.h"
#include "packet/headers.h"

enum { SLOTS = 6, ROUNDS = 200, STEPS = 60 };

/* A packet and what its bytes must be. */
struct twin {
	struct packet *p;
	uint32_t len;
	uint8_t bytes[FRAME_MAX];
};

static struct twin twins[SLOTS];
static struct lent lents[SLOTS];
static struct frame frame;

static void assert_same(const struct twin *t)
{
	static uint8_t out[FRAME_MAX];
	struct iovec iov[TAILS_MAX + 2];
	int runs = packet_iov(t->p, iov, TAILS_MAX + 2);
	uint32_t at = 0;

	assert_int_equal(t->p->x.len, t->len);
	assert_true(packet_read(t->p, 0, out, t->len));
	assert_memory_equal(out, t->bytes, t->len);
	assert_memory_equal(t->p->x.data, t->bytes, t->p->x.linear);
	for (int i = 0; i < runs; i++) {
		assert_memory_equal(iov[i].iov_base, t->bytes + at, iov[i].iov_len);
		at += (uint32_t)iov[i].iov_len;
	}
	assert_int_equal(at, t->len);
}

static struct twin *free_slot(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (!twins[i].p)
			return &twins[i];
	return NULL;
}

static void step_receive(struct pool *pool)
{
	struct twin *t = free_slot();
	uint32_t most = random_below(4) ? 1500 : 40000;

	if (!t)
		return;
	t->len = 14 + random_below(most);
	for (uint32_t i = 0; i < t->len; i++)
		t->bytes[i] = (uint8_t)random_below(256);
	if (random_below(2))
		t->p = load(pool, t->bytes, t->len);
	else
		t->p = lend(pool, &lents[t - twins], t->bytes, t->len, random_below(257));
}

static void step_clone(struct twin *t)
{
	struct twin *to = free_slot();

	if (!to)
		return;
	to->p = packet_clone(t->p);
	assert_non_null(to->p);
	assert_int_equal(to->p->x.headroom, XVS_HEADROOM);
	assert_false(to->p->x.flags & XVS_PKT_SHARED);
	to->len = t->len;
	memcpy(to->bytes, t->bytes, t->len);
}

static void step_pull(struct twin *t)
{
	uint32_t want = random_below(t->len + 1);
	uint32_t had = t->p->x.linear;

	assert_int_equal(packet_pull(t->p, want), 0);
	assert_int_equal(t->p->x.linear, want > had ? want : had);
	assert_int_equal(packet_pull(t->p, t->len + 1), -ENODATA);
}

static void step_write(struct twin *t)
{
	uint32_t linear = t->p->x.linear;

	assert_int_equal(packet_unshare(t->p), 0);
	assert_int_equal(t->p->x.linear, linear);
	assert_false(t->p->x.flags & XVS_PKT_SHARED);
	for (uint32_t i = 0; i < linear; i += 1 + random_below(20)) {
		t->bytes[i] = (uint8_t)random_below(256);
		t->p->x.data[i] = t->bytes[i];
	}
}

/* An extension pushes or takes off a header, and shortens: settle() makes it all agree. */
static void step_reshape(struct twin *t)
{
	uint32_t cut = random_below(t->len);
	uint32_t push = random_below(t->p->x.headroom + 1u);

	if (packet_unshare(t->p) || t->len + push > FRAME_MAX - 256)
		return;
	memmove(t->bytes + push, t->bytes, t->len);
	t->p->x.data -= push;
	t->p->x.len += push;
	t->p->x.linear += push;
	t->len += push;
	for (uint32_t i = 0; i < push; i++)
		t->bytes[i] = t->p->x.data[i] = (uint8_t)i;
	t->p->x.len -= cut;
	t->len -= cut;
	assert_true(packet_settle(t->p));
}

static void step_own(struct twin *t)
{
	assert_int_equal(packet_own(t->p), 0);
	assert_int_equal(t->p->tail_count, 0);
	assert_true(t->p->rest.iov_len == 0 || t->p->shared);
}

static void step_free(struct twin *t)
{
	packet_free(t->p);
	t->p = NULL;
}

static void step(struct pool *pool)
{
	struct twin *t = &twins[random_below(SLOTS)];

	if (!t->p) {
		step_receive(pool);
		return;
	}
	switch (random_below(8)) {
	case 0:
	case 1:
		step_clone(t);
		break;
	case 2:
	case 3:
		step_pull(t);
		break;
	case 4:
		step_write(t);
		break;
	case 5:
		step_own(t);
		break;
	case 6:
		step_reshape(t);
		break;
	default:
		step_free(t);
	}
}

static void check_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (twins[i].p)
			assert_same(&twins[i]);
}

static void own_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (twins[i].p)
			step_own(&twins[i]);
}

static void free_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		if (twins[i].p)
			step_free(&twins[i]);
}

/* Each step is a batch: at its end everything is owned, since lent memory is used again. */
static void sharing_never_shows_in_the_bytes(void **state)
{
	struct pool *pool = full_pool();

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < STEPS; i++) {
			step(pool);
			check_all();
			own_all();
		}
		check_all();
		free_all();
	}
	finish_pool(pool);
}

static void step_in_batch(struct twin *t)
{
	switch (random_below(5)) {
	case 0:
		step_pull(t);
		break;
	case 1:
		step_write(t);
		break;
	case 2:
		step_own(t);
		break;
	case 3:
		step_reshape(t);
		break;
	default:
		step_clone(t);
	}
}

/* Without owning in between: all packets of a round share the memory lent to the first. */
static void a_batch_may_clone_what_is_lent(void **state)
{
	struct pool *pool = full_pool();

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct twin *first = &twins[0];

		first->len = 300 + random_below(1200);
		for (uint32_t i = 0; i < first->len; i++)
			first->bytes[i] = (uint8_t)random_below(256);
		first->p = lend(pool, &lents[0], first->bytes, first->len, random_below(257));
		step_clone(first);
		for (int i = 0; i < STEPS; i++) {
			struct twin *t = &twins[random_below(SLOTS)];

			if (t->p)
				step_in_batch(t);
			check_all();
		}
		free_all();
	}
	finish_pool(pool);
}

static void read_stays_within_the_packet(void **state)
{
	struct pool *pool = full_pool();
	struct packet *p = lend(pool, &lents[0], frame.bytes, 300, 100);
	uint8_t out[300];

	(void)state;
	assert_true(packet_read(p, 300, out, 0));
	assert_true(packet_read(p, 299, out, 1));
	assert_false(packet_read(p, 299, out, 2));
	assert_false(packet_read(p, 301, out, 0));
	assert_false(packet_read(p, 1, out, UINT32_MAX));
	packet_free(p);
	finish_pool(pool);
}

static void iov_says_when_there_are_too_many_runs(void **state)
{
	struct pool *pool = full_pool();
	struct packet *p = packet_new(pool);
	struct iovec runs[3] = { { frame.bytes, 10 }, { frame.bytes, 0 }, { frame.bytes, 5 } };
	struct iovec out[3];

	(void)state;
	p->x.linear = 20;
	p->x.len = 35;
	p->tail = runs;
	p->tail_count = 3;
	assert_int_equal(packet_iov(p, out, 2), -1);
	assert_int_equal(packet_iov(p, out, 3), 3);
	packet_free(p);
	finish_pool(pool);
}

/* An extension that claims bytes which are not there gets none. */
static void lies_about_bounds_leave_an_empty_packet(void **state)
{
	struct pool *pool = full_pool();

	(void)state;
	for (int lie = 0; lie < 5; lie++) {
		struct packet *p = load(pool, frame.bytes, 400);
		uint16_t bad;

		p->x.flags |= XVS_PKT_DIRTY;
		if (lie == 0)
			p->x.data -= XVS_HEADROOM + 1;
		if (lie == 1)
			p->x.len = 500;
		if (lie == 2)
			p->x.linear = BUFFER_SMALL;
		if (lie == 3)
			p->x.data = frame.bytes;
		if (lie == 4)
			p->x.data += 5000;
		packet_parse(p, &bad);
		assert_int_equal(bad, REASON_BAD_HEADER);
		assert_true(p->x.flags & XVS_PKT_BAD);
		assert_int_equal(p->x.len, 0);
		assert_int_equal(p->x.linear, 0);
		packet_free(p);
	}
	finish_pool(pool);
}

static void an_empty_pool_changes_nothing(void **state)
{
	struct pool *pool = pool_create(&(struct pool_limits){ .packets = 2, .small = 1 });
	struct packet *p = lend(pool, &lents[0], frame.bytes, 3000, 100);
	struct packet *q = load(pool, frame.bytes, 500);
	struct iovec before[TAILS_MAX + 2], after[TAILS_MAX + 2];
	int runs = packet_iov(p, before, TAILS_MAX + 2);

	(void)state;
	assert_int_equal(packet_own(p), -ENOBUFS);
	assert_int_equal(packet_pull(p, 2000), -ENOBUFS);
	assert_null(packet_clone(p));
	assert_int_equal(packet_iov(p, after, TAILS_MAX + 2), runs);
	assert_memory_equal(before, after, sizeof(before[0]) * (size_t)runs);
	q->x.flags |= XVS_PKT_SHARED;
	q->buffer->refs++;
	assert_int_equal(packet_unshare(q), -ENOBUFS);
	assert_true(q->x.flags & XVS_PKT_SHARED);
	q->buffer->refs--;
	assert_int_equal(packet_unshare(q), 0);
	packet_free(p);
	packet_free(q);
	pool_destroy(pool);
}

static void a_burst_of_clones_ends_where_memory_does(void **state)
{
	struct pool *pool =
		pool_create(&(struct pool_limits){ .packets = 5, .small = 3, .large = 0 });
	struct packet *from[3];
	struct packet *clones[3] = { NULL };
	uint8_t byte;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		from[i] = packet_new_linear(pool, 60 + 70 * i);
		assert_non_null(from[i]);
		memset(from[i]->x.data, (int)i, from[i]->x.len);
		from[i]->segment = i;
	}
	assert_int_equal(packet_clone_burst(pool, from, clones, 3), 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(clones[i]->x.len, 60 + 70 * i);
		assert_int_equal(clones[i]->segment, i);
		for (uint32_t at = 0; at < clones[i]->x.len; at++) {
			assert_true(packet_read(clones[i], at, &byte, 1));
			assert_int_equal(byte, i);
		}
	}
	packet_free_burst(pool, clones, 2);
	packet_free_burst(pool, from, 3);
	assert_int_equal(pool_packets_left(pool), 5);
	assert_int_equal(pool_small_left(pool), 3);
	pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sharing_never_shows_in_the_bytes),
		cmocka_unit_test(a_batch_may_clone_what_is_lent),
		cmocka_unit_test(read_stays_within_the_packet),
		cmocka_unit_test(iov_says_when_there_are_too_many_runs),
		cmocka_unit_test(lies_about_bounds_leave_an_empty_packet),
		cmocka_unit_test(an_empty_pool_changes_nothing),
		cmocka_unit_test(a_burst_of_clones_ends_where_memory_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
