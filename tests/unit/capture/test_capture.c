/* SPDX-License-Identifier: Apache-2.0 */
/* Captures, read back with libpcap: bytes, tags, times, names, turns of files, errors, switching. */
#include "plugins/fake_host.h"

#include <dirent.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t mac_b[6] = { 2, 0, 0, 0, 0, 2 };

struct status {
	bool capturing;
	bool full;
	uint8_t pad[2];
	uint32_t files;
	uint64_t packets, bytes, lost;
	char file[WRITER_PATH + 16];
	char error[128];
};

struct net {
	struct fake_host host;
	struct xvs_port ports[2];
	void *state[2];
	void *worker;
	struct capture_policy policy;
	struct fake_packet packet;
	struct fake_batch batch;
	char folder[64];
};

static void net_begin(struct net *n, bool has_no_task)
{
	struct xvs_error err = { .size = sizeof(err) };

	memset(n, 0, sizeof(*n));
	n->host.has_no_task = has_no_task;
	fake_create(&n->host, 2);
	assert_int_equal(n->host.ext->ops->worker_attach(n->host.self, 1, 0, &n->worker, &err), 0);
	n->ports[0] = fake_port(1, "vm1", mac_a);
	n->ports[1] = fake_port(2, "vm2", mac_b);
	for (int i = 0; i < 2; i++)
		n->state[i] = fake_attach(&n->host, &n->ports[i]);
	n->host.ext->ops->active(n->host.self, true);
	(void)snprintf(n->folder, sizeof(n->folder), "/tmp/xvs-capture-XXXXXX");
	assert_non_null(mkdtemp(n->folder));
	n->policy = (struct capture_policy){ .enabled = true, .snaplen = SNAPLEN_MAX, .files = 1 };
	(void)snprintf(n->policy.file, sizeof(n->policy.file), "%s/c.pcapng", n->folder);
}

static void net_create(struct net *n)
{
	net_begin(n, false);
}

static void path_of(const struct net *n, const char *suffix, char out[512])
{
	(void)snprintf(out, 512, "%s%s", n->policy.file, suffix);
}

static void folder_remove(const struct net *n)
{
	DIR *dir = opendir(n->folder);
	const struct dirent *entry;
	char path[512];

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%s", n->folder, entry->d_name);
		if (entry->d_name[0] != '.')
			assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(closedir(dir), 0);
	assert_int_equal(rmdir(n->folder), 0);
}

/* What is in the rings is written when the instance ends. */
static void net_end(struct net *n)
{
	for (int i = 0; i < 2; i++)
		fake_detach(&n->host, n->state[i]);
	n->host.ext->ops->worker_detach(n->host.self, n->worker);
	n->host.ext->ops->active(n->host.self, false);
	fake_destroy(&n->host);
}

static int policy_set(struct net *n, const struct capture_policy *policy, struct xvs_error *err)
{
	return fake_policy(&n->host, NULL, "org.xvs.capture/1", policy, true, err);
}

static void capture_begin(struct net *n, const char *filter)
{
	struct xvs_error err;

	(void)snprintf(n->policy.filter, sizeof(n->policy.filter), "%s", filter);
	assert_int_equal(policy_set(n, &n->policy, &err), 0);
}

/* Timers and tasks run until nothing moves. */
static void drain(struct net *n)
{
	for (int i = 0; i < 3; i++) {
		fake_timers(&n->host);
		fake_tasks(&n->host);
	}
}

static struct xvs_batch *batch(struct net *n, int port, bool is_out)
{
	struct xvs_batch *b =
		fake_batch(&n->batch, &n->host, &n->packet, n->state[port], n->worker);

	b->stage = is_out ? XVS_STAGE_EGRESS : XVS_STAGE_INGRESS;
	return b;
}

static bool is_watched(struct net *n, int port, bool is_out)
{
	return fake_judge(&n->host, batch(n, port, is_out), &n->packet.key).action ==
	       XVS_FLOW_WATCH;
}

/* As the host does: judged, and shown where it is to be watched. */
static void see(struct net *n, int port, bool is_out)
{
	if (is_watched(n, port, is_out))
		n->host.ext->ops->inspect(n->host.self, batch(n, port, is_out));
}

static void make_packet(struct net *n, uint8_t proto, uint16_t dport)
{
	const uint16_t l4[2] = { 40000, dport };

	fake_ipv4(&n->packet, mac_b, mac_a, 0x0a000001, 0x0a000002, proto, l4);
}

static void make_tagged(struct net *n, uint8_t proto, uint16_t dport, uint16_t vid)
{
	make_packet(n, proto, dport);
	memmove(n->packet.bytes + 16, n->packet.bytes + 12, 60);
	xvs_put32(n->packet.bytes + 12, 0x81000000u | vid);
	fake_parse(&n->packet, 64, 1);
}

/* Packets in a file, which libpcap must read to its end without an error. */
static int count_packets(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *file =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_pkthdr *header;
	const u_char *bytes;
	int count = 0;
	int result;

	assert_non_null(file);
	while ((result = pcap_next_ex(file, &header, &bytes)) == 1)
		count++;
	assert_int_equal(result, PCAP_ERROR_BREAK);
	pcap_close(file);
	return count;
}

static struct status status_of(const struct net *n)
{
	struct status status = { 0 };
	struct xvs_error err = { .size = sizeof(err) };

	assert_int_equal(fake_feature(&n->host, "org.xvs.capture.status/1")->bytes, sizeof(status));
	assert_int_equal(n->host.ext->ops->status_read(n->host.self, NULL,
						       "org.xvs.capture.status/1", &status, &err),
			 0);
	return status;
}

static void writes_what_was_seen(void **state)
{
	struct net n;
	char text[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *bytes;
	struct timespec mono;
	pcap_t *file;

	(void)state;
	net_create(&n);
	capture_begin(&n, "");
	make_tagged(&n, 17, 53, 10);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &mono), 0);
	n.packet.x.rx_ns = (uint64_t)mono.tv_sec * 1000000000u + (uint64_t)mono.tv_nsec;
	see(&n, 0, false);
	see(&n, 1, true);
	drain(&n);
	assert_int_equal(status_of(&n).packets, 2);
	assert_true(status_of(&n).capturing);
	net_end(&n);
	file = pcap_open_offline_with_tstamp_precision(n.policy.file, PCAP_TSTAMP_PRECISION_NANO,
						       text);
	assert_non_null(file);
	assert_int_equal(pcap_datalink(file), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(file, &header, &bytes), 1);
	assert_int_equal(header->len, 64);
	assert_int_equal(header->caplen, 64);
	assert_int_equal(xvs_get32(bytes + 12), 0x8100000a);
	assert_int_equal(xvs_get16(bytes + 16), 0x0800);
	assert_memory_equal(bytes + 16, n.packet.bytes + 12, 48);
	assert_true(llabs((long long)header->ts.tv_sec - (long long)time(NULL)) < 60);
	pcap_close(file);
	assert_int_equal(count_packets(n.policy.file), 2);
	folder_remove(&n);
}

/* Names, directions and resolution, which libpcap does not show: the blocks themselves. */
static void describes_ports_and_directions(void **state)
{
	struct net n;
	uint8_t bytes[2048];
	FILE *file;
	size_t size;
	unsigned names = 0;
	unsigned directions = 0;

	(void)state;
	net_create(&n);
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	see(&n, 0, false);
	see(&n, 1, true);
	see(&n, 0, false);
	net_end(&n);
	file = fopen(n.policy.file, "rb");
	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	assert_int_equal(fclose(file), 0);
	for (size_t at = 0; at < size;) {
		uint32_t type;
		uint32_t len;

		memcpy(&type, bytes + at, 4);
		memcpy(&len, bytes + at + 4, 4);
		assert_int_equal(len % 4, 0);
		assert_true(len >= 12 && at + len <= size);
		assert_memory_equal(bytes + at + 4, bytes + at + len - 4, 4);
		if (type == 1) {
			names++;
			assert_memory_equal(bytes + at + 20, names == 1 ? "vm1" : "vm2", 3);
			assert_int_equal(bytes[at + 24], 9); /* if_tsresol */
			assert_int_equal(bytes[at + 28], 9); /* 10^-9 */
		}
		if (type == 6)
			directions = directions * 10 + bytes[at + len - 12];
		at += len;
	}
	assert_int_equal(names, 2);
	assert_int_equal(directions, 121);
	folder_remove(&n);
}

static void cuts_packets_at_snaplen(void **state)
{
	struct net n;
	char text[PCAP_ERRBUF_SIZE];
	struct pcap_pkthdr *header;
	const u_char *bytes;
	pcap_t *file;

	(void)state;
	net_create(&n);
	n.policy.snaplen = 64;
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	n.packet.x.len = 1500;
	n.packet.x.linear = 1500;
	see(&n, 0, false);
	net_end(&n);
	file = pcap_open_offline(n.policy.file, text);
	assert_non_null(file);
	assert_int_equal(pcap_next_ex(file, &header, &bytes), 1);
	assert_int_equal(header->caplen, 64);
	assert_int_equal(header->len, 1500);
	pcap_close(file);
	folder_remove(&n);
}

/* The host makes readable what it is asked for, and no more than that may be. */
static void a_filter_looks_behind_snaplen(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	n.policy.snaplen = 64;
	capture_begin(&n, "tcp[700:4] = 1 or ether[900] = 1");
	make_packet(&n, 6, 80);
	v = fake_judge(&n.host, batch(&n, 0, false), &n.packet.key);
	assert_int_equal(v.action, XVS_FLOW_WATCH);
	assert_in_range(v.watch_bytes, 901, 901 + 64);

	n.policy.snaplen = 2000;
	capture_begin(&n, "ether[20] = 1");
	v = fake_judge(&n.host, batch(&n, 0, false), &n.packet.key);
	assert_int_equal(v.watch_bytes, 2000);
	net_end(&n);
	folder_remove(&n);
}

static void flows_that_cannot_match_are_never_seen(void **state)
{
	struct net n;
	struct xvs_flow_verdict v;

	(void)state;
	net_create(&n);
	make_packet(&n, 6, 80);
	assert_false(is_watched(&n, 0, false)); /* no policy */
	capture_begin(&n, "udp port 53");
	assert_false(is_watched(&n, 0, false));
	v = fake_judge(&n.host, batch(&n, 0, false), &n.packet.key);
	assert_int_equal(v.examined.ip_proto, 0xff);
	assert_int_equal(v.examined.l4_dst, 0);
	make_packet(&n, 17, 53);
	assert_true(is_watched(&n, 0, false));
	net_end(&n);
	folder_remove(&n);
}

static void a_watched_packet_must_match_as_well(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	capture_begin(&n, "ip[2:2] > 1000");
	make_packet(&n, 6, 80);
	assert_true(is_watched(&n, 0, false));
	see(&n, 0, false);
	xvs_put16(n.packet.bytes + 16, 1400);
	see(&n, 0, false);
	drain(&n);
	assert_int_equal(status_of(&n).packets, 1);
	assert_int_equal(n.host.counters[CAPTURE_COUNT_REJECTED], 1);
	assert_int_equal(n.host.counters[CAPTURE_COUNT_CAPTURED], 1);
	net_end(&n);
	folder_remove(&n);
}

static void captures_at_the_ports_and_in_the_direction_wanted(void **state)
{
	static const struct port_name vm2 = { "vm2" };
	struct net n;

	(void)state;
	net_create(&n);
	make_packet(&n, 6, 80);
	n.policy.ports = (struct xvs_table){ &vm2, 1, sizeof(vm2) };
	capture_begin(&n, "");
	assert_false(is_watched(&n, 0, false));
	assert_true(is_watched(&n, 1, false));
	n.policy.ports.count = 0;
	n.policy.direction = CAPTURE_OUT;
	capture_begin(&n, "");
	assert_false(is_watched(&n, 0, false));
	assert_true(is_watched(&n, 0, true));
	n.policy.direction = CAPTURE_IN;
	capture_begin(&n, "");
	assert_true(is_watched(&n, 0, false));
	assert_false(is_watched(&n, 0, true));
	net_end(&n);
	folder_remove(&n);
}

static void a_new_policy_begins_a_new_file_and_loses_nothing(void **state)
{
	struct net n;
	struct xvs_error err;
	char old[512];

	(void)state;
	net_create(&n);
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	see(&n, 0, false);
	drain(&n);
	see(&n, 0, false); /* still in the ring when the policy changes */
	capture_begin(&n, "tcp");
	see(&n, 0, false);
	drain(&n);
	fake_quiet(&n.host);
	drain(&n);
	path_of(&n, ".old", old);
	assert_int_equal(count_packets(old), 2);
	assert_int_equal(status_of(&n).packets, 1);
	assert_int_equal(policy_set(&n, NULL, &err), 0);
	assert_false(is_watched(&n, 0, false));
	fake_quiet(&n.host);
	drain(&n);
	assert_int_equal(count_packets(n.policy.file), 1);
	assert_false(status_of(&n).capturing);
	net_end(&n);
	folder_remove(&n);
}

static void enabled_false_captures_nothing(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.policy.enabled = false;
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	assert_false(is_watched(&n, 0, false));
	drain(&n);
	assert_int_not_equal(access(n.policy.file, F_OK), 0);
	net_end(&n);
	folder_remove(&n);
}

static void see_many(struct net *n, int count, uint32_t len)
{
	make_packet(n, 6, 80);
	n->packet.x.len = n->packet.x.linear = len;
	for (int i = 0; i < count; i++) {
		see(n, 0, false);
		if (i % 1000 == 999)
			drain(n);
	}
	drain(n);
}

static void stops_when_the_only_file_is_full(void **state)
{
	struct net n;
	struct stat st;
	uint64_t packets;

	(void)state;
	net_create(&n);
	n.policy.max_bytes = 1 << 20;
	capture_begin(&n, "");
	see_many(&n, 2000, 1400);
	packets = status_of(&n).packets;
	assert_true(status_of(&n).full);
	assert_false(status_of(&n).capturing);
	assert_int_equal(stat(n.policy.file, &st), 0);
	assert_true(st.st_size <= 1 << 20);
	assert_true(st.st_size > (1 << 20) - 4096);
	net_end(&n);
	assert_int_equal(count_packets(n.policy.file), packets);
	folder_remove(&n);
}

static void writes_files_in_turn(void **state)
{
	struct net n;
	char path[512];
	int packets = 0;

	(void)state;
	net_create(&n);
	n.policy.max_bytes = 1 << 20;
	n.policy.files = 3;
	capture_begin(&n, "");
	see_many(&n, 3000, 1400); /* some 4.3 MB: five files, two of them written over */
	assert_int_equal(status_of(&n).files, 5);
	assert_int_equal(status_of(&n).packets, 3000);
	assert_non_null(strstr(status_of(&n).file, "c.pcapng.1"));
	net_end(&n);
	for (int i = 0; i < 3; i++) {
		char suffix[8];

		(void)snprintf(suffix, sizeof(suffix), ".%d", i);
		path_of(&n, suffix, path);
		packets += count_packets(path);
	}
	assert_in_range(packets, 1500, 2300);
	folder_remove(&n);
}

/* A file may not grow further, as on a full disk: what is there stays readable. */
static void a_full_disk_is_told_and_leaves_whole_blocks(void **state)
{
	struct net n;
	struct rlimit before;
	struct rlimit small;

	(void)state;
	net_create(&n);
	capture_begin(&n, "");
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 100000;
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	see_many(&n, 10, 1400);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	see_many(&n, 500, 1400);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_false(status_of(&n).capturing);
	assert_string_equal(status_of(&n).error, strerror(EFBIG));
	assert_int_equal(n.host.logs, 1);
	assert_non_null(strstr(n.host.log, n.policy.file));
	assert_int_equal(count_packets(n.policy.file), 10);
	net_end(&n);
	folder_remove(&n);
}

static void a_full_ring_loses_packets_and_says_so(void **state)
{
	struct net n;
	uint64_t captured;

	(void)state;
	net_create(&n);
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	n.packet.x.len = n.packet.x.linear = 1400;
	for (int i = 0; i < 4000; i++)
		see(&n, 0, false);
	captured = n.host.counters[CAPTURE_COUNT_CAPTURED];
	assert_int_equal(captured, RING_BYTES / (sizeof(struct record) + 1400));
	assert_int_equal(status_of(&n).lost, 4000 - captured);
	drain(&n);
	assert_int_equal(status_of(&n).packets, captured);
	see(&n, 0, false); /* and there is room again */
	drain(&n);
	assert_int_equal(status_of(&n).packets, captured + 1);
	net_end(&n);
	assert_int_equal(count_packets(n.policy.file), (int)captured + 1);
	folder_remove(&n);
}

static void works_where_the_host_has_no_helper_threads(void **state)
{
	struct net n;

	(void)state;
	net_begin(&n, true);
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	see(&n, 0, false);
	fake_timers(&n.host);
	assert_int_equal(status_of(&n).packets, 1);
	net_end(&n);
	assert_int_equal(count_packets(n.policy.file), 1);
	folder_remove(&n);
}

static void a_port_may_go_before_its_packets_are_written(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	capture_begin(&n, "");
	make_packet(&n, 6, 80);
	see(&n, 1, false);
	fake_detach(&n.host, n.state[1]);
	drain(&n);
	n.state[1] = fake_attach(&n.host, &n.ports[1]);
	see(&n, 1, false);
	drain(&n);
	net_end(&n);
	assert_int_equal(count_packets(n.policy.file), 2);
	folder_remove(&n);
}

static void makes_no_file_before_it_is_active(void **state)
{
	struct net n;

	(void)state;
	net_create(&n);
	n.host.ext->ops->active(n.host.self, false);
	capture_begin(&n, "");
	drain(&n);
	assert_int_not_equal(access(n.policy.file, F_OK), 0);
	n.host.ext->ops->active(n.host.self, true);
	drain(&n);
	assert_int_equal(access(n.policy.file, F_OK), 0);
	net_end(&n);
	folder_remove(&n);
}

static void assert_refused(struct net *n, const char *field)
{
	struct xvs_error err;

	assert_true(policy_set(n, &n->policy, &err) < 0);
	assert_string_equal(err.field, field);
	assert_int_not_equal(err.text[0], '\0');
}

static void refuses_what_cannot_work(void **state)
{
	struct net n;
	char path[WRITER_PATH];

	(void)state;
	net_create(&n);
	memcpy(path, n.policy.file, sizeof(path));
	(void)snprintf(n.policy.filter, sizeof(n.policy.filter), "tcp or or udp");
	assert_refused(&n, "filter");
	n.policy.filter[0] = '\0';
	n.policy.max_bytes = 1000;
	assert_refused(&n, "max_bytes");
	n.policy.max_bytes = 0;
	(void)snprintf(n.policy.file, sizeof(n.policy.file), "c.pcapng");
	assert_refused(&n, "file");
	(void)snprintf(n.policy.file, sizeof(n.policy.file), "/nowhere-at-all/c.pcapng");
	assert_refused(&n, "file");
	(void)snprintf(n.policy.file, sizeof(n.policy.file), "/dev/null");
	assert_refused(&n, "file");
	memcpy(n.policy.file, path, sizeof(path));
	net_end(&n);
	folder_remove(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_what_was_seen),
		cmocka_unit_test(describes_ports_and_directions),
		cmocka_unit_test(cuts_packets_at_snaplen),
		cmocka_unit_test(a_filter_looks_behind_snaplen),
		cmocka_unit_test(flows_that_cannot_match_are_never_seen),
		cmocka_unit_test(a_watched_packet_must_match_as_well),
		cmocka_unit_test(captures_at_the_ports_and_in_the_direction_wanted),
		cmocka_unit_test(a_new_policy_begins_a_new_file_and_loses_nothing),
		cmocka_unit_test(enabled_false_captures_nothing),
		cmocka_unit_test(stops_when_the_only_file_is_full),
		cmocka_unit_test(writes_files_in_turn),
		cmocka_unit_test(a_full_disk_is_told_and_leaves_whole_blocks),
		cmocka_unit_test(a_full_ring_loses_packets_and_says_so),
		cmocka_unit_test(works_where_the_host_has_no_helper_threads),
		cmocka_unit_test(a_port_may_go_before_its_packets_are_written),
		cmocka_unit_test(makes_no_file_before_it_is_active),
		cmocka_unit_test(refuses_what_cannot_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
