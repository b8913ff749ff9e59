/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/packet.h - between the bytes of a packet and the fields that flows are matched by.
 *
 * All of it belongs to the worker that has the packet in hand.
 */
#ifndef OPENFLOW_PIPELINE_PACKET_H
#define OPENFLOW_PIPELINE_PACKET_H

#include "model/field.h"
#include "xvs/extension.h"

/* The fields that the packet has; what the switch knows of it (ports, metadata) is left as it is. */
void of_packet_fields(const struct xvs_packet *p, struct of_fields *f);

/*
 * Which bits of the flow key stand for these bits of the fields.  True: some are of fields that
 * the key has not and this packet has, so that its flow cannot be told by the key.
 */
bool of_fields_to_key(const struct of_fields *bits, const struct of_fields *packet,
		      struct xvs_flow_key *mask);

/* The values of these fields as members of a flow key, for set and for invalidate_match(). */
void of_values_to_key(const struct of_fields *values, const struct of_fields *packet,
		      struct xvs_flow_key *key);

/*
 * Writes the fields of 'values' where 'mask' has ones, and keeps checksums right.  Tags but the
 * outermost, labels and types are not its business (pipeline/reshape.h).  0 or a negative errno: the
 * packet cannot be written.
 */
int of_packet_write(const struct xvs_host *host, struct xvs_packet *p,
		    const struct of_fields *values, const struct of_fields *mask);

/* Makes the checksum of SCTP right again (RFC 9260, appendix A), after its bytes have changed. */
int of_packet_sctp_sum(const struct xvs_host *host, struct xvs_packet *p);

#endif /* OPENFLOW_PIPELINE_PACKET_H */
