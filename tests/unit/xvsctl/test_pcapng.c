/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read by libpcap, and its options where the format has them. */
#include "support/test.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "pcapng.h"

static uint8_t bytes[64 << 10];
static size_t len;

static FILE *written(void)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	return f;
}

static void load(FILE *f)
{
	assert_int_equal(ferror(f), 0);
	rewind(f);
	len = fread(bytes, 1, sizeof(bytes), f);
	rewind(f);
}

static uint32_t word(size_t at)
{
	uint32_t v;

	assert_true(at + sizeof(v) <= len);
	memcpy(&v, bytes + at, sizeof(v));
	return v;
}

/* The option of a block whose options begin at 'at'; NULL: it has none such. */
static const char *option(size_t at, unsigned code, unsigned *size)
{
	for (;;) {
		unsigned found = word(at) & 0xffff;

		*size = word(at) >> 16;
		if (found == code)
			return (const char *)bytes + at + 4;
		if (found == 0)
			return NULL;
		at += 4 + (*size + 3) / 4 * 4;
	}
}

static void write_two(FILE *f, const char *comment)
{
	static const uint8_t frame[61] = { 1, 2, 3 };

	pcapng_section(f);
	pcapng_interface(f, "lab/vm1", 65554);
	pcapng_packet(f, &(struct pcapng_packet){ frame, 61, 1500, UINT64_C(1700000000123456789), 0,
						  PCAPNG_INBOUND, comment });
	pcapng_packet(f, &(struct pcapng_packet){ frame, 0, 14, UINT64_C(1700000001000000000), 0,
						  PCAPNG_OUTBOUND, "" });
}

static void libpcap_reads_packets_and_times(void **state)
{
	char why[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *h;
	const u_char *data;
	FILE *f = written();
	pcap_t *p;

	(void)state;
	write_two(f, "drop guard: spoofed-mac (ingress)");
	load(f);
	p = pcap_fopen_offline_with_tstamp_precision(f, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!p)
		fail_msg("%s", why);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(p, &h, &data), 1);
	assert_int_equal(h->caplen, 61);
	assert_int_equal(h->len, 1500);
	assert_int_equal(h->ts.tv_sec, 1700000000);
	assert_int_equal(h->ts.tv_usec, 123456789);
	assert_int_equal(data[2], 3);
	assert_int_equal(pcap_next_ex(p, &h, &data), 1);
	assert_int_equal(h->caplen, 0);
	assert_int_equal(pcap_next_ex(p, &h, &data), PCAP_ERROR_BREAK);
	pcap_close(p); /* and f */
}

static void options_say_what_libpcap_does_not_ask(void **state)
{
	FILE *f = written();
	unsigned size;
	size_t interface;
	size_t packet;

	(void)state;
	write_two(f, "drop guard: runt");
	load(f);
	(void)fclose(f);
	interface = word(4);
	assert_memory_equal(option(interface + 16, 2, &size), "lab/vm1", 7);
	assert_int_equal(size, 7);
	packet = interface + word(interface + 4);
	assert_int_equal(word(packet), 6);
	assert_memory_equal(option(packet + 28 + 64, 1, &size), "drop guard: runt", 16);
	assert_int_equal(size, 16);
	assert_int_equal(*option(packet + 28 + 64, 2, &size), PCAPNG_INBOUND);
	packet += word(packet + 4);
	assert_null(option(packet + 28, 1, &size));
	assert_int_equal(*option(packet + 28, 2, &size), PCAPNG_OUTBOUND);
	assert_int_equal(packet + word(packet + 4), len);
}

static void long_texts_are_cut(void **state)
{
	FILE *f = written();
	char text[1000];
	unsigned size;
	size_t at;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	pcapng_section(f);
	pcapng_interface(f, text, 100);
	write_two(f, text);
	load(f);
	(void)fclose(f);
	at = word(4);
	assert_non_null(option(at + 16, 2, &size));
	assert_int_equal(size, PCAPNG_TEXT_MAX);
	while (at < len) {
		assert_int_equal(word(at + 4) % 4, 0);
		assert_int_equal(word(at + word(at + 4) - 4), word(at + 4));
		at += word(at + 4);
	}
	assert_int_equal(at, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libpcap_reads_packets_and_times),
		cmocka_unit_test(options_say_what_libpcap_does_not_ask),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
