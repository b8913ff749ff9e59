/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/lldp.h - what an adjacent switch tells of itself, and what we tell it (IEEE 802.1AB-2016, with
 * the organizational extensions of IEEE 802.1Q annex D and IEEE 802.3 clause 79 that say which frames
 * it takes).
 */
#ifndef XVS_PACKET_LLDP_H
#define XVS_PACKET_LLDP_H

#include "packet/packet.h"

enum {
	LLDP_BYTES = 1522, /* of a frame */
	LLDP_TEXT = 64,
	LLDP_VLANS = 4096,
};

/* Texts are printable ASCII, cut to fit; what the neighbour does not say is "" or 0. */
struct lldp_neighbour {
	char chassis[LLDP_TEXT];
	char port[LLDP_TEXT];
	char description[LLDP_TEXT]; /* of the port; by CDP the platform */
	char system[LLDP_TEXT];
	bool is_cdp;    /* told by CDP: cdp.h */
	uint16_t ttl_s; /* 0: it goes */
	bool has_pvid;
	uint16_t pvid;      /* the VLAN of untagged frames; 0: it takes none */
	uint32_t max_frame; /* bytes, with header and checksum */
	bool is_aggregated; /* the port is in an aggregation group now */
	bool has_vlans;
	uint64_t vlans[LLDP_VLANS / 64]; /* those that it names */
};

/* [any] An untagged frame of LLDP? */
bool packet_is_lldp(const struct packet *p);

/* [any] From the Ethernet header on; false: it is none, or contradicts itself, and *out is untouched. */
bool lldp_read(const uint8_t *frame, uint32_t len, struct lldp_neighbour *out);

/* [any] What a terminal prints of it, as far as it fits. */
void neighbour_text(const uint8_t *bytes, uint32_t len, char out[LLDP_TEXT]);

/* What we tell: texts may be "". */
struct lldp_own {
	uint8_t mac[6];
	const char *port;   /* a network device */
	const char *system; /* the host's name */
	const char *description;
	uint16_t ttl_s;
	uint16_t max_frame; /* 0: not told */
};

enum { LLDP_OWN_BYTES = 128 };

/* [any] A frame to the nearest bridge; its length.  Texts that do not fit are cut. */
uint32_t lldp_write(uint8_t frame[LLDP_OWN_BYTES], const struct lldp_own *own);

#endif /* XVS_PACKET_LLDP_H */
