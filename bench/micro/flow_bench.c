/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_bench - what it costs to parse a packet and to find its flow, by each means that there is.
 *
 *      parser   packet_parse() and packet_key(), the source of truth
 *      plain    the fast lane and the look-up in stages, as any processor has them
 *      wide     the same with AVX-512, where there is one
 *
 * and what a full cache makes of new flows: how many a second, and how many flows that are in use
 * survive them.  Batches of 64; cycles of the time stamp counter a packet, of the least disturbed
 * tenth of the batches.  Means are interleaved batch by batch, so they meet the same weather.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flow/table.h"
#include "packet/lane.h"

enum {
	MEANS = 3,
	SAMPLES = 4000, /* batches by each means */
	FRAME = 60,
	PORT = 5,
	BUSY = 10000, /* flows in use while others come */
	HOSTS = 64,   /* that wide entries tell apart */
};

static const char *const means[MEANS] = { "parser", "plain", "wide" };

struct bench {
	struct pool *pool;
	struct flow_cache *cache;
	struct packet *pkts[XVS_BATCH_MAX];
	struct xvs_flow_key keys[XVS_BATCH_MAX] __attribute__((aligned(64)));
	uint16_t reasons[XVS_BATCH_MAX];
	struct flow_entry *found[XVS_BATCH_MAX];
	uint32_t cycles[MEANS][SAMPLES];
	uint64_t random;
};

static void on_retire(void *arg, struct flow_entry *e)
{
	(void)arg;
	(void)e;
}

static uint32_t draw(struct bench *b, uint32_t below)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return (uint32_t)((b->random >> 20) % below);
}

/* UDP over IPv4 of flow n: its host by address, the rest by port and address. */
static void write_frame(uint8_t *f, uint32_t n)
{
	static const uint8_t start[] = { 0x52, 0x54, 0, 0,    0,    2, 0x52, 0x54, 0,  0,    0,
					 1,    8,    0, 0x45, 0,    0, 46,   0,    0,  0x40, 0,
					 64,   17,   0, 0,    10,   0, 0,    1,    10, 0,    0,
					 2,    0x80, 0, 0x12, 0xb5, 0, 26,   0,    0 };

	memset(f, 0, FRAME);
	memcpy(f, start, sizeof(start));
	f[11] = (uint8_t)(n % HOSTS);
	f[27] = (uint8_t)(n >> 16);
	f[28] = (uint8_t)(n >> 8);
	f[29] = (uint8_t)n;
	f[35] = (uint8_t)(n >> 3);
}

static void arrive(struct bench *b, uint32_t flows)
{
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		struct packet *p = b->pkts[i];

		p->x.data = p->head + XVS_HEADROOM;
		p->x.flags = 0;
		p->x.len = FRAME;
		p->x.linear = FRAME;
		write_frame(p->x.data, draw(b, flows));
	}
}

/* ---- telling ----------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x > *y) - (*x < *y);
}

/* The least disturbed tenth, a packet. */
static double figure(uint32_t *cycles)
{
	const uint32_t *tenth = &cycles[SAMPLES / 20];

	qsort(cycles, SAMPLES, sizeof(*cycles), compare);
	return (double)*tenth / XVS_BATCH_MAX;
}

static void tell(struct bench *b, const char *what, uint32_t first)
{
	printf("  %-28s", what);
	for (uint32_t m = first; m < MEANS; m++)
		printf("  %s %.1f", means[m], figure(b->cycles[m]));
	printf("\n");
}

/* ---- parsing ----------------------------------------------------------------------------------- */

static void parser(struct packet *const *pkts, struct arrivals *a, struct xvs_flow_key *keys,
		   uint16_t *reasons)
{
	for (uint32_t i = 0; i < a->count; i++)
		lane_refused(pkts[i], a->port, &keys[i], &reasons[i]);
}

static void measure_parse(struct bench *b)
{
	static const lane_batch lanes[MEANS] = { parser, lane_plain, lane_avx512 };

	for (uint32_t n = 0; n < SAMPLES; n++) {
		for (uint32_t m = 0; m < MEANS; m++) {
			struct arrivals a = { .port = PORT, .count = XVS_BATCH_MAX };
			uint64_t start;

			arrive(b, 1u << 24);
			start = clock_cycles();
			lanes[m](b->pkts, &a, b->keys, b->reasons);
			b->cycles[m][n] = (uint32_t)(clock_cycles() - start);
		}
	}
	tell(b, "parse, key, hash", 0);
}

/* ---- looking up ---------------------------------------------------------------------------------- */

static void mask_of(struct flow_key *mask, bool is_exact)
{
	flow_mask_base(mask);
	memset(mask->k.eth_src, 0xff, 6);
	memset(mask->k.eth_dst, 0xff, 6);
	if (!is_exact)
		return;
	memset(mask->k.ip_src, 0xff, 32);
	mask->k.ip_proto = 0xff;
	mask->k.l4_src = 0xffff;
	mask->k.l4_dst = 0xffff;
}

/* As parsing write_frame(n) gives it. */
static void key_of(struct flow_key *key, uint32_t n)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 0, 0, 2 };
	uint16_t source = (uint16_t)(0x80 | (n >> 3 & 0xff) << 8);

	*key = (struct flow_key){ .k.port = PORT };
	memcpy(key->k.eth_dst, mac, 6);
	memcpy(key->k.eth_src, mac, 6);
	key->k.eth_src[5] = (uint8_t)(n % HOSTS);
	key->k.ethertype = 8;
	key->k.ip_proto = 17;
	key->k.ip_ttl = 64;
	memcpy(key->k.ip_src, (const uint8_t[16]){ [10] = 255, 255, 10 }, 16);
	memcpy(key->k.ip_dst, (const uint8_t[16]){ [10] = 255, 255, 10, 0, 0, 2 }, 16);
	key->k.ip_src[13] = (uint8_t)(n >> 16);
	key->k.ip_src[14] = (uint8_t)(n >> 8);
	key->k.ip_src[15] = (uint8_t)n;
	key->k.l4_src = source;
	key->k.l4_dst = 0xb512;
}

static struct flow_entry *insert(struct bench *b, uint32_t n, bool is_exact, uint64_t now_ns)
{
	struct flow_entry *e = flow_new(b->cache);
	struct flow_key key;
	struct flow_key mask;

	if (!e)
		abort();
	key_of(&key, n);
	mask_of(&mask, is_exact);
	e->idle_ms = 10000;
	e->tally.packets = 1;
	e->tally.last_ns = now_ns;
	e->exit = FLOW_EXIT_LEGS;
	e->out_count = 1;
	e->is_single = 1;
	e->is_plain = 1;
	if (!flow_insert(b->cache, e, &key, &mask))
		abort();
	return e;
}

/* As the path does: the counters of each hit are written. */
static uint32_t find_once(struct bench *b, flow_batch_fn fn)
{
	struct flow_batch batch = { .keys = b->keys, .live = UINT64_MAX, .port = PORT };
	uint64_t start = clock_cycles();

	fn(b->cache, &batch, b->found);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		b->found[i]->tally.packets++;
		b->found[i]->tally.bytes += FRAME;
		b->found[i]->tally.last_ns = start;
	}
	return (uint32_t)(clock_cycles() - start);
}

/* What was inserted is what frames ask for; else all would be misses, and no figure. */
static void check_keys(struct bench *b)
{
	struct arrivals a = { .port = PORT, .count = XVS_BATCH_MAX };

	arrive(b, 1);
	packet_parse_batch(b->pkts, &a, b->keys, b->reasons);
	if (!flow_find(b->cache, &(struct flow_key){ .k = b->keys[0] }))
		abort();
}

static void measure_find(struct bench *b, uint32_t flows, bool is_exact)
{
	static const flow_batch_fn fns[MEANS] = { NULL, flow_batch_plain, flow_batch_avx512 };
	uint32_t entries = is_exact ? flows : HOSTS;
	char what[64];

	for (uint32_t n = 0; n < entries; n++)
		(void)insert(b, n, is_exact, 1);
	check_keys(b);
	for (uint32_t n = 0; n < SAMPLES; n++) {
		for (uint32_t m = 1; m < MEANS; m++) {
			struct arrivals a = { .port = PORT, .count = XVS_BATCH_MAX };

			arrive(b, flows);
			packet_parse_batch(b->pkts, &a, b->keys, b->reasons);
			b->cycles[m][n] = find_once(b, fns[m]);
		}
	}
	(void)snprintf(what, sizeof(what), "find %u flows, %s", flows,
		       is_exact ? "exact" : "64 wide entries");
	tell(b, what, 1);
}

/* ---- a full cache ---------------------------------------------------------------------------------- */

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* One packet each of so many new flows, while BUSY others send one each round. */
static void measure_flood(struct bench *b, uint32_t table)
{
	uint32_t rounds = 8;
	uint32_t a_round = table / 2;
	uint64_t start;
	uint64_t ns = 0;
	uint64_t now = 1;
	uint32_t alive = 0;

	for (uint32_t n = 0; n < BUSY; n++)
		insert(b, n, true, now)->tally.packets = 100;
	for (uint32_t r = 0; r < rounds; r++) {
		start = cpu_ns();
		for (uint32_t n = 0; n < a_round; n++) {
			(void)insert(b, BUSY + r * a_round + n, true, ++now);
			if (n % XVS_BATCH_MAX == 0)
				flow_reclaim(b->cache);
		}
		ns += cpu_ns() - start;
		alive = 0;
		for (uint32_t n = 0; n < BUSY; n++) {
			struct flow_entry *e;
			struct flow_key key;

			key_of(&key, n);
			e = flow_find(b->cache, &key);
			if (!e)
				continue;
			alive++;
			e->tally.packets++;
			e->tally.last_ns = now;
		}
	}
	printf("  %u new flows into %u entries: %.2f million a second; of %d in use %u survive\n",
	       rounds * a_round, table, (double)rounds * a_round / (double)ns * 1e3, BUSY, alive);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static bool open_cache(struct bench *b, uint32_t entries)
{
	flow_cache_destroy(b->cache);
	b->cache = flow_cache_create(entries, on_retire, NULL);
	return b->cache != NULL;
}

static bool run(struct bench *b)
{
	static const uint32_t flows[] = { 1, 64, 10000, 1000000 };

	measure_parse(b);
	for (uint32_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
		for (int is_exact = 0; is_exact < 2; is_exact++) {
			if (!open_cache(b, 1u << 21))
				return false;
			measure_find(b, flows[i], is_exact);
		}
	}
	if (!open_cache(b, 1u << 18))
		return false;
	measure_flood(b, 1u << 18);
	return true;
}

int main(void)
{
	static const struct pool_limits limits = { .packets = XVS_BATCH_MAX };
	struct bench *b = aligned_alloc(64, (sizeof(*b) + 63) / 64 * 64);
	bool ok = b != NULL;

	if (ok) {
		memset(b, 0, sizeof(*b));
		b->random = 88172645463325252u;
		b->pool = pool_create(&limits);
		ok = b->pool != NULL;
	}
	for (uint32_t i = 0; ok && i < XVS_BATCH_MAX; i++)
		b->pkts[i] = packet_new(b->pool);
	if (ok && !lane_has_avx512())
		printf("no AVX-512 here: wide is plain\n");
	ok = ok && run(b);
	if (!ok)
		fprintf(stderr, "flow_bench: out of memory\n");
	return ok ? 0 : 1;
}
