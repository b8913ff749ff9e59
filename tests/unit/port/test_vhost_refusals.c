/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base unit_support */
/*
 * What a vhost-user port does not take: messages of wrong length, with wrong descriptors, about rings
 * that cannot be.  Where the front end asked it is told (REPLY_ACK) and nothing has changed; where it
 * did not, it is let go with a reason, and the next one finds a port that has lost nothing.
 */
#include "vhost_front.h"

/* ---- shape ------------------------------------------------------------------------------------ */

struct shape {
	uint32_t request;
	uint32_t size;
	uint32_t fds;
	bool has_reply;
	bool fd_is_optional;
	bool size_is_free; /* one more byte is not wrong, or wrong for other reasons */
};

static const struct shape shapes[] = {
	{ REQUEST_GET_FEATURES, 0, 0, true, false, false },
	{ REQUEST_SET_FEATURES, 8, 0, false, false, false },
	{ REQUEST_SET_OWNER, 0, 0, false, false, false },
	{ REQUEST_RESET_OWNER, 0, 0, false, false, false },
	{ REQUEST_SET_MEM_TABLE, 40, 1, false, false, false },
	{ REQUEST_SET_LOG_BASE, 16, 1, true, false, false },
	{ REQUEST_SET_LOG_FD, 8, 1, false, false, true },
	{ REQUEST_SET_VRING_NUM, 8, 0, false, false, false },
	{ REQUEST_SET_VRING_ADDR, 40, 0, false, false, false },
	{ REQUEST_SET_VRING_BASE, 8, 0, false, false, false },
	{ REQUEST_GET_VRING_BASE, 8, 0, true, false, false },
	{ REQUEST_SET_VRING_KICK, 8, 1, false, true, false },
	{ REQUEST_SET_VRING_CALL, 8, 1, false, true, false },
	{ REQUEST_SET_VRING_ERR, 8, 1, false, true, false },
	{ REQUEST_GET_PROTOCOL_FEATURES, 0, 0, true, false, false },
	{ REQUEST_SET_PROTOCOL_FEATURES, 8, 0, false, false, false },
	{ REQUEST_GET_QUEUE_NUM, 0, 0, true, false, false },
	{ REQUEST_SET_VRING_ENABLE, 8, 0, false, false, false },
	{ REQUEST_SEND_RARP, 8, 0, false, false, false },
	{ REQUEST_NET_SET_MTU, 8, 0, false, false, false },
	{ REQUEST_SET_BACKEND_REQ_FD, 0, 1, false, false, false },
	{ REQUEST_GET_INFLIGHT_FD, 24, 0, true, false, false },
	{ REQUEST_SET_INFLIGHT_FD, 24, 1, false, false, false },
	{ REQUEST_RESET_DEVICE, 0, 0, false, false, false },
	{ REQUEST_GET_MAX_MEM_SLOTS, 0, 0, true, false, false },
	{ REQUEST_ADD_MEM_REG, 40, 1, false, false, false },
	{ REQUEST_REM_MEM_REG, 40, 0, false, true, false },
	{ REQUEST_SET_STATUS, 8, 0, false, false, false },
	{ REQUEST_GET_STATUS, 0, 0, true, false, false },
};

static void begin_anew(struct front_lab *lab)
{
	front_leave(lab);
	front_turn(lab);
	front_connect(lab);
	front_protocol(lab);
}

/* Asked or not, it is refused. */
static void expect_refusal(struct front_lab *lab, const struct shape *s, uint32_t size,
			   uint32_t fds)
{
	static const uint8_t zeros[64];
	int many[4] = { lab->memory, lab->memory, lab->memory, lab->memory };
	struct front_words w = { s->request, FLAG_VERSION, zeros, size, many, fds };

	if (!s->has_reply)
		assert_int_not_equal(front_try(lab, w), 0);
	assert_false(front_is_closed(lab));
	assert_true(front_write(lab->fd, &w));
	assert_true(front_is_closed(lab));
	begin_anew(lab);
}

static void refuses_messages_of_another_length(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	begin_anew(&lab);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *s = &shapes[i];
		const uint32_t before = s->request == REQUEST_GET_INFLIGHT_FD ||
							s->request == REQUEST_SET_INFLIGHT_FD
						? 5
						: 1;

		expect_refusal(&lab, s, s->size + 1, s->fds);
		if (s->size > 0 && !s->size_is_free)
			expect_refusal(&lab, s, s->size - before, s->fds);
	}
	front_lab_close(&lab);
}

static void refuses_messages_with_other_descriptors(void **state)
{
	const unsigned files = front_open_files();
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	begin_anew(&lab);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *s = &shapes[i];

		expect_refusal(&lab, s, s->size, (s->fd_is_optional ? 1 : s->fds) + 1);
		if (s->fds > 0)
			expect_refusal(&lab, s, s->size, s->fds - 1);
	}
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

static void refuses_what_was_not_negotiated(void **state)
{
	static const uint32_t requests[] = { REQUEST_SEND_RARP, REQUEST_NET_SET_MTU,
					     REQUEST_SET_STATUS };
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		front_connect(&lab);
		front_say_u64(&lab, requests[i], 1500);
		assert_true(front_is_closed(&lab));
		assert_non_null(strstr(front_fact(&lab, "front end"), "protocol feature"));
		front_leave(&lab);
	}
	front_connect(&lab);
	/* without REPLY_ACK nobody is told */
	front_say_u64(&lab, REQUEST_SET_PROTOCOL_FEATURES, FEATURE(PROTOCOL_MQ));
	front_say_u64(&lab, REQUEST_SET_FEATURES, FEATURE(63));
	assert_true(front_is_closed(&lab));
	front_leave(&lab);
	front_connect(&lab);
	front_say_u64(&lab, REQUEST_SET_PROTOCOL_FEATURES, FEATURE(PROTOCOL_MQ) | FEATURE(40));
	assert_true(front_is_closed(&lab));
	front_lab_close(&lab);
}

/* ---- framing ---------------------------------------------------------------------------------- */

static void refuses_what_is_no_message_at_all(void **state)
{
	static const uint32_t headers[][3] = {
		{ REQUEST_GET_FEATURES, 0, 0 },
		{ REQUEST_GET_FEATURES, 2, 0 },
		{ REQUEST_GET_FEATURES, FLAG_VERSION | FLAG_REPLY, 0 },
		{ REQUEST_SET_MEM_TABLE, FLAG_VERSION, 4096 },
		{ REQUEST_SET_MEM_TABLE, FLAG_VERSION, UINT32_MAX },
		{ 0, FLAG_VERSION, 0 },
		{ 9999, FLAG_VERSION, 0 },
		{ UINT32_MAX, FLAG_VERSION, 8 },
	};
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		uint8_t bytes[20] = { 0 };

		front_connect(&lab);
		memcpy(bytes, headers[i], HEADER_BYTES);
		assert_int_equal(send(lab.fd, bytes, sizeof(bytes), 0), sizeof(bytes));
		assert_true(front_is_closed(&lab));
		front_leave(&lab);
	}
	front_lab_close(&lab);
}

static void answers_no_to_requests_that_it_does_not_know(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	begin_anew(&lab);
	assert_int_not_equal(front_try(&lab, (struct front_words){ .request = 24 }), 0);
	assert_int_not_equal(front_try(&lab, (struct front_words){ .request = 4711 }), 0);
	assert_false(front_is_closed(&lab));
	front_lab_close(&lab);
}

static void takes_a_message_byte_by_byte(void **state)
{
	const uint32_t header[3] = { REQUEST_SET_FEATURES, FLAG_VERSION, 8 };
	const uint64_t features = FEATURES_PLAIN;
	uint8_t bytes[20];
	struct front_lab lab;

	(void)state;
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), &features, sizeof(features));
	front_lab_open(&lab);
	front_connect(&lab);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(send(lab.fd, bytes + i, 1, 0), 1);
		front_turn(&lab);
	}
	assert_string_equal(front_fact(&lab, "rings"), "mrg-rxbuf version-1");
	front_lab_close(&lab);
}

static void loses_nothing_to_a_front_end_that_leaves_in_mid_sentence(void **state)
{
	const unsigned files = front_open_files();
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	for (uint32_t cut = 1; cut < HEADER_BYTES + 40; cut++) {
		uint32_t bytes[13] = { REQUEST_SET_MEM_TABLE, FLAG_VERSION, 40 };
		struct iovec iov = { bytes, cut };
		union {
			struct cmsghdr header;
			char room[CMSG_SPACE(sizeof(int))];
		} control = { 0 };
		struct msghdr h = { .msg_iov = &iov,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };

		/* its descriptor comes with the first byte */
		control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS,
						   .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(&control.header), &lab.memory, sizeof(int));
		front_connect(&lab);
		assert_int_equal(sendmsg(lab.fd, &h, 0), cut);
		front_turn(&lab);
		front_leave(&lab);
		front_turn(&lab);
	}
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

static void refuses_more_descriptors_than_any_message_has(void **state)
{
	const unsigned files = front_open_files();
	int many[FRONT_FDS];
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	for (uint32_t count = 33; count <= FRONT_FDS; count++) {
		struct front_words w = {
			REQUEST_SET_MEM_TABLE, FLAG_VERSION, many, 40, many, count
		};

		for (uint32_t i = 0; i < count; i++)
			many[i] = lab.memory;
		front_connect(&lab);
		assert_true(front_write(lab.fd, &w));
		assert_true(front_is_closed(&lab));
		front_leave(&lab);
	}
	front_lab_close(&lab);
	assert_int_equal(front_open_files(), files);
}

static void lets_go_of_a_front_end_that_does_not_read(void **state)
{
	const struct front_words w = { .request = REQUEST_GET_FEATURES, .flags = FLAG_VERSION };
	struct front_lab lab;
	bool is_taken = true;

	(void)state;
	front_lab_open(&lab);
	front_connect(&lab);
	for (int i = 0; i < 100000 && is_taken; i++) {
		is_taken = front_write(lab.fd, &w);
		if (i % 50 == 0)
			front_turn(&lab);
	}
	assert_false(is_taken);
	assert_non_null(strstr(front_fact(&lab, "front end"), "does not read our replies"));
	front_lab_close(&lab);
}

/* ---- rings ------------------------------------------------------------------------------------ */

static void refuses_rings_of_impossible_size(void **state)
{
	static const uint32_t sizes[] = { 0, 3, 255, 32769, 65536, UINT32_MAX };
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	begin_anew(&lab);
	front_features(&lab, FEATURES_PLAIN);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_not_equal(front_try_state(&lab, REQUEST_SET_VRING_NUM, 0, sizes[i]), 0);
	assert_int_equal(front_try_state(&lab, REQUEST_SET_VRING_NUM, 0, 32768), 0);
	front_features(&lab, FEATURES_PLAIN | FEATURE(VHOST_RING_PACKED));
	assert_int_equal(front_try_state(&lab, REQUEST_SET_VRING_NUM, 0, 255), 0);
	assert_int_not_equal(front_try_state(&lab, REQUEST_SET_VRING_NUM, 0, 32769), 0);
	front_lab_close(&lab);
}

/* Known only when the features come: then the ring does not run. */
static void refuses_to_start_a_split_ring_of_odd_size(void **state)
{
	struct front_lab lab;
	struct wire_ring_address address = front_address(0);
	const uint64_t nr = 0;

	(void)state;
	front_lab_open(&lab);
	begin_anew(&lab);
	assert_int_equal(front_try_state(&lab, REQUEST_SET_VRING_NUM, 0, 7), 0);
	front_features(&lab, FEATURES_PLAIN);
	front_memory(&lab);
	front_say(&lab, REQUEST_SET_VRING_ADDR, &address, sizeof(address));
	assert_int_not_equal(front_try(&lab, (struct front_words){ REQUEST_SET_VRING_KICK, 0, &nr,
								   sizeof(nr), lab.kick, 1 }),
			     0);
	assert_false(lab.b->up);
	front_lab_close(&lab);
}

static void refuses_rings_that_it_does_not_have(void **state)
{
	static const uint32_t requests[] = { REQUEST_SET_VRING_NUM, REQUEST_SET_VRING_BASE,
					     REQUEST_SET_VRING_ENABLE };
	static const uint32_t numbers[] = { RINGS, 255, 256, UINT32_MAX };
	struct wire_ring_address address = front_address(0);
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	begin_anew(&lab);
	for (size_t n = 0; n < sizeof(numbers) / sizeof(numbers[0]); n++) {
		for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
			assert_int_not_equal(front_try_state(&lab, requests[i], numbers[n], 1), 0);
		address.nr = numbers[n];
		assert_int_not_equal(
			front_try(&lab, (struct front_words){ .request = REQUEST_SET_VRING_ADDR,
							      .payload = &address,
							      .size = sizeof(address) }),
			0);
	}
	front_say_state(&lab, REQUEST_GET_VRING_BASE, RINGS, 0);
	assert_true(front_is_closed(&lab));
	front_lab_close(&lab);
}

/* Each part of a running ring in turn is put where it cannot be; the ring runs on where it was. */
static void refuses_addresses_outside_and_askew(void **state)
{
	static const uint64_t wrong[] = {
		0,     USER - 16, USER + MEMORY, USER + MEMORY - 16, USER + 0x3001, UINT64_MAX - 15,
		GUEST,
	};
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		for (int part = 0; part < 3; part++) {
			struct wire_ring_address a = front_address(1);
			uint64_t *const parts[] = { &a.desc, &a.driver, &a.device };
			const struct front_words w = { .request = REQUEST_SET_VRING_ADDR,
						       .payload = &a,
						       .size = sizeof(a) };

			/* 16 bytes from the end are enough for none of the three */
			*parts[part] = part == 0 ? wrong[i] : wrong[i] + (i == 3 ? 12 : 0);
			assert_int_not_equal(front_try(&lab, w), 0);
			assert_true(lab.b->up);
		}
	}
	assert_true(front_flows(&lab));
	front_lab_close(&lab);
}

static void refuses_kicks_that_are_no_eventfd(void **state)
{
	const uint64_t nr = 1;
	struct front_lab lab;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	front_lab_open(&lab);
	begin_anew(&lab);
	assert_int_not_equal(front_try(&lab, (struct front_words){ REQUEST_SET_VRING_KICK, 0, &nr,
								   sizeof(nr), pair, 1 }),
			     0);
	assert_int_not_equal(front_try(&lab, (struct front_words){ REQUEST_SET_VRING_CALL, 0, &nr,
								   sizeof(nr), &lab.memory, 1 }),
			     0);
	/* "there is none", and there is one */
	assert_int_not_equal(front_try(&lab, (struct front_words){ REQUEST_SET_VRING_KICK, 0,
								   &(uint64_t){ RING_NO_FD }, 8,
								   lab.kick, 1 }),
			     0);
	assert_int_not_equal(
		front_try(&lab, (struct front_words){ REQUEST_SET_VRING_KICK, 0, &nr, 8, NULL, 0 }),
		0);
	(void)close(pair[0]);
	(void)close(pair[1]);
	front_lab_close(&lab);
}

static void refuses_other_features_and_positions_while_rings_run(void **state)
{
	const uint64_t other = FEATURES_PLAIN | FEATURE(VHOST_RING_EVENT_IDX);
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	assert_int_not_equal(front_try(&lab, (struct front_words){ .request = REQUEST_SET_FEATURES,
								   .payload = &other,
								   .size = 8 }),
			     0);
	assert_int_not_equal(front_try_state(&lab, REQUEST_SET_VRING_BASE, 1, 5), 0);
	assert_int_not_equal(front_try_state(&lab, REQUEST_SET_VRING_ENABLE, 1, 2), 0);
	assert_true(front_flows(&lab));
	(void)front_base(&lab, 1);
	assert_int_not_equal(front_try_state(&lab, REQUEST_SET_VRING_BASE, 1, 65536), 0);
	assert_int_equal(front_try_state(&lab, REQUEST_SET_VRING_BASE, 1, 65535), 0);
	front_lab_close(&lab);
}

/* ---- breaking --------------------------------------------------------------------------------- */

static void closes_when_the_guest_breaks_its_ring(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	vhost_break((struct vhost_device *)lab.b, "ring 1: it told a lie");
	vhost_break((struct vhost_device *)lab.b, "another, later");
	assert_int_equal(front_received(&lab, 0), 0);
	assert_true(front_is_closed(&lab));
	assert_false(lab.b->up);
	assert_string_equal(front_fact(&lab, "front end"),
			    "the last one left because ring 1: it told a lie");
	front_leave(&lab);
	memset(lab.bytes, 0, MEMORY);
	lab.sent[1] = 0;
	front_start(&lab, FEATURES_PLAIN);
	assert_true(front_flows(&lab));
	front_lab_close(&lab);
}

static void survives_a_break_while_it_closes(void **state)
{
	struct front_lab lab;

	(void)state;
	front_lab_open(&lab);
	front_start(&lab, FEATURES_PLAIN);
	vhost_break((struct vhost_device *)lab.b, "too late");
	front_lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_messages_of_another_length),
		cmocka_unit_test(refuses_messages_with_other_descriptors),
		cmocka_unit_test(refuses_what_was_not_negotiated),
		cmocka_unit_test(refuses_what_is_no_message_at_all),
		cmocka_unit_test(answers_no_to_requests_that_it_does_not_know),
		cmocka_unit_test(takes_a_message_byte_by_byte),
		cmocka_unit_test(loses_nothing_to_a_front_end_that_leaves_in_mid_sentence),
		cmocka_unit_test(refuses_more_descriptors_than_any_message_has),
		cmocka_unit_test(lets_go_of_a_front_end_that_does_not_read),
		cmocka_unit_test(refuses_rings_of_impossible_size),
		cmocka_unit_test(refuses_to_start_a_split_ring_of_odd_size),
		cmocka_unit_test(refuses_rings_that_it_does_not_have),
		cmocka_unit_test(refuses_addresses_outside_and_askew),
		cmocka_unit_test(refuses_kicks_that_are_no_eventfd),
		cmocka_unit_test(refuses_other_features_and_positions_while_rings_run),
		cmocka_unit_test(closes_when_the_guest_breaks_its_ring),
		cmocka_unit_test(survives_a_break_while_it_closes),
	};

	return cmocka_run_group_tests_name("vhost_refusals", tests, NULL, NULL);
}
