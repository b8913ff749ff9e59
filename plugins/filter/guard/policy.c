/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy of a port: its fields, what is refused, and what is shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "xvs/ext/sdk.h"

static const struct xvs_field ip_fields[] = {
	{ .name = "ip",
	  .help = "Address, or address with prefix length for a whole network",
	  .type = XVS_IP,
	  .flags = XVS_FIELD_REQUIRED,
	  .offset = offsetof(struct guard_ip, ip) },
};

static const struct xvs_field policy_fields[] = {
	{ .name = "forged_transmits",
	  .help = "The guest may send with any source MAC address; else only with its adapter's",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, forged_transmits) },
	{ .name = "mac_changes",
	  .help = "The guest may take another MAC address and receive what is sent to it; else only "
		  "what is for its adapter's address, for groups and for all is delivered",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, mac_changes) },
	{ .name = "dhcp_guard",
	  .help = "The guest may not act as a DHCP server, for IPv4 or IPv6",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, dhcp_guard) },
	{ .name = "router_guard",
	  .help = "The guest may not send router advertisements or redirects, for IPv4 or IPv6",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, router_guard) },
	{ .name = "ips",
	  .help = "The guest may use these source addresses only; a family without any is "
		  "forbidden but for what obtains an address.  Empty: all",
	  .type = XVS_LIST,
	  .max = 256,
	  .offset = offsetof(struct guard_policy, ips),
	  .fields = XVS_TABLE(ip_fields),
	  .element_bytes = sizeof(struct guard_ip) },
	{ .name = "link_local",
	  .help = "With 'ips': the guest may use IPv6 link-local addresses as well",
	  .type = XVS_BOOL,
	  .dflt = 1,
	  .offset = offsetof(struct guard_policy, link_local) },
	{ .name = "arp_guard",
	  .help = "With 'ips': ARP and neighbour discovery may speak for these addresses and the "
		  "sender's MAC address only",
	  .type = XVS_BOOL,
	  .dflt = 1,
	  .offset = offsetof(struct guard_policy, arp_guard) },
	{ .name = "dynamic_ips",
	  .help = "Beside 'ips', so many addresses that the guest is the first to claim by ARP or "
		  "neighbour discovery, or gets by DHCP",
	  .type = XVS_U32,
	  .max = GUARD_DYNAMIC_MAX,
	  .offset = offsetof(struct guard_policy, dynamic_ips) },
	{ .name = "dhcp_only",
	  .help = "With 'dynamic_ips': only addresses that DHCP (IPv4) gives, not what is claimed",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, dhcp_only) },
	{ .name = "dynamic_age_s",
	  .help = "Seconds without a packet after which the place of such an address may be taken "
		  "by another",
	  .type = XVS_U32,
	  .min = 30,
	  .max = 86400,
	  .dflt = 600,
	  .offset = offsetof(struct guard_policy, dynamic_age_s) },
	{ .name = "bpdu_guard",
	  .help = "The guest may not send messages of the spanning tree protocol",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, bpdu_guard) },
	{ .name = "storm_pps",
	  .help = "Broadcast and multicast packets a second that the guest may send, with "
		  "storm_unknown unknown unicast as well; 0: no limit",
	  .type = XVS_U32,
	  .max = 10000000,
	  .offset = offsetof(struct guard_policy, storm_pps) },
	{ .name = "storm_unknown",
	  .help = "With 'storm_pps': unicast to an address that the switch does not know counts as "
		  "well; behind an uplink that does not learn that is whatever goes outside",
	  .type = XVS_BOOL,
	  .offset = offsetof(struct guard_policy, storm_unknown) },
	{ .name = "storm_burst",
	  .help = "Packets above that rate that may come at once; 0: as many as in one second",
	  .type = XVS_U32,
	  .max = 10000000,
	  .offset = offsetof(struct guard_policy, storm_burst) },
};

static const struct xvs_field drop_fields[] = {
#define X(enumerator, reason, field, text) \
	{ .name = (field), \
	  .help = (text), \
	  .type = XVS_U64, \
	  .max = UINT64_MAX, \
	  .offset = (uint32_t)((enumerator) * sizeof(uint64_t)) },
	GUARD_REASONS(X)
#undef X
};

static const struct xvs_field address_fields[] = {
	{ .name = "learned",
	  .help = "Addresses that count against dynamic_ips",
	  .type = XVS_U32,
	  .offset = offsetof(struct guard_addresses, learned) },
	{ .name = "list",
	  .help = "Which, and for how many seconds nothing was seen of them",
	  .type = XVS_TEXT,
	  .max = sizeof(((struct guard_addresses *)0)->list),
	  .offset = offsetof(struct guard_addresses, list) },
};

const struct xvs_feature guard_features[3] = {
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct guard_policy),
	  .id = "org.xvs.guard/1",
	  .summary = "What a guest may claim to be",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_SETTING,
	  .fields = XVS_TABLE(policy_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = GUARD_REASON_COUNT * sizeof(uint64_t),
	  .id = "org.xvs.guard.drops/1",
	  .summary = "Packets dropped, by kind",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(drop_fields) },
	{ .size = sizeof(struct xvs_feature),
	  .bytes = sizeof(struct guard_addresses),
	  .id = "org.xvs.guard.addresses/1",
	  .summary = "Addresses that guests have claimed or been given",
	  .scope = XVS_PER_PORT,
	  .kind = XVS_STATUS,
	  .fields = XVS_TABLE(address_fields) },
};

static bool is_within(const uint8_t address[16], const struct xvs_ip *net)
{
	uint32_t whole = net->prefix_len / 8u;
	uint32_t rest = net->prefix_len % 8u;

	if (memcmp(address, net->addr, whole) != 0)
		return false;
	return rest == 0 || ((address[whole] ^ net->addr[whole]) >> (8 - rest)) == 0;
}

bool guard_is_bound(const struct guard_policy *policy, const uint8_t address[16])
{
	static const struct xvs_ip link_local = { .addr = { 0xfe, 0x80 }, .prefix_len = 10 };
	const uint8_t *item = policy->ips.items;

	for (uint32_t i = 0; i < policy->ips.count; i++, item += policy->ips.stride) {
		struct guard_ip bound;

		memcpy(&bound, item, sizeof(bound));
		if (is_within(address, &bound.ip))
			return true;
	}
	return policy->link_local && is_within(address, &link_local);
}

int guard_policy_check(void *self, void *port_state, const char *feature, const void *value,
		       void **prepared, struct xvs_error *err)
{
	const struct guard_policy *policy = value;
	const struct guard_port *port = port_state;
	struct guard_rules *rules;

	(void)self;
	(void)feature;
	if (!policy)
		return 0;
	if (atomic_load_explicit(&port->mac, memory_order_relaxed) == 0 &&
	    !(policy->forged_transmits && policy->mac_changes))
		return xvs_refuse(
			err, -EINVAL, policy->forged_transmits ? "mac_changes" : "forged_transmits",
			"the port has no MAC address to compare with: give it one, or set "
			"forged_transmits and mac_changes to true");
	if (policy->dhcp_only && policy->dynamic_ips == 0)
		return xvs_refuse(err, -EINVAL, "dhcp_only",
				  "no address may be given: set dynamic_ips to 1 or more");
	if (policy->storm_unknown && policy->storm_pps == 0)
		return xvs_refuse(err, -EINVAL, "storm_unknown",
				  "counts with a limit: set storm_pps");
	rules = calloc(1, sizeof(*rules));
	if (!rules)
		return xvs_refuse(err, -ENOMEM, "", "out of memory");
	rules->rate.per_second = policy->storm_pps;
	rules->rate.burst = policy->storm_burst ? policy->storm_burst : policy->storm_pps;
	*prepared = rules;
	return 0;
}

void guard_status(const struct guard_port *port, uint32_t workers, uint64_t *out)
{
	for (uint32_t reason = 0; reason < GUARD_REASON_COUNT; reason++) {
		out[reason] = 0;
		for (uint32_t w = 0; w <= workers; w++)
			out[reason] += atomic_load_explicit(&port->drops[w].count[reason],
							    memory_order_relaxed);
	}
}

void guard_carry(struct guard_port *port, uint32_t workers, const uint64_t *drops)
{
	for (uint32_t reason = 0; reason < GUARD_REASON_COUNT; reason++)
		atomic_store_explicit(&port->drops[workers].count[reason], drops[reason],
				      memory_order_relaxed);
}
