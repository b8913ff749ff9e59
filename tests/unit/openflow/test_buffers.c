/* SPDX-License-Identifier: Apache-2.0 */
/* Packets kept for controllers: ids, age, what is wrong with an id. */
#include <string.h>

#include "support/test.h"

#include "agent/buffers.h"

enum { SECOND = 1000000000 };

static struct of_buffers buffers;
static const int owner, stranger;
static const uint8_t bytes[] = "a packet of somebody";

static uint32_t keep(uint64_t now_ns)
{
	const struct of_bytes packet = { bytes, sizeof(bytes) };

	return of_buffers_keep(&buffers, &owner, packet, 7, now_ns);
}

static int tear_down(void **state)
{
	(void)state;
	of_buffers_destroy(&buffers);
	memset(&buffers, 0, sizeof(buffers));
	return 0;
}

static of_fault fault_of(uint32_t id)
{
	of_fault fault = OF_OK;

	assert_null(of_buffers_find(&buffers, &owner, id, &fault));
	return fault;
}

static void test_what_is_kept_is_found_until_it_is_used(void **state)
{
	uint32_t id = keep(1);
	of_fault fault = OF_OK;
	struct of_buffer *found = of_buffers_find(&buffers, &owner, id, &fault);

	(void)state;
	assert_non_null(found);
	assert_int_equal(found->in_port, 7);
	assert_int_equal(found->len, sizeof(bytes));
	assert_memory_equal(found->bytes, bytes, sizeof(bytes));
	of_buffer_free(found);
	assert_int_equal(fault_of(id), OF_BAD_REQUEST_BUFFER_EMPTY);
}

static void test_ids_that_never_were_are_unknown(void **state)
{
	uint32_t id = keep(1);

	(void)state;
	assert_int_equal(fault_of(0), OF_BAD_REQUEST_BUFFER_UNKNOWN);
	assert_int_equal(fault_of(id + 1), OF_BAD_REQUEST_BUFFER_UNKNOWN);
	assert_int_equal(fault_of(id + OF_BUFFERS), OF_BAD_REQUEST_BUFFER_UNKNOWN);
	assert_int_equal(fault_of(OF_NO_BUFFER - 1), OF_BAD_REQUEST_BUFFER_UNKNOWN);
}

static void test_the_young_stay_and_the_old_give_way(void **state)
{
	uint32_t first = keep(1);

	(void)state;
	for (uint32_t i = 1; i < OF_BUFFERS; i++)
		assert_int_not_equal(keep(1), OF_NO_BUFFER);
	assert_int_equal(keep(SECOND), OF_NO_BUFFER);
	assert_int_equal(keep(SECOND + 1), first + OF_BUFFERS);
	assert_int_equal(fault_of(first), OF_BAD_REQUEST_BUFFER_EMPTY);
}

/* By a bundle that is still under way, however old the packet is. */
static void test_what_is_claimed_stays(void **state)
{
	uint32_t first = keep(1);
	of_fault fault = OF_OK;
	struct of_buffer *found = of_buffers_find(&buffers, &owner, first, &fault);

	(void)state;
	assert_non_null(found);
	found->is_claimed = true;
	for (uint32_t i = 1; i < OF_BUFFERS; i++)
		assert_int_not_equal(keep(1), OF_NO_BUFFER);
	assert_int_equal(keep(SECOND + 1), OF_NO_BUFFER);
	of_buffers_forget(&buffers, &owner); /* the claim is still to be taken back */
	assert_int_equal(keep(SECOND + 1), OF_NO_BUFFER);
	found->is_claimed = false;
	assert_int_equal(keep(SECOND + 1), first + OF_BUFFERS);
}

static void test_it_is_its_owners_alone(void **state)
{
	uint32_t id = keep(1);
	of_fault fault = OF_OK;

	(void)state;
	assert_null(of_buffers_find(&buffers, &stranger, id, &fault));
	assert_int_equal(fault, OF_BAD_REQUEST_BUFFER_UNKNOWN);
	of_buffers_forget(&buffers, &stranger);
	assert_non_null(of_buffers_find(&buffers, &owner, id, &fault));
	of_buffers_forget(&buffers, &owner);
	assert_null(of_buffers_find(&buffers, &owner, id, &fault));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_is_kept_is_found_until_it_is_used, tear_down),
		cmocka_unit_test_teardown(test_ids_that_never_were_are_unknown, tear_down),
		cmocka_unit_test_teardown(test_the_young_stay_and_the_old_give_way, tear_down),
		cmocka_unit_test_teardown(test_what_is_claimed_stays, tear_down),
		cmocka_unit_test_teardown(test_it_is_its_owners_alone, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
