/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - what the files of org.xvs.guard share: reasons, policy, state of a port.
 */
#ifndef GUARD_GUARD_H
#define GUARD_GUARD_H

#include <stdatomic.h>

#include "xvs/ext/meter.h"
#include "xvs/extension.h"

/* X(enumerator, "name of the reason", "name of the status field", "help") */
#define GUARD_REASONS(X) \
	X(GUARD_OTHER, "guard", "other", "Refused by the guard") \
	X(GUARD_SPOOFED_MAC, "spoofed-mac", "spoofed_mac", \
	  "Source MAC address is not the adapter's") \
	X(GUARD_FOREIGN_MAC, "foreign-mac", "foreign_mac", \
	  "Destination MAC address is not the adapter's") \
	X(GUARD_DHCP_SERVER, "dhcp-server", "dhcp_server", \
	  "DHCP server message from a port that may not serve DHCP") \
	X(GUARD_ROUTER, "router-advertisement", "router_advertisement", \
	  "Router advertisement from a port that may not route") \
	X(GUARD_REDIRECT, "redirect", "redirect", "ICMP redirect from a port that may not route") \
	X(GUARD_HEADER_CHAIN, "header-chain", "header_chain", \
	  "Headers hidden behind fragments or extension headers (RFC 7112, RFC 7113)") \
	X(GUARD_SPOOFED_IP, "spoofed-ip", "spoofed_ip", \
	  "Source IP address is not bound to the port") \
	X(GUARD_SPOOFED_ARP, "spoofed-arp", "spoofed_arp", \
	  "ARP speaks for an address that is not the sender's") \
	X(GUARD_SPOOFED_ND, "spoofed-nd", "spoofed_nd", \
	  "Neighbour discovery speaks for an address that is not the sender's") \
	X(GUARD_STORM, "storm", "storm", \
	  "More packets to all, to groups or to nobody known than the port may send a second") \
	X(GUARD_IP_LIMIT, "ip-limit", "ip_limit", \
	  "Claims more IP addresses than dynamic_ips lets the port have") \
	X(GUARD_BPDU, "bpdu", "bpdu", \
	  "Spanning tree message from a port behind which there is no bridge")

enum guard_reason {
#define X(enumerator, name, field, help) enumerator,
	GUARD_REASONS(X)
#undef X
		GUARD_REASON_COUNT
};

enum guard_counter { GUARD_COUNT_ARP, GUARD_COUNT_ND, GUARD_COUNT_STORM };

enum {
	GUARD_ND_BYTES = 512,   /* neighbour discovery is judged within so many bytes */
	GUARD_DHCP_BYTES = 590, /* and DHCP: what every client must take (RFC 2131, 2) */
	GUARD_DYNAMIC_MAX = 32,
};

struct guard_ip {
	struct xvs_ip ip;
};

/* "org.xvs.guard/1", as the host decodes it. */
struct guard_policy {
	bool forged_transmits;
	bool mac_changes;
	bool dhcp_guard;
	bool router_guard;
	bool arp_guard;
	bool link_local;
	bool bpdu_guard;
	bool dhcp_only; /* dynamic addresses are those that DHCP gives */
	bool storm_unknown;
	uint8_t pad[3];
	uint32_t storm_pps;
	uint32_t storm_burst;
	uint32_t dynamic_ips;   /* at most GUARD_DYNAMIC_MAX */
	uint32_t dynamic_age_s; /* after which the place of one may be taken */
	struct xvs_table ips;   /* struct guard_ip */
};

/* What workers read: the policy in force, and the bucket that all workers share. */
struct guard_rules {
	const struct guard_policy *policy; /* the host keeps it as long as workers may read it */
	struct xvs_meter_rate rate;
	struct xvs_meter meter;
};

struct guard {
	const struct xvs_host *host;
	const struct xvs_flow_host *flow;
	const struct xvs_l2_host *l2; /* NULL: the host does not say whom it knows */
	uint32_t workers;
};

struct guard_worker {
	uint32_t index;
};

/* Drops of one port on one worker, which alone writes them; status reads. */
struct guard_drops {
	_Atomic uint64_t count[GUARD_REASON_COUNT];
} __attribute__((aligned(64)));

/* One learned address: learned.c. */
struct guard_slot {
	_Atomic uint64_t address[2];
	_Atomic uint32_t state;
	_Atomic uint32_t seen_s;
};

/* "org.xvs.guard.addresses/1" */
struct guard_addresses {
	uint32_t learned;
	char list[2048];
};

struct guard_port {
	_Atomic(struct guard_rules *) rules; /* written by [control]; NULL: no policy */
	_Atomic uint64_t mac;                /* written by [control]; as guard_mac() packs it */
	struct guard_drops *drops;           /* one for each worker, and those from another host */
	struct guard_slot slots[GUARD_DYNAMIC_MAX];
};

/* Six bytes as a number; 0 is "the adapter's address is not known" and equals nothing. */
static inline uint64_t guard_mac(const uint8_t mac[6])
{
	uint64_t bits = 0;

	__builtin_memcpy(&bits, mac, 6);
	return bits;
}

/* ---- policy.c ---------------------------------------------------------------------------- */

extern const struct xvs_feature guard_features[3];

/* [any] Is the address one that the policy binds to the port, or a link-local one it allows? */
bool guard_is_bound(const struct guard_policy *policy, const uint8_t address[16]);

/* [any] May the guest use certain addresses only? */
static inline bool guard_binds(const struct guard_policy *policy)
{
	return policy->ips.count > 0 || policy->dynamic_ips > 0;
}

/* [any] Are ARP and neighbour discovery checked? */
static inline bool guard_checks_neighbours(const struct guard_policy *policy)
{
	return policy->arp_guard && guard_binds(policy);
}

/* [control] */
int guard_policy_check(void *self, void *port_state, const char *feature, const void *value,
		       void **prepared, struct xvs_error *err);

/* [control] What was dropped elsewhere counts too, instead of what was carried before. */
void guard_carry(struct guard_port *port, uint32_t workers, const uint64_t *drops);

/* [control] 'out' gets one uint64_t a reason. */
void guard_status(const struct guard_port *port, uint32_t workers, uint64_t *out);

/* ---- learned.c ----------------------------------------------------------------------------- */

/* [any] Verdicts that depend on whether this address was learned are in this group. */
uint64_t guard_tag(const uint8_t address[16]);

/* [worker] Is it one of those learned?  It has been seen then. */
bool guard_has_learned(struct guard_port *port, const struct guard_policy *policy,
		       const uint8_t address[16], uint64_t now_ns);

/* [worker] Groups whose verdicts have changed; 0: there is no place for it. */
uint64_t guard_learn(struct guard_port *port, const struct guard_policy *policy,
		     const uint8_t address[16], uint64_t now_ns);

/* [control] */
void guard_list_learned(const struct guard_port *port, uint64_t now_ns,
			struct guard_addresses *out);

/* [worker] Does the switch have to send it to all who may be the one?  'p' is in hand. */
bool guard_is_unknown(const struct guard *g, const struct xvs_packet *p);
/* In judge(): is the address of the guest that is behind the port?  False: the host does not say. */
bool guard_is_own(const struct guard *g, const struct xvs_packet *p);

/* A learned address on its way to another host. */
struct guard_known {
	uint8_t address[16];
	uint32_t age_s;
};

/* [control] How many of them there are. */
uint32_t guard_export(const struct guard_port *port, uint64_t now_ns,
		      struct guard_known out[GUARD_DYNAMIC_MAX]);

/* [control] What was learned is this, as far as the policy has places; the youngest first. */
void guard_import(struct guard_port *port, const struct guard_policy *policy,
		  struct guard_known *known, uint32_t count, uint64_t now_ns);

/* ---- state.c ------------------------------------------------------------------------------- */

extern const struct xvs_state guard_state;

/* ---- judge.c ----------------------------------------------------------------------------- */

/* [worker] Of struct xvs_flow. */
void guard_judge(void *self, const struct xvs_batch *b, uint32_t i, const struct xvs_flow_key *key,
		 struct xvs_flow_verdict *v);

/* ---- payload.c --------------------------------------------------------------------------- */

/* [worker] Does the ARP packet speak for its own sender alone? */
bool guard_arp_is_honest(const struct xvs_packet *p);

/* [worker] Is it a message of neighbour discovery that can claim an address? */
bool guard_is_nd(const struct xvs_packet *p);

/* [worker] Is it well-formed, and are all link-layer addresses in it its sender's? */
bool guard_nd_is_honest(const struct xvs_packet *p);

/*
 * [worker] IP addresses that an honest message of ARP or neighbour discovery claims for its sender;
 * how many.
 */
uint32_t guard_claims(const struct xvs_packet *p, uint8_t out[2][16]);

/* [worker] Is it an acknowledgement of DHCP for this adapter?  Then *address is what it was given. */
bool guard_dhcp_gives(const struct xvs_packet *p, uint64_t mac, uint8_t address[16]);

#endif /* GUARD_GUARD_H */
