/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_packet.c - a Linux network device as a port, through packet sockets: uplinks whose
 * driver has no XDP, and the kernel's end of QEMU's own taps.
 *
 * Receiving is packet_ring.c.  Each worker has a socket to send by, with the virtio-net header in
 * front, so that checksums and segmentation are left to the device, or to the kernel where the
 * device cannot; a burst is one sendmmsg.
 */
#include <assert.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "port/device.h"
#include "port/packet_ring.h"

enum {
	BURST = XVS_BATCH_MAX,
	RUNS = 512, /* of a burst */
	RUNS_A_PACKET = 80,
	SEND_BYTES = 8 << 20,
};

/* One worker's. */
struct sender {
	alignas(64) int fd;
	_Atomic uint64_t tx_errors;
	struct mmsghdr messages[BURST];
	struct iovec runs[RUNS];
	uint8_t headers[BURST][VNET_BYTES_LEGACY];
	uint8_t tags[BURST][4];
};

struct af_packet {
	struct backend base;
	struct link_watch *watch;
	struct packet_ring *rings; /* base.rx_queues */
	struct sender *senders;    /* sender_count */
	unsigned sender_count;
};

static struct af_packet *af_packet_of(struct backend *b)
{
	return (struct af_packet *)b;
}

/* ---- packets ----------------------------------------------------------------------------------- */

static uint32_t af_packet_rx(struct backend *b, unsigned queue, struct pool *pool,
			     struct packet **out, uint32_t max)
{
	return packet_ring_read(&af_packet_of(b)->rings[queue], pool, out, max);
}

static void af_packet_rx_done(struct backend *b, unsigned queue)
{
	packet_ring_return(&af_packet_of(b)->rings[queue]);
}

/* Message 'nr', its runs from runs[at) on; how many runs, or -1. */
static int prepare_message(struct sender *s, uint32_t nr, int at, const struct packet *p)
{
	const uint32_t tag_bytes = p->x.flags & XVS_PKT_VLAN ? 4 : 0;
	struct iovec *runs = &s->runs[at];
	const int count = packet_wire_iov(p, s->tags[nr], runs + 1, RUNS_A_PACKET - 1);

	if (count < 0)
		return -1;
	vnet_write(p, s->headers[nr], VNET_BYTES_LEGACY, tag_bytes);
	runs[0] = (struct iovec){ s->headers[nr], VNET_BYTES_LEGACY };
	s->messages[nr].msg_hdr.msg_iov = runs;
	s->messages[nr].msg_hdr.msg_iovlen = (size_t)count + 1;
	return count + 1;
}

/* As many of pkts as fit one call; 0: the first cannot be sent at all. */
static uint32_t prepare_burst(struct sender *s, struct packet *const *pkts, uint32_t count)
{
	uint32_t nr = 0;
	int at = 0;

	while (nr < count && nr < BURST && at + RUNS_A_PACKET <= RUNS) {
		const int runs = prepare_message(s, nr, at, pkts[nr]);

		if (runs < 0)
			break;
		at += runs;
		nr++;
	}
	return nr;
}

/* How many of pkts[0..count) are dealt with; less than all: no room now. */
static uint32_t send_burst(struct sender *s, struct packet *const *pkts, uint32_t count)
{
	uint32_t done = 0;

	while (done < count) {
		const uint32_t ready = prepare_burst(s, pkts + done, count - done);
		const int sent = ready ? sendmmsg(s->fd, s->messages, ready, MSG_DONTWAIT) : -1;

		if (sent > 0) {
			done += (uint32_t)sent;
			continue;
		}
		if (ready && (errno == EAGAIN || errno == ENOBUFS || errno == EINTR))
			break;
		/* Without a device there is no use in asking again for each packet. */
		if (ready && (errno == ENETDOWN || errno == ENXIO || errno == ENODEV)) {
			device_count(&s->tx_errors, count - done);
			return count;
		}
		device_count(&s->tx_errors, 1);
		done++;
	}
	return done;
}

static uint32_t af_packet_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			     uint32_t count)
{
	struct af_packet *a = af_packet_of(b);

	assert(worker < a->sender_count);
	return send_burst(&a->senders[worker], pkts, count);
}

static void af_packet_stats(const struct backend *b, struct backend_stats *out)
{
	const struct af_packet *a = (const struct af_packet *)b;

	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < b->rx_queues; i++) {
		out->rx_errors += device_counted(&a->rings[i].rx_errors);
		out->rx_truncated += device_counted(&a->rings[i].rx_truncated);
		out->kernel_drops += packet_ring_drops(&a->rings[i]);
	}
	for (unsigned i = 0; i < a->sender_count; i++)
		out->tx_errors += device_counted(&a->senders[i].tx_errors);
}

/* ---- life ---------------------------------------------------------------------------------------- */

static int open_rings(struct af_packet *a, uint32_t mtu, struct xvs_error *err)
{
	uint16_t group = 0;
	int code = 0;

	for (unsigned i = 0; i < a->base.rx_queues && code == 0; i++) {
		code = packet_ring_open(&a->rings[i], a->base.ifindex, mtu, err);
		if (code == 0 && a->base.rx_queues > 1)
			code = packet_ring_join(&a->rings[i], &group, err);
		a->base.kick[i] = a->rings[i].fd;
	}
	return code;
}

static int open_sender(struct sender *s, uint32_t index, struct xvs_error *err)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)index };
	const int bytes = SEND_BYTES;
	const int on = 1;

	/* Protocol 0: it never receives. */
	s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0 || setsockopt(s->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    bind(s->fd, (const struct sockaddr *)&at, sizeof(at)))
		return error_set(err, -errno, "", "socket to send by: %s", strerror(errno));
	(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	return 0;
}

static int open_senders(struct af_packet *a, struct xvs_error *err)
{
	int code = 0;

	for (unsigned i = 0; i < a->sender_count && code == 0; i++)
		code = open_sender(&a->senders[i], a->base.ifindex, err);
	return code;
}

static void af_packet_close(struct backend *b)
{
	struct af_packet *a = af_packet_of(b);

	link_watch_destroy(a->watch);
	for (unsigned i = 0; a->rings && i < b->rx_queues; i++)
		packet_ring_close(&a->rings[i]);
	for (unsigned i = 0; a->senders && i < a->sender_count; i++) {
		if (a->senders[i].fd >= 0)
			(void)close(a->senders[i].fd);
	}
	free(a->rings);
	free(a->senders);
	free(a);
}

static struct af_packet *af_packet_create(unsigned queues, unsigned senders)
{
	struct af_packet *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->base.ops = &backend_af_packet;
	a->base.is_kernel = 1;
	a->base.rx_queues = (uint16_t)queues;
	a->sender_count = senders;
	a->rings = calloc(queues, sizeof(*a->rings));
	for (unsigned i = 0; a->rings && i < queues; i++)
		a->rings[i].fd = -1;
	a->senders = aligned_alloc(64, senders * sizeof(*a->senders));
	if (a->senders)
		memset(a->senders, 0, senders * sizeof(*a->senders));
	for (unsigned i = 0; a->senders && i < senders; i++)
		a->senders[i].fd = -1;
	if (a->rings && a->senders)
		return a;
	af_packet_close(&a->base);
	return NULL;
}

static int af_packet_start(struct af_packet *a, const struct backend_config *c, struct loop *loop,
			   struct xvs_error *err)
{
	struct link_facts facts;
	int code = device_prepare(c->device, c->may_carry, &facts, err);

	if (code)
		return code;
	a->base.ifindex = facts.index;
	a->base.offloads = OFFLOAD_TAG;
	if (c->offloads)
		a->base.offloads |= OFFLOAD_CSUM | OFFLOAD_TSO4 | OFFLOAD_TSO6;
	(void)str_copy(a->base.device, sizeof(a->base.device), facts.name);
	code = open_rings(a, facts.mtu, err);
	if (code == 0)
		code = open_senders(a, err);
	if (code)
		return error_context(err, "device %s", facts.name);
	return device_follow(&a->base, loop, facts.index, LINK_HERE, &a->watch, err);
}

static int af_packet_open(const struct backend_config *c, struct loop *loop, struct backend **out,
			  struct xvs_error *err)
{
	const unsigned queues = c->queues ? c->queues : 1;
	const unsigned workers = c->workers ? c->workers : 1;
	struct af_packet *a;
	int code;

	if (!c->device)
		return error_set(err, -EINVAL, "device", "af_packet needs a device name");
	if (queues > BACKEND_QUEUES_MAX)
		return error_set(err, -EINVAL, "queues", "%u queues are too many: at most %d",
				 queues, BACKEND_QUEUES_MAX);
	a = af_packet_create(queues, workers);
	if (!a)
		return error_set(err, -ENOMEM, "", "out of memory");
	code = af_packet_start(a, c, loop, err);
	if (code) {
		af_packet_close(&a->base);
		return code;
	}
	*out = &a->base;
	return 0;
}

const struct backend_ops backend_af_packet = {
	.kind = "af_packet",
	.open = af_packet_open,
	.close = af_packet_close,
	.rx = af_packet_rx,
	.rx_done = af_packet_rx_done,
	.tx = af_packet_tx,
	.stats = af_packet_stats,
};
