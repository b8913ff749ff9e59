/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_openflow_objects
 *
 * The whole agent under controllers that may do anything: connect, say any bytes in any pieces, read or not,
 * go, while ports come and go and time passes.  The host is a plain one: sockets are pairs, and what it
 * would call later waits in lists.  Nothing may be touched after it was freed, written beyond its bounds,
 * or held for ever, and what waits for one controller is bounded.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include "agent/agent.h"
#include "agent/status.h"

enum { PORTS = 64, CALLERS = 6, LATER_MAX = 1 << 16, STEPS_MAX = 400, TURNS = 64 };

struct xvs_watch {
	struct xvs_watch *next;
	int fd;
	uint32_t events;
	xvs_watch_fn fn;
	void *arg;
	bool is_gone;
};

struct xvs_timer {
	struct xvs_timer *next;
	xvs_timer_fn fn;
	void *arg;
	uint64_t at_ns;
	bool is_armed, is_gone;
};

struct later {
	void (*fn)(void *arg);
	void *arg;
};

static struct xvs_watch *watches;
static struct xvs_timer *timers;
static struct later laters[LATER_MAX];
static uint32_t later_count;
static uint64_t clock_ns;
static xvs_accept_fn accept_fn;
static void *accept_arg;
static xvs_called_fn called_fn;
static void *called_arg;
static struct of_agent agent;

/* ---- the host --------------------------------------------------------------------------------------- */

static void host_log(const struct xvs_host *h, int level, const char *text)
{
	(void)h;
	(void)level;
	assert(strlen(text) > 0);
}

static uint64_t host_now(const struct xvs_host *h)
{
	(void)h;
	return clock_ns += 1000;
}

static void host_defer(const struct xvs_host *h, void (*fn)(void *arg), void *arg)
{
	(void)h;
	assert(later_count < LATER_MAX);
	laters[later_count++] = (struct later){ fn, arg };
}

static void run_laters(void)
{
	uint32_t count = later_count;
	static struct later now[LATER_MAX];

	memcpy(now, laters, count * sizeof(now[0]));
	later_count = 0;
	for (uint32_t i = 0; i < count; i++)
		now[i].fn(now[i].arg);
}

/* In the controllers' stead a called one is refused. */
static int loop_connect(const struct xvs_host *h, const char *target, xvs_connect_fn done,
			void *arg)
{
	(void)h;
	(void)target;
	(void)done;
	(void)arg;
	return -ECONNREFUSED;
}

static struct xvs_watch *loop_watch(const struct xvs_host *h, int fd, uint32_t events,
				    xvs_watch_fn fn, void *arg)
{
	struct xvs_watch *w = calloc(1, sizeof(*w));

	(void)h;
	assert(w);
	*w = (struct xvs_watch){ watches, fd, events, fn, arg, false };
	watches = w;
	return w;
}

static void loop_change(const struct xvs_host *h, struct xvs_watch *w, uint32_t events)
{
	(void)h;
	assert(!w->is_gone);
	w->events = events;
}

static void loop_unwatch(const struct xvs_host *h, struct xvs_watch *w)
{
	(void)h;
	if (w)
		w->is_gone = true;
}

static int loop_listen(const struct xvs_host *h, const char *target, xvs_accept_fn fn, void *arg,
		       struct xvs_listener **out)
{
	(void)h;
	(void)target;
	accept_fn = fn;
	accept_arg = arg;
	*out = (struct xvs_listener *)(void *)&watches; /* a handle, and nothing else */
	return 0;
}

static void loop_unlisten(const struct xvs_host *h, struct xvs_listener *l)
{
	(void)h;
	(void)l;
	accept_fn = NULL;
}

static struct xvs_timer *timer_create_(const struct xvs_host *h, xvs_timer_fn fn, void *arg)
{
	struct xvs_timer *t = calloc(1, sizeof(*t));

	(void)h;
	assert(t);
	*t = (struct xvs_timer){ .next = timers, .fn = fn, .arg = arg };
	timers = t;
	return t;
}

static void timer_arm(const struct xvs_host *h, struct xvs_timer *t, uint64_t delay_ns)
{
	(void)h;
	assert(!t->is_gone);
	t->at_ns = clock_ns + delay_ns;
	t->is_armed = true;
}

static void timer_destroy(const struct xvs_host *h, struct xvs_timer *t)
{
	(void)h;
	if (!t)
		return;
	t->is_gone = true;
	t->is_armed = false;
}

static void flow_invalidate(const struct xvs_host *h, uint64_t tags)
{
	(void)h;
	(void)tags;
}

static void flow_invalidate_match(const struct xvs_host *h, const struct xvs_flow_key *key,
				  const struct xvs_flow_key *mask)
{
	(void)h;
	(void)key;
	(void)mask;
}

static int flow_collect(const struct xvs_host *h, void (*done)(void *arg), void *arg)
{
	host_defer(h, done, arg);
	return 0;
}

static int mail_open(const struct xvs_host *h, uint32_t slots, uint32_t packet_max, xvs_mail_fn fn)
{
	(void)h;
	(void)slots;
	(void)packet_max;
	(void)fn;
	return 0;
}

static void call_over(void *arg)
{
	xvs_called_fn fn = called_fn;

	called_fn = NULL;
	(void)arg;
	if (fn)
		fn(called_arg, false);
}

/* A worker that goes before it has run. */
static int mail_call(const struct xvs_host *h, uint32_t worker, xvs_call_fn fn, xvs_called_fn done,
		     void *arg)
{
	(void)worker;
	(void)fn;
	if (called_fn)
		return -EAGAIN;
	called_fn = done;
	called_arg = arg;
	host_defer(h, call_over, NULL);
	return 0;
}

static const struct xvs_loop_host loop_host = {
	.size = sizeof(loop_host),
	.connect = loop_connect,
	.watch = loop_watch,
	.change = loop_change,
	.unwatch = loop_unwatch,
	.listen = loop_listen,
	.unlisten = loop_unlisten,
};
static const struct xvs_timer_host timer_host = {
	.size = sizeof(timer_host),
	.create = timer_create_,
	.arm = timer_arm,
	.destroy = timer_destroy,
};
static const struct xvs_flow_host flow_host = {
	.size = sizeof(flow_host),
	.invalidate = flow_invalidate,
	.invalidate_match = flow_invalidate_match,
	.collect = flow_collect,
};
static const struct xvs_mailbox_host mailbox_host = {
	.size = sizeof(mailbox_host),
	.open = mail_open,
	.call = mail_call,
};

static const void *host_query(const struct xvs_host *h, const char *id)
{
	(void)h;
	return strcmp(id, XVS_LOOP) == 0        ? (const void *)&loop_host
	       : strcmp(id, XVS_TIMER) == 0     ? (const void *)&timer_host
	       : strcmp(id, XVS_FLOW_HOST) == 0 ? (const void *)&flow_host
	       : strcmp(id, XVS_MAILBOX) == 0   ? (const void *)&mailbox_host
						: NULL;
}

static const struct xvs_host host = {
	.size = sizeof(host),
	.name = "fuzz",
	.log = host_log,
	.now = host_now,
	.query = host_query,
	.defer = host_defer,
};

/* ---- its loop --------------------------------------------------------------------------------------- */

static void sweep(void)
{
	for (struct xvs_watch **at = &watches; *at;) {
		struct xvs_watch *w = *at;

		if (!w->is_gone) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		free(w);
	}
	for (struct xvs_timer **at = &timers; *at;) {
		struct xvs_timer *t = *at;

		if (!t->is_gone) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		free(t);
	}
}

static bool is_readable(int fd)
{
	uint8_t byte;
	ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return got >= 0 || errno != EAGAIN;
}

static void turn(void)
{
	for (struct xvs_watch *w = watches; w; w = w->next) {
		uint32_t events = w->events & XVS_LOOP_WRITE;

		if (!w->is_gone && w->events & XVS_LOOP_READ && is_readable(w->fd))
			events |= XVS_LOOP_READ;
		if (!w->is_gone && events)
			w->fn(w->arg, w->fd, events);
	}
	for (struct xvs_timer *t = timers; t; t = t->next) {
		if (t->is_gone || !t->is_armed || t->at_ns > clock_ns)
			continue;
		t->is_armed = false;
		t->fn(t->arg);
	}
	run_laters();
	sweep();
}

/* ---- controllers ------------------------------------------------------------------------------------ */

struct input {
	const uint8_t *at;
	size_t left;
};

static uint8_t byte_of(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->at++;
}

static int callers[CALLERS];
static uint8_t versions[CALLERS];
static uint32_t next_port_uuid;

static void hang_up(uint32_t n)
{
	if (callers[n] >= 0)
		(void)close(callers[n]);
	callers[n] = -1;
}

static void ring(uint32_t n, uint8_t version)
{
	const uint8_t hello[] = { version, 0, 0, 8, 0, 0, 0, 1 };
	int pair[2];

	hang_up(n);
	if (!accept_fn || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair))
		return;
	callers[n] = pair[1];
	versions[n] = version;
	(void)send(pair[1], hello, sizeof(hello), MSG_NOSIGNAL);
	accept_fn(accept_arg, pair[0], "unix:fuzz");
}

/* A message whose header is right; what is in it is anything. */
static void say(uint32_t n, struct input *in)
{
	uint8_t message[8 + 512] = { versions[n], byte_of(in) };
	uint32_t len = byte_of(in) * 2u;

	message[2] = (uint8_t)((8 + len) >> 8);
	message[3] = (uint8_t)(8 + len);
	message[7] = 5;
	for (uint32_t i = 0; i < len; i++)
		message[8 + i] = byte_of(in);
	if (callers[n] >= 0)
		(void)send(callers[n], message, 8 + len, MSG_NOSIGNAL);
}

static void babble(uint32_t n, struct input *in)
{
	uint32_t len = byte_of(in);

	len = len > in->left ? (uint32_t)in->left : len;
	if (callers[n] >= 0)
		(void)send(callers[n], in->at, len, MSG_NOSIGNAL);
	in->at += len;
	in->left -= len;
}

static void read_all(uint32_t n)
{
	uint8_t bytes[65536];

	while (callers[n] >= 0 && recv(callers[n], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

static void port_step(uint8_t what)
{
	struct xvs_port port = { .size = sizeof(port),
				 .id = 1 + what % 8u,
				 .name = "port",
				 .flags = what & 0x80 ? XVS_PORT_INTERNAL : 0,
				 .speed_mbps = what };

	port.uuid[0] = (uint8_t)port.id;
	if (what & 0x40) {
		of_agent_port_event(&agent, what & 0x20 ? XVS_PORT_UP : XVS_PORT_DOWN, &port);
	} else if (agent.ports[port.id].is_there) {
		of_agent_port_detach(&agent, port.id);
	} else {
		port.uuid[1] = (uint8_t)(next_port_uuid++ & 1);
		assert(of_agent_port_attach(&agent, &port) == 0);
		of_agent_port_want(&agent, port.id, what & 0x10 ? what : 0);
	}
}

static void check_bounds(void)
{
	struct of_status status;

	for (const struct of_connection *c = agent.channel.connections; c; c = c->next)
		assert(c->out.len - c->out_at <= OF_OUT_LIMIT && c->in_len <= OF_IN_BYTES);
	assert(agent.bundle_bytes <= OF_BUNDLE_BYTES_MAX);
	assert(of_status_fill(&agent, &status) == 0);
}

static void step(struct input *in)
{
	uint8_t what = byte_of(in);
	uint32_t n = what % CALLERS;
	static const uint8_t spoken[] = { OF_V10, OF_V13, OF_V14, OF_V13 };

	switch (what >> 5) {
	case 0:
		ring(n, spoken[byte_of(in) & 3]);
		break;
	case 1:
		babble(n, in);
		break;
	case 2:
		hang_up(n);
		break;
	case 3:
		port_step(byte_of(in));
		break;
	case 4:
		clock_ns += (uint64_t)byte_of(in) * 100000000;
		turn();
		break;
	case 5:
		read_all(n);
		break;
	default:
		say(n, in);
		break;
	}
	turn();
}

static void begin(void)
{
	const struct xvs_create args = { .size = sizeof(args),
					 .workers = 1,
					 .switch_name = "lab",
					 .instance = "of",
					 .ports_max = PORTS,
					 .seed = 7 };
	const struct of_settings settings = {
		.versions = OF_VERSIONS, .pace = { 5, 16 }, .flows_max = 1000, .packet_in_pps = 1000
	};
	const char *target = "punix:/fuzz";
	struct xvs_error err = { .size = sizeof(err) };

	clock_ns = 1000000000;
	memset(&agent, 0, sizeof(agent));
	assert(of_agent_init(&agent, &host, &args, &err) == 0);
	of_agent_configure(&agent, &settings, of_target_list_new(&target, 1));
	of_agent_active(&agent, true);
	turn();
}

static void end(void)
{
	for (uint32_t n = 0; n < CALLERS; n++)
		hang_up(n);
	for (uint32_t i = 0; i < TURNS; i++)
		turn();
	of_agent_active(&agent, false);
	for (uint32_t id = 1; id < PORTS; id++)
		of_agent_port_detach(&agent, id);
	for (uint32_t i = 0; i < TURNS; i++)
		turn();
	assert(!agent.controllers);
	of_status_finish(&agent);
	of_agent_destroy(&agent);
	while (later_count)
		run_laters();
	sweep();
	assert(!watches && !timers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	for (uint32_t n = 0; n < CALLERS; n++)
		callers[n] = -1;
	begin();
	for (uint32_t i = 0; in.left && i < STEPS_MAX; i++)
		step(&in);
	check_bounds();
	end();
	return 0;
}
