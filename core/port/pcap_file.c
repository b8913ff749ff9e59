/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/pcap_file.c - a window slides over the file; a record is looked at only when the window
 * holds all of it.
 */
#include "port/pcap_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WINDOW = 2 * (PCAP_RECORD + PCAP_BYTES_MAX),
	LINK_ETHERNET = 1,
};

/* As read in our byte order. */
static const uint32_t magic_us = 0xa1b2c3d4;
static const uint32_t magic_ns = 0xa1b23c4d;
static const uint32_t magic_pcapng = 0x0a0d0d0a; /* reads the same both ways */

struct pcap_reader {
	int fd;
	bool is_swapped;
	uint32_t fraction_ns; /* 1, or 1000 */
	uint64_t records;     /* read so far */
	size_t at, end;       /* of what has not been looked at in the window */
	uint8_t window[WINDOW];
};

static uint32_t load(const uint8_t *bytes)
{
	uint32_t v;

	memcpy(&v, bytes, sizeof(v));
	return v;
}

static uint32_t number(const struct pcap_reader *r, const uint8_t *bytes)
{
	return r->is_swapped ? __builtin_bswap32(load(bytes)) : load(bytes);
}

/* 1: 'want' bytes are there; 0: the file ends before; negative: it cannot be read. */
static int fill(struct pcap_reader *r, size_t want)
{
	if (r->end - r->at >= want)
		return 1;
	memmove(r->window, r->window + r->at, r->end - r->at);
	r->end -= r->at;
	r->at = 0;
	while (r->end < want) {
		const ssize_t len = read(r->fd, r->window + r->end, WINDOW - r->end);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		if (len == 0)
			return 0;
		r->end += (size_t)len;
	}
	return 1;
}

static int read_magic(struct pcap_reader *r, struct xvs_error *err)
{
	const uint32_t magic = load(r->window);
	const uint32_t swapped = __builtin_bswap32(magic);

	if (magic == magic_pcapng)
		return error_set(err, -EINVAL, "read_file",
				 "the file is pcapng: convert it with editcap -F pcap");
	r->is_swapped = swapped == magic_us || swapped == magic_ns;
	r->fraction_ns = magic == magic_us || swapped == magic_us ? 1000 : 1;
	if (!r->is_swapped && magic != magic_us && magic != magic_ns)
		return error_set(err, -EINVAL, "read_file", "the file is not a pcap capture");
	return 0;
}

/* The upper bits of the link type say how long the checksum behind each frame is. */
static int read_header(struct pcap_reader *r, struct xvs_error *err)
{
	const int filled = fill(r, PCAP_HEADER);
	uint32_t link;
	int code;

	if (filled < 0)
		return error_set(err, filled, "read_file", "%s", strerror(-filled));
	if (!filled)
		return error_set(err, -EINVAL, "read_file", "the file is not a pcap capture");
	code = read_magic(r, err);
	if (code)
		return code;
	link = number(r, r->window + 20);
	if (link != LINK_ETHERNET)
		return error_set(err, -EINVAL, "read_file",
				 "the capture's link type is %u: only 1 (Ethernet, without frame "
				 "check sequence) is replayed",
				 link);
	r->at = PCAP_HEADER;
	return 0;
}

int pcap_reader_create(int fd, struct pcap_reader **out, struct xvs_error *err)
{
	struct pcap_reader *r = malloc(sizeof(*r));
	int code;

	if (!r) {
		(void)close(fd);
		return error_set(err, -ENOMEM, "", "out of memory");
	}
	r->fd = fd;
	r->records = 0;
	r->at = 0;
	r->end = 0;
	code = read_header(r, err);
	if (code) {
		pcap_reader_destroy(r);
		return code;
	}
	*out = r;
	return 0;
}

void pcap_reader_destroy(struct pcap_reader *r)
{
	if (!r)
		return;
	(void)close(r->fd);
	free(r);
}

static int refuse_cut(const struct pcap_reader *r, int filled, struct xvs_error *err)
{
	const unsigned long long nr = r->records + 1;

	if (filled < 0)
		return error_set(err, filled, "read_file", "record %llu: %s", nr,
				 strerror(-filled));
	return error_set(err, -EINVAL, "read_file", "record %llu: the file ends within it", nr);
}

int pcap_reader_next(struct pcap_reader *r, struct pcap_record *out, struct xvs_error *err)
{
	int filled = fill(r, PCAP_RECORD);
	struct pcap_record record;
	const uint8_t *header;

	if (filled == 0 && r->at == r->end)
		return 0;
	if (filled <= 0)
		return refuse_cut(r, filled, err);
	header = r->window + r->at;
	record.captured = number(r, header + 8);
	record.original = number(r, header + 12);
	record.time_ns = number(r, header) * UINT64_C(1000000000) +
			 (uint64_t)number(r, header + 4) * r->fraction_ns;
	if (record.captured > PCAP_BYTES_MAX)
		return error_set(err, -EINVAL, "read_file",
				 "record %llu: %u captured bytes, at most %d are possible",
				 (unsigned long long)r->records + 1, record.captured,
				 PCAP_BYTES_MAX);
	filled = fill(r, PCAP_RECORD + record.captured);
	if (filled <= 0)
		return refuse_cut(r, filled, err);
	record.bytes = r->window + r->at + PCAP_RECORD;
	r->at += PCAP_RECORD + record.captured;
	r->records++;
	*out = record;
	return 1;
}

static void store(uint8_t *to, uint32_t v)
{
	memcpy(to, &v, sizeof(v));
}

void pcap_write_header(uint8_t to[PCAP_HEADER])
{
	const uint16_t version[2] = { 2, 4 };

	memset(to, 0, PCAP_HEADER);
	store(to, magic_ns);
	memcpy(to + 4, version, sizeof(version));
	store(to + 16, PCAP_BYTES_MAX);
	store(to + 20, LINK_ETHERNET);
}

void pcap_write_record(uint8_t to[PCAP_RECORD], uint64_t time_ns, uint32_t len)
{
	store(to, (uint32_t)(time_ns / UINT64_C(1000000000)));
	store(to + 4, (uint32_t)(time_ns % UINT64_C(1000000000)));
	store(to + 8, len);
	store(to + 12, len);
}
