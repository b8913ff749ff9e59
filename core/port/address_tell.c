/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port/address_tell.c - neighbours learn which adapter has an address now: gratuitous ARP (RFC 5227,
 * section 3), unsolicited neighbour advertisements (RFC 4861, 7.2.6).  Twice, as one may be lost.
 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "packet/sum.h"
#include "port/address.h"
#include "xvs/ext/sdk.h"

enum {
	TIMES = 2,
	ARP_BYTES = 60,
	NA_ICMP = 54,  /* where ICMPv6 begins */
	NA_BYTES = 86, /* with the option of the link-layer address */
	NA_TYPE = 136,
	NA_OVERRIDE = 0x20,
	HOPS = 255,
};

static size_t arp_write(const uint8_t mac[6], const uint8_t ip[4], uint8_t *out)
{
	xvs_build_arp_request(mac, ip, ip, out);
	return ARP_BYTES;
}

static size_t na_write(const uint8_t mac[6], const uint8_t ip[16], uint8_t *out)
{
	static const uint8_t all[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t all_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	/* Behind the addresses of the pseudo header (RFC 8200, section 8.1). */
	static const uint8_t tail[8] = { [3] = NA_BYTES - NA_ICMP, [7] = IPPROTO_ICMPV6 };
	uint8_t *icmp = out + NA_ICMP;
	uint64_t sum;

	memcpy(out, all_mac, 6);
	memcpy(out + 6, mac, 6);
	put_be16(out + 12, ETH_P_IPV6);
	out[14] = 0x60;
	put_be16(out + 18, NA_BYTES - NA_ICMP);
	out[20] = IPPROTO_ICMPV6;
	out[21] = HOPS;
	memcpy(out + 22, ip, 16);
	memcpy(out + 38, all, 16);
	icmp[0] = NA_TYPE;
	icmp[4] = NA_OVERRIDE;
	memcpy(icmp + 8, ip, 16);
	icmp[24] = 2; /* target link-layer address, 8 bytes */
	icmp[25] = 1;
	memcpy(icmp + 26, mac, 6);
	sum = sum_add(sum_bytes(out + 22, 32), sum_bytes(tail, sizeof(tail)));
	sum_store(icmp + 2, sum_add(sum, sum_bytes(icmp, NA_BYTES - NA_ICMP)), false);
	return NA_BYTES;
}

static void tell(int fd, const struct link_facts *device, const struct address_item *item)
{
	const struct sockaddr_ll to = { .sll_family = AF_PACKET,
					.sll_ifindex = (int)device->index,
					.sll_halen = 6 };
	uint8_t frame[NA_BYTES] = { 0 };
	uint8_t ip[16];
	size_t len = address_item_ip(item, ip);
	size_t bytes = len == 4    ? arp_write(device->mac, ip, frame)
		       : len == 16 ? na_write(device->mac, ip, frame)
				   : 0;

	if (bytes)
		(void)sendto(fd, frame, bytes, 0, (const struct sockaddr *)&to, sizeof(to));
}

void address_set_announce(const struct address_set *s, const struct link_facts *device)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	for (unsigned turn = 0; turn < TIMES; turn++) {
		for (size_t i = 0; i < s->count; i++)
			tell(fd, device, &s->items[i]);
	}
	(void)close(fd);
}
