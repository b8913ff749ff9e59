/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_config xvs_policy */
/* An uplink becomes a member of a team: its port stays, and extensions go from it to the team's. */
#include "fixture.h"

#define SWITCH \
	"switches:\n  - name: lab\n    type: external\n" \
	"    chain:\n      - {instance: rec, extension: test.recorder}\n"
#define UPLINKS "    uplinks:\n      - {name: up0, backend: {kind: 'null'}"
#define ONE SWITCH UPLINKS "}\n"
#define RATED SWITCH UPLINKS ", policies: {test.recorder.limit/1: {rate: 5}}}\n"
#define SECOND "      - {name: up1, backend: {kind: 'null'}}\n"

static void goes_on_while_the_teams_port_takes_over(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	fixture_has(f, ONE);
	id = world_port_id(f->world, "lab/up0");
	free(fixture_record(f));
	fixture_has(f, ONE SECOND);
	fixture_expect(f, "rec: port_attach team segment 0\n"
			  "rec: port_event team CHANGED segment 0\n" /* of its first member */
			  "rec: port_event team UP segment 0\n"
			  "rec: port_event up0 DOWN segment 0\n"
			  "rec: port_detach up0\n");
	assert_int_equal(world_port_id(f->world, "lab/up0"), id);
	EXPECT(world_port_show(f->world, "lab/up0"), "state", "open");
	EXPECT(world_port_show(f->world, "lab/team"), "state", "open");
	EXPECT(world_port_show(f->world, "lab/team"), "ingress|0", "rec");
}

static void its_policies_go_with_its_place_in_the_chain(void **state)
{
	struct fixture *f = *state;

	fixture_has(f, RATED);
	free(fixture_record(f));
	fixture_has(f, ONE "    team: {policies: {test.recorder.limit/1: {rate: 7}}}\n");
	fixture_expect(f, "rec: port_attach team segment 0\n"
			  "rec: check team test.recorder.limit/1 set\n"
			  "rec: apply team test.recorder.limit/1 set\n"
			  "rec: port_event team CHANGED segment 0\n" /* of its first member */
			  "rec: port_event team UP segment 0\n"
			  "rec: port_event up0 DOWN segment 0\n"
			  "rec: port_detach up0\n");
}

static void a_refused_change_leaves_it_an_uplink_by_itself(void **state)
{
	struct fixture *f = *state;
	struct answer a;

	fixture_has(f, ONE);
	free(fixture_record(f));
	a = fixture_apply(f, ONE "    team: {policies: {test.recorder.limit/1: {rate: 13}}}\n");
	assert_int_not_equal(a.code, 0);
	assert_null(world_port_show(f->world, "lab/team"));
	EXPECT(world_port_show(f->world, "lab/up0"), "ingress|0", "rec");
	fixture_has(f, ONE SECOND);
	fixture_has(f, ONE);
	EXPECT(world_port_show(f->world, "lab/up0"), "ingress|0", "rec");
	assert_null(world_port_show(f->world, "lab/team"));
}

#define JOIN(fn) cmocka_unit_test_setup_teardown(fn, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOIN(goes_on_while_the_teams_port_takes_over),
		JOIN(its_policies_go_with_its_place_in_the_chain),
		JOIN(a_refused_change_leaves_it_an_uplink_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
