/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vhost_user/port.c - the backend "vhost-user": opening, closing and what is told about it.
 *
 * Each receive queue has one epoll descriptor for as long as the port is there.  In it stand an eventfd
 * of ours and, while the ring of that queue runs, the guest's kick.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/str.h"
#include "port/vhost_user/socket.h"

struct port {
	struct vhost_device device; /* first */
	struct vhost_socket *socket;
};

static struct port *port_of(struct backend *b)
{
	return (struct port *)b;
}

/* ---- wake-up descriptors ---------------------------------------------------------------------- */

static void close_kicks(struct vhost_device *d)
{
	for (unsigned q = 0; q < d->backend.rx_queues; q++) {
		if (d->backend.kick[q] >= 0)
			(void)close(d->backend.kick[q]);
		if (d->wake[q] >= 0)
			(void)close(d->wake[q]);
	}
}

static int open_kicks(struct vhost_device *d, struct xvs_error *err)
{
	for (unsigned q = 0; q < d->backend.rx_queues; q++) {
		struct epoll_event event = { .events = EPOLLIN };

		d->backend.kick[q] = epoll_create1(EPOLL_CLOEXEC);
		d->wake[q] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (d->backend.kick[q] < 0 || d->wake[q] < 0 ||
		    epoll_ctl(d->backend.kick[q], EPOLL_CTL_ADD, d->wake[q], &event) < 0)
			return error_set(err, -errno, "", "no descriptor to wake a worker: %s",
					 strerror(errno));
	}
	return 0;
}

/* ---- opening ---------------------------------------------------------------------------------- */

static void on_ended(void *arg)
{
	struct port *p = arg;

	vhost_socket_next(p->socket);
}

static void set_up(struct port *p, const struct backend_config *c, struct loop *loop)
{
	struct vhost_device *d = &p->device;

	d->backend.ops = &backend_vhost_user;
	d->backend.rx_queues = c->queues ? c->queues : 1;
	d->backend.offloads = features_offloads(0);
	d->backend.mtu = c->mtu;
	d->ring_count = 2u * d->backend.rx_queues;
	d->workers = c->workers ? c->workers : 1;
	d->loop = loop;
	(void)str_copy(d->port_name, sizeof(d->port_name), c->port_name);
	for (unsigned q = 0; q < BACKEND_QUEUES_MAX; q++) {
		d->backend.kick[q] = -1;
		d->wake[q] = -1;
	}
}

static void release(struct port *p)
{
	struct vhost_device *d = &p->device;

	vhost_socket_close(p->socket);
	session_destroy(d->session);
	vhost_rings_close(d);
	vhost_mirror_close(d->mirror);
	close_kicks(d);
	free(p);
}

static int start(struct port *p, const struct backend_config *c, struct loop *loop,
		 struct xvs_error *err)
{
	struct vhost_device *d = &p->device;
	int code = open_kicks(d, err);

	if (!code && c->state_dir)
		code = vhost_mirror_open(c->state_dir, c->port_name, d->ring_count, d->workers,
					 &d->mirror, err);
	if (!code)
		code = vhost_rings_open(d, err);
	if (!code)
		code = session_create(d, features_of_ours(c->offloads, !c->no_packed), on_ended, p,
				      &d->session, err);
	if (!code)
		code = vhost_socket_open(c, loop, d->session, &p->socket, err);
	return code;
}

static int vhost_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		      struct xvs_error *err)
{
	struct port *p;
	int code;

	if (c->queues > BACKEND_QUEUES_MAX)
		return error_set(err, -EINVAL, "queues", "%u queues are too many: at most %d",
				 c->queues, BACKEND_QUEUES_MAX);
	p = aligned_alloc(64, (sizeof(*p) + 63) / 64 * 64);
	if (!p)
		return error_set(err, -ENOMEM, "", "no memory for a vhost-user port");
	memset(p, 0, sizeof(*p));
	set_up(p, c, loop);
	code = start(p, c, loop, err);
	if (code) {
		release(p);
		return code;
	}
	*out = &p->device.backend;
	return 0;
}

/* ---- closing ---------------------------------------------------------------------------------- */

/* A grace period or a letter that is under way stands in this memory. */
static void on_closed(void *arg)
{
	struct port *p = arg;

	session_destroy(p->device.session);
	free(p);
}

/* The name, the socket and the mirror are free when this returns. */
static void vhost_close(struct backend *b)
{
	struct port *p = port_of(b);
	struct vhost_device *d = &p->device;

	b->link = NULL;
	vhost_socket_close(p->socket);
	p->socket = NULL;
	session_withdraw(d->session);
	vhost_rings_close(d);
	vhost_mirror_close(d->mirror);
	close_kicks(d);
	session_close(d->session, on_closed);
}

static void vhost_forget(const struct backend_config *c)
{
	if (!c->state_dir)
		return;
	/* a front end may be there whose rings the next port of this name has to take up */
	if (!c->is_undone || vhost_mirror_is_blank(c->state_dir, c->port_name))
		vhost_mirror_remove(c->state_dir, c->port_name);
}

/* ---- telling ---------------------------------------------------------------------------------- */

static void vhost_stats(const struct backend *b, struct backend_stats *out)
{
	const struct vhost_device *d = (const struct vhost_device *)b;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < d->ring_count; i++) {
		uint64_t bad = atomic_load_explicit(&d->rings[i].bad, memory_order_relaxed);

		*(i % 2 ? &out->rx_errors : &out->tx_errors) += bad;
	}
}

static uint32_t vhost_facts(const struct backend *b, struct backend_fact *out, uint32_t max)
{
	const struct port *p = (const struct port *)b;
	const struct session *s = p->device.session;
	uint32_t count = 0;

	if (count < max) {
		struct backend_fact *f = &out[count++];

		(void)str_copy(f->name, sizeof(f->name), "state");
		if (s->fd < 0)
			vhost_socket_print(p->socket, f->value, sizeof(f->value));
		else
			(void)snprintf(f->value, sizeof(f->value), "connected, %u of %u queues run",
				       session_pairs(s), p->device.ring_count / 2);
	}
	return count + session_facts(s, out + count, max - count);
}

const struct backend_ops backend_vhost_user = {
	.kind = "vhost-user",
	.open = vhost_open,
	.close = vhost_close,
	.forget = vhost_forget,
	.rx = vhost_rx,
	.rx_done = vhost_rx_done,
	.tx = vhost_tx,
	.stats = vhost_stats,
	.arm = vhost_arm,
	.disarm = vhost_disarm,
	.facts = vhost_facts,
};
