/* SPDX-License-Identifier: Apache-2.0 */
/*
 * com.example.census - an inspector that exports: what each port sends, by protocol, goes to a collector
 * every few seconds, as a line of JSON in a datagram.
 *
 * A flow's cookie is the number of its protocol here, so account() needs no table: it adds what the flow
 * has carried to the port's counts, which any worker may do and the control thread reads.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include <xvs/ext/loop.h>
#include <xvs/ext/sdk.h>
#include <xvs/ext/timer.h>
#include <xvs/extension.h>

enum { OTHER, TCP, UDP, ICMP, PROTOCOLS };
static const char *const names[] = { "other", "tcp", "udp", "icmp" };

struct policy {
	char collector[128];
	uint32_t every_s;
};

struct count {
	uint64_t packets, bytes;
};

struct port {
	struct port *next;
	char name[64];
	struct count counts[PROTOCOLS]; /* any worker adds */
};

/* All of it is the control thread's. */
struct self {
	const struct xvs_host *host;
	const struct xvs_loop_host *loop;
	const struct xvs_timer_host *timers;
	struct xvs_timer *timer;
	const struct policy *policy;
	struct port *ports;
	bool active;
	int fd; /* to the collector, or -1 */
};

static const struct xvs_field fields[] = {
	{ .name = "collector", .help = "Where counts go: udp:HOST:PORT",
	  .offset = offsetof(struct policy, collector), .type = XVS_TEXT,
	  .flags = XVS_FIELD_REQUIRED, .max = sizeof(((struct policy *)0)->collector) },
	{ .name = "every_s", .help = "Every so many seconds",
	  .offset = offsetof(struct policy, every_s), .type = XVS_U32, .min = 1, .max = 3600, .dflt = 60 },
};

static const struct xvs_feature features[] = {
	{ .size = sizeof(struct xvs_feature), .bytes = sizeof(struct policy),
	  .id = "com.example.census/1", .summary = "Where counts of ports go",
	  .scope = XVS_PER_SWITCH, .kind = XVS_SETTING, .fields = XVS_TABLE(fields) },
};

/* ---- workers ------------------------------------------------------------ */

static int protocol_of(const struct xvs_flow_key *key)
{
	uint16_t ethertype = xvs_ntoh16(key->ethertype);

	if (ethertype != 0x0800 && ethertype != 0x86dd)
		return OTHER;
	return key->ip_proto == 6 ? TCP : key->ip_proto == 17 ? UDP :
	       key->ip_proto == 1 || key->ip_proto == 58 ? ICMP : OTHER;
}

/* What enters by a port, not what leaves by it. */
static void judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		  struct xvs_flow_verdict *v)
{
	if (b->stage != XVS_STAGE_INGRESS)
		return;
	v->examined.ethertype = 0xffff;
	v->examined.ip_proto = 0xff;
	v->cookie = (uint64_t)protocol_of(key) + 1; /* 0 is none */
	v->account_ms = 1000;
}

static void account(void *self, const struct xvs_flow_stats *stats)
{
	struct port *port = (struct port *)stats->port_state;
	struct count *count = &port->counts[stats->cookie - 1];

	__atomic_fetch_add(&count->packets, stats->packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&count->bytes, stats->bytes, __ATOMIC_RELAXED);
}

static const struct xvs_flow flow = { .size = sizeof(flow), .judge = judge, .account = account };

/* ---- the collector ------------------------------------------------------ */

static void print_port(struct port *port, char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "{\"port\":\"%s\"", port->name);

	for (int n = 0; n < PROTOCOLS && len < size; n++) {
		uint64_t packets = __atomic_load_n(&port->counts[n].packets, __ATOMIC_RELAXED);
		uint64_t bytes = __atomic_load_n(&port->counts[n].bytes, __ATOMIC_RELAXED);

		len += (size_t)snprintf(out + len, size - len, ",\"%s\":[%" PRIu64 ",%" PRIu64 "]",
					names[n], packets, bytes);
	}
	if (len < size)
		(void)snprintf(out + len, size - len, "}\n");
}

/* A datagram that finds no room is lost: counts are absolute, so the next one makes up for it. */
static void export_ports(struct self *s)
{
	char line[512];

	for (struct port *port = s->ports; port; port = port->next) {
		print_port(port, line, sizeof(line));
		if (write(s->fd, line, strlen(line)) < 0 && errno != EAGAIN && errno != ECONNREFUSED) {
			xvs_logf(s->host, XVS_LOG_WARN, "collector %s: %s", s->policy->collector,
				 strerror(errno));
			break;
		}
	}
}

static void disconnect(struct self *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
}

static void connected(void *arg, int fd, const char *text)
{
	struct self *s = (struct self *)arg;

	disconnect(s);
	s->fd = fd < 0 ? -1 : fd;
	if (fd < 0)
		xvs_logf(s->host, XVS_LOG_WARN, "collector: %s", text);
}

static void tick(void *arg)
{
	struct self *s = (struct self *)arg;

	if (!s->active || !s->policy)
		return;
	if (s->fd >= 0)
		export_ports(s);
	else if (s->loop->connect(s->host, s->policy->collector, connected, s) == -EPERM)
		xvs_logf(s->host, XVS_LOG_WARN, "collector %s: is not allowed", s->policy->collector);
	s->timers->arm(s->host, s->timer, s->policy->every_s * UINT64_C(1000000000));
}

static void restart(struct self *s)
{
	disconnect(s);
	tick(s); /* connects at once, and tells from the next time on */
}

/* ---- control ------------------------------------------------------------ */

static int create(const struct xvs_host *host, const struct xvs_create *args, void **self,
		  struct xvs_error *err)
{
	struct self *s = (struct self *)calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->host = host;
	s->fd = -1;
	s->loop = (const struct xvs_loop_host *)host->query(host, XVS_LOOP);
	s->timers = (const struct xvs_timer_host *)host->query(host, XVS_TIMER);
	s->timer = s->timers->create(host, tick, s);
	if (!s->timer) {
		free(s);
		return -ENOMEM;
	}
	*self = s;
	return 0;
}

static void destroy(void *self)
{
	struct self *s = (struct self *)self;

	disconnect(s);
	free(s);
}

static void active(void *self, bool on)
{
	struct self *s = (struct self *)self;

	s->active = on;
	restart(s);
}

static int port_attach(void *self, const struct xvs_port *now, void **port_state,
		       struct xvs_error *err)
{
	struct port *port = (struct port *)calloc(1, sizeof(*port));
	struct self *s = (struct self *)self;

	if (!port)
		return -ENOMEM;
	(void)snprintf(port->name, sizeof(port->name), "%s", now->name);
	port->next = s->ports;
	s->ports = port;
	*port_state = port;
	return 0;
}

static void port_detach(void *self, void *port_state)
{
	struct port **place = &((struct self *)self)->ports;

	while (*place != port_state)
		place = &(*place)->next;
	*place = (*place)->next;
	free(port_state);
}

static void policy_apply(void *self, void *port_state, const char *feature, const void *value,
			 void *prepared)
{
	struct self *s = (struct self *)self;

	s->policy = (const struct policy *)value;
	restart(s);
}

static const void *query(void *self, const char *id)
{
	return strcmp(id, XVS_FLOW) == 0 ? &flow : NULL;
}

static const char *const needs[] = { XVS_LOOP, XVS_TIMER };

static const struct xvs_ops ops = {
	.size = sizeof(ops), .create = create, .destroy = destroy, .active = active,
	.port_attach = port_attach, .port_detach = port_detach, .policy_apply = policy_apply,
	.query = query,
};

static const struct xvs_extension extensions[] = {
	{ .size = sizeof(struct xvs_extension), .cls = XVS_INSPECT, .id = "com.example.census",
	  .version = "1.0.0", .vendor = "Example", .summary = "Tells a collector what ports send",
	  .features = XVS_TABLE(features), .needs = XVS_TABLE(needs), .ops = &ops,
	  .rights = XVS_RIGHT_NETWORK },
};

XVS_NOTE("com.example.census", "1.0.0", 1u << XVS_INSPECT, XVS_RIGHT_NETWORK);

const struct xvs_module xvs_module_1 = {
	.size = sizeof(xvs_module_1), .flags = 0, .extensions = XVS_TABLE(extensions),
};
