/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/verdict.c - from a program to a verdict.
 *
 *	nothing goes out                           drop
 *	one destination, changed as the host can   pass: no packet of the flow is seen again
 *	several ports, the same packet to each     the same, by a set of the host
 *	meters, controllers, copies, other changes watch: each packet runs the program
 *	fields that the flow key has not           watch: each packet walks by itself
 */
#include "pipeline/verdict.h"

#include <string.h>

/* What the host's own rewriting covers: addresses, the outermost tag, class, time, TCP and UDP ports. */
static struct of_fields rewritable(const struct of_fields *packet)
{
	struct of_fields f = { .vlan_vid = 0x1fff, .vlan_pcp = 7 };

	memset(f.eth_src, 0xff, 6);
	memset(f.eth_dst, 0xff, 6);
	if (packet->eth_type != 0x0800 && packet->eth_type != 0x86dd)
		return f;
	f.ip_dscp = 0x3f;
	f.ip_ecn = 3;
	f.ip_ttl = UINT8_MAX;
	memset(f.ipv6_src, 0xff, 16);
	memset(f.ipv6_dst, 0xff, 16);
	f.ipv4_src = f.ipv4_dst = UINT32_MAX;
	if (packet->ip_proto == 6 || packet->ip_proto == 17)
		f.l4_src = f.l4_dst = UINT16_MAX;
	return f;
}

/* Bits of the switch's own fields are no matter of the packet. */
static bool is_within(const struct of_fields *mask, const struct of_fields *limit)
{
	const of_word *m = of_const_words(mask);
	const of_word *l = of_const_words(limit);

	for (uint32_t i = OF_STAGE_SWITCH; i < OF_WORDS; i++) {
		if (m[i] & ~l[i])
			return false;
	}
	return true;
}

/* One output to where the host can send by itself. */
static bool is_plain(const struct of_draft *d)
{
	const struct of_program_step *s = d->steps;
	struct of_fields limit = rewritable(&d->packet);

	return d->p.step_count == 1 && !s->meter && s->output.dest != XVS_DEST_NONE &&
	       is_within(&d->images[s->image].mask, &limit);
}

static void mask_words(struct of_fields *f, const struct of_fields *mask)
{
	of_word *to = of_words(f);
	const of_word *m = of_const_words(mask);

	for (uint32_t i = 0; i < OF_WORDS; i++)
		to[i] &= m[i];
}

static void pass(const struct of_walk *w, const struct of_draft *d, struct xvs_flow_verdict *v)
{
	const struct of_program_step *s = d->steps;
	const struct of_image *image = &d->images[s->image];
	struct of_fields values = image->values;

	v->action = XVS_FLOW_PASS;
	v->dest = of_destination(w->pipeline, s->output.dest);
	v->queue = (uint16_t)s->output.queue;
	mask_words(&values, &image->mask);
	of_values_to_key(&values, &d->packet, &v->set);
	of_values_to_key(&image->mask, &d->packet, &v->rewrite);
	/* a tag that was pushed is of type 0x8100 */
	if (image->mask.vlan_vid & OF_VID_PRESENT)
		v->rewrite.bits |= XVS_KEY_SVLAN;
}

/* Several ports, and the same packet to each of them. */
static bool gather_ports(const struct of_walk *w, const struct of_draft *d,
			 struct of_set_ports *out)
{
	struct of_fields limit = rewritable(&d->packet);

	if (d->p.step_count < 2 || d->p.image_count != 1 || !is_within(&d->images[0].mask, &limit))
		return false;
	for (uint32_t i = 0; i < d->p.step_count; i++) {
		const struct of_program_step *s = &d->steps[i];

		if (s->meter || s->output.dest >= w->pipeline->ports_max ||
		    s->output.queue != d->steps[0].output.queue ||
		    !of_set_ports_add(out, s->output.dest))
			return false;
	}
	return true;
}

/* As one destination, if there is a set of them by now; else it is asked for. */
static bool pass_to_set(const struct of_walk *w, struct of_draft *d, struct xvs_flow_verdict *v)
{
	enum { ASK_AGAIN_MS = 1000 };
	const struct of_pipeline *pipe = w->pipeline;
	struct of_set_ports ports = { 0 };

	if (!pipe->sets.destsets || !gather_ports(w, d, &ports))
		return false;
	d->p.set = of_sets_find(&pipe->sets, &ports);
	if (d->p.set) {
		pass(w, d, v);
		v->dest = XVS_DEST_SET | d->p.set->number;
		return true;
	}
	v->tags |= OF_TAG_SETS;
	v->max_ms = ASK_AGAIN_MS;
	if (!d->is_dry && of_set_may_ask(&d->asked, &ports, d->now_ns))
		(void)pipe->mailbox->post(pipe->host, &ports, sizeof(ports), NULL, 0);
	return false;
}

static void drop(const struct of_walk *w, struct xvs_flow_verdict *v)
{
	v->action = XVS_FLOW_DROP;
	v->reason = w->reason;
}

bool of_verdict(const struct of_walk *w, struct of_draft *d, struct xvs_flow_verdict *v)
{
	bool is_beyond = of_fields_to_key(&w->examined, &d->packet, &v->examined);

	v->tags = w->tags;
	d->p.reason = w->reason;
	if (is_beyond || w->is_given_up || d->is_too_long) {
		v->action = XVS_FLOW_WATCH;
		return false;
	}
	if (w->idle_s)
		v->account_ms = 1000;
	if (!d->p.step_count)
		drop(w, v);
	else if (is_plain(d))
		pass(w, d, v);
	else if (!pass_to_set(w, d, v))
		v->action = XVS_FLOW_WATCH;
	return true;
}
