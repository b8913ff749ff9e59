/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/shed.c - "xvs.shed/1": what an extension may ask for, and how a worker's wish reaches the
 * control thread, which alone speaks to drivers (path/shed.c).
 *
 * Each worker has a few letters for each instance.  The worker takes a free one, fills and sends it;
 * the control thread carries it out and frees it again:
 *
 *   worker: in_use = true, fill, send (release)
 *   control: read, carry out, in_use = false (release; the worker's look at it is an acquire)
 */
#include "ext/services.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 32, PREFIX_BITS_MAX = 128 };

struct shed_letter {
	struct letter letter; /* first */
	struct shed_box *box; /* constant */
	struct xvs_shed_source source;
	atomic_bool in_use;
};

/* NULL instance: closed; the last letter that comes home frees the box. */
struct shed_box {
	struct instance *instance;
	uint32_t count;
	uint32_t reserved;
	struct shed_letter letters[]; /* LETTERS a worker */
};

/* An old extension knows less of the structure, a newer one more, which must be zero. */
static bool source_read(const struct xvs_shed_source *from, struct xvs_shed_source *out)
{
	const uint8_t *bytes = (const uint8_t *)from;

	*out = (struct xvs_shed_source){ .size = sizeof(*out) };
	if (from->size < sizeof(*out))
		return false;
	for (uint32_t i = sizeof(*out); i < from->size; i++) {
		if (bytes[i])
			return false;
	}
	*out = *from;
	out->size = sizeof(*out);
	return out->reserved == 0 && out->prefix.prefix_len <= PREFIX_BITS_MAX && out->ms >= 1 &&
	       out->ms <= XVS_SHED_MS_MAX;
}

static int check(const struct instance *i, const struct xvs_shed_source *s)
{
	if (i->cls != XVS_FILTER && i->cls != XVS_FIREWALL)
		return -EPERM;
	if (!i->env->shed_can || !i->env->shed_can(i->env, s->port))
		return -EOPNOTSUPP;
	return 0;
}

static void on_letter(struct letter *letter)
{
	struct shed_letter *l = (struct shed_letter *)letter; /* its first member */
	struct shed_box *box = l->box;

	if (box->instance && !box->instance->services->is_silent)
		(void)box->instance->env->shed_add(box->instance, &l->source);
	atomic_store_explicit(&l->in_use, false, memory_order_release);
	if (!box->instance)
		shed_box_free(box);
}

/* Not while a letter of it is under way: that one comes back here. */
void shed_box_free(struct shed_box *box)
{
	for (uint32_t i = 0; box && i < box->count; i++) {
		if (atomic_load_explicit(&box->letters[i].in_use, memory_order_acquire))
			return;
	}
	free(box);
}

static struct shed_letter *free_letter(struct shed_box *box, uint32_t worker)
{
	for (uint32_t i = 0; i < LETTERS; i++) {
		struct shed_letter *l = &box->letters[worker * LETTERS + i];

		if (!atomic_load_explicit(&l->in_use, memory_order_acquire))
			return l;
	}
	return NULL;
}

static int post(struct instance *i, uint32_t worker, const struct xvs_shed_source *s)
{
	struct shed_letter *l = free_letter(i->services->shed, worker);

	if (!l)
		return -EAGAIN;
	atomic_store_explicit(&l->in_use, true, memory_order_relaxed);
	l->source = *s;
	loop_post(i->env->loop, &l->letter, on_letter);
	return 0;
}

static int shed_add(const struct xvs_host *h, const struct xvs_shed_source *from)
{
	struct instance *i = instance_of(h);
	struct xvs_shed_source s;
	struct worker *worker;
	int code;

	if (!from || !source_read(from, &s))
		return -EINVAL;
	code = check(i, &s);
	if (code)
		return code;
	if (worker_here(i, &worker))
		return post(i, worker->nr, &s);
	if (!is_on_control(i))
		return -EPERM;
	return i->services->is_silent ? -ENOENT : i->env->shed_add(i, &s);
}

static int shed_remove(const struct xvs_host *h, uint32_t port, const struct xvs_ip *prefix)
{
	struct instance *i = instance_of(h);

	if (!is_on_control(i))
		return -EPERM;
	return prefix && i->env->shed_remove ? i->env->shed_remove(i, port, prefix) : -ENOENT;
}

int shed_open(struct instance *i)
{
	const uint32_t count = i->env->worker_count * LETTERS;
	struct shed_box *box = calloc(1, sizeof(*box) + count * sizeof(box->letters[0]));

	if (!box)
		return -ENOMEM;
	box->instance = i;
	box->count = count;
	for (uint32_t n = 0; n < count; n++)
		box->letters[n].box = box;
	i->services->shed = box;
	return 0;
}

void shed_silence(struct instance *i)
{
	if (i->env->shed_forget)
		i->env->shed_forget(i);
}

void shed_close(struct instance *i)
{
	i->services->shed->instance = NULL;
	shed_box_free(i->services->shed);
}

const struct xvs_shed_host shed_host = {
	.size = sizeof(shed_host),
	.add = shed_add,
	.remove = shed_remove,
};
