/* What com.example.census tells its collector, asked as the host asks: through the table that the module exports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define XVS_USE_DRAFT
#include <xvs/ext/loop.h>
#include <xvs/ext/timer.h>
#include <xvs/extension.h>

static int failures;

#define CHECK(cond) \
	((cond) ? (void)0 : (void)(failures++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond)))

static uint16_t net16(uint16_t v)
{
	return (uint16_t)(v >> 8 | v << 8);
}

/* A host whose collector is the other end of a socket pair, and whose timer the test fires. */
static int collector = -1;
static xvs_timer_fn timer_fn;
static void *timer_arg;

static int connect_to(const struct xvs_host *h, const char *target, xvs_connect_fn done, void *arg)
{
	int ends[2];

	(void)h;
	CHECK(strcmp(target, "udp:collector.example:9999") == 0);
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends))
		return -1;
	collector = ends[0];
	done(arg, ends[1], "192.0.2.1:9999");
	return 0;
}

static struct xvs_timer *timer_create(const struct xvs_host *h, xvs_timer_fn fn, void *arg)
{
	(void)h;
	timer_fn = fn;
	timer_arg = arg;
	return (struct xvs_timer *)arg; /* its address is looked at, no more */
}

static void timer_arm(const struct xvs_host *h, struct xvs_timer *timer, uint64_t delay_ns)
{
	(void)h;
	(void)timer;
	CHECK(delay_ns == UINT64_C(5000000000));
}

static const void *host_query(const struct xvs_host *h, const char *id)
{
	static const struct xvs_loop_host loop = { .size = sizeof(loop), .connect = connect_to };
	static const struct xvs_timer_host timers = { .size = sizeof(timers), .create = timer_create,
						      .arm = timer_arm };

	(void)h;
	return strcmp(id, XVS_LOOP) == 0 ? &loop : strcmp(id, XVS_TIMER) == 0 ? (const void *)&timers : NULL;
}

/* A flow of 'proto' is judged, and carries this much. */
static void carry(const struct xvs_extension *ext, void *self, void *state, uint8_t proto, uint64_t packets,
		  uint64_t bytes)
{
	const struct xvs_flow *flow = ext->ops->query(self, XVS_FLOW);
	struct xvs_flow_key key = { .ethertype = net16(0x0800), .ip_proto = proto };
	struct xvs_flow_verdict v = { .size = sizeof(v) };
	struct xvs_batch batch = { .port_state = state, .stage = XVS_STAGE_INGRESS };
	struct xvs_flow_stats stats = { .size = sizeof(stats), .port_state = state,
					.packets = packets, .bytes = bytes };

	flow->judge(self, &batch, 0, &key, &v);
	CHECK(v.action == XVS_FLOW_PASS && v.cookie != 0);
	stats.cookie = v.cookie;
	flow->account(self, &stats);
}

/* As the host decodes {collector: ..., every_s: 5}. */
static void set(const struct xvs_extension *ext, void *self, void *policy)
{
	const struct xvs_feature *feature = ext->features.items;
	const struct xvs_field *field = feature->fields.items;

	(void)strcpy((char *)policy + field[0].offset, "udp:collector.example:9999");
	*(uint32_t *)((char *)policy + field[1].offset) = 5;
	ext->ops->policy_apply(self, NULL, feature->id, policy, NULL);
}

int main(void)
{
	const struct xvs_extension *ext = xvs_module_1.extensions.items;
	struct xvs_host host = { .size = sizeof(host), .name = "a test", .query = host_query };
	struct xvs_create args = { .size = sizeof(args), .workers = 1 };
	struct xvs_port port = { .size = sizeof(port), .id = 1, .name = "vm1" };
	struct xvs_error err = { .size = sizeof(err) };
	void *policy = calloc(1, ((const struct xvs_feature *)ext->features.items)->bytes);
	void *self = NULL, *state = NULL;
	char line[512] = "";

	CHECK(policy && ext->ops->create(&host, &args, &self, &err) == 0);
	set(ext, self, policy);
	CHECK(ext->ops->port_attach(self, &port, &state, &err) == 0);
	CHECK(collector < 0); /* nobody is told anything by who is not active */
	ext->ops->active(self, true);
	CHECK(collector >= 0);

	carry(ext, self, state, 6, 3, 180);
	carry(ext, self, state, 6, 1, 60);
	carry(ext, self, state, 17, 2, 84);
	timer_fn(timer_arg);
	CHECK(recv(collector, line, sizeof(line) - 1, 0) > 0);
	CHECK(strcmp(line, "{\"port\":\"vm1\",\"other\":[0,0],\"tcp\":[4,240],\"udp\":[2,84],"
			   "\"icmp\":[0,0]}\n") == 0);

	ext->ops->active(self, false);
	CHECK(recv(collector, line, sizeof(line), 0) <= 0);
	ext->ops->port_detach(self, state);
	ext->ops->destroy(self);
	(void)close(collector);
	free(policy);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
