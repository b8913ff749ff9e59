/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/pcap_file.h - the classic capture format (draft-ietf-opsawg-pcap): reading it from files
 * that anybody may have made, and writing it.
 *
 *      header:  4 magic, 2+2 version, 4+4 reserved, 4 longest record, 4 link type
 *      record:  4 seconds, 4 fraction, 4 captured bytes, 4 original bytes, the captured bytes
 *
 * Both byte orders and both fractions (micro- and nanoseconds) are read; what we write is in our
 * byte order, with nanoseconds.
 */
#ifndef XVS_PORT_PCAP_FILE_H
#define XVS_PORT_PCAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
	PCAP_HEADER = 24,
	PCAP_RECORD = 16,
	PCAP_BYTES_MAX = 262144, /* longer records are malformed, as for other readers */
};

struct pcap_record {
	uint64_t time_ns; /* since 1970 */
	uint32_t captured;
	uint32_t original;    /* more than 'captured': the rest was cut off */
	const uint8_t *bytes; /* until the next call */
};

/* [control] Takes the descriptor, also in failure.  A header that is none of ours is refused. */
struct pcap_reader;
int pcap_reader_create(int fd, struct pcap_reader **out, struct xvs_error *err);
void pcap_reader_destroy(struct pcap_reader *r); /* NULL is fine */

/* [any] 1: a record; 0: the end; negative: malformed or unreadable, and so is all behind it. */
int pcap_reader_next(struct pcap_reader *r, struct pcap_record *out, struct xvs_error *err);

/* [any] */
void pcap_write_header(uint8_t to[PCAP_HEADER]);
void pcap_write_record(uint8_t to[PCAP_RECORD], uint64_t time_ns, uint32_t len);

#endif /* XVS_PORT_PCAP_FILE_H */
