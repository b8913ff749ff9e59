/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - what a run of "bytes" is asked to do.
 */
#ifndef FRONT_OPTIONS_H
#define FRONT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	const char *sender, *receiver; /* sockets */
	uint64_t tx_features, rx_features;
	uint32_t mtu, step;
};

/* False: used wrongly, and told so. */
bool options_read(struct options *o, int argc, char **argv);

#endif /* FRONT_OPTIONS_H */
