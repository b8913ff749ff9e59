/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * Memory of a guest as its front end gives and takes it, under rings that run.
 */
#include "vhost_front.h"

enum { PIECE = 0x10000 }; /* 16 of them are the test's memory */

static struct wire_region region(uint64_t at, uint64_t size)
{
	return (struct wire_region){ GUEST + at, size, USER + at, at };
}

static uint64_t add(struct front_lab *lab, struct wire_region r)
{
	const struct wire_one_region one = { 0, r };

	return front_try(lab, (struct front_words){ REQUEST_ADD_MEM_REG, 0, &one, sizeof(one),
						    &lab->memory, 1 });
}

static uint64_t take_away(struct front_lab *lab, struct wire_region r)
{
	const struct wire_one_region one = { 0, r };

	return front_try(lab, (struct front_words){ .request = REQUEST_REM_MEM_REG,
						    .payload = &one,
						    .size = sizeof(one) });
}

static uint64_t set_table(struct front_lab *lab, const struct wire_region *regions, uint32_t count)
{
	struct {
		struct wire_memory head;
		struct wire_region regions[VHOST_SLOTS_MAX];
	} table = { { count, 0 }, { { 0 } } };
	int fds[VHOST_SLOTS_MAX];

	memcpy(table.regions, regions, count * sizeof(*regions));
	for (uint32_t i = 0; i < count; i++)
		fds[i] = lab->memory;
	return front_try(lab, (struct front_words){
				      REQUEST_SET_MEM_TABLE, 0, &table,
				      (uint32_t)(sizeof(table.head) + count * sizeof(*regions)),
				      fds, count });
}

static void begin(struct front_lab *lab)
{
	front_lab_open(lab);
	front_connect(lab);
	front_protocol(lab);
	front_features(lab, FEATURES_PLAIN);
}

static void runs_in_memory_of_many_regions(void **state)
{
	struct wire_region regions[VHOST_SLOTS_MAX];
	const unsigned files = front_open_files();
	struct front_lab lab;

	(void)state;
	begin(&lab);
	for (uint32_t i = 0; i < VHOST_SLOTS_MAX; i++)
		regions[i] = region(i * (MEMORY / VHOST_SLOTS_MAX), MEMORY / VHOST_SLOTS_MAX);
	assert_int_equal(set_table(&lab, regions, VHOST_SLOTS_MAX), 0);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	assert_true(front_flows(&lab));
	assert_string_equal(front_fact(&lab, "memory"), "1 MiB in 32 regions");
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

static void has_so_many_slots_and_no_more(void **state)
{
	struct front_lab lab;

	(void)state;
	begin(&lab);
	for (uint32_t i = 0; i < VHOST_SLOTS_MAX; i++)
		assert_int_equal(add(&lab, region(i * 0x1000, 0x1000)), 0);
	assert_int_not_equal(add(&lab, region(VHOST_SLOTS_MAX * 0x1000, 0x1000)), 0);
	assert_int_equal(take_away(&lab, region(0, 0x1000)), 0);
	assert_int_equal(add(&lab, region(VHOST_SLOTS_MAX * 0x1000, 0x1000)), 0);
	front_lab_close(&lab);
}

static void refuses_regions_that_cannot_be(void **state)
{
	const struct wire_region wrong[] = {
		{ GUEST, 0, USER, 0 },
		{ UINT64_MAX - PIECE + 2, PIECE, USER, 0 },
		{ GUEST, PIECE, UINT64_MAX - PIECE + 2, 0 },
		{ GUEST, PIECE, USER, UINT64_MAX - 0xfff },
		{ GUEST, PIECE, USER, INT64_MAX - 0xfff },
		{ GUEST, UINT64_MAX, USER, 0 },
		{ GUEST, MEMORY + 1, USER, 0 },
		{ GUEST, MEMORY, USER, 0x1000 },
		/* over the one that is there */
		{ GUEST + PIECE - 1, PIECE, USER + MEMORY, 0 },
		{ GUEST + MEMORY, PIECE, USER + PIECE - 1, 0 },
		{ GUEST - 1, 2, USER + MEMORY, 0 },
	};
	struct front_lab lab;

	(void)state;
	begin(&lab);
	assert_int_equal(add(&lab, region(0, PIECE)), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const bool is_alone = i < 8;

		/* alone those at the same place would be refused for another reason */
		if (is_alone)
			assert_int_not_equal(set_table(&lab, &wrong[i], 1), 0);
		assert_int_not_equal(add(&lab, wrong[i]), 0);
	}
	assert_string_equal(front_fact(&lab, "memory"), "0 MiB in 1 regions");
	front_lab_close(&lab);
}

static void refuses_a_table_whole(void **state)
{
	const struct wire_region two[2] = { region(0, PIECE), region(PIECE - 1, PIECE) };
	const unsigned files = front_open_files();
	struct front_lab lab;

	(void)state;
	begin(&lab);
	assert_int_not_equal(set_table(&lab, two, 2), 0);
	assert_string_equal(front_fact(&lab, "memory"), "0 MiB in 0 regions");
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

static void refuses_to_take_away_what_is_not_there(void **state)
{
	struct wire_region other = region(0, PIECE);
	struct front_lab lab;

	(void)state;
	begin(&lab);
	assert_int_equal(add(&lab, region(0, PIECE)), 0);
	other.user++;
	assert_int_not_equal(take_away(&lab, other), 0);
	other = region(0, PIECE);
	other.size--;
	assert_int_not_equal(take_away(&lab, other), 0);
	other = region(0, PIECE);
	other.offset = 77; /* "is ignored" */
	assert_int_equal(take_away(&lab, other), 0);
	front_lab_close(&lab);
}

/* QEMU does so for each pair of queues. */
static void takes_the_same_change_again(void **state)
{
	struct wire_region other = region(0, PIECE);
	const unsigned files = front_open_files();
	struct front_lab lab;

	(void)state;
	begin(&lab);
	for (int i = 0; i < 2 * VHOST_SLOTS_MAX; i++)
		assert_int_equal(add(&lab, region(0, PIECE)), 0);
	assert_string_equal(front_fact(&lab, "memory"), "0 MiB in 1 regions");
	other.offset += 0x1000;
	assert_int_not_equal(add(&lab, other), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(take_away(&lab, region(0, PIECE)), 0);
	assert_string_equal(front_fact(&lab, "memory"), "0 MiB in 0 regions");
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

/* Rings whose memory is unplugged stand still, and go on when it comes back. */
static void pauses_rings_while_their_memory_is_away(void **state)
{
	struct front_lab lab;

	(void)state;
	begin(&lab);
	assert_int_equal(add(&lab, region(0, MEMORY / 2)), 0);
	assert_int_equal(add(&lab, region(MEMORY / 2, MEMORY / 2)), 0);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	assert_true(front_flows(&lab));
	assert_true(front_flows(&lab));
	assert_int_equal(take_away(&lab, region(0, MEMORY / 2)), 0);
	assert_false(lab.b->up);
	front_send(&lab, 1, 60);
	assert_int_equal(front_received(&lab, 0), 0);
	assert_int_equal(add(&lab, region(0, MEMORY / 2)), 0);
	assert_true(lab.b->up);
	assert_int_equal(front_received(&lab, 0), 1);
	assert_int_equal(front_base(&lab, 1), 3);
	front_lab_close(&lab);
}

/* Memory that no ring lies in comes and goes without a pause. */
static void goes_on_while_other_memory_changes(void **state)
{
	struct front_lab lab;

	(void)state;
	begin(&lab);
	assert_int_equal(add(&lab, region(0, MEMORY / 2)), 0);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	assert_true(lab.b->up);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(add(&lab, region(MEMORY / 2, MEMORY / 2)), 0);
		assert_true(front_flows(&lab));
		assert_int_equal(take_away(&lab, region(MEMORY / 2, MEMORY / 2)), 0);
		/* where the packet was is gone: the front end takes a buffer that is its guest's */
		assert_int_equal(lab.link_calls, 1);
	}
	assert_false(front_is_closed(&lab));
	front_lab_close(&lab);
}

static unsigned mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		count += strstr(line, "memfd:guest") != NULL;
	(void)fclose(f);
	return count;
}

static void unmaps_what_nobody_needs(void **state)
{
	struct front_lab lab;
	unsigned before;

	(void)state;
	begin(&lab);
	before = mappings();
	for (int i = 0; i < 20; i++)
		front_memory(&lab);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	for (int i = 0; i < 20; i++)
		front_memory(&lab);
	assert_int_equal(mappings(), before + 1);
	front_leave(&lab);
	front_turn(&lab);
	assert_int_equal(mappings(), before);
	front_lab_close(&lab);
}

/* ---- the log ---------------------------------------------------------------------------------- */

static uint64_t set_log(struct front_lab *lab, int fd, uint64_t size, uint64_t offset)
{
	const struct wire_log log = { size, offset };
	const struct front_words w = {
		REQUEST_SET_LOG_BASE, FLAG_VERSION, &log, sizeof(log), &fd, 1
	};
	struct front_reply r;

	assert_true(front_write(lab->fd, &w));
	front_turn(lab);
	return front_read(lab->fd, &r) ? 0 : 1;
}

static void refuses_logs_that_do_not_cover_memory(void **state)
{
	const uint64_t need = (GUEST + MEMORY) / VHOST_PAGE / 8;
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct front_lab lab;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)(2 * need)), 0);
	for (int i = 0; i < 4; i++) {
		static const int64_t excess[] = { 0, -1, 1, INT64_MAX };

		begin(&lab);
		front_memory(&lab);
		assert_int_equal(set_log(&lab, fd, need + (uint64_t)excess[i], i == 2 ? need : 0),
				 i == 0 ? 0 : 1);
		assert_int_equal(front_is_closed(&lab), i != 0);
		front_lab_close(&lab);
	}
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_in_memory_of_many_regions),
		cmocka_unit_test(has_so_many_slots_and_no_more),
		cmocka_unit_test(refuses_regions_that_cannot_be),
		cmocka_unit_test(refuses_a_table_whole),
		cmocka_unit_test(refuses_to_take_away_what_is_not_there),
		cmocka_unit_test(takes_the_same_change_again),
		cmocka_unit_test(pauses_rings_while_their_memory_is_away),
		cmocka_unit_test(goes_on_while_other_memory_changes),
		cmocka_unit_test(unmaps_what_nobody_needs),
		cmocka_unit_test(refuses_logs_that_do_not_cover_memory),
	};

	return cmocka_run_group_tests_name("vhost_regions", tests, NULL, NULL);
}
