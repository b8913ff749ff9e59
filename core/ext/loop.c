/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ext/loop.c - "xvs.loop/1": the interface, watches, and the end of all that an instance has open.
 *
 * Until active(false) everything goes on; then connections under way and listeners end, since another
 * instance may take their place; watches and what is connected end when the instance falls silent.
 */
#include "ext/sockets.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"

enum { WATCHES_MAX = 4096, EVENTS_ALL = XVS_LOOP_READ | XVS_LOOP_WRITE };

struct xvs_watch {
	struct xvs_watch *next;
	struct instance *instance;
	xvs_watch_fn fn;
	void *arg;
	struct event *event; /* NULL: silent for good */
};

int target_admit(struct instance *i, const char *text, bool listens, struct net_target *out)
{
	if (!is_on_control(i) || !(i->rights & XVS_RIGHT_NETWORK))
		return -EPERM;
	if (!text || !net_target_parse(text, out) || net_target_listens(out) != listens)
		return -EINVAL;
	if (i->services->is_silent)
		return -ESHUTDOWN;
	return network_allows(i->env->network, out) ? 0 : -EPERM;
}

/* ---- connecting ------------------------------------------------------------------------------------ */

void connect_tell(struct instance *i, xvs_connect_fn done, void *arg, int fd, const char *text)
{
	uint64_t since = control_enter();

	done(arg, fd, text);
	control_leave(i, "a function that connects", since);
}

static void on_shaken(struct instance *i, const struct relay_end *end, int fd, const char *text)
{
	connect_tell(i, end->done, end->owner, fd, text);
}

static int loop_connect(const struct xvs_host *h, const char *text, xvs_connect_fn done, void *arg)
{
	struct instance *i = instance_of(h);
	const struct relay_end end = { .fn = on_shaken, .owner = arg, .done = done };
	struct net_target target;
	int code = done ? target_admit(i, text, false, &target) : -EINVAL;

	if (code)
		return code;
	return target.kind == TARGET_TLS ? relay_connect(i, &target, &end)
					 : dial_start(i, &target, done, arg);
}

/* ---- watches --------------------------------------------------------------------------------------- */

static short events_of(uint32_t events)
{
	return (short)((events & XVS_LOOP_READ ? EV_READ : 0) |
		       (events & XVS_LOOP_WRITE ? EV_WRITE : 0) | EV_PERSIST);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	const struct xvs_watch *w = arg;
	struct instance *i = w->instance;
	uint64_t since = control_enter();

	w->fn(w->arg, fd,
	      (what & EV_READ ? XVS_LOOP_READ : 0u) | (what & EV_WRITE ? XVS_LOOP_WRITE : 0u));
	control_leave(i, "a watch", since); /* which may have ended itself */
}

static struct xvs_watch *watch_make(struct instance *i, int fd, uint32_t events)
{
	struct xvs_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->event = event_new(loop_base(i->env->loop), fd, events_of(events), on_event, w);
	if (w->event && (!events || event_add(w->event, NULL) == 0))
		return w;
	if (w->event)
		event_free(w->event);
	free(w);
	return NULL;
}

static struct xvs_watch *loop_watch(const struct xvs_host *h, int fd, uint32_t events,
				    xvs_watch_fn fn, void *arg)
{
	struct instance *i = instance_of(h);
	struct sockets *s = &i->services->sockets;
	struct xvs_watch *w;

	if (!is_on_control(i) || !(i->rights & XVS_RIGHT_NETWORK) || i->services->is_silent)
		return NULL;
	if (!fn || fd < 0 || events & ~(uint32_t)EVENTS_ALL || s->watch_count >= WATCHES_MAX)
		return NULL;
	w = watch_make(i, fd, events);
	if (!w)
		return NULL;
	w->instance = i;
	w->fn = fn;
	w->arg = arg;
	w->next = s->watches;
	s->watches = w;
	s->watch_count++;
	return w;
}

static void loop_change(const struct xvs_host *h, struct xvs_watch *w, uint32_t events)
{
	evutil_socket_t fd;

	if (!w || !is_on_control(instance_of(h)) || !w->event)
		return;
	fd = event_get_fd(w->event);
	(void)event_del(w->event);
	(void)event_assign(w->event, event_get_base(w->event), fd, events_of(events), on_event, w);
	if (events & EVENTS_ALL)
		(void)event_add(w->event, NULL);
}

static void watch_silence(struct xvs_watch *w)
{
	if (w->event)
		event_free(w->event);
	w->event = NULL;
}

static void loop_unwatch(const struct xvs_host *h, struct xvs_watch *w)
{
	struct sockets *s = &instance_of(h)->services->sockets;
	struct xvs_watch **place = &s->watches;

	if (!w || !is_on_control(instance_of(h)))
		return;
	while (*place && *place != w)
		place = &(*place)->next;
	if (!*place)
		return; /* not one of this instance */
	*place = w->next;
	s->watch_count--;
	watch_silence(w);
	free(w);
}

/* ---- the end --------------------------------------------------------------------------------------- */

void sockets_stand_down(struct instance *i)
{
	dials_end(i);
	relays_forget(i, NULL);
	listeners_close(i);
}

void sockets_silence(struct instance *i)
{
	sockets_stand_down(i);
	relays_end(i);
	for (struct xvs_watch *w = i->services->sockets.watches; w; w = w->next)
		watch_silence(w);
}

void sockets_close(struct instance *i)
{
	struct sockets *s = &i->services->sockets;

	listeners_free(i);
	while (s->watches) {
		struct xvs_watch *w = s->watches;

		s->watches = w->next;
		watch_silence(w);
		free(w);
	}
}

const struct xvs_loop_host loop_host = {
	.size = sizeof(loop_host),
	.connect = loop_connect,
	.watch = loop_watch,
	.change = loop_change,
	.unwatch = loop_unwatch,
	.listen = loop_listen,
	.unlisten = loop_unlisten,
};
