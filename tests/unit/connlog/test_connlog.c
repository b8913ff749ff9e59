/* SPDX-License-Identifier: Apache-2.0 */
/* Records of connections: what is asked to be told, what a line says, and where it goes. */
#include "plugins/fake_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include "connlog.h"
#include "support/test.h"

struct lab {
	struct fake_host host;
	struct xvs_port port;
	struct connlog_port *state;
	struct fake_packet packet;
	struct fake_batch batch;
	char dir[TEST_PATH];
	char file[TEST_PATH + 32];
	uint64_t slot;
	struct xvs_conn conn;
};

static int lab_open(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct lab *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	(void)test_temp_dir(l->dir);
	(void)snprintf(l->file, sizeof(l->file), "%s/conns.json", l->dir);
	fake_create(&l->host, 1);
	l->port = fake_port(3, "vm1", mac);
	l->state = fake_attach(&l->host, &l->port);
	l->conn = (struct xvs_conn){ .size = sizeof(l->conn),
				     .state = XVS_CONN_NEW,
				     .proto = 6,
				     .inbound = 1,
				     .port = 3,
				     .src_port = xvs_ntoh16(50000),
				     .dst_port = xvs_ntoh16(80),
				     .packets = { 1, 0 },
				     .bytes = { 60, 0 },
				     .begin_ns = l->host.now_ns,
				     .id = 9,
				     .slot = &l->slot };
	memcpy(l->conn.src, mapped, sizeof(mapped));
	memcpy(l->conn.dst, mapped, sizeof(mapped));
	xvs_put32(l->conn.src + 12, 0x0a000002);
	xvs_put32(l->conn.dst + 12, 0x0a000001);
	*state = l;
	return 0;
}

static int lab_close(void **state)
{
	struct lab *l = *state;

	fake_detach(&l->host, l->state);
	fake_destroy(&l->host);
	test_temp_remove(l->dir);
	free(l);
	return 0;
}

static int choose(struct lab *l, uint64_t max_bytes, bool apply, struct xvs_error *err)
{
	struct connlog_policy policy = { .max_bytes = max_bytes };

	(void)snprintf(policy.file, sizeof(policy.file), "%.255s", l->file);
	return fake_policy(&l->host, NULL, "org.xvs.connlog/1", &policy, apply, err);
}

static void wants(struct lab *l, bool begins, uint32_t report_s)
{
	struct connlog_port_policy policy = { .enabled = true,
					      .begins = begins,
					      .report_s = report_s };
	struct xvs_error err;

	assert_int_equal(choose(l, 0, true, &err), 0);
	assert_int_equal(
		fake_policy(&l->host, l->state, "org.xvs.connlog.port/1", &policy, true, &err), 0);
}

static struct xvs_conn_verdict ask(struct lab *l)
{
	const struct xvs_conn_ops *ops = l->host.ext->ops->query(l->host.self, XVS_CONN);
	struct xvs_conn_verdict v = { .size = sizeof(v) };
	struct xvs_batch b = { .port_state = l->state };

	ops->authorise(l->host.self, &b, 0, &l->conn, &v);
	return v;
}

static void tell(struct lab *l, uint16_t state, uint16_t cause)
{
	const struct xvs_conn_ops *ops = l->host.ext->ops->query(l->host.self, XVS_CONN);
	struct xvs_conn_event e = { .size = sizeof(e),
				    .cause = cause,
				    .conn = &l->conn,
				    .now_ns = l->host.now_ns,
				    .counters = l->host.counters,
				    .port_state = l->state };

	l->conn.state = state;
	ops->event(l->host.self, &e);
}

static void write_all(struct lab *l)
{
	fake_mails(&l->host);
	fake_timers(&l->host);
	fake_tasks(&l->host);
}

/* The file's text; the caller frees. */
static char *text_of(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (file) {
		assert_true(fread(text, 1, 65535, file) < 65535);
		(void)fclose(file);
	}
	return text;
}

static unsigned lines_in(const char *path)
{
	char *text = text_of(path);
	unsigned lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	free(text);
	return lines;
}

static void asks_to_be_told_only_where_that_is_wanted(void **state)
{
	struct lab *l = *state;
	struct xvs_conn_verdict v = ask(l);

	assert_int_equal(v.action, XVS_CONN_ALLOW);
	assert_int_equal(v.log, 0);
	wants(l, true, 5);
	v = ask(l);
	assert_int_equal(v.action, XVS_CONN_ALLOW);
	assert_int_equal(v.log, 1);
	assert_int_equal(v.report_ms, 5000);
	assert_true(l->host.conns_invalidated >= 2);
}

static void writes_begin_report_and_end(void **state)
{
	struct lab *l = *state;
	char *text;

	wants(l, true, 1);
	tell(l, XVS_CONN_NEW, 0);
	l->host.now_ns += UINT64_C(1500000000);
	l->conn.packets[1] = 4;
	l->conn.bytes[1] = 4000;
	tell(l, XVS_CONN_ESTABLISHED, 0);
	tell(l, XVS_CONN_CLOSED, XVS_CONN_FIN);
	write_all(l);
	text = text_of(l->file);
	assert_non_null(strstr(text,
			       "\"event\":\"begin\",\"port\":\"vm1\",\"id\":9,\"direction\":"
			       "\"in\",\"segment\":0,\"proto\":\"tcp\",\"src\":\"10.0.0.2\","
			       "\"dst\":\"10.0.0.1\",\"src_port\":50000,\"dst_port\":80,"
			       "\"packets\":[1,0],\"bytes\":[60,0],\"verdict\":\"allow\"}\n"));
	assert_non_null(strstr(text, "\"event\":\"report\""));
	assert_non_null(strstr(text, "\"packets\":[1,4],\"bytes\":[60,4000],\"verdict\":\"allow\","
				     "\"cause\":\"fin\",\"seconds\":1.500000}\n"));
	free(text);
	assert_int_equal(lines_in(l->file), 3);
	assert_int_equal(l->host.counters[CONNLOG_NOTED], 3);
}

static void leaves_begins_out_if_asked_to(void **state)
{
	struct lab *l = *state;

	wants(l, false, 0);
	tell(l, XVS_CONN_NEW, 0);
	tell(l, XVS_CONN_CLOSED, XVS_CONN_IDLE);
	write_all(l);
	assert_int_equal(lines_in(l->file), 1);
}

static void tells_a_denial_from_an_end(void **state)
{
	struct lab *l = *state;
	char *text;

	wants(l, true, 0);
	tell(l, XVS_CONN_CLOSED, XVS_CONN_DENIED);
	l->slot = 0;
	tell(l, XVS_CONN_NEW, 0);
	tell(l, XVS_CONN_CLOSED, XVS_CONN_DENIED);
	write_all(l);
	text = text_of(l->file);
	assert_non_null(strstr(text, "\"event\":\"denied\""));
	assert_non_null(strstr(text, "\"verdict\":\"deny\",\"cause\":\"denied\""));
	free(text);
	assert_int_equal(lines_in(l->file), 3);
}

static void writes_icmp_ipv6_and_odd_names(void **state)
{
	struct lab *l = *state;
	struct record r = { .proto = 58, .src_port = 7, .dst_port = 0x8000, .mark = 5 };
	char line[LINE_MAX_BYTES];

	(void)l;
	r.src[15] = 1;
	(void)snprintf(r.port, sizeof(r.port), "a\"b\\\n");
	line[line_print(&r, UINT64_C(1000000000), line)] = '\0';
	assert_string_equal(
		line, "{\"time\":\"1970-01-01T00:00:01.000000Z\",\"event\":\"begin\",\"port\":"
		      "\"a\\u0022b\\u005c\\u000a\",\"id\":0,\"direction\":\"out\",\"segment\":0,"
		      "\"proto\":\"icmpv6\",\"src\":\"::1\",\"dst\":\"::\",\"icmp_id\":7,"
		      "\"icmp_type\":128,\"icmp_code\":0,\"packets\":[0,0],\"bytes\":[0,0],"
		      "\"verdict\":\"allow\",\"mark\":5}\n");
}

/* The longest of everything. */
static void a_line_always_fits(void **state)
{
	char line[LINE_MAX_BYTES];
	struct record r;
	size_t len;

	(void)state;
	memset(&r, 0xff, sizeof(r));
	r.what = HAPPENED_END;
	len = line_print(&r, 0, line);
	assert_true(len < LINE_MAX_BYTES - 1);
	assert_memory_equal(line + len - 2, "}\n", 2);
}

static void goes_on_when_the_file_is_moved_away(void **state)
{
	struct lab *l = *state;
	char moved[TEST_PATH + 64];

	(void)snprintf(moved, sizeof(moved), "%s.moved", l->file);
	wants(l, true, 0);
	tell(l, XVS_CONN_NEW, 0);
	write_all(l);
	assert_int_equal(rename(l->file, moved), 0);
	tell(l, XVS_CONN_CLOSED, XVS_CONN_FIN);
	write_all(l);
	assert_int_equal(lines_in(moved), 1);
	assert_int_equal(lines_in(l->file), 1);
}

static void turns_a_full_file_over(void **state)
{
	struct lab *l = *state;
	char old[TEST_PATH + 64];
	struct xvs_error err;

	(void)snprintf(old, sizeof(old), "%s.1", l->file);
	wants(l, true, 0);
	assert_int_equal(choose(l, 600, true, &err), 0);
	for (unsigned i = 0; i < 5; i++) {
		l->slot = 0;
		tell(l, XVS_CONN_NEW, 0);
	}
	write_all(l);
	assert_int_equal(lines_in(old), 2);
	assert_int_equal(lines_in(l->file), 1);
}

static void counts_what_it_cannot_write_and_says_so_once(void **state)
{
	struct lab *l = *state;
	struct connlog_status status;
	struct xvs_error err = { .size = sizeof(err) };

	wants(l, true, 0);
	assert_int_equal(symlink("/dev/null", l->file), 0);
	for (unsigned i = 0; i < 3; i++) {
		tell(l, XVS_CONN_NEW, 0);
		write_all(l);
	}
	assert_int_equal(l->host.logs, 1);
	memset(&status, 0, sizeof(status));
	assert_int_equal(l->host.ext->ops->status_read(l->host.self, NULL,
						       "org.xvs.connlog.status/1", &status, &err),
			 0);
	assert_int_equal(status.lost, 3);
	assert_string_not_equal(status.error, "");
	assert_int_equal(unlink(l->file), 0);
	tell(l, XVS_CONN_CLOSED, XVS_CONN_FIN);
	write_all(l);
	assert_int_equal(lines_in(l->file), 1);
}

static void counts_what_the_host_could_not_keep(void **state)
{
	struct lab *l = *state;
	struct connlog_status status = { 0 };
	struct xvs_error err = { .size = sizeof(err) };

	wants(l, true, 0);
	for (unsigned i = 0; i < FAKE_JOBS + 5; i++)
		tell(l, XVS_CONN_ESTABLISHED, 0);
	write_all(l);
	assert_int_equal(l->host.counters[CONNLOG_LOST], 5);
	assert_int_equal(l->host.ext->ops->status_read(l->host.self, NULL,
						       "org.xvs.connlog.status/1", &status, &err),
			 0);
	assert_int_equal(status.lost, 5);
	assert_int_equal(status.written, FAKE_JOBS);
}

static void writes_what_is_left_at_the_end(void **state)
{
	struct lab *l = *state;

	wants(l, true, 0);
	tell(l, XVS_CONN_NEW, 0);
	fake_mails(&l->host);
	l->host.ext->ops->destroy(l->host.self);
	assert_int_equal(lines_in(l->file), 1);
	for (unsigned i = 0; i < l->host.timer_count; i++)
		free(l->host.timers[i]);
	fake_create(&l->host, 1); /* for lab_close() */
}

static void refuses_a_file_that_cannot_be(void **state)
{
	struct lab *l = *state;
	struct xvs_error err;

	(void)snprintf(l->file, sizeof(l->file), "conns.json");
	assert_int_equal(choose(l, 0, false, &err), -EINVAL);
	assert_string_equal(err.field, "file");
	(void)snprintf(l->file, sizeof(l->file), "/nowhere/conns.json");
	assert_int_equal(choose(l, 0, false, &err), -ENOENT);
	(void)snprintf(l->file, sizeof(l->file), "%.200s", l->dir);
	assert_int_equal(choose(l, 0, false, &err), -EINVAL);
}

#define LAB_TEST(test) cmocka_unit_test_setup_teardown(test, lab_open, lab_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST(asks_to_be_told_only_where_that_is_wanted),
		LAB_TEST(writes_begin_report_and_end),
		LAB_TEST(leaves_begins_out_if_asked_to),
		LAB_TEST(tells_a_denial_from_an_end),
		LAB_TEST(writes_icmp_ipv6_and_odd_names),
		LAB_TEST(a_line_always_fits),
		LAB_TEST(goes_on_when_the_file_is_moved_away),
		LAB_TEST(turns_a_full_file_over),
		LAB_TEST(counts_what_it_cannot_write_and_says_so_once),
		LAB_TEST(counts_what_the_host_could_not_keep),
		LAB_TEST(writes_what_is_left_at_the_end),
		LAB_TEST(refuses_a_file_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
