/* SPDX-License-Identifier: Apache-2.0 */
/* model/reason.h - why a controller is told something: OpenFlow 1.4.0, 7.4.1 and 7.4.2. */
#ifndef OPENFLOW_MODEL_REASON_H
#define OPENFLOW_MODEL_REASON_H

enum of_packet_in_reason { /* earlier versions are told ACTION for the last three */
			   OF_PACKET_IN_NO_MATCH = 0,
			   OF_PACKET_IN_ACTION = 1,
			   OF_PACKET_IN_INVALID_TTL = 2,
			   OF_PACKET_IN_ACTION_SET = 3,
			   OF_PACKET_IN_GROUP = 4,
			   OF_PACKET_IN_PACKET_OUT = 5,
};

enum of_removed_reason { /* earlier versions are told DELETE for what they have not */
			 OF_REMOVED_IDLE = 0,
			 OF_REMOVED_HARD = 1,
			 OF_REMOVED_DELETE = 2,
			 OF_REMOVED_GROUP_DELETE = 3,
			 OF_REMOVED_METER_DELETE = 4,
			 OF_REMOVED_EVICTION = 5,
};

#endif /* OPENFLOW_MODEL_REASON_H */
