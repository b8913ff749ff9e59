/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/*
 * Taps with real packets.
 *
 *      backend tap [descriptor] ===== kernel device in namespace "far" --- raw socket of the test
 */
#include "netlab.h"

#include <stdalign.h>
#include <sys/epoll.h>

#include "port/backend.h"
#include "port/link.h"
#include "port/netns.h"
#include "xvs/extension.h"

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
	unsigned link_calls;
};

static void on_link(void *arg, struct backend *b)
{
	struct lab *lab = arg;

	assert_ptr_equal(lab->b, b);
	lab->link_calls++;
}

static void lab_open(struct lab *lab, const struct backend_config *c)
{
	const struct pool_limits limits = { .packets = 256, .small = 64, .large = 80 };
	struct xvs_error err = ERROR_INIT;

	memset(lab, 0, sizeof(*lab));
	assert_int_equal(loop_create(&lab->loop, &err), 0);
	lab->pool = pool_create(&limits);
	assert_non_null(lab->pool);
	if (backend_open(c, lab->loop, &lab->b, &err))
		fail_msg("%s", err.text);
	lab->b->link = on_link;
	lab->b->link_arg = lab;
}

static void lab_close(struct lab *lab)
{
	backend_close(lab->b);
	pool_destroy(lab->pool);
	loop_destroy(lab->loop);
}

/* Until a packet of our ethertype (experimental) or IPv4 comes; the kernel's own noise is let go. */
static struct packet *receive(struct lab *lab, uint16_t ethertype)
{
	for (int i = 0; i < 200; i++) {
		struct packet *pkts[XVS_BATCH_MAX];
		uint32_t count = 0;
		struct packet *found = NULL;

		for (unsigned q = 0; q < lab->b->rx_queues && count == 0; q++)
			count = lab->b->ops->rx(lab->b, q, lab->pool, pkts, XVS_BATCH_MAX);
		for (uint32_t k = 0; k < count; k++) {
			uint16_t bad;

			packet_parse(pkts[k], &bad);
			if (!found && pkts[k]->x.ethertype == ethertype)
				found = pkts[k];
			else
				packet_free(pkts[k]);
		}
		if (found)
			return found;
		(void)poll(NULL, 0, 5);
	}
	return NULL;
}

static uint32_t fill_frame(uint8_t *frame, uint32_t len)
{
	static const uint8_t start[14] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52,
					   0x54, 0,    0,    0,    9,    0x88, 0xb5 };

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7);
	memcpy(frame, start, sizeof(start));
	return len;
}

static struct packet *make_packet(struct lab *lab, uint32_t len)
{
	struct packet *p = packet_new_linear(lab->pool, len);
	uint16_t bad;

	assert_non_null(p);
	(void)fill_frame(p->x.data, len);
	packet_parse(p, &bad);
	return p;
}

static int raw_in(void *arg, struct xvs_error *err)
{
	(void)err;
	return netlab_raw(arg);
}

static int open_raw(const char *netns, char *device)
{
	struct xvs_error err = ERROR_INIT;
	int fd;
	int raw;

	assert_int_equal(netns_open(netns, &fd, &err), 0);
	raw = netns_run(fd, raw_in, device, &err);
	(void)close(fd);
	assert_true(raw >= 0);
	return raw;
}

static void carries_frames_to_and_from_a_namespace(void **state)
{
	static const uint32_t lengths[] = { 60, 256, 257, 1514 };
	char inside[] = "eth0";
	const struct backend_config c = { .kind = "tap",
					  .port_name = "p1",
					  .device = "ns1eth0",
					  .netns = "far",
					  .peer_name = inside,
					  .mac = { 0x52, 0x54, 0, 0, 0, 7 },
					  .offloads = true };
	struct lab lab;
	int raw;

	(void)state;
	NEED_LAB();
	netlab_add_netns("far");
	lab_open(&lab, &c);
	assert_string_equal(lab.b->device, "eth0");
	assert_int_equal(lab.b->ifindex, 0);
	assert_int_equal(lab.b->rx_queues, 1);
	assert_int_equal(lab.b->mtu, 1500);
	assert_memory_equal(lab.b->mac, c.mac, 6);
	assert_true(lab.b->up);
	assert_true(lab.b->offloads & OFFLOAD_TSO6);
	assert_int_equal(if_nametoindex("ns1eth0"), 0);
	raw = open_raw("far", inside);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t frame[1514];
		uint8_t got[2048];
		struct packet *p;

		(void)fill_frame(frame, lengths[i]);
		assert_int_equal(send(raw, frame, lengths[i], 0), lengths[i]);
		p = receive(&lab, 0x88b5);
		assert_non_null(p);
		assert_int_equal(p->x.len, lengths[i]);
		assert_int_equal(p->x.linear, lengths[i]);
		assert_memory_equal(p->x.data, frame, lengths[i]);
		assert_true(p->x.headroom >= XVS_HEADROOM);
		/* And back: what comes in goes out. */
		assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
		do
			assert_true(recv(raw, got, sizeof(got), 0) >= 60);
		while (got[12] != 0x88 || got[13] != 0xb5);
		assert_memory_equal(got, frame, lengths[i]);
		packet_free(p);
	}
	(void)close(raw);
	lab_close(&lab);
	netlab_delete_netns("far");
}

/* A frame and what the kernel says about it. */
static size_t receive_tagged(int raw, uint8_t *to, size_t size, struct tpacket_auxdata *aux)
{
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(*aux))];
	struct iovec iov = { to, size };
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	const ssize_t len = recvmsg(raw, &header, 0);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&header);

	assert_true(len > 0);
	if (!c || c->cmsg_type != PACKET_AUXDATA) {
		fail_msg("%s", "a frame without what the kernel says about it");
		return 0;
	}
	memcpy(aux, CMSG_DATA(c), sizeof(*aux));
	return (size_t)len;
}

static void puts_the_tag_into_the_bytes(void **state)
{
	const struct backend_config c = { .kind = "tap", .port_name = "p1", .device = "tagged0" };
	struct packet *p;
	struct tpacket_auxdata aux;
	uint8_t got[256];
	struct lab lab;
	int raw;

	(void)state;
	NEED_LAB();
	lab_open(&lab, &c);
	assert_int_equal(lab.b->offloads, OFFLOAD_TAG);
	raw = netlab_raw("tagged0");
	assert_int_equal(setsockopt(raw, SOL_PACKET, PACKET_AUXDATA, &(int){ 1 }, sizeof(int)), 0);
	p = make_packet(&lab, 100);
	p->x.flags |= XVS_PKT_VLAN;
	p->x.vlan_tci = 0x2064;
	assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
	do
		assert_int_not_equal(receive_tagged(raw, got, sizeof(got), &aux), 0);
	while (got[6] != 0x52);
	/* The kernel takes the tag out of what it receives and shows it beside. */
	assert_true(aux.tp_status & TP_STATUS_VLAN_VALID);
	assert_int_equal(aux.tp_vlan_tci, 0x2064);
	assert_int_equal(aux.tp_vlan_tpid, 0x8100);
	assert_memory_equal(got, p->x.data, 100);
	packet_free(p);
	(void)close(raw);
	lab_close(&lab);
}

static void gives_a_descriptor_to_each_worker(void **state)
{
	const struct backend_config c = { .kind = "tap",
					  .port_name = "p1",
					  .device = "many0",
					  .workers = 3,
					  .queues = 2,
					  .offloads = true };
	struct lab lab;
	uint8_t got[256];
	int raw;

	(void)state;
	NEED_LAB();
	lab_open(&lab, &c);
	assert_int_equal(lab.b->rx_queues, 3);
	raw = netlab_raw("many0");
	for (unsigned worker = 0; worker < 3; worker++) {
		struct packet *p = make_packet(&lab, 100 + worker);

		assert_true(lab.b->kick[worker] >= 0);
		assert_int_equal(lab.b->ops->tx(lab.b, worker, &p, 1), 1);
		packet_free(p);
		do
			assert_true(recv(raw, got, sizeof(got), 0) > 0);
		while (got[6] != 0x52);
	}
	(void)fill_frame(got, 100);
	assert_int_equal(send(raw, got, 100, 0), 100);
	struct packet *p = receive(&lab, 0x88b5);
	assert_non_null(p);
	packet_free(p);
	(void)close(raw);
	lab_close(&lab);
}

static void stops_while_the_pool_still_has_some(void **state)
{
	const struct backend_config c = { .kind = "tap", .port_name = "p1", .device = "pool0" };
	const struct pool_limits limits = { .packets = 64, .small = 4, .large = 12 };
	struct packet *pkts[XVS_BATCH_MAX];
	uint8_t frame[1000];
	struct lab lab;
	uint32_t count;
	int raw;

	(void)state;
	NEED_LAB();
	lab_open(&lab, &c);
	pool_destroy(lab.pool);
	lab.pool = pool_create(&limits);
	raw = netlab_raw("pool0");
	for (int i = 0; i < 30; i++)
		assert_int_equal(send(raw, frame, fill_frame(frame, 1000), 0), 1000);
	count = lab.b->ops->rx(lab.b, 0, lab.pool, pkts, XVS_BATCH_MAX);
	assert_in_range(count, 1, 30);
	assert_true(pool_large_left(lab.pool) >= 8);
	for (uint32_t i = 0; i < count; i++)
		packet_free(pkts[i]);
	assert_int_equal(pool_large_left(lab.pool), 12);
	(void)close(raw);
	lab_close(&lab);
}

static bool is_down(const void *arg)
{
	return !((const struct lab *)arg)->b->up;
}

static bool is_up(const void *arg)
{
	return ((const struct lab *)arg)->b->up;
}

static void follows_the_device_down_and_up(void **state)
{
	const struct backend_config c = { .kind = "tap", .port_name = "p1", .device = "updown0" };
	const struct link_change down = { .state = LINK_DOWN };
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	struct backend_stats stats;
	struct netlink nl;
	struct packet *p;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, &c);
	assert_int_equal(netlink_open(&nl, &err), 0);
	assert_int_equal(link_change(&nl, lab.b->ifindex, "updown0", &down, &err), 0);
	assert_true(netlab_wait(lab.loop, is_down, &lab));
	assert_int_equal(lab.link_calls, 1);
	p = make_packet(&lab, 100);
	assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
	lab.b->ops->stats(lab.b, &stats);
	assert_int_equal(stats.tx_errors, 1);
	packet_free(p);
	assert_int_equal(link_change(&nl, lab.b->ifindex, "updown0", &up, &err), 0);
	assert_true(netlab_wait(lab.loop, is_up, &lab));
	netlink_close(&nl);
	lab_close(&lab);
}

/* Removed from below: the poller must not be woken for ever, and the owner must be told. */
static void falls_silent_when_the_device_has_gone(void **state)
{
	const struct backend_config c = {
		.kind = "tap", .port_name = "p1", .device = "gone0", .netns = "doomed"
	};
	struct epoll_event event = { .events = EPOLLIN };
	struct packet *pkts[4];
	struct packet *p;
	struct lab lab;
	int poller = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	NEED_LAB();
	netlab_add_netns("doomed");
	lab_open(&lab, &c);
	assert_int_equal(epoll_ctl(poller, EPOLL_CTL_ADD, lab.b->kick[0], &event), 0);
	netlab_delete_netns("doomed"); /* nothing of ours keeps it alive */
	for (int i = 0; i < 100 && !is_down(&lab); i++) {
		if (epoll_wait(poller, &event, 1, 20) > 0) {
			uint32_t count = lab.b->ops->rx(lab.b, 0, lab.pool, pkts, 4);

			while (count > 0)
				packet_free(pkts[--count]);
		}
		loop_drain(lab.loop);
	}
	assert_true(is_down(&lab));
	assert_int_equal(lab.link_calls, 1);
	assert_int_equal(epoll_wait(poller, &event, 1, 30), 0);
	p = make_packet(&lab, 100);
	assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
	packet_free(p);
	assert_int_equal(lab.b->ops->rx(lab.b, 0, lab.pool, pkts, 4), 0);
	lab_close(&lab);
	(void)close(poller);
}

/* ---- refusals --------------------------------------------------------------------------------- */

static void refuse(const struct backend_config *c, int code, const char *text)
{
	struct xvs_error err = ERROR_INIT;
	struct backend *b = NULL;
	struct loop *loop;

	assert_int_equal(loop_create(&loop, &err), 0);
	assert_int_equal(backend_open(c, loop, &b, &err), code);
	assert_string_equal(err.text, text);
	assert_null(b);
	loop_destroy(loop);
}

static void refuses_with_the_remedy(void **state)
{
	struct backend_config c = { .kind = "tap", .port_name = "p1", .device = "lo" };

	(void)state;
	NEED_LAB();
	refuse(&c, -EBUSY,
	       "port p1: device lo exists already: choose another name, or remove it "
	       "with ip link del lo");
	c.device = "a-name-that-is-too-long";
	refuse(&c, -ENAMETOOLONG,
	       "port p1: device name \"a-name-that-is-too-long\" has 23 "
	       "characters: at most 15 fit");
	c.device = "fine0";
	c.netns = "nowhere";
	refuse(&c, -ENOENT,
	       "port p1: network namespace nowhere does not exist: create it with "
	       "ip netns add nowhere");
	c.netns = NULL;
	c.mtu = 70000;
	refuse(&c, -EINVAL,
	       "port p1: device fine0: setting MTU 70000: Invalid argument: "
	       "mtu greater than device maximum");
	c.mtu = 0;
	c.address = "192.0.2.300/24";
	refuse(&c, -EINVAL,
	       "port p1: device fine0: \"192.0.2.300/24\" is not an address with "
	       "prefix length, as 192.0.2.1/24");
	assert_int_equal(if_nametoindex("fine0"), 0);
	c = (struct backend_config){ .kind = "tapp", .port_name = "p1" };
	refuse(&c, -EINVAL,
	       "port p1: backend tapp is not known, but vhost-user, tap, af_packet, "
	       "af_xdp, pcap, null are");
	netlab_add_netns("busy");
	c = (struct backend_config){
		.kind = "tap", .port_name = "p1", .device = "lo", .netns = "busy"
	};
	refuse(&c, -EBUSY,
	       "port p1: device lo exists already in busy: choose another name, or "
	       "remove it with ip -n busy link del lo");
	netlab_delete_netns("busy");
}

static void sets_the_address_of_a_host_port(void **state)
{
	const struct backend_config c = { .kind = "tap",
					  .port_name = "host0",
					  .device = "host0",
					  .address = "192.0.2.1/24",
					  .mtu = 1400 };
	struct xvs_error err = ERROR_INIT;
	char text[LINK_ADDRESS_TEXT];
	struct netlink nl;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, &c);
	assert_int_equal(lab.b->mtu, 1400);
	assert_int_equal(netlink_open(&nl, &err), 0);
	assert_int_equal(link_find_address(&nl, lab.b->ifindex, text, &err), 1);
	assert_string_equal(text, "192.0.2.1/24");
	netlink_close(&nl);
	lab_close(&lab);
	assert_int_equal(if_nametoindex("host0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_frames_to_and_from_a_namespace),
		cmocka_unit_test(puts_the_tag_into_the_bytes),
		cmocka_unit_test(gives_a_descriptor_to_each_worker),
		cmocka_unit_test(stops_while_the_pool_still_has_some),
		cmocka_unit_test(follows_the_device_down_and_up),
		cmocka_unit_test(falls_silent_when_the_device_has_gone),
		cmocka_unit_test(refuses_with_the_remedy),
		cmocka_unit_test(sets_the_address_of_a_host_port),
	};

	has_lab = netlab_enter() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
