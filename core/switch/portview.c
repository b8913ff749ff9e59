/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch/portview.c - "xvs.port/1" and "xvs.queue/1": all ports of a switch, and the queues of each, to
 * those of its members that ask.
 *
 * What was told is kept by the port, so that each turn of its life is told once, whichever way it
 * came about.  Links of a team are no ports: their team is.
 */
#include "switch/portview.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "switch/queue.h"
#include "switch/team.h"
#define XVS_USE_DRAFT
#include "xvs/ext/port.h"
#include "xvs/ext/queue.h"

enum { GONE = 0, DROPS_AGE_NS = 10 * 1000 * 1000 };

/* What was dropped on the way out, by port: one walk for all of them. */
struct exit_drops {
	uint64_t at_ns;
	uint64_t packets[PORTS_MAX];
};

static bool is_listed(const struct port *p)
{
	return p->path_port && !p->is_member;
}

static void view_fill(const struct port *p, struct xvs_port_view *out)
{
	const char *device = p->spec.backend.device;

	*out = (struct xvs_port_view){
		.size = sizeof(*out),
		.up = p->listing.is_up,
		.port = &p->listing.facts,
	};
	if (p->spec.role == PORT_GUEST || !device[0])
		return;
	out->device = device;
	if (!p->spec.backend.netns[0])
		out->ifindex = if_nametoindex(device);
}

/* ---- what is told ------------------------------------------------------------------------------ */

static void tell(const struct port *p, int event)
{
	struct xvs_port_view view;

	view_fill(p, &view);
	for (size_t i = 0; i < p->sw->member_count; i++) {
		const struct member *m = p->sw->members[i];

		if (m->instance && m->port_fn)
			instance_port_told(m->instance, m->port_fn, &view, event);
	}
}

static bool facts_differ(const struct xvs_port *a, const struct xvs_port *b)
{
	return a->mtu != b->mtu || a->segment != b->segment || a->speed_mbps != b->speed_mbps ||
	       memcmp(a->mac, b->mac, sizeof(a->mac)) != 0;
}

void portview_tell(struct port *p)
{
	struct port_listing *l = &p->listing;
	bool was_known = l->is_known;
	bool is_up = is_listed(p) && port_is_up(p);
	struct xvs_port facts;

	l->is_known = is_listed(p);
	if (!l->is_known) {
		l->is_up = false;
		if (was_known)
			tell(p, GONE);
		return;
	}
	port_facts(p, &facts);
	if (!was_known || facts_differ(&facts, &l->facts)) {
		l->facts = facts;
		tell(p, XVS_PORT_CHANGED);
	}
	if (is_up == l->is_up)
		return;
	l->is_up = is_up;
	l->up_since_ns = is_up ? clock_ns() : 0;
	if (is_up)
		tell(p, XVS_PORT_UP);
	else
		tell(p, p->is_frozen ? XVS_PORT_FROZEN : XVS_PORT_DOWN);
}

/* ---- what is asked ----------------------------------------------------------------------------- */

/* NULL: the instance is nobody's, as in a test, or asks from another thread. */
static struct member *member_of(const struct xvs_host *h)
{
	return instance_is_on_control(instance_of(h)) ? instance_of(h)->owner : NULL;
}

static const struct port *port_of(const struct member *m, uint32_t id)
{
	const struct port *p = id < PORTS_MAX ? m->sw->w->by_id[id] : NULL;

	return p && p->sw == m->sw && p->listing.is_known ? p : NULL;
}

static int port_next(const struct xvs_host *h, uint32_t id, struct xvs_port_view *out)
{
	const struct member *m = member_of(h);
	struct xvs_port_view view;
	uint32_t size;

	if (!m || !out || out->size < sizeof(view.size))
		return m ? -EINVAL : -EPERM;
	size = out->size < sizeof(view) ? out->size : (uint32_t)sizeof(view);
	for (uint32_t n = id; n < PORTS_MAX - 1; n++) {
		const struct port *p = port_of(m, n + 1);

		if (!p)
			continue;
		view_fill(p, &view);
		view.size = size;
		memcpy(out, &view, size);
		return 0;
	}
	return -ENOENT;
}

/* NOLINTNEXTLINE(readability-function-size): the arguments are those of counters_drops(). */
static void add_exit_drop(void *arg, uint32_t port, uint32_t stage, uint32_t instance,
			  uint32_t reason, uint64_t packets, uint64_t bytes)
{
	struct exit_drops *d = arg;

	(void)instance;
	(void)reason;
	(void)bytes;
	if (stage == XVS_STAGE_EGRESS && port < PORTS_MAX)
		d->packets[port] += packets;
}

/* Who asks for all ports in a row gets the numbers of one moment. */
static uint64_t exit_drops_of(struct world *w, uint32_t port)
{
	uint64_t now = clock_ns();

	if (!w->exit_drops)
		w->exit_drops = calloc(1, sizeof(*w->exit_drops));
	if (!w->exit_drops)
		return 0;
	if (w->exit_drops->at_ns == 0 || now - w->exit_drops->at_ns > DROPS_AGE_NS) {
		memset(w->exit_drops, 0, sizeof(*w->exit_drops));
		w->exit_drops->at_ns = now;
		counters_drops(w->counters, add_exit_drop, w->exit_drops);
	}
	return w->exit_drops->packets[port];
}

static void stats_fill(const struct port *p, struct xvs_port_stats *out)
{
	struct backend_stats device = { 0 };
	struct port_counters sum;
	uint64_t out_drops = exit_drops_of(p->w, p->id);

	counters_port_sum(p->w->counters, p->id, &sum);
	team_add_traffic(p, &sum);
	if (p->backend && p->backend->ops->stats)
		p->backend->ops->stats(p->backend, &device);
	if (out_drops > sum.drops) /* of another moment */
		out_drops = sum.drops;
	*out = (struct xvs_port_stats){
		.rx_packets = sum.rx_packets,
		.rx_bytes = sum.rx_bytes,
		.rx_drops = sum.drops - out_drops + device.kernel_drops,
		.rx_errors = sum.rx_errors + device.rx_errors + device.rx_truncated,
		.rx_multicast = sum.rx_multicast,
		.rx_broadcast = sum.rx_broadcast,
		.tx_packets = sum.tx_packets,
		.tx_bytes = sum.tx_bytes,
		.tx_drops = out_drops,
		.tx_errors = sum.tx_errors + device.tx_errors,
		.tx_multicast = sum.tx_multicast,
		.tx_broadcast = sum.tx_broadcast,
		.up_since_ns = p->listing.up_since_ns,
	};
}

static int port_stats(const struct xvs_host *h, uint32_t id, struct xvs_port_stats *out)
{
	const struct member *m = member_of(h);
	const struct port *p = m ? port_of(m, id) : NULL;
	struct xvs_port_stats all;

	if (!p || !out || out->size < sizeof(all.size))
		return !m ? -EPERM : p ? -EINVAL : -ENOENT;
	stats_fill(p, &all);
	all.size = out->size < sizeof(all) ? out->size : (uint32_t)sizeof(all);
	memcpy(out, &all, all.size);
	return 0;
}

static int port_notify(const struct xvs_host *h, xvs_port_fn fn)
{
	struct member *m = member_of(h);

	if (!m)
		return -EPERM;
	m->port_fn = fn;
	return 0;
}

/* ---- queues ------------------------------------------------------------------------------------ */

static void info_fill(const struct port *p, uint32_t nr, struct xvs_queue_info *out)
{
	struct queue_view v;

	queue_view(p, nr, &v);
	*out = (struct xvs_queue_info){
		.id = v.row->id,
		.weight = v.weight,
		.min_kbps = v.row->min_kbps,
		.max_kbps = v.row->max_kbps,
		.port_kbps = v.port_kbps,
		.tx_packets = v.counts.tx_packets,
		.tx_bytes = v.counts.tx_bytes,
		.tx_drops = v.counts.full + v.counts.pool + v.counts.exit,
		.since_ns = v.since_ns,
	};
}

/* Number 0 is no queue of anybody's. */
static int queue_list(const struct xvs_host *h, uint32_t port, void *out, uint32_t stride,
		      uint32_t max)
{
	const struct member *m = member_of(h);
	const struct port *p = m ? port_of(m, port) : NULL;
	uint32_t count;

	if (!p || (!out && max))
		return !m ? -EPERM : p ? -EINVAL : -ENOENT;
	count = queue_count(p);
	for (uint32_t nr = 1; nr < count && nr <= max; nr++) {
		char *to = (char *)out + (size_t)(nr - 1) * stride;
		struct xvs_queue_info info;

		info_fill(p, nr, &info);
		memset(to, 0, stride);
		memcpy(to, &info, stride < sizeof(info) ? stride : sizeof(info));
	}
	return count ? (int)count - 1 : 0;
}

const void *portview_offer(const char *id)
{
	static const struct xvs_queue_host queues = { .size = sizeof(queues), .list = queue_list };
	static const struct xvs_port_host host = {
		.size = sizeof(host),
		.next = port_next,
		.stats = port_stats,
		.notify = port_notify,
	};

	if (strcmp(id, XVS_QUEUE) == 0)
		return &queues;
	return strcmp(id, XVS_PORTS) == 0 ? &host : NULL;
}
