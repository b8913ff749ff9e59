/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decide.h - may this packet pass its port?
 */
#ifndef ACL_DECIDE_H
#define ACL_DECIDE_H

#include "acl.h"

/* One packet at one port. */
struct question {
	const struct acl *acl;
	const struct acl_port *port;
	const struct xvs_flow_key *key;
	struct xvs_flow_key *mask; /* gains what was looked at; NULL: nobody wants to know */
	enum direction direction;
	bool is_of_connection; /* the host has let it in as one of a connection of this port */
};

struct answer {
	bool is_denied;
	bool is_reply;    /* the extended rule is that of what it answers */
	bool has_more;    /* the extended rule has facts that its answer does not tell */
	uint16_t reason;  /* enum acl_reason */
	uint32_t idle_ms; /* of the connection that it may open; 0: as its protocol has it */
	/* the rules that decided, or NO_RULE */
	uint32_t access, meter, extended;
	/* with the policies that they are of; NULL: none */
	const struct tally *basic_tally, *extended_tally;
};

/* [worker] */
void decide(const struct question *q, struct answer *out);

#endif /* ACL_DECIDE_H */
