/* SPDX-License-Identifier: Apache-2.0 */
#include "support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/counters.h"

static struct counters *segment(unsigned workers)
{
	struct xvs_error err = ERROR_INIT;
	struct counters *c = NULL;

	assert_int_equal(counters_create(&c, NULL, workers, &err), 0);
	return c;
}

/* What counters_drops() says, summed up or of one port. */
struct seen {
	unsigned cells;
	uint64_t packets;
	uint64_t bytes;
	uint32_t port, stage, instance, reason; /* of the last */
};

static void see(void *arg, uint32_t port, uint32_t stage, uint32_t instance, uint32_t reason,
		uint64_t packets, uint64_t bytes)
{
	struct seen *seen = arg;

	seen->cells++;
	seen->packets += packets;
	seen->bytes += bytes;
	seen->port = port;
	seen->stage = stage;
	seen->instance = instance;
	seen->reason = reason;
}

static void drops_are_summed_over_shards(void **state)
{
	struct counters *c = segment(3);
	struct port_counters sum;
	struct seen seen = { 0 };
	uint64_t key = drop_key(7, 3, 1000, 65535);

	(void)state;
	counters_drop(counters_shard(c, 0), key, 1, 60);
	counters_drop(counters_shard(c, 2), key, 2, 3000);
	counters_drop(counters_shard(c, 2), key, 1, 40);
	counters_drops(c, see, &seen);
	assert_int_equal(seen.cells, 1);
	assert_int_equal(seen.packets, 4);
	assert_int_equal(seen.bytes, 3100);
	assert_int_equal(seen.port, 7);
	assert_int_equal(seen.stage, 3);
	assert_int_equal(seen.instance, 1000);
	assert_int_equal(seen.reason, 65535);
	counters_port_sum(c, 7, &sum);
	assert_int_equal(sum.drops, 4);
	assert_int_equal(sum.drop_bytes, 3100);
	counters_destroy(c);
}

static void every_port_counter_is_summed(void **state)
{
	struct counters *c = segment(2);
	struct port_counters sum;

	(void)state;
	for (unsigned worker = 0; worker < 2; worker++) {
		struct port_counters *p = &counters_shard(c, worker)->ports[PORTS_MAX - 1];

		counter_add(&p->rx_packets, 1);
		counter_add(&p->rx_errors, 2);
		counter_add(&p->tx_bytes, 3);
		counter_add(&p->segmented, UINT64_C(1) << 40);
		counter_add(&p->drop_bytes, 5);
	}
	counters_port_sum(c, PORTS_MAX - 1, &sum);
	assert_int_equal(sum.rx_packets, 2);
	assert_int_equal(sum.rx_errors, 4);
	assert_int_equal(sum.tx_bytes, 6);
	assert_true(sum.segmented == UINT64_C(2) << 40);
	assert_int_equal(sum.drop_bytes, 10);
	assert_int_equal(sum.tx_errors, 0);
	counters_destroy(c);
}

static void full_table_loses_cells_but_no_packet(void **state)
{
	enum { KEYS = 2 * DROP_CELLS };
	struct counters *c = segment(1);
	struct counter_shard *shard = counters_shard(c, 0);
	struct port_counters sum;
	struct seen seen = { 0 };

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++)
		counters_drop(shard, drop_key(9, 0, i / 256, i % 256), 1, 100);
	counters_drops(c, see, &seen);
	counters_port_sum(c, 9, &sum);
	assert_int_equal(sum.drops, KEYS);
	assert_in_range(seen.cells, DROP_CELLS * 9 / 10, DROP_CELLS);
	assert_int_equal(seen.packets + shard->drops_lost, KEYS);
	assert_int_equal(counters_lost(counters_header(c), 0), shard->drops_lost);
	counters_destroy(c);
}

static void reset_forgets_one_port_and_frees_its_cells(void **state)
{
	struct counters *c = segment(1);
	struct counter_shard *shard = counters_shard(c, 0);
	struct port_counters sum;
	struct seen seen = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 2 * DROP_CELLS; i++)
		counters_drop(shard, drop_key(1, 0, i / 256, i % 256), 1, 100);
	shard->drops_lost = 0;
	counters_port_reset(c, 1);
	counters_port_sum(c, 1, &sum);
	assert_int_equal(sum.drops, 0);
	counters_drops(c, see, &seen);
	assert_int_equal(seen.cells, 0);

	for (uint32_t i = 0; i < DROP_CELLS / 4; i++)
		counters_drop(shard, drop_key(2, 0, 1, i), 1, 100);
	counters_port_reset(c, 1);
	counters_drops(c, see, &seen);
	assert_int_equal(shard->drops_lost, 0);
	assert_int_equal(seen.cells, DROP_CELLS / 4);
	assert_int_equal(seen.port, 2);
	counters_destroy(c);
}

/* A cell freed in the middle of a probe sequence must not hide those behind it. */
static void counting_goes_on_in_the_same_cell_after_others_were_freed(void **state)
{
	struct counters *c = segment(1);
	struct counter_shard *shard = counters_shard(c, 0);
	struct seen seen = { 0 };

	(void)state;
	for (uint32_t i = 0; i < DROP_CELLS / 2; i++)
		counters_drop(shard, drop_key(1 + i % 2, 0, 1, i), 1, 100);
	counters_port_reset(c, 1);
	for (uint32_t i = 1; i < DROP_CELLS / 2; i += 2)
		counters_drop(shard, drop_key(2, 0, 1, i), 1, 100);
	counters_drops(c, see, &seen);
	assert_int_equal(seen.cells, DROP_CELLS / 4);
	assert_int_equal(seen.packets + shard->drops_lost, DROP_CELLS / 2);
	counters_destroy(c);
}

static bool name_find(const struct counters *c, uint32_t kind, uint32_t id,
		      struct counters_name *out)
{
	const struct counters_header *h = counters_header(c);

	for (uint32_t i = 0; i < h->names_count; i++) {
		if (counters_name_read(h, i, out) && out->kind == kind && out->id == id)
			return true;
	}
	return false;
}

static void names_are_set_replaced_and_removed(void **state)
{
	struct counters *c = segment(1);
	struct counters_name name;
	char long_name[300];

	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	counters_name(c, COUNTERS_PORT, 0, 3, "web-1");
	counters_name(c, COUNTERS_REASON, 5, 3, "spoofed");
	assert_true(name_find(c, COUNTERS_PORT, 3, &name));
	assert_string_equal(name.name, "web-1");
	assert_true(name_find(c, COUNTERS_REASON, 3, &name));
	assert_int_equal(name.instance, 5);
	counters_name(c, COUNTERS_PORT, 0, 3, long_name);
	assert_true(name_find(c, COUNTERS_PORT, 3, &name));
	assert_int_equal(strlen(name.name), COUNTERS_NAME_SIZE - 1);
	counters_name(c, COUNTERS_PORT, 0, 3, NULL);
	assert_false(name_find(c, COUNTERS_PORT, 3, &name));
	counters_name(c, COUNTERS_PORT, 0, 99, NULL);
	counters_destroy(c);
}

static void more_names_than_places_are_ignored(void **state)
{
	struct counters *c = segment(1);
	struct counters_name name;
	uint32_t places = counters_header(c)->names_count;

	(void)state;
	for (uint32_t i = 1; i <= places + 10; i++)
		counters_name(c, COUNTERS_REASON, 1, i, "x");
	assert_true(name_find(c, COUNTERS_REASON, places, &name));
	assert_false(name_find(c, COUNTERS_REASON, places + 1, &name));
	counters_destroy(c);
}

static void outside_reader_finds_everything_in_the_file(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct counters *c;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];
	struct stat st;
	const struct counters_header *h;
	void *map;
	int fd;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/counters", test_temp_dir(dir));
	assert_int_equal(counters_create(&c, path, 2, &err), 0);
	counter_add(&counters_shard(c, 1)->ports[5].tx_packets, 42);
	counters_drop(counters_shard(c, 1), drop_key(5, 1, 2, 3), 6, 7);

	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	h = map;
	assert_true(counters_valid(h, (uint64_t)st.st_size));
	assert_false(counters_valid(h, (uint64_t)st.st_size - 1));
	assert_int_equal(h->pid, getpid());
	assert_int_equal(counter_read(&counters_port_at(h, 1, 5)->tx_packets), 42);

	uint64_t packets = 0;

	for (uint32_t i = 0; i < h->drops_count; i++) {
		const struct drop_cell *cell = counters_drop_at(h, 1, i);

		if (counter_read(&cell->key) == drop_key(5, 1, 2, 3) + 1)
			packets += counter_read(&cell->packets);
	}
	assert_int_equal(packets, 6);
	(void)munmap(map, (size_t)st.st_size);
	(void)close(fd);
	counters_destroy(c);
	assert_int_equal(access(path, F_OK), -1);
	test_temp_remove(dir);
}

static void new_segment_replaces_an_old_one_which_leaves_it_alone(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct counters *old;
	struct counters *new;
	char dir[TEST_PATH];
	char path[TEST_PATH + 16];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/counters", test_temp_dir(dir));
	assert_int_equal(counters_create(&old, path, 1, &err), 0);
	assert_int_equal(counters_create(&new, path, 1, &err), 0);
	counter_add(&counters_shard(old, 0)->ports[1].drops, 1);
	counters_destroy(old);
	assert_int_equal(access(path, F_OK), 0);
	counters_destroy(new);
	assert_int_equal(access(path, F_OK), -1);
	test_temp_remove(dir);
}

static void refusals_say_why(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct counters *c = NULL;

	(void)state;
	assert_int_equal(counters_create(&c, "/nonexistent/dir/counters", 1, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nonexistent/dir/counters"));
	assert_int_equal(counters_create(&c, NULL, 0, &err), -EINVAL);
	assert_int_equal(counters_create(&c, NULL, 65, &err), -EINVAL);
	assert_string_equal(err.text, "counter segment: 65 workers, must be 1..64");
	assert_null(c);
	counters_destroy(NULL);
}

enum { ROUNDS = 20000 };

static void *count_rounds(void *arg)
{
	struct counter_shard *shard = arg;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		counter_add(&shard->ports[1].rx_packets, 1);
		counters_drop(shard, drop_key(1, 0, 0, i % 100), 1, 60);
	}
	return NULL;
}

static bool numbers_went_back(const struct counters *c, struct port_counters *last)
{
	struct port_counters now;
	struct seen seen = { 0 };
	bool back;

	counters_port_sum(c, 1, &now);
	counters_drops(c, see, &seen);
	back = now.drops < last->drops || now.rx_packets < last->rx_packets || seen.cells > 100;
	*last = now;
	return back;
}

static void reader_may_look_while_workers_count(void **state)
{
	struct counters *c = segment(2);
	struct port_counters last = { 0 };
	struct seen seen = { 0 };
	pthread_t threads[2];
	unsigned wrong = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, count_rounds, counters_shard(c, i)), 0);
	for (int i = 0; i < 50; i++)
		wrong += numbers_went_back(c, &last);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(wrong, 0);
	counters_drops(c, see, &seen);
	assert_int_equal(seen.cells, 100);
	assert_int_equal(seen.packets, 2 * ROUNDS);
	counters_destroy(c);
}

static bool naming_ends;

/* Each name is one letter over and over; a torn one has two.  Returns how many were torn. */
static void *read_names(void *arg)
{
	const struct counters_header *h = arg;
	struct counters_name name;
	uintptr_t torn = 0;

	while (!__atomic_load_n(&naming_ends, __ATOMIC_RELAXED)) {
		if (counters_name_read(h, 0, &name))
			torn += strspn(name.name, (char[]){ name.name[0], '\0' }) != 100;
	}
	return (void *)torn;
}

static void reader_never_sees_half_a_name(void **state)
{
	struct counters *c = segment(1);
	char text[101] = { 0 };
	pthread_t thread;
	void *torn;
	union {
		const struct counters_header *in;
		void *out;
	} header = { .in = counters_header(c) };

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, read_names, header.out), 0);
	for (int i = 0; i < ROUNDS; i++) {
		memset(text, 'a' + i % 26, 100);
		counters_name(c, COUNTERS_PORT, 0, 1, text);
	}
	__atomic_store_n(&naming_ends, true, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, &torn), 0);
	assert_null(torn);
	counters_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_are_summed_over_shards),
		cmocka_unit_test(every_port_counter_is_summed),
		cmocka_unit_test(full_table_loses_cells_but_no_packet),
		cmocka_unit_test(reset_forgets_one_port_and_frees_its_cells),
		cmocka_unit_test(counting_goes_on_in_the_same_cell_after_others_were_freed),
		cmocka_unit_test(names_are_set_replaced_and_removed),
		cmocka_unit_test(more_names_than_places_are_ignored),
		cmocka_unit_test(outside_reader_finds_everything_in_the_file),
		cmocka_unit_test(new_segment_replaces_an_old_one_which_leaves_it_alone),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(reader_may_look_while_workers_count),
		cmocka_unit_test(reader_never_sees_half_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
