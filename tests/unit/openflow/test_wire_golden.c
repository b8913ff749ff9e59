/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ovs-ofctl and os-ken say is understood, and said again in their words.
 */
#include "openflow/golden.h"

#include "wire/action.h"
#include "wire/message.h"
#include "wire/oxm.h"

static struct of_arena arena;
static struct of_message m;
static struct golden g;

static of_fault decode(uint8_t version)
{
	const struct of_dialect dialect = { .version = version,
					    .has_table_ids = strstr(g.name, "table_id") != NULL };

	of_arena_reset(&arena);
	return of_decode(&dialect, g.bytes, g.len, &arena, &m);
}

static const struct {
	const char *name;
	uint8_t version;
} files[] = { { "of10", OF_V10 }, { "of13", OF_V13 }, { "of14", OF_V14 } };

/* What is refused on purpose; all else is understood. */
static of_fault expected_fault(const char *name)
{
	if (strcmp(name, "osken_experimenter") == 0)
		return OF_BAD_REQUEST_EXPERIMENTER;
	if (strcmp(name, "ofctl_dump_flows_2") == 0 && m.version == OF_V10)
		return OF_BAD_REQUEST_EPERM; /* NXT_SET_FLOW_FORMAT */
	return OF_OK;
}

static void all_that_controllers_say_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f = golden_open(files[i].name);
		uint32_t count = 0;

		for (; golden_next(f, &g); count++) {
			of_fault fault = decode(files[i].version);

			if (fault != expected_fault(g.name))
				fail_msg("%s %s: fault %u %u", files[i].name, g.name,
					 of_fault_type(fault), of_fault_code(fault));
			if (!fault)
				assert_in_range(m.kind, OF_MSG_HELLO, OF_MSG_KINDS - 1);
			assert_int_equal(m.version, files[i].version);
		}
		(void)fclose(f);
		assert_true(count > 40);
	}
}

static void print_bytes(const char *what, const uint8_t *at, uint32_t len)
{
	print_message("%s ", what);
	for (uint32_t i = 0; i < len; i++)
		print_message("%02x", at[i]);
	print_message("\n");
}

/* Are the fields of one match those of the other, in any order? */
static bool has_same_fields(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	for (uint32_t i = OFP_MATCH_HEAD; i < len; i += OFP_OXM_HEAD + a[i + 3]) {
		uint32_t size = (uint32_t)OFP_OXM_HEAD + a[i + 3];
		uint32_t k = OFP_MATCH_HEAD;

		while (k < len && (size != (uint32_t)OFP_OXM_HEAD + b[k + 3] ||
				   memcmp(a + i, b + k, size) != 0))
			k += OFP_OXM_HEAD + b[k + 3];
		if (k >= len)
			return false;
	}
	return true;
}

static bool is_same(const uint8_t *was, const uint8_t *is, uint32_t len)
{
	uint32_t match = (uint32_t)was[2] << 8 | was[3];
	uint32_t padded = (match + 7) / 8 * 8;

	return was[2] == is[2] && was[3] == is[3] && has_same_fields(was, is, match) &&
	       memcmp(was + padded, is + padded, len - padded) == 0;
}

static void is_said_again(struct of_writer *w, uint8_t version)
{
	const uint32_t at = OFP_HEADER + OFP_FLOW_MOD;

	of_writer_reset(w);
	of_match_put(w, version, &m.flow.match);
	of_instructions_put(w, version, &m.flow.instructions);
	assert_false(w->is_failed);
	if (w->len != g.len - at || !is_same(g.bytes + at, w->bytes, w->len)) {
		print_bytes("was", g.bytes + at, g.len - at);
		print_bytes("is ", w->bytes, w->len);
		fail_msg("%s, version %u", g.name, version);
	}
}

/* Sets of actions are told in the order in which they are done. */
static bool has_other_order(const char *name)
{
	return strcmp(name, "ofctl_add_write_2") == 0;
}

static void flows_are_told_as_they_were_said(void **state)
{
	struct of_writer w;
	uint32_t count = 0;

	(void)state;
	of_writer_init(&w, 65536);
	for (size_t i = 1; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *f = golden_open(files[i].name);

		while (golden_next(f, &g)) {
			if (g.bytes[1] != OFPT_FLOW_MOD || has_other_order(g.name))
				continue;
			assert_int_equal(decode(files[i].version), OF_OK);
			is_said_again(&w, files[i].version);
			count++;
		}
		(void)fclose(f);
	}
	assert_true(count > 60);
	of_writer_finish(&w);
}

static void matches_of_10_are_told_as_they_were_said(void **state)
{
	struct of_writer w;
	FILE *f = golden_open("of10");
	uint32_t count = 0;

	(void)state;
	of_writer_init(&w, 65536);
	while (golden_next(f, &g)) {
		if (g.bytes[1] != OFPT_FLOW_MOD)
			continue;
		assert_int_equal(decode(OF_V10), OF_OK);
		if (m.flow.command == OF_FLOW_DELETE || m.flow.command == OF_FLOW_DELETE_STRICT)
			continue;
		of_writer_reset(&w);
		of_match10_put(&w, &m.flow.match);
		of_put(&w, g.bytes + OFP_HEADER + OFP10_MATCH, OFP10_FLOW_MOD);
		of_actions_put(&w, OF_V10, &m.flow.instructions.apply);
		if (w.len != g.len - OFP_HEADER ||
		    memcmp(w.bytes, g.bytes + OFP_HEADER, w.len) != 0) {
			print_bytes("was", g.bytes + OFP_HEADER, g.len - OFP_HEADER);
			print_bytes("is ", w.bytes, w.len);
			fail_msg("%s", g.name);
		}
		count++;
	}
	(void)fclose(f);
	assert_true(count > 15);
	of_writer_finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_that_controllers_say_is_understood),
		cmocka_unit_test(flows_are_told_as_they_were_said),
		cmocka_unit_test(matches_of_10_are_told_as_they_were_said),
	};
	int result;

	if (of_arena_init(&arena))
		return 1;
	result = cmocka_run_group_tests(tests, NULL, NULL);
	of_arena_finish(&arena);
	return result;
}
