/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl/build.c - the tree of a set of rules, from the root down.
 *
 * Sets that wait are a stack, each with its box and its place in a node.  Their lists of ranks lie
 * behind each other in one array, in the order of the stack.  The parts of a set take its place;
 * their quotas add up to no more than its own, so lists never need more room than the quota of the
 * whole tree, and as much again for the parts of one set while they are made.
 *
 * A rule is hidden in a box where an earlier one of its set matches all that it does there.  Who is
 * hidden in a child does not enter it, and copies are counted without such; so rules that are
 * repeated, nested or wide, however many there are, leave few that matter in a small box.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl/twins.h"

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
	uint32_t *ranks; /* lists of the sets that wait */
	uint16_t *into;  /* parts (a bit each) that each rule of a set enters */
	struct acl_twins twins;
	uint32_t *root;
};

/* A set that is being taken apart. */
struct parts {
	struct acl_cut cut;
	uint32_t low[PARTS], high[PARTS]; /* of the word that is cut */
	uint32_t *list[PARTS];
	uint32_t count[PARTS];
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

/* The children (a bit each) that the rule meets, and those that it covers, both along the cut. */
static uint32_t children_met(const struct parts *p, const struct acl_span *s, uint32_t *covered)
{
	uint32_t first = cut_child(&p->cut, s->low);
	uint32_t last = cut_child(&p->cut, s->high);
	uint32_t met = 0;

	*covered = 0;
	if (!s->holes) {
		/* all between the two at the ends, and those where it does not end within */
		*covered = children_between(first + (s->low > p->low[first]),
					    last + (s->high >= p->high[last]));
		return children_between(first, last + 1);
	}
	for (uint32_t child = first; child <= last; child++) {
		if (span_meets(s, p->low[child], p->high[child]))
			met |= 1u << child;
		if (span_covers(s, p->low[child], p->high[child]))
			*covered |= 1u << child;
	}
	return met;
}

/* Where each rule is not hidden; reaching[n] rules enter n children, and that many are given. */
static uint32_t parts_enter(const struct parts *p, struct jobs *jobs, const struct job *job,
			    uint32_t reaching[NODE_CUTS + 2])
{
	const struct acl_set *set = &job->set;
	const struct acl_span *spans = jobs->b->spans[p->cut.word];
	uint32_t closed = 0;
	uint32_t live = 0;

	twins_begin(&jobs->twins, jobs->b, &job->box, p->cut.word, set);
	for (uint32_t i = 0; i < set->count; i++) {
		uint32_t covered;
		uint32_t met = children_met(p, &spans[set->ranks[i]], &covered) & ~closed;

		if (met && covered) {
			uint16_t *hidden = twins_add(&jobs->twins, i);

			met &= ~(uint32_t)*hidden;
			*hidden = (uint16_t)(*hidden | covered);
			if (jobs->twins.is_whole)
				closed |= covered;
		} else if (met) {
			met &= ~twins_hidden(&jobs->twins, i);
		}
		jobs->into[i] = (uint16_t)met;
		reaching[bits_in(met)]++;
		live += met != 0;
	}
	return live;
}

/* Who enters too many goes aside; then where the list of each part is. */
static void parts_measure(struct parts *p, struct jobs *jobs, const struct job *job,
			  uint32_t *lists)
{
	uint32_t reaching[NODE_CUTS + 2] = { 0 };
	uint32_t longest[PARTS] = { 0 };
	uint32_t live = parts_enter(p, jobs, job, reaching);

	p->cut.reach = cut_reach(reaching, live, cut_allowed(&job->set));
	for (uint32_t i = 0; i < job->set.count; i++) {
		if (bits_in(jobs->into[i]) > p->cut.reach)
			jobs->into[i] = 1u << ASIDE;
		for (uint32_t into = jobs->into[i]; into; into &= into - 1)
			longest[__builtin_ctz(into)]++;
	}
	for (uint32_t part = 0; part < PARTS; part++) {
		p->list[part] = lists;
		lists += longest[part];
	}
}

static void parts_fill(struct parts *p, const struct jobs *jobs, const struct acl_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		for (uint32_t into = jobs->into[i]; into; into &= into - 1) {
			uint32_t part = (uint32_t)__builtin_ctz(into);

			p->list[part][p->count[part]++] = set->ranks[i];
		}
	}
}

/* Leaves out who is hidden in the whole box. */
static void set_prune(struct jobs *jobs, struct job *job)
{
	struct acl_set *set = &job->set;
	uint32_t *ranks = jobs->ranks + (set->ranks - jobs->ranks);
	uint32_t kept = 0;

	twins_begin(&jobs->twins, jobs->b, &job->box, WORDS, set);
	for (uint32_t i = 0; i < set->count; i++) {
		uint16_t *hidden = twins_add(&jobs->twins, i);

		/* the twin is known by its place, so the list is made anew behind the last look */
		jobs->into[i] = *hidden == 0;
		*hidden = 1;
		if (jobs->twins.is_whole) {
			set->count = i + 1;
			break;
		}
	}
	for (uint32_t i = 0; i < set->count; i++) {
		ranks[kept] = ranks[i];
		kept += jobs->into[i];
	}
	set->count = kept;
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
	parts_measure(&p, jobs, job, at + job->set.count);
	parts_fill(&p, jobs, &job->set);
	node_write(&jobs->b->nodes[jobs->b->node_count], &p);
	job_done(jobs, job, jobs->b->node_count * NODE_WORDS);
	parts_push(jobs, &p, job, jobs->b->node_count++, at);
	return 0;
}

static int job_leaf(struct jobs *jobs, struct job *job)
{
	uint32_t ref;
	int e;

	if (job->set.count > LEAF_RULES)
		set_prune(jobs, job);
	e = leaf_write(jobs->b, &job->set, &job->box, &ref);
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
	if (job.set.depth == 0)
		set_prune(jobs, &job);
	if (job.set.count <= LEAF_RULES || job.set.depth >= ACL_DEPTH ||
	    !cut_choose(jobs->b, &job.set, &job.box, &cut))
		return job_leaf(jobs, &job);
	return job_node(jobs, &job, &cut);
}

static int tree_grow(struct acl_build *b, const uint32_t *ranks, uint32_t count, uint32_t quota,
		     const struct acl_box *box, uint32_t *ref)
{
	struct jobs jobs = {
		.b = b,
		.stack = calloc(JOBS, sizeof(struct job)),
		.ranks = calloc(quota * (size_t)2, sizeof(*ranks)),
		.into = calloc(count, sizeof(*jobs.into)),
		.root = ref,
	};
	uint64_t held = JOBS * sizeof(struct job) + quota * (uint64_t)2 * sizeof(*ranks) +
			count * sizeof(*jobs.into) + twins_bytes(count);
	int e = twins_init(&jobs.twins, count);

	build_hold(b, held);
	if (e || !jobs.stack || !jobs.ranks || !jobs.into)
		e = -ENOMEM;
	if (e == 0) {
		memcpy(jobs.ranks, ranks, count * sizeof(*ranks));
		jobs.stack[jobs.count++] = (struct job){ .set = { jobs.ranks, count, quota, 0 },
							 .box = *box,
							 .node = NO_NODE };
	}
	while (e == 0 && jobs.count > 0)
		e = job_run(&jobs);
	b->bytes -= held;
	free(jobs.stack);
	free(jobs.ranks);
	free(jobs.into);
	twins_finish(&jobs.twins);
	return e;
}

int tree_build(struct acl_build *b, const uint32_t *ranks, uint32_t count, uint32_t quota,
	       const struct acl_box *box, uint32_t *ref)
{
	struct acl_set set = { ranks, count, quota, 0 };

	if (count <= LEAF_RULES)
		return leaf_write(b, &set, box, ref);
	return tree_grow(b, ranks, count, quota, box, ref);
}
