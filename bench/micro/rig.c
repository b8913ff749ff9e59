/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/rig.c - does by hand, for a switch of two ports, what the switch floor does in the daemon.
 *
 * All extensions exist all the time; a chain is a configuration of the two ports.  The law of
 * accounts is checked after each run: a figure of packets that were lost would mean nothing.
 */
#include "micro/rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "conn/conn.h"
#include "path/path.h"

enum {
	CONNECTIONS = 1 << 20, /* of a port */
	HALF_OPEN = 1 << 17,
	PORT_FIRST = 1, /* number of the source */
	POLL_US = 200,
	QUIET_US = 1000,  /* the last round has been booked by then */
	PATIENCE_S = 300, /* a run under callgrind is slow */
};

const uint8_t rig_address[RIG_PORTS][6] = {
	[RIG_SOURCE] = { 0x52, 0x54, 0x00, 0x00, 0x00, 0x01 },
	[RIG_SINK] = { 0x52, 0x54, 0x00, 0x00, 0x00, 0x02 },
};

static const struct rig_module {
	const char *file;
	uint32_t extensions;
} rig_modules[RIG_KINDS] = {
	[RIG_SAMPLE] = { XVS_BENCH_EXTENSIONS "/sampler.so", 1 },
	[RIG_JUDGE] = { XVS_BENCH_EXTENSIONS "/judge_pass.so", RIG_CHAIN_MAX },
	[RIG_NOOP] = { XVS_BENCH_EXTENSIONS "/batch_noop.so", RIG_CHAIN_MAX },
	[RIG_ALLOW] = { XVS_BENCH_EXTENSIONS "/conn_allow.so", 1 },
};

struct rig {
	struct loop *loop;
	struct counters *counters;
	struct path *path;
	struct path_switch *sw;
	struct gen *gens[RIG_PORTS];
	struct path_port *ports[RIG_PORTS];
	struct module *modules[RIG_KINDS];
	struct instance *instances[RIG_KINDS][RIG_CHAIN_MAX];
	bool has_rcu;
	/* the worker's while it runs */
	uint32_t change_after, since_change, changes;
};

/* ---- waiting for the path ------------------------------------------------------------------- */

static void on_done(void *arg)
{
	*(bool *)arg = true;
}

static void on_settled(void *arg, int slow, struct instance *who)
{
	(void)slow;
	(void)who;
	on_done(arg);
}

static void wait_until(struct rig *rig, const bool *done)
{
	while (!*done) {
		loop_drain(rig->loop);
		(void)usleep(POLL_US);
	}
}

/* ---- extensions ------------------------------------------------------------------------------- */

static int make_instance(struct rig *rig, enum rig_kind kind, uint32_t n,
			 const struct extension *ext, struct xvs_error *err)
{
	static const uint8_t uuid[16];
	struct instance_args args = {
		.name = ext->id,
		.switch_name = "bench",
		.switch_uuid = uuid,
		.nr = (uint16_t)(1 + (uint32_t)kind * RIG_CHAIN_MAX + n),
		.rights_allowed = ~0u,
		.ports_max = PORTS_MAX,
	};
	int result = instance_create(ext, &args, path_instance_env(rig->path),
				     &rig->instances[kind][n], err);

	if (result < 0)
		return result;
	path_instance_bind(rig->path, rig->instances[kind][n], rig->sw);
	instance_set_active(rig->instances[kind][n], true);
	return 0;
}

static int load_kind(struct rig *rig, enum rig_kind kind, struct xvs_error *err)
{
	const struct extension *extensions;
	uint32_t count = 0;
	int result = module_load(rig_modules[kind].file, NULL, interface_is_offered,
				 &rig->modules[kind], err);

	if (result < 0)
		return result;
	extensions = module_extensions(rig->modules[kind], &count);
	if (count != rig_modules[kind].extensions)
		return error_set(err, -EINVAL, "", "%s has %u extensions, must have %u",
				 rig_modules[kind].file, count, rig_modules[kind].extensions);
	for (uint32_t n = 0; n < count && result == 0; n++)
		result = make_instance(rig, kind, n, &extensions[n], err);
	return result;
}

static void end_instance(struct rig *rig, struct instance *i)
{
	bool done = false;

	if (!i)
		return;
	path_forget_instance(rig->path, i, on_done, &done);
	wait_until(rig, &done);
	rcu_synchronize();
	instance_destroy(i);
}

/* ---- ports ------------------------------------------------------------------------------------- */

static void chain_add(struct chain *chain, struct instance *i, bool is_egress)
{
	if (is_egress && !i->has_flow && !i->has_conn)
		return;
	if (i->has_conn && chain->conn_place == CHAIN_MAX)
		chain->conn_place = chain->count;
	chain->places[chain->count++].instance = i;
}

static void chains_fill(struct rig *rig, struct port_conf *conf, const struct rig_chain *chain)
{
	struct instance *all[CHAIN_MAX];
	uint32_t count = 0;

	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	for (int kind = 0; kind < RIG_KINDS; kind++) {
		for (uint32_t n = 0; n < chain->count[kind]; n++)
			all[count++] = rig->instances[kind][n];
	}
	for (uint32_t n = 0; n < count; n++) {
		chain_add(&conf->ingress, all[n], false);
		chain_add(&conf->egress, all[count - 1 - n], true);
	}
}

static struct port_conf *conf_create(struct rig *rig, uint32_t n, const struct rig_chain *chain)
{
	struct port_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return NULL;
	conf->sw = rig->sw;
	conf->backend = gen_backend(rig->gens[n]);
	conf->role = ROLE_GUEST;
	conf->is_open = true;
	chains_fill(rig, conf, chain);
	return conf;
}

static int add_port(struct rig *rig, uint32_t n, struct xvs_error *err)
{
	static const char *const names[RIG_PORTS] = { "source", "sink" };
	static const struct rig_chain empty;
	struct port_conf *conf;

	rig->gens[n] = gen_create();
	if (!rig->gens[n])
		return error_set(err, -errno, "", "port %s: %s", names[n], strerror(errno));
	conf = conf_create(rig, n, &empty);
	if (!conf)
		return error_set(err, -ENOMEM, "", "out of memory");
	rig->ports[n] =
		path_port_add(rig->path, PORT_FIRST + n, names[n], conf, conf->backend, err);
	if (!rig->ports[n])
		return err->code;
	return conn_port_open(path_conns(rig->path), PORT_FIRST + n, 0, 0, err);
}

static int add_nowhere(struct rig *rig, struct xvs_error *err)
{
	struct port_conf *conf = calloc(1, sizeof(*conf));

	if (!conf)
		return error_set(err, -ENOMEM, "", "out of memory");
	conf->sw = rig->sw;
	conf->is_open = true;
	conf->ingress.conn_place = CHAIN_MAX;
	conf->egress.conn_place = CHAIN_MAX;
	path_switch_nowhere(rig->sw, conf);
	return 0;
}

static int add_address(struct rig *rig, uint32_t n, struct xvs_error *err)
{
	int result = l2_add_static(&rig->sw->l2, 0, rig_address[n], rig->ports[n]);

	if (result < 0)
		return error_set(err, result, "", "the address table refuses the port: %s",
				 strerror(-result));
	path_switch_address_changed(rig->sw, 0, rig_address[n]);
	return 0;
}

static void end_port(struct rig *rig, uint32_t n)
{
	bool done = false;

	if (rig->ports[n]) {
		l2_remove_static(&rig->sw->l2, 0, rig_address[n]);
		conn_port_close(path_conns(rig->path), PORT_FIRST + n);
		path_port_remove(rig->ports[n], on_done, &done);
		wait_until(rig, &done);
	}
	gen_destroy(rig->gens[n]);
}

/* ---- life --------------------------------------------------------------------------------------- */

static int start_path(struct rig *rig, int core, uint32_t flows, struct xvs_error *err)
{
	const uint32_t cores[] = { core < 0 ? 0 : (uint32_t)core };
	struct path_config config = { .workers = 1,
				      .flows = flows,
				      .cores = core < 0 ? NULL : cores,
				      .conn = { .connections = 2 * CONNECTIONS,
						.per_port = CONNECTIONS,
						.half_open = HALF_OPEN } };
	int result = loop_create(&rig->loop, err);

	if (result == 0)
		result = rcu_start(rig->loop, err);
	if (result < 0)
		return result;
	rig->has_rcu = true;
	result = counters_create(&rig->counters, NULL, 1, err);
	config.counters = rig->counters;
	config.loop = rig->loop;
	return result < 0 ? result : path_create(&config, &rig->path, err);
}

static int start_switch(struct rig *rig, struct xvs_error *err)
{
	int result;

	rig->sw = path_switch_create(rig->path);
	if (!rig->sw)
		return error_set(err, -ENOMEM, "", "out of memory");
	result = add_nowhere(rig, err);
	for (int kind = 0; kind < RIG_KINDS && result == 0; kind++)
		result = load_kind(rig, (enum rig_kind)kind, err);
	for (uint32_t n = 0; n < RIG_PORTS && result == 0; n++) {
		result = add_port(rig, n, err);
		if (result == 0)
			result = add_address(rig, n, err);
	}
	return result;
}

int rig_create(int core, uint32_t flows, struct rig **out, struct xvs_error *err)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	int result;

	if (!rig)
		return error_set(err, -ENOMEM, "", "out of memory");
	result = start_path(rig, core, flows, err);
	if (result == 0)
		result = start_switch(rig, err);
	if (result < 0) {
		rig_destroy(rig);
		return result;
	}
	*out = rig;
	return 0;
}

static void stop_switch(struct rig *rig)
{
	for (uint32_t n = 0; n < RIG_PORTS; n++)
		end_port(rig, n);
	for (int kind = 0; kind < RIG_KINDS; kind++) {
		for (uint32_t n = 0; n < RIG_CHAIN_MAX; n++)
			end_instance(rig, rig->instances[kind][n]);
		if (rig->modules[kind])
			module_put(rig->modules[kind]);
	}
	path_switch_destroy(rig->sw);
	rcu_synchronize();
	loop_drain(rig->loop);
}

void rig_destroy(struct rig *rig)
{
	if (!rig)
		return;
	if (rig->sw)
		stop_switch(rig);
	if (rig->path)
		path_destroy(rig->path);
	if (rig->has_rcu)
		rcu_stop();
	counters_destroy(rig->counters);
	if (rig->loop)
		loop_destroy(rig->loop);
	free(rig);
}

/* ---- use ---------------------------------------------------------------------------------------- */

void rig_load(struct rig *rig, enum rig_port from, const uint8_t *frames, uint32_t count)
{
	gen_load(rig->gens[from], frames, count);
}

int rig_set_chain(struct rig *rig, const struct rig_chain *chain, struct xvs_error *err)
{
	const struct rig_chain all[RIG_PORTS] = { *chain, *chain };

	return rig_set_chains(rig, all, err);
}

int rig_set_chains(struct rig *rig, const struct rig_chain chains[RIG_PORTS], struct xvs_error *err)
{
	bool done = false;

	for (uint32_t n = 0; n < RIG_PORTS; n++) {
		struct port_conf *conf = conf_create(rig, n, &chains[n]);

		if (!conf)
			return error_set(err, -ENOMEM, "", "out of memory");
		path_port_publish(rig->ports[n], conf);
	}
	path_settle(rig->path, on_settled, &done);
	wait_until(rig, &done);
	return 0;
}

/* One address to one port each, of a network of its own. */
static void change_some(void *arg, uint32_t packets)
{
	struct rig *rig = arg;
	struct epoch_change c = { .instance = rig->instances[RIG_JUDGE][0]->nr, .by_match = 1 };

	for (rig->since_change += packets; rig->since_change >= rig->change_after;
	     rig->since_change -= rig->change_after) {
		memset(c.mask.ip_src, 0xff, sizeof(c.mask.ip_src));
		memset(c.mask.ip_dst, 0xff, sizeof(c.mask.ip_dst));
		c.mask.l4_dst = UINT16_MAX;
		c.key.ip_src[12] = 172;
		memcpy(&c.key.ip_src[14], &rig->changes, 2);
		c.key.l4_dst = (uint16_t)(rig->changes++ % 1000);
		epoch_log_add(&rig->sw->log, &c);
	}
}

void rig_set_changes(struct rig *rig, uint32_t packets)
{
	rig->change_after = packets;
	gen_tell(rig->gens[RIG_SOURCE], packets ? change_some : NULL, rig);
}

/* Waits until a port has so many; false: they do not come. */
static bool arrived(struct rig *rig, enum rig_port at, uint64_t taken)
{
	uint64_t patience = clock_ns() + (uint64_t)PATIENCE_S * NS_PER_S;

	while (gen_taken(rig->gens[at]) < taken) {
		loop_drain(rig->loop);
		(void)usleep(POLL_US);
		if (clock_ns() > patience)
			return false;
	}
	return true;
}

/* The worker books a round after its packets left: look until its numbers stand still. */
static void read_stats(struct rig *rig, struct worker_stats *out)
{
	uint64_t bursts;

	do {
		path_worker_stats(rig->path, 0, out);
		bursts = out->bursts;
		(void)usleep(QUIET_US);
		path_worker_stats(rig->path, 0, out);
	} while (out->bursts != bursts);
}

static uint64_t clock_of(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* Of all threads but this one: the worker, and one that waits for grace periods and so sleeps. */
static uint64_t others_cpu_ns(void)
{
	uint64_t mine = clock_of(CLOCK_THREAD_CPUTIME_ID);

	return clock_of(CLOCK_PROCESS_CPUTIME_ID) - mine;
}

int rig_run(struct rig *rig, enum rig_port from, uint64_t packets, struct rig_run *out,
	    struct xvs_error *err)
{
	enum rig_port to = from == RIG_SOURCE ? RIG_SINK : RIG_SOURCE;
	uint64_t taken = gen_taken(rig->gens[to]);
	struct worker_stats before;
	struct worker_stats after;
	uint64_t start_ns;

	read_stats(rig, &before);
	start_ns = others_cpu_ns();
	gen_run(rig->gens[from], packets);
	if (!arrived(rig, to, taken + packets))
		return error_set(err, -EIO, "",
				 "of %llu packets only %llu came out in %d s: the figure would "
				 "mean nothing",
				 (unsigned long long)packets,
				 (unsigned long long)(gen_taken(rig->gens[to]) - taken),
				 PATIENCE_S);
	read_stats(rig, &after);
	*out = (struct rig_run){
		.packets = packets,
		.cpu_ns = others_cpu_ns() - start_ns,
		.hits_exact = after.hits_exact - before.hits_exact,
		.hits_masked = after.hits_masked - before.hits_masked,
		.misses = after.misses - before.misses,
		.evictions = after.evictions - before.evictions,
	};
	for (int i = 0; i < CYCLES_KINDS; i++)
		out->cycles[i] = after.cycles[i] - before.cycles[i];
	return 0;
}
