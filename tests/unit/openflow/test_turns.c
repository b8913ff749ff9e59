/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent behind real connections: long changes take turns, nobody sees half of one, others have
 * their turns meanwhile.  The host is made of lists; its clock moves when it is looked at, so a turn of
 * some milliseconds is a few dozen looks.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/test.h"

#define XVS_USE_DRAFT
#include "agent/agent.h"
#include "wire/protocol.h"

enum { HANDLES = 64, LOOK_NS = 100000, PEERS = 2, WAITING = 4096 };

struct xvs_timer {
	xvs_timer_fn fn; /* NULL: free */
	void *arg;
	uint64_t due_ns; /* 0: not armed */
};
struct xvs_watch {
	xvs_watch_fn fn;
	void *arg;
	int fd;
	uint32_t events;
};
struct deferred {
	void (*fn)(void *arg);
	void *arg;
};

static uint64_t now_ns;
static struct xvs_timer timers[HANDLES];
static struct xvs_watch watches[HANDLES];
static struct deferred waiting[WAITING];
static uint32_t waiting_count;
static xvs_accept_fn on_accepted;
static void *accepted_arg;
static struct of_agent agent;
static int peers[PEERS];

/* ---- the host --------------------------------------------------------------------------------------- */

static uint64_t host_now(const struct xvs_host *h)
{
	(void)h;
	return now_ns += LOOK_NS;
}

static void host_log(const struct xvs_host *h, int level, const char *text)
{
	(void)h;
	(void)level;
	(void)text;
}

static void host_defer(const struct xvs_host *h, void (*fn)(void *arg), void *arg)
{
	(void)h;
	assert_true(waiting_count < WAITING);
	waiting[waiting_count++] = (struct deferred){ fn, arg };
}

static struct xvs_timer *host_timer(const struct xvs_host *h, xvs_timer_fn fn, void *arg)
{
	(void)h;
	for (uint32_t i = 0; i < HANDLES; i++) {
		if (timers[i].fn)
			continue;
		timers[i] = (struct xvs_timer){ fn, arg, 0 };
		return &timers[i];
	}
	return NULL;
}

static void host_arm(const struct xvs_host *h, struct xvs_timer *t, uint64_t delay_ns)
{
	(void)h;
	t->due_ns = now_ns + delay_ns + 1;
}

static void host_untimer(const struct xvs_host *h, struct xvs_timer *t)
{
	(void)h;
	memset(t, 0, sizeof(*t));
}

static struct xvs_watch *host_watch(const struct xvs_host *h, int fd, uint32_t events,
				    xvs_watch_fn fn, void *arg)
{
	(void)h;
	for (uint32_t i = 0; i < HANDLES; i++) {
		if (watches[i].fn)
			continue;
		watches[i] = (struct xvs_watch){ fn, arg, fd, events };
		return &watches[i];
	}
	return NULL;
}

static void host_change(const struct xvs_host *h, struct xvs_watch *w, uint32_t events)
{
	(void)h;
	w->events = events;
}

static void host_unwatch(const struct xvs_host *h, struct xvs_watch *w)
{
	(void)h;
	memset(w, 0, sizeof(*w));
}

static int host_listen(const struct xvs_host *h, const char *target, xvs_accept_fn fn, void *arg,
		       struct xvs_listener **out)
{
	(void)h;
	(void)target;
	on_accepted = fn;
	accepted_arg = arg;
	*out = (struct xvs_listener *)(void *)&watches;
	return 0;
}

static void host_unlisten(const struct xvs_host *h, struct xvs_listener *l)
{
	(void)h;
	(void)l;
}

static int host_open(const struct xvs_host *h, uint32_t slots, uint32_t packet_max, xvs_mail_fn fn)
{
	(void)h;
	(void)slots;
	(void)packet_max;
	(void)fn;
	return 0;
}

static void host_invalidate(const struct xvs_host *h, uint64_t tags)
{
	(void)h;
	(void)tags;
}

static void host_invalidate_match(const struct xvs_host *h, const struct xvs_flow_key *key,
				  const struct xvs_flow_key *mask)
{
	(void)h;
	(void)key;
	(void)mask;
}

static int host_collect(const struct xvs_host *h, void (*done)(void *arg), void *arg)
{
	host_defer(h, done, arg);
	return 0;
}

static const struct xvs_loop_host loop = { .size = sizeof(loop),
					   .watch = host_watch,
					   .change = host_change,
					   .unwatch = host_unwatch,
					   .listen = host_listen,
					   .unlisten = host_unlisten };
static const struct xvs_timer_host timer_host = {
	.size = sizeof(timer_host), .create = host_timer, .arm = host_arm, .destroy = host_untimer
};
static const struct xvs_mailbox_host mailbox = { .size = sizeof(mailbox), .open = host_open };
static const struct xvs_flow_host flow_host = { .size = sizeof(flow_host),
						.invalidate = host_invalidate,
						.invalidate_match = host_invalidate_match,
						.collect = host_collect };

static const void *host_query(const struct xvs_host *h, const char *id)
{
	(void)h;
	if (strcmp(id, XVS_LOOP) == 0)
		return &loop;
	if (strcmp(id, XVS_TIMER) == 0)
		return &timer_host;
	if (strcmp(id, XVS_MAILBOX) == 0)
		return &mailbox;
	return strcmp(id, XVS_FLOW_HOST) == 0 ? &flow_host : NULL;
}

static const struct xvs_host host = { .size = sizeof(host),
				      .now = host_now,
				      .log = host_log,
				      .query = host_query,
				      .defer = host_defer };

/* ---- turns of its loop ------------------------------------------------------------------------------ */

/* Those that are due now; what they arm has the next turn.  The channel's own tick: when it is time. */
static void run_timers(void)
{
	uint64_t until = now_ns;
	bool is_due[HANDLES];

	for (uint32_t i = 0; i < HANDLES; i++)
		is_due[i] = timers[i].fn && timers[i].due_ns && timers[i].due_ns <= until + 2;
	for (uint32_t i = 0; i < HANDLES; i++) {
		if (!is_due[i] || !timers[i].due_ns)
			continue;
		timers[i].due_ns = 0;
		timers[i].fn(timers[i].arg);
	}
}

static void run_waiting(void)
{
	static struct deferred now[WAITING];
	uint32_t count = waiting_count;

	memcpy(now, waiting, count * sizeof(now[0]));
	waiting_count = 0;
	for (uint32_t i = 0; i < count; i++)
		now[i].fn(now[i].arg);
}

static void run_watches(void)
{
	for (uint32_t i = 0; i < HANDLES; i++) {
		struct pollfd p = { .fd = watches[i].fd, .events = POLLIN };

		if (watches[i].fn && watches[i].events & XVS_LOOP_READ && poll(&p, 1, 0) == 1)
			watches[i].fn(watches[i].arg, watches[i].fd, XVS_LOOP_READ);
	}
}

static void turn(void)
{
	run_watches();
	run_timers();
	run_waiting();
}

/* ---- controllers ------------------------------------------------------------------------------------ */

static void put(int fd, uint8_t type, uint32_t xid, const void *body, size_t len)
{
	uint8_t bytes[512] = { OF_V14, type };
	uint16_t whole = htons((uint16_t)(len + 8));
	uint32_t number = htonl(xid);
	ssize_t sent;

	assert_true(len + 8 <= sizeof(bytes));
	memcpy(bytes + 2, &whole, 2);
	memcpy(bytes + 4, &number, 4);
	if (len)
		memcpy(bytes + 8, body, len);
	while ((sent = send(fd, bytes, len + 8, MSG_DONTWAIT)) < 0)
		turn(); /* until there is room */
	assert_int_equal(sent, len + 8);
}

/* The next message: its type, or -1; behind the header 'body'. */
static int get(int fd, uint32_t *xid, uint8_t body[64])
{
	uint8_t bytes[8];
	static uint8_t rest[65536];
	uint16_t len;

	if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) != (ssize_t)sizeof(bytes))
		return -1;
	memcpy(&len, bytes + 2, 2);
	memcpy(xid, bytes + 4, 4);
	*xid = ntohl(*xid);
	len = ntohs(len) - 8;
	if (len)
		assert_int_equal(recv(fd, rest, len, MSG_WAITALL), len);
	memcpy(body, rest, len < 64 ? len : 64);
	return bytes[1];
}

/* Within so many turns a message of this type and number comes, none that is refused before; how many it took. */
static uint32_t wait_for(int fd, uint8_t type, uint32_t xid)
{
	uint8_t body[64];
	uint32_t got;

	for (uint32_t n = 1; n < 4000; n++) {
		int found;

		turn();
		while ((found = get(fd, &got, body)) >= 0) {
			if (found == type && got == xid)
				return n;
			assert_int_not_equal(found, OFPT_ERROR);
		}
	}
	fail_msg("no message of type %u came", type);
	return 0;
}

static void wait_for_job(void)
{
	for (uint32_t n = 0; n < 4000 && !agent.job; n++)
		turn();
	assert_non_null(agent.job);
}

/* A flow of address 'n'; idle or hard timeout in seconds. */
static size_t flow_mod(uint8_t body[128], uint8_t command, uint32_t n, uint16_t idle, uint16_t hard)
{
	static const uint8_t match[] = { 0, 1, 0, 18, 0x80, 0, 0x0a, 2, 8, 0, 0x80, 0, 0x18, 4 };
	uint32_t address = htonl(n);

	memset(body, 0, 128);
	body[17] = command;
	body[19] = (uint8_t)idle;
	body[21] = (uint8_t)hard;
	memset(body + 24, 0xff, 12); /* no buffer, any port and group */
	if (n) {
		memcpy(body + 40, match, sizeof(match));
		memcpy(body + 54, &address, 4);
		return 64;
	}
	body[41] = 1; /* all of them */
	body[43] = 4;
	return 48;
}

static void put_flow(int fd, uint32_t xid, uint8_t command, uint32_t n, uint16_t idle,
		     uint16_t hard)
{
	uint8_t body[128];
	size_t len = flow_mod(body, command, n, idle, hard);

	put(fd, OFPT_FLOW_MOD, xid, body, len);
}

static void barrier(int fd, uint32_t xid)
{
	put(fd, OFPT_BARRIER_REQUEST, xid, NULL, 0);
}

static void fill(uint32_t count, uint16_t idle, uint16_t hard)
{
	for (uint32_t n = 1; n <= count; n++) {
		put_flow(peers[0], n, OF_FLOW_ADD, n, idle, hard);
		if (n % 64 == 0)
			turn();
	}
	barrier(peers[0], 7);
	(void)wait_for(peers[0], OFPT_BARRIER_REPLY, 7);
	assert_int_equal(agent.pipeline.state.flows.count, count);
}

static void bundle(int fd, uint16_t type)
{
	const uint8_t body[8] = { 0, 0, 0, 1, 0, (uint8_t)type, 0, 1 };

	put(fd, OFPT_BUNDLE_CONTROL, 100u + type, body, sizeof(body));
}

static void bundle_flow(int fd, uint8_t command, uint32_t n, uint8_t flags)
{
	uint8_t body[160] = { 0, 0, 0, 1, 0, 0, 0, 1, OF_V14, OFPT_FLOW_MOD };
	size_t len = flow_mod(body + 16, command, n, 0, 0);

	body[11] = (uint8_t)(len + 8);
	body[15] = 55; /* all messages have the number of the last header */
	body[16 + 37] = flags;
	put(fd, OFPT_BUNDLE_ADD_MESSAGE, 55, body, len + 16);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static int dial(uint32_t nr)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	on_accepted(accepted_arg, ends[0], "192.0.2.7:1");
	put(ends[1], OFPT_HELLO, nr, NULL, 0);
	return ends[1];
}

static int set_up(void **state)
{
	static const char *const targets[] = { "ptcp:6653" };
	const struct xvs_create args = {
		.size = sizeof(args), .switch_name = "lab", .ports_max = 8, .seed = 3
	};
	struct of_settings settings = { .versions = 1u << OF_V14, .flows_max = 100000 };
	struct xvs_error err = { .size = sizeof(err) };

	(void)state;
	now_ns = 1000000000;
	waiting_count = 0;
	memset(timers, 0, sizeof(timers));
	memset(watches, 0, sizeof(watches));
	memset(&agent, 0, sizeof(agent));
	assert_int_equal(of_agent_init(&agent, &host, &args, &err), 0);
	of_agent_active(&agent, true);
	of_agent_configure(&agent, &settings, of_target_list_new(targets, 1));
	turn();
	for (uint32_t i = 0; i < PEERS; i++)
		peers[i] = dial(i);
	barrier(peers[0], 1);
	(void)wait_for(peers[0], OFPT_BARRIER_REPLY, 1);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	while (waiting_count) /* as the host does before it ends an instance */
		run_waiting();
	of_agent_destroy(&agent);
	for (uint32_t i = 0; i < PEERS; i++)
		(void)close(peers[i]);
	return 0;
}

static bool is_seen(uint32_t n)
{
	const struct of_fields packet = { .eth_type = 0x0800, .ipv4_dst = n };
	const struct of_flows *f = &agent.pipeline.state.flows;
	struct of_fields examined = { 0 };

	return of_flows_find(f, 0, &packet, of_flows_version(f), &examined) != NULL;
}

/* ---- */

static void a_bundle_takes_turns_and_is_seen_at_once(void **state)
{
	enum { COUNT = 3000 };
	uint32_t turns = 0;
	uint32_t xid = 0;
	uint8_t body[64];

	(void)state;
	bundle(peers[0], OF_BUNDLE_OPEN);
	for (uint32_t n = 1; n <= COUNT; n++) {
		bundle_flow(peers[0], OF_FLOW_ADD, n, 0);
		if (n % 64 == 0)
			turn();
	}
	(void)wait_for(peers[0], OFPT_BUNDLE_CONTROL, 100 + OF_BUNDLE_OPEN);
	bundle(peers[0], OF_BUNDLE_COMMIT);
	wait_for_job();
	put(peers[1], OFPT_ECHO_REQUEST, 20, NULL, 0);
	barrier(peers[1], 21);
	for (; agent.job; turns++) {
		bool first = is_seen(1);

		assert_int_equal(is_seen(COUNT), first);
		assert_int_equal(get(peers[0], &xid, body), -1);
		turn();
	}
	assert_true(turns > 5);
	assert_true(is_seen(1) && is_seen(COUNT));
	assert_int_equal(agent.pipeline.state.flows.count, COUNT);
	(void)wait_for(peers[0], OFPT_BUNDLE_CONTROL, 100 + OF_BUNDLE_COMMIT);
	/* the other controller was told that we are there, and of its barrier behind the bundle */
	(void)wait_for(peers[1], OFPT_BARRIER_REPLY, 21);
}

static void a_refused_bundle_leaves_all_as_it_was(void **state)
{
	uint8_t body[64];
	uint32_t errors = 0;
	uint32_t xid;

	(void)state;
	fill(100, 0, 0);
	bundle(peers[0], OF_BUNDLE_OPEN);
	bundle_flow(peers[0], OF_FLOW_DELETE, 0, 0);
	for (uint32_t n = 200; n < 1200; n++) {
		bundle_flow(peers[0], OF_FLOW_ADD, n, 0);
		if (n % 64 == 0)
			turn();
	}
	bundle_flow(peers[0], OF_FLOW_ADD, 0, OF_FLOW_CHECK_OVERLAP);
	(void)wait_for(peers[0], OFPT_BUNDLE_CONTROL, 100 + OF_BUNDLE_OPEN);
	bundle(peers[0], OF_BUNDLE_COMMIT);
	for (uint32_t n = 0; n < 200; n++) {
		turn();
		while (get(peers[0], &xid, body) == OFPT_ERROR) {
			assert_int_equal(xid, errors++ ? 100 + OF_BUNDLE_COMMIT : 55);
			assert_int_equal(body[1], errors == 1 ? 5 : 17);
		}
	}
	assert_int_equal(errors, 2);
	assert_int_equal(agent.pipeline.state.flows.count, 100);
	assert_true(is_seen(1) && is_seen(100) && !is_seen(200));
}

static void all_flows_go_a_few_at_a_time(void **state)
{
	uint32_t turns = 0;

	(void)state;
	fill(6000, 0, 0);
	put_flow(peers[0], 8, OF_FLOW_DELETE, 0, 0, 0);
	barrier(peers[0], 9);
	put_flow(peers[1], 10, OF_FLOW_ADD, 7000, 0, 0); /* waits, or it would be undone or lost */
	barrier(peers[1], 11);
	wait_for_job();
	for (; agent.job; turns++)
		turn();
	assert_true(turns > 1);
	(void)wait_for(peers[0], OFPT_BARRIER_REPLY, 9);
	(void)wait_for(peers[1], OFPT_BARRIER_REPLY, 11);
	assert_int_equal(agent.pipeline.state.flows.count, 1);
	assert_true(is_seen(7000) && !is_seen(1));
}

static void who_hangs_up_is_served_all_the_same(void **state)
{
	(void)state;
	fill(6000, 0, 0);
	put_flow(peers[0], 8, OF_FLOW_DELETE, 0, 0, 0);
	wait_for_job();
	(void)shutdown(peers[0], SHUT_RDWR);
	for (uint32_t n = 0; n < 200; n++)
		turn();
	assert_null(agent.job);
	assert_int_equal(agent.pipeline.state.flows.count, 0);
}

static void an_agent_that_ends_in_the_middle_undoes_it(void **state)
{
	(void)state;
	fill(6000, 0, 0);
	put_flow(peers[0], 8, OF_FLOW_DELETE, 0, 0, 0);
	wait_for_job();
	/* tear_down() ends it */
}

static void flows_that_end_together_go_in_turns(void **state)
{
	uint32_t most = 0;
	uint32_t before;

	(void)state;
	fill(2500, 0, 1);
	now_ns += 3000000000;
	before = agent.pipeline.state.flows.count;
	for (uint32_t n = 0; n < 4000 && before; n++) {
		uint32_t count;

		turn();
		now_ns += 50000000;
		count = agent.pipeline.state.flows.count;
		most = before - count > most ? before - count : most;
		before = count;
	}
	assert_int_equal(before, 0);
	assert_in_range(most, 1, 1024);
}

static void flows_that_are_idle_are_asked_about_first(void **state)
{
	(void)state;
	fill(1500, 2, 0);
	for (uint32_t n = 0; n < 20; n++) {
		turn();
		now_ns += 50000000;
	}
	assert_int_equal(agent.pipeline.state.flows.count, 1500);
	for (uint32_t n = 0; n < 4000 && agent.pipeline.state.flows.count; n++) {
		turn();
		now_ns += 50000000;
	}
	assert_int_equal(agent.pipeline.state.flows.count, 0);
	assert_int_equal(agent.expiry.count, 0);
}

static void a_slave_changes_nothing(void **state)
{
	uint8_t role[16] = { 0, 0, 0, OF_ROLE_SLAVE };
	uint8_t body[64];
	uint32_t xid = 0;
	int type = -1;

	(void)state;
	put(peers[1], OFPT_ROLE_REQUEST, 3, role, sizeof(role));
	(void)wait_for(peers[1], OFPT_ROLE_REPLY, 3);
	put_flow(peers[1], 4, OF_FLOW_ADD, 1, 0, 0);
	for (uint32_t n = 0; n < 50 && (type = get(peers[1], &xid, body)) < 0; n++)
		turn();
	assert_int_equal(type, OFPT_ERROR);
	assert_int_equal(xid, 4);
	assert_int_equal(body[1] << 8 | body[3], 1 << 8 | 10); /* BAD_REQUEST, IS_SLAVE */
	assert_int_equal(agent.pipeline.state.flows.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(a_bundle_takes_turns_and_is_seen_at_once),
		TEST(a_refused_bundle_leaves_all_as_it_was),
		TEST(all_flows_go_a_few_at_a_time),
		TEST(who_hangs_up_is_served_all_the_same),
		TEST(an_agent_that_ends_in_the_middle_undoes_it),
		TEST(flows_that_end_together_go_in_turns),
		TEST(flows_that_are_idle_are_asked_about_first),
		TEST(a_slave_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
