/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* A daemon is reloaded for years: nothing grows with the number of changes. */
#include "fixture.h"

#include <malloc.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/allocator_interface.h>
#define IN_USE() __sanitizer_get_current_allocated_bytes()
#define SLACK_BYTES (1 << 10)
#endif
#endif
#ifndef IN_USE
/* What a thread keeps for its next allocation counts as in use. */
#define IN_USE() mallinfo2().uordblks
#define SLACK_BYTES (128 << 10)
#endif

enum { ROUNDS = 250, ROUNDS_WARM = 50 };

#define SWITCH "switches:\n  - name: lab\n    type: private\n    chain:\n"
#define REC "      - {instance: rec, extension: test.recorder}\n"
#define EYE "      - {instance: eye, extension: test.watcher}\n"
#define HOLDER "      - {instance: odd, extension: test.holder}\n"
#define VM1(rate) \
	"      - {name: vm1, backend: {kind: 'null'}, policies: {test.recorder.limit/1: {rate: " #rate \
	"}}}\n"
#define VM2 \
	"      - {name: vm2, backend: {kind: 'null'}, policies: {test.holder.limit/1: {rate: 1}}}\n"

/* Instances and ports come and go, policies change, a document is refused, a value is overlaid. */
static void round_of_changes(struct fixture *f)
{
	fixture_has(f, SWITCH REC HOLDER "    ports:\n" VM1(5) VM2);
	assert_true(fixture_apply(f, SWITCH REC EYE "    ports:\n" VM1(13)).code < 0);
	fixture_has(f, SWITCH EYE REC "    ports:\n" VM1(6));
	assert_int_equal(fixture_set(f, "vm1", "test.recorder.limit/1", "rate=7", true).code, 0);
	assert_int_equal(fixture_set(f, "vm1", "test.recorder.limit/1", NULL, true).code, 0);
}

static size_t in_use(struct fixture *f)
{
	(void)unlink(f->record);
	return IN_USE();
}

static void grows_by_nothing_however_often_it_is_changed(void **state)
{
	struct fixture *f = *state;
	size_t before;

	for (unsigned i = 0; i < ROUNDS_WARM; i++)
		round_of_changes(f);
	before = in_use(f);
	for (unsigned i = 0; i < ROUNDS; i++)
		round_of_changes(f);
	assert_in_range(in_use(f), 0, before + SLACK_BYTES);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(grows_by_nothing_however_often_it_is_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
