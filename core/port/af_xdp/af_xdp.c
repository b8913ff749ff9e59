/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/af_xdp/af_xdp.c - a Linux network device as a port, through XDP sockets: the driver gives us
 * frames before the kernel's stack has looked at them.
 *
 *      driver -> kernel.bpf.c -> socket of the receive queue (queue.c) -> switch -> send.c -> driver
 *
 * What the device cannot do for us (no XDP, somebody else's program, frames too long) is no reason
 * to be without the port: it opens by af_packet, and the operator is told why.
 */
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "port/af_xdp/driver.h"
#include "port/af_xdp/program.h"
#include "port/af_xdp/queue.h"
#include "port/device.h"

struct af_xdp {
	struct backend base;
	struct link_watch *watch;
	struct driver driver;
	struct program program;
	struct umem umem;
	struct queue *queues; /* base.rx_queues */
	uint32_t senders;     /* the first queues of them, each for some workers */
	uint32_t shed;        /* sources */
	int promiscuous;      /* a socket that receives nothing */
};

static struct af_xdp *af_xdp_of(struct backend *b)
{
	return (struct af_xdp *)b;
}

/* ---- packets ----------------------------------------------------------------------------------- */

static uint32_t af_xdp_rx(struct backend *b, unsigned queue, struct pool *pool, struct packet **out,
			  uint32_t max)
{
	return queue_receive(&af_xdp_of(b)->queues[queue], pool, out, max);
}

static void af_xdp_rx_done(struct backend *b, unsigned queue)
{
	queue_return(&af_xdp_of(b)->queues[queue]);
}

static bool af_xdp_arm(struct backend *b, unsigned queue)
{
	return queue_arm(&af_xdp_of(b)->queues[queue]);
}

static void af_xdp_disarm(struct backend *b, unsigned queue)
{
	queue_disarm(&af_xdp_of(b)->queues[queue]);
}

static uint32_t af_xdp_tx(struct backend *b, unsigned worker, struct packet *const *pkts,
			  uint32_t count)
{
	struct af_xdp *a = af_xdp_of(b);

	return queue_send(&a->queues[worker % a->senders], pkts, count);
}

/* ---- what is told ------------------------------------------------------------------------------ */

static void af_xdp_stats(const struct backend *b, struct backend_stats *out)
{
	const struct af_xdp *a = (const struct af_xdp *)b;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < b->rx_queues; i++)
		queue_add_stats(&a->queues[i], out);
}

__attribute__((format(printf, 3, 4))) static void fact(struct backend_fact *out, const char *name,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)str_copy(out->name, sizeof(out->name), name);
	(void)vsnprintf(out->value, sizeof(out->value), format, args);
	va_end(args);
}

static const char *how_attached(const struct program *p)
{
	if (p->puts_tags)
		return ", bound to the device for its VLAN tags";
	return p->shared ? ", by the dispatcher" : ", directly";
}

static uint32_t af_xdp_facts(const struct backend *b, struct backend_fact *out, uint32_t max)
{
	const struct af_xdp *a = (const struct af_xdp *)b;
	struct backend_fact facts[6];
	uint32_t count = 0;

	fact(&facts[count++], "driver", "%s", a->driver.name[0] ? a->driver.name : "unknown");
	fact(&facts[count++], "mode", "%s",
	     queue_is_zero_copy(&a->queues[0]) ? "zero-copy" : "copy");
	fact(&facts[count++], "program", "%s%s", a->program.is_native ? "native" : "generic",
	     how_attached(&a->program));
	fact(&facts[count++], "queues", "%u of %u", b->rx_queues, a->driver.queues);
	fact(&facts[count++], "frames", "%llu of %u bytes",
	     (unsigned long long)(a->umem.size / a->umem.frame_size), a->umem.frame_size);
	fact(&facts[count++], "shed", "%u sources", a->shed);
	count = count < max ? count : max;
	memcpy(out, facts, count * sizeof(*out));
	return count;
}

/* ---- shedding ---------------------------------------------------------------------------------- */

static int af_xdp_shed(struct backend *b, uint32_t slot, const struct backend_source *s)
{
	struct af_xdp *a = af_xdp_of(b);
	const int code = program_shed(&a->program, slot, s);

	a->shed = *a->program.shed_entries;
	return code;
}

static void af_xdp_unshed(struct backend *b, const struct backend_source *s)
{
	struct af_xdp *a = af_xdp_of(b);

	program_unshed(&a->program, s);
	a->shed = *a->program.shed_entries;
}

static void af_xdp_shed_counts(const struct backend *b, uint32_t slot, uint64_t *packets,
			       uint64_t *bytes)
{
	program_shed_counts(&((const struct af_xdp *)b)->program, slot, packets, bytes);
}

/* ---- warnings ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void warn(struct backend *b, const char *format, ...)
{
	const size_t len = strlen(b->warning);
	va_list args;

	if (len && len + 3 < sizeof(b->warning))
		memcpy(b->warning + len, "; ", 3);
	va_start(args, format);
	(void)vsnprintf(b->warning + strlen(b->warning), sizeof(b->warning) - strlen(b->warning),
			format, args);
	va_end(args);
}

static void warn_of_program(struct af_xdp *a)
{
	const struct program *p = &a->program;

	if (!p->is_native)
		warn(&a->base,
		     "driver %.20s has no native XDP, the kernel's generic one is used, which "
		     "loses frames merged by GRO: ethtool -K %s gro off",
		     a->driver.name, a->base.device);
	if (!p->shared && !p->puts_tags)
		warn(&a->base, "no other XDP program can share %s: %.90s", a->base.device,
		     p->why_direct);
	if (a->driver.gives_tags && !p->puts_tags)
		warn(&a->base, "VLAN tags of the peer are lost: ethtool -K PEER txvlan off");
}

static void warn_of_queues(struct af_xdp *a)
{
	if (a->driver.queues > a->base.rx_queues)
		warn(&a->base,
		     "%s has %u receive queues and %u are taken, the host gets the packets of the "
		     "others: ethtool -L %s combined %u",
		     a->base.device, a->driver.queues, a->base.rx_queues, a->base.device,
		     a->base.rx_queues);
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_queues(struct af_xdp *a, const struct backend_config *c, struct xvs_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < a->base.rx_queues && code == 0; i++) {
		const struct queue_place place = {
			.device = a->base.device,
			.nr = i,
			.sends = i < a->senders,
			.copy_mode = c->copy_mode,
		};

		code = queue_open(&a->queues[i], &a->umem, &place, err);
		a->base.kick[i] = a->queues[i].wake;
	}
	return code;
}

static int set_sockets(struct af_xdp *a, struct xvs_error *err)
{
	int code = 0;

	for (uint32_t i = 0; i < a->base.rx_queues && code == 0; i++)
		code = program_set_socket(&a->program, i, a->queues[i].fd, err);
	return code;
}

/* All addresses: the guests' are not the device's. */
static int be_promiscuous(struct af_xdp *a, struct xvs_error *err)
{
	const struct packet_mreq all = { .mr_ifindex = (int)a->base.ifindex,
					 .mr_type = PACKET_MR_PROMISC };

	a->promiscuous = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (a->promiscuous >= 0 &&
	    setsockopt(a->promiscuous, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0)
		return 0;
	return error_set(err, -errno, "", "promiscuous mode: %s", strerror(errno));
}

/* No frame comes before the program is there, none after it has gone. */
static void af_xdp_close(struct backend *b)
{
	struct af_xdp *a = af_xdp_of(b);

	link_watch_destroy(a->watch);
	program_detach(&a->program);
	for (uint32_t i = 0; i < b->rx_queues; i++)
		queue_close(&a->queues[i]);
	umem_close(&a->umem);
	if (a->promiscuous >= 0)
		(void)close(a->promiscuous);
	free(a->queues);
	free(a);
}

static struct af_xdp *af_xdp_create(uint32_t queues, uint32_t workers)
{
	struct af_xdp *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->base.ops = &backend_af_xdp;
	a->base.is_kernel = 1;
	a->base.rx_queues = (uint16_t)queues;
	a->base.offloads = OFFLOAD_TAG;
	a->senders = workers < queues ? workers : queues;
	a->program.link = -1;
	a->umem.fd = -1;
	a->promiscuous = -1;
	a->queues = aligned_alloc(alignof(struct queue), queues * sizeof(*a->queues));
	if (!a->queues) {
		free(a);
		return NULL;
	}
	memset(a->queues, 0, queues * sizeof(*a->queues));
	for (uint32_t i = 0; i < queues; i++)
		a->queues[i].fd = a->queues[i].wake = -1;
	return a;
}

static int start(struct af_xdp *a, const struct backend_config *c, uint32_t mtu,
		 struct xvs_error *err)
{
	int code;

	if (mtu > UMEM_MTU_MAX)
		return error_set(err, -EMSGSIZE, "device",
				 "its MTU is %u, frames of XDP sockets hold %d", mtu, UMEM_MTU_MAX);
	code = umem_open(&a->umem, mtu, a->base.rx_queues, &a->queues[0].fill,
			 &a->queues[0].completion, err);
	if (code == 0)
		code = open_queues(a, c, err);
	if (code == 0)
		code = program_attach(&a->program, a->base.ifindex, a->driver.gives_tags, err);
	if (code == 0)
		code = set_sockets(a, err);
	if (code == 0)
		code = be_promiscuous(a, err);
	return code;
}

static uint32_t choose_queues(const struct backend_config *c, const struct driver *driver)
{
	const uint32_t most =
		driver->queues < BACKEND_QUEUES_MAX ? driver->queues : BACKEND_QUEUES_MAX;

	return c->queues && c->queues < most ? c->queues : most;
}

/* NULL: 'err' says why not. */
static struct af_xdp *open_xdp(const struct backend_config *c, const struct link_facts *facts,
			       struct xvs_error *err)
{
	struct driver driver;
	struct af_xdp *a;

	driver_read(facts->name, &driver);
	a = af_xdp_create(choose_queues(c, &driver), c->workers ? c->workers : 1);
	if (!a) {
		(void)error_set(err, -ENOMEM, "", "out of memory");
		return NULL;
	}
	a->driver = driver;
	a->base.ifindex = facts->index;
	(void)str_copy(a->base.device, sizeof(a->base.device), facts->name);
	if (start(a, c, facts->mtu, err)) {
		af_xdp_close(&a->base);
		return NULL;
	}
	warn_of_program(a);
	warn_of_queues(a);
	return a;
}

static int open_instead(const struct backend_config *c, struct loop *loop, struct backend **out,
			const struct xvs_error *why, struct xvs_error *err)
{
	struct backend *b;
	const int code = backend_af_packet.open(c, loop, &b, err);

	if (code)
		return code;
	warn(b, "device %s is served by af_packet instead of af_xdp: %s", b->device, why->text);
	*out = b;
	return 0;
}

static int af_xdp_open(const struct backend_config *c, struct loop *loop, struct backend **out,
		       struct xvs_error *err)
{
	struct xvs_error why = ERROR_INIT;
	struct link_facts facts;
	struct af_xdp *a;
	int code;

	if (!c->device)
		return error_set(err, -EINVAL, "device", "af_xdp needs a device name");
	if (c->queues > BACKEND_QUEUES_MAX)
		return error_set(err, -EINVAL, "queues", "%u queues are too many: at most %d",
				 c->queues, BACKEND_QUEUES_MAX);
	code = device_prepare(c->device, c->may_carry, &facts, err);
	if (code)
		return code;
	a = open_xdp(c, &facts, &why);
	if (!a)
		return open_instead(c, loop, out, &why, err);
	code = device_follow(&a->base, loop, facts.index, LINK_HERE, &a->watch, err);
	if (code) {
		af_xdp_close(&a->base);
		return code;
	}
	*out = &a->base;
	return 0;
}

const struct backend_ops backend_af_xdp = {
	.kind = "af_xdp",
	.open = af_xdp_open,
	.close = af_xdp_close,
	.rx = af_xdp_rx,
	.rx_done = af_xdp_rx_done,
	.tx = af_xdp_tx,
	.arm = af_xdp_arm,
	.disarm = af_xdp_disarm,
	.stats = af_xdp_stats,
	.facts = af_xdp_facts,
	.shed = af_xdp_shed,
	.unshed = af_xdp_unshed,
	.shed_counts = af_xdp_shed_counts,
};
