/* SPDX-License-Identifier: Apache-2.0 */
/* links: xvs_packet xvs_base */
/* Replaying captures that anybody may have made, and recording ones that others can read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/loop.h"
#include "port/backend.h"
#include "port/pcap_file.h"
#include "xvs/extension.h"

static char folder[] = "/tmp/xvs-pcap-XXXXXX";

struct lab {
	struct loop *loop;
	struct pool *pool;
	struct backend *b;
};

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static int lab_try(struct lab *lab, const char *read_file, const char *write_file,
		   struct xvs_error *err)
{
	const struct backend_config c = {
		.kind = "pcap", .port_name = "p1", .read_file = read_file, .write_file = write_file
	};
	const struct pool_limits limits = { .packets = 8, .small = 8, .large = 4 };

	memset(lab, 0, sizeof(*lab));
	assert_int_equal(loop_create(&lab->loop, err), 0);
	lab->pool = pool_create(&limits);
	assert_non_null(lab->pool);
	return backend_open(&c, lab->loop, &lab->b, err);
}

static void lab_open(struct lab *lab, const char *read_file, const char *write_file)
{
	struct xvs_error err = ERROR_INIT;

	if (lab_try(lab, read_file, write_file, &err))
		fail_msg("%s", err.text);
}

static void lab_close(struct lab *lab)
{
	backend_close(lab->b);
	loop_drain(lab->loop);
	pool_destroy(lab->pool);
	loop_destroy(lab->loop);
}

static uint32_t receive(struct lab *lab, struct packet **out, uint32_t max)
{
	return lab->b->ops->rx(lab->b, 0, lab->pool, out, max);
}

static bool is_readable(const struct lab *lab)
{
	struct pollfd p = { .fd = lab->b->kick[0], .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* ---- files ------------------------------------------------------------------------------------- */

struct image {
	uint8_t bytes[4096];
	size_t len;
	bool is_swapped;
};

static void put32(struct image *i, uint32_t v)
{
	if (i->is_swapped)
		v = __builtin_bswap32(v);
	memcpy(i->bytes + i->len, &v, sizeof(v));
	i->len += sizeof(v);
}

static void put_header(struct image *i, uint32_t magic, uint32_t link)
{
	put32(i, magic);
	put32(i, 0x00040002);
	put32(i, 0);
	put32(i, 0);
	put32(i, 65535);
	put32(i, link);
}

static void put_record(struct image *i, uint32_t captured, uint32_t original, uint8_t seed)
{
	put32(i, 7);
	put32(i, 5);
	put32(i, captured);
	put32(i, original);
	for (uint32_t k = 0; k < captured && i->len < sizeof(i->bytes); k++)
		i->bytes[i->len++] = (uint8_t)(k + seed);
}

static const char *save(const struct image *i, const char *name)
{
	const char *path = path_of(name);
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(i->bytes, 1, i->len, file), i->len);
	assert_int_equal(fclose(file), 0);
	return path;
}

/* ---- replay ------------------------------------------------------------------------------------ */

static void reads_both_orders_and_both_fractions(void **state)
{
	static const uint32_t magics[] = { 0xa1b2c3d4, 0xa1b23c4d };

	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		struct image image = { .is_swapped = variant & 1 };
		struct xvs_error err = ERROR_INIT;
		struct pcap_record record;
		struct pcap_reader *r;

		put_header(&image, magics[variant >> 1], 1);
		put_record(&image, 60, 60, 9);
		assert_int_equal(
			pcap_reader_create(open(save(&image, "order"), O_RDONLY), &r, &err), 0);
		assert_int_equal(pcap_reader_next(r, &record, &err), 1);
		assert_int_equal(record.captured, 60);
		assert_int_equal(record.original, 60);
		assert_true(record.time_ns == (variant >> 1 ? 7000000005 : 7000005000));
		assert_memory_equal(record.bytes, image.bytes + 40, 60);
		assert_int_equal(pcap_reader_next(r, &record, &err), 0);
		pcap_reader_destroy(r);
	}
}

static void wakes_the_worker_until_the_file_ends(void **state)
{
	struct image image = { 0 };
	struct packet *pkts[8];
	struct lab lab;

	(void)state;
	put_header(&image, 0xa1b2c3d4, 1);
	put_record(&image, 60, 60, 1);
	put_record(&image, 600, 600, 2);
	lab_open(&lab, save(&image, "short"), NULL);
	assert_true(is_readable(&lab));
	assert_int_equal(receive(&lab, pkts, 1), 1);
	assert_true(is_readable(&lab));
	assert_int_equal(receive(&lab, pkts + 1, 8), 1);
	assert_int_equal(pkts[0]->x.len, 60);
	assert_int_equal(pkts[1]->x.linear, 600);
	assert_memory_equal(pkts[1]->x.data, image.bytes + 24 + 16 + 60 + 16, 600);
	assert_false(is_readable(&lab));
	assert_int_equal(receive(&lab, pkts + 2, 1), 0);
	packet_free(pkts[0]);
	packet_free(pkts[1]);
	lab_close(&lab);
}

static void waits_for_room_in_the_pool(void **state)
{
	struct image image = { 0 };
	struct packet *pkts[16];
	struct lab lab;
	uint32_t count;

	(void)state;
	put_header(&image, 0xa1b2c3d4, 1);
	for (uint8_t i = 0; i < 12; i++)
		put_record(&image, 60, 60, i);
	lab_open(&lab, save(&image, "many"), NULL);
	count = receive(&lab, pkts, 16);
	assert_int_equal(count, 8);
	assert_int_equal(receive(&lab, pkts + 8, 8), 0);
	for (uint32_t i = 0; i < 4; i++)
		packet_free(pkts[i]);
	assert_int_equal(receive(&lab, pkts, 16), 4);
	for (uint8_t i = 0; i < 4; i++)
		assert_int_equal(pkts[i]->x.data[0], 8 + i);
	for (uint32_t i = 0; i < 8; i++)
		packet_free(pkts[i]);
	lab_close(&lab);
}

static void counts_what_is_no_whole_packet(void **state)
{
	struct image image = { 0 };
	struct backend_stats stats;
	struct packet *pkts[8];
	struct lab lab;

	(void)state;
	put_header(&image, 0xa1b2c3d4, 1);
	put_record(&image, 60, 1514, 0); /* cut by whoever captured it */
	put_record(&image, 0, 0, 0);
	put_record(&image, 60, 60, 3);
	put_record(&image, 262145, 262145, 0); /* cannot be: and nothing behind it can be trusted */
	lab_open(&lab, save(&image, "odd"), NULL);
	assert_int_equal(receive(&lab, pkts, 8), 1);
	assert_int_equal(pkts[0]->x.data[0], 3);
	assert_false(is_readable(&lab));
	assert_int_equal(receive(&lab, pkts + 1, 1), 0);
	lab.b->ops->stats(lab.b, &stats);
	assert_int_equal(stats.rx_truncated, 1);
	assert_int_equal(stats.rx_errors, 2);
	packet_free(pkts[0]);
	lab_close(&lab); /* with the letter about it still under way */
}

static void refuse_image(const struct image *image, const char *text)
{
	const char *path = save(image, "bad");
	struct xvs_error err = ERROR_INIT;
	char want[256];
	struct lab lab;

	(void)snprintf(want, sizeof(want), "port p1: file %s: %s", path, text);
	assert_int_equal(lab_try(&lab, path, NULL, &err), -EINVAL);
	assert_string_equal(err.text, want);
	assert_null(lab.b);
	lab_close(&lab);
}

static void refuses_what_is_no_capture(void **state)
{
	struct image image = { .len = 0 };

	(void)state;
	refuse_image(&image, "the file is not a pcap capture");
	put_header(&image, 0xa1b2c3d4, 1);
	image.len = 23;
	refuse_image(&image, "the file is not a pcap capture");
	image.len = 0;
	put_header(&image, 0xa1b2c3d5, 1);
	refuse_image(&image, "the file is not a pcap capture");
	image.len = 0;
	put_header(&image, 0x0a0d0d0a, 1);
	refuse_image(&image, "the file is pcapng: convert it with editcap -F pcap");
	image.len = 0;
	put_header(&image, 0xa1b23c4d, 113);
	refuse_image(&image, "the capture's link type is 113: only 1 (Ethernet, without frame "
			     "check sequence) is replayed");
}

static void says_where_a_file_was_cut(void **state)
{
	static const size_t cuts[] = { 24 + 7, 24 + 16 + 59 };
	struct image image = { 0 };

	(void)state;
	put_header(&image, 0xa1b2c3d4, 1);
	put_record(&image, 60, 60, 1);
	for (int i = 0; i < 2; i++) {
		struct xvs_error err = ERROR_INIT;
		struct pcap_record record;
		struct pcap_reader *r;

		image.len = cuts[i];
		assert_int_equal(pcap_reader_create(open(save(&image, "cut"), O_RDONLY), &r, &err),
				 0);
		assert_int_equal(pcap_reader_next(r, &record, &err), -EINVAL);
		assert_string_equal(err.text, "record 1: the file ends within it");
		pcap_reader_destroy(r);
	}
}

/* ---- recording --------------------------------------------------------------------------------- */

static struct packet *make_packet(struct lab *lab, uint32_t len, uint8_t seed)
{
	struct packet *p = packet_new_linear(lab->pool, len);

	assert_non_null(p);
	for (uint32_t i = 0; i < len; i++)
		p->x.data[i] = (uint8_t)(i + seed);
	return p;
}

static void records_what_can_be_replayed(void **state)
{
	const char *path = path_of("recording");
	struct packet *sent[2];
	struct packet *got[2];
	struct lab lab;
	struct lab again;

	(void)state;
	lab_open(&lab, NULL, path);
	assert_false(is_readable(&lab));
	assert_int_equal(receive(&lab, got, 2), 0);
	sent[0] = make_packet(&lab, 60, 1);
	sent[1] = make_packet(&lab, 1000, 2);
	sent[1]->x.flags |= XVS_PKT_VLAN;
	sent[1]->x.vlan_tci = 0x0123;
	assert_int_equal(lab.b->ops->tx(lab.b, 0, sent, 2), 2);

	lab_open(&again, path, NULL);
	assert_int_equal(receive(&again, got, 2), 2);
	assert_int_equal(got[0]->x.len, 60);
	assert_memory_equal(got[0]->x.data, sent[0]->x.data, 60);
	assert_int_equal(got[1]->x.len, 1004);
	assert_memory_equal(got[1]->x.data, sent[1]->x.data, 12);
	assert_memory_equal(got[1]->x.data + 12, "\x81\x00\x01\x23", 4);
	assert_memory_equal(got[1]->x.data + 16, sent[1]->x.data + 12, 988);
	for (int i = 0; i < 2; i++) {
		packet_free(got[i]);
		packet_free(sent[i]);
	}
	lab_close(&again);
	lab_close(&lab);
}

static void stops_behind_a_whole_record_when_the_disk_is_full(void **state)
{
	const struct rlimit small = { .rlim_cur = 2500, .rlim_max = RLIM_INFINITY };
	const char *path = path_of("full");
	struct backend_stats stats;
	struct rlimit before;
	struct packet *p;
	struct stat st;
	struct lab lab;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	lab_open(&lab, NULL, path);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	p = make_packet(&lab, 1000, 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(lab.b->ops->tx(lab.b, 0, &p, 1), 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 24 + 2 * 1016);
	lab.b->ops->stats(lab.b, &stats);
	assert_true(stats.tx_errors >= 1);
	packet_free(p);
	lab_close(&lab);
}

static void refuses_files_that_it_should_not_touch(void **state)
{
	struct image image = { 0 };
	struct xvs_error err = ERROR_INIT;
	const char *fifo = path_of("fifo");
	const char *path;
	struct lab lab;
	struct stat st;

	(void)state;
	put_header(&image, 0xa1b2c3d4, 1);
	path = save(&image, "same");
	assert_int_equal(lab_try(&lab, path, path, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is the one that is replayed: choose another"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 24);
	lab_close(&lab);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(lab_try(&lab, fifo, NULL, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is not a regular file"));
	lab_close(&lab);
	assert_int_equal(lab_try(&lab, path_of("absent"), NULL, &err), -ENOENT);
	lab_close(&lab);
	assert_int_equal(lab_try(&lab, NULL, NULL, &err), -EINVAL);
	assert_string_equal(err.text, "port p1: pcap needs read_file or write_file, or both");
	lab_close(&lab);
}

/* ---- null -------------------------------------------------------------------------------------- */

static void null_takes_all_and_gives_nothing(void **state)
{
	const struct backend_config c = { .kind = "null", .port_name = "n", .offloads = true };
	struct xvs_error err = ERROR_INIT;
	struct packet *pkts[4] = { NULL };
	struct backend *b;

	(void)state;
	assert_int_equal(backend_open(&c, NULL, &b, &err), 0);
	assert_true(b->up);
	assert_true(b->offloads & OFFLOAD_USO);
	assert_int_equal(b->kick[0], -1);
	assert_int_equal(b->ops->tx(b, 0, pkts, 4), 4);
	assert_int_equal(b->ops->rx(b, 0, NULL, pkts, 4), 0);
	backend_close(b);
	backend_close(NULL);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "order", "short",     "many", "odd",  "bad",
					     "cut",   "recording", "full", "same", "fifo" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_both_orders_and_both_fractions),
		cmocka_unit_test(wakes_the_worker_until_the_file_ends),
		cmocka_unit_test(waits_for_room_in_the_pool),
		cmocka_unit_test(counts_what_is_no_whole_packet),
		cmocka_unit_test(refuses_what_is_no_capture),
		cmocka_unit_test(says_where_a_file_was_cut),
		cmocka_unit_test(records_what_can_be_replayed),
		cmocka_unit_test(stops_behind_a_whole_record_when_the_disk_is_full),
		cmocka_unit_test(refuses_files_that_it_should_not_touch),
		cmocka_unit_test(null_takes_all_and_gives_nothing),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
