/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/input.c - each file has its next frame ready, and the earliest of them is the next. */
#include "input.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_LEAST = 14, FRAME_MOST = 65554 };

struct source {
	pcap_t *pcap;
	const char *name;
	const uint8_t *bytes;
	uint32_t len;
	uint64_t time_ns;
	bool is_there; /* 'bytes' are the next */
	int code;      /* of what comes behind the last */
};

struct input {
	struct source sources[INPUT_FILES_MAX];
	uint32_t count;
	uint64_t start_ns;
	uint64_t cut;
};

/* The next whole frame of this file. */
static void source_next(struct input *in, struct source *s)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	s->is_there = false;
	while ((s->code = pcap_next_ex(s->pcap, &header, &bytes)) == 1) {
		if (header->caplen < header->len || header->caplen < FRAME_LEAST ||
		    header->caplen > FRAME_MOST) {
			in->cut++;
			continue;
		}
		s->bytes = bytes;
		s->len = header->caplen;
		s->time_ns = (uint64_t)header->ts.tv_sec * UINT64_C(1000000000) +
			     (uint64_t)header->ts.tv_usec; /* nanoseconds, as asked for */
		s->is_there = true;
		return;
	}
}

static int source_open(struct input *in, struct source *s, const char *file, struct xvs_error *err)
{
	char text[PCAP_ERRBUF_SIZE];

	s->name = file;
	s->pcap = pcap_open_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!s->pcap)
		return error_set(err, -EINVAL, "", "%.80s: %.90s", file, text);
	if (pcap_datalink(s->pcap) != DLT_EN10MB)
		return error_set(err, -EINVAL, "",
				 "%.100s: its link type is %d: only Ethernet (1) is run", file,
				 pcap_datalink(s->pcap));
	source_next(in, s);
	return 0;
}

int input_open(const char *const *files, uint32_t count, struct input **out, struct xvs_error *err)
{
	struct input *in = calloc(1, sizeof(*in));
	int code = 0;

	if (!in)
		return error_set(err, -ENOMEM, "", "out of memory");
	for (; code == 0 && in->count < count; in->count++)
		code = source_open(in, &in->sources[in->count], files[in->count], err);
	if (code) {
		input_close(in);
		return code;
	}
	in->start_ns = UINT64_MAX;
	for (uint32_t i = 0; i < count; i++)
		if (in->sources[i].is_there && in->sources[i].time_ns < in->start_ns)
			in->start_ns = in->sources[i].time_ns;
	*out = in;
	return 0;
}

void input_close(struct input *in)
{
	for (uint32_t i = 0; in && i < in->count; i++)
		if (in->sources[i].pcap)
			pcap_close(in->sources[i].pcap);
	free(in);
}

bool input_source(const struct input *in, uint32_t file, uint8_t mac[6])
{
	const struct source *s = &in->sources[file];

	if (s->is_there)
		memcpy(mac, s->bytes + 6, 6);
	return s->is_there;
}

static struct source *earliest(struct input *in)
{
	struct source *first = NULL;

	for (uint32_t i = 0; i < in->count; i++) {
		struct source *s = &in->sources[i];

		if (s->is_there && (!first || s->time_ns < first->time_ns))
			first = s;
	}
	return first;
}

/* Times that go back are those of the frame before. */
static uint64_t since_start(const struct input *in, uint64_t time_ns)
{
	return time_ns > in->start_ns ? time_ns - in->start_ns : 0;
}

static int refuse_damaged(const struct input *in, struct xvs_error *err)
{
	for (uint32_t i = 0; i < in->count; i++) {
		const struct source *s = &in->sources[i];

		if (!s->is_there && s->code != PCAP_ERROR_BREAK) /* the end of a file */
			return error_set(err, -EINVAL, "", "%.80s: %.90s", s->name,
					 pcap_geterr(s->pcap));
	}
	return 0;
}

int input_next(struct input *in, struct frame *out, struct xvs_error *err)
{
	static uint8_t
		bytes[FRAME_MOST]; /* the file's own are gone when the one behind is looked at */
	struct source *s = earliest(in);

	if (!s)
		return refuse_damaged(in, err);
	memcpy(bytes, s->bytes, s->len);
	*out = (struct frame){ .bytes = bytes,
			       .len = s->len,
			       .file = (uint32_t)(s - in->sources),
			       .time_ns = since_start(in, s->time_ns) };
	source_next(in, s);
	return 1;
}

uint64_t input_cut(const struct input *in)
{
	return in->cut;
}
