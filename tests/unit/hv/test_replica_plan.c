/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a beat of a replication copies, and what is believed of a replica's record.
 * links: xvs_hv xvs_rpc xvs_tls xvs_base pkg::jansson pkg::libevent
 */
#include "support/test.h"

#include <string.h>

#include "replica_part.h"

#define ID "01234567-89ab-4cde-8f01-23456789abcd"

static struct vm_spec two_disks(void)
{
	struct vm_spec s = { .disk_count = 3 };

	(void)str_copy(s.disks[0].name, SPEC_NAME, "root");
	(void)str_copy(s.disks[1].name, SPEC_NAME, "data");
	(void)str_copy(s.disks[2].name, SPEC_NAME, "tools");
	s.disks[2].is_read_only = true;
	return s;
}

static json_t *nodes_of(const char *root, const char *data)
{
	json_t *nodes =
		json_pack("[{s:s, s:o, s:{s:I}}, {s:s, s:o}, {s:s}]", "node-name", "disk-root",
			  "dirty-bitmaps", json_loads(root, 0, NULL), "image", "virtual-size",
			  (json_int_t)4096, "node-name", "disk-data", "dirty-bitmaps",
			  json_loads(data, 0, NULL), "node-name", "disk-tools");

	assert_non_null(nodes);
	return nodes;
}

#define BITMAP(n, more) "{\"name\": \"xvs-01234567-" n "\", \"recording\": true" more "}"

static bool is_incremental(const char *root, const char *data, uint64_t sequence)
{
	struct vm_spec s = two_disks();
	json_t *nodes = nodes_of(root, data);
	bool is_it = plan_is_incremental(nodes, &s, ID, sequence);

	json_decref(nodes);
	return is_it;
}

static void sends_changes_where_every_disk_knows_them_since_that_point(void **state)
{
	(void)state;
	assert_true(is_incremental("[" BITMAP("7", "") "]",
				   "[" BITMAP("6", "") ", " BITMAP("7", "") "]", 7));
}

static void sends_all_where_a_bitmap_is_lost_or_not_to_be_believed(void **state)
{
	static const char *const broken[] = {
		"[]",
		"[" BITMAP("6", "") "]",
		"[" BITMAP("7", ", \"inconsistent\": true") "]",
		"[{\"name\": \"xvs-01234567-7\", \"recording\": false}]",
		"[{\"name\": \"xvs-76543210-7\", \"recording\": true}]",
		"[17, {\"name\": 3}]",
		"{}"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		assert_false(is_incremental("[" BITMAP("7", "") "]", broken[i], 7));
		assert_false(is_incremental(broken[i], "[" BITMAP("7", "") "]", 7));
	}
	/* a replica that has no point yet */
	assert_false(is_incremental("[" BITMAP("0", "") "]", "[" BITMAP("0", "") "]", 0));
}

static void removes_bitmaps_of_all_but_the_point_that_counts(void **state)
{
	struct vm_spec s = two_disks();
	json_t *nodes = nodes_of("[" BITMAP("7", "") ", " BITMAP("8", "") ", {\"name\": \"mine\"}]",
				 "[" BITMAP("7", "") ", {\"name\": \"xvs-76543210-3\"}]");
	json_t *stale = plan_stale(nodes, &s, ID, 7);
	json_t *wanted = json_pack("[{s:s, s:s}, {s:s, s:s}]", "node", "disk-root", "name",
				   "xvs-01234567-8", "node", "disk-data", "name", "xvs-76543210-3");

	(void)state;
	assert_true(json_equal(stale, wanted));
	assert_int_equal(plan_disk_size(nodes, &s.disks[0]), 4096);
	assert_int_equal(plan_disk_size(nodes, &s.disks[1]), 0);
	json_decref(stale);
	json_decref(wanted);
	json_decref(nodes);
}

static json_t *record_make(void)
{
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:[{s:I, s:I}, {s:I, s:I}], s:{}}",
			 "replica", ID, "from", "hosta", "state", "active", "epoch", (json_int_t)3,
			 "every", (json_int_t)30, "points_max", (json_int_t)4, "point",
			 (json_int_t)5, "points", "sequence", (json_int_t)4, "time",
			 (json_int_t)1000, "sequence", (json_int_t)5, "time", (json_int_t)1030,
			 "machine");
}

static void reads_a_record_as_it_was_written(void **state)
{
	json_t *j = record_make();
	struct replica_record r;

	(void)state;
	assert_true(replica_record_read(j, &r));
	assert_int_equal(r.state, REPLICA_ACTIVE);
	assert_int_equal(r.point, 5);
	assert_int_equal(json_array_size(r.points), 2);
	replica_record_finish(&r);
	json_decref(j);
}

static void believes_no_record_that_it_did_not_write(void **state)
{
	static const char *const keys[] = { "replica",    "from",  "state",  "epoch",  "every",
					    "points_max", "point", "points", "machine" };
	struct replica_record r;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *j = record_make();

		(void)json_object_set_new(j, keys[i], json_real(0.5));
		assert_false(replica_record_read(j, &r));
		(void)json_object_del(j, keys[i]);
		assert_false(replica_record_read(j, &r));
		json_decref(j);
	}
}

static void refuses_points_that_do_not_follow_one_another(void **state)
{
	json_t *j = record_make();
	json_t *points = json_object_get(j, "points");
	struct replica_record r;

	(void)state;
	(void)json_array_append(points, json_array_get(points, 0));
	assert_false(replica_record_read(j, &r));
	json_decref(j);
}

static void takes_pieces_of_files_in_digits_alone(void **state)
{
	static uint8_t out[PIECE_MAX];
	static char text[2 * PIECE_MAX + 3];
	size_t len = 0;

	(void)state;
	assert_true(piece_read("00ff7F", out, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(out, "\x00\xff\x7f", 3);
	assert_true(piece_read("", out, &len));
	assert_int_equal(len, 0);
	assert_false(piece_read("0", out, &len));
	assert_false(piece_read("0g", out, &len));
	memset(text, 'a', 2 * PIECE_MAX);
	assert_true(piece_read(text, out, &len));
	assert_int_equal(len, PIECE_MAX);
	text[2 * PIECE_MAX] = text[2 * PIECE_MAX + 1] = 'a';
	assert_false(piece_read(text, out, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sends_changes_where_every_disk_knows_them_since_that_point),
		cmocka_unit_test(sends_all_where_a_bitmap_is_lost_or_not_to_be_believed),
		cmocka_unit_test(removes_bitmaps_of_all_but_the_point_that_counts),
		cmocka_unit_test(reads_a_record_as_it_was_written),
		cmocka_unit_test(believes_no_record_that_it_did_not_write),
		cmocka_unit_test(refuses_points_that_do_not_follow_one_another),
		cmocka_unit_test(takes_pieces_of_files_in_digits_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
