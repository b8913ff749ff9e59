/* SPDX-License-Identifier: Apache-2.0 */
/* links: plugin_guard_objects */
/*
 * What the guard reads of ARP, neighbour discovery and DHCP: the first byte says which, the rest is
 * the frame, of exact size.  Whatever it holds, nothing outside is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_MAX = 2048, IPV4_L4 = 34, IPV6_L4 = 54 };

/* As the host would hand it over. */
static struct xvs_packet packet_of_frame(uint8_t kind, uint8_t *frame, uint32_t size)
{
	struct xvs_packet p = { .data = frame, .len = size, .linear = size, .l3_off = 14 };

	if (kind == 1) {
		p.flags = XVS_PKT_IPV6 | XVS_PKT_L4;
		p.l4_proto = 58;
		p.l4_off = IPV6_L4;
	} else if (kind == 2) {
		p.flags = XVS_PKT_IPV4 | XVS_PKT_L4;
		p.l4_proto = 17;
		p.l4_off = IPV4_L4;
	}
	return p;
}

static void look(uint8_t kind, const struct xvs_packet *p)
{
	uint8_t claimed[2][16];
	uint8_t address[16];

	if (kind == 0 && guard_arp_is_honest(p) && guard_claims(p, claimed) > 1)
		abort();
	if (kind == 1 && guard_is_nd(p) && guard_nd_is_honest(p) && guard_claims(p, claimed) > 2)
		abort();
	if (kind == 2)
		(void)guard_dhcp_gives(p, guard_mac(p->data), address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *frame;
	struct xvs_packet p;

	/* the host parses link-layer header and, where it says so, the first bytes of L4 */
	if (size < 1 + IPV6_L4 + 8 || size > FRAME_MAX)
		return 0;
	frame = malloc(size - 1);
	if (!frame)
		return 0;
	memcpy(frame, data + 1, size - 1);
	p = packet_of_frame(data[0] % 3, frame, (uint32_t)size - 1);
	look(data[0] % 3, &p);
	free(frame);
	return 0;
}
