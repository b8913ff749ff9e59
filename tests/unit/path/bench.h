/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - one switch with ports of memory and extensions of the test, driven turn by turn.
 *
 * No thread but the test's: it is the control thread, and the worker within bench_turn().  Time
 * is bench.now_ns.  Port n has the adapter 52:54:00:00:00:n, which is that of host n in
 * support/frames.h, and a static place in the address table.
 */
#ifndef XVS_TEST_PATH_BENCH_H
#define XVS_TEST_PATH_BENCH_H

#include "support/test.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "memory_port.h"
#include "path/burst.h"
#include "path/path.h"
#include "path/worker.h"
#include "support/frames.h"
#include "xvs/ext/sdk.h"

enum { BENCH_PORTS = 40, BENCH_PROBES = 8 };

/* An extension of the test: what it is asked and shown is counted, then handed to the test. */
struct probe {
	struct extension ext;
	struct instance *instance;
	const struct xvs_host *host;
	const struct xvs_flow_host *flow_host;
	const struct xvs_conn_host *conn_host;
	struct xvs_flow flow;
	struct xvs_conn_ops conn;
	uint32_t index;
	/* what the test sets; NULL: pass */
	void (*on_judge)(struct probe *p, const struct xvs_batch *b, const struct xvs_flow_key *key,
			 struct xvs_flow_verdict *v);
	void (*on_packets)(struct probe *p, struct xvs_batch *b);
	void (*on_account)(struct probe *p, const struct xvs_flow_stats *s);
	void (*on_authorise)(struct probe *p, const struct xvs_conn *c, struct xvs_conn_verdict *v);
	void (*on_drain)(struct probe *p);
	/* what came */
	uint32_t judged, called, seen, accounts, ended, authorised;
	uint64_t packets, bytes;
	uint16_t tcp_flags;
	struct xvs_packet *held[64];
	uint32_t held_count;
};

struct bench_port {
	struct memory_port *memory;
	struct path_port *port;
	struct port_conf conf; /* what is published next */
	uint8_t mac[6];
	uint32_t read;
};

struct bench {
	struct loop *loop;
	struct counters *counters;
	struct path *path;
	struct path_switch *sw;
	struct path_worker *w;
	struct bench_port ports[BENCH_PORTS];
	struct probe *probes[BENCH_PROBES];
	uint32_t probe_count;
	uint64_t now_ns;
	uint32_t pool_packets, pool_small, pool_large; /* at the start */
	const struct backend_ops *next_ops;            /* of ports to come; NULL: those of memory */
};

static struct bench bench;
static int bench_kick_fd = -1; /* of ports to come */
static bool bench_is_kernel;
static char bench_trace[256]; /* a letter for each call, in order */

/* Workers of their own leave no trace: its order would mean nothing. */
static inline void trace(char what)
{
	size_t n;

	if (bench.w == NULL)
		return;
	n = strlen(bench_trace);
	if (n + 1 < sizeof(bench_trace))
		bench_trace[n] = what;
}

static inline void bump(uint32_t *word, uint32_t by)
{
	__atomic_fetch_add(word, by, __ATOMIC_RELAXED);
}

/* ---- extensions -------------------------------------------------------------------------------- */

static struct probe *probe_in_creation;

static inline int probe_create(const struct xvs_host *host, const struct xvs_create *args,
			       void **self, struct xvs_error *err)
{
	struct probe *p = probe_in_creation;

	(void)args;
	(void)err;
	p->host = host;
	p->flow_host = host->query(host, XVS_FLOW_HOST);
	p->conn_host = host->query(host, XVS_CONN_HOST);
	*self = p;
	return 0;
}

static inline void probe_destroy(void *self)
{
	(void)self;
}

static inline const void *probe_query(void *self, const char *id)
{
	struct probe *p = self;

	if (strcmp(id, XVS_FLOW) == 0 && p->flow.judge)
		return &p->flow;
	if (strcmp(id, XVS_CONN) == 0 && p->conn.authorise)
		return &p->conn;
	return NULL;
}

static inline void probe_packets(void *self, struct xvs_batch *b)
{
	struct probe *p = self;

	trace((char)('A' + p->index));
	bump(&p->called, 1);
	bump(&p->seen, (uint32_t)__builtin_popcountll(b->live));
	if (p->on_packets)
		p->on_packets(p, b);
}

static inline void probe_inspect(void *self, const struct xvs_batch *b)
{
	probe_packets(self, (struct xvs_batch *)(uintptr_t)b);
}

static inline void probe_judge(void *self, const struct xvs_batch *b, uint32_t i,
			       const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	struct probe *p = self;

	(void)i;
	trace((char)('a' + p->index));
	bump(&p->judged, 1);
	if (p->on_judge)
		p->on_judge(p, b, key, v);
}

static inline void probe_account(void *self, const struct xvs_flow_stats *s)
{
	struct probe *p = self;

	bump(&p->accounts, 1);
	bump(&p->ended, s->ended);
	__atomic_fetch_add(&p->packets, s->packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&p->bytes, s->bytes, __ATOMIC_RELAXED);
	__atomic_fetch_or(&p->tcp_flags, s->tcp_flags, __ATOMIC_RELAXED);
	if (p->on_account)
		p->on_account(p, s);
}

static inline void probe_authorise(void *self, const struct xvs_batch *b, uint32_t i,
				   const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	struct probe *p = self;

	(void)b;
	(void)i;
	bump(&p->authorised, 1);
	if (p->on_authorise)
		p->on_authorise(p, c, v);
}

static inline void probe_drain(void *self, void *worker_state, void *port_state)
{
	struct probe *p = self;

	(void)worker_state;
	(void)port_state;
	if (p->on_drain)
		p->on_drain(p);
}

enum probe_kind { SEES_PACKETS = 1, JUDGES = 2, AUTHORISES = 4 };

static inline struct probe *probe_new(uint16_t cls, uint32_t rights, unsigned kind)
{
	struct probe *p = calloc(1, sizeof(*p));
	struct instance_args args = {
		.name = "probe", .switch_name = "lan", .rights_allowed = ~0u, .ports_max = PORTS_MAX
	};
	struct xvs_error err = ERROR_INIT;

	assert_non_null(p);
	assert_true(bench.probe_count < BENCH_PROBES);
	p->index = bench.probe_count;
	p->ext = (struct extension){ .cls = cls,
				     .rights = rights,
				     .id = "com.example.probe",
				     .version = "1",
				     .vendor = "",
				     .summary = "" };
	p->ext.ops = (struct xvs_ops){ .size = sizeof(p->ext.ops),
				       .create = probe_create,
				       .destroy = probe_destroy,
				       .query = probe_query,
				       .drain = probe_drain };
	if (kind & SEES_PACKETS) {
		p->ext.ops.inspect = cls == XVS_INSPECT ? probe_inspect : NULL;
		p->ext.ops.forward = cls == XVS_FORWARD ? probe_packets : NULL;
		p->ext.ops.ingress = probe_packets;
		p->ext.ops.egress = probe_packets;
	}
	p->flow = (struct xvs_flow){ .size = sizeof(p->flow),
				     .account = probe_account,
				     .judge = kind & JUDGES ? probe_judge : NULL };
	p->conn = (struct xvs_conn_ops){ .size = sizeof(p->conn),
					 .authorise = kind & AUTHORISES ? probe_authorise : NULL };
	args.nr = (uint16_t)(p->index + 1);
	probe_in_creation = p;
	if (instance_create(&p->ext, &args, path_instance_env(bench.path), &p->instance, &err))
		fail_msg("%s", err.text);
	path_instance_bind(bench.path, p->instance, bench.sw);
	bench.probes[bench.probe_count++] = p;
	return p;
}

/* ---- the switch ---------------------------------------------------------------------------------- */

static inline void bench_turn(void)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	uint64_t next;

	if (!bench.w) { /* the workers turn by themselves */
		(void)event_base_loop(loop_base(bench.loop), EVLOOP_NONBLOCK);
		(void)nanosleep(&pause, NULL);
		return;
	}
	bench.now_ns += 1000;
	worker_self = &bench.w->w;
	(void)worker_turn(bench.w, bench.now_ns, &next);
	worker_self = NULL;
	loop_drain(bench.loop);
}

static inline void bench_turns(unsigned n)
{
	while (n-- > 0)
		bench_turn();
}

static inline void bench_later_ms(uint64_t ms)
{
	bench.now_ns += ms * NS_PER_MS;
	bench_turns(2);
}

static inline struct port_conf *conf_copy(const struct port_conf *from)
{
	struct port_conf *conf = malloc(sizeof(*conf));

	assert_non_null(conf);
	*conf = *from;
	return conf;
}

static inline void bench_publish(uint32_t id)
{
	path_port_publish(bench.ports[id].port, conf_copy(&bench.ports[id].conf));
}

/* An open port with no extension, in segment 0; 'edit' what differs in conf and publish again. */
static inline struct port_conf *bench_port(uint32_t id)
{
	struct bench_port *p = &bench.ports[id];
	struct xvs_error err = ERROR_INIT;
	char name[16];

	assert_true(id < BENCH_PORTS);
	(void)snprintf(name, sizeof(name), "port-%u", id);
	p->memory = calloc(1, sizeof(*p->memory));
	assert_non_null(p->memory);
	memory_init(p->memory);
	if (bench.next_ops)
		p->memory->base.ops = bench.next_ops;
	p->memory->base.kick[0] = bench_kick_fd;
	p->memory->base.is_kernel = bench_is_kernel;
	p->read = 0;
	p->conf = (struct port_conf){ .sw = bench.sw, .is_open = true };
	p->conf.ingress.conn_place = CHAIN_MAX;
	p->conf.egress.conn_place = CHAIN_MAX;
	memcpy(p->mac, (const uint8_t[]){ 0x52, 0x54, 0, 0, 0, (uint8_t)id }, 6);
	p->port = path_port_add(bench.path, id, name, conf_copy(&p->conf), &p->memory->base, &err);
	if (!p->port)
		fail_msg("%s", err.text);
	assert_int_equal(l2_add_static(&bench.sw->l2, 0, p->mac, p->port), 0);
	bench_turn();
	return &p->conf;
}

/* Ports 1 .. count. */
static inline void bench_ports(uint32_t count)
{
	for (uint32_t id = 1; id <= count; id++)
		(void)bench_port(id);
}

/* Its only segment, with its static address there. */
static inline void bench_segment(uint32_t id, uint32_t segment)
{
	struct bench_port *p = &bench.ports[id];

	l2_remove_static(&bench.sw->l2, p->conf.segment, p->mac);
	p->conf.segment = segment;
	assert_int_equal(l2_add_static(&bench.sw->l2, segment, p->mac, p->port), 0);
	bench_publish(id);
}

/* Stands in the port's chains: ingress in order of the calls, egress mirrored. */
static inline void bench_chain(uint32_t id, struct probe *probe)
{
	struct port_conf *conf = &bench.ports[id].conf;
	struct chain_place at = { .instance = probe->instance,
				  .port_state = (void *)(uintptr_t)id,
				  .conn_slot = probe->index % CONN_SLOTS };
	bool has_conn = probe->instance->has_conn;

	if (probe->ext.cls == XVS_FORWARD)
		conf->has_forwarder = true;
	if (has_conn && conf->ingress.conn_place == CHAIN_MAX)
		conf->ingress.conn_place = conf->ingress.count;
	conf->ingress.places[conf->ingress.count++] = at;
	if (probe->ext.cls == XVS_FORWARD)
		return;
	memmove(&conf->egress.places[1], &conf->egress.places[0], conf->egress.count * sizeof(at));
	conf->egress.places[0] = at;
	conf->egress.count++;
	if (conf->egress.conn_place < CHAIN_MAX)
		conf->egress.conn_place++;
	if (has_conn)
		conf->egress.conn_place = 0;
	bench_publish(id);
}

static inline void bench_start(struct path_config config)
{
	struct xvs_error err = ERROR_INIT;

	memset(&bench, 0, sizeof(bench));
	memset(bench_trace, 0, sizeof(bench_trace));
	bench.now_ns = clock_ns();
	if (loop_create(&bench.loop, &err) ||
	    counters_create(&bench.counters, NULL, config.workers, &err))
		fail_msg("%s", err.text);
	config.loop = bench.loop;
	config.counters = bench.counters;
	if (path_create(&config, &bench.path, &err))
		fail_msg("%s", err.text);
	bench.w = config.is_driven ? bench.path->workers[0] : NULL;
	bench.sw = path_switch_create(bench.path);
	assert_non_null(bench.sw);
	path_switch_nowhere(bench.sw,
			    conf_copy(&(struct port_conf){ .is_open = true,
							   .ingress.conn_place = CHAIN_MAX,
							   .egress.conn_place = CHAIN_MAX }));
}

static inline int bench_open(void **state)
{
	(void)state;
	bench_start((struct path_config){ .workers = 1, .flows = 1024, .is_driven = true });
	bench_turn();
	bench.pool_packets = pool_packets_left(bench.w->pool);
	bench.pool_small = pool_small_left(bench.w->pool);
	bench.pool_large = pool_large_left(bench.w->pool);
	return 0;
}

/* ---- the law ---------------------------------------------------------------------------------------- */

static inline void add_all(struct port_counters *sum, const struct port_counters *c)
{
	sum->rx_packets += c->rx_packets;
	sum->originated += c->originated;
	sum->copied += c->copied;
	sum->segmented += c->segmented;
	sum->tx_packets += c->tx_packets;
	sum->drops += c->drops;
	sum->consumed += c->consumed;
}

static inline void bench_assert_law(void)
{
	struct port_counters sum = { 0 };

	for (uint32_t id = 0; id < PORTS_MAX; id++) {
		struct port_counters c;

		counters_port_sum(bench.counters, id, &c);
		add_all(&sum, &c);
	}
	assert_int_equal(sum.rx_packets + sum.originated + sum.copied + sum.segmented,
			 sum.tx_packets + sum.drops + sum.consumed + path_held(bench.path));
}

struct drop_sum {
	uint32_t port, stage, instance, reason;
	uint64_t packets;
};

static inline void add_drop(void *arg, uint32_t port, uint32_t stage, uint32_t instance,
			    uint32_t reason, uint64_t packets, uint64_t bytes)
{
	struct drop_sum *d = arg;

	(void)bytes;
	if (port == d->port && instance == d->instance && reason == d->reason && stage == d->stage)
		d->packets += packets;
}

static inline uint64_t drops_at(uint32_t port, uint32_t stage, uint32_t instance, uint32_t reason)
{
	struct drop_sum d = { port, stage, instance, reason, 0 };

	counters_drops(bench.counters, add_drop, &d);
	return d.packets;
}

/* By the host, at an entry port before its exits were known. */
static inline uint64_t drops_in(uint32_t port, uint32_t reason)
{
	return drops_at(port, XVS_STAGE_INGRESS, 0, reason) +
	       drops_at(port, XVS_STAGE_FORWARD, 0, reason);
}

static inline void note_done(void *arg)
{
	*(bool *)arg = true;
}

static inline void bench_wait(const bool *done)
{
	for (int i = 0; i < 100000 && !*done; i++)
		bench_turn();
	assert_true(*done);
}

static inline void bench_remove(uint32_t id)
{
	bool done = false;

	l2_remove_static(&bench.sw->l2, bench.ports[id].conf.segment, bench.ports[id].mac);
	path_port_remove(bench.ports[id].port, note_done, &done);
	bench_wait(&done);
	free(bench.ports[id].memory);
	bench.ports[id].port = NULL;
}

static inline void bench_forget(struct probe *p)
{
	bool done = false;

	path_forget_instance(bench.path, p->instance, note_done, &done);
	bench_wait(&done);
}

/* The newest, after it left all chains. */
static inline void probe_delete(struct probe *p)
{
	bench_forget(p);
	rcu_synchronize();
	instance_destroy(p->instance);
	assert_ptr_equal(bench.probes[--bench.probe_count], p);
	free(p);
}

/* What nobody holds was given back to the last buffer. */
static inline void bench_assert_pool(void)
{
	if (!bench.w || path_held(bench.path))
		return;
	assert_int_equal(pool_packets_left(bench.w->pool), bench.pool_packets);
	assert_int_equal(pool_small_left(bench.w->pool), bench.pool_small);
	assert_int_equal(pool_large_left(bench.w->pool), bench.pool_large);
}

/* The law holds at the end of every test. */
static inline int bench_close(void **state)
{
	(void)state;
	bench_turns(3);
	bench_assert_law();
	bench_assert_pool();
	for (uint32_t id = 0; id < BENCH_PORTS; id++) {
		if (bench.ports[id].port)
			bench_remove(id);
	}
	while (bench.probe_count > 0)
		probe_delete(bench.probes[bench.probe_count - 1]);
	path_switch_destroy(bench.sw);
	path_destroy(bench.path);
	counters_destroy(bench.counters);
	rcu_stop();
	loop_destroy(bench.loop);
	return 0;
}

#define BENCH_TEST(name) cmocka_unit_test_setup_teardown(name, bench_open, bench_close)

/* ---- frames ------------------------------------------------------------------------------------------- */

static inline struct frame_end at(uint32_t host, uint16_t port)
{
	return (struct frame_end){ .host = (uint8_t)host, .port = port };
}

static inline struct memory_frame udp(uint32_t from, uint32_t to, uint16_t port, uint32_t data)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_udp(f.bytes, at(from, 1000), at(to, port), data);
	for (uint32_t i = 0; i < data; i++)
		f.bytes[42 + i] = (uint8_t)i;
	return f;
}

static inline struct memory_frame tcp(uint32_t from, uint16_t from_port, uint32_t to,
				      uint16_t to_port, struct frame_tcp t)
{
	struct memory_frame f = { .len = 0 };

	f.len = frame_tcp(f.bytes, at(from, from_port), at(to, to_port), t);
	return f;
}

/* With a tag in the bytes, as an adapter may send it. */
static inline void tag(struct memory_frame *f, uint16_t type, uint16_t tci)
{
	memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
	put_be16(f->bytes + 12, type);
	put_be16(f->bytes + 14, tci);
	f->len += 4;
}

static inline void send_frame(uint32_t port, const struct memory_frame *f)
{
	assert_true(memory_push(bench.ports[port].memory, f));
}

/* Sent and taken all the way. */
static inline void pass(uint32_t port, const struct memory_frame *f)
{
	send_frame(port, f);
	bench_turn();
}

/* How many have come out of this port since the last question. */
static inline uint32_t got(uint32_t port)
{
	struct bench_port *p = &bench.ports[port];
	uint32_t n = p->memory->out_count - p->read;

	p->read = p->memory->out_count;
	return n;
}

/* The newest. */
static inline const struct memory_out *last(uint32_t port)
{
	const struct memory_port *m = bench.ports[port].memory;

	assert_true(m->out_count > 0);
	return &m->out[(m->out_count - 1) % MEMORY_OUT];
}

#endif /* XVS_TEST_PATH_BENCH_H */
