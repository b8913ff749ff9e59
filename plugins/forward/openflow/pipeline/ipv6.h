/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/ipv6.h - from the IPv6 header over the extension headers to the transport.
 *
 * Source: RFC 8200, 4; RFC 4302 (its length counts words of 4 bytes).
 */
#ifndef OPENFLOW_PIPELINE_IPV6_H
#define OPENFLOW_PIPELINE_IPV6_H

#include <stdbool.h>
#include <stdint.h>

#include "xvs/extension.h"

enum of_ipv6_proto {
	OF_IPV6_HOP = 0,
	OF_IPV6_ROUTING = 43,
	OF_IPV6_FRAGMENT = 44,
	OF_IPV6_AUTH = 51,
	OF_IPV6_DEST = 60,
};

struct of_ipv6_walk {
	uint32_t at;       /* of the header in hand, from the packet's first byte */
	uint32_t proto_at; /* of the byte that says what it is */
	uint8_t proto;     /* what it is */
	uint8_t count;     /* of headers that were stepped over: no more than the host does */
	bool is_later;     /* a fragment that has no transport header */
};

/* [any] The packet has a whole IPv6 header at l3_off. */
void of_ipv6_begin(struct of_ipv6_walk *w, const struct xvs_packet *p);

/* [any] Over one extension header.  False: it is none, or not all of it is there. */
bool of_ipv6_step(struct of_ipv6_walk *w, const struct xvs_packet *p);

#endif /* OPENFLOW_PIPELINE_IPV6_H */
