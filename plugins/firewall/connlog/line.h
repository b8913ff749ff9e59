/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.h - one thing that happened to a connection: as a worker notes it, and as a line of JSON.
 */
#ifndef CONNLOG_LINE_H
#define CONNLOG_LINE_H

#include <stddef.h>

#include "xvs/extension.h"

enum { PORT_NAME_MAX = 64, LINE_MAX_BYTES = 1024 };

enum happening { HAPPENED_BEGIN, HAPPENED_REPORT, HAPPENED_END, HAPPENED_DENIED };

/* Posted by value; at most XVS_MAIL_BYTES_MAX. */
struct record {
	uint64_t id;
	uint64_t now_ns, begin_ns; /* of the host's clock */
	uint64_t packets[2], bytes[2];
	uint32_t segment;
	uint32_t mark;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port; /* host order; ICMP: id, and type * 256 + code */
	uint8_t proto;
	uint8_t inbound;
	uint8_t what;  /* enum happening */
	uint8_t cause; /* enum xvs_conn_cause of an end */
	char port[PORT_NAME_MAX];
};

/*
 * [any] The line with its newline; its length.  'epoch_ns' is what the host's clock is behind that
 * of the day (RFC 3339 time in UTC).
 */
size_t line_print(const struct record *r, uint64_t epoch_ns, char out[LINE_MAX_BYTES]);

#endif /* CONNLOG_LINE_H */
