/* SPDX-License-Identifier: Apache-2.0 */
/* What a port has learned goes with it; a record that is not one changes nothing. */
#include "plugins/fake_state.h"

#include "guard.h"

enum { PLACES = 3, AGE_S = 600 };

static const uint64_t second = 1000000000;
static const uint8_t guest[6] = { 0x52, 0x54, 0, 0, 0, 1 };

struct scene {
	struct fake_host host;
	struct xvs_port port;
	void *here, *there;
	struct guard_policy policy;
	struct fake_record record;
};

static void address_of(uint8_t n, uint8_t out[16])
{
	memset(out, 0, 16);
	out[10] = 0xff;
	out[11] = 0xff;
	out[12] = 10;
	out[15] = n;
}

static void learn(struct scene *s, uint8_t n, uint64_t age_s)
{
	uint8_t address[16];

	address_of(n, address);
	assert_true(guard_learn(s->here, &s->policy, address, s->host.now_ns - age_s * second) !=
		    0);
}

static bool knows(struct scene *s, void *port, uint8_t n)
{
	uint8_t address[16];

	address_of(n, address);
	return guard_has_learned(port, &s->policy, address, s->host.now_ns);
}

static void set_policy(struct scene *s, void *port)
{
	struct xvs_error err;

	assert_int_equal(fake_policy(&s->host, port, "org.xvs.guard/1", &s->policy, true, &err), 0);
	fake_quiet(&s->host);
}

static int setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	fake_create(&s->host, 2);
	s->host.now_ns = 100000 * second;
	s->port = fake_port(1, "vm1", guest);
	s->here = fake_attach(&s->host, &s->port);
	s->there = fake_attach(&s->host, &s->port);
	s->policy = (struct guard_policy){ .arp_guard = true,
					   .dynamic_ips = PLACES,
					   .dynamic_age_s = AGE_S,
					   .storm_pps = 10,
					   .storm_burst = 10 };
	set_policy(s, s->here);
	set_policy(s, s->there);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	fake_detach(&s->host, s->here);
	fake_detach(&s->host, s->there);
	fake_destroy(&s->host);
	free(s);
	return 0;
}

static void addresses_go_there(void **state)
{
	struct scene *s = *state;
	struct guard_addresses list;

	learn(s, 5, 0);
	learn(s, 6, 40);
	fake_save(&s->host, s->here, &s->record);
	assert_int_equal(fake_restore(&s->host, s->there, &s->record, s->record.len), 0);
	guard_list_learned(s->there, s->host.now_ns, &list);
	assert_int_equal(list.learned, 2);
	assert_non_null(strstr(list.list, "10.0.0.6 (40s)"));
	assert_true(knows(s, s->there, 5));
	assert_false(knows(s, s->there, 7));
	assert_int_equal(s->host.invalidated_tags, ~UINT64_C(0));
}

static void a_later_record_takes_the_place_of_an_earlier(void **state)
{
	struct scene *s = *state;

	learn(s, 5, 0);
	fake_save(&s->host, s->here, &s->record);
	assert_int_equal(fake_restore(&s->host, s->there, &s->record, s->record.len), 0);
	s->host.now_ns += (AGE_S + 1) * second;
	learn(s, 8, 0);
	fake_save(&s->host, s->here, &s->record);
	assert_int_equal(fake_restore(&s->host, s->there, &s->record, s->record.len), 0);
	assert_true(knows(s, s->there, 8));
	assert_false(knows(s, s->there, 5));
}

static void the_policy_there_says_how_many(void **state)
{
	struct scene *s = *state;
	struct guard_addresses list;

	learn(s, 5, 300);
	learn(s, 6, 200);
	learn(s, 7, 100);
	fake_save(&s->host, s->here, &s->record);
	s->policy.dynamic_ips = 2;
	set_policy(s, s->there);
	assert_int_equal(fake_restore(&s->host, s->there, &s->record, s->record.len), 0);
	guard_list_learned(s->there, s->host.now_ns, &list);
	assert_int_equal(list.learned, 2);
	assert_true(knows(s, s->there, 7));
	assert_false(knows(s, s->there, 5));
}

static void counts_and_the_storm_limit_go_on(void **state)
{
	struct scene *s = *state;
	struct guard_port *here = s->here;
	struct guard_port *there = s->there;
	struct guard_rules *rules = atomic_load(&here->rules);
	struct guard_rules *other = atomic_load(&there->rules);
	uint64_t drops[GUARD_REASON_COUNT];

	atomic_store(&here->drops[1].count[GUARD_STORM], 12);
	rules->meter.full_at_ns = s->host.now_ns + second / 2;
	fake_save(&s->host, s->here, &s->record);
	s->host.now_ns += 7 * second; /* another clock */
	assert_int_equal(fake_restore(&s->host, s->there, &s->record, s->record.len), 0);
	guard_status(s->there, 2, drops);
	assert_int_equal(drops[GUARD_STORM], 12);
	assert_true(other->meter.full_at_ns == s->host.now_ns + second / 2);
}

static void no_record_silences_a_port_for_long(void **state)
{
	struct scene *s = *state;
	struct guard_port *here = s->here;
	struct guard_port *there = s->there;
	struct guard_rules *rules = atomic_load(&here->rules);
	struct guard_rules *other = atomic_load(&there->rules);

	rules->meter.full_at_ns = s->host.now_ns + 1000000 * second;
	fake_save(&s->host, s->here, &s->record);
	assert_int_equal(fake_restore(&s->host, s->there, &s->record, s->record.len), 0);
	assert_true(other->meter.full_at_ns <= s->host.now_ns + second);
}

static void what_is_no_record_changes_nothing(void **state)
{
	struct scene *s = *state;
	struct guard_addresses list;

	learn(s, 5, 0);
	fake_save(&s->host, s->here, &s->record);
	fake_restore_cut(&s->host, s->there, &s->record);
	guard_list_learned(s->there, s->host.now_ns, &list);
	assert_int_equal(list.learned, 0);
	fake_restore_changed(&s->host, s->there, &s->record);
	guard_list_learned(s->there, s->host.now_ns, &list);
	assert_in_range(list.learned, 0, PLACES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(addresses_go_there),
		T(a_later_record_takes_the_place_of_an_earlier),
		T(the_policy_there_says_how_many),
		T(counts_and_the_storm_limit_go_on),
		T(no_record_silences_a_port_for_long),
		T(what_is_no_record_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
