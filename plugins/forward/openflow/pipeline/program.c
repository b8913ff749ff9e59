/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/program.c - programs are put together, copied, credited. */
#include "pipeline/program.h"

#include <string.h>

void of_draft_begin(struct of_draft *d)
{
	d->p = (struct of_program){ .credits = d->credits, .steps = d->steps, .images = d->images };
	d->is_too_long = false;
}

static void give_up(struct of_draft *d, struct of_walk *w)
{
	d->is_too_long = true;
	w->is_over = true;
	w->is_given_up = true;
}

static void draft_credit(void *arg, struct of_stats *s)
{
	struct of_draft *d = arg;

	if (d->p.credit_count < OF_PROGRAM_CREDITS)
		d->credits[d->p.credit_count++] = s;
	else
		d->is_too_long = true;
}

static struct of_program_step *next_step(struct of_draft *d, struct of_walk *w)
{
	struct of_program_step *s;

	if (d->p.step_count == OF_PROGRAM_STEPS) {
		give_up(d, w);
		return NULL;
	}
	s = &d->steps[d->p.step_count++];
	memset(s, 0, sizeof(*s));
	return s;
}

static bool draft_meter(void *arg, struct of_walk *w, const struct of_meter *m)
{
	struct of_program_step *s = next_step(arg, w);

	if (s)
		s->meter = m->entry.id;
	if (s)
		s->credits = ((struct of_draft *)arg)->p.credit_count;
	return true;
}

/* Outputs in a row that send the same share an image. */
static bool find_image(struct of_draft *d, const struct of_walk *w, uint16_t *out)
{
	struct of_image *last = d->p.image_count ? &d->images[d->p.image_count - 1] : NULL;
	struct of_image *i;

	if (last && memcmp(&last->mask, &w->set, sizeof(w->set)) == 0 &&
	    memcmp(&last->values, &w->now, sizeof(w->now)) == 0) {
		*out = (uint16_t)(d->p.image_count - 1);
		return true;
	}
	if (d->p.image_count == OF_PROGRAM_IMAGES)
		return false;
	i = &d->images[d->p.image_count];
	i->values = w->now;
	i->mask = w->set;
	*out = (uint16_t)d->p.image_count++;
	return true;
}

static void draft_output(void *arg, struct of_walk *w, const struct of_output *o)
{
	struct of_draft *d = arg;
	struct of_program_step *s = next_step(d, w);

	if (!s)
		return;
	s->output = *o;
	if (!find_image(d, w, &s->image))
		give_up(d, w);
}

static bool draft_reshape(void *arg, struct of_walk *w, const struct of_action *a)
{
	(void)arg;
	(void)w;
	(void)a;
	return false;
}

static bool draft_fork(void *arg, struct of_walk *w)
{
	(void)arg;
	(void)w;
	return true;
}

static void draft_join(void *arg, struct of_walk *w)
{
	(void)arg;
	(void)w;
}

const struct of_sink of_draft_sink = {
	.credit = draft_credit,
	.meter = draft_meter,
	.output = draft_output,
	.reshape = draft_reshape,
	.fork = draft_fork,
	.join = draft_join,
};

/* ---- life ----------------------------------------------------------------------------------------- */

static uint32_t only_meter(const struct of_program *p)
{
	static const struct of_fields none;
	const struct of_program_step *s = p->steps;

	if (p->step_count != 2 || !s[0].meter || s[1].meter || s[1].output.dest == XVS_DEST_NONE ||
	    memcmp(&p->images[s[1].image].mask, &none, sizeof(none)) != 0)
		return 0;
	return s[0].meter;
}

struct of_program *of_program_new(const struct of_draft *d)
{
	const struct of_program *from = &d->p;
	size_t images = from->image_count * sizeof(struct of_image);
	size_t steps = from->step_count * sizeof(struct of_program_step);
	size_t credits = from->credit_count * sizeof(struct of_stats *);
	struct of_program *p = malloc(sizeof(*p) + images + steps + credits);

	if (!p)
		return NULL;
	*p = *from;
	p->images = (struct of_image *)(void *)(p + 1);
	p->steps = (struct of_program_step *)(void *)((uint8_t *)(p + 1) + images);
	p->credits = (struct of_stats **)(void *)((uint8_t *)(p + 1) + images + steps);
	memcpy(p->images, from->images, images);
	memcpy(p->steps, from->steps, steps);
	memcpy(p->credits, from->credits, credits);
	for (uint32_t i = 0; i < p->credit_count; i++)
		of_stats_hold(p->credits[i]);
	of_set_hold(p->set);
	p->meter = only_meter(p);
	return p;
}

void of_program_free(struct of_program *p)
{
	for (uint32_t i = 0; p && i < p->credit_count; i++)
		of_stats_drop(p->credits[i]);
	if (p)
		of_set_drop(p->set);
	free(p);
}

void of_program_credit(const struct of_program *p, uint64_t packets, uint64_t bytes,
		       uint64_t last_ns)
{
	for (uint32_t i = 0; i < p->credit_count; i++)
		of_stats_credit(p->credits[i], packets, bytes, last_ns);
}
