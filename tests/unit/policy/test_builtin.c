/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base pkg::jansson */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/builtin.h"
#include "sample.h"

static void have_sound_tables(void **state)
{
	size_t count = 0;

	(void)state;
	for (; builtin_features[count]; count++) {
		struct xvs_error err = ERROR_INIT;

		assert_int_equal(schema_check(builtin_features[count], &err), 0);
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(builtin_features[i]->id,
						builtin_features[count]->id);
	}
	assert_true(count > 0);
}

static void read_a_trunk(void **state)
{
	struct value *v = sample_decode(&builtin_vlan, "{\"mode\": \"trunk\", \"native\": 5,"
						       " \"allowed\": [10, \"20-30\"]}");
	const struct policy_vlan *vlan;
	const struct vlan_range *ranges;

	(void)state;
	assert_non_null(v);
	vlan = v->bytes;
	ranges = vlan->allowed.items;
	assert_int_equal(vlan->mode, VLAN_TRUNK);
	assert_int_equal(vlan->native, 5);
	assert_int_equal(vlan->allowed.count, 2);
	assert_int_equal(ranges[0].first, 10);
	assert_int_equal(ranges[0].last, 10);
	assert_int_equal(ranges[1].last, 30);
	value_put(v);
}

static void have_the_documented_defaults(void **state)
{
	struct value *learning = sample_decode(&builtin_learning, "{}");
	struct value *flows = sample_decode(&builtin_new_flows, "{}");
	struct value *connections = sample_decode(&builtin_connections, "{}");
	const struct policy_learning *l = learning->bytes;
	const struct policy_new_flows *f = flows->bytes;
	const struct policy_connections *c = connections->bytes;

	(void)state;
	assert_true(l->enabled);
	assert_int_equal(l->limit, 256);
	assert_int_equal(l->age_s, 300);
	assert_int_equal(f->per_second, 50000);
	assert_int_equal(f->burst, 5000);
	assert_int_equal(c->limit, 65536);
	assert_int_equal(c->half_open, 4096);
	value_put(learning);
	value_put(flows);
	value_put(connections);
}

static void refuse_a_vlan_out_of_range(void **state)
{
	(void)state;
	assert_null(sample_decode(&builtin_vlan, "{\"vlan\": 4095}"));
	assert_string_equal(sample_diags.items[0].text,
			    "port web-1: policy x: vlan is 4095, must be 0..4094");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(have_sound_tables),
		cmocka_unit_test(read_a_trunk),
		cmocka_unit_test(have_the_documented_defaults),
		cmocka_unit_test(refuse_a_vlan_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
