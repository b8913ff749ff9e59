/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - the file of records.
 *
 * One thread at a time writes.  Whoever moves the file away (logrotate) gets it whole: the next write
 * begins a new one.  A file always ends with a whole line: what a full disk left half written is
 * cut off again.
 */
#ifndef CONNLOG_OUTPUT_H
#define CONNLOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { OUTPUT_PATH = 256, OUTPUT_BUFFER = 1 << 16 };

struct output {
	char path[OUTPUT_PATH]; /* of the open file */
	int fd;                 /* -1: none */
	uint64_t size, max_bytes;
	size_t used;
	char buffer[OUTPUT_BUFFER];
};

void output_init(struct output *o);
void output_finish(struct output *o); /* writes what is left; errors are nobody's any more */

/*
 * Appends to the file 'path' from now on, which is made if it is not there.  At 'max_bytes' it is
 * renamed to PATH.1, over one of that name; 0: never.  0 or -errno.
 */
int output_open(struct output *o, const char *path, uint64_t max_bytes);
/* One line; 0 or -errno of the write that it had to wait for, whose lines are lost. */
int output_add(struct output *o, const char *line, size_t len);
int output_flush(struct output *o);

#endif /* CONNLOG_OUTPUT_H */
