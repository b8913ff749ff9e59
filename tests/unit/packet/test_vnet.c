/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_base */
#include "base/hash.h"
#include "frames.h"

static struct frame frame;
static struct lent lent;
static struct pool *pool;

static int start(void **state)
{
	(void)state;
	hash_start();
	pool = full_pool();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	finish_pool(pool);
	return 0;
}

static void reads_little_endian_facts(void **state)
{
	static const uint8_t header[12] = { 1, 0x81, 66, 0, 0xa8, 5, 34, 0, 16, 0, 9, 9 };
	struct packet *p = packet_new(pool);

	(void)state;
	for (uint32_t size = VNET_BYTES_LEGACY; size <= VNET_BYTES; size += 2) {
		assert_true(vnet_read(p, header, size));
		assert_int_equal(p->x.flags, XVS_PKT_CSUM_TODO);
		assert_int_equal(p->x.gso_type, 0x81);
		assert_int_equal(p->x.gso_size, 1448);
		assert_int_equal(p->x.csum_start, 34);
		assert_int_equal(p->x.csum_off, 16);
	}
	packet_free(p);
}

static void an_empty_header_says_nothing(void **state)
{
	static const uint8_t header[12];
	struct packet *p = packet_new(pool);

	(void)state;
	p->x.flags = XVS_PKT_CSUM_OK | XVS_PKT_CSUM_TODO | XVS_PKT_VLAN;
	p->x.gso_size = 5;
	assert_true(vnet_read(p, header, VNET_BYTES));
	assert_int_equal(p->x.flags, XVS_PKT_VLAN);
	assert_int_equal(p->x.gso_size, 0);
	packet_free(p);
}

static void data_valid_is_a_good_sum(void **state)
{
	static const uint8_t header[12] = { 2 };
	struct packet *p = packet_new(pool);

	(void)state;
	assert_true(vnet_read(p, header, VNET_BYTES));
	assert_int_equal(p->x.flags, XVS_PKT_CSUM_OK);
	packet_free(p);
}

static void refuses_what_was_never_offered(void **state)
{
	static const uint8_t good[] = { 0, 1, 3, 4, 5, 0x80, 0x81, 0x83, 0x84, 0x85 };
	uint8_t header[12] = { 0 };
	struct packet *p = packet_new(pool);

	(void)state;
	for (uint32_t type = 0; type < 256; type++) {
		header[1] = (uint8_t)type;
		assert_int_equal(vnet_read(p, header, VNET_BYTES),
				 memchr(good, (int)type, sizeof(good)) != NULL);
	}
	header[1] = 0;
	for (uint32_t size = 0; size < VNET_BYTES_LEGACY; size++)
		assert_false(vnet_read(p, header, size));
	packet_free(p);
}

static void writes_what_it_read(void **state)
{
	static const uint8_t in[12] = { 1, 1, 0, 0, 0xa8, 5, 34, 0, 16, 0, 0, 0 };
	static const uint8_t untagged[12] = { 1, 1, 74, 0, 0xa8, 5, 34, 0, 16, 0, 1, 0 };
	static const uint8_t tagged[12] = { 1, 1, 78, 0, 0xa8, 5, 38, 0, 16, 0, 1, 0 };
	uint8_t out[13];
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 6, .tcp_options = 5, .payload = 3000 });
	p = lend(pool, &lent, frame.bytes, frame.len, 128);
	assert_true(vnet_read(p, in, VNET_BYTES));
	packet_parse(p, &bad);
	assert_int_equal(bad, 0);
	memset(out, 0xee, sizeof(out));
	vnet_write(p, out, VNET_BYTES, 0);
	assert_memory_equal(out, untagged, 12);
	vnet_write(p, out, VNET_BYTES, 4);
	assert_memory_equal(out, tagged, 12);
	memset(out, 0xee, sizeof(out));
	vnet_write(p, out, VNET_BYTES_LEGACY, 0);
	assert_memory_equal(out, untagged, 10);
	assert_int_equal(out[10], 0xee);
	packet_free(p);
}

static void a_good_sum_is_passed_on(void **state)
{
	uint8_t out[12];
	struct packet *p = packet_new(pool);

	(void)state;
	p->x.flags = XVS_PKT_CSUM_OK;
	vnet_write(p, out, VNET_BYTES, 0);
	assert_int_equal(out[0], 2);
	assert_int_equal(out[1], 0);
	packet_free(p);
}

static void assert_wire(const struct packet *p)
{
	static uint8_t flat[FRAME_MAX];
	struct iovec iov[TAILS_MAX + 4];
	uint8_t tag[4];
	int runs = packet_wire_iov(p, tag, iov, TAILS_MAX + 4);
	uint32_t len = 0;

	assert_true(runs > 0);
	for (int i = 0; i < runs; i++) {
		memcpy(flat + len, iov[i].iov_base, iov[i].iov_len);
		len += (uint32_t)iov[i].iov_len;
	}
	assert_int_equal(len, frame.len);
	assert_memory_equal(flat, frame.bytes, len);
}

/* What the parser took out comes back where it was. */
static void the_wire_sees_the_tag_again(void **state)
{
	(void)state;
	for (uint8_t tags = 0; tags <= 2; tags++) {
		for (uint32_t linear = 0; linear <= 128; linear++) {
			struct packet *p;
			uint16_t bad;

			build(&frame, &(struct shape){ .proto = 17, .tags = tags, .payload = 200 });
			p = lend(pool, &lent, frame.bytes, frame.len, linear);
			packet_parse(p, &bad);
			assert_int_equal(bad, 0);
			assert_wire(p);
			packet_free(p);
		}
	}
}

static void too_few_runs_for_the_wire(void **state)
{
	struct iovec iov[4];
	uint8_t tag[4];
	struct packet *p;
	uint16_t bad;

	(void)state;
	build(&frame, &(struct shape){ .proto = 17, .tags = 1, .payload = 20 });
	p = load(pool, frame.bytes, frame.len);
	packet_parse(p, &bad);
	for (int max = 0; max < 3; max++)
		assert_int_equal(packet_wire_iov(p, tag, iov, max), -1);
	assert_int_equal(packet_wire_iov(p, tag, iov, 3), 3);
	p->x.linear = 13;
	assert_int_equal(packet_wire_iov(p, tag, iov, 4), -1);
	packet_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_little_endian_facts),
		cmocka_unit_test(an_empty_header_says_nothing),
		cmocka_unit_test(data_valid_is_a_good_sum),
		cmocka_unit_test(refuses_what_was_never_offered),
		cmocka_unit_test(writes_what_it_read),
		cmocka_unit_test(a_good_sum_is_passed_on),
		cmocka_unit_test(the_wire_sees_the_tag_again),
		cmocka_unit_test(too_few_runs_for_the_wire),
	};

	return cmocka_run_group_tests(tests, start, finish);
}
