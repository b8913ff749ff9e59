/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reject.c - the host's own answers to packets that a firewall rejects: a TCP reset, or an ICMP error
 * "administratively prohibited" (RFC 9293 3.5.2, RFC 1812 5.2.7.1, RFC 4443 3.1).
 *
 * 100 a second and worker, then silence.  An answer to the guarded port itself starts behind its
 * firewalls, which would find no connection that it belongs to.
 */
#include <string.h>

#include "path/worker.h"
#include "xvs/ext/meter.h"
#include "xvs/ext/sdk.h"

enum { ANSWERS_PER_SECOND = 100, ICMP6_QUOTE = 1232 - 48, ANSWER_MAX = 14 + 40 + 8 + ICMP6_QUOTE };

/* ICMPv6 "administratively prohibited" (type 1, code 1), from the address that was asked. */
static uint32_t build_icmp6(const struct packet *p, uint8_t *out)
{
	const uint8_t *ip = p->x.data + p->x.l3_off;
	uint32_t quote = p->x.linear - p->x.l3_off;
	uint64_t sum;

	if (!(p->x.flags & XVS_PKT_IPV6) || (p->x.flags & XVS_PKT_LATER) || (p->x.data[0] & 1) ||
	    ip[8] == 0xff || ip[24] == 0xff || p->x.l4_proto == 58)
		return 0;
	if (quote > ICMP6_QUOTE)
		quote = ICMP6_QUOTE;
	memcpy(out, p->x.data + 6, 6);
	memcpy(out + 6, p->x.data, 6);
	xvs_put16(out + 12, 0x86dd);
	out[14] = 0x60;
	xvs_put16(out + 18, (uint16_t)(8 + quote));
	out[20] = 58;
	out[21] = 64;
	memcpy(out + 22, ip + 24, 16);
	memcpy(out + 38, ip + 8, 16);
	out[54] = 1;
	out[55] = 1;
	memcpy(out + 62, ip, quote);
	sum = xvs_csum_add(58 + 8 + quote, out + 22, 32);
	xvs_put16(out + 56, (uint16_t)~xvs_csum_fold(xvs_csum_add(sum, out + 54, 8 + quote)));
	return 62 + quote;
}

static uint32_t build(const struct packet *p, uint8_t *out)
{
	if ((p->x.flags & XVS_PKT_L4) && p->x.l4_proto == 6)
		return xvs_build_tcp_rst(&p->x, out);
	if (p->x.flags & XVS_PKT_IPV4)
		return xvs_build_icmp4(&p->x, 3, 13, 0, p->x.data + p->x.l3_off + 16, p->x.data,
				       out);
	return build_icmp6(p, out);
}

/* The first egress place behind all firewalls. */
static uint32_t behind_firewalls(const struct chain *egress)
{
	uint32_t place = 0;

	while (place < egress->count && egress->places[place].instance->cls == XVS_FIREWALL)
		place++;
	return place;
}

void reject_answer(struct burst *b, uint32_t i)
{
	static const struct xvs_meter_rate rate = { ANSWERS_PER_SECOND, ANSWERS_PER_SECOND };
	struct path_worker *w = b->worker;
	const struct packet *p = b->pkts[i];
	struct path_port *to = path_port_of(w->path, p->x.port_in);
	const struct port_conf *conf = to ? rcu_read(&to->conf) : NULL;
	uint8_t bytes[ANSWER_MAX] = { 0 };
	struct packet *answer;
	struct way_on on = { .stage = XVS_STAGE_EGRESS };
	uint32_t len;

	if (!conf || w->trace || xvs_meter_take(&w->answers, &rate, w->w.now_ns, 1, 0) != 0)
		return;
	len = build(p, bytes);
	answer = len ? packet_new_linear(w->pool, len) : NULL;
	if (!answer)
		return;
	memcpy(answer->x.data, bytes, len);
	answer->x.port_in = XVS_PORT_NONE;
	answer->x.flags |= XVS_PKT_INJECTED;
	answer->x.rx_ns = w->w.now_ns;
	answer->segment = p->segment;
	counter_add(&w->w.shard->ports[to->id].originated, 1);
	if (!packet_parse_own(answer)) {
		packet_drop(w, answer, to->id, XVS_STAGE_EGRESS, 0, REASON_BAD_HEADER);
		return;
	}
	output_tag(conf, answer);
	on.port = to->id;
	on.serial = conf->serial;
	if (b->stage == XVS_STAGE_INGRESS)
		on.place = behind_firewalls(&conf->egress);
	(void)later_put(w, answer, &on);
}
