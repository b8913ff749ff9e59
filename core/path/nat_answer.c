/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nat_answer.c - what the NAT says itself, to both sides: echo replies, ICMP errors, ARP.
 *
 * Limited by worker: who asks more is not answered.
 */
#include "path/nat_part.h"
#include "xvs/ext/sdk.h"

enum { ANSWERS_PER_SECOND = 1000, ERRORS_PER_SECOND = 100, ICMP_ECHO_REPLY = 0, OWN_TTL = 64 };

bool nat_may_answer(struct nat_hand *h)
{
	static const struct xvs_meter_rate rate = { ANSWERS_PER_SECOND, ANSWERS_PER_SECOND };

	return xvs_meter_take(&h->lane->answers, &rate, h->w->w.now_ns, 1, 0) == 0;
}

struct packet *nat_packet_of(struct nat_hand *h, const uint8_t *bytes, uint32_t len)
{
	struct packet *p = packet_new_linear(h->w->pool, len);

	if (!p)
		return NULL;
	memcpy(p->x.data, bytes, len);
	p->x.port_in = XVS_PORT_NONE;
	p->x.flags |= XVS_PKT_INJECTED;
	p->x.rx_ns = h->w->w.now_ns;
	counter_add(&h->w->w.shard->ports[h->conf->port->id].originated, 1);
	if (packet_parse_own(p))
		return p;
	packet_drop(h->w, p, h->conf->port->id, XVS_STAGE_INGRESS, 0, REASON_BAD_HEADER);
	return NULL;
}

void nat_say_inside(struct nat_hand *h, struct packet *p)
{
	const struct way_on on = { .stage = XVS_STAGE_INGRESS,
				   .port = h->conf->port->id,
				   .serial = h->conf->serial };

	p->x.port_in = h->conf->port->id;
	p->segment = h->conf->segment;
	(void)later_put(h->w, p, &on);
}

void nat_say_outside(struct nat_hand *h, struct packet *p)
{
	p->segment = h->conf->segment;
	tx_packet(h->w, h->conf, p);
}

/* Type 8 becomes 0, addresses change places: the sums of both headers stay, but for type and TTL. */
static void turn_round(struct packet *p, const uint8_t mac[6])
{
	uint8_t *ip = p->x.data + p->x.l3_off;
	uint8_t *icmp = p->x.data + p->x.l4_off;
	const uint8_t type[2] = { ICMP_ECHO_REPLY, icmp[1] };
	const uint8_t ttl[2] = { OWN_TTL, ip[9] };
	uint8_t src[4];

	memcpy(p->x.data, p->x.data + 6, 6);
	memcpy(p->x.data + 6, mac, 6);
	memcpy(src, ip + 12, 4);
	memcpy(ip + 12, ip + 16, 4);
	memcpy(ip + 16, src, 4);
	xvs_csum_replace(ip + 10, ip + 8, ttl, 2);
	xvs_csum_replace(icmp + 2, icmp, type, 2);
}

enum nat_fate nat_echo(struct nat_hand *h, struct packet *p, bool is_inside)
{
	/* fragments would have to be put together, and no honest echo needs the checksum filled */
	if (p->x.flags & (XVS_PKT_FRAG | XVS_PKT_CSUM_TODO))
		return nat_drop(h, REASON_NAT_PROTOCOL);
	if (!nat_may_answer(h))
		return nat_drop(h, REASON_NAT_BUSY);
	if (packet_own(p) != 0 || packet_unshare(p) != 0)
		return nat_drop(h, REASON_POOL);
	turn_round(p, h->world->facts.mac);
	p->x.hash = packet_hash(p);
	if (is_inside)
		nat_say_inside(h, p);
	else
		nat_say_outside(h, p);
	return FATE_TAKEN;
}

void nat_complain(struct nat_hand *h, const struct packet *p, bool is_inside, uint16_t type_code,
		  uint32_t info)
{
	static const struct xvs_meter_rate rate = { ERRORS_PER_SECOND, ERRORS_PER_SECOND };
	const struct nat_facts *f = &h->world->facts;
	uint8_t bytes[XVS_ICMP_BYTES] = { 0 };
	struct packet *error;
	uint8_t own[4];
	uint32_t len;

	put_be32(own, is_inside ? f->inside.address : get_be32(p->x.data + p->x.l3_off + 16));
	len = xvs_build_icmp4(&p->x, (uint8_t)(type_code >> 8), (uint8_t)type_code, info, own,
			      f->mac, bytes);
	if (!len || xvs_meter_take(&h->lane->errors, &rate, h->w->w.now_ns, 1, 0) != 0)
		return;
	error = nat_packet_of(h, bytes, len);
	if (!error)
		return;
	if (is_inside)
		nat_say_inside(h, error);
	else
		nat_say_outside(h, error);
}
