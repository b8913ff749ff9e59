/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frames.c - frames that the switch itself sends: announcements of addresses that moved, probes.
 */
#include <string.h>

#include "path/team.h"
#include "path/worker.h"

static struct port_conf *conf_of(const struct path_worker *w, uint32_t id)
{
	const struct path_port *port = path_port_of(w->path, id);

	return port ? rcu_read(&port->conf) : NULL;
}

static struct packet *frame_packet(struct path_worker *w, const struct frame *f)
{
	uint32_t len = f->padded > f->len ? f->padded : f->len;
	struct packet *p = packet_new_linear(w->pool, len);

	if (!p)
		return NULL;
	memcpy(p->x.data, f->bytes, f->len);
	memset(p->x.data + f->len, 0, len - f->len);
	p->x.port_in = XVS_PORT_NONE;
	p->x.flags |= XVS_PKT_INJECTED;
	p->x.rx_ns = w->w.now_ns;
	p->segment = f->segment;
	counter_add(&w->w.shard->ports[0].originated, 1);
	if (packet_parse_own(p))
		return p;
	packet_drop(w, p, f->port, XVS_STAGE_EGRESS, 0, REASON_BAD_HEADER);
	return NULL;
}

static void send_frame(struct path_worker *w, const struct frame *f)
{
	struct port_conf *conf = conf_of(w, f->port);
	const struct port_conf *like = conf_of(w, f->like);
	struct packet *p;

	if (!conf || !conf->is_open || (f->like && !like) ||
	    (like && !segment_is_carried(like, f->segment)))
		return;
	p = frame_packet(w, f);
	if (!p)
		return;
	if (like)
		output_tag(like, p);
	tx_packet(w, conf, p);
}

static void sent(struct letter *letter)
{
	struct frames *f = (struct frames *)letter;

	f->done(f);
}

static void send_all(struct letter *letter)
{
	struct frames *f = (struct frames *)letter;
	struct path_worker *w = path_worker_self();

	for (uint32_t i = 0; i < f->count; i++)
		send_frame(w, &f->frames[i]);
	loop_post(w->path->loop, &f->letter, sent);
}

void path_send(struct path *path, struct frames *f)
{
	worker_post(path->worker_list[0], &f->letter, send_all);
}
