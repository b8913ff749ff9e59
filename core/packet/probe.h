/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/probe.h - is somebody there?  Asked of a neighbour by its IP address, from the address of
 * an adapter alone: by ARP (an ARP probe, RFC 5227, section 1.1, which claims no address) or by
 * neighbour solicitation (RFC 4861) from the link-local address that the adapter's own makes.
 */
#ifndef XVS_PACKET_PROBE_H
#define XVS_PACKET_PROBE_H

#include "packet/packet.h"

enum { PROBE_BYTES = 86 };

struct probe_target {
	bool is_set;
	bool is_ipv6;
	uint8_t ip[16]; /* IPv4: the first four */
};

/* [any] The question, whose answer goes to 'mac'; how many bytes. */
uint32_t probe_write(uint8_t bytes[PROBE_BYTES], const struct probe_target *t,
		     const uint8_t mac[6]);

/* [any] Is it the target's answer to a question from 'mac'?  The packet has been parsed. */
bool packet_is_answer(const struct packet *p, const struct probe_target *t, const uint8_t mac[6]);

#endif /* XVS_PACKET_PROBE_H */
