/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model/field.h - the fields that flows are matched by, of every OpenFlow version in one structure.
 *
 *	packet -> struct of_fields -> compared with value and mask of each rule
 *
 * Numbers are in host order; a field that the packet does not have is zero.  Fields that cannot
 * both be there share a member: whoever matches one of them must match by its prerequisite what
 * it stands for (TCP_SRC and UDP_SRC are l4_src with ip_proto 6 and 17).  ARP's protocol addresses
 * are in ipv4_src and ipv4_dst with eth_type 0x0806.
 *
 * Source: OpenFlow Switch Specification 1.3.5, 7.2.3; 1.5.1, 7.2.3 (TCP_FLAGS, ACTSET_OUTPUT).
 */
#ifndef OPENFLOW_MODEL_FIELD_H
#define OPENFLOW_MODEL_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OF_REGS = 8 }; /* NXM_NX_REG0..7 */

/* VLAN_VID: OFPVID_PRESENT says that there is a tag; 0: there is none. */
enum { OF_VID_PRESENT = 0x1000 };

/*
 * In four stages, from what is cheapest to know to what is told apart last: a look-up that
 * finds nothing by the first of them does not look at the others (table/subtable.h).
 */
struct of_fields {
	/* what the switch knows of the packet */
	uint64_t metadata;
	uint64_t tunnel_id;
	uint32_t in_port; /* numbers of OpenFlow */
	uint32_t in_phy_port;
	uint32_t actset_output;
	uint32_t pbb_isid; /* 24 bits */
	uint32_t regs[OF_REGS];
	/* layer 2 */
	uint8_t eth_dst[6];
	uint8_t eth_src[6];
	uint16_t eth_type;   /* behind all tags */
	uint16_t vlan_vid;   /* 13 bits: OF_VID_PRESENT and the id */
	uint8_t vlan_pcp;    /* 3 bits */
	uint8_t mpls_tc;     /* 3 bits */
	uint8_t mpls_bos;    /* 1 bit */
	uint8_t pbb_uca;     /* 1 bit */
	uint32_t mpls_label; /* 20 bits */
	/* layer 3 */
	uint8_t ipv6_src[16];
	uint8_t ipv6_dst[16];
	uint32_t ipv4_src;    /* of ARP: the sender's protocol address */
	uint32_t ipv4_dst;    /* of ARP: the target's */
	uint32_t ipv6_flabel; /* 20 bits */
	uint16_t ipv6_exthdr; /* 9 bits: enum ofp_ipv6exthdr_flags */
	uint16_t arp_op;
	uint8_t ip_proto;
	uint8_t ip_dscp; /* 6 bits */
	uint8_t ip_ecn;  /* 2 bits */
	uint8_t ip_frag; /* 2 bits: 1 any fragment, 3 a later one (NXM_NX_IP_FRAG) */
	uint8_t arp_sha[6];
	uint8_t arp_tha[6];
	/* layer 4 */
	uint16_t l4_src; /* TCP, UDP, SCTP */
	uint16_t l4_dst;
	uint16_t tcp_flags; /* 12 bits */
	uint8_t icmp_type;  /* ICMP or ICMPv6 */
	uint8_t icmp_code;
	uint8_t nd_target[16];
	uint8_t nd_sll[6];
	uint8_t nd_tll[6];
	uint8_t ip_ttl;    /* NXM_NX_IP_TTL: for actions, matched by nobody but its extension */
	uint8_t inner_tag; /* 1: there is a tag behind the outermost; for actions, matched by nobody */
	uint8_t pad[2];
};
_Static_assert(sizeof(struct of_fields) == 192 && sizeof(struct of_fields) % 8 == 0,
	       "whole words, no holes");

enum { OF_WORDS = sizeof(struct of_fields) / 8 };

/* Where the stages end, in words. */
enum {
	OF_STAGE_SWITCH = offsetof(struct of_fields, eth_dst) / 8,
	OF_STAGE_L2 = offsetof(struct of_fields, ipv6_src) / 8,
	OF_STAGE_L3 = offsetof(struct of_fields, l4_src) / 8,
	OF_STAGES = 4,
};
_Static_assert(offsetof(struct of_fields, eth_dst) % 8 == 0 &&
		       offsetof(struct of_fields, ipv6_src) % 8 == 0 &&
		       offsetof(struct of_fields, l4_src) % 8 == 0,
	       "stages are whole words");

/*
 * The first 40 have the numbers of their OXM class 0x8000 (OFPXMT_OFB_*): 1.3.5, table 11.
 */
enum of_field_id {
	OF_IN_PORT = 0,
	OF_IN_PHY_PORT = 1,
	OF_METADATA = 2,
	OF_ETH_DST = 3,
	OF_ETH_SRC = 4,
	OF_ETH_TYPE = 5,
	OF_VLAN_VID = 6,
	OF_VLAN_PCP = 7,
	OF_IP_DSCP = 8,
	OF_IP_ECN = 9,
	OF_IP_PROTO = 10,
	OF_IPV4_SRC = 11,
	OF_IPV4_DST = 12,
	OF_TCP_SRC = 13,
	OF_TCP_DST = 14,
	OF_UDP_SRC = 15,
	OF_UDP_DST = 16,
	OF_SCTP_SRC = 17,
	OF_SCTP_DST = 18,
	OF_ICMPV4_TYPE = 19,
	OF_ICMPV4_CODE = 20,
	OF_ARP_OP = 21,
	OF_ARP_SPA = 22,
	OF_ARP_TPA = 23,
	OF_ARP_SHA = 24,
	OF_ARP_THA = 25,
	OF_IPV6_SRC = 26,
	OF_IPV6_DST = 27,
	OF_IPV6_FLABEL = 28,
	OF_ICMPV6_TYPE = 29,
	OF_ICMPV6_CODE = 30,
	OF_IPV6_ND_TARGET = 31,
	OF_IPV6_ND_SLL = 32,
	OF_IPV6_ND_TLL = 33,
	OF_MPLS_LABEL = 34,
	OF_MPLS_TC = 35,
	OF_MPLS_BOS = 36,
	OF_PBB_ISID = 37,
	OF_TUNNEL_ID = 38,
	OF_IPV6_EXTHDR = 39,
	OF_PBB_UCA = 41,       /* 1.4 */
	OF_TCP_FLAGS = 42,     /* 1.5 */
	OF_ACTSET_OUTPUT = 43, /* 1.5 */
	/* not of class 0x8000 */
	OF_REG0 = 48, /* .. OF_REG0 + OF_REGS - 1: NXM_NX_REG */
	OF_IP_FRAG = 56,
	OF_IP_TTL = 57,
	OF_FIELDS = 58,
};

/* What a packet must be to have a field: 1.3.5, 7.2.3.6. */
enum of_prerequisite {
	OF_PRE_NONE,
	OF_PRE_IN_PORT,
	OF_PRE_VLAN, /* a tag, by VLAN_VID */
	OF_PRE_IP,   /* 0x0800 or 0x86dd */
	OF_PRE_IPV4,
	OF_PRE_IPV6,
	OF_PRE_ARP,
	OF_PRE_TCP,
	OF_PRE_UDP,
	OF_PRE_SCTP,
	OF_PRE_ICMPV4,
	OF_PRE_ICMPV6,
	OF_PRE_ND,     /* ICMPv6 type 135 or 136 */
	OF_PRE_ND_SLL, /* 135 */
	OF_PRE_ND_TLL, /* 136 */
	OF_PRE_MPLS,   /* 0x8847 or 0x8848 */
	OF_PRE_PBB,    /* 0x88e7 */
};

enum of_field_flag {
	OF_FIELD_MASKABLE = 1u << 0,
	OF_FIELD_SETTABLE = 1u << 1,  /* by the set-field action */
	OF_FIELD_MATCHABLE = 1u << 2, /* in a flow's match */
};

/* One field. */
struct of_field {
	const char *name; /* as ovs-ofctl and the specification write it: "eth_dst" */
	uint16_t offset;  /* in struct of_fields */
	uint8_t bytes;    /* of the member, and on the wire */
	uint8_t bits;     /* that mean something: the lowest */
	uint8_t prerequisite;
	uint8_t flags;
	uint8_t since;  /* first version of OpenFlow that has it in class 0x8000; 0: none */
	bool is_number; /* host order in the member; else bytes as on the wire */
};

/* [any] NULL: there is no such field. */
const struct of_field *of_field(uint32_t id);

/* [any] The member as it is on the wire: 'bytes' bytes, network order. */
void of_field_read(const struct of_fields *from, uint32_t id, uint8_t *out);

/* [any] The member from the wire; only the bits where 'mask' (NULL: all) has ones are changed. */
void of_field_write(struct of_fields *to, uint32_t id, const uint8_t *value, const uint8_t *mask);

/* [any] Has the packet, or every packet that a match allows, what the field asks for? */
bool of_field_is_there(const struct of_fields *value, const struct of_fields *mask, uint32_t id);

/* [any] Ones in all meaningful bits of the field. */
void of_field_whole(struct of_fields *mask, uint32_t id);

/* Fields as words: of this type alone, which may be another name of any member. */
typedef uint64_t __attribute__((may_alias)) of_word;

static inline of_word *of_words(struct of_fields *f)
{
	return (of_word *)(void *)f;
}

static inline const of_word *of_const_words(const struct of_fields *f)
{
	return (const of_word *)(const void *)f;
}

#endif /* OPENFLOW_MODEL_FIELD_H */
