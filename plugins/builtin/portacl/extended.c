/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of xvs.acl-extended/1: protocols, ports, ICMP, ethertype, VLAN; the highest weight decides.
 *
 * A rule that contradicts itself would match nothing, which nobody wants to find out from traffic:
 * it is refused by the name of the field.
 */
#include <string.h>

#include "ruleset.h"
#include "xvs/ext/mark.h"
#include "xvs/ext/sdk.h"

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ICMPV6 = 58, PROTO_SCTP = 132 };
enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd };
enum { MS_PER_S = 1000 };

/* ---- protocol -------------------------------------------------------------------------------- */

static bool is_ip(const struct xvs_classify_rule *r)
{
	return !(r->matches & XVS_CLASSIFY_ETHERTYPE) || r->ethertype == ETHERTYPE_IPV4 ||
	       r->ethertype == ETHERTYPE_IPV6;
}

static int draft_ethertype(const struct extended_rule *p, uint32_t nr, struct xvs_classify_rule *r,
			   struct xvs_error *err)
{
	/* that of its addresses, if it has some; addresses of ARP are of IPv4 */
	bool has_family = r->matches & XVS_CLASSIFY_ETHERTYPE;
	bool is_arp = p->ethertype == ETHERTYPE_ARP && r->ethertype == ETHERTYPE_IPV4;

	if (p->ethertype == 0)
		return 0;
	if (has_family && p->ethertype != r->ethertype && !is_arp)
		return refuse_rule(err, nr, "ethertype",
				   "is not that of the rule's addresses, so no packet has both");
	r->matches |= XVS_CLASSIFY_ETHERTYPE;
	r->ethertype = (uint16_t)p->ethertype;
	return 0;
}

static int draft_proto(const struct extended_rule *p, uint32_t nr, struct xvs_classify_rule *r,
		       struct xvs_error *err)
{
	static const uint8_t numbers[] = {
		[RULE_PROTO_TCP] = PROTO_TCP,   [RULE_PROTO_UDP] = PROTO_UDP,
		[RULE_PROTO_ICMP] = PROTO_ICMP, [RULE_PROTO_ICMPV6] = PROTO_ICMPV6,
		[RULE_PROTO_SCTP] = PROTO_SCTP, [RULE_PROTO_NUMBER] = 0,
	};

	if (p->protocol && p->proto != RULE_PROTO_NUMBER)
		return refuse_rule(err, nr, "protocol", "counts with proto number alone");
	if (p->proto == RULE_PROTO_ANY)
		return 0;
	if (!is_ip(r))
		return refuse_rule(err, nr, "proto",
				   "is one of IP, and the rule's ethertype is another");
	r->matches |= XVS_CLASSIFY_PROTO;
	r->proto = p->proto == RULE_PROTO_NUMBER ? (uint8_t)p->protocol : numbers[p->proto];
	return 0;
}

static bool has_proto(const struct xvs_classify_rule *r, uint8_t a, uint8_t b, uint8_t c)
{
	return r->matches & XVS_CLASSIFY_PROTO && (r->proto == a || r->proto == b || r->proto == c);
}

static int check_icmp_family(uint32_t nr, const struct xvs_classify_rule *r, struct xvs_error *err)
{
	bool has_family = r->matches & XVS_CLASSIFY_ETHERTYPE;

	if (has_family && r->ethertype == ETHERTYPE_IPV6 && has_proto(r, PROTO_ICMP, PROTO_ICMP, 1))
		return refuse_rule(err, nr, "proto", "icmp is of IPv4; for IPv6 it is icmpv6");
	if (has_family && r->ethertype == ETHERTYPE_IPV4 &&
	    has_proto(r, PROTO_ICMPV6, PROTO_ICMPV6, PROTO_ICMPV6))
		return refuse_rule(err, nr, "proto", "icmpv6 is of IPv6; for IPv4 it is icmp");
	return 0;
}

/* ---- ports and ICMP -------------------------------------------------------------------------- */

static const char *parse_port(const char *at, uint16_t *port)
{
	const char *from = at;
	uint32_t value = 0;

	for (; *at >= '0' && *at <= '9' && value <= UINT16_MAX; at++)
		value = value * 10 + (uint32_t)(*at - '0');
	if (at == from || value > UINT16_MAX)
		return NULL;
	*port = (uint16_t)value;
	return at;
}

/* "80" or "1000-2000"; false: neither. */
static bool parse_ports(const char *text, uint16_t *first, uint16_t *last)
{
	text = parse_port(text, first);
	if (!text)
		return false;
	*last = *first;
	if (*text == '-')
		text = parse_port(text + 1, last);
	return text && *text == '\0' && *first <= *last;
}

static int draft_ports(const struct extended_rule *p, uint32_t nr, struct xvs_classify_rule *r,
		       struct xvs_error *err)
{
	static const char what[] = "must be a port or a range of them, as 80 or 1000-2000";
	static const char needs[] = "needs proto tcp, udp or sctp: other protocols have no ports";
	bool has_ports = has_proto(r, PROTO_TCP, PROTO_UDP, PROTO_SCTP);

	if (p->local_ports[0] && !has_ports)
		return refuse_rule(err, nr, "local_ports", needs);
	if (p->remote_ports[0] && !has_ports)
		return refuse_rule(err, nr, "remote_ports", needs);
	if (p->local_ports[0]) {
		if (!parse_ports(p->local_ports, &r->src_port_first, &r->src_port_last))
			return refuse_rule(err, nr, "local_ports", what);
		r->matches |= XVS_CLASSIFY_SRC_PORTS;
	}
	if (p->remote_ports[0]) {
		if (!parse_ports(p->remote_ports, &r->dst_port_first, &r->dst_port_last))
			return refuse_rule(err, nr, "remote_ports", what);
		r->matches |= XVS_CLASSIFY_DST_PORTS;
	}
	return 0;
}

static int draft_icmp(const struct extended_rule *p, uint32_t nr, struct xvs_classify_rule *r,
		      struct xvs_error *err)
{
	static const char needs[] = "needs proto icmp or icmpv6: other protocols have none";
	bool is_icmp = has_proto(r, PROTO_ICMP, PROTO_ICMPV6, PROTO_ICMP);

	if (p->icmp_type != ICMP_ANY) {
		if (!is_icmp)
			return refuse_rule(err, nr, "icmp_type", needs);
		r->matches |= XVS_CLASSIFY_ICMP_TYPE;
		r->icmp_type = (uint8_t)p->icmp_type;
	}
	if (p->icmp_code != ICMP_ANY) {
		if (!is_icmp)
			return refuse_rule(err, nr, "icmp_code", needs);
		r->matches |= XVS_CLASSIFY_ICMP_CODE;
		r->icmp_code = (uint8_t)p->icmp_code;
	}
	return 0;
}

/* ---- state ----------------------------------------------------------------------------------- */

static int draft_fact(const struct extended_rule *p, uint32_t nr, struct draft *out,
		      struct xvs_error *err)
{
	const struct xvs_classify_rule *r = &out->rule;

	if (p->stateful && p->action != ACTION_ALLOW)
		return refuse_rule(err, nr, "stateful",
				   "counts for rules that allow: what is denied has no connection");
	if (p->stateful && !is_ip(r))
		return refuse_rule(
			err, nr, "stateful",
			"is about connections of IP, and the rule's ethertype is another");
	if (p->idle_s && !p->stateful)
		return refuse_rule(err, nr, "idle_s", "counts for stateful rules alone");
	out->name = p->name;
	out->fact.action = (uint16_t)p->action;
	out->fact.idle_ms = p->idle_s * MS_PER_S;
	if (p->stateful)
		out->fact.flags |= FACT_STATEFUL;
	if (has_proto(r, PROTO_ICMP, PROTO_ICMPV6, PROTO_ICMP))
		out->fact.flags |= FACT_ICMP;
	return 0;
}

/* ---- effects --------------------------------------------------------------------------------- */

/* As much as comes in so long, and a token at least: a bucket that holds none lets nothing pass. */
static struct xvs_meter_rate rate_of(uint64_t per_second, uint32_t burst_ms)
{
	const uint64_t most = (UINT64_C(1) << 34) - 1; /* meter.h */
	uint64_t burst =
		per_second / MS_PER_S * burst_ms + per_second % MS_PER_S * burst_ms / MS_PER_S;

	if (burst > most)
		burst = most;
	return (struct xvs_meter_rate){ per_second, burst ? burst : 1 };
}

static int check_effect(const struct extended_rule *p, uint32_t nr, struct xvs_error *err)
{
	static const char passing[] = "counts for rules that allow: what is denied goes nowhere";
	const bool is_ip = p->ethertype == 0 || p->ethertype == ETHERTYPE_IPV4 ||
			   p->ethertype == ETHERTYPE_IPV6;

	if (p->mark_dscp != DSCP_LEAVE && !is_ip)
		return refuse_rule(err, nr, "mark_dscp",
				   "is a field of IP, and the rule's ethertype is another");
	if (p->log_sample > 1 && !p->log)
		return refuse_rule(err, nr, "log_sample", "counts with log alone");
	if (p->action == ACTION_ALLOW)
		return 0;
	if (p->mark_priority != PRIORITY_LEAVE)
		return refuse_rule(err, nr, "mark_priority", passing);
	if (p->mark_dscp != DSCP_LEAVE)
		return refuse_rule(err, nr, "mark_dscp", passing);
	if (p->limit_pps)
		return refuse_rule(err, nr, "limit_pps", passing);
	if (p->limit_kbps)
		return refuse_rule(err, nr, "limit_kbps", passing);
	return p->mirror[0] ? refuse_rule(err, nr, "mirror", passing) : 0;
}

static int draft_effect(const struct extended_rule *p, uint32_t nr, struct draft *out,
			struct xvs_error *err)
{
	struct effect *e = &out->effect;
	int code = check_effect(p, nr, err);

	if (code)
		return code;
	e->priority =
		p->mark_priority == PRIORITY_LEAVE ? (uint32_t)XVS_MARK_LEAVE : p->mark_priority;
	e->dscp = p->mark_dscp == DSCP_LEAVE ? (uint32_t)XVS_MARK_LEAVE : p->mark_dscp;
	if (p->limit_pps)
		e->pps = rate_of(p->limit_pps, p->limit_burst_ms);
	if (p->limit_kbps)
		e->bps = rate_of(p->limit_kbps * 1000, p->limit_burst_ms);
	memcpy(e->mirror, p->mirror, sizeof(e->mirror));
	e->log_sample = p->log ? p->log_sample : 0;
	return 0;
}

int extended_draft(const void *rule, uint32_t nr, struct draft *out, struct xvs_error *err)
{
	const struct extended_rule *p = rule;
	struct xvs_classify_rule *r = &out->rule;
	int code = draft_addresses(out, &p->local, &p->remote, nr, err);

	if (code == 0)
		code = draft_ethertype(p, nr, r, err);
	if (code == 0)
		code = draft_proto(p, nr, r, err);
	if (code == 0)
		code = check_icmp_family(nr, r, err);
	if (code == 0)
		code = draft_ports(p, nr, r, err);
	if (code == 0)
		code = draft_icmp(p, nr, r, err);
	if (code == 0)
		code = draft_fact(p, nr, out, err);
	if (code == 0)
		code = draft_effect(p, nr, out, err);
	if (code)
		return code;
	r->weight = p->weight;
	if (p->vlan != VLAN_ANY) {
		r->matches |= XVS_CLASSIFY_SEGMENT;
		r->segment = p->vlan;
	}
	out->direction = p->direction;
	out->table = TABLE_ACCESS;
	return 0;
}
