/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline/ipv6.c - extension headers. */
#include "pipeline/ipv6.h"

#include "xvs/ext/sdk.h"

enum { HEADER = 40, LEAST = 8, MOST = 8, PROTO_AT = 6 };

void of_ipv6_begin(struct of_ipv6_walk *w, const struct xvs_packet *p)
{
	*w = (struct of_ipv6_walk){
		.at = p->l3_off + (uint32_t)HEADER,
		.proto_at = p->l3_off + (uint32_t)PROTO_AT,
		.proto = p->data[p->l3_off + PROTO_AT],
	};
}

static uint32_t length_of(uint8_t proto, const uint8_t *header)
{
	switch (proto) {
	case OF_IPV6_FRAGMENT:
		return LEAST;
	case OF_IPV6_AUTH:
		return (header[1] + 2u) * 4;
	case OF_IPV6_HOP:
	case OF_IPV6_ROUTING:
	case OF_IPV6_DEST:
		return (header[1] + 1u) * 8;
	default:
		return 0;
	}
}

bool of_ipv6_step(struct of_ipv6_walk *w, const struct xvs_packet *p)
{
	const uint8_t *header = p->data + w->at;
	uint32_t len;

	if (w->is_later || w->count == MOST || w->at + LEAST > p->linear)
		return false;
	len = length_of(w->proto, header);
	if (!len || w->at + len > p->linear)
		return false;
	w->is_later = w->proto == OF_IPV6_FRAGMENT && xvs_get16(header + 2) & 0xfff8;
	w->proto_at = w->at;
	w->proto = header[0];
	w->at += len;
	w->count++;
	return true;
}
