/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
#include "frames.h"

static const struct pool_limits few = { .packets = 3, .small = 2, .large = 1 };

static void a_new_packet_is_empty_and_names_itself(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p = packet_new(pool);

	(void)state;
	assert_ptr_equal(p->x.host, p);
	assert_ptr_equal(p->x.data, p->head + XVS_HEADROOM);
	assert_int_equal(p->x.headroom, XVS_HEADROOM);
	assert_int_equal(p->x.len, 0);
	assert_int_equal((uintptr_t)p % 64, 0);
	assert_int_equal((uintptr_t)p->head % 64, 0);
	packet_free(p);
	pool_destroy(pool);
}

static void packets_end_where_the_limit_says(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_non_null(p[i] = packet_new(pool));
	assert_int_equal(pool_packets_left(pool), 0);
	assert_null(packet_new(pool));
	packet_free(p[1]);
	assert_int_equal(pool_packets_left(pool), 1);
	assert_ptr_equal(packet_new(pool), p[1]);
	for (int i = 0; i < 3; i++)
		packet_free(p[i]);
	assert_int_equal(pool_packets_left(pool), 3);
	pool_destroy(pool);
}

static void the_last_one_freed_is_the_first_one_taken(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *a = packet_new(pool), *b = packet_new(pool);

	(void)state;
	packet_free(a);
	packet_free(b);
	assert_ptr_equal(packet_new(pool), b);
	assert_ptr_equal(packet_new(pool), a);
	packet_free(a);
	packet_free(b);
	pool_destroy(pool);
}

static void a_reused_packet_remembers_nothing(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p = packet_new(pool);

	(void)state;
	p->x.flags = ~0u;
	p->x.gso_type = 1;
	p->tail_count = 7;
	p->owner = 9;
	p->charged = 4;
	p->x.data += 50;
	packet_free(p);
	p = packet_new(pool);
	assert_int_equal(p->x.flags, 0);
	assert_int_equal(p->x.gso_type, 0);
	assert_int_equal(p->tail_count, 0);
	assert_int_equal(p->owner, 0);
	assert_int_equal(p->charged, 0);
	assert_ptr_equal(p->x.data, p->head + XVS_HEADROOM);
	packet_free(p);
	pool_destroy(pool);
}

static void a_burst_gets_what_there_is(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p[5] = { NULL };

	(void)state;
	assert_int_equal(packet_new_burst(pool, p, 2), 2);
	p[1]->x.flags = ~0u;
	p[1]->tail_count = 3;
	packet_free(p[1]);
	/* one that was used, and one that never was */
	assert_int_equal(packet_new_burst(pool, p + 1, 4), 2);
	assert_null(p[3]);
	assert_int_equal(pool_packets_left(pool), 0);
	assert_int_equal(packet_new_burst(pool, p + 3, 1), 0);
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(p[i]->x.host, p[i]);
		assert_ptr_equal(p[i]->pool, pool);
		assert_int_equal(p[i]->x.flags, 0);
		assert_int_equal(p[i]->tail_count, 0);
		for (int n = 0; n < i; n++)
			assert_ptr_not_equal(p[i], p[n]);
	}
	packet_free_burst(pool, p, 3);
	assert_int_equal(pool_packets_left(pool), 3);
	pool_destroy(pool);
}

static void a_burst_gives_its_buffers_back(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p[2];

	(void)state;
	p[0] = packet_new_linear(pool, 100);
	p[1] = packet_new(pool);
	p[1]->shared = p[0]->buffer;
	p[1]->shared->refs++;
	packet_free_burst(pool, p, 1);
	assert_int_equal(pool_small_left(pool), 1);
	packet_free_burst(pool, p + 1, 1);
	assert_int_equal(pool_small_left(pool), 2);
	assert_int_equal(pool_packets_left(pool), 3);
	assert_null(p[0]->x.host);
	assert_null(p[1]->x.host);
	pool_destroy(pool);
}

static void a_held_packet_is_given_back_by_the_last_who_frees_it(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p[3];

	(void)state;
	assert_int_equal(packet_new_burst(pool, p, 3), 3);
	packet_hold(p[0], 2);
	packet_hold(p[2], 1);
	packet_free_burst(pool, p, 3);
	assert_int_equal(pool_packets_left(pool), 1);
	assert_ptr_equal(p[0]->x.host, p[0]);
	packet_free(p[0]);
	assert_int_equal(pool_packets_left(pool), 1);
	packet_free(p[2]);
	packet_free(p[0]);
	assert_int_equal(pool_packets_left(pool), 3);
	assert_null(p[0]->x.host);
	assert_ptr_equal(packet_new(pool), p[0]);
	packet_free(p[0]);
	pool_destroy(pool);
}

static void a_freed_packet_no_longer_names_itself(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *p = packet_new(pool);

	(void)state;
	packet_free(p);
	assert_null(p->x.host);
	pool_destroy(pool);
}

static void buffers_come_in_two_sizes(void **state)
{
	struct pool *pool = pool_create(&few);
	struct buffer *small = buffer_new(pool, BUFFER_SMALL);
	struct buffer *large = buffer_new(pool, BUFFER_SMALL + 1);

	(void)state;
	assert_int_equal(small->size, BUFFER_SMALL);
	assert_int_equal(large->size, BUFFER_LARGE);
	memset(small->bytes, 1, small->size);
	memset(large->bytes, 2, large->size);
	assert_int_equal(pool_small_left(pool), 1);
	assert_int_equal(pool_large_left(pool), 0);
	assert_null(buffer_new(pool, BUFFER_LARGE));
	assert_null(buffer_new(pool, BUFFER_LARGE + 1));
	buffer_put(pool, small);
	buffer_put(pool, large);
	assert_int_equal(pool_small_left(pool), 2);
	assert_int_equal(pool_large_left(pool), 1);
	pool_destroy(pool);
}

static void a_buffer_lives_until_its_last_reference(void **state)
{
	struct pool *pool = pool_create(&few);
	struct buffer *b = buffer_new(pool, 100);

	(void)state;
	b->refs++;
	buffer_put(pool, b);
	assert_int_equal(pool_small_left(pool), 1);
	buffer_put(pool, b);
	assert_int_equal(pool_small_left(pool), 2);
	pool_destroy(pool);
}

static void linear_packets_take_a_buffer_or_nothing(void **state)
{
	struct pool *pool = pool_create(&few);
	struct packet *a = packet_new_linear(pool, BUFFER_SMALL - XVS_HEADROOM);
	struct packet *b = packet_new_linear(pool, PACKET_MAX);

	(void)state;
	assert_int_equal(a->buffer->size, BUFFER_SMALL);
	assert_int_equal(b->buffer->size, BUFFER_LARGE);
	assert_int_equal(b->x.len, PACKET_MAX);
	assert_int_equal(b->x.linear, PACKET_MAX);
	assert_null(packet_new_linear(pool, PACKET_MAX));
	assert_null(packet_new_linear(pool, UINT32_MAX));
	assert_int_equal(pool_packets_left(pool), 1);
	packet_free(a);
	packet_free(b);
	assert_int_equal(pool_packets_left(pool), 3);
	assert_int_equal(pool_large_left(pool), 1);
	pool_destroy(pool);
}

static void an_empty_pool_gives_nothing(void **state)
{
	struct pool *pool = pool_create(&(struct pool_limits){ 0 });

	(void)state;
	assert_null(packet_new(pool));
	assert_null(buffer_new(pool, 1));
	pool_destroy(pool);
	pool_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_packet_is_empty_and_names_itself),
		cmocka_unit_test(packets_end_where_the_limit_says),
		cmocka_unit_test(the_last_one_freed_is_the_first_one_taken),
		cmocka_unit_test(a_reused_packet_remembers_nothing),
		cmocka_unit_test(a_burst_gets_what_there_is),
		cmocka_unit_test(a_burst_gives_its_buffers_back),
		cmocka_unit_test(a_held_packet_is_given_back_by_the_last_who_frees_it),
		cmocka_unit_test(a_freed_packet_no_longer_names_itself),
		cmocka_unit_test(buffers_come_in_two_sizes),
		cmocka_unit_test(a_buffer_lives_until_its_last_reference),
		cmocka_unit_test(linear_packets_take_a_buffer_or_nothing),
		cmocka_unit_test(an_empty_pool_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
