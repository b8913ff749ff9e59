/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_nat xvs_packet xvs_base */
/*
 * Sessions of one inside address go from a table to another: what the rules there bear goes on as if it
 * had begun there, and nothing else gets in.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/test.h"

#include "base/clock.h"
#include "base/hash.h"
#include "nat/move.h"

enum { A = 0x0a000001, B = 0x0a000002 };
static const uint32_t OUT5 = 0xcb007105;
static const uint32_t OUT6 = 0xcb007106;
static const uint32_t R1 = 0xc6336401;
static const uint32_t R2 = 0xc6336402;
enum { SYN = 2, ACK = 16 };
static const struct nat_prefix of_a = { A, UINT32_MAX };

static struct nat_table *here, *there;
static struct nat_watch *watch;
static uint64_t random_state;
static struct nat_moment now;
static uint8_t entries[64 * NAT_ENTRY_BYTES];

static void configure(struct nat_table *t, uint32_t outside, bool has_forward)
{
	struct nat_rules *r = nat_rules_create(has_forward);

	assert_non_null(r);
	r->timeouts = (struct nat_timeouts){ 7440000, 240000, 300000, 60000 };
	r->filters_by_address = true;
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ outside, 1024, 65535 };
	if (has_forward)
		r->forwards[0] = (struct nat_forward){ .outside = outside,
						       .inside = A,
						       .outside_port = 35000,
						       .inside_port = 3389,
						       .proto = PROTO_TCP };
	assert_int_equal(nat_table_configure(t, r), 0);
}

static int start(void **state)
{
	struct xvs_error err = ERROR_INIT;

	(void)state;
	hash_start();
	random_state = 88172645463325252ULL;
	now = (struct nat_moment){ 1000 * NS_PER_S, &random_state };
	assert_int_equal(nat_table_create(256, &here, &err), 0);
	assert_int_equal(nat_table_create(256, &there, &err), 0);
	configure(here, OUT5, true);
	configure(there, OUT5, true);
	watch = nat_watch_create(here);
	return watch ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	nat_watch_destroy(watch);
	nat_table_destroy(here);
	nat_table_destroy(there);
	return 0;
}

static struct nat_view view(uint8_t proto, uint32_t src, uint16_t src_port, uint32_t dst,
			    uint16_t dst_port)
{
	return (struct nat_view){ .src = src,
				  .dst = dst,
				  .src_port = src_port,
				  .dst_port = dst_port,
				  .proto = proto,
				  .tcp_flags = proto == PROTO_TCP ? SYN : 0,
				  .is_query = proto == PROTO_ICMP };
}

static struct nat_answer out(struct nat_table *t, struct nat_view v)
{
	struct nat_answer a;

	assert_true(nat_outward(t, &v, &now, 100, &a));
	return a;
}

static bool gets_in(struct nat_table *t, struct nat_view v, struct nat_answer *a)
{
	return nat_inward(t, &v, &now, 100, a);
}

static bool is_a(void *arg, uint32_t inside)
{
	(void)arg;
	return inside == A;
}

/* What is new since the last time, of A; bytes. */
static size_t told(void)
{
	bool more = true;
	size_t len = 0;

	nat_watch_begin(watch, &of_a, 1);
	while (more)
		len += nat_watch_next(watch, now.now_ns, entries + len, sizeof(entries) - len,
				      &more);
	return len;
}

static struct nat_adopted taken(size_t len)
{
	struct nat_adoption adoption = { .is_own = is_a };

	assert_int_equal(nat_adopt(there, now.now_ns, entries, len, &adoption), 0);
	return adoption.counts;
}

static uint32_t sessions_of(struct nat_table *t)
{
	struct nat_stats s;

	nat_table_stats(t, &s);
	return s.sessions;
}

/* A connection, from its first packet on. */
static struct nat_answer connect_to(uint32_t remote)
{
	struct nat_view v = view(PROTO_TCP, A, 5000, remote, 80);
	struct nat_answer a = out(here, v);
	struct nat_answer in;
	struct nat_view back = view(PROTO_TCP, remote, 80, OUT5, a.port);

	back.tcp_flags = SYN | ACK;
	assert_true(gets_in(here, back, &in));
	v.tcp_flags = ACK;
	return out(here, v);
}

static void go_on_as_they_were(void **state)
{
	struct nat_answer tcp = connect_to(R1);
	struct nat_answer udp = out(here, view(PROTO_UDP, A, 53, R1, 53));
	struct nat_answer ping = out(here, view(PROTO_ICMP, A, 7, R2, 0));
	struct nat_view v = view(PROTO_TCP, R1, 80, OUT5, tcp.port);
	struct nat_answer a;

	(void)state;
	(void)out(here, view(PROTO_UDP, B, 53, R1, 53));
	now.now_ns += 3 * NS_PER_S;
	assert_int_equal(taken(told()).taken, 3);
	v.tcp_flags = ACK;
	assert_true(gets_in(there, v, &a));
	assert_int_equal(a.address, A);
	assert_int_equal(a.port, 5000);
	v = view(PROTO_TCP, A, 5000, R1, 80);
	v.tcp_flags = ACK;
	assert_int_equal(out(there, v).port, tcp.port);
	/* the mapping is there for other remotes, too */
	assert_int_equal(out(there, view(PROTO_UDP, A, 53, R2, 123)).port, udp.port);
	assert_int_equal(out(there, view(PROTO_ICMP, A, 7, R2, 0)).port, ping.port);
}

static void look(void *arg, const struct nat_info *s)
{
	*(struct nat_info *)arg = *s;
}

static void keep_their_age_and_counts(void **state)
{
	struct nat_info before;
	struct nat_info after;

	(void)state;
	(void)connect_to(R1);
	now.now_ns += 100 * NS_PER_S;
	nat_list(here, now.now_ns, look, &before);
	assert_int_equal(taken(told()).taken, 1);
	nat_list(there, now.now_ns, look, &after);
	assert_string_equal(after.state, "established");
	assert_int_equal(after.packets[0], before.packets[0]);
	assert_int_equal(after.bytes[1], before.bytes[1]);
	assert_in_range(after.idle_ms, before.idle_ms - 2, before.idle_ms + 2);
	assert_in_range(after.age_ns, before.age_ns - 2 * NS_PER_MS, before.age_ns);
}

/* Idle for 49 days, says a peer: stamps wrap long before. */
static void end_soon_where_they_were_idle_for_long(void **state)
{
	enum { IDLE_AT = 21 };
	size_t len;

	(void)state;
	now.now_ns = UINT64_C(100) * 24 * 3600 * NS_PER_S;
	(void)out(here, view(PROTO_UDP, A, 53, R1, 53));
	len = told();
	memset(&entries[IDLE_AT], 0xff, sizeof(uint32_t));
	assert_int_equal(taken(len).taken, 1);
	assert_int_equal(sessions_of(there), 1);
	now.now_ns += 2 * NS_PER_S;
	nat_sweep(there, now.now_ns);
	assert_int_equal(sessions_of(there), 0);
}

static void are_told_once_and_again_when_they_change(void **state)
{
	struct nat_view v = view(PROTO_TCP, A, 5000, R1, 80);

	(void)state;
	(void)connect_to(R1);
	assert_int_equal(taken(told()).taken, 1);
	assert_int_equal(told(), 0);
	v.tcp_flags = ACK;
	(void)out(here, v);
	assert_int_equal(told(), 0);
	v.tcp_flags = 1 | ACK; /* FIN */
	(void)out(here, v);
	assert_int_equal(taken(told()).taken, 1);
	assert_int_equal(sessions_of(there), 1);
	(void)out(here, view(PROTO_UDP, A, 9, R1, 9));
	assert_int_equal(told(), NAT_ENTRY_BYTES);
}

static void go_by_a_forward_that_is_there_too(void **state)
{
	struct nat_answer a;

	(void)state;
	assert_true(gets_in(here, view(PROTO_TCP, R1, 40000, OUT5, 35000), &a));
	assert_int_equal(taken(told()).taken, 1);
	configure(there, OUT5, false);
	assert_int_equal(sessions_of(there), 0);
	assert_true(gets_in(here, view(PROTO_TCP, R1, 40001, OUT5, 35000), &a));
	/* without the forward its port is one of the pool, and its end a binding's */
	assert_int_equal(taken(told()).taken, 1);
}

static void end_where_the_address_is_not(void **state)
{
	struct nat_share shares[NAT_ADDRESSES_MAX];
	struct nat_adopted counts;

	(void)state;
	configure(there, OUT6, true);
	(void)connect_to(R1);
	(void)out(here, view(PROTO_UDP, A, 53, R1, 53));
	nat_watch_begin(watch, &of_a, 1);
	assert_int_equal(nat_watch_shares(watch, shares), 1);
	assert_int_equal(shares[0].outside, OUT5);
	assert_int_equal(shares[0].sessions, 2);
	assert_false(nat_rules_have(nat_table_rules(there), OUT5));
	counts = taken(told());
	assert_int_equal(counts.taken, 0);
	assert_int_equal(counts.foreign, 2);
	assert_int_equal(sessions_of(there), 0);
}

static void take_nothing_that_is_anothers(void **state)
{
	struct nat_adopted counts;
	bool more;
	size_t len;

	(void)state;
	(void)out(here, view(PROTO_UDP, B, 53, R1, 53));
	nat_watch_begin(watch, &(struct nat_prefix){ B, UINT32_MAX }, 1);
	len = nat_watch_next(watch, now.now_ns, entries, sizeof(entries), &more);
	assert_int_equal(len, NAT_ENTRY_BYTES);
	counts = taken(len);
	assert_int_equal(counts.taken, 0);
	assert_int_equal(counts.busy, 1);
	assert_int_equal(sessions_of(there), 0);
}

static void leave_a_port_that_is_in_use_to_whom_has_it(void **state)
{
	struct nat_adopted counts;
	size_t len;

	(void)state;
	(void)out(here, view(PROTO_UDP, A, 53, R1, 53));
	len = told();
	assert_int_equal(taken(len).taken, 1);
	/* as if it were another's: the same outside end of another inside port */
	entries[12] ^= 1;
	counts = taken(len);
	assert_int_equal(counts.taken, 0);
	assert_int_equal(counts.busy, 1);
	assert_int_equal(sessions_of(there), 1);
}

static void end_at_the_source(void **state)
{
	(void)state;
	(void)connect_to(R1);
	(void)out(here, view(PROTO_UDP, B, 53, R1, 53));
	assert_true(nat_has_inside(here, A));
	(void)told();
	assert_int_equal(nat_watch_end(watch), 1);
	assert_false(nat_has_inside(here, A));
	assert_int_equal(sessions_of(here), 1);
}

static void are_refused_whole_where_they_are_malformed(void **state)
{
	struct nat_adoption adoption = { .is_own = is_a };
	size_t len;

	(void)state;
	(void)out(here, view(PROTO_UDP, A, 53, R1, 53));
	(void)out(here, view(PROTO_UDP, A, 54, R1, 53));
	len = told();
	assert_int_equal(len, 2 * NAT_ENTRY_BYTES);
	entries[NAT_ENTRY_BYTES + 18] = 99; /* a protocol that is none */
	assert_int_equal(nat_adopt(there, now.now_ns, entries, len, &adoption), -EPROTO);
	assert_int_equal(nat_adopt(there, now.now_ns, entries, len - 1, &adoption), -EPROTO);
	assert_int_equal(sessions_of(there), 0);
}

static void are_as_many_as_a_host_may_have(void **state)
{
	struct nat_rules *r = nat_rules_create(0);
	struct nat_adopted counts;

	(void)state;
	r->pool_count = 1;
	r->pools[0] = (struct nat_pool){ OUT5, 1024, 65535 };
	r->host_sessions = 3;
	assert_int_equal(nat_table_configure(there, r), 0);
	for (uint16_t i = 0; i < 5; i++)
		(void)out(here, view(PROTO_UDP, A, (uint16_t)(100 + i), R1, 53));
	counts = taken(told());
	assert_int_equal(counts.taken, 3);
	assert_int_equal(counts.busy, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(go_on_as_they_were),
		TEST(keep_their_age_and_counts),
		TEST(end_soon_where_they_were_idle_for_long),
		TEST(are_told_once_and_again_when_they_change),
		TEST(go_by_a_forward_that_is_there_too),
		TEST(end_where_the_address_is_not),
		TEST(take_nothing_that_is_anothers),
		TEST(leave_a_port_that_is_in_use_to_whom_has_it),
		TEST(end_at_the_source),
		TEST(are_refused_whole_where_they_are_malformed),
		TEST(are_as_many_as_a_host_may_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
