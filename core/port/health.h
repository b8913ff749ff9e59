/* SPDX-License-Identifier: Apache-2.0 */
/* port/health.h - how well a link works, as its driver tells.  [control] */
#ifndef XVS_PORT_HEALTH_H
#define XVS_PORT_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct link_health {
	uint32_t speed_mbps; /* 0: the driver does not know */
	bool is_half_duplex;
	uint64_t packets; /* received and sent whole, ever */
	uint64_t errors; /* of both directions: bad checksums, lengths, collisions that were too late */
};

/* False: there is no such device in this namespace. */
bool link_health(const char *name, struct link_health *out);

enum link_noise {
	NOISE_UNKNOWN = 0, /* too few frames to tell */
	NOISE_LOW = 1,
	NOISE_HIGH = 2,
};

/* Of what came and went since 'before': is so much of a hundred (or more) lost to errors? */
enum link_noise link_noise(const struct link_health *before, const struct link_health *now,
			   uint32_t percent);

#endif /* XVS_PORT_HEALTH_H */
