/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro/conn_bench.c - what connections cost: opening them, and letting packets into open ones.
 *
 *      conn_bench [CONNECTIONS]        (default 60000; packets of them in random order)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../tests/unit/support/frames.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "conn/conn.h"

enum { PORT = 1, UPDATES = 10000000, CONNECTIONS_MAX = 1000000 };

static void authorise(void *arg, const struct packet *p, struct xvs_conn *view,
		      uint64_t slots[CONN_SLOTS], struct conn_decision *out)
{
	(void)arg;
	(void)p;
	(void)view;
	(void)slots;
	(void)out;
}

static void event(void *arg, struct xvs_conn *view, uint64_t slots[CONN_SLOTS], uint16_t log,
		  uint16_t cause)
{
	(void)arg;
	(void)view;
	(void)slots;
	(void)log;
	(void)cause;
}

static void resume(void *arg, struct packet *p)
{
	(void)arg;
	packet_free(p);
}

static void drop(void *arg, struct packet *p, uint32_t port, uint16_t reason)
{
	(void)port;
	(void)reason;
	resume(arg, p);
}

static struct packet *make(struct pool *pool, struct frame_tcp t, bool inbound)
{
	static const struct frame_end guest = { 1, false, 40000 };
	static const struct frame_end server = { 2, false, 80 };
	uint8_t f[FRAME_BYTES];
	uint32_t len = frame_tcp(f, inbound ? server : guest, inbound ? guest : server, t);
	struct packet *p = frame_packet(pool, f, len);

	if (!p)
		abort();
	return p;
}

/* The i-th of the guest's calls: another address and port of the server's each. */
static void aim(struct packet *p, bool inbound, uint32_t i)
{
	uint8_t *ip = p->x.data + 14;

	put_be16(ip + (inbound ? 14 : 18), (uint16_t)(i >> 15));
	put_be16(ip + (inbound ? 20 : 22), (uint16_t)(1 + (i & 0x7fff)));
}

struct bench {
	struct conn_table *t;
	struct worker w;
	struct packet *syn, *answer, *data;
	struct conn_ref *refs;
	uint32_t count;
};

/* Pages of this process that are in memory. */
static uint64_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char line[128];
	char *at = line;
	uint64_t resident;

	if (!f || !fgets(line, sizeof(line), f))
		abort();
	(void)fclose(f);
	(void)strtoull(at, &at, 10); /* all of them come first */
	resident = strtoull(at, &at, 10);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t bench_open(struct bench *b)
{
	uint64_t begin = clock_ns();

	for (uint32_t i = 0; i < b->count; i++) {
		struct conn_result result;

		aim(b->syn, false, i);
		aim(b->answer, true, i);
		aim(b->data, false, i);
		if (conn_judge(b->t, &b->w, PORT, false, b->syn, NULL, &result) != CONN_PASS)
			abort();
		b->refs[i] = result.ref;
		if (conn_judge(b->t, &b->w, PORT, true, b->answer, NULL, &result) != CONN_PASS ||
		    conn_judge(b->t, &b->w, PORT, false, b->data, NULL, &result) != CONN_PASS)
			abort();
	}
	return clock_ns() - begin;
}

/* One by one, as packets go that are not plain. */
static uint64_t bench_update(struct bench *b, uint32_t among)
{
	uint64_t begin = clock_ns();
	uint32_t random = 1;

	for (uint32_t i = 0; i < UPDATES; i++) {
		uint16_t reason;

		random = random * 1664525 + 1013904223;
		if (conn_update(b->t, &b->w, b->refs[(random >> 8) % among], b->data, NULL,
				&reason) != CONN_PASS)
			abort();
	}
	return clock_ns() - begin;
}

static uint64_t bench_run(struct bench *b, uint32_t among)
{
	struct packet *pkts[XVS_BATCH_MAX];
	struct conn_run r = { .port = PORT, .pkts = pkts };
	uint64_t begin = clock_ns();
	uint32_t random = 1;

	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++)
		pkts[i] = b->data;
	for (uint32_t i = 0; i < UPDATES; i += XVS_BATCH_MAX) {
		conn_run_begin(b->t, &r);
		for (uint32_t n = 0; n < XVS_BATCH_MAX; n++) {
			random = random * 1664525 + 1013904223;
			conn_run_add(&r, n, b->refs[(random >> 8) % among]);
		}
		if (conn_run(b->t, &b->w, &r, UINT64_MAX) != 0)
			abort();
	}
	return clock_ns() - begin;
}

static void setup(struct bench *b, struct pool *pool)
{
	static const struct conn_env env = { authorise, event, resume, drop, NULL, NULL };
	struct conn_limits limits = { .connections = CONNECTIONS_MAX + 1024,
				      .per_port = CONNECTIONS_MAX };
	struct xvs_error err = ERROR_INIT;

	hash_start();
	if (conn_table_create(&limits, 1, &env, &b->t, &err) ||
	    conn_port_open(b->t, PORT, 0, 0, &err)) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
	b->w.now_ns = clock_ns();
	b->refs = calloc(b->count, sizeof(*b->refs));
	if (!b->refs)
		exit(1);
	b->syn = make(pool, (struct frame_tcp){ F_SYN, 1000, 0, 60000, 0, 8 }, false);
	b->answer = make(pool, (struct frame_tcp){ F_SYN | F_ACK, 5000, 1001, 60000, 0, 8 }, true);
	b->data = make(pool, (struct frame_tcp){ F_ACK, 1001, 5001, 60000, 64, 0 }, false);
}

int main(int argc, char **argv)
{
	static const struct pool_limits sizes = { 16, 16, 2 };
	struct bench b = { .count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 60000 };
	struct pool *pool = pool_create(&sizes);
	uint64_t resident;
	uint64_t ns;

	if (!pool || b.count == 0 || b.count > CONNECTIONS_MAX) {
		(void)fprintf(stderr, "conn_bench: connections must be 1..%d\n", CONNECTIONS_MAX);
		return 1;
	}
	setup(&b, pool);
	resident = resident_bytes();
	ns = bench_open(&b);
	resident = resident_bytes() - resident - b.count * sizeof(*b.refs);
	printf("open: %" PRIu64 " connections a second, of three packets each\n",
	       b.count * NS_PER_S / (ns ? ns : 1));
	printf("memory: %.0f bytes each\n", (double)resident / b.count);
	ns = bench_update(&b, b.count < 64 ? b.count : 64);
	printf("update, among 64: %.1f ns\n", (double)ns / UPDATES);
	ns = bench_run(&b, b.count < 64 ? b.count : 64);
	printf("run, among 64: %.1f ns\n", (double)ns / UPDATES);
	ns = bench_update(&b, b.count);
	printf("update, among %u: %.1f ns\n", b.count, (double)ns / UPDATES);
	ns = bench_run(&b, b.count);
	printf("run, among %u: %.1f ns\n", b.count, (double)ns / UPDATES);
	conn_table_destroy(b.t);
	pool_destroy(pool);
	free(b.refs);
	return 0;
}
