/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_bench - what it costs to build a classifier and to ask it, by number and kind of rules.
 *
 * For each kind of site and each number of rules: milliseconds to build, megabytes held;
 * nanoseconds for the first packet of a flow, with 131072 flows in turn, so that of a large
 * set little is in the caches; its ratio to 100 rules of the same kind, and to asking each rule in
 * turn; how many bits of addresses, ports and the rest an answer examined, and how many different
 * masks there were, each of which is a table of the flow cache, with the share of packets that the
 * 32 most frequent have.
 *
 * The best of several rounds, since others use the machine too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl.h"
#include "base/clock.h"
#include "base/error.h"
#include "support/rulegen.h"

enum {
	KEYS = 1 << 17,
	ROUNDS = 5,
	LINEAR_KEYS = 200,
	MOST = 100000,
	USUAL_MASKS = 32,
};

struct bench {
	struct rulegen gen;
	uint32_t count;
	struct acl_rule *rules;
	struct xvs_flow_key *keys, *masks;
	struct acl *acl;
	double build_ms, find_ns, linear_ns;
};

static volatile uint32_t sink; /* so that nothing is left out */

static uint64_t linear_round(const struct bench *b)
{
	uint64_t start = clock_ns();

	for (uint32_t i = 0; i < LINEAR_KEYS; i++) {
		for (uint32_t rule = 0; rule < b->count; rule++)
			sink += acl_rule_matches(&b->rules[rule], &b->keys[i], 0);
	}
	return clock_ns() - start;
}

static uint64_t find_round(const struct bench *b)
{
	uint64_t start = clock_ns();

	for (uint32_t i = 0; i < KEYS; i++) {
		struct xvs_flow_key mask = { 0 };

		sink += acl_find(b->acl, &b->keys[i], 0, &mask) + mask.l4_dst;
	}
	return clock_ns() - start;
}

static void measure(struct bench *b)
{
	uint64_t state = 77;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0; i < KEYS; i++)
		rulegen_key(&b->gen, b->rules, b->count, &state, &b->keys[i]);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint64_t ns = find_round(b);

		least = ns < least ? ns : least;
	}
	b->find_ns = (double)least / KEYS;
	b->linear_ns = (double)linear_round(b) / LINEAR_KEYS;
}

/* ---- masks ----------------------------------------------------------------------------------- */

static int compare_masks(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct xvs_flow_key));
}

static int compare_counts(const void *a, const void *b)
{
	const uint32_t *x = a;
	const uint32_t *y = b;

	return (*x < *y) - (*x > *y);
}

static uint32_t bits_of(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint32_t bits = 0;

	for (size_t i = 0; i < size; i++)
		bits += (uint32_t)__builtin_popcount(at[i]);
	return bits;
}

/* Sorts the masks; writes how often each came over the first ones of 'counts', most often first. */
static uint32_t count_masks(struct xvs_flow_key *masks, uint32_t *counts)
{
	uint32_t different = 0;

	qsort(masks, KEYS, sizeof(*masks), compare_masks);
	for (uint32_t i = 0; i < KEYS; i++) {
		if (i == 0 || compare_masks(&masks[i], &masks[i - 1]))
			counts[different++] = 0;
		counts[different - 1]++;
	}
	qsort(counts, different, sizeof(*counts), compare_counts);
	return different;
}

static void tell_masks(const struct bench *b)
{
	uint64_t addresses = 0;
	uint64_t ports = 0;
	uint64_t all = 0;
	uint32_t usual = 0;
	uint32_t different;
	uint32_t *counts = calloc(KEYS, sizeof(*counts));

	if (!counts)
		return;
	for (uint32_t i = 0; i < KEYS; i++) {
		struct xvs_flow_key *m = &b->masks[i];

		memset(m, 0, sizeof(*m));
		sink += acl_find(b->acl, &b->keys[i], 0, m);
		addresses += bits_of(m->ip_src, 32);
		ports += bits_of(&m->l4_src, 4);
		all += bits_of(m, sizeof(*m));
	}
	different = count_masks(b->masks, counts);
	for (uint32_t i = 0; i < USUAL_MASKS && i < different; i++)
		usual += counts[i];
	printf("  %5.1f %5.1f %5.1f  %5u  %3.0f %%", (double)addresses / KEYS, (double)ports / KEYS,
	       (double)(all - addresses - ports) / KEYS, different, usual * 100.0 / KEYS);
	free(counts);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool run_one(struct bench *b, double *first_ns)
{
	struct xvs_error err = ERROR_INIT;
	struct acl_info info;
	uint64_t start;

	if (!rulegen_rules(&b->gen, b->rules, b->count))
		return false;
	start = clock_ns();
	if (acl_create(b->rules, b->count, &b->acl, &err)) {
		(void)fprintf(stderr, "acl_bench: %s\n", err.text);
		return false;
	}
	b->build_ms = (double)(clock_ns() - start) / NS_PER_MS;
	acl_info(b->acl, &info);
	measure(b);
	if (*first_ns == 0)
		*first_ns = b->find_ns;
	printf("%6u  %7.1f  %6.2f %6.2f  %6.0f  %5.2f  %8.1f", b->count, b->build_ms,
	       (double)info.bytes / 1e6, (double)info.build_bytes / 1e6, b->find_ns,
	       b->find_ns / *first_ns, b->linear_ns / b->find_ns);
	tell_masks(b);
	printf("  %5.2f %3u %3u\n", (double)info.entries / b->count, info.depth, info.largest);
	acl_destroy(b->acl);
	return true;
}

static bool run_kind(struct bench *b, enum rulegen_kind kind, bool is_ipv6)
{
	static const char *const names[] = { "access lists", "firewalls", "chains of hosts",
					     "mix" };
	double first_ns = 0;

	b->gen = (struct rulegen){ kind, is_ipv6, 42 };
	printf("\n%s, IPv%c\n", names[kind], is_ipv6 ? '6' : '4');
	printf(" rules    build      MB   peak      ns  ratio  x linear   bits of addr, ports, rest"
	       "; masks, 32   copies, depth, fullest\n");
	for (b->count = 100; b->count <= MOST; b->count *= 10) {
		if (!run_one(b, &first_ns))
			return false;
	}
	return true;
}

int main(void)
{
	struct bench b = { .rules = calloc(MOST, sizeof(*b.rules)),
			   .keys = calloc(KEYS, sizeof(*b.keys)),
			   .masks = calloc(KEYS, sizeof(*b.masks)) };
	bool ok = b.rules && b.keys && b.masks;

	for (uint32_t kind = RULEGEN_ACL; ok && kind <= RULEGEN_MIX; kind++)
		ok = run_kind(&b, (enum rulegen_kind)kind, false) &&
		     run_kind(&b, (enum rulegen_kind)kind, true);
	free(b.rules);
	free(b.keys);
	free(b.masks);
	return ok ? 0 : 1;
}
