/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/build.c - the tree of a set of rules, from the root down.
 *
 * Sets that wait are a stack, each with its box and its place in a node.  Their lists of ranks lie
 * behind each other in one array, in the order of the stack.  The parts of a set take its place;
 * their quotas add up to no more than its own, so lists never need more room than the quota of the
 * whole tree, and as much again for the parts of one set while they are made.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl/tree.h"

enum {
	LEAF_RULES = 10,
	ASIDE = NODE_CUTS + 1, /* as a part; the others are children */
	PARTS = NODE_CUTS + 2,
	JOBS = ACL_DEPTH * PARTS + 1,
};

#define NO_NODE UINT32_MAX /* the root's place is in none */

/* A set that waits, and where the reference to its tree is to be written. */
struct job {
	struct acl_set set;
	struct acl_box box;
	uint32_t node;
	uint32_t part;
};

struct jobs {
	struct acl_build *b;
	struct job *stack;
	uint32_t count;
	uint32_t *ranks;       /* lists of the sets that wait */
	uint8_t *first, *last; /* children that each rule of a set reaches into */
	uint32_t *root;
};

/* A set that is being taken apart. */
struct parts {
	struct acl_cut cut;
	uint32_t low[PARTS], high[PARTS]; /* of the word that is cut */
	uint32_t *list[PARTS];
	uint32_t count[PARTS];
	bool is_covered[PARTS]; /* by the last rule of the list: those behind it do not matter */
};

/* ---- taking a set apart ---------------------------------------------------------------------- */

static void parts_bounds(struct parts *p, const struct acl_box *box)
{
	const struct acl_cut *cut = &p->cut;

	for (uint32_t i = 0; i < PARTS; i++) {
		p->low[i] = i > 0 && i <= cut->cuts ? cut->ends[i - 1] + 1 : box->low[cut->word];
		p->high[i] = i < cut->cuts ? cut->ends[i] : box->high[cut->word];
	}
}

/* How far each rule reaches, which decides who goes aside; then where the list of each part is. */
static void parts_measure(struct parts *p, const struct jobs *jobs, const struct acl_set *set,
			  uint32_t *lists)
{
	const struct acl_span *spans = jobs->b->spans[p->cut.word];
	uint32_t reaching[NODE_CUTS + 2] = { 0 };
	uint32_t longest[PARTS] = { 0 };

	for (uint32_t i = 0; i < set->count; i++) {
		const struct acl_span *s = &spans[set->ranks[i]];

		jobs->first[i] = (uint8_t)cut_child(&p->cut, s->low);
		jobs->last[i] = (uint8_t)cut_child(&p->cut, s->high);
		reaching[jobs->last[i] - jobs->first[i] + 1]++;
	}
	p->cut.reach = cut_reach(reaching, set->count, cut_allowed(set));
	for (uint32_t i = 0; i < set->count; i++) {
		if ((uint32_t)(jobs->last[i] - jobs->first[i]) >= p->cut.reach) {
			jobs->first[i] = ASIDE;
			jobs->last[i] = ASIDE;
		}
		for (uint32_t part = jobs->first[i]; part <= jobs->last[i]; part++)
			longest[part]++;
	}
	for (uint32_t part = 0; part < PARTS; part++) {
		p->list[part] = lists;
		lists += longest[part];
	}
}

/* Covers the box in all words but the one that is cut. */
static bool covers_rest(const struct acl_build *b, const struct acl_box *box, uint32_t cut_word,
			uint32_t rank)
{
	for (uint32_t i = 0; i < b->word_count; i++) {
		uint32_t word = b->words[i];

		if (word != cut_word &&
		    !span_covers(&b->spans[word][rank], box->low[word], box->high[word]))
			return false;
	}
	return true;
}

static void parts_fill(struct parts *p, const struct jobs *jobs, const struct job *job)
{
	const struct acl_set *set = &job->set;

	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t rank = set->ranks[i];
		const struct acl_span *s = &jobs->b->spans[p->cut.word][rank];
		bool covers = covers_rest(jobs->b, &job->box, p->cut.word, rank);

		for (uint32_t part = jobs->first[i]; part <= jobs->last[i]; part++) {
			if (p->is_covered[part] || !span_meets(s, p->low[part], p->high[part]))
				continue;
			p->list[part][p->count[part]++] = rank;
			p->is_covered[part] = covers && span_covers(s, p->low[part], p->high[part]);
		}
	}
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static int node_reserve(struct acl_build *b)
{
	uint32_t room = b->node_room ? b->node_room * 2 : 64;
	void *nodes;

	if (b->node_count < b->node_room)
		return 0;
	if (room >= REF_LEAF / NODE_WORDS)
		return -E2BIG;
	nodes = realloc(b->nodes, room * sizeof(*b->nodes));
	if (!nodes)
		return -ENOMEM;
	build_hold(b, (room - b->node_room) * sizeof(*b->nodes));
	b->nodes = nodes;
	b->node_room = room;
	return 0;
}

static int32_t biased(uint32_t x)
{
	return (int32_t)(x ^ 0x80000000);
}

static void node_write(struct acl_node *n, const struct parts *p)
{
	*n = (struct acl_node){
		.word = p->cut.word,
		.aside = REF_NOTHING,
		.aside_rank = p->count[ASIDE] ? p->list[ASIDE][0] : ACL_NONE,
	};
	for (uint32_t i = 0; i < NODE_CUTS + 2; i++)
		n->ends[i] = biased(i > 0 && i <= p->cut.cuts ? p->cut.ends[i - 1] : UINT32_MAX);
	for (uint32_t i = 0; i <= NODE_CUTS; i++)
		n->child[i] = REF_NOTHING;
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void job_done(struct jobs *jobs, const struct job *job, uint32_t ref)
{
	if (job->node == NO_NODE)
		*jobs->root = ref;
	else if (job->part == ASIDE)
		jobs->b->nodes[job->node].aside = ref;
	else
		jobs->b->nodes[job->node].child[job->part] = ref;
}

/* Parts that have rules wait in the place of their set, whose list ended where all lists end. */
static void parts_push(struct jobs *jobs, const struct parts *p, const struct job *job,
		       uint32_t node, uint32_t *at)
{
	uint64_t total = 0;

	for (uint32_t part = 0; part < PARTS; part++)
		total += p->count[part];
	for (uint32_t part = 0; part < PARTS; part++) {
		uint64_t quota = p->count[part] * (uint64_t)job->set.quota / (total ? total : 1);
		struct job *next = &jobs->stack[jobs->count];

		if (p->count[part] == 0)
			continue;
		memmove(at, p->list[part], p->count[part] * sizeof(*at));
		*next = *job;
		next->set =
			(struct acl_set){ at, p->count[part], (uint32_t)quota, job->set.depth + 1 };
		next->box.low[p->cut.word] = p->low[part];
		next->box.high[p->cut.word] = p->high[part];
		next->node = node;
		next->part = part;
		at += p->count[part];
		jobs->count++;
	}
}

static int job_node(struct jobs *jobs, const struct job *job, const struct acl_cut *cut)
{
	uint32_t *at = jobs->ranks + (job->set.ranks - jobs->ranks);
	struct parts p = { .cut = *cut };
	int e = node_reserve(jobs->b);

	if (e)
		return e;
	parts_bounds(&p, &job->box);
	parts_measure(&p, jobs, &job->set, at + job->set.count);
	parts_fill(&p, jobs, job);
	node_write(&jobs->b->nodes[jobs->b->node_count], &p);
	job_done(jobs, job, jobs->b->node_count * NODE_WORDS);
	parts_push(jobs, &p, job, jobs->b->node_count++, at);
	return 0;
}

static int job_leaf(struct jobs *jobs, const struct job *job)
{
	uint32_t ref;
	int e = leaf_write(jobs->b, &job->set, &job->box, &ref);

	if (e == 0)
		job_done(jobs, job, ref);
	return e;
}

static int job_run(struct jobs *jobs)
{
	struct job job = jobs->stack[--jobs->count];
	struct acl_cut cut;

	if (job.set.depth > jobs->b->info.depth)
		jobs->b->info.depth = job.set.depth;
	if (job.set.count <= LEAF_RULES || job.set.depth >= ACL_DEPTH ||
	    !cut_choose(jobs->b, &job.set, &job.box, &cut))
		return job_leaf(jobs, &job);
	return job_node(jobs, &job, &cut);
}

int tree_build(struct acl_build *b, const uint32_t *ranks, uint32_t count, uint32_t quota,
	       const struct acl_box *box, uint32_t *ref)
{
	struct jobs jobs = {
		.b = b,
		.stack = calloc(JOBS, sizeof(struct job)),
		.ranks = calloc(quota * (size_t)2, sizeof(*ranks)),
		.first = calloc(count, 2),
		.root = ref,
	};
	uint64_t held = JOBS * sizeof(struct job) + quota * (uint64_t)2 * sizeof(*ranks) +
			count * (uint64_t)2;
	int e = -ENOMEM;

	build_hold(b, held);
	if (jobs.stack && jobs.ranks && jobs.first) {
		jobs.last = jobs.first + count;
		memcpy(jobs.ranks, ranks, count * sizeof(*ranks));
		jobs.stack[jobs.count++] = (struct job){ .set = { jobs.ranks, count, quota, 0 },
							 .box = *box,
							 .node = NO_NODE };
		for (e = 0; e == 0 && jobs.count > 0;)
			e = job_run(&jobs);
	}
	b->bytes -= held;
	free(jobs.stack);
	free(jobs.ranks);
	free(jobs.first);
	return e;
}
