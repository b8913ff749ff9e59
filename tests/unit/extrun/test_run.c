/* SPDX-License-Identifier: Apache-2.0 */
/* Runs over captures as the program makes them: what is told, what is written, and the exit status. */
#include "support/test.h"

#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "run.h"
#include "support/frames.h"

enum { FRAMES = 8 };

static struct {
	char dir[TEST_PATH];
	char in[TEST_PATH + 16], out[TEST_PATH + 16], said[TEST_PATH + 16], policy[TEST_PATH + 16];
	char text[65536];
} fixture;

/* TCP to port 23 and 80 in turn, a second apart. */
static void write_capture(const char *path)
{
	pcap_t *format = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *dumper = pcap_dump_open(format, path);

	assert_non_null(dumper);
	for (int i = 0; i < FRAMES; i++) {
		const struct frame_end from = { .host = 1, .port = 1000 };
		const struct frame_end to = { .host = 2, .port = i % 2 ? 80 : 23 };
		uint8_t bytes[2048];
		const uint32_t len = frame_tcp(bytes, from, to, (struct frame_tcp){ .flags = 2 });
		const struct pcap_pkthdr header = { .ts = { i, 0 }, .caplen = len, .len = len };

		pcap_dump((u_char *)dumper, &header, bytes);
	}
	pcap_dump_close(dumper);
	pcap_close(format);
}

static int setup(void **state)
{
	FILE *file;

	(void)state;
	(void)test_temp_dir(fixture.dir);
	(void)snprintf(fixture.in, sizeof(fixture.in), "%s/in.pcap", fixture.dir);
	(void)snprintf(fixture.out, sizeof(fixture.out), "%s/out.pcap", fixture.dir);
	(void)snprintf(fixture.said, sizeof(fixture.said), "%s/said", fixture.dir);
	(void)snprintf(fixture.policy, sizeof(fixture.policy), "%s/p.yaml", fixture.dir);
	write_capture(fixture.in);
	file = fopen(fixture.policy, "we");
	assert_non_null(file);
	assert_true(fputs("com.example.bad/1: {port: 23}\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_temp_remove(fixture.dir);
	return 0;
}

static struct run_options options(void)
{
	struct run_options o = { .modules = { XVS_TEST_EXTENSIONS "/bad/none.so" },
				 .module_count = 1,
				 .captures = { fixture.in },
				 .capture_count = 1,
				 .seed = 1,
				 .batch = 1,
				 .repeat = 1 };

	return o;
}

/* What it says on stdout and stderr is in fixture.text. */
static int said(const struct run_options *o)
{
	const int kept[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
	const int fd = open(fixture.said, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t len;
	int status;

	assert_true(fd >= 0);
	(void)fflush(stdout);
	assert_true(dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	status = run(o);
	(void)fflush(stdout);
	assert_true(dup2(kept[0], STDOUT_FILENO) >= 0 && dup2(kept[1], STDERR_FILENO) >= 0);
	(void)close(kept[0]);
	(void)close(kept[1]);
	len = pread(fd, fixture.text, sizeof(fixture.text) - 1, 0);
	assert_true(len >= 0);
	fixture.text[len] = '\0';
	(void)close(fd);
	return status;
}

static void expect(const char *part)
{
	if (!strstr(fixture.text, part))
		fail_msg("\"%s\" is not in:\n%s", part, fixture.text);
}

static void each_packet_gets_a_line_with_verdict_and_reason(void **state)
{
	struct run_options o = options();

	(void)state;
	o.policy_file = fixture.policy;
	assert_int_equal(said(&o), 0);
	expect("1     0.000000 in 54  dropped at ingress by com.example.bad: port\n");
	expect("2     1.000000 in 54  sent to up0\n");
	expect("8 packets: 4 sent, 4 dropped, 0 consumed, 0 held\n");
	expect("com.example.bad: called for 0 packets");
	expect("dropped at ingress by com.example.bad: port 4\n");
}

static void json_is_a_line_for_each_packet_and_one_for_the_sums(void **state)
{
	struct run_options o = options();
	unsigned lines = 0;

	(void)state;
	o.policy_file = fixture.policy;
	o.is_json = true;
	assert_int_equal(said(&o), 0);
	for (char *line = strtok(fixture.text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		json_t *j = json_loads(line, 0, NULL);

		assert_non_null(j);
		if (lines < FRAMES)
			assert_int_equal(json_integer_value(json_object_get(j, "packet")),
					 lines + 1);
		else
			assert_int_equal(json_integer_value(json_object_get(j, "dropped")), 4);
		json_decref(j);
	}
	assert_int_equal(lines, FRAMES + 1);
}

static void what_leaves_is_written(void **state)
{
	struct run_options o = options();
	char text[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *bytes;
	pcap_t *out;
	int count = 0;

	(void)state;
	o.policy_file = fixture.policy;
	o.out_file = fixture.out;
	assert_int_equal(said(&o), 0);
	out = pcap_open_offline(fixture.out, text);
	assert_non_null(out);
	for (; pcap_next_ex(out, &header, &bytes) == 1; count++)
		assert_int_equal(header->ts.tv_sec, 2 * count + 1);
	pcap_close(out);
	assert_int_equal(count, FRAMES / 2);
}

static void verdicts_go_on_where_the_state_was_moved(void **state)
{
	struct run_options o = options();

	(void)state;
	o.policy_file = fixture.policy;
	o.is_moved = true;
	assert_int_equal(said(&o), 0);
	expect("state moved before packet 5: 0 verdicts differ\n");
}

static void threads_and_batches_tell_the_same_sums(void **state)
{
	struct run_options o = options();

	(void)state;
	o.policy_file = fixture.policy;
	o.repeat = 100;
	o.batch = 64;
	assert_int_equal(said(&o), 0);
	expect("800 packets: 400 sent, 400 dropped, 0 consumed, 0 held\n");
	o.batch = 1;
	o.threads = 2;
	assert_int_equal(said(&o), 0);
	expect("800 packets: 400 sent, 400 dropped, 0 consumed, 0 held\n");
}

static void what_cannot_be_run_is_refused_with_the_reason(void **state)
{
	struct run_options o = options();

	(void)state;
	o.captures[0] = fixture.policy;
	assert_int_equal(said(&o), 1);
	expect("p.yaml: unknown file format");
	o = options();
	o.modules[0] = XVS_TEST_EXTENSIONS "/ext_major2.so";
	assert_int_equal(said(&o), 1);
	expect("ext_major2.so");
	o = options();
	o.extension = "com.example.other";
	assert_int_equal(said(&o), 1);
	expect("no module has the extension com.example.other");
	o = options();
	o.policy_file = fixture.in;
	assert_int_equal(said(&o), 1);
	expect("in.pcap");
}

#define RUN(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(each_packet_gets_a_line_with_verdict_and_reason),
		RUN(json_is_a_line_for_each_packet_and_one_for_the_sums),
		RUN(what_leaves_is_written),
		RUN(verdicts_go_on_where_the_state_was_moved),
		RUN(threads_and_batches_tell_the_same_sums),
		RUN(what_cannot_be_run_is_refused_with_the_reason),
	};

	log_open(XVS_LOG_ERROR, false);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
