/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliver.c - frames for one port that came by another way than a port: what still arrived at the host that
 * a machine has left.
 *
 * It goes to this port or nowhere, whatever address it bears, so it cannot be sent back.
 */
#include <stdlib.h>
#include <string.h>

#include "path/worker.h"

enum { SHORTEST = 14, UNDER_WAY_MAX = 1024 };

struct delivery {
	struct letter letter;
	struct path *path;
	uint32_t port;
	uint32_t len;
	uint8_t bytes[];
};

static void delivered(struct letter *letter)
{
	const struct delivery *d = (const struct delivery *)letter;

	d->path->deliveries--;
	free(letter);
}

static void enter(struct path_worker *w, const struct delivery *d)
{
	struct path_port *port = path_port_of(w->path, d->port);
	struct port_conf *conf = port ? rcu_read(&port->conf) : NULL;
	struct way_on on = { .stage = XVS_STAGE_FORWARD, .port = d->port };
	struct packet *p;

	if (!conf)
		return;
	counter_add(&w->w.shard->ports[0].originated, 1);
	p = packet_new_linear(w->pool, d->len);
	if (!p) {
		counters_drop(w->w.shard, drop_key(d->port, XVS_STAGE_FORWARD, 0, REASON_POOL), 1,
			      d->len);
		return;
	}
	memcpy(p->x.data, d->bytes, d->len);
	p->x.port_in = XVS_PORT_NONE;
	p->x.flags |= XVS_PKT_INJECTED;
	p->x.rx_ns = w->w.now_ns;
	if (!packet_parse_own(p)) {
		packet_drop(w, p, d->port, XVS_STAGE_FORWARD, 0, REASON_BAD_HEADER);
		return;
	}
	/* it is tagged as the guest would have seen it, so as the guest would tag it */
	if (!admit_tag(conf, p)) {
		packet_drop(w, p, d->port, XVS_STAGE_FORWARD, 0, REASON_VLAN);
		return;
	}
	on.sw = port->sw;
	(void)later_put(w, p, &on);
}

static void deliver_on(struct letter *letter)
{
	const struct delivery *d = (struct delivery *)letter;
	struct path *path = d->path;

	enter(path_worker_self(), d);
	loop_post(path->loop, letter, delivered);
}

bool path_deliver(struct path_port *port, const uint8_t *frame, size_t len)
{
	struct delivery *d;

	/* who sends them is another host: the worker may be slower than that */
	if (len < SHORTEST || len > PACKET_MAX || port->path->deliveries >= UNDER_WAY_MAX)
		return false;
	d = malloc(sizeof(*d) + len);
	if (!d)
		return false;
	port->path->deliveries++;
	d->path = port->path;
	d->port = port->id;
	d->len = (uint32_t)len;
	memcpy(d->bytes, frame, len);
	worker_post(port->path->worker_list[0], &d->letter, deliver_on);
	return true;
}
