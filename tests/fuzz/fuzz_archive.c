/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file with a port in it that somebody else may have written.
 * links: xvs_state xvs_base pkg::jansson
 *
 * With an odd first byte the input is frames without their heads (type, flags, two bytes of length,
 * body), whose sums and sequence are made good; with an even one it is the file as it is.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "state/archive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned described;

static int on_described(void *arg, struct arrival *a, struct xvs_error *err)
{
	(void)arg;
	(void)err;
	if (described++ || a->switch_name[0] == '\0' || !a->offer)
		abort();
	return 0;
}

/* Of owners that were told of alone. */
static int on_record(void *arg, const struct content_record *r, struct xvs_error *err)
{
	(void)arg;
	(void)err;
	if (!described || r->format == 0 || r->owner[0] == '\0')
		abort();
	return 0;
}

static bool frame_read(struct archive_in *in, const uint8_t **at, size_t *left, uint64_t sequence)
{
	struct wire_head h = { .sequence = sequence };
	struct xvs_error err = ERROR_INIT;
	uint8_t head[WIRE_HEAD];
	size_t len;

	if (*left < 4)
		return false;
	h.type = (*at)[0];
	h.flags = (*at)[1];
	len = (size_t)((*at)[2] << 8 | (*at)[3]);
	*at += 4;
	*left -= 4;
	len = len < *left ? len : *left;
	h.len = (uint32_t)len;
	wire_head_write(&h, *at, head);
	if (archive_read(in, head, sizeof(head), &err) || archive_read(in, *at, len, &err))
		return false;
	*at += len;
	*left -= len;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct archive_reader reader = { on_described, on_record, NULL };
	struct archive_in *in = size ? archive_open(&reader) : NULL;
	struct xvs_error err = ERROR_INIT;
	const uint8_t *at = data + 1;
	size_t left = size - 1;

	if (!in)
		return 0;
	described = 0;
	if (data[0] & 1) {
		for (uint64_t n = 1; frame_read(in, &at, &left, n); n++)
			;
	} else {
		(void)archive_read(in, at, left, &err);
	}
	(void)archive_finish(in, &err);
	archive_close(in);
	return 0;
}
