/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * The conversation of a vhost-user port with an honest front end: in whatever order it speaks, rings
 * run when all has been said, go on through what does not concern them, and stop where it says so.
 */
#include "vhost_front.h"

/* ---- what is offered -------------------------------------------------------------------------- */

static void offers_what_qemu_must_find_for_its_guest(void **state)
{
	static const enum vhost_feature bits[] = {
		VHOST_NET_CSUM,       VHOST_NET_GUEST_CSUM,     VHOST_NET_MTU,
		VHOST_NET_GUEST_TSO4, VHOST_NET_GUEST_TSO6,     VHOST_NET_GUEST_ECN,
		VHOST_NET_GUEST_UFO,  VHOST_NET_HOST_TSO4,      VHOST_NET_HOST_TSO6,
		VHOST_NET_HOST_ECN,   VHOST_NET_HOST_UFO,       VHOST_NET_MRG_RXBUF,
		VHOST_NET_MQ,         VHOST_F_LOG_ALL,          VHOST_RING_INDIRECT,
		VHOST_RING_EVENT_IDX, VHOST_F_VERSION_1,        VHOST_F_PROTOCOL_FEATURES,
		VHOST_RING_PACKED,    VHOST_NET_GUEST_USO4,     VHOST_NET_GUEST_USO6,
		VHOST_NET_HOST_USO,   VHOST_NET_GUEST_ANNOUNCE,
	};
	enum { IN_ORDER = 35 };
	struct front_lab lab;
	uint64_t offered;

	(void)state;
	front_lab_open(&lab);
	front_connect(&lab);
	offered = front_ask_u64(&lab, REQUEST_GET_FEATURES);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		assert_true(vhost_has(offered, bits[i]));
	assert_int_equal(offered & FEATURE(IN_ORDER), 0);
	assert_int_equal(front_ask_u64(&lab, REQUEST_GET_PROTOCOL_FEATURES),
			 FEATURE(PROTOCOL_MQ) | FEATURE(PROTOCOL_LOG_SHMFD) |
				 FEATURE(PROTOCOL_RARP) | FEATURE(PROTOCOL_REPLY_ACK) |
				 FEATURE(PROTOCOL_NET_MTU) | FEATURE(PROTOCOL_BACKEND_REQ) |
				 FEATURE(PROTOCOL_INFLIGHT_SHMFD) | FEATURE(PROTOCOL_RESET_DEVICE) |
				 FEATURE(PROTOCOL_CONFIGURE_MEM_SLOTS) | FEATURE(PROTOCOL_STATUS));
	assert_int_equal(front_ask_u64(&lab, REQUEST_GET_QUEUE_NUM), RINGS / 2);
	front_protocol(&lab);
	assert_int_equal(front_ask_u64(&lab, REQUEST_GET_MAX_MEM_SLOTS), VHOST_SLOTS_MAX);
	front_lab_close(&lab);
}

static void offers_no_more_than_the_operator_allows(void **state)
{
	struct xvs_error err = ERROR_INIT;
	struct backend_config c;
	struct front_lab lab;
	uint64_t offered;

	(void)state;
	front_lab_init(&lab);
	c = front_config(&lab);
	c.offloads = false;
	c.no_packed = true;
	assert_int_equal(backend_open(&c, lab.loop, &lab.b, &err), 0);
	front_connect(&lab);
	offered = front_ask_u64(&lab, REQUEST_GET_FEATURES);
	assert_false(vhost_has(offered, VHOST_RING_PACKED));
	assert_false(vhost_has(offered, VHOST_NET_CSUM));
	assert_false(vhost_has(offered, VHOST_NET_GUEST_TSO4));
	assert_true(vhost_has(offered, VHOST_NET_MRG_RXBUF));
	front_lab_close(&lab);
}

/* ---- starting --------------------------------------------------------------------------------- */

static void runs_a_pair_and_says_so(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	assert_false(lab.b->up);
	front_start(&lab, FEATURES_PLAIN);
	assert_true(lab.b->up);
	assert_int_equal(lab.link_calls, 1);
	assert_true(front_flows(&lab));
	assert_string_equal(front_fact(&lab, "state"), "connected, 1 of 2 queues run");
	assert_string_equal(front_fact(&lab, "rings"), "mrg-rxbuf version-1");
	assert_string_equal(front_fact(&lab, "ring 1"),
			    "runs split 8, 1 packets, 0 full, 1 interrupts");
	front_lab_close(&lab);
}

/* As QEMU 7.2 says it (design: rings are enabled before there are features). */
static void runs_in_the_order_of_qemu(void **state)
{
	const uint64_t features = FEATURES_PLAIN | FEATURE(VHOST_F_PROTOCOL_FEATURES);
	struct front_lab lab;
	uint64_t status;

	(void)state;
	front_lab_open(&lab);
	front_connect(&lab);
	(void)front_ask_u64(&lab, REQUEST_GET_FEATURES);
	front_protocol(&lab);
	(void)front_ask_u64(&lab, REQUEST_GET_QUEUE_NUM);
	front_say(&lab, REQUEST_SET_OWNER, NULL, 0);
	(void)front_ask_u64(&lab, REQUEST_GET_FEATURES);
	for (uint32_t nr = 0; nr < 2; nr++) {
		front_say_fd(&lab, REQUEST_SET_VRING_CALL, nr, lab.call[nr]);
		front_say_fd(&lab, REQUEST_SET_VRING_ERR, nr, lab.call[nr]);
		front_say_state(&lab, REQUEST_SET_VRING_ENABLE, nr, 1);
		front_say_state(&lab, REQUEST_SET_VRING_ENABLE, nr, 1);
	}
	front_features(&lab, features);
	status = front_ask_u64(&lab, REQUEST_GET_STATUS) | STATUS_FEATURES_OK;
	front_say_u64(&lab, REQUEST_SET_STATUS, status);
	front_memory(&lab);
	for (uint32_t nr = 0; nr < 2; nr++)
		front_ring(&lab, nr, 0);
	assert_int_equal(front_ask_u64(&lab, REQUEST_GET_STATUS), STATUS_FEATURES_OK);
	front_say_u64(&lab, REQUEST_SET_STATUS, 0x0f);
	assert_true(lab.b->up);
	assert_true(front_flows(&lab));
	front_lab_close(&lab);
}

/* ---- any order -------------------------------------------------------------------------------- */

enum step { FEATURES, TABLE, SIZE, ADDRESS, KICK, CALL, ENABLE, STEPS };

static void say_step(struct front_lab *lab, enum step step, uint32_t nr)
{
	const struct wire_ring_address address = front_address(nr);

	switch (step) {
	case FEATURES:
		front_features(lab, FEATURES_PLAIN | FEATURE(VHOST_F_PROTOCOL_FEATURES));
		break;
	case TABLE:
		front_memory(lab);
		break;
	case SIZE:
		front_say_state(lab, REQUEST_SET_VRING_NUM, nr, RING_SIZE);
		break;
	case ADDRESS:
		front_say(lab, REQUEST_SET_VRING_ADDR, &address, sizeof(address));
		break;
	case KICK:
		front_say_fd(lab, REQUEST_SET_VRING_KICK, nr, lab->kick[nr]);
		break;
	case CALL:
		front_say_fd(lab, REQUEST_SET_VRING_CALL, nr, lab->call[nr]);
		break;
	default:
		front_say_state(lab, REQUEST_SET_VRING_ENABLE, nr, 1);
		break;
	}
}

static void shuffle(unsigned *steps, unsigned count, uint64_t *seed)
{
	for (unsigned i = count - 1; i > 0; i--) {
		const unsigned k = (unsigned)(test_random(seed) % (i + 1));
		const unsigned held = steps[i];

		steps[i] = steps[k];
		steps[k] = held;
	}
}

static void runs_whatever_the_order(void **state)
{
	enum { ALL = 2 * STEPS, ROUNDS = 150 };
	struct front_lab lab;
	uint64_t seed = 7;

	(void)state;
	front_lab_open(&lab);
	for (int round = 0; round < ROUNDS; round++) {
		unsigned steps[2 * ALL];

		memset(lab.bytes, 0, MEMORY);
		lab.sent[1] = 0;
		/* every other round says everything twice */
		for (unsigned i = 0; i < 2 * ALL; i++)
			steps[i] = i % ALL;
		shuffle(steps, round % 2 ? 2 * ALL : ALL, &seed);
		front_connect(&lab);
		front_protocol(&lab);
		for (unsigned i = 0; i < (round % 2 ? 2 * ALL : ALL); i++)
			say_step(&lab, (enum step)(steps[i] % STEPS), steps[i] / STEPS);
		assert_true(lab.b->up);
		assert_true(front_flows(&lab));
		for (uint32_t nr = 0; nr < 2; nr++)
			(void)front_base(&lab, nr);
		front_leave(&lab);
		front_turn(&lab);
	}
	front_lab_close(&lab);
}

static void waits_for_enable_only_with_protocol_features(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN | FEATURE(VHOST_F_PROTOCOL_FEATURES));
	assert_false(lab.b->up);
	front_say_state(&lab, REQUEST_SET_VRING_ENABLE, 0, 1);
	front_say_state(&lab, REQUEST_SET_VRING_ENABLE, 1, 1);
	assert_true(lab.b->up);
	front_say_state(&lab, REQUEST_SET_VRING_ENABLE, 1, 0);
	assert_false(lab.b->up);
	front_send(&lab, 1, 60);
	assert_int_equal(front_received(&lab, 0), 0);
	front_say_state(&lab, REQUEST_SET_VRING_ENABLE, 1, 1);
	assert_int_equal(front_received(&lab, 0), 1);
	front_lab_close(&lab);
}

/* ---- on live rings ---------------------------------------------------------------------------- */

static void gives_the_position_of_a_stopped_ring_and_goes_on_there(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	for (int i = 0; i < 3; i++)
		assert_true(front_flows(&lab));
	assert_int_equal(front_base(&lab, 1), 3);
	assert_false(lab.b->up);
	front_send(&lab, 1, 60);
	assert_int_equal(front_received(&lab, 0), 0);
	front_ring(&lab, 1, 3);
	assert_true(lab.b->up);
	assert_int_equal(front_received(&lab, 0), 1);
	assert_int_equal(front_base(&lab, 0), 0);
	assert_int_equal(front_base(&lab, 3), 0);
	front_lab_close(&lab);
}

/* As DPDK's virtio-user does it: it stops what has not begun, and says that all begins at 0. */
static void goes_on_where_it_was_when_the_connection_broke(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	for (int i = 0; i < 3; i++)
		assert_true(front_flows(&lab));
	front_leave(&lab);
	front_turn(&lab);
	front_connect(&lab);
	(void)front_base(&lab, 0);
	(void)front_base(&lab, 1);
	front_protocol(&lab);
	front_features(&lab, FEATURES_PLAIN);
	front_memory(&lab);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	/* not those three again */
	assert_int_equal(front_received(&lab, 0), 0);
	assert_true(front_flows(&lab));
	/* what it was told counts from now on */
	assert_int_equal(front_base(&lab, 1), 4);
	front_ring(&lab, 1, 3);
	assert_int_equal(front_received(&lab, 0), 1);
	front_lab_close(&lab);
}

static void keeps_rings_running_while_the_log_comes_and_goes(void **state)
{
	const uint64_t logged = FEATURES_PLAIN | FEATURE(VHOST_F_LOG_ALL);
	const struct wire_log log = { MEMORY / VHOST_PAGE / 8 + (GUEST / VHOST_PAGE / 8), 0 };
	struct wire_ring_address address = front_address(1);
	struct front_lab lab;
	struct front_reply r;
	uint8_t *bits;
	int fd;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	assert_true(front_flows(&lab));
	fd = memfd_create("log", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, (off_t)log.size), 0);
	bits = mmap(NULL, log.size, PROT_READ, MAP_SHARED, fd, 0);
	front_ask(&lab,
		  &(struct front_words){ REQUEST_SET_LOG_BASE, FLAG_VERSION, &log, sizeof(log), &fd,
					 1 },
		  &r);
	assert_int_equal(r.size, 8);
	front_features(&lab, logged);
	address.flags = RING_FLAG_LOG;
	front_say(&lab, REQUEST_SET_VRING_ADDR, &address, sizeof(address));
	assert_true(front_flows(&lab));
	/* the used ring of ring 1 was written */
	assert_true(bits[(address.log / VHOST_PAGE) / 8] & 1 << (address.log / VHOST_PAGE % 8));
	front_features(&lab, FEATURES_PLAIN);
	assert_true(front_flows(&lab));
	assert_int_equal(lab.link_calls, 1);
	(void)munmap(bits, log.size);
	(void)close(fd);
	front_lab_close(&lab);
}

static void follows_a_new_memory_table_under_live_rings(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	assert_true(front_flows(&lab));
	front_memory(&lab);
	assert_true(lab.b->up);
	assert_true(front_flows(&lab));
	assert_int_equal(front_base(&lab, 1), 2);
	front_lab_close(&lab);
}

static void changes_the_interrupt_of_a_live_ring(void **state)
{
	struct front_lab lab;
	uint64_t count;
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	front_say_fd(&lab, REQUEST_SET_VRING_CALL, 1, fd);
	/* one at once: the guest may have looked for it at the old place */
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_true(front_flows(&lab));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	front_say_u64(&lab, REQUEST_SET_VRING_CALL, 1 | RING_NO_FD);
	assert_true(front_flows(&lab));
	assert_int_equal(read(fd, &count, sizeof(count)), -1);
	assert_true(lab.b->up);
	(void)close(fd);
	front_lab_close(&lab);
}

/* ---- kicks ------------------------------------------------------------------------------------ */

static void kick(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void wakes_by_the_kick_of_a_ring_that_runs(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	kick(lab.kick[1]);
	assert_false(front_is_awake(&lab, 0));
	front_start(&lab, FEATURES_PLAIN);
	/* what was there before the ring ran is looked at too */
	assert_true(front_is_awake(&lab, 0));
	lab.b->ops->disarm(lab.b, 0);
	assert_false(front_is_awake(&lab, 0));
	assert_false(lab.b->ops->arm(lab.b, 0));
	kick(lab.kick[1]);
	assert_true(front_is_awake(&lab, 0));
	assert_false(front_is_awake(&lab, 1));
	lab.b->ops->disarm(lab.b, 0);
	assert_false(front_is_awake(&lab, 0));
	(void)front_base(&lab, 1);
	kick(lab.kick[1]);
	assert_false(front_is_awake(&lab, 0));
	front_lab_close(&lab);
}

/* A kick whose flags the front end turned to blocking holds nobody up. */
static void clears_a_kick_that_would_block(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	assert_int_equal(fcntl(lab.kick[1], F_SETFL, 0), 0);
	lab.b->ops->disarm(lab.b, 0);
	lab.b->ops->disarm(lab.b, 0);
	assert_false(front_is_awake(&lab, 0));
	front_lab_close(&lab);
}

static void wakes_by_time_where_no_kick_comes(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	(void)front_base(&lab, 1);
	front_say_u64(&lab, REQUEST_SET_VRING_KICK, 1 | RING_NO_FD);
	assert_true(lab.b->up);
	lab.b->ops->disarm(lab.b, 0);
	p.fd = lab.b->kick[0];
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(front_flows(&lab));
	front_lab_close(&lab);
}

/* ---- resets ----------------------------------------------------------------------------------- */

static void stops_all_rings_at_a_reset(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	front_say(&lab, REQUEST_RESET_OWNER, NULL, 0);
	assert_false(lab.b->up);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	assert_true(lab.b->up);
	front_say_u64(&lab, REQUEST_SET_STATUS, 0);
	assert_false(lab.b->up);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	assert_true(lab.b->up);
	front_say(&lab, REQUEST_RESET_DEVICE, NULL, 0);
	assert_false(lab.b->up);
	assert_int_equal(front_ask_u64(&lab, REQUEST_GET_STATUS), 0);
	front_features(&lab, FEATURES_PLAIN);
	front_ring(&lab, 0, 0);
	front_ring(&lab, 1, 0);
	assert_true(lab.b->up);
	assert_true(front_flows(&lab));
	front_lab_close(&lab);
}

/* ---- the guest as a station ------------------------------------------------------------------- */

static void knows_what_the_guest_takes(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	assert_int_equal(lab.b->offloads & OFFLOAD_CSUM, 0);
	front_start(&lab, FEATURES_PLAIN | FEATURE(VHOST_NET_GUEST_CSUM) |
				  FEATURE(VHOST_NET_GUEST_TSO4) | FEATURE(VHOST_NET_GUEST_USO4));
	assert_int_equal(lab.b->offloads, OFFLOAD_TAG | OFFLOAD_CSUM | OFFLOAD_TSO4);
	assert_string_equal(front_fact(&lab, "guest takes"), "csum tso4 uso4");
	assert_string_equal(front_fact(&lab, "guest sends"), "none");
	front_leave(&lab);
	front_turn(&lab);
	assert_int_equal(lab.b->offloads, OFFLOAD_TAG);
	memset(lab.bytes, 0, MEMORY);
	/* segments without sums cannot be */
	front_start(&lab, FEATURES_PLAIN | FEATURE(VHOST_NET_GUEST_TSO6));
	assert_int_equal(lab.b->offloads, OFFLOAD_TAG);
	front_leave(&lab);
	front_turn(&lab);
	front_start(&lab, FEATURES_PLAIN | FEATURE(VHOST_NET_GUEST_CSUM) |
				  FEATURE(VHOST_NET_GUEST_TSO6) | FEATURE(VHOST_NET_GUEST_UFO) |
				  FEATURE(VHOST_NET_GUEST_USO4) | FEATURE(VHOST_NET_GUEST_USO6));
	assert_int_equal(lab.b->offloads,
			 OFFLOAD_TAG | OFFLOAD_CSUM | OFFLOAD_TSO6 | OFFLOAD_UFO | OFFLOAD_USO);
	front_lab_close(&lab);
}

static void announces_a_guest_that_cannot(void **state)
{
	static const uint8_t rarp[8] = { 0x52, 0x54, 0, 0, 0, 9 };
	struct packet *pkts[XVS_BATCH_MAX];
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	lab.b->ops->disarm(lab.b, 0);
	front_say(&lab, REQUEST_SEND_RARP, rarp, sizeof(rarp));
	assert_true(front_is_awake(&lab, 0));
	assert_int_equal(lab.b->ops->rx(lab.b, 0, lab.pool, pkts, XVS_BATCH_MAX), 1);
	assert_memory_equal(pkts[0]->x.data + 6, rarp, 6);
	assert_int_equal(pkts[0]->x.data[12] << 8 | pkts[0]->x.data[13], 0x8035);
	packet_free(pkts[0]);
	lab.b->ops->rx_done(lab.b, 0);
	assert_int_equal(front_received(&lab, 0), 0);
	front_lab_close(&lab);
}

static void notes_the_mtu_of_the_guest(void **state)
{
	struct front_lab lab;
	uint64_t mtu = 9000;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	assert_int_equal(front_try(&lab, (struct front_words){ .request = REQUEST_NET_SET_MTU,
							       .payload = &mtu,
							       .size = 8 }),
			 0);
	assert_string_equal(front_fact(&lab, "guest mtu"), "9000");
	mtu = 67;
	assert_int_not_equal(front_try(&lab, (struct front_words){ .request = REQUEST_NET_SET_MTU,
								   .payload = &mtu,
								   .size = 8 }),
			     0);
	assert_string_equal(front_fact(&lab, "guest mtu"), "9000");
	front_lab_close(&lab);
}

/* ---- in-flight memory ------------------------------------------------------------------------- */

static void lends_memory_for_what_is_in_flight(void **state)
{
	struct wire_inflight wire = { 0, 0, 4, 256, 0 };
	struct front_words w = { .request = REQUEST_GET_INFLIGHT_FD,
				 .flags = FLAG_VERSION,
				 .payload = &wire,
				 .size = sizeof(wire) };
	struct front_lab lab;
	struct front_reply r;
	struct stat st;

	(void)state;
	front_lab_open(&lab);
	front_connect(&lab);
	front_protocol(&lab);
	front_features(&lab, FEATURES_PLAIN);
	front_ask(&lab, &w, &r);
	assert_int_equal(r.size, sizeof(wire));
	memcpy(&wire, r.payload, sizeof(wire));
	assert_true(r.fd >= 0);
	assert_int_equal(fstat(r.fd, &st), 0);
	/* 16 bytes and 16 a place, in whole 64 */
	assert_int_equal(wire.size, 4 * (64 + 16 * 256));
	assert_int_equal(st.st_size, wire.size);
	assert_int_equal(front_try(&lab, (struct front_words){ .request = REQUEST_SET_INFLIGHT_FD,
							       .payload = &wire,
							       .size = sizeof(wire),
							       .fds = &r.fd,
							       .fd_count = 1 }),
			 0);
	wire.size *= 2;
	assert_int_not_equal(front_try(&lab,
				       (struct front_words){ .request = REQUEST_SET_INFLIGHT_FD,
							     .payload = &wire,
							     .size = sizeof(wire),
							     .fds = &r.fd,
							     .fd_count = 1 }),
			     0);
	(void)close(r.fd);
	front_lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_what_qemu_must_find_for_its_guest),
		cmocka_unit_test(offers_no_more_than_the_operator_allows),
		cmocka_unit_test(runs_a_pair_and_says_so),
		cmocka_unit_test(runs_in_the_order_of_qemu),
		cmocka_unit_test(runs_whatever_the_order),
		cmocka_unit_test(waits_for_enable_only_with_protocol_features),
		cmocka_unit_test(gives_the_position_of_a_stopped_ring_and_goes_on_there),
		cmocka_unit_test(goes_on_where_it_was_when_the_connection_broke),
		cmocka_unit_test(keeps_rings_running_while_the_log_comes_and_goes),
		cmocka_unit_test(follows_a_new_memory_table_under_live_rings),
		cmocka_unit_test(changes_the_interrupt_of_a_live_ring),
		cmocka_unit_test(wakes_by_the_kick_of_a_ring_that_runs),
		cmocka_unit_test(clears_a_kick_that_would_block),
		cmocka_unit_test(wakes_by_time_where_no_kick_comes),
		cmocka_unit_test(stops_all_rings_at_a_reset),
		cmocka_unit_test(knows_what_the_guest_takes),
		cmocka_unit_test(announces_a_guest_that_cannot),
		cmocka_unit_test(notes_the_mtu_of_the_guest),
		cmocka_unit_test(lends_memory_for_what_is_in_flight),
	};

	return cmocka_run_group_tests_name("vhost_session", tests, NULL, NULL);
}
