/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vgen - owns both ports of a vhost-user switch, sends on A, receives on B, and measures.
 *
 * One process, one core, memory of its own; knows nothing of the switch but its sockets.  Prints
 * one line of JSON; what goes wrong is one sentence, and exit code 1.
 */
#include "vgen/vgen.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { CONNECT_MS = 20000, VERIFY_PARTS = 8 };
/* Of buffers: an odd number of cache lines, so that they do not share a few sets of the cache. */
enum { STRIDE_SMALL = 33 * 64, STRIDE_LARGE = 1057 * 64 };

static const char usage[] =
	"usage: vgen MODE --socket A --socket B [--socket SINK...] [OPTION...]\n"
	"modes:\n"
	"  rate      as many packets as the switch takes\n"
	"  new       the same, each packet of a flow that was not seen before\n"
	"  connect   as many TCP connections as the switch lets come about\n"
	"  latency   from put to got, at --pps\n"
	"  wake      the first packet after --idle-ms, --samples times\n"
	"  start     the first packet after B connects, --samples times\n"
	"  verify    every byte of every packet: all sizes from --size, --samples times\n"
	"options:\n"
	"  --server            listen; the switch connects\n"
	"  --packed            packed rings; --event-idx: with event index\n"
	"  --ring N            places of a ring (256)\n"
	"  --size N            bytes of a frame without FCS (64); verify: --size-max N\n"
	"  --flows N, --macs N flows and pairs of MAC addresses (1, 1)\n"
	"  --tcp               TCP, with a handshake before; implies --establish\n"
	"  --establish         each flow is seen in both directions first\n"
	"  --both              send in both directions\n"
	"  --close             connect: reset each connection once it is open\n"
	"  --touch             read every byte that is received\n"
	"  --big-buffers       verify: receive into chains, not into merged buffers\n"
	"  --offloads          verify: leave checksums and segmentation to the switch\n"
	"  --seconds S, --warm-up S\n"
	"  --wait              rate, new, connect: says \"warm\" on standard error when it is, and\n"
	"                      waits for a line of input before it measures\n"
	"  --pps N, --idle-ms N, --samples N, --patience-ms N\n"
	"  --beside N          wake: in turn with the switch, a bare thread on that core\n"
	"  --core N            run there\n";

static const struct {
	const char *name;
	int (*run)(struct vgen *g, struct xvs_error *err);
} modes[] = { { "rate", vgen_rate },       { "new", vgen_rate },  { "connect", vgen_connections },
	      { "latency", vgen_latency }, { "wake", vgen_wake }, { "start", vgen_start },
	      { "verify", vgen_verify } };

/* ---- ports ------------------------------------------------------------------------------------ */

static bool is_verify(const struct vgen *g)
{
	return strcmp(g->o.mode, "verify") == 0;
}

static uint64_t features_of(const struct vgen *g)
{
	static const uint8_t offloads[] = { FRONT_CSUM,       FRONT_GUEST_CSUM, FRONT_GUEST_TSO4,
					    FRONT_GUEST_TSO6, FRONT_GUEST_UFO,  FRONT_HOST_TSO4,
					    FRONT_HOST_TSO6,  FRONT_HOST_UFO };
	uint64_t features = UINT64_C(1) << FRONT_INDIRECT;

	if (!g->o.big_buffers)
		features |= UINT64_C(1) << FRONT_MRG_RXBUF;
	for (size_t i = 0; g->o.offloads && i < sizeof(offloads); i++)
		features |= UINT64_C(1) << offloads[i];
	return features;
}

static struct front_config config_of(const struct vgen *g, uint32_t nr)
{
	bool is_large = is_verify(g);

	return (struct front_config){
		.socket = g->o.sockets[nr],
		.is_server = g->o.is_server,
		.is_packed = g->o.is_packed,
		.has_event_index = g->o.has_event_index,
		.features = features_of(g),
		.pairs = 1,
		.ring_size = g->o.ring_size,
		.rx_parts = g->o.big_buffers ? VERIFY_PARTS : 1,
		.tx_parts = is_large ? VERIFY_PARTS : 1,
		.rx_stride = g->o.big_buffers ? STRIDE_LARGE : STRIDE_SMALL,
		.tx_stride = is_large ? STRIDE_LARGE : STRIDE_SMALL,
	};
}

static int make_port(struct vgen *g, uint32_t nr, struct xvs_error *err)
{
	struct front_config c = config_of(g, nr);

	g->fronts[nr] = front_create(&c, err);
	return g->fronts[nr] ? 0 : -EIO;
}

int vgen_connect(struct vgen *g, uint32_t nr, struct xvs_error *err)
{
	int rc = front_connect(g->fronts[nr], CONNECT_MS, err);

	if (rc || is_verify(g)) /* which fills rings in its own way */
		return rc;
	if (!port_begin(&g->ports[nr], g->fronts[nr], g->o.size))
		rc = error_set(err, -ENOMEM, "", "out of memory");
	return rc;
}

void vgen_disconnect(struct vgen *g, uint32_t nr)
{
	if (g->fronts[nr])
		front_disconnect(g->fronts[nr]);
	port_end(&g->ports[nr]);
}

int vgen_check(const struct vgen *g, struct xvs_error *err)
{
	for (uint32_t nr = 0; nr < g->o.port_count; nr++) {
		const struct port *p = &g->ports[nr];

		if (!front_is_connected(g->fronts[nr]))
			return error_set(err, -EPIPE, "", "%s: the switch closed the connection",
					 g->o.sockets[nr]);
		if (p->rx->is_broken || p->tx->is_broken || p->disorder)
			return error_set(err, -EPROTO, "",
					 "%s: the switch used a buffer that it was not given",
					 g->o.sockets[nr]);
	}
	return 0;
}

void vgen_print_ports(const struct vgen *g)
{
	printf("\"ports\": [");
	for (uint32_t nr = 0; nr < g->o.port_count; nr++) {
		const struct port *p = &g->ports[nr];
		unsigned long long kicks = p->tx->kicks + p->rx->kicks;

		printf("%s{\"put\": %llu, \"received\": %llu, \"kicks\": %llu, \"features\": "
		       "\"%#llx\"}",
		       nr ? ", " : "", (unsigned long long)p->put, (unsigned long long)p->received,
		       kicks, (unsigned long long)front_features(g->fronts[nr]));
	}
	printf("]");
}

/* ---- options ---------------------------------------------------------------------------------- */

enum {
	O_SOCKET = 1,
	O_SERVER,
	O_PACKED,
	O_EVENT_IDX,
	O_RING,
	O_SIZE,
	O_SIZE_MAX,
	O_FLOWS,
	O_MACS,
	O_TCP,
	O_ESTABLISH,
	O_BOTH,
	O_CLOSE,
	O_TOUCH,
	O_WAIT,
	O_OFFLOADS,
	O_BIG_BUFFERS,
	O_SECONDS,
	O_WARM_UP,
	O_PPS,
	O_IDLE_MS,
	O_SAMPLES,
	O_PATIENCE_MS,
	O_BESIDE,
	O_CORE,
	O_HELP,
};

static const struct option known[] = {
	{ "socket", required_argument, NULL, O_SOCKET },
	{ "server", no_argument, NULL, O_SERVER },
	{ "packed", no_argument, NULL, O_PACKED },
	{ "event-idx", no_argument, NULL, O_EVENT_IDX },
	{ "ring", required_argument, NULL, O_RING },
	{ "size", required_argument, NULL, O_SIZE },
	{ "size-max", required_argument, NULL, O_SIZE_MAX },
	{ "flows", required_argument, NULL, O_FLOWS },
	{ "macs", required_argument, NULL, O_MACS },
	{ "tcp", no_argument, NULL, O_TCP },
	{ "establish", no_argument, NULL, O_ESTABLISH },
	{ "both", no_argument, NULL, O_BOTH },
	{ "close", no_argument, NULL, O_CLOSE },
	{ "touch", no_argument, NULL, O_TOUCH },
	{ "wait", no_argument, NULL, O_WAIT },
	{ "big-buffers", no_argument, NULL, O_BIG_BUFFERS },
	{ "offloads", no_argument, NULL, O_OFFLOADS },
	{ "seconds", required_argument, NULL, O_SECONDS },
	{ "warm-up", required_argument, NULL, O_WARM_UP },
	{ "pps", required_argument, NULL, O_PPS },
	{ "idle-ms", required_argument, NULL, O_IDLE_MS },
	{ "samples", required_argument, NULL, O_SAMPLES },
	{ "patience-ms", required_argument, NULL, O_PATIENCE_MS },
	{ "beside", required_argument, NULL, O_BESIDE },
	{ "core", required_argument, NULL, O_CORE },
	{ "help", no_argument, NULL, O_HELP },
	{ 0 },
};

static __attribute__((noreturn)) void leave(const char *complaint)
{
	(void)fprintf(stderr, "vgen: %s\n%s", complaint, usage);
	exit(2);
}

static uint32_t number(const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || v < min || v > max)
		leave("a number is not what it may be");
	return (uint32_t)v;
}

static double seconds(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(v >= 0 && v < 1e6))
		leave("seconds are a number from 0");
	return v;
}

static void run_on(uint32_t core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		leave("there is no such core");
}

static void add_socket(struct options *o, const char *path)
{
	if (o->port_count == sizeof(o->sockets) / sizeof(o->sockets[0]))
		leave("too many sockets");
	o->sockets[o->port_count++] = path;
}

static bool take_switch(struct options *o, int option)
{
	switch (option) {
	case O_SERVER:
		o->is_server = true;
		break;
	case O_PACKED:
		o->is_packed = true;
		break;
	case O_EVENT_IDX:
		o->has_event_index = true;
		break;
	case O_TCP:
		o->is_tcp = o->establishes = true;
		break;
	case O_ESTABLISH:
		o->establishes = true;
		break;
	case O_BOTH:
		o->both = true;
		break;
	case O_CLOSE:
		o->closes = true;
		break;
	case O_WAIT:
		o->waits = true;
		break;
	case O_TOUCH:
		o->touches = true;
		break;
	case O_BIG_BUFFERS:
		o->big_buffers = true;
		break;
	case O_OFFLOADS:
		o->offloads = true;
		break;
	default:
		return false;
	}
	return true;
}

static void take_value(struct options *o, int option, const char *text)
{
	switch (option) {
	case O_SOCKET:
		add_socket(o, text);
		break;
	case O_RING:
		o->ring_size = (uint16_t)number(text, 2 * PORT_BATCH, RING_SIZE_MAX);
		break;
	case O_SIZE:
		o->size = number(text, 14, 65550);
		break;
	case O_SIZE_MAX:
		o->size_max = number(text, 14, 65550);
		break;
	case O_FLOWS:
		o->flows = number(text, 1, FLOW_COUNT_MAX);
		break;
	case O_MACS:
		o->macs = number(text, 1, 65536);
		break;
	case O_SECONDS:
		o->seconds = seconds(text);
		break;
	case O_WARM_UP:
		o->warm_up_s = seconds(text);
		break;
	case O_PPS:
		o->pps = number(text, 1, 100000000);
		break;
	case O_IDLE_MS:
		o->idle_ms = number(text, 0, 1000000);
		break;
	case O_SAMPLES:
		o->samples = number(text, 1, 10000);
		break;
	case O_PATIENCE_MS:
		o->patience_ms = (int)number(text, 1, 1000000);
		break;
	case O_BESIDE:
		o->beside = (int)number(text, 0, CPU_SETSIZE - 1);
		break;
	case O_CORE:
		run_on(number(text, 0, CPU_SETSIZE - 1));
		break;
	case O_HELP:
		(void)fputs(usage, stdout);
		exit(0);
	default:
		leave("an option is not known");
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	int option;

	*o = (struct options){ .ring_size = 256,
			       .size = 64,
			       .flows = 1,
			       .macs = 1,
			       .seconds = 2,
			       .warm_up_s = 0.5,
			       .idle_ms = 1000,
			       .samples = 10,
			       .beside = -1,
			       .patience_ms = 10000 };
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		if (!take_switch(o, option))
			take_value(o, option, optarg);
	if (optind + 1 != argc)
		leave("exactly one mode is needed");
	o->mode = argv[optind];
	if (o->port_count < 2)
		leave("two sockets are needed");
	if (strcmp(o->mode, "verify") != 0 &&
	    (o->size < FLOW_SIZE_MIN || o->size + FRONT_HEADER > STRIDE_SMALL || o->big_buffers))
		leave("frames of less than 60 or more than 2,100 bytes, and big buffers, are for "
		      "verify");
	if (!o->is_packed && (o->ring_size & (o->ring_size - 1)))
		leave("a split ring has a power of two places");
}

/* ---- main ------------------------------------------------------------------------------------- */

static int run_mode(struct vgen *g, struct xvs_error *err)
{
	int rc = 0;

	for (uint32_t nr = 0; rc == 0 && nr < g->o.port_count; nr++)
		rc = make_port(g, nr, err);
	for (uint32_t nr = 0; rc == 0 && nr < g->o.port_count; nr++)
		rc = vgen_connect(g, nr, err);
	for (size_t i = 0; rc == 0 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, g->o.mode) == 0)
			return modes[i].run(g, err);
	return rc ? rc : error_set(err, -EINVAL, "", "there is no mode %s", g->o.mode);
}

int main(int argc, char **argv)
{
	struct xvs_error err = ERROR_INIT;
	static struct vgen g;
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	parse(&g.o, argc, argv);
	/* a switch that has tracked a connection to its end would refuse it from the beginning */
	if (g.o.establishes || strcmp(g.o.mode, "connect") == 0)
		g.o.port_shift = (uint32_t)(clock_ns() / NS_PER_MS);
	rc = run_mode(&g, &err);
	for (uint32_t nr = 0; nr < g.o.port_count; nr++) {
		vgen_disconnect(&g, nr);
		front_destroy(g.fronts[nr]);
	}
	if (rc)
		(void)fprintf(stderr, "vgen: %s\n", err.text);
	return rc ? 1 : 0;
}
