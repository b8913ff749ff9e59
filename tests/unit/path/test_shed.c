/* SPDX-License-Identifier: Apache-2.0 */
/* Sources that drivers drop for extensions: whose they are, how long, and their numbers. */
#define XVS_USE_DRAFT
#include "bench.h"

#include "base/str.h"
#include "path/shed.h"
#include "xvs/ext/shed.h"

enum { ROOM = 3, HOUR_MS = 3600000, FRAME = 60, FLOOD = 2, SPAM = 3 };

/* A driver with room for a few sources, one for all ports of a test. */
struct shed_row {
	struct backend_source source;
	uint32_t slot;
	bool in_use;
};

static struct driver {
	struct shed_row rows[ROOM];
	uint64_t packets[BACKEND_SHED_MAX];
	uint32_t calls;
} driver;

static struct shed_row *row_of(const struct xvs_ip *prefix)
{
	for (uint32_t i = 0; i < ROOM; i++) {
		if (driver.rows[i].in_use &&
		    memcmp(&driver.rows[i].source.prefix, prefix, sizeof(*prefix)) == 0)
			return &driver.rows[i];
	}
	return NULL;
}

static int driver_shed(struct backend *b, uint32_t slot, const struct backend_source *s)
{
	struct shed_row *row = row_of(&s->prefix);

	(void)b;
	driver.calls++;
	for (uint32_t i = 0; i < ROOM && !row; i++) {
		if (!driver.rows[i].in_use)
			row = &driver.rows[i];
	}
	if (!row)
		return -ENOSPC;
	*row = (struct shed_row){ .source = *s, .slot = slot, .in_use = true };
	return 0;
}

static void driver_unshed(struct backend *b, const struct backend_source *s)
{
	struct shed_row *row = row_of(&s->prefix);

	(void)b;
	assert_non_null(row);
	row->in_use = false;
}

static void driver_counts(const struct backend *b, uint32_t slot, uint64_t *packets,
			  uint64_t *bytes)
{
	(void)b;
	*packets = driver.packets[slot];
	*bytes = driver.packets[slot] * FRAME;
}

/* ---- the switch ---------------------------------------------------------------------------------- */

static struct backend_ops shed_ops;

static void ports_that_shed(uint32_t count)
{
	memset(&driver, 0, sizeof(driver));
	shed_ops = memory_ops;
	shed_ops.shed = driver_shed;
	shed_ops.unshed = driver_unshed;
	shed_ops.shed_counts = driver_counts;
	bench.next_ops = &shed_ops;
	bench_ports(count);
}

static struct xvs_shed_source from(const char *prefix, uint32_t port, uint16_t reason)
{
	struct xvs_shed_source s = {
		.size = sizeof(s), .port = port, .ms = HOUR_MS, .reason = reason
	};

	assert_true(ip_parse(prefix, &s.prefix));
	return s;
}

static const struct xvs_shed_host *shed_of_probe(const struct probe *p)
{
	const struct xvs_shed_host *shed = p->host->query(p->host, XVS_SHED);

	assert_non_null(shed);
	return shed;
}

static int add(const struct probe *p, const char *prefix, uint32_t port, uint16_t reason)
{
	const struct xvs_shed_source s = from(prefix, port, reason);

	return shed_of_probe(p)->add(p->host, &s);
}

static int take_back(const struct probe *p, const char *prefix, uint32_t port)
{
	struct xvs_ip ip;

	assert_true(ip_parse(prefix, &ip));
	return shed_of_probe(p)->remove(p->host, port, &ip);
}

static const struct shed_row *row(const char *prefix)
{
	struct xvs_ip ip;

	assert_true(ip_parse(prefix, &ip));
	return row_of(&ip);
}

static void flood(const char *prefix, uint64_t packets)
{
	const struct shed_row *r = row(prefix);

	assert_non_null(r);
	driver.packets[r->slot] += packets;
}

static void look(uint64_t more_ms)
{
	shed_look(bench.path->shed, clock_ns() + more_ms * NS_PER_MS);
	bench_turns(2);
}

static uint64_t shed_drops(const struct probe *p, uint32_t port, uint32_t reason)
{
	return drops_at(port, XVS_STAGE_INGRESS, p->instance->nr, reason);
}

static struct probe *filter_at(uint32_t port)
{
	struct probe *p = probe_new(XVS_FILTER, 0, SEES_PACKETS);

	bench_chain(port, p);
	return p;
}

/* ---- tests --------------------------------------------------------------------------------------- */

static void what_is_shed_was_received_and_dropped(void **state)
{
	struct port_counters c;
	struct probe *p;

	(void)state;
	ports_that_shed(2);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), 0);
	flood("10.0.0.7", 1000);
	look(0);
	flood("10.0.0.7", 500);
	look(0);
	assert_int_equal(shed_drops(p, 1, FLOOD), 1500);
	counters_port_sum(bench.counters, 1, &c);
	assert_int_equal(c.rx_packets, 1500);
	assert_int_equal(c.rx_bytes, 1500 * FRAME);
	assert_int_equal(c.drops, 1500);
	bench_assert_law();
}

static void bits_behind_the_prefix_say_nothing(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7/24", 1, FLOOD), 0);
	assert_non_null(row("10.0.0.0/24"));
	assert_int_equal(add(p, "10.0.0.99/24", 1, FLOOD), 0);
	assert_int_equal(take_back(p, "10.0.0.1/24", 1), 0);
	assert_null(row("10.0.0.0/24"));
	assert_int_equal(take_back(p, "10.0.0.1/24", 1), -ENOENT);
}

static void time_ends_it_and_naming_it_again_prolongs_it(void **state)
{
	struct xvs_shed_source s;
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	s = from("10.0.0.7", 1, FLOOD);
	s.ms = 1000;
	assert_int_equal(shed_of_probe(p)->add(p->host, &s), 0);
	s.ms = HOUR_MS;
	assert_int_equal(shed_of_probe(p)->add(p->host, &s), 0);
	look(2000);
	flood("10.0.0.7", 10);
	look(HOUR_MS + 1000);
	assert_null(row("10.0.0.7"));
	assert_int_equal(shed_drops(p, 1, FLOOD), 10);
}

static void a_new_reason_holds_from_then_on(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), 0);
	flood("10.0.0.7", 3);
	assert_int_equal(add(p, "10.0.0.7", 1, SPAM), 0);
	flood("10.0.0.7", 4);
	look(0);
	assert_int_equal(shed_drops(p, 1, FLOOD), 3);
	assert_int_equal(shed_drops(p, 1, SPAM), 4);
}

static void who_named_it_first_has_its_numbers_until_it_ends(void **state)
{
	struct probe *one;
	struct probe *two;

	(void)state;
	ports_that_shed(1);
	one = filter_at(1);
	two = filter_at(1);
	assert_int_equal(add(one, "10.0.0.7", 1, FLOOD), 0);
	assert_int_equal(add(two, "10.0.0.7", 1, SPAM), 0);
	flood("10.0.0.7", 5);
	look(0);
	assert_int_equal(take_back(one, "10.0.0.7", 1), 0);
	flood("10.0.0.7", 6);
	look(0);
	assert_int_equal(shed_drops(one, 1, FLOOD), 5);
	assert_int_equal(shed_drops(two, 1, SPAM), 6);
	assert_int_equal(take_back(two, "10.0.0.7", 1), 0);
	assert_null(row("10.0.0.7"));
}

/* A slot is used again, and what it has counted before is not counted twice. */
static void numbers_of_an_earlier_source_are_not_those_of_a_later(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), 0);
	flood("10.0.0.7", 5);
	assert_int_equal(take_back(p, "10.0.0.7", 1), 0);
	assert_int_equal(add(p, "10.0.0.8", 1, SPAM), 0);
	flood("10.0.0.8", 7);
	look(0);
	assert_int_equal(shed_drops(p, 1, FLOOD), 5);
	assert_int_equal(shed_drops(p, 1, SPAM), 7);
}

static void a_port_that_goes_takes_its_sources_with_it(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(2);
	p = filter_at(1);
	bench_chain(2, p);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), 0);
	assert_int_equal(add(p, "10.0.0.8", 2, FLOOD), 0);
	flood("10.0.0.7", 9);
	bench_remove(1);
	assert_null(row("10.0.0.7"));
	assert_non_null(row("10.0.0.8"));
	assert_int_equal(shed_drops(p, 1, FLOOD), 9);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), -EOPNOTSUPP);
}

static void an_instance_that_leaves_the_port_takes_its_sources_with_it(void **state)
{
	struct port_conf *conf;
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), 0);
	conf = &bench.ports[1].conf;
	conf->ingress.count = 0;
	conf->egress.count = 0;
	bench_publish(1);
	look(0);
	assert_null(row("10.0.0.7"));
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), -ENOENT);
}

static void an_instance_that_ends_takes_its_sources_with_it(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), 0);
	instance_silence(p->instance);
	assert_null(row("10.0.0.7"));
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), -ENOENT);
}

static void what_the_driver_has_no_room_for_is_refused(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.1", 1, FLOOD), 0);
	assert_int_equal(add(p, "fd00::/64", 1, FLOOD), 0);
	assert_int_equal(add(p, "10.0.0.3", 1, FLOOD), 0);
	assert_int_equal(add(p, "10.0.0.4", 1, FLOOD), -ENOSPC);
	assert_int_equal(take_back(p, "fd00::/64", 1), 0);
	assert_int_equal(add(p, "10.0.0.4", 1, FLOOD), 0);
}

static void a_backend_that_cannot_says_so(void **state)
{
	struct probe *p;

	(void)state;
	bench_ports(1);
	p = filter_at(1);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), -EOPNOTSUPP);
	assert_int_equal(add(p, "10.0.0.7", 77, FLOOD), -EOPNOTSUPP);
	assert_int_equal(add(p, "10.0.0.7", UINT32_MAX, FLOOD), -EOPNOTSUPP);
}

static void an_inspector_may_not(void **state)
{
	struct probe *p;

	(void)state;
	ports_that_shed(1);
	p = probe_new(XVS_INSPECT, 0, SEES_PACKETS);
	bench_chain(1, p);
	assert_int_equal(add(p, "10.0.0.7", 1, FLOOD), -EPERM);
	assert_int_equal(driver.calls, 0);
}

/* From a worker, in the hands of its batch. */
static void ask_in_the_batch(struct probe *p, struct xvs_batch *b)
{
	assert_int_equal(add(p, "10.0.0.7", b->port, FLOOD), 0);
}

static void a_worker_may_ask(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *p;

	(void)state;
	ports_that_shed(2);
	p = filter_at(1);
	p->on_packets = ask_in_the_batch;
	pass(1, &f);
	bench_turns(2);
	assert_non_null(row("10.0.0.7"));
	flood("10.0.0.7", 2);
	look(0);
	assert_int_equal(shed_drops(p, 1, FLOOD), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(what_is_shed_was_received_and_dropped),
		BENCH_TEST(bits_behind_the_prefix_say_nothing),
		BENCH_TEST(time_ends_it_and_naming_it_again_prolongs_it),
		BENCH_TEST(a_new_reason_holds_from_then_on),
		BENCH_TEST(who_named_it_first_has_its_numbers_until_it_ends),
		BENCH_TEST(numbers_of_an_earlier_source_are_not_those_of_a_later),
		BENCH_TEST(a_port_that_goes_takes_its_sources_with_it),
		BENCH_TEST(an_instance_that_leaves_the_port_takes_its_sources_with_it),
		BENCH_TEST(an_instance_that_ends_takes_its_sources_with_it),
		BENCH_TEST(what_the_driver_has_no_room_for_is_refused),
		BENCH_TEST(a_backend_that_cannot_says_so),
		BENCH_TEST(an_inspector_may_not),
		BENCH_TEST(a_worker_may_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
