/* SPDX-License-Identifier: Apache-2.0 */
/* "xvs.port/1" and "xvs.queue/1": every port of a switch, its numbers, what becomes of it, its queues. */
/* links: xvs_config xvs_policy */
#include "base/clock.h"
#include "fixture.h"
#include "path/link.h"
#include "switch/world.h"

#define XVS_USE_DRAFT
#include "xvs/ext/port.h"
#include "xvs/ext/queue.h"

#define PORT(port) "  - {name: " port ", backend: {kind: 'null'}}\n"
#define SWITCH(ports) \
	"switches:\n- name: lan\n  type: private\n" \
	"  chain: [{instance: rec, extension: test.recorder}]\n  ports:\n" ports \
	"- name: other\n  type: private\n  ports:\n  - {name: x, backend: {kind: 'null'}}\n"

static char told[512];

static void on_port(void *self, const struct xvs_port_view *v, int event)
{
	static const char *const events[] = { "gone", "up", "down", "frozen", "changed" };
	size_t len = strlen(told);

	(void)self;
	(void)snprintf(told + len, sizeof(told) - len, "%s %s%s\n", v->port->name, events[event],
		       v->up ? "" : " -");
}

static const struct xvs_host *host_of(const struct fixture *f)
{
	const struct member *m = world_member(f->world, "lan/rec");

	assert_non_null(m);
	assert_non_null(m->instance);
	return &m->instance->host;
}

static const struct xvs_port_host *ports_of(const struct xvs_host *h)
{
	const struct xvs_port_host *ports = h->query(h, XVS_PORTS);

	assert_non_null(ports);
	return ports;
}

static void lists_the_ports_of_its_switch(void **state)
{
	struct fixture *f = *state;
	struct xvs_port_view v = { .size = sizeof(v) };
	const struct xvs_port_host *ports;
	const struct xvs_host *h;
	uint32_t first;

	fixture_has(f, SWITCH(PORT("a") PORT("b")));
	h = host_of(f);
	ports = ports_of(h);
	assert_int_equal(ports->next(h, XVS_PORT_NONE, &v), 0);
	assert_string_equal(v.port->name, "a");
	assert_int_equal(v.port->id, world_port_id(f->world, "lan/a"));
	assert_int_equal(v.up, 1);
	assert_null(v.device);
	first = v.port->id;
	assert_int_equal(ports->next(h, first, &v), 0);
	assert_string_equal(v.port->name, "b");
	assert_int_equal(ports->next(h, v.port->id, &v), -ENOENT);
	assert_int_equal(ports->next(h, UINT32_MAX, &v), -ENOENT);
	/* one of before knows less */
	memset(&v, 0xff, sizeof(v));
	v.size = offsetof(struct xvs_port_view, device);
	assert_int_equal(ports->next(h, XVS_PORT_NONE, &v), 0);
	assert_int_equal(v.size, offsetof(struct xvs_port_view, device));
	assert_ptr_equal(v.device, (const void *)UINTPTR_MAX);
	v.size = 0;
	assert_int_equal(ports->next(h, XVS_PORT_NONE, &v), -EINVAL);
}

static void tells_numbers(void **state)
{
	struct fixture *f = *state;
	struct xvs_port_stats s = { .size = sizeof(s) };
	const struct xvs_port_host *ports;
	const struct xvs_host *h;
	struct counter_shard *shard;
	uint32_t id;

	fixture_has(f, SWITCH(PORT("a") PORT("b")));
	h = host_of(f);
	ports = ports_of(h);
	id = world_port_id(f->world, "lan/b");
	shard = counters_shard(f->counters, 0);
	counter_add(&shard->ports[id].rx_packets, 7);
	counter_add(&shard->ports[id].tx_multicast, 3);
	counters_drop(shard, drop_key(id, XVS_STAGE_INGRESS, 0, 5), 2, 100);
	counters_drop(shard, drop_key(id, XVS_STAGE_EGRESS, 0, 5), 4, 100);
	assert_int_equal(ports->stats(h, id, &s), 0);
	assert_int_equal(s.rx_packets, 7);
	assert_int_equal(s.tx_multicast, 3);
	assert_int_equal(s.rx_drops, 2);
	assert_int_equal(s.tx_drops, 4);
	assert_int_equal(s.rx_errors, 0);
	assert_in_range(s.up_since_ns, 1, clock_ns());
	assert_int_equal(ports->stats(h, world_port_id(f->world, "other/x"), &s), -ENOENT);
	assert_int_equal(ports->stats(h, 0, &s), -ENOENT);
	assert_int_equal(ports->stats(h, UINT32_MAX, &s), -ENOENT);
}

static void tells_what_becomes_of_ports(void **state)
{
	struct fixture *f = *state;
	const struct xvs_port_host *ports;
	const struct xvs_host *h;

	told[0] = '\0';
	fixture_has(f, SWITCH(PORT("a")));
	h = host_of(f);
	ports = ports_of(h);
	assert_int_equal(ports->notify(h, on_port), 0);
	fixture_has(f, SWITCH(PORT("a") PORT("b")));
	assert_string_equal(told, "b changed -\nb up\n");
	told[0] = '\0';
	fixture_has(
		f, SWITCH(PORT("a") "  - {name: b, backend: {kind: 'null'}, policies: {xvs.vlan/1: "
				    "{mode: access, vlan: 7}}}\n"));
	assert_string_equal(told, "b changed\n");
	told[0] = '\0';
	/* closed without what it requires */
	fixture_has(f, SWITCH("  - {name: a, backend: {kind: 'null'}, requires: [test.choosy]}\n"
			      "  - {name: b, backend: {kind: 'null'}, policies: {xvs.vlan/1: "
			      "{mode: access, vlan: 7}}}\n"));
	assert_string_equal(told, "a down -\n");
	told[0] = '\0';
	fixture_has(f, SWITCH(PORT("a")));
	assert_non_null(strstr(told, "b gone -\n"));
	assert_non_null(strstr(told, "a up\n"));
	told[0] = '\0';
	assert_int_equal(ports->notify(h, NULL), 0);
	fixture_has(f, SWITCH(PORT("a") PORT("c")));
	assert_string_equal(told, "");
}

static void a_new_instance_has_asked_nothing(void **state)
{
	struct fixture *f = *state;
	const struct xvs_host *h;

	told[0] = '\0';
	fixture_has(f, SWITCH(PORT("a")));
	h = host_of(f);
	assert_int_equal(ports_of(h)->notify(h, on_port), 0);
	assert_int_equal(fixture_enable(f, "lan/rec", false).code, 0);
	assert_int_equal(fixture_enable(f, "lan/rec", true).code, 0);
	told[0] = '\0';
	fixture_has(f, SWITCH(PORT("a") PORT("b")));
	assert_string_equal(told, "");
}

#define QUEUES(rest) \
	"  - {name: q, backend: {kind: 'null'}, policies: {xvs.rate/1: {to_kbps: 9000}, " \
	"xvs.queue/1: {queues: [" rest "]}}}\n"

static void lists_the_queues_of_a_port(void **state)
{
	struct fixture *f = *state;
	struct {
		struct xvs_queue_info known;
		uint64_t unknown;
	} rows[3];
	const struct xvs_queue_host *queues;
	const struct xvs_host *h;
	uint32_t q;

	fixture_has(f, SWITCH(PORT("a") QUEUES("{id: 7, min_kbps: 2000, weight: 3}, "
					       "{id: 9, max_kbps: 500}")));
	h = host_of(f);
	q = world_port_id(f->world, "lan/q");
	queues = h->query(h, XVS_QUEUE);
	assert_non_null(queues);
	memset(rows, 0xff, sizeof(rows));
	assert_int_equal(queues->list(h, q, rows, sizeof(rows[0]), 3), 2);
	assert_int_equal(rows[0].known.id, 7);
	assert_int_equal(rows[0].known.min_kbps, 2000);
	assert_int_equal(rows[0].known.max_kbps, 0);
	assert_int_equal(rows[0].known.weight, 3);
	assert_int_equal(rows[0].known.port_kbps, 9000);
	assert_in_range(rows[0].known.since_ns, 1, clock_ns());
	assert_int_equal(rows[0].unknown, 0);
	assert_int_equal(rows[1].known.id, 9);
	assert_int_equal(rows[1].known.max_kbps, 500);
	assert_int_equal(rows[2].known.id, UINT32_MAX);
	/* fewer, shorter, none */
	memset(rows, 0xff, sizeof(rows));
	assert_int_equal(queues->list(h, q, rows, sizeof(uint32_t), 1), 2);
	assert_int_equal(rows[0].known.id, 7);
	assert_int_equal(rows[0].known.weight, UINT32_MAX);
	assert_int_equal(queues->list(h, q, NULL, 0, 0), 2);
	assert_int_equal(queues->list(h, world_port_id(f->world, "lan/a"), rows, 8, 1), 0);
	assert_int_equal(queues->list(h, world_port_id(f->world, "other/x"), rows, 8, 1), -ENOENT);
	assert_int_equal(queues->list(h, UINT32_MAX, rows, 8, 1), -ENOENT);
	assert_int_equal(queues->list(h, q, NULL, 8, 1), -EINVAL);
}

/* What waits for the port's own limit waits in its queues. */
static void queues_keep_the_limit_of_their_port(void **state)
{
	struct fixture *f = *state;
	const struct port_conf *conf;
	const struct port *p;

	fixture_has(f, SWITCH(QUEUES("{id: 1, max_kbps: 500}")));
	p = f->world->by_id[world_port_id(f->world, "lan/q")];
	conf = p->path_port->conf;
	assert_int_equal(conf->rates[RATE_LINK].per_second[RATE_BITS], 9000000);
	assert_int_equal(conf->rates[RATE_TO].per_second[RATE_BITS], 0);
	assert_int_equal(conf->rate_kinds, 1u << RATE_LINK);
	assert_true(path_link_has_queues(p->path_port));
	fixture_has(f, SWITCH("  - {name: q, backend: {kind: 'null'}, policies: {xvs.rate/1: "
			      "{to_kbps: 9000}}}\n"));
	conf = p->path_port->conf;
	assert_int_equal(conf->rate_kinds, 1u << RATE_TO);
	assert_false(path_link_has_queues(p->path_port));
}

/* As at a start, which goes on with what is wrong. */
static void a_burst_without_a_limit_closes_its_port_alone(void **state)
{
	struct fixture *f = *state;

	world_set_tolerant(f->world, true);
	fixture_has(f, SWITCH(PORT("a") QUEUES("{id: 1, burst_kbytes: 5}, {id: 1}")));
	EXPECT(world_port_show(f->world, "q"), "state", "closed");
	EXPECT(world_port_show(f->world, "a"), "state", "open");
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(lists_the_ports_of_its_switch),
		WORLD(tells_numbers),
		WORLD(tells_what_becomes_of_ports),
		WORLD(a_new_instance_has_asked_nothing),
		WORLD(lists_the_queues_of_a_port),
		WORLD(queues_keep_the_limit_of_their_port),
		WORLD(a_burst_without_a_limit_closes_its_port_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
