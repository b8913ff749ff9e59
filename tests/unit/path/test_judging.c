/* SPDX-License-Identifier: Apache-2.0 */
/* What extensions ask of the path: marks, whether an address is known, copies for a session. */
#define XVS_USE_DRAFT
#include "bench.h"

#include "path/mirror.h"
#include "xvs/ext/l2.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/mirror.h"

enum { TCI = 14, TOS = 15, VOICE = 46 };

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 9 };

/* What the probe asks, and what it was told. */
static struct {
	uint32_t priority, dscp;
	int marked, known, copied;
	const char *session;
} asking;

static const void *offered(const struct probe *p, const char *id)
{
	const void *interface = p->host->query(p->host, id);

	assert_non_null(interface);
	return interface;
}

/* ---- marks ----------------------------------------------------------------------------------- */

static void mark(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		 struct xvs_flow_verdict *v)
{
	const struct xvs_mark_host *host = offered(p, XVS_MARK);

	(void)b;
	(void)key;
	(void)v;
	asking.marked = host->flow(p->host, asking.priority, asking.dscp);
}

/* Ports 1 and 2 are access ports of VLAN 10, port 3 is a trunk; the probe stands at port 1. */
static struct probe *open_marked(uint16_t cls)
{
	struct probe *p;

	bench_ports(3);
	bench_segment(1, 10);
	bench_segment(2, 10);
	bench.ports[3].conf.is_trunk = true;
	bench.ports[3].conf.all_tags = true;
	l2_remove_static(&bench.sw->l2, 0, bench.ports[3].mac);
	assert_int_equal(
		l2_add_static(&bench.sw->l2, L2_ANY, bench.ports[3].mac, bench.ports[3].port), 0);
	bench_publish(3);
	p = probe_new(cls, 0, JUDGES);
	p->on_judge = mark;
	bench_chain(1, p);
	return p;
}

static void a_firewall_marks_without_the_right_to_rewrite(void **state)
{
	struct memory_frame f = udp(1, 3, 9, 100);
	const struct memory_out *o;

	(void)state;
	asking.priority = 5;
	asking.dscp = VOICE;
	(void)open_marked(XVS_FIREWALL);
	f.bytes[TOS] = 1; /* ECN stays */
	pass(1, &f);
	pass(1, &f); /* by the flow cache */
	assert_int_equal(got(3), 2);
	assert_int_equal(asking.marked, 0);
	o = last(3);
	assert_int_equal(get_be16(o->bytes + 12), 0x8100);
	assert_int_equal(get_be16(o->bytes + TCI), 5 << 13 | 10);
	assert_int_equal(o->bytes[TOS + 4], VOICE << 2 | 1);
}

static void a_port_without_tags_gets_no_priority(void **state)
{
	struct memory_frame f = udp(2, 1, 9, 100);
	const struct memory_out *o;

	(void)state;
	asking.priority = 5;
	asking.dscp = XVS_MARK_LEAVE;
	(void)open_marked(XVS_FILTER);
	pass(2, &f);
	assert_int_equal(got(1), 1);
	o = last(1);
	assert_int_equal(get_be16(o->bytes + 12), 0x0800);
	assert_int_equal(o->bytes[TOS], f.bytes[TOS]);
}

static void what_may_not_be_marked_is_not(void **state)
{
	struct memory_frame f = udp(1, 3, 9, 100);
	const struct xvs_mark_host *host;
	struct probe *p;

	(void)state;
	asking.priority = 8;
	asking.dscp = XVS_MARK_LEAVE;
	p = open_marked(XVS_INSPECT);
	pass(1, &f);
	assert_int_equal(asking.marked, -EPERM);
	host = offered(p, XVS_MARK);
	assert_int_equal(host->flow(p->host, 1, 1), -EPERM);
	p = probe_new(XVS_FILTER, 0, JUDGES);
	p->on_judge = mark;
	bench_chain(1, p);
	pass(1, &f);
	assert_int_equal(asking.marked, -EINVAL);
	assert_int_equal(get_be16(last(3)->bytes + TCI), 10);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static void ask_l2(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
		   struct xvs_flow_verdict *v)
{
	const struct xvs_l2_host *host = offered(p, XVS_L2);

	(void)key;
	(void)v;
	asking.known = host->knows(p->host, b->pkts[0]);
}

/* To an address that nobody has; port 3 learns, so that it gets what is for nobody. */
static struct memory_frame to_stranger(void)
{
	struct memory_frame f = udp(1, 2, 9, 100);

	memcpy(f.bytes, stranger, sizeof(stranger));
	return f;
}

static void who_asked_is_asked_again_when_the_address_comes_and_goes(void **state)
{
	struct memory_frame f = to_stranger();
	struct memory_frame known = udp(1, 2, 9, 100);
	struct probe *asks, *does_not;

	(void)state;
	bench_ports(3);
	bench.ports[3].conf.learns = true;
	bench_publish(3);
	asks = probe_new(XVS_FILTER, 0, JUDGES);
	does_not = probe_new(XVS_FILTER, 0, JUDGES);
	asks->on_judge = ask_l2;
	bench_chain(1, asks);
	bench_chain(1, does_not);
	pass(1, &known);
	assert_int_equal(asking.known, 1);
	pass(1, &f);
	pass(1, &f);
	assert_int_equal(asking.known, 0);
	assert_int_equal(got(3), 2);
	assert_int_equal(asks->judged, 2);
	assert_int_equal(l2_add_static(&bench.sw->l2, 0, stranger, bench.ports[2].port), 0);
	path_switch_address_changed(bench.sw, 0, stranger);
	pass(1, &f);
	pass(1, &f);
	pass(1, &known);
	assert_int_equal(asking.known, 1);
	assert_int_equal(asks->judged, 3); /* nobody else's address was meant */
	l2_remove_static(&bench.sw->l2, 0, stranger);
	path_switch_address_changed(bench.sw, 0, stranger);
	pass(1, &f);
	assert_int_equal(asking.known, 0);
	assert_int_equal(asks->judged, 4);
	assert_int_equal(does_not->judged, 2); /* its verdict was kept all the time */
}

static void look(struct probe *p, struct xvs_batch *b)
{
	const struct xvs_l2_host *host = offered(p, XVS_L2);
	struct xvs_packet not_there = { .data = b->pkts[0]->data };

	asking.known = host->knows(p->host, b->pkts[0]);
	assert_int_equal(host->knows(p->host, &not_there), -EPERM);
}

static void a_packet_callback_may_ask_too(void **state)
{
	struct memory_frame f = to_stranger();
	struct probe *p;

	(void)state;
	bench_ports(3);
	bench.ports[3].conf.learns = true;
	bench_publish(3);
	p = probe_new(XVS_FILTER, 0, SEES_PACKETS);
	p->on_packets = look;
	bench_chain(1, p);
	pass(1, &f);
	assert_int_equal(asking.known, 0);
	memset(f.bytes, 0xff, 6);
	pass(1, &f);
	assert_int_equal(asking.known, 1);
}

/* ---- copies ---------------------------------------------------------------------------------- */

static void copy(struct probe *p, struct xvs_batch *b)
{
	const struct xvs_mirror_host *host = offered(p, XVS_MIRROR);

	asking.copied = host->copy(p->host, b, b->live, asking.session);
}

static void open_session(void)
{
	struct mirror_table *t = mirror_table_create(1, 1);

	assert_non_null(t);
	(void)snprintf(t->sessions[0].name, sizeof(t->sessions[0].name), "probe");
	t->sessions[0].to[t->sessions[0].to_count++] = 3;
	mirror_add(t->lone, 3);
	path_switch_mirrors(bench.sw, t);
	bench.ports[3].conf.is_open = false;
	bench.ports[3].conf.is_mirror = true;
	bench_publish(3);
}

static void a_session_gets_what_an_extension_chooses(void **state)
{
	struct memory_frame f = udp(1, 2, 9, 100);
	const struct xvs_mirror_host *host;
	struct probe *p;

	(void)state;
	bench_ports(3);
	open_session();
	p = probe_new(XVS_FIREWALL, 0, SEES_PACKETS);
	p->on_packets = copy;
	bench_chain(1, p);
	asking.session = "probe";
	pass(1, &f);
	assert_int_equal(asking.copied, 0);
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 1);
	assert_memory_equal(last(3)->bytes, f.bytes, 100);
	asking.session = "nobody";
	pass(1, &f);
	assert_int_equal(asking.copied, -ENOENT);
	assert_int_equal(got(2), 1);
	assert_int_equal(got(3), 0);
	host = offered(p, XVS_MIRROR);
	assert_int_equal(host->copy(p->host, &(struct xvs_batch){ .live = 1 }, 1, "probe"), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_firewall_marks_without_the_right_to_rewrite,
						bench_open, bench_close),
		cmocka_unit_test_setup_teardown(a_port_without_tags_gets_no_priority, bench_open,
						bench_close),
		cmocka_unit_test_setup_teardown(what_may_not_be_marked_is_not, bench_open,
						bench_close),
		cmocka_unit_test_setup_teardown(
			who_asked_is_asked_again_when_the_address_comes_and_goes, bench_open,
			bench_close),
		cmocka_unit_test_setup_teardown(a_packet_callback_may_ask_too, bench_open,
						bench_close),
		cmocka_unit_test_setup_teardown(a_session_gets_what_an_extension_chooses,
						bench_open, bench_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
