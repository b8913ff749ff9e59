/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xsk_gen - sends frames through an AF_XDP socket, and counts what comes out at another device.
 *
 *	xsk_gen --tx g0 --rx g1 [--size N] [--flows N] [--seconds S] [--warm-up S] [--core N]
 *
 * g0 and g1 are the far ends of veth pairs whose near ends a switch has.  Sending is a system call in
 * which the kernel carries the frames to the switch's socket, so this core is busy whoever is slower.
 * At g1 an XDP program of two instructions drops everything, and the device counts it.
 */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <xdp/xsk.h>

#include "base/clock.h"
#include "vgen/flow.h"

enum { FRAMES = 4096, FRAME_BYTES = 2048, RING = 2048, BATCH = 64 };

struct options {
	const char *tx, *rx;
	uint32_t size, flows;
	double seconds, warm_up_s;
};

struct generator {
	struct options o;
	uint8_t *memory;
	struct xsk_umem *umem;
	struct xsk_socket *socket;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons completion, rx;
	uint32_t next; /* frame to send */
	uint32_t under_way;
	uint64_t sent;
};

static __attribute__((noreturn)) void die(const char *what, int error)
{
	(void)fprintf(stderr, "xsk_gen: %s: %s\n", what, strerror(error));
	exit(1);
}

/* ---- sending ---------------------------------------------------------------------------------- */

/* Frame after frame through the flows, which are as many as frames at most. */
static void write_frames(struct generator *g)
{
	struct flow_shape shape = { .macs = 1, .size = g->o.size };

	for (uint32_t i = 0; i < FRAMES; i++) {
		struct flow_head head;
		uint8_t *frame = g->memory + (size_t)i * FRAME_BYTES;

		flow_write(&shape, i % g->o.flows, 1, &head);
		memset(frame, 0x5a, FRAME_BYTES);
		memcpy(frame, head.bytes, FLOW_HEAD);
	}
}

static void open_socket(struct generator *g)
{
	struct xsk_umem_config umem = { .fill_size = RING,
					.comp_size = RING,
					.frame_size = FRAME_BYTES };
	struct xsk_socket_config socket = { .rx_size = RING,
					    .tx_size = RING,
					    .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
					    .bind_flags = XDP_COPY | XDP_USE_NEED_WAKEUP };
	size_t bytes = (size_t)FRAMES * FRAME_BYTES;
	int rc;

	g->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (g->memory == MAP_FAILED)
		die("memory", errno);
	write_frames(g);
	rc = xsk_umem__create(&g->umem, g->memory, bytes, &g->fill, &g->completion, &umem);
	if (rc)
		die("frames", -rc);
	rc = xsk_socket__create(&g->socket, g->o.tx, 0, g->umem, &g->rx, &g->tx, &socket);
	if (rc)
		die(g->o.tx, -rc);
}

static void take_back(struct generator *g)
{
	uint32_t at;
	uint32_t count = xsk_ring_cons__peek(&g->completion, RING, &at);

	xsk_ring_cons__release(&g->completion, count);
	g->under_way -= count;
	g->sent += count;
}

static void put_batch(struct generator *g)
{
	uint32_t at;

	if (g->under_way + BATCH > FRAMES / 2 ||
	    xsk_ring_prod__reserve(&g->tx, BATCH, &at) != BATCH)
		return;
	for (uint32_t i = 0; i < BATCH; i++) {
		struct xdp_desc *d = xsk_ring_prod__tx_desc(&g->tx, at + i);

		d->addr = (uint64_t)g->next * FRAME_BYTES;
		d->len = g->o.size;
		g->next = (g->next + 1) % FRAMES;
	}
	xsk_ring_prod__submit(&g->tx, BATCH);
	g->under_way += BATCH;
}

static void send_for(struct generator *g, double seconds)
{
	uint64_t end = clock_ns() + (uint64_t)(seconds * (double)NS_PER_S);

	while (clock_ns() < end) {
		take_back(g);
		put_batch(g);
		if (sendto(xsk_socket__fd(g->socket), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
			die("sendto", errno);
	}
}

/* ---- counting --------------------------------------------------------------------------------- */

static void drop_at(const char *device)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	unsigned index = if_nametoindex(device);
	int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "drop", "GPL", insns,
				    sizeof(insns) / sizeof(insns[0]), NULL);
	int rc;

	if (program < 0)
		die("XDP program", errno);
	rc = bpf_xdp_attach((int)index, program, XDP_FLAGS_DRV_MODE, NULL);
	if (rc)
		die(device, -rc);
}

/* The second number behind "DEVICE:" in a line of /proc/net/dev; false: it is of another device. */
static bool find_packets(const char *line, const char *device, uint64_t *packets)
{
	size_t len = strlen(device);
	char *rest;

	line += strspn(line, " ");
	if (strncmp(line, device, len) != 0 || line[len] != ':')
		return false;
	(void)strtoull(line + len + 1, &rest, 10);
	*packets = strtoull(rest, NULL, 10);
	return true;
}

/* From /proc/net/dev, which is that of our own network namespace, whatever is mounted at /sys. */
static uint64_t received_at(const char *device)
{
	FILE *f = fopen("/proc/net/dev", "re");
	uint64_t packets = 0;
	bool is_found = false;
	char line[512];

	if (!f)
		die("/proc/net/dev", errno);
	while (!is_found && fgets(line, sizeof(line), f))
		is_found = find_packets(line, device, &packets);
	(void)fclose(f);
	if (!is_found)
		die(device, ENODEV);
	return packets;
}

/* ---- main ------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void usage(void)
{
	(void)fputs("usage: xsk_gen --tx DEVICE --rx DEVICE [--size N] [--flows N] [--seconds S]\n"
		    "               [--warm-up S] [--core N]\n",
		    stderr);
	exit(2);
}

static void run_on(const char *core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(strtoul(core, NULL, 10), &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("core", errno);
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "tx", required_argument, NULL, 't' },
		{ "rx", required_argument, NULL, 'r' },
		{ "size", required_argument, NULL, 's' },
		{ "flows", required_argument, NULL, 'f' },
		{ "seconds", required_argument, NULL, 'n' },
		{ "warm-up", required_argument, NULL, 'w' },
		{ "core", required_argument, NULL, 'c' },
		{ 0 },
	};
	int option;

	*o = (struct options){ .size = 64, .flows = 64, .seconds = 2, .warm_up_s = 0.5 };
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 't':
			o->tx = optarg;
			break;
		case 'r':
			o->rx = optarg;
			break;
		case 's':
			o->size = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'f':
			o->flows = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			o->seconds = strtod(optarg, NULL);
			break;
		case 'w':
			o->warm_up_s = strtod(optarg, NULL);
			break;
		case 'c':
			run_on(optarg);
			break;
		default:
			usage();
		}
	}
	if (!o->tx || !o->rx || o->size < FLOW_HEAD || o->size > FRAME_BYTES || o->flows < 1 ||
	    o->flows > FRAMES)
		usage();
}

int main(int argc, char **argv)
{
	static struct generator g;
	uint64_t ns;
	uint64_t sent;
	uint64_t received;
	double s;

	parse(&g.o, argc, argv);
	drop_at(g.o.rx);
	open_socket(&g);
	send_for(&g, g.o.warm_up_s);
	ns = clock_ns();
	sent = g.sent;
	received = received_at(g.o.rx);
	send_for(&g, g.o.seconds);
	s = (double)(clock_ns() - ns) / (double)NS_PER_S;
	printf("{\"mpps\": %.4f, \"sent_mpps\": %.4f, \"seconds\": %.3f}\n",
	       (double)(received_at(g.o.rx) - received) / s / 1e6,
	       (double)(g.sent - sent) / s / 1e6, s);
	xsk_socket__delete(g.socket);
	(void)xsk_umem__delete(g.umem);
	(void)bpf_xdp_detach((int)if_nametoindex(g.o.rx), XDP_FLAGS_DRV_MODE, NULL);
	return 0;
}
