/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/*
 * XDP sockets on a veth pair.
 *
 *      backend af_xdp on up0 ====== peer0 with a raw socket of the test
 */
#include "netlab.h"

#include <pthread.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/str.h"
#include "port/backend.h"
#include "port/link.h"
#include "xvs/extension.h"

enum {
	FRAME_MAX = 1518,
	RING = 2048, /* of the backend, with one queue */
	TURNS = 400,
	TURN_MS = 5,
	WORKERS = 2,
	POOL_PACKETS = 256,
	IPV4_SOURCE_AT = 26,
	FLOOD = 100000,
};

static bool has_lab;

#define NEED_LAB() \
	do { \
		if (!has_lab) \
			skip(); \
	} while (0)

struct lab {
	struct loop *loop;
	struct pool *pool;
	struct backend *b;
	struct netlink nl;
	uint32_t up0, peer0;
	int raw; /* on peer0 */
};

static uint32_t index_of(struct lab *lab, const char *name)
{
	struct xvs_error err = ERROR_INIT;
	struct link_facts facts;

	assert_int_equal(link_by_name(&lab->nl, name, &facts, &err), 0);
	return facts.index;
}

static void lab_make(struct lab *lab)
{
	const struct pool_limits limits = { .packets = POOL_PACKETS, .small = 64, .large = 16 };
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;

	memset(lab, 0, sizeof(*lab));
	assert_int_equal(netlink_open(&lab->nl, &err), 0);
	assert_int_equal(link_create(&lab->nl, "veth", "up0", "peer0", &err), 0);
	lab->up0 = index_of(lab, "up0");
	lab->peer0 = index_of(lab, "peer0");
	assert_int_equal(link_change(&lab->nl, lab->peer0, "peer0", &up, &err), 0);
	assert_int_equal(loop_create(&lab->loop, &err), 0);
	lab->pool = pool_create(&limits);
	assert_non_null(lab->pool);
	lab->raw = netlab_raw("peer0");
}

static struct backend_config config(void)
{
	return (struct backend_config){ .kind = "af_xdp",
					.port_name = "up",
					.device = "up0",
					.workers = WORKERS,
					.offloads = true };
}

static struct backend *open_backend(struct lab *lab)
{
	const struct backend_config c = config();
	struct xvs_error err = ERROR_INIT;
	struct backend *b = NULL;

	if (backend_open(&c, lab->loop, &b, &err))
		fail_msg("%s", err.text);
	return b;
}

static bool is_up(const void *arg)
{
	return ((const struct lab *)arg)->b->up;
}

static void lab_open(struct lab *lab)
{
	lab_make(lab);
	lab->b = open_backend(lab);
	assert_string_equal(lab->b->ops->kind, "af_xdp");
	assert_true(netlab_wait(lab->loop, is_up, lab));
}

static void lab_close(struct lab *lab)
{
	struct xvs_error err = ERROR_INIT;

	backend_close(lab->b);
	pool_destroy(lab->pool);
	loop_destroy(lab->loop);
	(void)close(lab->raw);
	(void)link_delete(&lab->nl, lab->up0, &err);
	netlink_close(&lab->nl);
}

/* ---- frames ------------------------------------------------------------------------------------ */

static void fill_frame(uint8_t *frame, uint32_t len, uint32_t seed)
{
	static const uint8_t start[14] = { 0x52, 0x54, 0, 0, 0, 1,    0x52,
					   0x54, 0,    0, 0, 9, 0x88, 0xb5 };

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + seed * 13);
	memcpy(frame, start, sizeof(start));
}

static void send_raw(const struct lab *lab, const uint8_t *frame, uint32_t len)
{
	assert_int_equal(send(lab->raw, frame, len, 0), (ssize_t)len);
}

/* One packet, from whichever queue; rx_done() is the caller's. */
static struct packet *receive(struct lab *lab)
{
	struct packet *p = NULL;

	for (int i = 0; i < TURNS; i++) {
		if (lab->b->ops->rx(lab->b, 0, lab->pool, &p, 1) == 1)
			return p;
		(void)poll(NULL, 0, TURN_MS);
	}
	fail_msg("no packet came");
	return NULL;
}

static void expect(struct lab *lab, const uint8_t *frame, uint32_t len)
{
	uint8_t bytes[FRAME_MAX];
	struct packet *p = receive(lab);

	assert_int_equal(p->x.len, len);
	assert_true(packet_read(p, 0, bytes, len));
	assert_memory_equal(bytes, frame, len);
	packet_free(p);
	lab->b->ops->rx_done(lab->b, 0);
}

/* The next frame at the peer that is ours; the kernel's own chatter is stepped over. */
static uint32_t receive_raw(const struct lab *lab, uint8_t *out)
{
	struct pollfd there = { .fd = lab->raw, .events = POLLIN };
	ssize_t len;

	do {
		assert_int_equal(poll(&there, 1, TURNS * TURN_MS), 1);
		len = recv(lab->raw, out, FRAME_MAX, 0);
		assert_true(len > 0);
	} while (out[0] != 0x52);
	return (uint32_t)len;
}

static struct packet *make_packet(struct lab *lab, uint32_t len, uint32_t seed)
{
	struct packet *p = packet_new_linear(lab->pool, len);

	assert_non_null(p);
	fill_frame(p->x.data, len, seed);
	return p;
}

static void send_packet(struct lab *lab, unsigned worker, struct packet *p)
{
	assert_int_equal(lab->b->ops->tx(lab->b, worker, &p, 1), 1);
	packet_free(p);
}

static uint64_t tx_errors(const struct lab *lab)
{
	struct backend_stats stats;

	lab->b->ops->stats(lab->b, &stats);
	return stats.tx_errors;
}

static const char *fact_of(const struct lab *lab, const char *name, char out[104])
{
	struct backend_fact facts[BACKEND_FACTS_MAX];
	const uint32_t count = lab->b->ops->facts(lab->b, facts, BACKEND_FACTS_MAX);

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(facts[i].name, name) == 0) {
			(void)str_copy(out, 104, facts[i].value);
			return out;
		}
	}
	fail_msg("no fact is called %s", name);
	return NULL;
}

/* ---- tests ------------------------------------------------------------------------------------- */

static void frames_of_every_length_come_in(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	for (uint32_t len = 14; len <= 1514; len += len < 140 ? 1 : 97) {
		fill_frame(frame, len, len);
		send_raw(&lab, frame, len);
		expect(&lab, frame, len);
	}
	lab_close(&lab);
}

static void frames_of_every_length_go_out(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint8_t seen[FRAME_MAX];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	for (uint32_t len = 14; len <= 1514; len += len < 140 ? 1 : 97) {
		fill_frame(frame, len, len);
		send_packet(&lab, len % WORKERS, make_packet(&lab, len, len));
		assert_int_equal(receive_raw(&lab, seen), len);
		assert_memory_equal(seen, frame, len);
	}
	lab_close(&lab);
}

/* Frames are used again and again: neither direction runs out of them. */
static void rings_go_round(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint8_t seen[FRAME_MAX];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	for (uint32_t i = 0; i < 2 * RING + 100; i++) {
		fill_frame(frame, 60, i);
		send_raw(&lab, frame, 60);
		expect(&lab, frame, 60);
		send_packet(&lab, 0, make_packet(&lab, 60, i));
		assert_int_equal(receive_raw(&lab, seen), 60);
		assert_memory_equal(seen, frame, 60);
	}
	assert_int_equal(tx_errors(&lab), 0);
	lab_close(&lab);
}

static void a_packet_in_runs_goes_out_whole(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint8_t seen[FRAME_MAX];
	struct iovec tail[2];
	struct packet *p;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	fill_frame(frame, 1000, 3);
	p = packet_new(lab.pool);
	memcpy(p->x.data, frame, 100);
	tail[0] = (struct iovec){ frame + 100, 1 };
	tail[1] = (struct iovec){ frame + 101, 899 };
	p->x.len = 1000;
	p->x.linear = 100;
	p->tail = tail;
	p->tail_count = 2;
	send_packet(&lab, 0, p);
	assert_int_equal(receive_raw(&lab, seen), 1000);
	assert_memory_equal(seen, frame, 1000);
	lab_close(&lab);
}

static void a_tag_is_put_into_the_frame(void **state)
{
	uint8_t seen[FRAME_MAX];
	struct packet *p;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	p = make_packet(&lab, 64, 5);
	p->x.flags |= XVS_PKT_VLAN;
	p->x.vlan_tci = 0x2007;
	send_packet(&lab, 0, p);
	/* the receiving kernel takes it out again, for sockets too */
	assert_int_equal(receive_raw(&lab, seen), 64);
	assert_int_equal(get_be16(seen + 12), 0x88b5);
	lab_close(&lab);
}

static void what_no_frame_can_hold_is_an_error(void **state)
{
	uint8_t seen[FRAME_MAX];
	struct packet *both[2];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	both[0] = make_packet(&lab, 5000, 1);
	both[1] = make_packet(&lab, 60, 2);
	assert_int_equal(lab.b->ops->tx(lab.b, 0, both, 2), 2);
	assert_int_equal(receive_raw(&lab, seen), 60);
	assert_int_equal(tx_errors(&lab), 1);
	packet_free(both[0]);
	packet_free(both[1]);
	lab_close(&lab);
}

static void a_burst_stays_in_order(void **state)
{
	struct packet *pkts[XVS_BATCH_MAX];
	uint8_t frame[FRAME_MAX];
	uint32_t count = 0;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	for (uint32_t i = 0; i < XVS_BATCH_MAX; i++) {
		fill_frame(frame, 200, i);
		send_raw(&lab, frame, 200);
	}
	for (int i = 0; i < TURNS && count < XVS_BATCH_MAX; i++) {
		const uint32_t got =
			lab.b->ops->rx(lab.b, 0, lab.pool, pkts, XVS_BATCH_MAX - count);

		for (uint32_t k = 0; k < got; k++) {
			uint8_t byte;

			assert_true(packet_read(pkts[k], 199, &byte, 1));
			assert_int_equal(byte, (uint8_t)(199 * 7 + (count + k) * 13));
			packet_free(pkts[k]);
		}
		count += got;
		if (got)
			lab.b->ops->rx_done(lab.b, 0);
		else
			(void)poll(NULL, 0, TURN_MS);
	}
	assert_int_equal(count, XVS_BATCH_MAX);
	lab_close(&lab);
}

static void *flood(void *arg)
{
	const struct lab *lab = arg;
	uint8_t frame[60];

	fill_frame(frame, sizeof(frame), 1);
	for (uint32_t i = 0; i < FLOOD; i++)
		(void)!send(lab->raw, frame, sizeof(frame), 0); /* the driver may be full */
	return NULL;
}

static uint32_t take_burst(struct lab *lab)
{
	struct packet *pkts[XVS_BATCH_MAX];
	const uint32_t count = lab->b->ops->rx(lab->b, 0, lab->pool, pkts, XVS_BATCH_MAX);

	for (uint32_t i = 0; i < count; i++)
		packet_free(pkts[i]);
	if (count)
		lab->b->ops->rx_done(lab->b, 0);
	return count;
}

/* The kernel and we are in the rings at the same time, and they are full again and again. */
static void a_flood_is_survived(void **state)
{
	uint8_t frame[FRAME_MAX];
	uint32_t received = 0;
	uint32_t idle = 0;
	pthread_t sender;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	assert_int_equal(pthread_create(&sender, NULL, flood, &lab), 0);
	while (received < FLOOD && idle < TURNS) {
		const uint32_t count = take_burst(&lab);

		received += count;
		idle = count ? 0 : idle + 1;
		if (count == 0)
			(void)poll(NULL, 0, 1);
	}
	assert_int_equal(pthread_join(sender, NULL), 0);
	while (take_burst(&lab))
		;
	assert_true(received > 0);
	fill_frame(frame, 60, 9);
	send_raw(&lab, frame, 60);
	expect(&lab, frame, 60);
	lab_close(&lab);
}

/* What could not be taken stays where it is. */
static void an_empty_pool_loses_nothing(void **state)
{
	struct packet *held[POOL_PACKETS + 1];
	uint8_t frame[FRAME_MAX];
	struct packet *p;
	uint32_t count = 0;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	fill_frame(frame, 90, 1);
	send_raw(&lab, frame, 90);
	while ((held[count] = packet_new(lab.pool)) != NULL)
		count++;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(lab.b->ops->rx(lab.b, 0, lab.pool, &p, 1), 0);
		(void)poll(NULL, 0, TURN_MS);
	}
	while (count > 0)
		packet_free(held[--count]);
	expect(&lab, frame, 90);
	lab_close(&lab);
}

static bool wakes(const struct lab *lab)
{
	struct pollfd there = { .fd = lab->b->kick[0], .events = POLLIN };

	return poll(&there, 1, 0) == 1 && there.revents & POLLIN;
}

static void wait_until_it_wakes(struct lab *lab)
{
	for (int i = 0; i < TURNS && !wakes(lab); i++)
		(void)poll(NULL, 0, TURN_MS);
	assert_true(wakes(lab));
}

static void its_descriptor_wakes_until_frames_are_read(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	assert_false(lab.b->ops->arm(lab.b, 0));
	assert_false(wakes(&lab));
	fill_frame(frame, 60, 1);
	send_raw(&lab, frame, 60);
	wait_until_it_wakes(&lab);
	expect(&lab, frame, 60);
	assert_false(wakes(&lab));
	lab_close(&lab);
}

static void it_wakes_only_who_sleeps(void **state)
{
	uint8_t frame[FRAME_MAX];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	fill_frame(frame, 60, 1);
	assert_false(lab.b->ops->arm(lab.b, 0));
	send_raw(&lab, frame, 60);
	wait_until_it_wakes(&lab);
	lab.b->ops->disarm(lab.b, 0);
	assert_false(wakes(&lab));
	/* nor may he sleep now: there is a frame that nobody will tell him of */
	assert_true(lab.b->ops->arm(lab.b, 0));
	assert_false(wakes(&lab));
	expect(&lab, frame, 60);
	assert_false(lab.b->ops->arm(lab.b, 0));
	send_raw(&lab, frame, 60);
	wait_until_it_wakes(&lab);
	expect(&lab, frame, 60);
	lab_close(&lab);
}

static void facts_say_how_the_device_is_used(void **state)
{
	char text[104];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	assert_string_equal(fact_of(&lab, "driver", text), "veth");
	assert_string_equal(fact_of(&lab, "mode", text), "copy");
	assert_string_equal(fact_of(&lab, "queues", text), "1 of 1");
	assert_non_null(strstr(fact_of(&lab, "frames", text), "of 2048 bytes"));
	lab_close(&lab);
}

static void the_device_is_free_again_afterwards(void **state)
{
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	for (int i = 0; i < 3; i++) {
		backend_close(lab.b);
		lab.b = open_backend(&lab);
		assert_string_equal(lab.b->ops->kind, "af_xdp");
		assert_string_equal(lab.b->warning, "");
	}
	lab_close(&lab);
}

static void a_device_that_is_in_use_is_left_to_af_packet(void **state)
{
	struct backend *second;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	second = open_backend(&lab);
	assert_string_equal(second->ops->kind, "af_packet");
	assert_string_equal(second->warning,
			    "device up0 is served by af_packet instead of af_xdp: XDP socket of "
			    "receive queue 0: another program has one there already");
	backend_close(second);
	lab_close(&lab);
}

static void long_packets_are_left_to_af_packet(void **state)
{
	const struct link_change jumbo = { .mtu = 9000 };
	struct xvs_error err = ERROR_INIT;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_make(&lab);
	assert_int_equal(link_change(&lab.nl, lab.up0, "up0", &jumbo, &err), 0);
	lab.b = open_backend(&lab);
	assert_string_equal(lab.b->ops->kind, "af_packet");
	assert_string_equal(lab.b->warning,
			    "device up0 is served by af_packet instead of af_xdp: its MTU is 9000, "
			    "frames of XDP sockets hold 3818");
	lab_close(&lab);
}

static void longer_frames_get_longer_places(void **state)
{
	const struct link_change longer = { .mtu = 3000 };
	struct xvs_error err = ERROR_INIT;
	char text[104];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_make(&lab);
	assert_int_equal(link_change(&lab.nl, lab.up0, "up0", &longer, &err), 0);
	lab.b = open_backend(&lab);
	assert_non_null(strstr(fact_of(&lab, "frames", text), "of 4096 bytes"));
	lab_close(&lab);
}

static void what_cannot_be_is_refused(void **state)
{
	struct backend_config c = config();
	struct xvs_error err = ERROR_INIT;
	struct backend *b;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_make(&lab);
	lab.b = open_backend(&lab);
	c.device = NULL;
	assert_int_equal(backend_open(&c, lab.loop, &b, &err), -EINVAL);
	assert_string_equal(err.text, "port up: af_xdp needs a device name");
	c.device = "up0";
	c.queues = BACKEND_QUEUES_MAX + 1;
	assert_int_equal(backend_open(&c, lab.loop, &b, &err), -EINVAL);
	assert_string_equal(err.text, "port up: 65 queues are too many: at most 64");
	c.queues = 0;
	c.device = "nowhere";
	assert_int_equal(backend_open(&c, lab.loop, &b, &err), -ENODEV);
	lab_close(&lab);
}

/* ---- shedding ---------------------------------------------------------------------------------- */

static struct backend_source source(const char *prefix, uint64_t more_ms)
{
	struct backend_source s = { .until_ns = clock_ns() + more_ms * NS_PER_MS };

	assert_true(ip_parse(prefix, &s.prefix));
	return s;
}

/* From 10.1.2.'host', or fd00::'host'. */
static uint32_t ip_frame(uint8_t *frame, bool is_v6, uint8_t host)
{
	fill_frame(frame, 80, host);
	put_be16(frame + 12, is_v6 ? 0x86dd : 0x0800);
	frame[14] = is_v6 ? 0x60 : 0x45;
	if (is_v6) {
		memset(frame + 22, 0, 16);
		frame[22] = 0xfd;
		frame[37] = host;
	} else {
		memcpy(frame + IPV4_SOURCE_AT, (const uint8_t[]){ 10, 1, 2, host }, 4);
	}
	return 80;
}

/* A frame of 'host' is dropped where the next, of an address that nobody sheds, comes first. */
static void assert_shed(struct lab *lab, bool is_v6, uint8_t host, bool is_shed)
{
	uint8_t frame[FRAME_MAX];
	uint8_t next[FRAME_MAX];
	const uint32_t len = ip_frame(frame, is_v6, host);

	(void)ip_frame(next, false, 250);
	send_raw(lab, frame, len);
	send_raw(lab, next, len);
	if (!is_shed)
		expect(lab, frame, len);
	expect(lab, next, len);
}

static void sources_are_shed_and_counted(void **state)
{
	struct backend_source one;
	struct backend_source net;
	struct backend_source six;
	uint64_t packets;
	uint64_t bytes;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	one = source("10.1.2.1", 60000);
	net = source("10.1.2.16/28", 60000);
	six = source("fd00::/120", 60000);
	assert_int_equal(lab.b->ops->shed(lab.b, 0, &one), 0);
	assert_int_equal(lab.b->ops->shed(lab.b, 1, &net), 0);
	assert_int_equal(lab.b->ops->shed(lab.b, 4095, &six), 0);
	assert_shed(&lab, false, 1, true);
	assert_shed(&lab, false, 2, false);
	assert_shed(&lab, false, 15, false);
	assert_shed(&lab, false, 16, true);
	assert_shed(&lab, false, 31, true);
	assert_shed(&lab, false, 32, false);
	assert_shed(&lab, true, 9, true);
	lab.b->ops->shed_counts(lab.b, 1, &packets, &bytes);
	assert_int_equal(packets, 2);
	assert_int_equal(bytes, 160);
	lab.b->ops->unshed(lab.b, &net);
	assert_shed(&lab, false, 16, false);
	assert_shed(&lab, false, 1, true);
	lab.b->ops->shed_counts(lab.b, 0, &packets, &bytes);
	assert_int_equal(packets, 2);
	lab_close(&lab);
}

/* The program itself looks at the time: nobody need be alive to end it. */
static void a_source_is_shed_no_longer_than_was_said(void **state)
{
	struct backend_source one;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab);
	one = source("10.1.2.1", 60000);
	assert_int_equal(lab.b->ops->shed(lab.b, 0, &one), 0);
	assert_shed(&lab, false, 1, true);
	one.until_ns = clock_ns();
	assert_int_equal(lab.b->ops->shed(lab.b, 0, &one), 0);
	assert_shed(&lab, false, 1, false);
	lab_close(&lab);
}

/* Kernels greet their neighbours by IPv6: frames that no test has sent. */
static void be_quiet(void)
{
	const int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return; /* no IPv6 at all */
	(void)!write(fd, "1", 1);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_length_come_in),
		cmocka_unit_test(frames_of_every_length_go_out),
		cmocka_unit_test(rings_go_round),
		cmocka_unit_test(a_packet_in_runs_goes_out_whole),
		cmocka_unit_test(a_tag_is_put_into_the_frame),
		cmocka_unit_test(what_no_frame_can_hold_is_an_error),
		cmocka_unit_test(a_burst_stays_in_order),
		cmocka_unit_test(a_flood_is_survived),
		cmocka_unit_test(an_empty_pool_loses_nothing),
		cmocka_unit_test(its_descriptor_wakes_until_frames_are_read),
		cmocka_unit_test(it_wakes_only_who_sleeps),
		cmocka_unit_test(facts_say_how_the_device_is_used),
		cmocka_unit_test(the_device_is_free_again_afterwards),
		cmocka_unit_test(a_device_that_is_in_use_is_left_to_af_packet),
		cmocka_unit_test(long_packets_are_left_to_af_packet),
		cmocka_unit_test(longer_frames_get_longer_places),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(sources_are_shed_and_counted),
		cmocka_unit_test(a_source_is_shed_no_longer_than_was_said),
	};

	has_lab = netlab_enter() == 0;
	if (has_lab)
		be_quiet();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
