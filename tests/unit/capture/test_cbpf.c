/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: our interpreter against libpcap's, and what tracing claims against what is true. */
#include "plugins/fake_host.h"

#include <pcap/pcap.h>

#include "filter.h"

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t mac_b[6] = { 2, 0, 0, 0, 0, 2 };

static const char *const expressions[] = {
	"arp",
	"arp or icmp",
	"ip6",
	"tcp",
	"udp",
	"icmp6",
	"not tcp",
	"tcp port 80",
	"port 53",
	"udp and dst port 53",
	"tcp portrange 80-90",
	"host 10.0.0.5",
	"src net 10.0.0.0/24",
	"ether host 02:00:00:00:00:01",
	"ether multicast",
	"vlan",
	"vlan 10",
	"vlan and tcp port 80",
	"tcp[tcpflags] & tcp-syn != 0",
	"icmp[icmptype] == icmp-echo",
	"ip[6:2] & 0x1fff == 0",
	"ip[8] < 5",
	"len > 100",
	"greater 60",
	"ip[2:2] > 40",
	"tcp and ip[1] == 0x10",
	"ip6 host 2001:db8::1",
	"ip6 and udp port 547",
	"arp host 10.0.0.5",
	"ip multicast",
	"tcp[20:2] = 0x4745",
	"sctp port 5000",
	"(tcp or udp) and not port 22 and net 10",
	"ether[0] & 1 = 0 and ip[16] >= 224",
	"ip proto 47",
	"tcp[13] = 2 or udp[4:2] > 8",
};
enum { EXPRESSIONS = sizeof(expressions) / sizeof(expressions[0]) };

static struct cbpf_program *compile(const char *expression)
{
	struct xvs_error err = { .size = sizeof(err) };
	struct cbpf_program *program = NULL;

	if (filter_compile(expression, &program, &err) != 0)
		print_error("%s: %s\n", expression, err.text);
	assert_non_null(program);
	return program;
}

/* A packet of some kind with small random values, so that filters match now and then. */
static void random_packet(struct fake_packet *p, uint64_t *random)
{
	static const uint8_t protos[] = { 6, 17, 1, 132, 47 };
	static const uint16_t ports[] = { 80, 53, 22, 547, 5000, 443 };
	static const uint8_t v6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	uint64_t r = xvs_random(random);
	const uint16_t l4[2] = { ports[(r >> 8) % 6], ports[(r >> 16) % 6] };
	const uint8_t *src = r & 1 ? mac_a : mac_b;

	if ((r >> 24) % 5 == 0) {
		fake_ethernet(p, mac_a, src, 0x0806);
		xvs_put32(p->bytes + 14, 0x00010800);
		xvs_put32(p->bytes + 18, 0x06040001);
		xvs_put32(p->bytes + 28, 0x0a000005 + (uint32_t)(r >> 32) % 2);
		xvs_put32(p->bytes + 38, 0x0a000005);
	} else if ((r >> 24) % 5 == 1) {
		fake_ipv6(p, mac_a, src, v6, v6, r & 2 ? 58 : (uint8_t)(r & 4 ? 17 : 44));
		xvs_put16(p->bytes + 54, l4[0]);
		xvs_put16(p->bytes + 56, l4[1]);
	} else {
		fake_ipv4(p, mac_b, src, 0x0a000005 + (uint32_t)(r >> 32) % 2, 0xe0000001,
			  protos[(r >> 40) % 5], l4);
		if ((r >> 48) % 4 == 0)
			xvs_put16(p->bytes + 20, (uint16_t)(r >> 50));
		if ((r >> 52) % 8 == 0)
			p->bytes[14] = 0x46;
	}
	if ((r >> 56) % 3 == 0) {
		memmove(p->bytes + 16, p->bytes + 12, 100);
		xvs_put32(p->bytes + 12, 0x81000000 | (uint32_t)(r >> 60 & 1 ? 10 : 20));
	}
	p->bytes[60] = p->bytes[61] = (uint8_t)r;
}

static void accepts_what_libpcap_accepts(void **state)
{
	uint64_t random = 11;
	unsigned accepted = 0;

	(void)state;
	for (int e = 0; e < EXPRESSIONS; e++) {
		struct cbpf_program *program = compile(expressions[e]);

		for (int k = 0; k < 3000; k++) {
			struct fake_packet p;
			struct frame f;
			uint8_t flat[256];
			uint32_t len = 40 + (uint32_t)(xvs_random(&random) % 80);
			bool want;

			random_packet(&p, &random);
			fake_parse(&p, len, 1);
			f = frame_of(&p.x);
			assert_int_equal(f.linear, len);
			frame_copy(&f, flat, f.linear);
			want = bpf_filter((const struct bpf_insn *)(const void *)program->insns,
					  flat, f.len, f.linear) != 0;
			assert_int_equal(cbpf_run(program, &f), want);
			accepted += want;
		}
		free(program);
	}
	assert_true(accepted > 1000);
}

static bool is_equal_where(const struct xvs_flow_key *a, const struct xvs_flow_key *b,
			   const struct xvs_flow_key *mask)
{
	const uint8_t *x = (const uint8_t *)a;
	const uint8_t *y = (const uint8_t *)b;
	const uint8_t *m = (const uint8_t *)mask;

	for (size_t i = 0; i < sizeof(*a); i++) {
		if ((x[i] ^ y[i]) & m[i])
			return false;
	}
	return true;
}

/* The frame of 'p' with some bytes changed, parsed anew. */
static void mutate(const struct fake_packet *p, struct fake_packet *out, uint64_t *random)
{
	struct frame f = frame_of(&p->x);
	uint32_t len = 40 + (uint32_t)(xvs_random(random) % 80);
	uint64_t r = xvs_random(random);

	memset(out, 0, sizeof(*out));
	frame_copy(&f, out->bytes, f.linear);
	for (uint64_t i = 0; i <= r % 6; i++)
		out->bytes[xvs_random(random) % 64] = (uint8_t)xvs_random(random);
	fake_parse(out, len, 1);
}

/*
 * What cbpf_trace() answers for a packet, cbpf_run() answers for every packet whose key is equal
 * in the bits marked.  (A shorter one may be rejected where this one is accepted.)
 */
static void what_tracing_says_holds_for_equal_keys(void **state)
{
	uint64_t random = 12;
	unsigned compared = 0;

	(void)state;
	for (int e = 0; e < EXPRESSIONS; e++) {
		struct cbpf_program *program = compile(expressions[e]);

		for (int k = 0; k < 200; k++) {
			struct fake_packet p;
			struct fake_packet other;
			struct xvs_flow_key seen = { 0 };
			struct keymap map = { &p.key, &seen };
			struct frame f;

			random_packet(&p, &random);
			fake_parse(&p, 100, 1);
			f = frame_of(&p.x);
			if (cbpf_trace(program, &f, &map) != CBPF_NO)
				continue;
			assert_false(cbpf_run(program, &f));
			for (int i = 0; i < 200; i++) {
				struct frame g;

				mutate(&p, &other, &random);
				g = frame_of(&other.x);
				if (!is_equal_where(&p.key, &other.key, &seen))
					continue;
				if (cbpf_run(program, &g))
					fail_msg("'%s' accepts what tracing ruled out",
						 expressions[e]);
				compared++;
			}
		}
		free(program);
	}
	assert_true(compared > 100000);
}

static enum cbpf_answer trace(const char *expression, const struct fake_packet *p,
			      struct xvs_flow_key *seen)
{
	struct cbpf_program *program = compile(expression);
	struct frame f = frame_of(&p->x);
	struct keymap map = { &p->key, seen };
	enum cbpf_answer answer;

	memset(seen, 0, sizeof(*seen));
	answer = cbpf_trace(program, &f, &map);
	free(program);
	return answer;
}

static void rules_out_tcp_by_its_protocol_alone(void **state)
{
	const uint16_t l4[2] = { 40000, 80 };
	struct xvs_flow_key want = { .ethertype = 0xffff,
				     .ip_proto = 0xff,
				     .bits = XVS_KEY_VLAN | XVS_KEY_VLAN2 };
	struct xvs_flow_key seen;
	struct fake_packet p;

	(void)state;
	fake_ipv4(&p, mac_b, mac_a, 1, 2, 6, l4);
	assert_int_equal(trace("arp or icmp", &p, &seen), CBPF_NO);
	assert_memory_equal(&seen, &want, sizeof(want));
}

static void tells_ports_though_not_the_fragment_bits(void **state)
{
	const uint16_t l4[2] = { 40000, 443 };
	struct xvs_flow_key seen;
	struct fake_packet p;

	(void)state;
	fake_ipv4(&p, mac_b, mac_a, 1, 2, 6, l4);
	assert_int_equal(trace("port 53", &p, &seen), CBPF_NO);
	assert_int_equal(seen.l4_dst, 0xffff);
	assert_true(seen.bits & XVS_KEY_LATER);
	assert_int_equal(trace("port 443", &p, &seen), CBPF_YES);
	assert_int_equal(trace("tcp[tcpflags] & tcp-syn != 0", &p, &seen), CBPF_NO);
	p.bytes[14] = 0x46; /* with options the ports are elsewhere */
	fake_parse(&p, 60, 1);
	assert_int_equal(trace("port 53", &p, &seen), CBPF_UNKNOWN);
}

static void tells_behind_a_tag(void **state)
{
	const uint16_t l4[2] = { 40000, 443 };
	struct xvs_flow_key seen;
	struct fake_packet p;

	(void)state;
	fake_ipv4(&p, mac_b, mac_a, 1, 2, 6, l4);
	memmove(p.bytes + 16, p.bytes + 12, 60);
	xvs_put32(p.bytes + 12, 0x81000014);
	fake_parse(&p, 64, 1);
	assert_int_equal(trace("vlan 10", &p, &seen), CBPF_NO);
	assert_int_equal(trace("vlan 20", &p, &seen), CBPF_YES);
	assert_int_equal(trace("vlan 20 and tcp port 22", &p, &seen), CBPF_NO);
	assert_int_equal(trace("tcp port 443", &p, &seen), CBPF_NO); /* untagged only, says pcap */
}

static void does_not_claim_what_the_key_does_not_tell(void **state)
{
	static const char *const beyond[] = { "len > 1000",         "ip[2:2] > 4000",
					      "tcp[4:4] = 1",       "ip[4:2] = 1",
					      "tcp[20:2] = 0x4745", "ether[200] = 1",
					      "ip[6] & 0x40 != 0" };
	const uint16_t l4[2] = { 40000, 443 };
	struct xvs_flow_key seen;
	struct fake_packet p;

	(void)state;
	fake_ipv4(&p, mac_b, mac_a, 1, 2, 6, l4);
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++)
		assert_int_equal(trace(beyond[i], &p, &seen), CBPF_UNKNOWN);
}

static void refuses_programs_that_are_none(void **state)
{
	static const struct cbpf_insn wrong[][2] = {
		{ { 0x06, 0, 0, 1 }, { 0x00, 0, 0, 0 } }, /* does not end with a return */
		{ { 0x15, 1, 0, 0 }, { 0x06, 0, 0, 0 } }, /* jumps behind the end */
		{ { 0x05, 0, 0, 1 }, { 0x06, 0, 0, 0 } },
		{ { 0x05, 0, 0, 0xffffffff }, { 0x06, 0, 0, 0 } },
		{ { 0x34, 0, 0, 0 }, { 0x06, 0, 0, 0 } },  /* divides by zero */
		{ { 0x60, 0, 0, 16 }, { 0x06, 0, 0, 0 } }, /* memory that is not there */
		{ { 0x02, 0, 0, 16 }, { 0x06, 0, 0, 0 } },
		{ { 0xff, 0, 0, 0 }, { 0x06, 0, 0, 0 } }, /* no instruction */
		{ { 0x128, 0, 0, 0 }, { 0x06, 0, 0, 0 } },
		{ { 0x64, 0, 0, 32 }, { 0x06, 0, 0, 0 } }, /* shifts by the whole word */
	};
	static const struct cbpf_insn right[] = { { 0x28, 0, 0, 12 }, { 0x06, 0, 0, 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(cbpf_is_valid(wrong[i], 2));
	assert_true(cbpf_is_valid(right, 2));
	assert_false(cbpf_is_valid(right, 0));
}

static void says_what_libpcap_says_of_an_expression(void **state)
{
	struct xvs_error err = { .size = sizeof(err) };
	struct cbpf_program *program = NULL;

	(void)state;
	assert_int_equal(filter_compile("tcp prot 80", &program, &err), -EINVAL);
	assert_string_equal(err.field, "filter");
	assert_non_null(strstr(err.text, "syntax error"));
	assert_int_equal(filter_compile("", &program, &err), 0);
	assert_null(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_what_libpcap_accepts),
		cmocka_unit_test(what_tracing_says_holds_for_equal_keys),
		cmocka_unit_test(rules_out_tcp_by_its_protocol_alone),
		cmocka_unit_test(tells_ports_though_not_the_fragment_bits),
		cmocka_unit_test(tells_behind_a_tag),
		cmocka_unit_test(does_not_claim_what_the_key_does_not_tell),
		cmocka_unit_test(refuses_programs_that_are_none),
		cmocka_unit_test(says_what_libpcap_says_of_an_expression),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
