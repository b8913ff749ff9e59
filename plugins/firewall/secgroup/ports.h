/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ports.h - port lists as the operator writes them: "80,443,1000-2000".
 */
#ifndef SECGROUP_PORTS_H
#define SECGROUP_PORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PORT_RANGES_MAX = 32 };

struct port_range {
	uint16_t first, last;
};

struct port_set {
	uint32_t count; /* 0: every port */
	struct port_range ranges[PORT_RANGES_MAX];
};

/*
 * [any] Numbers and ranges, separated by commas; blanks around them are fine; an empty text is
 * every port.  0, or -EINVAL with one sentence in 'why'; then 'out' is not written.
 */
int ports_parse(const char *text, struct port_set *out, char *why, size_t why_size);

/* [any] 'port' in host order. */
bool ports_contain(const struct port_set *set, uint16_t port);

#endif /* SECGROUP_PORTS_H */
