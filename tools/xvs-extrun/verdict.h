/* SPDX-License-Identifier: Apache-2.0 */
/* xvs-extrun/verdict.h - what became of one packet: its ends, and how they are told. */
#ifndef XVS_EXTRUN_VERDICT_H
#define XVS_EXTRUN_VERDICT_H

#include <stdio.h>

#include "extlab/lab.h"

enum { ENDS_MAX = 256 };

struct packet_end {
	enum lab_end end;
	uint32_t port, stage, len;
	const char *by, *reason;
	uint64_t print; /* of its bytes */
};

struct verdict {
	size_t count; /* more than ENDS_MAX: the others are not kept */
	struct packet_end ends[ENDS_MAX];
	int64_t held; /* so many more are held than before */
};

void verdict_add(struct verdict *v, const struct lab_event *e);
bool verdict_equal(const struct verdict *a, const struct verdict *b);

/* The packet that it is about. */
struct question {
	uint64_t nr;
	const uint8_t *bytes;
	uint32_t len, port;
	uint64_t time_ns;
};

/* One line. */
void verdict_print(const struct verdict *v, const struct question *q, const struct lab_port *ports,
		   FILE *to);
json_t *verdict_json(const struct verdict *v, const struct question *q,
		     const struct lab_port *ports);

#endif /* XVS_EXTRUN_VERDICT_H */
