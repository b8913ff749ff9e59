/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_path.c - random frames through random small chains, on one worker without a thread.
 *
 * links: xvs_path
 *
 * The first bytes say which extensions stand on which port, the rest are records: a frame for a
 * port, or something that extensions or the control thread do.  What extensions say comes from
 * the same bytes.  In the end every packet must be accounted for and every buffer given back.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/path/memory_port.h"
#include "base/bytes.h"
#include "path/worker.h"
#include "xvs/ext/sdk.h"

enum { PORTS = 4, EXTENSIONS = 4, HELD = 32, STEP_NS = 1000000 };

static struct {
	const uint8_t *at, *end;
} input;

static uint8_t next_byte(void)
{
	return input.at < input.end ? *input.at++ : 0;
}

/* ---- extensions whose mind is the input ------------------------------------------------------------ */

struct fuzz_extension {
	struct extension ext;
	struct instance *instance;
	const struct xvs_host *host;
	struct xvs_packet *held[HELD];
	uint32_t held_count;
	struct xvs_flow flow;
	struct xvs_conn_ops conn;
};

static struct fuzz_extension extensions[EXTENSIONS];
static struct fuzz_extension *in_creation;

static int on_create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		     struct xvs_error *err)
{
	(void)args;
	(void)err;
	in_creation->host = host;
	*self = in_creation;
	return 0;
}

static void on_destroy(void *self)
{
	(void)self;
}

static uint32_t some_dest(void)
{
	static const uint32_t dests[] = {
		XVS_DEST_NORMAL, XVS_DEST_FLOOD, XVS_DEST_NONE, 1, 2, 3, 4, XVS_DEST_SET | 1, 999
	};

	return dests[next_byte() % (sizeof(dests) / sizeof(dests[0]))];
}

static void some_rewrite(struct xvs_flow_key *set, struct xvs_flow_key *mask)
{
	uint8_t *bytes = (uint8_t *)mask;

	for (int i = 0; i < 3; i++)
		bytes[next_byte() % sizeof(*mask)] = next_byte();
	memset(set, next_byte(), sizeof(*set));
}

static void on_judge(void *self, const struct xvs_batch *b, uint32_t i,
		     const struct xvs_flow_key *key, struct xvs_flow_verdict *v)
{
	uint8_t what = next_byte();

	(void)self;
	(void)b;
	(void)i;
	(void)key;
	v->action = what % 8 == 7 ? XVS_FLOW_DROP : what % 2 ? XVS_FLOW_WATCH : XVS_FLOW_PASS;
	v->dest = some_dest();
	if (what & 16)
		some_rewrite(&v->set, &v->rewrite);
	if (what & 32)
		memset(&v->examined, 0xff, sizeof(v->examined));
	v->watch_bytes = what & 64 ? 400 : 0;
	v->cookie = what & 8;
	v->queue = what & 128 ? 1 : 0;
	v->max_ms = what & 4;
}

static void on_account(void *self, const struct xvs_flow_stats *s)
{
	(void)self;
	if (!s->cookie)
		abort();
}

static void scribble(const struct fuzz_extension *x, struct xvs_packet *p)
{
	if (x->host->unshare(x->host, p) != 0)
		return;
	for (int i = 0; i < 4 && p->linear; i++)
		p->data[next_byte() % p->linear] ^= next_byte();
	p->flags |= XVS_PKT_DIRTY;
	if (next_byte() % 4 == 0) {
		p->flags ^= XVS_PKT_VLAN;
		p->vlan_tci = next_byte();
	}
}

static void keep(struct fuzz_extension *x, struct xvs_packet *p)
{
	if (p && x->held_count < HELD)
		x->held[x->held_count++] = p;
	else if (p)
		x->host->release(x->host, p, 0);
}

static void do_something(struct fuzz_extension *x, struct xvs_batch *b, uint64_t i)
{
	switch (next_byte() % 12) {
	case 0:
		xvs_drop(b, i, next_byte());
		break;
	case 1:
		if (x->held_count < HELD && xvs_steal(b, i))
			x->held[x->held_count++] = b->pkts[i];
		break;
	case 2:
		scribble(x, b->pkts[i]);
		break;
	case 3:
		keep(x, x->host->clone(x->host, b->pkts[i]));
		break;
	case 4:
		(void)x->host->pull(x->host, b->pkts[i], next_byte() * 8u);
		break;
	case 5:
		xvs_settle(b, i);
		break;
	case 6:
		xvs_drop(b, i, XVS_REASON_CONSUMED);
		break;
	default:
		if (b->dest && next_byte() % 2)
			b->dest[i] = some_dest();
	}
}

static void on_packets(void *self, struct xvs_batch *b)
{
	for (XVS_EACH(i, b->live))
		do_something(self, b, i);
}

static void on_inspect(void *self, const struct xvs_batch *b)
{
	struct fuzz_extension *x = self;

	for (XVS_EACH(i, b->live)) {
		if (next_byte() % 4 == 0)
			keep(x, x->host->clone(x->host, b->pkts[i]));
	}
}

static void on_authorise(void *self, const struct xvs_batch *b, uint32_t i,
			 const struct xvs_conn *c, struct xvs_conn_verdict *v)
{
	(void)self;
	(void)b;
	(void)i;
	(void)c;
	v->action = next_byte() % 4;
	v->log = 1;
}

static const void *on_query(void *self, const char *id)
{
	struct fuzz_extension *x = self;

	if (strcmp(id, XVS_FLOW) == 0 && x->flow.judge)
		return &x->flow;
	if (strcmp(id, XVS_CONN) == 0 && x->conn.authorise)
		return &x->conn;
	return NULL;
}

/* ---- the switch --------------------------------------------------------------------------------------- */

static struct {
	struct loop *loop;
	struct counters *counters;
	struct path *path;
	struct path_switch *sw;
	struct path_worker *w;
	struct path_port *ports[PORTS + 1];
	struct memory_port *memory[PORTS + 1];
	uint64_t now_ns;
	uint32_t pool_packets, pool_small, pool_large;
} s;

static void check_law(void)
{
	uint64_t in = 0, out = path_held(s.path);

	for (uint32_t id = 0; id < PORTS_MAX; id++) {
		struct port_counters c;

		counters_port_sum(s.counters, id, &c);
		in += c.rx_packets + c.originated + c.copied + c.segmented;
		out += c.tx_packets + c.drops + c.consumed;
	}
	if (in != out)
		abort();
}

static void turn(void)
{
	uint64_t next;

	s.now_ns += STEP_NS;
	worker_self = &s.w->w;
	(void)worker_turn(s.w, s.now_ns, &next);
	worker_self = NULL;
	loop_drain(s.loop);
	check_law();
}

static void extension_add(uint32_t n, uint16_t cls, bool judges)
{
	struct fuzz_extension *x = &extensions[n];
	struct instance_args args = { .name = "fuzz",
				      .switch_name = "lan",
				      .nr = (uint16_t)(n + 1),
				      .rights_allowed = ~0u,
				      .ports_max = PORTS_MAX };
	struct xvs_error err = ERROR_INIT;

	x->ext = (struct extension){
		.cls = cls, .rights = ~0u, .id = "fuzz", .version = "", .vendor = "", .summary = ""
	};
	x->ext.ops = (struct xvs_ops){
		.size = sizeof(x->ext.ops),
		.create = on_create,
		.destroy = on_destroy,
		.query = on_query,
		.inspect = on_inspect,
		.ingress = on_packets,
		.egress = on_packets,
		.forward = cls == XVS_FORWARD ? on_packets : NULL,
	};
	x->flow = (struct xvs_flow){ .size = sizeof(x->flow),
				     .judge = judges ? on_judge : NULL,
				     .account = on_account };
	x->conn = (struct xvs_conn_ops){ .size = sizeof(x->conn),
					 .authorise = cls == XVS_FIREWALL ? on_authorise : NULL };
	in_creation = x;
	if (instance_create(&x->ext, &args, path_instance_env(s.path), &x->instance, &err))
		abort();
	path_instance_bind(s.path, x->instance, s.sw);
}

static struct port_conf *conf_new(void)
{
	struct port_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		abort();
	conf->sw = s.sw;
	conf->is_open = true;
	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	return conf;
}

static void port_add(uint32_t id)
{
	const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, (uint8_t)id };
	struct xvs_error err = ERROR_INIT;

	s.memory[id] = calloc(1, sizeof(*s.memory[id]));
	if (!s.memory[id])
		abort();
	memory_init(s.memory[id]);
	if (id == 2)
		s.memory[id]->base.offloads = OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;
	s.ports[id] = path_port_add(s.path, id, "port", conf_new(), &s.memory[id]->base, &err);
	if (!s.ports[id] || l2_add_static(&s.sw->l2, 0, mac, s.ports[id]) ||
	    conn_port_open(path_conns(s.path), id, 64, 16, &err))
		abort();
}

static void note_pool(void)
{
	s.pool_packets = pool_packets_left(s.w->pool);
	s.pool_small = pool_small_left(s.w->pool);
	s.pool_large = pool_large_left(s.w->pool);
}

static void note_gone(void *arg)
{
	*(bool *)arg = true;
}

static void port_close(uint32_t id)
{
	bool gone = false;

	conn_port_close(path_conns(s.path), id);
	path_port_remove(s.ports[id], note_gone, &gone);
	while (!gone)
		turn();
	free(s.memory[id]);
}

/* At exit, so that what was not freed shows. */
static void close_switch(void)
{
	for (uint32_t id = 1; id <= PORTS; id++)
		port_close(id);
	for (uint32_t n = 0; n < EXTENSIONS; n++) {
		bool gone = false;

		path_forget_instance(s.path, extensions[n].instance, note_gone, &gone);
		while (!gone)
			turn();
		instance_destroy(extensions[n].instance);
	}
	path_switch_destroy(s.sw);
	path_destroy(s.path);
	counters_destroy(s.counters);
	loop_destroy(s.loop);
}

static void open_switch(void)
{
	struct path_config config = { .workers = 1,
				      .flows = 1024,
				      .is_driven = true,
				      .conn = { .connections = 1024,
						.per_port = 256,
						.half_open = 64,
						.denied_per_port = 64,
						.midstream_ms = 60000 } };
	struct xvs_error err = ERROR_INIT;

	if (loop_create(&s.loop, &err) || counters_create(&s.counters, NULL, 1, &err))
		abort();
	config.loop = s.loop;
	config.counters = s.counters;
	if (path_create(&config, &s.path, &err))
		abort();
	s.now_ns = 1000000000000;
	s.w = s.path->workers[0];
	s.sw = path_switch_create(s.path);
	if (!s.sw)
		abort();
	path_switch_nowhere(s.sw, conf_new());
	for (uint32_t id = 1; id <= PORTS; id++)
		port_add(id);
	extension_add(0, XVS_INSPECT, false);
	extension_add(1, XVS_FILTER, true);
	extension_add(2, XVS_FIREWALL, true);
	extension_add(3, XVS_FORWARD, true);
	turn();
	note_pool();
	(void)atexit(close_switch);
}

static void chain_push(struct chain *chain, uint32_t n, uint32_t at)
{
	for (uint32_t i = chain->count; i > at; i--)
		chain->places[i] = chain->places[i - 1];
	chain->places[at] = (struct chain_place){ .instance = extensions[n].instance };
	chain->count++;
	if (chain->conn_place < CHAIN_MAX && at <= chain->conn_place)
		chain->conn_place++;
	if (n == 2)
		chain->conn_place = at;
}

/* Who stands here, and what kind of port it is, in two bytes. */
static void configure(uint32_t id)
{
	struct port_conf *conf = conf_new();
	uint8_t who = next_byte(), kind = next_byte();

	for (uint32_t n = 0; n < EXTENSIONS; n++) {
		if (!(who >> n & 1))
			continue;
		chain_push(&conf->ingress, n, conf->ingress.count);
		if (n < 3)
			chain_push(&conf->egress, n, 0);
	}
	conf->has_forwarder = who >> 3 & 1;
	conf->role = kind & 1 ? ROLE_UPLINK : ROLE_GUEST;
	conf->is_trunk = kind & 2;
	conf->all_tags = kind & 2;
	conf->learns = kind & 4;
	conf->learn_limit = 4;
	conf->mtu = kind & 8 ? 1500 : 0;
	conf->is_open = (kind & 0xf0) != 0xf0;
	path_port_publish(s.ports[id], conf);
}

/* ---- what happens -------------------------------------------------------------------------------------- */

static void receive(uint32_t port)
{
	struct memory_frame f = { .len = 0 };
	uint32_t want = next_byte() * 8u;
	uint8_t how = next_byte();

	if (want > (uint32_t)(input.end - input.at))
		want = (uint32_t)(input.end - input.at);
	if (want > sizeof(f.bytes))
		want = sizeof(f.bytes);
	memcpy(f.bytes, input.at, want);
	input.at += want;
	/* what is addressed to somebody gets further */
	if (how & 1) {
		memcpy(f.bytes, (const uint8_t[]){ 0x52, 0x54, 0, 0, 0, (uint8_t)(1 + how / 64) },
		       6);
		memcpy(f.bytes + 6, (const uint8_t[]){ 0x52, 0x54, 0, 0, 0, (uint8_t)port }, 6);
	}
	f.len = how & 2 ? want + 600 : want;
	if (how & 4) {
		f.csum_todo = true;
		f.csum_start = 34;
		f.csum_off = how & 8 ? 16 : 6;
		f.gso_type = how & 16 ? (how & 32 ? 4 : 1) : 0;
		f.gso_size = 300;
	}
	(void)memory_push(s.memory[port], &f);
}

static void leave(struct fuzz_extension *x)
{
	struct xvs_packet *p;

	if (x->held_count == 0)
		return;
	p = x->held[--x->held_count];
	switch (next_byte() % 5) {
	case 0:
		(void)x->host->resume(x->host, p);
		break;
	case 1:
		(void)x->host->inject(x->host, p, next_byte() % (PORTS + 2));
		break;
	case 2:
		(void)x->host->deliver(x->host, p, some_dest());
		break;
	case 3:
		scribble(x, p);
		(void)x->host->resume(x->host, p);
		break;
	default:
		x->host->release(x->host, p, next_byte());
	}
}

static void as_worker(struct fuzz_extension *x)
{
	worker_self = &s.w->w;
	if (next_byte() % 4 == 0)
		keep(x, x->host->alloc(x->host, next_byte() * 16u));
	else
		leave(x);
	worker_self = NULL;
}

static void change(void)
{
	struct fuzz_extension *x = &extensions[next_byte() % EXTENSIONS];
	const struct instance_env *env = path_instance_env(s.path);
	struct xvs_flow_key key = { 0 }, mask = { 0 };

	switch (next_byte() % 4) {
	case 0:
		env->flow_invalidate(x->host, next_byte());
		break;
	case 1:
		some_rewrite(&key, &mask);
		env->flow_invalidate_match(x->host, &key, &mask);
		break;
	case 2:
		env->conn_invalidate(x->host);
		break;
	default:
		configure(1 + next_byte() % PORTS);
	}
}

static void step(void)
{
	uint8_t what = next_byte();

	if (what % 8 < 5)
		receive(1 + what / 8 % PORTS);
	else if (what % 8 == 5)
		as_worker(&extensions[what / 8 % EXTENSIONS]);
	else if (what % 8 == 6)
		change();
	else
		turn();
}

/* ---- the end -------------------------------------------------------------------------------------------- */

static void give_all_back(void)
{
	worker_self = &s.w->w;
	for (uint32_t n = 0; n < EXTENSIONS; n++) {
		struct fuzz_extension *x = &extensions[n];

		while (x->held_count > 0)
			x->host->release(x->host, x->held[--x->held_count], 0);
	}
	worker_self = NULL;
}

static void settle(void)
{
	for (uint32_t id = 1; id <= PORTS; id++)
		configure(id); /* the input is used up: no extensions, closed to nobody */
	for (int i = 0; i < 8; i++) {
		s.now_ns += UINT64_C(500000000);
		give_all_back();
		turn();
	}
	if (path_held(s.path) || pool_packets_left(s.w->pool) != s.pool_packets ||
	    pool_small_left(s.w->pool) != s.pool_small ||
	    pool_large_left(s.w->pool) != s.pool_large)
		abort();
	(void)conn_flush(path_conns(s.path), &(struct conn_filter){ .port = 0 });
	conn_refill(path_conns(s.path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!s.path)
		open_switch();
	input.at = data;
	input.end = data + size;
	for (uint32_t id = 1; id <= PORTS; id++)
		configure(id);
	for (int n = 0; n < 400 && input.at < input.end; n++) {
		step();
		if (n % 16 == 15)
			turn();
	}
	turn();
	input.at = input.end;
	settle();
	return 0;
}
