/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipeline/reshape.h - tags and labels: what moves the bytes of a packet.
 *
 * Source: IEEE 802.1Q, 9; RFC 3032; RFC 3443 (time to live); OpenFlow 1.3.5, 5.12.
 */
#ifndef OPENFLOW_PIPELINE_RESHAPE_H
#define OPENFLOW_PIPELINE_RESHAPE_H

#include "model/action.h"
#include "pipeline/packet.h"

/*
 * Carries out an action on tags, labels, the type, or the time to live in labels; what is not there is
 * left alone.  The packet's own offsets are right afterwards and it is marked dirty.  0 or a negative
 * errno: it must be dropped.
 */
int of_packet_reshape(const struct xvs_host *host, struct xvs_packet *p, const struct of_action *a);

/*
 * A packet of the extension's own, as it is on the wire: its outermost tag goes out of the bytes and
 * its offsets are set.  -ENODATA: it has no Ethernet header.
 */
int of_packet_adopt(struct xvs_packet *p);

#endif /* OPENFLOW_PIPELINE_RESHAPE_H */
