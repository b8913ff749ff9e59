/* SPDX-License-Identifier: Apache-2.0 */
/* A traced packet is told all that everybody would say of it, and nothing of it remains. */
#include "bench.h"

#include "path/trace.h"

static struct trace_event events[TRACE_EVENTS_MAX];
static char texts[TRACE_EVENTS_MAX][64];
static uint32_t count;
static bool is_answered;

static void on_traced(void *arg, const struct trace_event *e, uint32_t n, bool is_cut)
{
	(void)arg;
	assert_false(is_cut);
	memcpy(events, e, n * sizeof(*e));
	for (uint32_t i = 0; i < n; i++) {
		if (!e[i].text)
			continue;
		(void)snprintf(texts[i], sizeof(texts[i]), "%s", e[i].text);
		events[i].text = texts[i];
	}
	count = n;
	is_answered = true;
}

static void trace_at(uint32_t port, const struct memory_frame *f)
{
	is_answered = false;
	assert_int_equal(path_trace(bench.path, port, f->bytes, f->len, on_traced, NULL), 0);
	bench_turns(3);
	assert_true(is_answered);
}

static void happened(uint32_t i, enum trace_kind kind, uint32_t port, uint32_t instance,
		     uint32_t action)
{
	assert_true(i < count);
	assert_int_equal(events[i].kind, kind);
	assert_int_equal(events[i].port, port);
	assert_int_equal(events[i].instance, instance);
	assert_int_equal(events[i].action, action);
}

/* Counted nowhere, sent nowhere, kept nowhere. */
static void nothing_remains(void)
{
	struct port_counters c;
	struct flow_cache_stats s;

	for (uint32_t id = 1; id <= 3; id++) {
		counters_port_sum(bench.counters, id, &c);
		assert_int_equal(c.rx_packets + c.tx_packets + c.drops + c.copied + c.originated,
				 0);
		assert_int_equal(got(id), 0);
	}
	flow_cache_stats(bench.w->cache, &s);
	assert_int_equal(s.entries, 0);
	assert_int_equal(path_held(bench.path), 0);
	assert_int_equal(pool_packets_left(bench.w->pool), bench.pool_packets);
}

static void drop_it(struct probe *p, struct xvs_batch *b)
{
	(void)p;
	b->counters[0]++;
	assert_true(b->pkts[0]->flags & XVS_PKT_DRY);
	xvs_drop(b, 0, 7);
}

static void watch(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	(void)p;
	(void)b;
	(void)key;
	v->action = XVS_FLOW_WATCH;
}

static void name_the_rule(void *self, const struct xvs_batch *b, uint32_t i,
			  const struct xvs_flow_key *key, char *text, uint32_t bytes)
{
	(void)self;
	assert_int_equal(i, 0);
	assert_true(b->pkts[0]->flags & XVS_PKT_DRY);
	(void)snprintf(text, bytes, "rule for port %u", ntohs(key->l4_dst));
}

static void the_way_is_told_from_end_to_end(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FILTER, 0, JUDGES);
	bench_chain(1, a);
	bench_chain(2, a);
	trace_at(1, &f);
	happened(0, TRACE_ENTERED, 1, 0, 0);
	happened(1, TRACE_JUDGED, 1, 1, XVS_FLOW_PASS);
	happened(2, TRACE_FORWARDED, 1, 0, 0);
	happened(3, TRACE_JUDGED, 2, 1, XVS_FLOW_PASS);
	happened(4, TRACE_LEFT, 2, 0, 0);
	assert_int_equal(count, 5);
	nothing_remains();
	/* what is cached is not taken for an answer */
	pass(1, &f);
	assert_int_equal(a->judged, 4);
	trace_at(1, &f);
	assert_int_equal(a->judged, 6);
	assert_int_equal(got(2), 1);
}

static void who_sees_packets_says_so_behind_its_verdict(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a, *c;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FILTER, 0, JUDGES | SEES_PACKETS);
	c = probe_new(XVS_FILTER, 0, JUDGES);
	a->on_judge = watch;
	a->on_packets = drop_it;
	bench_chain(1, a);
	bench_chain(1, c);
	trace_at(1, &f);
	happened(1, TRACE_JUDGED, 1, 1, XVS_FLOW_WATCH);
	happened(2, TRACE_CALLED, 1, 1, TRACE_REFUSED);
	assert_int_equal(events[2].reason, 7);
	happened(3, TRACE_JUDGED, 1, 2, XVS_FLOW_PASS);
	happened(count - 1, TRACE_DROPPED, 1, 1, 0);
	assert_int_equal(instance_counter_sum(a->instance, 0), 0);
	nothing_remains();
}

static void take_what_there_is(struct probe *p, struct xvs_batch *b)
{
	assert_int_equal(b->steals_left, 0);
	assert_null(p->host->clone(p->host, b->pkts[0]));
	assert_null(p->host->alloc(p->host, 60));
}

static void nothing_is_handed_out(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_FILTER, XVS_RIGHT_QUEUE | XVS_RIGHT_ORIGINATE, SEES_PACKETS);
	a->on_packets = take_what_there_is;
	bench_chain(1, a);
	trace_at(1, &f);
	assert_int_equal(a->called, 1);
	happened(1, TRACE_CALLED, 1, 1, TRACE_PASSED);
	nothing_remains();
}

static void an_inspector_is_not_shown_what_is_not_there(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);
	struct probe *a;

	(void)state;
	bench_ports(3);
	a = probe_new(XVS_INSPECT, 0, SEES_PACKETS);
	bench_chain(1, a);
	trace_at(1, &f);
	assert_int_equal(a->called, 0);
	nothing_remains();
}

static void authorise(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)p;
	v->action = ntohs(c->dst_port) == 80 ? XVS_CONN_ALLOW : XVS_CONN_REJECT;
	v->reason = 3;
}

static struct memory_frame syn(uint16_t port)
{
	return tcp(2, 4000, 1, port,
		   (struct frame_tcp){ .flags = F_SYN, .seq = 100, .window = 1000 });
}

static void a_firewall_names_its_rule_and_opens_nothing(void **state)
{
	struct memory_frame allowed = syn(80);
	struct memory_frame refused = syn(81);
	const struct conn_filter all = { 0 };
	struct xvs_error err = ERROR_INIT;
	struct probe *wall;

	(void)state;
	bench_ports(3);
	wall = probe_new(XVS_FIREWALL, 0, AUTHORISES);
	wall->on_authorise = authorise;
	wall->instance->explain = name_the_rule;
	assert_int_equal(conn_port_open(path_conns(bench.path), 1, 0, 0, &err), 0);
	bench_chain(1, wall);
	trace_at(2, &allowed);
	happened(2, TRACE_AUTHORISED, 1, 1, XVS_CONN_ALLOW);
	assert_string_equal(events[2].text, "rule for port 80");
	happened(3, TRACE_CONNECTION, 1, 0, CONN_PASS);
	assert_int_equal(events[3].count, 1);
	happened(4, TRACE_LEFT, 1, 0, 0);
	trace_at(2, &refused);
	happened(2, TRACE_AUTHORISED, 1, 1, XVS_CONN_REJECT);
	happened(3, TRACE_CONNECTION, 1, 1, CONN_DENIED);
	happened(4, TRACE_DROPPED, 1, 1, 0);
	assert_int_equal(events[4].reason, 3);
	assert_int_equal(conn_count(path_conns(bench.path), &all), 0);
	nothing_remains();
	/* denied before: a trace asks all the same, and hears the rule */
	pass(2, &refused);
	assert_int_equal(wall->authorised, 3);
	trace_at(2, &refused);
	happened(2, TRACE_AUTHORISED, 1, 1, XVS_CONN_REJECT);
	conn_port_close(path_conns(bench.path), 1);
}

static void what_the_switch_refuses_has_its_reason(void **state)
{
	struct memory_frame f = udp(1, 2, 53, 20);

	(void)state;
	bench_ports(3);
	bench.ports[2].conf.mtu = 20;
	bench_publish(2);
	trace_at(1, &f);
	happened(count - 1, TRACE_DROPPED, 2, 0, 0);
	assert_int_equal(events[count - 1].reason, REASON_TOO_LONG);
	bench.ports[1].conf.is_open = false;
	bench_publish(1);
	trace_at(1, &f);
	assert_int_equal(count, 1);
	assert_int_equal(events[0].reason, REASON_PORT_CLOSED);
	f.len = 9;
	bench.ports[1].conf.is_open = true;
	bench_publish(1);
	trace_at(1, &f);
	happened(count - 1, TRACE_DROPPED, 1, 0, 0);
	nothing_remains();
}

static void a_port_must_be_there_and_a_frame_be_one(void **state)
{
	static uint8_t bytes[PACKET_MAX + 1];

	(void)state;
	bench_ports(1);
	assert_int_equal(path_trace(bench.path, 9, bytes, 60, on_traced, NULL), -ENOENT);
	assert_int_equal(path_trace(bench.path, 1, bytes, 0, on_traced, NULL), -EINVAL);
	assert_int_equal(path_trace(bench.path, 1, bytes, sizeof(bytes), on_traced, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(the_way_is_told_from_end_to_end),
		BENCH_TEST(who_sees_packets_says_so_behind_its_verdict),
		BENCH_TEST(nothing_is_handed_out),
		BENCH_TEST(an_inspector_is_not_shown_what_is_not_there),
		BENCH_TEST(a_firewall_names_its_rule_and_opens_nothing),
		BENCH_TEST(what_the_switch_refuses_has_its_reason),
		BENCH_TEST(a_port_must_be_there_and_a_frame_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
