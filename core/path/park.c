/* SPDX-License-Identifier: Apache-2.0 */
/*
 * park.c - packets that wait for the verdict of an instance that answers later (architecture 16.6).
 *
 * A walk that comes to such an instance puts the question and ends; its packet is set aside, whole,
 * and those of its flow behind it.  When the answer comes, the first packet is looked up again from
 * where its walk began, with the answers so far in hand; so what becomes of ports, policies and
 * other instances meanwhile is met as it then is, and nothing of a half-made entry has to be kept.
 * Then the others follow, one by one, by the entry that was made.
 *
 * An answer is as old as its question: an entry made of it is not newer, and is judged again if
 * anything that concerns it has changed.  Who does not answer in time is not waited for: the flow
 * passes or drops, as the operator said, for a short while.
 */
#include "path/burst.h"
#include "path/walk.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "flow/epoch.h"

enum {
	PARK_FLOWS = 1024,    /* a worker */
	PARK_ANSWERS = 4096,  /* of all these flows */
	PARK_EACH = 64,       /* packets of one flow */
	PARK_INSTANCE = 1024, /* packets that wait for one instance, all workers together */
	PARK_MS = 10,         /* for each answer */
	FAILED_MS = 100,      /* so long a verdict holds that nobody gave */
	LATE_MS = 1000,       /* so long answers are taken that nobody waits for any more */
};

/* What one instance said of the first packet. */
struct answer {
	struct answer *next;
	struct xvs_flow_key key;
	struct xvs_flow_verdict verdict;
	uint64_t epoch; /* when it was asked */
	uint32_t log_seen;
	uint32_t port;
	uint16_t stage;
	uint16_t instance;
	bool has_come;
	bool is_lost; /* it gave none */
};

/* A flow that waits: the first of its packets for an answer, the others for the first. */
struct parked {
	struct parked *next; /* in its bucket; in the slab's list when it has ended */
	struct parked *older, *newer;
	uint64_t ticket; /* of the question; 0: ended */
	uint64_t due_ns;
	struct packet_queue queue;
	struct answer *answers; /* the newest first: what is waited for */
	const struct path_switch *sw;
	uint32_t hash;
	uint32_t port;
	uint16_t stage;
	uint16_t place;
	uint16_t instance; /* that is asked; 0: none, it goes on now */
};

bool park_init(struct park *park)
{
	return slab_init(&park->flows, PARK_FLOWS, sizeof(struct parked)) &&
	       slab_init(&park->answers, PARK_ANSWERS, sizeof(struct answer));
}

void park_finish(struct park *park)
{
	slab_finish(&park->flows);
	slab_finish(&park->answers);
}

/* ---- flows that wait --------------------------------------------------------------------------- */

static struct parked **bucket_of(struct park *park, uint32_t hash, uint32_t port)
{
	return &park->buckets[(hash ^ hash >> 16 ^ port) % PARK_BUCKETS];
}

static struct parked *find(struct park *park, const struct burst *b, uint32_t i, uint32_t place)
{
	uint32_t hash = b->pkts[i]->x.hash;
	uint32_t port = b->conf->port->id;
	struct parked *f = *bucket_of(park, hash, port);

	while (f && (f->hash != hash || f->port != port || f->stage != b->stage ||
		     f->place != place || f->sw != b->conf->sw))
		f = f->next;
	return f;
}

static struct parked *flow_begin(struct park *park, const struct burst *b, uint32_t i,
				 uint32_t place)
{
	struct parked *f = slab_get(&park->flows);
	struct parked **bucket;

	if (!f)
		return NULL;
	f->hash = b->pkts[i]->x.hash;
	f->port = b->conf->port->id;
	f->sw = b->conf->sw;
	f->stage = b->stage;
	f->place = (uint16_t)place;
	bucket = bucket_of(park, f->hash, f->port);
	f->next = *bucket;
	*bucket = f;
	park->waiting++;
	return f;
}

static void forget_answers(struct park *park, struct parked *f)
{
	while (f->answers) {
		struct answer *a = f->answers;

		f->answers = a->next;
		slab_put(&park->answers, a);
	}
}

/* Its packets are somebody else's by now, or none. */
static void flow_end(struct park *park, struct parked *f)
{
	struct parked **place = bucket_of(park, f->hash, f->port);

	while (*place != f)
		place = &(*place)->next;
	*place = f->next;
	forget_answers(park, f);
	f->ticket = 0;
	park->waiting--;
	slab_put(&park->flows, f);
}

static void count_packets(struct park *park, uint32_t by)
{
	__atomic_store_n(&park->packets, park->packets + by, __ATOMIC_RELAXED);
}

/* The flow waits for this instance, last of all who wait. */
static void flow_wait(struct path_worker *w, struct parked *f, uint32_t instance)
{
	struct park *park = &w->park;

	f->instance = (uint16_t)instance;
	f->due_ns = w->w.now_ns + (uint64_t)PARK_MS * NS_PER_MS;
	f->older = park->newest;
	f->newer = NULL;
	*(park->newest ? &park->newest->newer : &park->oldest) = f;
	park->newest = f;
	park->at[instance] += (uint16_t)f->queue.count;
	park->asked_ns = w->w.now_ns;
}

static void expect_answers(struct path_worker *w, uint32_t instance)
{
	w->park.asked[instance / 64] |= UINT64_C(1) << instance % 64;
	w->park.look_until_ns = w->w.now_ns + (uint64_t)LATE_MS * NS_PER_MS;
}

static void flow_wait_ends(struct park *park, struct parked *f)
{
	if (!f->instance)
		return;
	*(f->older ? &f->older->newer : &park->oldest) = f->newer;
	*(f->newer ? &f->newer->older : &park->newest) = f->older;
	park->at[f->instance] -= (uint16_t)f->queue.count;
	f->instance = 0;
}

/* ---- a question --------------------------------------------------------------------------------- */

static struct answer *answer_of(const struct walk *k, const struct parked *f, uint32_t instance)
{
	struct answer *a = f->answers;

	while (a &&
	       (!a->has_come || a->instance != instance || a->stage != k->stage ||
		a->port != k->conf->port->id || memcmp(&a->key, &k->key.k, sizeof(a->key)) != 0))
		a = a->next;
	return a;
}

/* The entry is as old as what it is made of. */
static void use_answer(struct walk *k, const struct answer *a, struct xvs_flow_verdict *v)
{
	struct flow_entry *e = k->entry;

	if (!a->is_lost)
		*v = a->verdict;
	if (a->epoch < e->epoch)
		e->epoch = a->epoch;
	if ((int32_t)(a->log_seen - e->log_seen) < 0)
		e->log_seen = a->log_seen;
}

/* Nobody answers, so the operator's word counts; not for long. */
static void use_failure(struct walk *k, const struct instance *inst, struct xvs_flow_verdict *v)
{
	bool is_open = __atomic_load_n(&inst->fails_open, __ATOMIC_RELAXED);

	k->failure = is_open ? REASON_NONE : REASON_EXTENSION_FAILED;
	v->dest = XVS_DEST_NORMAL;
	walk_expire(k, FAILED_MS);
}

static uint64_t new_ticket(struct park *park, const struct parked *f)
{
	size_t at = (size_t)((const uint8_t *)f - park->flows.memory);

	return ++park->serial << 32 | (uint32_t)(at / park->flows.item);
}

static struct parked *by_ticket(const struct park *park, uint64_t ticket)
{
	uint32_t nr = (uint32_t)ticket;
	struct parked *f;

	if (nr >= park->flows.fresh || !ticket)
		return NULL;
	f = (struct parked *)(void *)(park->flows.memory + nr * park->flows.item);
	return f->ticket == ticket ? f : NULL;
}

static int put_question(struct walk *k, struct parked *f, const struct chain_place *at,
			const struct xvs_batch *batch, const struct xvs_flow_verdict *v)
{
	struct park *park = &k->worker->park;
	struct instance *inst = at->instance;
	struct answer *a = slab_get(&park->answers);
	int code;

	if (!a)
		return -EAGAIN;
	f->ticket = new_ticket(park, f);
	expect_answers(k->worker, inst->nr);
	code = inst->remote->ask(inst, &k->worker->w, batch, &k->key.k, v, f->ticket);
	if (code) {
		slab_put(&park->answers, a);
		return code;
	}
	a->key = k->key.k;
	a->epoch = k->worker->epoch;
	a->log_seen = (uint32_t)epoch_log_count(&k->burst->conf->sw->log);
	a->port = k->conf->port->id;
	a->stage = (uint16_t)k->stage;
	a->instance = inst->nr;
	a->next = f->answers;
	f->answers = a;
	flow_wait(k->worker, f, inst->nr);
	return 0;
}

void park_ask(struct walk *k, const struct chain_place *at, const struct xvs_batch *batch,
	      struct xvs_flow_verdict *v)
{
	struct park *park = &k->worker->park;
	struct parked *f = find(park, k->burst, k->index, k->place);
	const struct answer *a = NULL;
	int code = -EAGAIN;

	v->dest = k->worker->trace ? XVS_DEST_NORMAL : v->dest;
	if (k->worker->trace) /* which cannot wait: as if it passed */
		return;
	if (f && f != park->resumed) {
		k->is_parked = true;
		return;
	}
	if (f)
		a = answer_of(k, f, at->instance->nr);
	if (a) {
		use_answer(k, a, v);
		if (a->is_lost)
			use_failure(k, at->instance, v);
		return;
	}
	if (!f)
		f = flow_begin(park, k->burst, k->index, k->place);
	if (f)
		code = put_question(k, f, at, batch, v);
	k->is_parked = code == 0;
	if (code && f && f != park->resumed)
		flow_end(park, f);
	if (code == -EAGAIN) {
		k->failure = REASON_PARKED;
		k->is_cacheable = false;
	} else if (code) {
		use_failure(k, at->instance, v);
	}
}

bool park_is_outdated(struct burst *b, struct flow_entry *e)
{
	struct parked *f = b->worker->park.resumed;

	if (!f->answers || b->stage != f->stage || entry_staleness(b, e) == STALE_NO)
		return false;
	forget_answers(&b->worker->park, f);
	return true;
}

/* ---- packets ------------------------------------------------------------------------------------ */

static bool has_room(const struct path_worker *w, const struct burst *b, const struct parked *f)
{
	uint32_t held = atomic_load_explicit(&b->conf->port->held, memory_order_relaxed);

	return f->queue.count < PARK_EACH && held < PORT_HELD_MAX &&
	       w->park.at[f->instance] < PARK_INSTANCE / w->path->worker_count;
}

static void set_aside(struct burst *b, uint32_t i, const struct parked *f)
{
	struct packet *p = b->pkts[i];

	p->stage = f->stage;
	p->place = f->place;
	p->port_out = f->port;
	p->epoch = b->conf->serial;
	p->behind = 0; /* where the configuration is another by then, from the start */
	p->scratch = (void *)(uintptr_t)f->sw;
	p->charged = f->port;
	atomic_fetch_add_explicit(&b->conf->port->held, 1, memory_order_relaxed);
	b->live &= ~(UINT64_C(1) << i);
}

/* The first packet of the flow in hand waits again, in front of those that came behind it. */
static void queue_first(struct parked *f, struct packet *p)
{
	p->next = f->queue.head;
	f->queue.head = p;
	if (!p->next)
		f->queue.tail = &p->next;
	f->queue.count++;
}

static void join(struct burst *b, uint32_t i, struct parked *f)
{
	struct path_worker *w = b->worker;
	struct packet *p = b->pkts[i];
	bool is_first = f == w->park.resumed;

	if (!is_first && !has_room(w, b, f)) {
		burst_drop(b, i, 0, REASON_PARKED);
		return;
	}
	if (packet_own(p) != 0) {
		burst_drop(b, i, 0, REASON_POOL);
		return;
	}
	set_aside(b, i, f);
	if (is_first)
		queue_first(f, p);
	else
		packet_append(&f->queue, p);
	if (f->instance)
		w->park.at[f->instance]++;
	count_packets(&w->park, 1);
}

void park_packet(struct burst *b, uint32_t i, uint32_t place)
{
	struct parked *f = find(&b->worker->park, b, i, place);

	join(b, i, f);
	if (f->queue.count > 0)
		return;
	/* there was no room for it: its answer will be nobody's */
	flow_wait_ends(&b->worker->park, f);
	if (f != b->worker->park.resumed)
		flow_end(&b->worker->park, f);
}

bool park_follows(struct burst *b, uint32_t i, uint32_t place)
{
	struct park *park = &b->worker->park;
	struct parked *f = find(park, b, i, place);

	if (!f || f == park->resumed)
		return false;
	join(b, i, f);
	return true;
}

void park_followers(struct burst *b, uint32_t place)
{
	for (XVS_EACH(i, b->live))
		(void)park_follows(b, (uint32_t)i, place);
}

/* ---- an answer ---------------------------------------------------------------------------------- */

static struct packet *take_first(struct path_worker *w, struct parked *f)
{
	struct packet *p = packet_take(&f->queue);

	count_packets(&w->park, UINT32_MAX);
	packet_uncharge(w, p);
	return p;
}

static void go_on(struct path_worker *w, struct packet *p)
{
	struct burst *b = &w->ingress;
	uint32_t place = 0;
	struct port_conf *conf = later_resolve(w, p, &place);
	uint16_t stage = p->stage;

	if (!conf || !conf->is_open) {
		packet_drop(w, p, p->port_out, stage, 0,
			    !conf                       ? REASON_STALE
			    : stage == XVS_STAGE_EGRESS ? REASON_EXIT_CLOSED
							: REASON_PORT_CLOSED);
		return;
	}
	p->scratch = NULL;
	b->pkts[0] = p;
	b->reason[0] = REASON_NONE;
	b->count = 1;
	w->changes = epoch_changes();
	w->epoch = epoch_now();
	burst_continue(w, b, conf, stage, place);
}

/* Its first packet goes on; unless that has another question, the others too. */
static uint32_t flow_go_on(struct path_worker *w, struct parked *f)
{
	struct park *park = &w->park;
	struct packet_queue rest;
	uint32_t count = 1;

	flow_wait_ends(park, f);
	park->resumed = f;
	go_on(w, take_first(w, f));
	park->resumed = NULL;
	if (f->instance)
		return count;
	rest = f->queue;
	flow_end(park, f);
	for (; rest.count > 0; count++) {
		struct packet *p = packet_take(&rest);

		count_packets(park, UINT32_MAX);
		packet_uncharge(w, p);
		go_on(w, p);
	}
	return count;
}

static uint32_t answered(struct path_worker *w, struct parked *f, const struct xvs_flow_verdict *v)
{
	f->answers->has_come = true;
	f->answers->is_lost = v == NULL;
	if (v)
		f->answers->verdict = *v;
	return flow_go_on(w, f);
}

static uint32_t take_answers(struct path_worker *w, struct instance *inst)
{
	struct xvs_flow_verdict v;
	uint32_t count = 0;
	uint64_t ticket;
	bool is_lost = false;

	while (inst->remote->take(inst, &w->w, &ticket, &v, &is_lost)) {
		struct parked *f = by_ticket(&w->park, ticket);

		/* it may have come too late, and its flow have gone on */
		if (f && f->instance == inst->nr)
			count += answered(w, f, is_lost ? NULL : &v);
	}
	return count;
}

uint32_t park_turn(struct path_worker *w)
{
	struct park *park = &w->park;
	uint32_t count = 0;

	for (uint32_t word = 0; word < INSTANCES_MAX / 64; word++) {
		for (XVS_EACH(bit, park->asked[word])) {
			uint32_t nr = word * 64 + (uint32_t)bit;
			struct instance *inst = rcu_read(&w->path->instances[nr]);

			if (inst && inst->remote)
				count += take_answers(w, inst);
			if (!park->at[nr] && w->w.now_ns >= park->look_until_ns)
				park->asked[word] &= ~(UINT64_C(1) << bit);
		}
	}
	while (park->oldest && park->oldest->due_ns <= w->w.now_ns)
		count += answered(w, park->oldest, NULL);
	return count;
}

/* ---- ends --------------------------------------------------------------------------------------- */

void park_drop_port(struct path_worker *w, uint32_t port)
{
	struct parked *f = w->park.oldest;

	while (f) {
		struct parked *newer = f->newer;

		if (f->port == port) {
			flow_wait_ends(&w->park, f);
			while (f->queue.count > 0)
				packet_drop(w, take_first(w, f), port, f->stage, 0,
					    REASON_SHUTDOWN);
			flow_end(&w->park, f);
		}
		f = newer;
	}
}

/* They are looked up again from where they began, in a chain without it. */
void park_forget(struct path_worker *w, uint32_t instance)
{
	while (w->park.at[instance] > 0) {
		struct parked *f = w->park.oldest;

		while (f->instance != instance)
			f = f->newer;
		(void)answered(w, f, NULL);
	}
}
