/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/vnet.c - facts as a virtio-net header (little-endian, virtio 1.2, 5.1.6), and the tag
 * back in the bytes for devices that have no other place for it.
 *
 *      0 flags, 1 gso_type, 2 hdr_len, 4 gso_size, 6 csum_start, 8 csum_offset, 10 num_buffers
 */
#include "packet/headers.h"

enum { NEEDS_CSUM = 1, DATA_VALID = 2 };

static uint16_t get_le16(const uint8_t *b)
{
	return (uint16_t)(b[0] | b[1] << 8);
}

static void put_le16(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static bool is_known_gso(uint8_t type)
{
	return type == GSO_NONE || type == GSO_TCPV4 || type == GSO_TCPV6 || type == GSO_UDP ||
	       type == GSO_UDP_L4;
}

/* hdr_len is a hint that nobody may trust: the parser finds the headers. */
bool vnet_read(struct packet *p, const uint8_t *header, uint32_t size)
{
	uint8_t type;

	if (size < VNET_BYTES_LEGACY)
		return false;
	type = header[1];
	if (!is_known_gso((uint8_t)(type & ~GSO_ECN)))
		return false;
	p->x.flags &= ~(uint32_t)(XVS_PKT_CSUM_OK | XVS_PKT_CSUM_TODO);
	p->x.gso_type = type == GSO_ECN ? GSO_NONE : type;
	p->x.gso_size = p->x.gso_type ? get_le16(header + 4) : 0;
	p->x.csum_start = 0;
	p->x.csum_off = 0;
	if (header[0] & NEEDS_CSUM) {
		p->x.flags |= XVS_PKT_CSUM_TODO;
		p->x.csum_start = get_le16(header + 6);
		p->x.csum_off = get_le16(header + 8);
	} else if (header[0] & DATA_VALID) {
		p->x.flags |= XVS_PKT_CSUM_OK;
	}
	return true;
}

void vnet_write(const struct packet *p, uint8_t *header, uint32_t size, uint32_t tag_bytes)
{
	memset(header, 0, size);
	if (p->x.gso_type) {
		header[1] = p->x.gso_type;
		put_le16(header + 2, packet_payload_off(p) + tag_bytes);
		put_le16(header + 4, p->x.gso_size);
	}
	if (p->x.flags & XVS_PKT_CSUM_TODO) {
		header[0] = NEEDS_CSUM;
		put_le16(header + 6, p->x.csum_start + tag_bytes);
		put_le16(header + 8, p->x.csum_off);
	} else if (p->x.flags & XVS_PKT_CSUM_OK) {
		header[0] = DATA_VALID;
	}
	if (size >= VNET_BYTES)
		put_le16(header + 10, 1);
}

int packet_wire_iov(const struct packet *p, uint8_t tag[4], struct iovec *iov, int max)
{
	struct iovec first;
	int count;

	if (!(p->x.flags & XVS_PKT_VLAN))
		return packet_iov(p, iov, max);
	if (p->x.linear < ETHER_BYTES || max < 3)
		return -1;
	put_be16(tag, p->x.flags & XVS_PKT_SVLAN ? ETHERTYPE_SVLAN : ETHERTYPE_VLAN);
	put_be16(tag + 2, p->x.vlan_tci);
	count = packet_iov(p, iov + 2, max - 2);
	if (count < 0)
		return -1;
	first = iov[2];
	iov[0] = (struct iovec){ first.iov_base, ETHER_TYPE_AT };
	iov[1] = (struct iovec){ tag, ETHER_TAG_BYTES };
	iov[2].iov_base = (uint8_t *)first.iov_base + ETHER_TYPE_AT;
	iov[2].iov_len = first.iov_len - ETHER_TYPE_AT;
	return count + 2;
}
