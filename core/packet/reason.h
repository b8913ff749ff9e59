/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packet/reason.h - why the switch itself drops packets.  Names are stable: dashboards depend on them.
 */
#ifndef XVS_PACKET_REASON_H
#define XVS_PACKET_REASON_H

#include <stdint.h>

/* X(enumerator, "name", "help") */
#define HOST_REASONS(X) \
	X(REASON_NONE, "none", "not a drop") \
	X(REASON_RUNT, "runt", "shorter than an Ethernet header") \
	X(REASON_TOO_LONG, "too-long", "longer than the switch or the exit port's MTU allows") \
	X(REASON_BAD_HEADER, "bad-header", \
	  "a header contradicts itself or the length of the packet") \
	X(REASON_BAD_OFFLOAD, "bad-offload", \
	  "checksum or segmentation request does not fit the headers") \
	X(REASON_PORT_CLOSED, "port-closed", \
	  "the entry port is closed: its policies are not in force") \
	X(REASON_PORT_BLOCKED, "port-blocked", "the port was blocked by an operator") \
	X(REASON_EXIT_CLOSED, "exit-closed", "the exit port is closed or blocked") \
	X(REASON_NO_PORT, "no-port", "the destination port has gone") \
	X(REASON_VLAN, "vlan", "the tag is not allowed on this port") \
	X(REASON_NO_DESTINATION, "no-destination", "nobody chose a destination") \
	X(REASON_UNKNOWN_UNICAST, "unknown-unicast", \
	  "destination MAC is not known and nothing may learn it") \
	X(REASON_SAME_PORT, "same-port", "the destination is where the packet came from") \
	X(REASON_UPLINK, "uplink-to-uplink", "a packet from an uplink never leaves by an uplink") \
	X(REASON_LINK_LOCAL, "link-local-control", \
	  "bridge control frames (01-80-C2-00-00-0x) are not forwarded") \
	X(REASON_RING_FULL, "ring-full", "the exit port took no more packets") \
	X(REASON_POOL, "pool", "no memory left in the worker's bounded pool") \
	X(REASON_STALE, "stale", "the way on has gone while the packet was held") \
	X(REASON_NEW_FLOWS, "new-flows", "the port's budget of new flows a second is spent") \
	X(REASON_QUEUE_FULL, "queue-full", "the injection queue is full") \
	X(REASON_RIGHTS, "rights", "the extension may not do this") \
	X(REASON_STEAL, "steal", "stolen without quota or right") \
	X(REASON_EXTENSION_FAILED, "extension-failed", "a required extension is not in force") \
	X(REASON_CONN_MIDSTREAM, "conn-midstream", "TCP in mid-stream of no known connection") \
	X(REASON_CONN_STATE, "conn-state", "does not fit the connection's state") \
	X(REASON_CONN_WINDOW, "conn-window", "TCP sequence or acknowledgement outside the window") \
	X(REASON_CONN_TAG, "conn-tag", "not the SCTP association's verification tag") \
	X(REASON_CONN_INVALID, "conn-invalid", "not a packet that connections can be tracked by") \
	X(REASON_CONN_LIMIT, "conn-limit", "the port's limit of connections is reached") \
	X(REASON_CONN_UNRELATED, "conn-unrelated", "ICMP error about no known connection") \
	X(REASON_FRAGMENT, "fragment", \
	  "fragment without a usable first one, overlapping, or waited too long") \
	X(REASON_SHUTDOWN, "shutdown", "the switch or the port was closing") \
	X(REASON_PRIVATE_VLAN, "private-vlan", "the private VLAN keeps the exit port apart") \
	X(REASON_MIRROR, "mirror", "a copy of a mirror session for which there was no room") \
	X(REASON_MIRROR_PORT, "mirror-port", \
	  "the port gets the copies of a mirror session, and takes part in nothing else") \
	X(REASON_RATE, "rate", \
	  "more than the exit port's limit, and its queue is full or it has none") \
	X(REASON_LINK, "link-share", \
	  "more than the port's share of what xvs.link/1 lets the uplink send") \
	X(REASON_MAC_LIMIT, "mac-limit", \
	  "the port has sent from as many addresses as xvs.learning/1 lets it") \
	X(REASON_NAT_NO_BINDING, "nat-no-binding", \
	  "came to an outside address where no forward and no session expects it") \
	X(REASON_NAT_FILTERED, "nat-filtered", \
	  "came from an address to which the inside endpoint has not sent") \
	X(REASON_NAT_STATE, "nat-state", "of no known session, and it cannot begin one") \
	X(REASON_NAT_PORTS, "nat-ports", "all outside ports of the pools are taken") \
	X(REASON_NAT_SESSIONS, "nat-sessions", "the NAT has as many sessions as it may") \
	X(REASON_NAT_HOST, "nat-host", "the inside address has as many sessions as it may") \
	X(REASON_NAT_PROTOCOL, "nat-protocol", \
	  "only TCP, UDP, ICMP echo and ICMP errors of IPv4 are translated") \
	X(REASON_NAT_SOURCE, "nat-source", "the source address is of no inside network") \
	X(REASON_NAT_ELSEWHERE, "nat-elsewhere", \
	  "not for the NAT: the frame or the address is another one's") \
	X(REASON_NAT_NEIGHBOUR, "nat-neighbour", "the next hop does not answer ARP requests") \
	X(REASON_NAT_HOPS, "nat-hops", "its time to live ended at the NAT") \
	X(REASON_NAT_BUSY, "nat-busy", "the NAT answers and waits for no more at a time") \
	X(REASON_TEAM_COPY, "team-copy", \
	  "a group's packet came in at a member of the team that does not take those") \
	X(REASON_TEAM_DOWN, "team-down", "no member of the team can send") \
	X(REASON_OWN_ADDRESS, "own-address", \
	  "came in at an uplink with the source address of a port of this switch") \
	X(REASON_PARKED, "parked", \
	  "too many packets wait for the verdict of an extension in a process of its own") \
	X(REASON_QUEUE, "queue-share", \
	  "more than its queue of the exit port may send, for longer than it may wait there")

enum host_reason {
#define X(enumerator, name, help) enumerator,
	HOST_REASONS(X)
#undef X
		REASON_COUNT
};

/* [any] "none" for what is not a host reason. */
const char *reason_name(uint32_t reason);
const char *reason_help(uint32_t reason);

#endif /* XVS_PACKET_REASON_H */
