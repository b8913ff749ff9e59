/* SPDX-License-Identifier: Apache-2.0 */
/*
 * writer.h - the files of one capture.
 *
 * One thread at a time writes (the drain); what status shows is atomic.  A file always ends with
 * a whole block: what a full disk left half written is cut off again.
 */
#ifndef CAPTURE_WRITER_H
#define CAPTURE_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "pcapng.h"
#include "ring.h"
#include "xvs/extension.h"

enum { WRITER_PATH = 256, WRITER_BUFFER = 1 << 19, SNAPLEN_MAX = 262144 };

/* A port, as the file names it.  Numbered anew in each file, when its first packet comes. */
struct iface {
	struct iface *next;
	char name[PCAPNG_NAME_MAX + 1];
	uint64_t file; /* serial number of the file in which it has 'nr' */
	uint32_t nr;
	uint32_t pad;
	uint64_t gone_at; /* drains begun when its port was detached; 0: it is attached */
};

struct writer {
	const struct xvs_host *host;
	char path[WRITER_PATH];
	uint64_t max_bytes; /* of a file; 0: no limit */
	uint32_t files;     /* 1: stop when full; else so many in turn */
	uint32_t snaplen;

	int fd;            /* -1: none yet */
	uint32_t used;     /* of buffer */
	off_t size;        /* of the file, without what is in the buffer */
	uint64_t file;     /* serial number of this file in this process */
	uint64_t epoch_ns; /* real time minus monotonic */
	uint32_t ifaces;   /* described in this file */
	bool finished;     /* nothing is opened any more */

	/* status */
	_Atomic uint32_t opened; /* files, ever */
	_Atomic int error;       /* errno value: no more is written */
	_Atomic bool full;       /* the same, for max_bytes */
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes; /* of packets, as captured */

	uint8_t buffer[WRITER_BUFFER];
};

/* [control] Opens nothing yet. */
void writer_init(struct writer *w, const struct xvs_host *host);

/* [drain] The file exists, with its header, once this has been called. */
void writer_open(struct writer *w);
/* [drain] */
void writer_packet(struct writer *w, const struct record *record);
/* [drain] What was given is in the file. */
void writer_flush(struct writer *w);
/* [drain] The same, and that was all. */
void writer_finish(struct writer *w);

/* [any] Name of the file that is, or will be, number 'opened'. */
void writer_name(const struct writer *w, uint32_t opened, char out[WRITER_PATH + 16]);

#endif /* CAPTURE_WRITER_H */
