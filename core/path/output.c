/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - packets are split by exit port.  Each exit gathers a burst and runs its egress chain
 * over it.
 *
 * One packet bound for three ports becomes three, which share their bytes; or where none of the
 * ports has anything to do to it, as with most mirrors and floods, it stays one that is sent three
 * times.
 */
#include "path/worker.h"

static bool has_tag(const struct packet *p)
{
	return (p->x.flags & (XVS_PKT_VLAN | XVS_PKT_SVLAN)) != 0;
}

void output_tag(const struct port_conf *conf, struct packet *p)
{
	uint32_t pcp = p->x.flags & XVS_PKT_VLAN ? p->x.vlan_tci & 0xf000u : 0;
	bool is_native = p->segment == conf->segment;

	/* tags are the forwarder's business there, those that say a priority alone, too */
	if (is_native && conf->keeps_priority && has_tag(p) && !(p->x.vlan_tci & 0xfff))
		return;
	/* without it, the one behind it would say the VLAN on the other end: VLAN hopping */
	if (is_native && conf->is_trunk && p->segment && has_tag(p) && qinq_has_inner_tag(p))
		is_native = false;
	if (!conf->is_trunk || is_native) {
		p->x.flags &= ~(uint32_t)(XVS_PKT_VLAN | XVS_PKT_SVLAN);
		p->x.vlan_tci = 0;
		return;
	}
	/* a tag that came with this VLAN keeps its type, 0x88a8 included */
	if (!(p->x.flags & XVS_PKT_VLAN))
		p->x.flags &= ~(uint32_t)XVS_PKT_SVLAN;
	p->x.flags |= XVS_PKT_VLAN;
	p->x.vlan_tci = (uint16_t)(pcp | p->segment);
}

/* ---- exits ----------------------------------------------------------------------------------- */

static void exit_open(struct path_worker *w, struct exit *x, struct port_conf *conf)
{
	x->conf = conf;
	x->burst.worker = w;
	x->burst.conf = conf;
	x->burst.chain = &conf->egress;
	x->burst.stage = XVS_STAGE_EGRESS;
	x->burst.first_place = 0;
	x->burst.count_for_one = false;
	x->burst.count = 0;
	x->burst.fresh = 0;
	x->burst.teaching = 0;
	x->burst.dynamic = 0;
	x->burst.plain = 0;
	x->burst.paired = 0;
	x->burst.unjudged = 0;
}

static struct exit *exit_for(struct path_worker *w, struct port_conf *conf)
{
	uint16_t *at = &w->exit_of[conf->port->id];
	struct exit *x;

	if (*at) {
		x = &w->exits[*at - 1];
		if (x->conf == conf)
			return x;
		output_flush_exit(w, x); /* the port was reconfigured within this burst */
		exit_open(w, x, conf);
		return x;
	}
	if (w->exit_count == EXITS_MAX)
		output_flush(w);
	*at = (uint16_t)++w->exit_count;
	x = &w->exits[*at - 1];
	exit_open(w, x, conf);
	return x;
}

/* Room for so many more: what waits goes first. */
static void exit_room(struct path_worker *w, struct exit *x, uint32_t count)
{
	if (x->burst.count + count <= XVS_BATCH_MAX)
		return;
	output_flush_exit(w, x);
	exit_open(w, x, x->conf);
}

/* Without a tag in and none wanted, as nearly always, there is nothing to write. */
static void tag_some(const struct port_conf *conf, struct packet *const *pkts, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (has_tag(pkts[i]) || (conf->is_trunk && pkts[i]->segment != conf->segment))
			output_tag(conf, pkts[i]);
	}
}

/*
 * Whose exits' connections have let them in already, and nothing else happens there.  They are alike as a
 * rule; where the first is none of them, it is left to apply.c to see who is.
 */
static uint64_t led_of(const struct burst *b, uint32_t first, uint64_t paired)
{
	uint64_t led = 0;

	if (!paired || !b->entries[first + (uint32_t)__builtin_ctzll(paired)]->leg.is_led)
		return 0;
	for (XVS_EACH(i, paired))
		led |= (uint64_t)b->entries[first + i]->leg.is_led << i;
	return led;
}

/* Packets to whom nothing happens at their exits: those that are plain, and some that are not. */
static uint64_t calm_of(const struct burst *b, uint32_t first, uint32_t count)
{
	const uint64_t ones = UINT64_MAX >> (XVS_BATCH_MAX - count);
	uint64_t calm = b->plain >> first & ones;
	bool are_all = true;
	bool are_any = false;

	if (b->paired)
		calm |= led_of(b, first, b->paired >> first & ones);
	if (calm == ones)
		return ones;
	for (uint32_t i = 0; i < count; i++) {
		are_all &= b->entries[first + i]->is_calm;
		are_any |= b->entries[first + i]->is_calm;
	}
	if (are_all || !are_any)
		return are_all ? ones : calm;
	for (uint32_t i = 0; i < count; i++)
		calm |= (uint64_t)b->entries[first + i]->is_calm << i;
	return calm;
}

/* 'count' packets from 'first' on, for which there is room; leg 'n' of their entries is the exit's. */
static void exit_append(struct exit *x, const struct burst *from, uint32_t first, uint32_t count,
			uint32_t n)
{
	struct burst *b = &x->burst;
	const uint64_t ones = UINT64_MAX >> (XVS_BATCH_MAX - count);
	const uint32_t at = b->count;
	uint32_t flags = 0;

	b->plain |= calm_of(from, first, count) << at;
	b->paired |= (from->paired >> first & ones) << at;
	b->fresh |= (from->fresh >> first & ones) << at;
	for (uint32_t i = 0; i < count; i++) {
		struct flow_entry *e = from->entries[first + i];
		struct packet *p = from->pkts[first + i];

		flags |= p->x.flags;
		b->pkts[at + i] = p;
		b->entries[at + i] = e;
		b->legs[at + i] = flow_out(e, n);
	}
	b->count = (uint16_t)(at + count);
	if (flags & (XVS_PKT_VLAN | XVS_PKT_SVLAN) || x->conf->is_trunk)
		tag_some(x->conf, b->pkts + at, count);
}

/*
 * Packets of a burst that have this exit as the n-th of their entries, and were judged on its very
 * configuration.
 */
static void exit_take(struct path_worker *w, struct exit *x, const struct burst *from, uint64_t run,
		      uint32_t n)
{
	exit_room(w, x, (uint32_t)__builtin_popcountll(run));
	while (run) {
		uint32_t first = (uint32_t)__builtin_ctzll(run);
		uint64_t behind = ~(run >> first); /* a one where packets that stand together end */
		uint32_t count = behind ? (uint32_t)__builtin_ctzll(behind) : XVS_BATCH_MAX;

		exit_append(x, from, first, count, n);
		run &= run + (UINT64_C(1) << first);
	}
}

/* Legs that were not judged on this very configuration are looked up at the egress place. */
static void push(struct path_worker *w, struct packet *p, struct port_conf *conf,
		 struct flow_leg *leg, struct flow_entry *e, bool is_fresh)
{
	struct exit *x = exit_for(w, conf);
	struct burst *b = &x->burst;
	bool is_judged;

	exit_room(w, x, 1);
	output_tag(conf, p);
	is_judged = leg && leg->conf == conf;
	if (p->holds && !is_judged)
		mirror_let_go(w, p); /* its way has changed since it was looked up */
	b->pkts[b->count] = p;
	if (leg && !is_judged)
		account_missed_leg(w, leg, p, 0); /* and seen by the one that is looked up */
	b->legs[b->count] = is_judged ? leg : NULL;
	b->entries[b->count] = e;
	if (is_fresh && is_judged)
		b->fresh |= UINT64_C(1) << b->count;
	if (is_judged && !leg->events)
		b->plain |= UINT64_C(1) << b->count;
	b->unjudged |= (uint64_t)!is_judged << b->count;
	b->count++;
}

/* Packets without a verdict for this exit get one. */
static void exit_lookup(struct burst *b)
{
	uint64_t missing = b->unjudged & b->live;

	if (missing && missing == b->live) {
		burst_lookup(b, 0);
		return;
	}
	for (XVS_EACH(n, missing))
		(void)packet_lookup(b, (uint32_t)n, 0);
}

void output_flush_exit(struct path_worker *w, struct exit *x)
{
	struct burst *b = &x->burst;

	if (b->count == 0)
		return;
	cycles_spent(w, CYCLES_OUTPUT);
	b->live = UINT64_MAX >> (XVS_BATCH_MAX - b->count);
	for (XVS_EACH(n, b->conf->is_open || b->conf->relay ? 0 : b->live))
		burst_lose(b, (uint32_t)n, 0, 0, REASON_EXIT_CLOSED);
	exit_lookup(b);
	burst_apply(b);
	cycles_spent(w, CYCLES_APPLY);
	burst_tx(b);
	b->count = 0;
	b->fresh = 0;
}

void output_flush(struct path_worker *w)
{
	for (uint32_t i = 0; i < w->exit_count; i++) {
		output_flush_exit(w, &w->exits[i]);
		w->exit_of[w->exits[i].conf->port->id] = 0;
	}
	w->exit_count = 0;
	if (w->copy_count)
		mirror_flush(w);
}

/* ---- copies ------------------------------------------------------------------------------------ */

/* One more packet for one more port.  NULL: dropped and counted. */
static struct packet *copy(struct path_worker *w, struct packet *p, uint32_t port)
{
	struct packet *c = packet_clone(p);

	if (!c) {
		output_flush(w); /* sends what waits, which gives packets back */
		c = packet_clone(p);
	}
	counter_add(&w->w.shard->ports[port].copied, 1);
	if (c) {
		c->segment = p->segment;
		return c;
	}
	counters_drop(w->w.shard, drop_key(port, XVS_STAGE_FORWARD, 0, REASON_POOL), 1, p->x.len);
	return NULL;
}

void output_packet(struct path_worker *w, struct packet *p, const struct path_switch *sw,
		   const struct port_conf *in, uint32_t dest, uint32_t drop_port)
{
	struct targets *t = w->targets;

	forward_resolve(sw, in, p->segment, p->x.data, dest, t);
	if (t->count == 0) {
		packet_drop(w, p, drop_port, XVS_STAGE_FORWARD, 0, t->reason);
		return;
	}
	for (uint32_t n = 0; n < t->count; n++) {
		struct packet *c = n + 1 < t->count ? copy(w, p, drop_port) : p;

		if (c)
			push(w, c, t->confs[n], NULL, NULL, false);
	}
}

/* ---- a burst ----------------------------------------------------------------------------------- */

/* Packet p, which is packet i or a copy, takes the n-th exit of its entry. */
static void push_leg(struct burst *b, uint32_t i, struct packet *p, uint32_t n)
{
	struct path_worker *w = b->worker;
	struct flow_leg *leg = flow_out(b->entries[i], n);
	const struct path_port *port = path_port_of(w->path, leg->port);

	burst_part(b, i);
	if (port) {
		push(w, p, rcu_read(&port->conf), leg, b->entries[i], b->fresh >> i & 1);
		return;
	}
	account_missed_leg(w, leg, p, 0);
	packet_drop(w, p, b->conf->port->id, XVS_STAGE_FORWARD, 0, REASON_NO_PORT);
}

/* Copies of a run take the n-th exit. */
static void push_copies(struct burst *b, uint64_t run, uint32_t n)
{
	struct path_worker *w = b->worker;
	struct packet *from[XVS_BATCH_MAX] = { NULL };
	struct packet *copies[XVS_BATCH_MAX];
	uint32_t port = b->conf->port->id;
	uint32_t count = 0;
	uint32_t got;
	uint32_t at = 0;

	for (XVS_EACH(k, run))
		from[count++] = b->pkts[k];
	got = packet_clone_burst(w->pool, from, copies, count);
	counter_add(&w->w.shard->ports[port].copied, got);
	for (XVS_EACH(i, run)) {
		struct packet *c = at < got ? copies[at] : copy(w, b->pkts[i], port);

		at++;
		if (c)
			push_leg(b, (uint32_t)i, c, n);
		else
			account_missed_leg(w, flow_out(b->entries[i], n), b->pkts[i], 0);
	}
}

/* Packets with as many exits as the first of 'rest': each but the last exit gets a copy. */
static uint64_t output_copies(struct burst *b, uint64_t rest)
{
	uint32_t exits = b->entries[__builtin_ctzll(rest)]->out_count;
	uint64_t run = 0;

	for (XVS_EACH(k, rest)) {
		const struct flow_entry *e = b->entries[k];

		if (b->dynamic >> k & 1 || e->exit != FLOW_EXIT_LEGS || e->out_count != exits)
			break;
		run |= UINT64_C(1) << k;
	}
	for (uint32_t n = 0; n + 1 < exits; n++)
		push_copies(b, run, n);
	for (XVS_EACH(i, run))
		push_leg(b, (uint32_t)i, b->pkts[i], exits - 1);
	return rest & ~run;
}

/* ---- one packet for several ports ------------------------------------------------------------ */

/* The ports of packets that all of them take as they are. */
struct fan {
	struct port_conf *confs[FLOW_OUTS];
	uint32_t count;
	uint32_t segment;
	const struct flow_entry *entry; /* the last one that goes there */
};

/* An exit that changes nothing of untagged packets of a segment, and is still what was judged. */
static struct port_conf *exit_as_is(const struct path_worker *w, const struct flow_leg *leg,
				    uint32_t segment)
{
	const struct path_port *port = path_port_of(w->path, leg->port);
	struct port_conf *conf = port ? rcu_read(&port->conf) : NULL;
	bool wants_tag = conf && conf->is_trunk && conf->segment != segment;

	return conf == leg->conf && !leg->events && !wants_tag ? conf : NULL;
}

/* Where packet i goes; false: at some exit something happens to it. */
static bool fan_open(struct fan *f, const struct burst *b, uint32_t i)
{
	struct flow_entry *e = b->entries[i];

	f->segment = b->pkts[i]->segment;
	f->entry = e;
	for (f->count = 0; f->count < e->out_count; f->count++) {
		f->confs[f->count] = exit_as_is(b->worker, flow_out(e, f->count), f->segment);
		if (!f->confs[f->count])
			return false;
	}
	return !has_tag(b->pkts[i]);
}

/* Does packet i go the same way as those before it? */
static bool fan_takes(struct fan *f, const struct burst *b, uint32_t i)
{
	const struct packet *p = b->pkts[i];
	struct flow_entry *e = b->entries[i];

	if (b->dynamic >> i & 1 || has_tag(p) || p->segment != f->segment)
		return false;
	if (e == f->entry)
		return true;
	if (e->exit != FLOW_EXIT_LEGS || e->out_count != f->count)
		return false;
	for (uint32_t n = 0; n < f->count; n++) {
		const struct flow_leg *leg = flow_out(e, n);

		if (leg->conf != f->confs[n] || leg->events)
			return false;
	}
	f->entry = e;
	return true;
}

/* Each is a copy to who counts: the port that it came from, and the one that sends it. */
static void push_fan(struct burst *b, uint64_t run, const struct fan *f)
{
	struct path_worker *w = b->worker;
	uint32_t copies = f->count - 1;

	counter_add(&w->w.shard->ports[b->conf->port->id].copied,
		    (uint64_t)__builtin_popcountll(run) * copies);
	for (XVS_EACH(i, run))
		packet_hold(b->pkts[i], copies);
	for (uint32_t n = 0; n < f->count; n++)
		exit_take(w, exit_for(w, f->confs[n]), b, run, n);
}

/* A run of packets that several ports take as they are; those of 'rest' that are behind it. */
static uint64_t output_fan(struct burst *b, uint64_t rest)
{
	uint64_t run = 0;
	struct fan f;

	if (!fan_open(&f, b, (uint32_t)__builtin_ctzll(rest)))
		return output_copies(b, rest);
	for (XVS_EACH(i, rest)) {
		if (!fan_takes(&f, b, (uint32_t)i))
			break;
		run |= UINT64_C(1) << i;
	}
	push_fan(b, run, &f);
	return rest & ~run;
}

/* To a destination that is found anew for each packet. */
static uint64_t output_dest(struct burst *b, uint64_t rest)
{
	uint32_t i = (uint32_t)__builtin_ctzll(rest);
	bool is_dynamic = b->dynamic >> i & 1;

	if (is_dynamic)
		account_missed_exits(b, i);
	output_packet(b->worker, b->pkts[i], b->conf->sw, b->conf,
		      is_dynamic ? b->dest[i] : b->entries[i]->dest, b->conf->port->id);
	return rest & (rest - 1);
}

/* The exit of a single entry, if its port is still what the entry was judged on. */
static struct exit *exit_of_single(struct path_worker *w, const struct flow_entry *e)
{
	const struct path_port *port = path_port_of(w->path, e->out_port);
	struct port_conf *conf = port ? rcu_read(&port->conf) : NULL;

	return conf && (uint32_t)conf->serial == e->out_serial ? exit_for(w, conf) : NULL;
}

static bool is_single(const struct burst *b, uint32_t i)
{
	return b->entries[i]->is_single && !(b->dynamic >> i & 1);
}

/* The first of 'rest', as far as they leave by one and the same port. */
static uint64_t run_of_singles(const struct burst *b, uint64_t rest)
{
	uint32_t i = (uint32_t)__builtin_ctzll(rest);
	const struct flow_entry *first = b->entries[i];

	for (; i < b->count; i++) {
		const struct flow_entry *e = b->entries[i];

		if (!(rest >> i & 1))
			continue;
		if (!e->is_single || e->out_port != first->out_port ||
		    e->out_serial != first->out_serial)
			return rest & ((UINT64_C(1) << i) - 1);
	}
	return rest;
}

/* A run of packets that leave by one and the same port; returns those of 'rest' that are behind it. */
static uint64_t output_run(struct burst *b, uint64_t rest)
{
	uint64_t dynamic = rest & b->dynamic;
	uint64_t run = run_of_singles(b, rest & ((dynamic & -dynamic) - 1));
	struct exit *x = exit_of_single(b->worker, b->entries[__builtin_ctzll(rest)]);

	if (!x)
		return output_copies(b, rest);
	exit_take(b->worker, x, b, run, 0);
	return rest & ~run;
}

void burst_output(struct burst *b)
{
	uint64_t rest;

	/* here, so that what the chain drops teaches nothing */
	for (XVS_EACH(n, conf_tells(b->conf) ? b->live & (b->fresh | b->teaching) : 0))
		forward_learn(b, (uint32_t)n);
	rest = b->live;
	while (rest) {
		uint32_t i = (uint32_t)__builtin_ctzll(rest);

		if (is_single(b, i))
			rest = output_run(b, rest);
		else if (b->dynamic >> i & 1 || b->entries[i]->exit != FLOW_EXIT_LEGS)
			rest = output_dest(b, rest);
		else
			rest = output_fan(b, rest);
	}
}
