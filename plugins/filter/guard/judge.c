/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be told by the flow key.
 *
 * The key is read through struct view only, whose functions mark what they give out: no field can
 * be read and forgotten, and no more is marked than was needed on the way to this verdict.
 */
#include <string.h>

#include "guard.h"
#include "xvs/ext/sdk.h"

enum ethertype { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_ARP = 0x0806, ETHERTYPE_IPV6 = 0x86dd };

enum proto {
	PROTO_HOP_BY_HOP = 0,
	PROTO_ICMP = 1,
	PROTO_UDP = 17,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AUTHENTICATION = 51,
	PROTO_ICMPV6 = 58,
	PROTO_DESTINATION = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

enum icmp_type { ICMP_REDIRECT = 5, ICMP_ROUTER_ADVERTISEMENT = 9 };

enum icmpv6_type {
	MLD_REPORT = 131,
	MLD_DONE = 132,
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_NEIGHBOUR_SOLICIT = 135,
	ND_NEIGHBOUR_ADVERT = 136,
	ND_REDIRECT = 137,
	MLD2_REPORT = 143,
};

enum udp_port {
	PORT_DHCP_SERVER = 67,
	PORT_DHCP_CLIENT = 68,
	PORT_DHCPV6_CLIENT = 546,
	PORT_DHCPV6_SERVER = 547,
};

enum outcome { OUTCOME_PASS = -1, OUTCOME_WATCH = -2 }; /* else: enum guard_reason */

struct view {
	const struct xvs_flow_key *key;
	struct xvs_flow_key *seen;
	const struct guard_policy *policy;
	struct guard_port *port;
	uint64_t now_ns;
	uint64_t tags; /* groups of learned addresses on which the verdict depends */
	const struct guard *guard;
	const struct xvs_packet *packet;
};

static const uint8_t unspecified_v4[16] = { [10] = 0xff, [11] = 0xff };
static const uint8_t unspecified_v6[16];

static const uint8_t *view_eth_src(const struct view *w)
{
	memset(w->seen->eth_src, 0xff, 6);
	return w->key->eth_src;
}

static const uint8_t *view_eth_dst(const struct view *w)
{
	memset(w->seen->eth_dst, 0xff, 6);
	return w->key->eth_dst;
}

static bool view_is_group(const struct view *w)
{
	w->seen->eth_dst[0] |= 1;
	return w->key->eth_dst[0] & 1;
}

static uint16_t view_ethertype(const struct view *w)
{
	w->seen->ethertype = 0xffff;
	return xvs_ntoh16(w->key->ethertype);
}

static uint8_t view_proto(const struct view *w)
{
	w->seen->ip_proto = 0xff;
	return w->key->ip_proto;
}

static bool view_bit(const struct view *w, enum xvs_key_bit bit)
{
	w->seen->bits |= (uint8_t)bit;
	return w->key->bits & bit;
}

/* The source port, or the type of ICMP. */
static uint16_t view_l4_src(const struct view *w)
{
	w->seen->l4_src = 0xffff;
	return xvs_ntoh16(w->key->l4_src);
}

static uint16_t view_l4_dst(const struct view *w)
{
	w->seen->l4_dst = 0xffff;
	return xvs_ntoh16(w->key->l4_dst);
}

static const uint8_t *view_ip_src(const struct view *w)
{
	memset(w->seen->ip_src, 0xff, 16);
	return w->key->ip_src;
}

static const uint8_t *view_ip_dst(const struct view *w)
{
	memset(w->seen->ip_dst, 0xff, 16);
	return w->key->ip_dst;
}

/* The packet has the header of this protocol: it is no later fragment. */
static bool view_begins(const struct view *w, uint8_t proto)
{
	return view_proto(w) == proto && !view_bit(w, XVS_KEY_LATER);
}

/* ---- DHCP, routers ----------------------------------------------------------------------- */

/* Where the walk over headers ended before it came to the upper layer. */
static bool is_extension_header(uint8_t proto)
{
	switch (proto) {
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_FRAGMENT:
	case PROTO_AUTHENTICATION:
	case PROTO_DESTINATION:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return true;
	default:
		return false;
	}
}

/*
 * A server message or an advertisement can hide where we do not see its type: behind too many
 * extension headers, or in a second fragment.  No honest sender does so.
 */
static bool headers_are_hidden(const struct view *w, bool is_v6)
{
	uint8_t proto = view_proto(w);

	if (view_bit(w, XVS_KEY_LATER))
		return false;
	if (is_v6 && is_extension_header(proto))
		return true;
	return (proto == PROTO_UDP || (is_v6 && proto == PROTO_ICMPV6)) &&
	       view_bit(w, XVS_KEY_FRAG) && view_l4_src(w) == 0 && view_l4_dst(w) == 0;
}

/* Clients listen to whatever comes to their port, from any: only who serves sends there. */
static int judge_dhcp(const struct view *w, bool is_v6)
{
	uint16_t server = is_v6 ? PORT_DHCPV6_SERVER : PORT_DHCP_SERVER;
	uint16_t client = is_v6 ? PORT_DHCPV6_CLIENT : PORT_DHCP_CLIENT;

	if (!view_begins(w, PROTO_UDP))
		return OUTCOME_PASS;
	if (view_l4_src(w) == server || view_l4_dst(w) == client)
		return GUARD_DHCP_SERVER;
	return OUTCOME_PASS;
}

static int judge_router(const struct view *w, bool is_v6)
{
	uint16_t type;

	if (!view_begins(w, is_v6 ? PROTO_ICMPV6 : PROTO_ICMP))
		return OUTCOME_PASS;
	type = view_l4_src(w);
	if (type == (is_v6 ? ND_ROUTER_ADVERT : ICMP_ROUTER_ADVERTISEMENT))
		return GUARD_ROUTER;
	if (type == (is_v6 ? ND_REDIRECT : ICMP_REDIRECT))
		return GUARD_REDIRECT;
	return OUTCOME_PASS;
}

static int judge_roles(const struct view *w, bool is_v6)
{
	int outcome = OUTCOME_PASS;

	if (!w->policy->dhcp_guard && !w->policy->router_guard)
		return OUTCOME_PASS;
	if (headers_are_hidden(w, is_v6))
		return GUARD_HEADER_CHAIN;
	if (w->policy->dhcp_guard)
		outcome = judge_dhcp(w, is_v6);
	if (outcome == OUTCOME_PASS && w->policy->router_guard)
		outcome = judge_router(w, is_v6);
	return outcome;
}

/* ---- addresses --------------------------------------------------------------------------- */

/* Who has no address yet may ask for one: DHCP; duplicate address detection; group reports. */
static bool may_be_unspecified(const struct view *w, bool is_v6)
{
	uint16_t type;

	if (!is_v6)
		return view_begins(w, PROTO_UDP) && view_l4_src(w) == PORT_DHCP_CLIENT &&
		       view_l4_dst(w) == PORT_DHCP_SERVER;
	if (!view_begins(w, PROTO_ICMPV6))
		return false;
	type = view_l4_src(w);
	return type == ND_NEIGHBOUR_SOLICIT || type == ND_ROUTER_SOLICIT || type == MLD_REPORT ||
	       type == MLD_DONE || type == MLD2_REPORT;
}

/* By policy, or because it was learned. */
static bool may_use(struct view *w, const uint8_t address[16])
{
	if (guard_is_bound(w->policy, address))
		return true;
	if (w->policy->dynamic_ips == 0)
		return false;
	w->tags |= guard_tag(address);
	return guard_has_learned(w->port, w->policy, address, w->now_ns);
}

/* Who has an address without our knowledge claims it again by these. */
static bool may_claim(const struct view *w)
{
	uint16_t type;

	if (w->policy->dynamic_ips == 0 || !guard_checks_neighbours(w->policy) ||
	    !view_begins(w, PROTO_ICMPV6))
		return false;
	type = view_l4_src(w);
	return type == ND_NEIGHBOUR_SOLICIT || type == ND_NEIGHBOUR_ADVERT;
}

static int judge_source(struct view *w, bool is_v6)
{
	const uint8_t *source;

	if (!guard_binds(w->policy) || (is_v6 && may_claim(w)))
		return OUTCOME_PASS;
	source = view_ip_src(w);
	if (may_use(w, source))
		return OUTCOME_PASS;
	if (memcmp(source, is_v6 ? unspecified_v6 : unspecified_v4, 16) == 0 &&
	    may_be_unspecified(w, is_v6))
		return OUTCOME_PASS;
	return GUARD_SPOOFED_IP;
}

/* The rest is in link-layer addresses, which are not in the key.  Fragments: RFC 6980. */
static int judge_nd(const struct view *w)
{
	uint16_t type;

	if (!guard_checks_neighbours(w->policy) || !view_begins(w, PROTO_ICMPV6))
		return OUTCOME_PASS;
	type = view_l4_src(w);
	if (type != ND_ROUTER_SOLICIT && type != ND_NEIGHBOUR_SOLICIT &&
	    type != ND_NEIGHBOUR_ADVERT)
		return OUTCOME_PASS;
	return view_bit(w, XVS_KEY_FRAG) ? GUARD_SPOOFED_ND : OUTCOME_WATCH;
}

/* A probe (RFC 5227) comes from 0.0.0.0 and may only ask for an address that would be ours. */
static int judge_arp(const struct view *w)
{
	const uint8_t *sender;

	if (!guard_checks_neighbours(w->policy))
		return OUTCOME_PASS;
	if (w->policy->dynamic_ips > 0)
		return OUTCOME_WATCH;
	sender = view_ip_src(w);
	if (guard_is_bound(w->policy, sender))
		return OUTCOME_WATCH;
	if (memcmp(sender, unspecified_v4, 16) == 0 && guard_is_bound(w->policy, view_ip_dst(w)))
		return OUTCOME_WATCH;
	return GUARD_SPOOFED_ARP;
}

static int judge_ip(struct view *w, bool is_v6)
{
	int outcome = judge_roles(w, is_v6);

	if (outcome == OUTCOME_PASS)
		outcome = judge_source(w, is_v6);
	if (outcome == OUTCOME_PASS && is_v6)
		outcome = judge_nd(w);
	return outcome;
}

static int judge_network(struct view *w)
{
	if (!w->policy->dhcp_guard && !w->policy->router_guard && !guard_binds(w->policy))
		return OUTCOME_PASS;
	switch (view_ethertype(w)) {
	case ETHERTYPE_IPV4:
		return judge_ip(w, false);
	case ETHERTYPE_IPV6:
		return judge_ip(w, true);
	case ETHERTYPE_ARP:
		return judge_arp(w);
	default:
		return OUTCOME_PASS;
	}
}

/* IEEE 802.1D's own address, and that of Cisco's trees per VLAN. */
static bool is_bpdu(const struct view *w)
{
	static const uint8_t bridges[6] = { 0x01, 0x80, 0xc2 };
	static const uint8_t cisco[6] = { 0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd };
	const uint8_t *dst;

	if (!view_is_group(w))
		return false;
	dst = view_eth_dst(w);
	return memcmp(dst, bridges, sizeof(bridges)) == 0 || memcmp(dst, cisco, sizeof(cisco)) == 0;
}

static bool is_of_storm(const struct view *w)
{
	if (w->policy->storm_pps == 0)
		return false;
	if (view_is_group(w))
		return true;
	if (!w->policy->storm_unknown)
		return false;
	(void)view_eth_dst(w);
	return guard_is_unknown(w->guard, w->packet);
}

/* Not the port's own: but another one of its guest may have it. */
static bool is_mates(const struct view *w)
{
	return guard_is_own(w->guard, w->packet);
}

static int judge_ingress(struct view *w, uint64_t mac)
{
	int outcome;

	if (!w->policy->forged_transmits && (guard_mac(view_eth_src(w)) != mac || mac == 0) &&
	    !is_mates(w))
		return GUARD_SPOOFED_MAC;
	if (w->policy->bpdu_guard && is_bpdu(w))
		return GUARD_BPDU;
	outcome = judge_network(w);
	if (outcome == OUTCOME_PASS && is_of_storm(w))
		return OUTCOME_WATCH;
	return outcome;
}

/* What a server of DHCP tells the guest is an address that it may use. */
static bool is_dhcp_answer(const struct view *w)
{
	return w->policy->dynamic_ips > 0 && view_ethertype(w) == ETHERTYPE_IPV4 &&
	       view_begins(w, PROTO_UDP) && view_l4_src(w) == PORT_DHCP_SERVER &&
	       view_l4_dst(w) == PORT_DHCP_CLIENT;
}

static int judge_egress(const struct view *w, uint64_t mac)
{
	if (!w->policy->mac_changes && !view_is_group(w) &&
	    (guard_mac(view_eth_dst(w)) != mac || mac == 0) && !is_mates(w))
		return GUARD_FOREIGN_MAC;
	return is_dhcp_answer(w) ? OUTCOME_WATCH : OUTCOME_PASS;
}

void guard_judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		 struct xvs_flow_verdict *v)
{
	struct guard_port *port = b->port_state;
	struct guard_rules *rules = atomic_load_explicit(&port->rules, memory_order_acquire);
	uint64_t mac = atomic_load_explicit(&port->mac, memory_order_relaxed);
	struct view w = { key, &v->examined, NULL, port, b->now_ns, 0, self, b->pkts[i] };
	int outcome;

	v->cookie = 0;
	if (!rules)
		return;
	w.policy = rules->policy;
	outcome = b->stage == XVS_STAGE_EGRESS ? judge_egress(&w, mac) : judge_ingress(&w, mac);
	v->tags = w.tags;
	if (w.tags) /* so that an address which is used does not age */
		v->max_ms = w.policy->dynamic_age_s * 500;
	if (outcome == OUTCOME_WATCH) {
		v->action = XVS_FLOW_WATCH;
		v->watch_bytes = b->stage == XVS_STAGE_EGRESS ? GUARD_DHCP_BYTES : GUARD_ND_BYTES;
	} else if (outcome != OUTCOME_PASS) {
		v->action = XVS_FLOW_DROP;
		v->reason = (uint16_t)outcome;
		v->account_ms = 1000; /* so that status is not older */
		v->cookie = (uint64_t)outcome + 1;
	}
}
