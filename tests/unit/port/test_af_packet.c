/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/*
 * Packet sockets on a veth pair.
 *
 *      backend af_packet on up0 ====== peer0 with a raw socket of the test (virtio-net header on)
 */
#include "netlab.h"

#include <stdalign.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "port/backend.h"
#include "port/link.h"
#include "xvs/extension.h"

enum { FRAME_ETHERTYPE = 0x88b5, IPV4 = 0x0800, VNET = VNET_BYTES_LEGACY, BIG = 60054 };

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
	unsigned link_calls;
};

static void on_link(void *arg, struct backend *b)
{
	struct lab *lab = arg;

	assert_ptr_equal(lab->b, b);
	lab->link_calls++;
}

static bool is_down(const void *arg)
{
	return !((const struct lab *)arg)->b->up;
}

static bool is_up(const void *arg)
{
	return ((const struct lab *)arg)->b->up;
}

static void make_pair(struct lab *lab)
{
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	struct link_facts facts;

	assert_int_equal(netlink_open(&lab->nl, &err), 0);
	assert_int_equal(link_create(&lab->nl, "veth", "up0", "peer0", &err), 0);
	assert_int_equal(link_by_name(&lab->nl, "up0", &facts, &err), 0);
	lab->up0 = facts.index;
	assert_int_equal(link_by_name(&lab->nl, "peer0", &facts, &err), 0);
	lab->peer0 = facts.index;
	assert_int_equal(link_change(&lab->nl, lab->peer0, "peer0", &up, &err), 0);
}

static int open_raw(uint32_t index)
{
	const struct sockaddr_ll at = { .sll_family = AF_PACKET,
					.sll_protocol = htons(ETH_P_ALL),
					.sll_ifindex = (int)index };
	const struct timeval patience = { .tv_sec = 2 };
	const int bytes = 8 << 20;
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)), 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void lab_open(struct lab *lab, uint16_t queues)
{
	const struct backend_config c = { .kind = "af_packet",
					  .port_name = "up",
					  .device = "up0",
					  .queues = queues,
					  .workers = 2,
					  .offloads = true };
	const struct pool_limits limits = { .packets = 512, .small = 64, .large = 80 };
	struct xvs_error err = ERROR_INIT;

	memset(lab, 0, sizeof(*lab));
	make_pair(lab);
	assert_int_equal(loop_create(&lab->loop, &err), 0);
	lab->pool = pool_create(&limits);
	assert_non_null(lab->pool);
	if (backend_open(&c, lab->loop, &lab->b, &err))
		fail_msg("%s", err.text);
	lab->b->link = on_link;
	lab->b->link_arg = lab;
	lab->raw = open_raw(lab->peer0);
	assert_true(netlab_wait(lab->loop, is_up, lab));
}

static void lab_close(struct lab *lab)
{
	struct xvs_error err = ERROR_INIT;

	backend_close(lab->b);
	pool_destroy(lab->pool);
	loop_destroy(lab->loop);
	(void)close(lab->raw);
	(void)link_delete(&lab->nl, lab->up0, &err); /* a test may have done so */
	netlink_close(&lab->nl);
}

/* ---- frames ------------------------------------------------------------------------------------ */

static void fill_frame(uint8_t *frame, uint32_t len, uint8_t seed)
{
	static const uint8_t start[14] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52,
					   0x54, 0,    0,    0,    9,    0x88, 0xb5 };

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + seed);
	memcpy(frame, start, sizeof(start));
}

static void send_bytes(const struct lab *lab, const uint8_t vnet[VNET], const uint8_t *frame,
		       uint32_t len)
{
	const struct iovec iov[] = { { (void *)(uintptr_t)vnet, VNET },
				     { (void *)(uintptr_t)frame, len } };
	const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)iov,
					.msg_iovlen = 2 };

	assert_int_equal(sendmsg(lab->raw, &message, 0), VNET + len);
}

static void send_frame(const struct lab *lab, uint32_t len, uint8_t seed)
{
	static const uint8_t no_facts[VNET];
	uint8_t frame[2048];

	fill_frame(frame, len, seed);
	send_bytes(lab, no_facts, frame, len);
}

/* TCP over IPv4 of BIG bytes that were never cut: 1,448 bytes of payload a segment. */
static void make_big(uint8_t vnet[VNET], uint8_t *frame)
{
	static const uint8_t facts[VNET] = { 1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0 };

	memcpy(vnet, facts, VNET);
	fill_frame(frame, BIG, 5);
	put_be16(frame + 12, IPV4);
	memset(frame + 14, 0, 40);
	frame[14] = 0x45;
	put_be16(frame + 16, BIG - 14);
	frame[22] = 64;
	frame[23] = 6;
	put_be32(frame + 26, 0x0a000001);
	put_be32(frame + 30, 0x0a000002);
	put_be16(frame + 34, 1234);
	put_be16(frame + 36, 80);
	frame[46] = 0x50;
	frame[47] = 0x10;
}

/* The next packet of this ethertype; the kernel's own noise is let go. */
static struct packet *receive(struct lab *lab, uint16_t ethertype)
{
	for (int i = 0; i < 200; i++) {
		struct packet *p = NULL;
		uint32_t count = 0;

		for (unsigned q = 0; q < lab->b->rx_queues && count == 0; q++) {
			count = lab->b->ops->rx(lab->b, q, lab->pool, &p, 1);
			if (count) {
				uint16_t bad;

				packet_parse(p, &bad);
				assert_int_equal(packet_own(p), 0);
				lab->b->ops->rx_done(lab->b, q);
			}
		}
		if (count && p->x.ethertype == ethertype)
			return p;
		if (count)
			packet_free(p);
		else
			(void)poll(NULL, 0, 5);
	}
	return NULL;
}

/* The next frame at the peer that is ours: length without virtio-net header. */
static uint32_t receive_raw(const struct lab *lab, uint8_t vnet[VNET], uint8_t *to, uint32_t size,
			    struct tpacket_auxdata *aux)
{
	alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(*aux))];
	struct iovec iov[] = { { vnet, VNET }, { to, size } };
	ssize_t len;

	do {
		struct msghdr message = { .msg_iov = iov,
					  .msg_iovlen = 2,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };

		len = recvmsg(lab->raw, &message, 0);
		assert_true(len > VNET);
		assert_true(message.msg_controllen >= sizeof(control));
		memcpy(aux, CMSG_DATA((struct cmsghdr *)(void *)control), sizeof(*aux));
	} while (to[6] != 0x52 || to[11] != 9);
	return (uint32_t)len - VNET;
}

/* ---- tests ------------------------------------------------------------------------------------- */

static void carries_frames_both_ways(void **state)
{
	static const uint32_t lengths[] = { 60, 128, 129, 1514 };
	struct tpacket_auxdata aux;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	assert_int_equal(lab.b->rx_queues, 1);
	assert_int_equal(lab.b->mtu, 1500);
	assert_int_equal(lab.b->speed_mbps, 10000);
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t vnet[VNET];
		uint8_t want[1514];
		uint8_t got[2048];
		struct packet *p;

		fill_frame(want, lengths[i], (uint8_t)i);
		send_frame(&lab, lengths[i], (uint8_t)i);
		p = receive(&lab, FRAME_ETHERTYPE);
		assert_non_null(p);
		assert_int_equal(p->x.len, lengths[i]);
		assert_true(packet_read(p, 0, got, lengths[i]));
		assert_memory_equal(got, want, lengths[i]);
		assert_int_equal(lab.b->ops->tx(lab.b, i % 2, &p, 1), 1);
		packet_free(p);
		assert_int_equal(receive_raw(&lab, vnet, got, sizeof(got), &aux), lengths[i]);
		assert_memory_equal(got, want, lengths[i]);
	}
	lab_close(&lab);
}

static void lends_the_payload_until_done(void **state)
{
	struct packet *p = NULL;
	uint8_t want[1000];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	fill_frame(want, sizeof(want), 1);
	send_frame(&lab, sizeof(want), 1);
	for (int i = 0; i < 100; i++) {
		if (lab.b->ops->rx(lab.b, 0, lab.pool, &p, 1) == 0)
			continue;
		if (p->x.len == sizeof(want))
			break;
		lab.b->ops->rx_done(lab.b, 0);
		packet_free(p);
		p = NULL;
	}
	assert_non_null(p);
	assert_int_equal(p->x.linear, PACKET_HEAD);
	assert_int_equal(p->tail_count, 1);
	assert_int_equal(p->tail->iov_len, sizeof(want) - PACKET_HEAD);
	assert_memory_equal(p->tail->iov_base, want + PACKET_HEAD, sizeof(want) - PACKET_HEAD);
	packet_free(p);
	lab.b->ops->rx_done(lab.b, 0);
	lab_close(&lab);
}

static void keeps_long_packets_whole_and_in_order(void **state)
{
	static uint8_t big[BIG];
	static uint8_t got[BIG + 4096];
	static const uint16_t types[] = { FRAME_ETHERTYPE, IPV4, FRAME_ETHERTYPE, IPV4 };
	struct tpacket_auxdata aux;
	uint8_t vnet[VNET];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	make_big(vnet, big);
	for (int i = 0; i < 4; i++) {
		if (types[i] == IPV4)
			send_bytes(&lab, vnet, big, BIG);
		else
			send_frame(&lab, 100, (uint8_t)i);
	}
	for (int i = 0; i < 4; i++) {
		struct packet *p = receive(&lab, types[i]);

		assert_non_null(p);
		if (types[i] == IPV4) {
			assert_int_equal(p->x.len, BIG);
			assert_int_equal(p->x.gso_type, 1);
			assert_int_equal(p->x.gso_size, 1448);
			assert_true(p->x.flags & XVS_PKT_CSUM_TODO);
			assert_int_equal(p->x.csum_start, 34);
			assert_true(packet_read(p, 0, got, BIG));
			assert_memory_equal(got, big, BIG);
			/* Out again, still whole: the other end is a veth. */
			assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
			assert_int_equal(receive_raw(&lab, vnet, got, sizeof(got), &aux), BIG);
			assert_int_equal(vnet[1], 1);
			assert_memory_equal(got, big, BIG);
		}
		packet_free(p);
	}
	lab_close(&lab);
}

/* The socket tells of the device's going down before it gives what came in before. */
static void keeps_long_packets_in_step_with_errors(void **state)
{
	const struct link_change down = { .state = LINK_DOWN };
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	static uint8_t big[BIG];
	static uint8_t got[BIG];
	uint8_t vnet[VNET];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	make_big(vnet, big);
	for (uint8_t i = 0; i < 2; i++) {
		big[BIG - 1] = i;
		send_bytes(&lab, vnet, big, BIG);
	}
	assert_int_equal(link_change(&lab.nl, lab.up0, "up0", &down, &err), 0);
	assert_int_equal(link_change(&lab.nl, lab.up0, "up0", &up, &err), 0);
	for (uint8_t i = 0; i < 2; i++) {
		struct packet *p = receive(&lab, IPV4);

		assert_non_null(p);
		assert_true(packet_read(p, 0, got, BIG));
		assert_int_equal(got[BIG - 1], i);
		packet_free(p);
	}
	lab_close(&lab);
}

static void shows_tags_beside_the_bytes(void **state)
{
	static const uint16_t tpids[] = { 0x8100, 0x88a8 };
	static const uint8_t no_facts[VNET];
	struct tpacket_auxdata aux;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	for (int i = 0; i < 2; i++) {
		uint8_t frame[104];
		uint8_t vnet[VNET];
		uint8_t got[256];
		struct packet *p;

		fill_frame(frame + 4, 100, 3);
		memmove(frame, frame + 4, 12);
		put_be16(frame + 12, tpids[i]);
		put_be16(frame + 14, 0x6064);
		send_bytes(&lab, no_facts, frame, sizeof(frame));
		p = receive(&lab, FRAME_ETHERTYPE);
		assert_non_null(p);
		assert_int_equal(p->x.len, 100);
		assert_true(p->x.flags & XVS_PKT_VLAN);
		assert_int_equal((p->x.flags & XVS_PKT_SVLAN) != 0, i == 1);
		assert_int_equal(p->x.vlan_tci, 0x6064);
		assert_int_equal(lab.b->ops->tx(lab.b, 1, &p, 1), 1);
		packet_free(p);
		assert_int_equal(receive_raw(&lab, vnet, got, sizeof(got), &aux), 100);
		assert_int_equal(aux.tp_vlan_tci, 0x6064);
		assert_int_equal(aux.tp_vlan_tpid, tpids[i]);
	}
	lab_close(&lab);
}

static void cuts_nothing_when_tagged_and_long(void **state)
{
	static uint8_t big[BIG];
	static uint8_t got[BIG + 4096];
	struct tpacket_auxdata aux;
	uint8_t vnet[VNET];
	struct packet *p;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	make_big(vnet, big);
	send_bytes(&lab, vnet, big, BIG);
	p = receive(&lab, IPV4);
	assert_non_null(p);
	p->x.flags |= XVS_PKT_VLAN;
	p->x.vlan_tci = 7;
	assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
	packet_free(p);
	assert_int_equal(receive_raw(&lab, vnet, got, sizeof(got), &aux), BIG);
	assert_int_equal(aux.tp_vlan_tci, 7);
	assert_int_equal(vnet[1], 1);
	assert_memory_equal(got, big, BIG);
	lab_close(&lab);
}

static void counts_what_did_not_fit(void **state)
{
	static uint8_t big[BIG];
	struct backend_stats stats;
	uint8_t vnet[VNET];
	struct lab lab;
	struct packet *p;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	make_big(vnet, big);
	for (int i = 0; i < 900; i++)
		send_bytes(&lab, vnet, big, BIG);
	for (int i = 0; i < 2000; i++)
		send_frame(&lab, 60, 0);
	while ((p = receive(&lab, IPV4)))
		packet_free(p);
	lab.b->ops->stats(lab.b, &stats);
	assert_true(stats.rx_truncated > 0); /* the socket's queue was full of long ones */
	assert_true(stats.kernel_drops > 0); /* and then the ring of short ones */
	assert_int_equal(stats.rx_errors, 0);
	lab_close(&lab);
}

static void spreads_flows_over_queues(void **state)
{
	static const uint8_t no_facts[VNET];
	unsigned seen = 0;
	struct packet *p;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 3);
	assert_int_equal(lab.b->rx_queues, 3);
	for (uint8_t i = 0; i < 32; i++) {
		uint8_t frame[100];

		fill_frame(frame, sizeof(frame), 0);
		frame[10] = i;
		send_bytes(&lab, no_facts, frame, sizeof(frame));
	}
	while (seen < 32 && (p = receive(&lab, FRAME_ETHERTYPE))) {
		packet_free(p);
		seen++;
	}
	assert_int_equal(seen, 32);
	lab_close(&lab);
}

/* ---- the link ---------------------------------------------------------------------------------- */

/* How often a level-triggered poller wakes in a row, with a worker that calls rx() each time. */
static unsigned count_wakes(struct lab *lab)
{
	struct epoll_event event = { .events = EPOLLIN };
	int poller = epoll_create1(EPOLL_CLOEXEC);
	unsigned wakes = 0;

	assert_int_equal(epoll_ctl(poller, EPOLL_CTL_ADD, lab->b->kick[0], &event), 0);
	while (wakes < 200 && epoll_wait(poller, &event, 1, 30) > 0) {
		struct packet *p;

		if (lab->b->ops->rx(lab->b, 0, lab->pool, &p, 1)) {
			lab->b->ops->rx_done(lab->b, 0);
			packet_free(p);
		}
		wakes++;
	}
	(void)close(poller);
	return wakes;
}

static void follows_cable_and_device(void **state)
{
	const struct link_change down = { .state = LINK_DOWN };
	const struct link_change up = { .state = LINK_UP };
	struct xvs_error err = ERROR_INIT;
	struct packet *p;
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	assert_int_equal(link_change(&lab.nl, lab.peer0, "peer0", &down, &err), 0);
	assert_true(netlab_wait(lab.loop, is_down, &lab));
	assert_int_equal(link_change(&lab.nl, lab.peer0, "peer0", &up, &err), 0);
	assert_true(netlab_wait(lab.loop, is_up, &lab));
	assert_int_equal(link_change(&lab.nl, lab.up0, "up0", &down, &err), 0);
	assert_true(netlab_wait(lab.loop, is_down, &lab));
	assert_in_range(count_wakes(&lab), 0, 100);
	assert_int_equal(link_change(&lab.nl, lab.up0, "up0", &up, &err), 0);
	assert_true(netlab_wait(lab.loop, is_up, &lab));
	(void)close(lab.raw); /* still has the error of its own device's fall */
	lab.raw = open_raw(lab.peer0);
	send_frame(&lab, 100, 1);
	p = receive(&lab, FRAME_ETHERTYPE);
	assert_non_null(p);
	packet_free(p);
	lab_close(&lab);
}

static void falls_silent_when_the_device_has_gone(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct backend_stats stats;
	struct packet *pkts[3];
	struct lab lab;

	(void)state;
	NEED_LAB();
	lab_open(&lab, 0);
	assert_int_equal(link_delete(&lab.nl, lab.up0, &err), 0);
	assert_true(netlab_wait(lab.loop, is_down, &lab));
	assert_in_range(count_wakes(&lab), 0, 100);
	for (int i = 0; i < 3; i++) {
		uint16_t bad;

		pkts[i] = packet_new_linear(lab.pool, 100);
		fill_frame(pkts[i]->x.data, 100, 0);
		packet_parse(pkts[i], &bad);
	}
	assert_int_equal(lab.b->ops->tx(lab.b, 0, pkts, 3), 3);
	lab.b->ops->stats(lab.b, &stats);
	assert_int_equal(stats.tx_errors, 3);
	for (int i = 0; i < 3; i++)
		packet_free(pkts[i]);
	lab_close(&lab);
}

/* ---- refusals ---------------------------------------------------------------------------------- */

static void refuse(const char *device, int code, const char *text)
{
	const struct backend_config c = { .kind = "af_packet",
					  .port_name = "up",
					  .device = device };
	struct xvs_error err = ERROR_INIT;
	struct backend *b = NULL;
	struct loop *loop;

	assert_int_equal(loop_create(&loop, &err), 0);
	assert_int_equal(backend_open(&c, loop, &b, &err), code);
	assert_string_equal(err.text, text);
	assert_null(b);
	loop_destroy(loop);
}

static void refuses_with_the_remedy(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct lab lab = { 0 };

	(void)state;
	NEED_LAB();
	make_pair(&lab);
	assert_int_equal(link_add_address(&lab.nl, lab.up0, "up0", "10.0.0.5/24", &err), 0);
	refuse("up0", -EADDRINUSE,
	       "port up: device up0 carries the host's address 10.0.0.5/24: let a host port take "
	       "it over (take_addresses: true) or remove it with ip address del 10.0.0.5/24 dev "
	       "up0");
	refuse("nosuch0", -ENODEV, "port up: device nosuch0 does not exist");
	refuse("lo", -EINVAL, "port up: device lo is not Ethernet: choose a device that is");
	assert_int_equal(link_delete(&lab.nl, lab.up0, &err), 0);
	netlink_close(&lab.nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_frames_both_ways),
		cmocka_unit_test(lends_the_payload_until_done),
		cmocka_unit_test(keeps_long_packets_whole_and_in_order),
		cmocka_unit_test(keeps_long_packets_in_step_with_errors),
		cmocka_unit_test(shows_tags_beside_the_bytes),
		cmocka_unit_test(cuts_nothing_when_tagged_and_long),
		cmocka_unit_test(counts_what_did_not_fit),
		cmocka_unit_test(spreads_flows_over_queues),
		cmocka_unit_test(follows_cable_and_device),
		cmocka_unit_test(falls_silent_when_the_device_has_gone),
		cmocka_unit_test(refuses_with_the_remedy),
	};

	has_lab = netlab_enter() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
