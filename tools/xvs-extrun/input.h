/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/input.h - frames of several captures (pcap or pcapng), in the order of their times. */
#ifndef XVS_EXTRUN_INPUT_H
#define XVS_EXTRUN_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { INPUT_FILES_MAX = 63 };

struct frame {
	const uint8_t *bytes; /* until the next is asked for */
	uint32_t len;
	uint32_t file;    /* by number */
	uint64_t time_ns; /* since the first of all */
};

struct input;

/* 'files' are kept.  Not an Ethernet capture, or not to be read: -EINVAL. */
int input_open(const char *const *files, uint32_t count, struct input **out, struct xvs_error *err);
void input_close(struct input *in); /* NULL is fine */

/* The first source address in a file; false: there is no frame. */
bool input_source(const struct input *in, uint32_t file, uint8_t mac[6]);

/* 1: a frame; 0: the end; negative: a file is damaged from here on. */
int input_next(struct input *in, struct frame *out, struct xvs_error *err);
/* Frames that were cut when they were captured: they cannot be judged, and are left out. */
uint64_t input_cut(const struct input *in);

#endif /* XVS_EXTRUN_INPUT_H */
