/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp_gen - lets the kernel make frames at one device, and counts what comes out at another.
 *
 *	xdp_gen --tx g0 --rx g1 [--size N] [--flows N] [--seconds S] [--warm-up S] [--core N]
 *
 * g0 and g1 are the far ends of veth pairs whose near ends a switch has.  The frames are made by
 * frames.bpf.c, so that this core is faster than the switch: what the switch cannot take is dropped
 * in front of its socket, by this core.  At g1 an XDP program of two instructions drops everything,
 * and the device counts it.
 */
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/if_link.h>

#include "base/clock.h"
#include "frames.h"
#include "vgen/flow.h"
#include "xdp_gen/frames_bytes.h"

_Static_assert(sizeof(struct frames_head) == FLOW_HEAD, "a head is a head");

enum { FRAME_MAX = 1514, BATCH = 64 };

struct options {
	const char *tx, *rx;
	uint32_t size, flows;
	double seconds, warm_up_s;
};

/* What a device has sent or received. */
struct totals {
	uint64_t received, sent;
};

static __attribute__((noreturn)) void die(const char *what, int error)
{
	(void)fprintf(stderr, "xdp_gen: %s: %s\n", what, strerror(error));
	exit(1);
}

/* ---- sending ---------------------------------------------------------------------------------- */

static void set_state(const struct bpf_object *object, const struct options *o)
{
	const struct frames_state state = { .device = if_nametoindex(o->tx), .flows = o->flows };
	const int map = bpf_object__find_map_fd_by_name(object, ".bss");
	const uint32_t first = 0;

	if (state.device == 0)
		die(o->tx, errno);
	if (bpf_map_update_elem(map, &first, &state, BPF_ANY))
		die("variables of the program", errno);
}

static void write_heads(const struct bpf_object *object, const struct options *o)
{
	const struct flow_shape shape = { .macs = 1, .size = o->size };
	const int map = bpf_object__find_map_fd_by_name(object, "heads");

	for (uint32_t i = 0; i < o->flows; i++) {
		struct flow_head head;

		flow_write(&shape, i, 1, &head);
		if (bpf_map_update_elem(map, &i, &head, BPF_ANY))
			die("heads", errno);
	}
}

/* The program's descriptor. */
static int load_program(const struct options *o)
{
	struct bpf_object *object = bpf_object__open_mem(frames_bytes, sizeof(frames_bytes), NULL);

	if (!object || bpf_object__load(object))
		die("frames.bpf.c", errno);
	set_state(object, o);
	write_heads(object, o);
	return bpf_program__fd(bpf_object__find_program_by_name(object, "frames_make"));
}

/* To begin takes the kernel some 20 ms: so this is one call, which a signal ends. */
static __attribute__((noreturn)) void send_on(const struct options *o, int program)
{
	static uint8_t frame[FRAME_MAX];
	/* no byte of it is padding, which the library would want to be zero: LIBBPF_OPTS is not C11 */
	struct bpf_test_run_opts run = { .sz = sizeof(run),
					 .data_in = frame,
					 .data_size_in = o->size,
					 .repeat = INT32_MAX,
					 .batch_size = BATCH,
					 .flags = BPF_F_TEST_XDP_LIVE_FRAMES };
	int rc;

	memset(frame, 0x5a, sizeof(frame));
	do {
		rc = bpf_prog_test_run_opts(program, &run);
	} while (rc == 0);
	die("sending", -rc);
}

/* The process that sends; it ends with us at the latest. */
static pid_t start(const struct options *o)
{
	const int program = load_program(o);
	const pid_t parent = getpid();
	const pid_t child = fork();

	if (child < 0)
		die("fork", errno);
	if (child > 0)
		return child;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		die("parent", ESRCH);
	send_on(o, program);
}

static void stop(pid_t child)
{
	int status;

	if (waitpid(child, &status, WNOHANG) == child)
		die("sending", ECHILD);
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
}

static void wait_for(double seconds)
{
	(void)usleep((useconds_t)(seconds * 1e6));
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

/* Numbers 2 and 10 behind "DEVICE:" in a line of /proc/net/dev; false: it is of another device. */
static bool find_totals(const char *line, const char *device, struct totals *out)
{
	enum { RECEIVED = 1, SENT = 9 };
	const size_t len = strlen(device);
	char *rest;

	line += strspn(line, " ");
	if (strncmp(line, device, len) != 0 || line[len] != ':')
		return false;
	rest = (char *)(uintptr_t)line + len + 1;
	for (int i = 0; i <= SENT; i++) {
		const uint64_t number = strtoull(rest, &rest, 10);

		if (i == RECEIVED)
			out->received = number;
		if (i == SENT)
			out->sent = number;
	}
	return true;
}

/* From /proc/net/dev, which is that of our own network namespace, whatever is mounted at /sys. */
static struct totals totals_of(const char *device)
{
	FILE *f = fopen("/proc/net/dev", "re");
	struct totals totals = { 0 };
	bool is_found = false;
	char line[512];

	if (!f)
		die("/proc/net/dev", errno);
	while (!is_found && fgets(line, sizeof(line), f))
		is_found = find_totals(line, device, &totals);
	(void)fclose(f);
	if (!is_found)
		die(device, ENODEV);
	return totals;
}

/* ---- main ------------------------------------------------------------------------------------- */

static __attribute__((noreturn)) void usage(void)
{
	(void)fputs("usage: xdp_gen --tx DEVICE --rx DEVICE [--size N] [--flows N] [--seconds S]\n"
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
	if (!o->tx || !o->rx || o->size < FLOW_HEAD || o->size > FRAME_MAX || o->flows < 1 ||
	    o->flows > FRAMES_FLOWS_MAX)
		usage();
}

int main(int argc, char **argv)
{
	struct options o;
	uint64_t received;
	uint64_t sent;
	uint64_t ns;
	pid_t child;
	double s;

	parse(&o, argc, argv);
	drop_at(o.rx);
	child = start(&o);
	wait_for(o.warm_up_s);
	ns = clock_ns();
	sent = totals_of(o.tx).sent;
	received = totals_of(o.rx).received;
	wait_for(o.seconds);
	s = (double)(clock_ns() - ns) / (double)NS_PER_S;
	received = totals_of(o.rx).received - received;
	sent = totals_of(o.tx).sent - sent;
	stop(child);
	printf("{\"mpps\": %.4f, \"sent_mpps\": %.4f, \"seconds\": %.3f}\n",
	       (double)received / s / 1e6, (double)sent / s / 1e6, s);
	(void)bpf_xdp_detach((int)if_nametoindex(o.rx), XDP_FLAGS_DRV_MODE, NULL);
	return 0;
}
