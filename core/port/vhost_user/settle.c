/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/settle.c - from what the front end wants to what the workers see.
 *
 *      wanted --> next     a view of everything that can run now
 *      seen                the view that workers have
 *
 *      nothing taken away (rings begin):   start them, publish next, drop seen by and by
 *      something taken away or changed:    publish next without the rings that have to begin anew,
 *                                          grace period,
 *                                          stop those of seen that do not go on, drop seen,
 *                                          start those that begin, publish next, answer
 *
 * A ring goes on untouched if it is where it was: logging, interrupts and other rings may change
 * around it.  One that is elsewhere now (a new memory table) stops and begins anew where it stopped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "port/vhost_user/session.h"

/* ---- views ------------------------------------------------------------------------------------ */

static void view_free(struct session_view *v)
{
	if (!v)
		return;
	for (uint32_t i = 0; i < v->view.region_count; i++)
		vhost_mapping_put(v->view.regions[i].mapping);
	vhost_mapping_put(v->view.log_mapping);
	for (uint32_t i = 0; i < VHOST_RINGS_MAX; i++) {
		descriptor_put(v->calls[i]);
		descriptor_put(v->kicks[i]);
	}
	free(v);
}

static void on_unseen(struct rcu_node *node)
{
	view_free((struct session_view *)node);
}

static bool is_running(const struct session_view *v, uint32_t nr)
{
	return v && v->view.rings[nr].desc;
}

static void view_add_memory(struct session_view *v, const struct session *s)
{
	v->view.features = s->features;
	v->view.region_count = s->region_count;
	memcpy(v->view.regions, s->regions, s->region_count * sizeof(s->regions[0]));
	for (uint32_t i = 0; i < s->region_count; i++)
		(void)vhost_mapping_get(s->regions[i].mapping);
	if (!s->log)
		return;
	v->view.log_mapping = vhost_mapping_get(s->log);
	v->view.log = (_Atomic uint8_t *)vhost_mapping_bytes(s->log);
	v->view.log_bytes = s->log_bytes;
}

static void view_add_ring(struct session_view *v, uint32_t nr, const struct session_ring *r,
			  const struct vhost_ring_view *place)
{
	v->view.rings[nr] = *place;
	v->view.rings[nr].call = descriptor_fd(r->call);
	v->view.rings[nr].kick = descriptor_fd(r->kick);
	v->calls[nr] = descriptor_get(r->call);
	v->kicks[nr] = descriptor_get(r->kick);
}

/* Everything that can run now; *out is NULL where nothing can: that takes no memory. */
static int view_build(const struct session *s, struct session_view **out, struct xvs_error *err)
{
	struct session_view *v;
	uint32_t count = 0;

	*out = NULL;
	if (!ring_some_wanted(s))
		return 0;
	v = calloc(1, sizeof(*v));
	if (!v)
		return error_set(err, -ENOMEM, "", "no memory for a view of the guest");
	view_add_memory(v, s);
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		struct xvs_error missing = ERROR_INIT;
		struct vhost_ring_view place;

		/* Its memory may be taken away and given back (hot-plug): it waits for that. */
		if (!ring_is_wanted(s, &s->rings[i]) ||
		    ring_place(&s->rings[i], i, &v->view, &place, &missing))
			continue;
		view_add_ring(v, i, &s->rings[i], &place);
		count++;
	}
	if (count == 0)
		view_free(v);
	else
		*out = v;
	return 0;
}

static void view_remove_ring(struct session_view *v, uint32_t nr)
{
	memset(&v->view.rings[nr], 0, sizeof(v->view.rings[nr]));
	descriptor_put(v->calls[nr]);
	descriptor_put(v->kicks[nr]);
	v->calls[nr] = NULL;
	v->kicks[nr] = NULL;
}

/* ---- comparing -------------------------------------------------------------------------------- */

static bool is_same_place(const struct vhost_ring_view *a, const struct vhost_ring_view *b)
{
	return a->desc == b->desc && a->driver == b->driver && a->device == b->device &&
	       a->size == b->size;
}

/* Running in both, and where it was. */
static bool goes_on(const struct session_view *before, const struct session_view *after,
		    uint32_t nr)
{
	return is_running(before, nr) && is_running(after, nr) &&
	       is_same_place(&before->view.rings[nr], &after->view.rings[nr]);
}

/* Has the memory around the rings stayed? */
static bool has_same_memory(const struct vhost_view *a, const struct vhost_view *b)
{
	return a->features == b->features && a->log == b->log && a->log_bytes == b->log_bytes &&
	       a->region_count == b->region_count &&
	       memcmp(a->regions, b->regions, a->region_count * sizeof(a->regions[0])) == 0;
}

static bool has_same_ring(const struct session_view *a, const struct session_view *b, uint32_t nr)
{
	const struct vhost_ring_view *x = &a->view.rings[nr];
	const struct vhost_ring_view *y = &b->view.rings[nr];

	return is_same_place(x, y) && x->logs_ring == y->logs_ring &&
	       x->device_guest == y->device_guest && x->desc_guest == y->desc_guest &&
	       a->calls[nr] == b->calls[nr] && a->kicks[nr] == b->kicks[nr];
}

enum difference { SAME, MORE, OTHER };

/* SAME: nothing to do.  MORE: rings begin, nothing else. */
static enum difference compare(const struct session *s, const struct session_view *after)
{
	const struct session_view *before = s->seen;
	bool has_more = false;

	if (!before)
		return after ? MORE : SAME;
	if (!after || !has_same_memory(&before->view, &after->view))
		return OTHER;
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		if (is_running(before, i) && !has_same_ring(before, after, i))
			return OTHER;
		has_more |= is_running(after, i) && !is_running(before, i);
	}
	return has_more ? MORE : SAME;
}

/* ---- showing ---------------------------------------------------------------------------------- */

uint32_t session_pairs(const struct session *s)
{
	uint32_t pairs = 0;

	for (uint32_t i = 0; i + 1 < s->device->ring_count; i += 2)
		pairs += is_running(s->seen, i) && is_running(s->seen, i + 1);
	return pairs;
}

static void link_follow(struct session *s)
{
	struct backend *b = &s->device->backend;
	const bool up = session_pairs(s) > 0;

	if (b->up == up)
		return;
	b->up = up;
	if (b->link)
		b->link(b->link_arg, b);
}

static struct descriptor *kick_of(const struct session_view *v, uint32_t nr)
{
	return is_running(v, nr) ? v->kicks[nr] : NULL;
}

/*
 * Only kicks of rings that run can wake: nobody would clear another.  A kick that came on a descriptor
 * which another takes the place of would be lost with it, and the guest gives no second one.
 */
static void watch_kicks(struct vhost_device *d, const struct session_view *before,
			const struct session_view *after)
{
	for (uint32_t i = 1; i < d->ring_count; i += 2) {
		struct descriptor *old = kick_of(before, i);
		struct descriptor *now = kick_of(after, i);
		struct epoll_event event = { .events = EPOLLIN };

		if (old == now)
			continue;
		if (old)
			(void)epoll_ctl(d->backend.kick[i / 2], EPOLL_CTL_DEL, descriptor_fd(old),
					NULL);
		if (now &&
		    epoll_ctl(d->backend.kick[i / 2], EPOLL_CTL_ADD, descriptor_fd(now), &event))
			log_message(MSG_PORT_WARNING,
				    "port %s: kicks of ring %u cannot be watched: %s", d->port_name,
				    i, strerror(errno));
		if (old && now)
			vhost_kick_self(d, i / 2);
	}
}

/*
 * Least while there is no view: a worker that looked at what the last guest took finds the next one
 * only after a grace period.
 */
static void offloads_follow(struct backend *b, const struct session_view *v)
{
	const uint32_t offloads = features_offloads(v ? v->view.features : 0);

	if (b->offloads != offloads)
		__atomic_store_n(&b->offloads, offloads, __ATOMIC_RELAXED);
}

static void publish(struct session *s, struct session_view *v)
{
	struct vhost_device *d = s->device;
	struct session_view *before = s->seen;

	offloads_follow(&d->backend, v);
	s->seen = v;
	watch_kicks(d, before, v);
	rcu_publish(&d->view, v ? &v->view : NULL);
	if (!before && v)
		look_begin(s);
	link_follow(s);
}

/* Rings of 'v' that do not run in 'before' begin; what is in them already was kicked long ago. */
static void start_rings(struct session *s, const struct session_view *before,
			const struct session_view *v)
{
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		if (!is_running(v, i) || is_running(before, i))
			continue;
		vhost_ring_start(&s->device->rings[i], &v->view, s->rings[i].base);
		s->has_run[i] = true;
	}
}

static void wake_rings(const struct session *s, const struct session_view *before)
{
	for (uint32_t i = 1; i < s->device->ring_count; i += 2) {
		if (is_running(s->seen, i) && !is_running(before, i))
			vhost_kick_self(s->device, i / 2);
	}
}

/* Publishes 'v', which has all rings of what is seen now, and perhaps more. */
static void add_rings(struct session *s, struct session_view *v)
{
	struct session_view *before = s->seen;

	start_rings(s, before, v);
	publish(s, v);
	wake_rings(s, before);
	if (before)
		rcu_defer(&before->view.rcu, on_unseen);
}

/* ---- taking away ------------------------------------------------------------------------------ */

static void stop_rings(struct session *s)
{
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		if (is_running(s->old, i) && !is_running(s->seen, i))
			s->rings[i].base = vhost_ring_stop(&s->device->rings[i], &s->old->view);
	}
}

/*
 * The guest looked for an interrupt on the old descriptor perhaps before ours came there, so
 * the new one gets one in any case.
 */
static void interrupt_anew(const struct session *s)
{
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		if (is_running(s->old, i) && is_running(s->seen, i) &&
		    s->old->calls[i] != s->seen->calls[i])
			vhost_call(s->seen->view.rings[i].call);
	}
}

/* A front end that has gone meanwhile wants none of them. */
static void begin_next(struct session *s)
{
	struct session_view *next = s->next;

	s->next = NULL;
	if (next && !s->is_ending && compare(s, next) == MORE)
		add_rings(s, next);
	else
		view_free(next);
}

/* No worker is inside 'old' any more. */
static void let_go(struct session *s)
{
	s->is_waiting = false;
	stop_rings(s);
	interrupt_anew(s);
	view_free(s->old);
	s->old = NULL;
	begin_next(s);
}

static void on_grace(struct rcu_node *node)
{
	struct session *s = (struct session *)((char *)node - offsetof(struct session, grace));

	s->is_deferred = false;
	if (s->is_closed) {
		session_release(s);
		return;
	}
	let_go(s);
	session_settled(s);
}

/* What can run, without rings that did not run before or ran elsewhere; *out is NULL for none. */
static int view_of_going_on(const struct session *s, const struct session_view *before,
			    struct session_view **out, struct xvs_error *err)
{
	struct session_view *v;
	uint32_t count = 0;
	int code = view_build(s, &v, err);

	*out = NULL;
	if (code || !v)
		return code;
	for (uint32_t i = 0; i < s->device->ring_count; i++) {
		if (goes_on(before, v, i))
			count++;
		else
			view_remove_ring(v, i);
	}
	if (count == 0)
		view_free(v);
	else
		*out = v;
	return 0;
}

/* Takes 'next'. */
static int change_rings(struct session *s, struct session_view *next, struct xvs_error *err)
{
	struct session_view *between;
	int code = view_of_going_on(s, s->seen, &between, err);

	if (code) {
		view_free(next);
		return code;
	}
	s->old = s->seen;
	s->next = next;
	s->is_waiting = true;
	s->is_deferred = true;
	publish(s, between);
	rcu_defer(&s->grace, on_grace);
	return 0;
}

static int settle(struct session *s, struct xvs_error *err)
{
	struct session_view *next;
	int code = view_build(s, &next, err);

	if (code)
		return code;
	switch (compare(s, next)) {
	case SAME:
		view_free(next);
		return 0;
	case MORE:
		add_rings(s, next);
		return 0;
	default:
		return change_rings(s, next, err);
	}
}

void session_let_go(struct session *s)
{
	if (s->is_waiting)
		let_go(s);
	if (!s->seen)
		return;
	s->old = s->seen;
	publish(s, NULL);
	let_go(s);
}

void session_settle(struct session *s)
{
	struct xvs_error err = ERROR_INIT;

	if (s->is_dirty) {
		s->is_dirty = false;
		if (settle(s, &err)) {
			session_end(s, &err);
			return;
		}
	}
	if (!s->is_waiting)
		session_settled(s);
}
